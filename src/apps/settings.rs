//! What apps are built with, level by level (CFG-1), and what organisations
//! give to their apps (ALL-1, ALL-2). Changes hold for later builds only: each
//! build keeps what it was queued with (CFG-3).

use crate::db::settings::OfOrganisation;
use crate::db::{self, Tx};
use crate::error::{Error, Result};
use crate::git::remote::check_branch;
use crate::model::app::{App as AppRow, Platform};
use crate::model::ids::{AppId, OrgId};
use crate::model::settings::{Levels, Override, Refused, Resolved, Scope, Settings};

/// Overrides of one app.
const MAX_OVERRIDES: usize = 200;
/// Longest prefix, in bytes; git allows no longer branch names.
const MAX_PREFIX: usize = 250;
/// Longest list of changes in one entry of the activity log, in bytes.
const MAX_DETAIL: usize = 4_000;
/// Most builds that an organisation may be given at once.
const MAX_RUNNING: i64 = 10_000;

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        let Refused { member, reason } = refused;
        Error::Invalid(format!("Invalid value for parameter \"{member}\": {reason}"))
    }
}

/// Everything that is set for `app`.
pub async fn levels(tx: &mut Tx, app: &AppId) -> Result<Levels> {
    db::settings::find_levels(tx, app).await
}

/// What changed, as the activity log keeps it.
pub fn detail(changes: &[String]) -> String {
    let mut text = changes.join("; ");
    if text.len() > MAX_DETAIL {
        text.truncate(text.floor_char_boundary(MAX_DETAIL));
        text.push_str(" ..");
    }
    text
}

/// What a build of `branch` would get now.
pub async fn resolved(tx: &mut Tx, app: &AppId, branch: &str) -> Result<Resolved> {
    Ok(levels(tx, app).await?.resolve(branch))
}

/// A new app takes its organisation's defaults (ALL-1).
pub async fn inherit(tx: &mut Tx, app: &AppRow) -> Result<()> {
    let given = db::settings::find_organisation(tx, &app.org_id).await?.defaults;
    if given == Settings::default() {
        return Ok(());
    }
    db::settings::upsert_app(tx, &app.id, &given, &Settings::default()).await
}

/// Replaces what is set at the app; what has changed, for the activity log.
///
/// # Errors
/// `Invalid`, naming the member.
pub async fn put(tx: &mut Tx, app: &AppId, own: &Settings) -> Result<Vec<String>> {
    own.check()?;
    let before = levels(tx, app).await?;
    db::settings::upsert_app(tx, app, &before.inherited, own).await?;
    Ok(own.changes(&before.own))
}

/// Replaces the override of one branch or prefix; what has changed.
///
/// # Errors
/// `Invalid`, naming `branch`, `prefix` or the setting.
pub async fn put_override(tx: &mut Tx, app: &AppId, new: &Override) -> Result<Vec<String>> {
    new.settings.check()?;
    check_scope(&new.scope)?;
    let overrides = levels(tx, app).await?.overrides;
    let before = overrides.iter().find(|o| o.scope == new.scope);
    if before.is_none() && overrides.len() >= MAX_OVERRIDES {
        return Err(Error::Invalid("An app has at most 200 overrides".into()));
    }
    db::settings::upsert_override(tx, app, new).await?;
    let nothing = Settings::default();
    Ok(new.settings.changes(before.map_or(&nothing, |o| &o.settings)))
}

/// # Errors
/// `Invalid`, naming `branch` or `prefix`.
pub fn check_scope(scope: &Scope) -> Result<()> {
    match scope {
        Scope::Branch(name) => check_branch(name).map_err(|_| Error::invalid_parameter("branch")),
        Scope::Prefix(prefix) => {
            let fits = !prefix.is_empty()
                && prefix.len() <= MAX_PREFIX
                && !prefix.chars().any(char::is_control);
            if fits { Ok(()) } else { Err(Error::invalid_parameter("prefix")) }
        }
    }
}

/// Removes an override; its branches get the next level again.
///
/// # Errors
/// `NotFound` if there is none.
pub async fn delete_override(tx: &mut Tx, app: &AppId, scope: &Scope) -> Result<()> {
    match db::settings::delete_override(tx, app, scope).await? {
        0 => Err(Error::not_found()),
        _ => Ok(()),
    }
}

/// What an organisation gives to its new apps, and its limit.
pub async fn of_organisation(tx: &mut Tx, org: &OrgId) -> Result<OfOrganisation> {
    db::settings::find_organisation(tx, org).await
}

/// Replaces the organisation's defaults and its limit; what has changed. Apps
/// that exist keep what they have (ALL-2 is `apply`).
///
/// # Errors
/// `Invalid`, naming the member.
pub async fn put_organisation(
    tx: &mut Tx,
    org: &OrgId,
    new: &OfOrganisation,
) -> Result<Vec<String>> {
    new.defaults.check()?;
    if new.max_running.is_some_and(|limit| !(0..=MAX_RUNNING).contains(&limit)) {
        return Err(Error::invalid_parameter("max_running"));
    }
    let before = of_organisation(tx, org).await?;
    db::settings::upsert_organisation(tx, org, new).await?;
    let mut changes = new.defaults.changes(&before.defaults);
    if new.max_running != before.max_running {
        let show = |limit: Option<i64>| limit.map_or("not set".to_owned(), |n| n.to_string());
        changes.push(format!(
            "max_running: {} -> {}",
            show(before.max_running),
            show(new.max_running)
        ));
    }
    Ok(changes)
}

/// To which of its apps an organisation's defaults are applied (ALL-2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    All,
    Platform(Platform),
    Apps(Vec<AppId>),
}

/// Gives single settings of the organisation to apps that exist: each replaces
/// what the app had. Overrides of branches stay. The apps, with what changed.
///
/// # Errors
/// `Invalid`, naming `settings` for a name that is no setting and `apps` for an
/// app that is not the organisation's.
pub async fn apply(
    tx: &mut Tx,
    org: &OrgId,
    members: &[String],
    target: &Target,
) -> Result<Vec<(AppRow, Vec<String>)>> {
    let unknown = members.iter().find(|m| !Settings::MEMBERS.contains(&m.as_str()));
    if members.is_empty() || unknown.is_some() {
        return Err(Error::invalid_parameter("settings"));
    }
    let mut apps: Vec<AppRow> = db::apps::list(tx).await?;
    apps.retain(|app| app.org_id == *org);
    match target {
        Target::All => {}
        Target::Platform(platform) => apps.retain(|app| app.platform == *platform),
        Target::Apps(chosen) => {
            if chosen.iter().any(|id| !apps.iter().any(|app| app.id == *id)) {
                return Err(Error::invalid_parameter("apps"));
            }
            apps.retain(|app| chosen.contains(&app.id));
        }
    }
    let given = of_organisation(tx, org).await?.defaults;
    let mut applied = Vec::with_capacity(apps.len());
    for app in apps {
        let before = levels(tx, &app.id).await?;
        let (mut inherited, mut own) = (before.inherited.clone(), before.own.clone());
        for member in members {
            inherited.copy(&given, member);
            // The app's own value would hide what is applied.
            own.copy(&Settings::default(), member);
        }
        let mut changes = inherited.changes(&before.inherited);
        changes.extend(own.changes(&before.own));
        if !changes.is_empty() {
            db::settings::upsert_app(tx, &app.id, &inherited, &own).await?;
        }
        applied.push((app, changes));
    }
    Ok(applied)
}
