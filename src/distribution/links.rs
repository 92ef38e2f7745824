//! Signed links to install pages and to unsubscribe. A key opens just what it
//! names, for a while; what it names is never an address.

use crate::app::App;
use crate::model::app::Platform;
use crate::model::ids::{AppId, BuildId, RecipientId};

/// Links in mail are opened weeks later, unlike those in an API answer.
const MAIL_LINK_MS: i64 = 90 * 24 * 3_600_000;
/// An unsubscribe link has to work as long as mail is kept.
const UNSUBSCRIBE_MS: i64 = 10 * 365 * 24 * 3_600_000;

/// What an install link opens, and for whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pass {
    pub build: BuildId,
    /// Whose link it is; `None` for one that was not mailed to anybody.
    pub recipient: Option<RecipientId>,
}

/// The install page of a build (api.md 2.1 `links.install`).
pub fn install_url(
    app: &App,
    platform: Platform,
    build: &BuildId,
    recipient: Option<&RecipientId>,
) -> String {
    let pass = Pass { build: build.clone(), recipient: recipient.cloned() };
    let origin = &app.settings.dashboard_url;
    format!("{origin}/download/{}?buildID={build}&key={}", platform.as_str(), sign(app, &pass))
}

/// The query value that opens the pages of `pass`.
pub fn sign(app: &App, pass: &Pass) -> String {
    let (subject, life) = match &pass.recipient {
        None => (format!("install~{}", pass.build), app.settings.link_ttl_ms),
        Some(recipient) => (format!("install~{}~{recipient}", pass.build), MAIL_LINK_MS),
    };
    app.keys.sign_link(&subject, app.clock.now().plus(life))
}

/// What `key` opens, if it is genuine and alive.
pub fn open(app: &App, key: &str) -> Option<Pass> {
    let mut parts = app.keys.verify_link(key, app.clock.now())?.split('~');
    let ("install", build) = (parts.next()?, parts.next()?) else { return None };
    let recipient = parts.next().map(str::parse).transpose().ok()?;
    Some(Pass { build: build.parse().ok()?, recipient })
}

/// The install page of the newest success of a branch, for whoever holds it.
pub fn branch_key(app: &App, id: &AppId) -> String {
    app.keys.sign_link(&format!("branch~{id}"), app.clock.now().plus(MAIL_LINK_MS))
}

/// True if `key` opens the branches of this app.
pub fn opens_branches(app: &App, id: &AppId, key: &str) -> bool {
    let subject = app.keys.verify_link(key, app.clock.now());
    subject.and_then(|subject| subject.strip_prefix("branch~")) == Some(id.as_str())
}

/// Where a recipient unsubscribes from the group that the mail came from.
pub fn unsubscribe_url(app: &App, recipient: &RecipientId) -> String {
    let until = app.clock.now().plus(UNSUBSCRIBE_MS);
    let key = app.keys.sign_link(&format!("leave~{recipient}"), until);
    format!("{}/unsubscribe?key={key}", app.settings.dashboard_url)
}

/// Who unsubscribes with `key`.
pub fn open_unsubscribe(app: &App, key: &str) -> Option<RecipientId> {
    let subject = app.keys.verify_link(key, app.clock.now())?;
    subject.strip_prefix("leave~")?.parse().ok()
}
