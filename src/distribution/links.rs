//! Signed links to install pages and to unsubscribe. A key opens just what it
//! names, for a while; what it names is never an address.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::app::App;
use crate::model::app::{App as AppRow, Platform};
use crate::model::ids::{AppId, ArtifactId, BuildId, RecipientId};
use crate::model::time::Millis;

/// Links in mail are opened weeks later, unlike those in an API answer. They
/// live for one to two of these.
const MAIL_LINK_MS: i64 = 90 * 24 * 3_600_000;
/// A profile is installed within the hour, or asked for again.
const ENROLMENT_MS: i64 = 3_600_000;
/// A device stays registered for a year.
const TESTER_MS: i64 = 365 * 24 * 3_600_000;
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
    let now = app.clock.now();
    let (subject, until) = match &pass.recipient {
        None => (format!("install~{}", pass.build), now.plus(app.settings.link_ttl_ms)),
        // The same key for weeks: SDKs ask again and again, and prompt their
        // tester once for each URL (api.md 6.1).
        Some(recipient) => {
            let until = (now.0.div_euclid(MAIL_LINK_MS) + 2) * MAIL_LINK_MS;
            (format!("install~{}~{recipient}", pass.build), Millis(until))
        }
    };
    app.keys.sign_link(&subject, until)
}

/// What `key` opens, if it is genuine and alive.
pub fn open(app: &App, key: &str) -> Option<Pass> {
    let mut parts = app.keys.verify_link(key, app.clock.now())?.split('~');
    let ("install", build) = (parts.next()?, parts.next()?) else { return None };
    let recipient = parts.next().map(str::parse).transpose().ok()?;
    Some(Pass { build: build.parse().ok()?, recipient })
}

/// What iOS reads to install a package of the build.
pub fn manifest_url(app: &App, pass: &Pass, artifact: &ArtifactId) -> String {
    of_package(app, "manifest", pass, artifact)
}

pub fn icon_url(app: &App, pass: &Pass, artifact: &ArtifactId) -> String {
    of_package(app, "icon", pass, artifact)
}

fn of_package(app: &App, what: &str, pass: &Pass, artifact: &ArtifactId) -> String {
    let (origin, key) = (&app.settings.dashboard_url, sign(app, pass));
    format!("{origin}/download/{what}?artifact={artifact}&key={key}")
}

/// What a device keeps to say whose it is.
pub fn tester_cookie(app: &App, address: &str) -> String {
    let subject = format!("tester~{}", URL_SAFE_NO_PAD.encode(address));
    app.keys.sign_link(&subject, app.clock.now().plus(TESTER_MS))
}

/// The address in a cookie that is ours.
pub fn open_tester_cookie(app: &App, value: &str) -> Option<String> {
    let subject = app.keys.verify_link(value, app.clock.now())?;
    let bytes = URL_SAFE_NO_PAD.decode(subject.strip_prefix("tester~")?).ok()?;
    String::from_utf8(bytes).ok()
}

/// What a registration profile carries, and the device sends back: whose
/// device it will be, and where they came from.
pub fn challenge(app: &App, build: &BuildId, recipient: &RecipientId) -> String {
    let subject = format!("enrol~{build}~{recipient}");
    app.keys.sign_link(&subject, app.clock.now().plus(ENROLMENT_MS))
}

/// Whose device answers, and the build whose page they came from.
pub fn open_challenge(app: &App, challenge: &str) -> Option<(BuildId, RecipientId)> {
    let subject = app.keys.verify_link(challenge, app.clock.now())?;
    let (build, recipient) = subject.strip_prefix("enrol~")?.split_once('~')?;
    Some((build.parse().ok()?, recipient.parse().ok()?))
}

/// Where the browser of a device goes that has just answered.
pub fn registered_url(app: &App, build: &BuildId, recipient: &RecipientId, udid: &str) -> String {
    let subject = format!("registered~{build}~{recipient}~{udid}");
    let key = app.keys.sign_link(&subject, app.clock.now().plus(ENROLMENT_MS));
    format!("{}/download/registered?key={key}", app.settings.dashboard_url)
}

/// Build, recipient and UDID of `registered_url`.
pub fn open_registered(app: &App, key: &str) -> Option<(BuildId, RecipientId, String)> {
    let subject = app.keys.verify_link(key, app.clock.now())?;
    let mut parts = subject.strip_prefix("registered~")?.splitn(3, '~');
    let (build, recipient, udid) = (parts.next()?, parts.next()?, parts.next()?);
    Some((build.parse().ok()?, recipient.parse().ok()?, udid.to_owned()))
}

/// What a registered device keeps to say which it is.
pub fn device_cookie(app: &App, udid: &str) -> String {
    app.keys.sign_link(&format!("device~{udid}"), app.clock.now().plus(TESTER_MS))
}

/// The UDID in a cookie that is ours.
pub fn open_device_cookie<'a>(app: &App, value: &'a str) -> Option<&'a str> {
    app.keys.verify_link(value, app.clock.now())?.strip_prefix("device~")
}

/// The key of the install pages of the newest success of each branch.
pub fn branch_key(app: &App, id: &AppId) -> String {
    app.keys.sign_link(&format!("branch~{id}"), app.clock.now().plus(MAIL_LINK_MS))
}

/// The page that shows the newest success of a branch, and how long it works.
pub fn branch_url(
    app: &App,
    row: &AppRow,
    branch: Option<&str>,
    scheme: Option<&str>,
) -> (String, Millis) {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("appID", row.id.as_str());
    for (name, value) in [("branch", branch), ("scheme", scheme)] {
        if let Some(value) = value {
            query.append_pair(name, value);
        }
    }
    let query = query.append_pair("key", &branch_key(app, &row.id)).finish();
    let (origin, platform) = (&app.settings.dashboard_url, row.platform.as_str());
    (format!("{origin}/download/{platform}?{query}"), app.clock.now().plus(MAIL_LINK_MS))
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
