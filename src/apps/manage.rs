//! Changing an app: name, repository, numbers, whose it is, and its end. The
//! doors have asked `accounts::authorize_*`, and cancel the builds of an app
//! that is deleted.

use crate::app::App;
use crate::db::Tx;
use crate::db::apps::{self as rows, DeletedApp};
use crate::error::{Error, Result};
use crate::model::app::App as AppRow;
use crate::model::ids::OrgId;

use super::{checked_name, checked_repository, purge};

/// Highest next build number: it becomes a `versionCode`, of which Android
/// allows 2,100,000,000, and some builds shall follow.
const MAX_BUILD_NUMBER: i64 = 2_000_000_000;
/// A deleted app can be brought back for this long: 30 days.
pub(super) const RESTORE_MS: i64 = 30 * 24 * 3_600_000;

/// What to change; `None` stays as it is.
#[derive(Debug, Default)]
pub struct Changes<'a> {
    pub name: Option<&'a str>,
    /// May hold credentials. The old ones are forgotten in any case: they must
    /// not travel to another host.
    pub repo_url: Option<&'a str>,
    /// Only upwards (VER-1).
    pub next_build_number: Option<i64>,
    pub is_public: Option<bool>,
}

/// One thing that was changed, for the activity log.
#[derive(Debug, PartialEq, Eq)]
pub struct Changed {
    /// Dotted, such as `app.rename`.
    pub action: &'static str,
    /// The new value, without credentials.
    pub detail: String,
}

/// Changes `row` and says what was changed.
///
/// # Errors
/// `Invalid`, naming the parameter; `Conflict` for a build number that is
/// taken already.
pub async fn change(
    app: &App,
    tx: &mut Tx,
    row: &AppRow,
    changes: &Changes<'_>,
) -> Result<Vec<Changed>> {
    let Changes { name, repo_url, next_build_number, is_public } = changes;
    let mut done = Vec::new();
    if let Some(name) = name {
        let name = checked_name(name)?;
        rows::rename(tx, &row.id, name).await?;
        done.push(Changed { action: "app.rename", detail: name.to_owned() });
    }
    if let Some(url) = repo_url {
        let (url, sealed) = checked_repository(app, &row.id, url)?;
        rows::set_repository(tx, &row.id, &url, sealed.as_deref()).await?;
        done.push(Changed { action: "app.repository", detail: url });
    }
    if let Some(number) = next_build_number {
        raise_build_number(tx, row, *number).await?;
        done.push(Changed { action: "app.next_build_number", detail: number.to_string() });
    }
    if let Some(is_public) = is_public {
        rows::set_public(tx, &row.id, *is_public).await?;
        done.push(Changed { action: "app.public", detail: is_public.to_string() });
    }
    Ok(done)
}

async fn raise_build_number(tx: &mut Tx, row: &AppRow, number: i64) -> Result<()> {
    if !(1..=MAX_BUILD_NUMBER).contains(&number) {
        return Err(Error::invalid_parameter("next_build_number"));
    }
    if rows::raise_build_number(tx, &row.id, number).await? == 0 {
        let next = rows::find_next_build_number(tx, &row.id).await?;
        return Err(Error::Conflict(format!("The next build number is {next}; it only goes up")));
    }
    Ok(())
}

/// Gives the app to another organisation (ORG-3). Its collaborators stay.
pub async fn move_to(tx: &mut Tx, row: &AppRow, org: &OrgId) -> Result<()> {
    rows::set_organisation(tx, &row.id, org).await
}

/// Deletes the app, for everybody and at once, and plans its purge. Comes before its builds are
/// cancelled: from here on no further one is queued.
///
/// # Errors
/// `NotFound` when another call was faster.
pub async fn delete(app: &App, tx: &mut Tx, row: &AppRow) -> Result<()> {
    let now = app.clock.now();
    match rows::set_deleted_at(tx, &row.id, Some(now)).await? {
        0 => Err(Error::not_found()),
        _ => purge::plan(tx, &row.id, now).await,
    }
}

/// Brings a deleted app back. Its builds stay cancelled.
///
/// # Errors
/// `NotFound` once 30 days have passed, or when another call was faster.
pub async fn restore(app: &App, tx: &mut Tx, deleted: &DeletedApp) -> Result<()> {
    let is_late = app.clock.now().since(deleted.deleted_at) > RESTORE_MS;
    if is_late || rows::set_deleted_at(tx, &deleted.app.id, None).await? == 0 {
        return Err(Error::not_found());
    }
    Ok(())
}
