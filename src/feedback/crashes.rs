//! Crash reports: stored whole, counted in the group of those that look alike.

use crate::app::App;
use crate::db::{self, Tx};
use crate::error::{Error, Result};
use crate::model::feedback::{CrashGroup, CrashReport, ItemState, JsonObject, Origin};
use crate::model::ids::{AppId, CrashGroupId, CrashReportId};
use crate::model::text::cut;
use crate::model::time::Millis;

use super::group::{self, Likeness};
use super::{File, MAX_LABEL, bound, media, person, symbols};

/// Largest `resolved_crash_report`, in bytes of JSON: a hundred threads with
/// source lines fit.
pub const MAX_RESOLVED: usize = 512 << 10;
/// Deepest nesting of `resolved_crash_report`; source lines are at depth 8.
pub const MAX_RESOLVED_DEPTH: usize = 16;
/// Longest report as text, in bytes; the rest is cut.
pub(super) const MAX_TEXT: usize = 512 << 10;

/// A crash as it was sent.
#[derive(Debug)]
pub struct NewCrash {
    pub id: CrashReportId,
    pub origin: Origin,
    pub created_at: Millis,
    pub scheme: String,
    pub tester_email: Option<String>,
    pub identifier_for_vendor: String,
    pub metadata: JsonObject,
    pub system: JsonObject,
    pub resolved: JsonObject,
    pub resolved_text: String,
}

/// Stores a report with its files; false, and nothing changes, if this id is
/// stored already.
///
/// # Errors
/// `Invalid` for a file that is not what it should be.
pub async fn add(app: &App, new: NewCrash, files: Vec<File>) -> Result<bool> {
    let likeness = group::likeness(&new.resolved.to_value());
    let NewCrash { id, mut origin, created_at, metadata, system, resolved, .. } = new;
    bound(&mut origin);
    let report = CrashReport {
        id,
        group_id: likeness.id.clone(),
        created_at,
        scheme: cut(&new.scheme, MAX_LABEL),
        tester_email: person(new.tester_email.as_deref()),
        identifier_for_vendor: cut(&new.identifier_for_vendor, MAX_LABEL),
        metadata,
        system,
        resolved,
        resolved_text: cut(&new.resolved_text, MAX_TEXT),
        origin,
    };
    let stored = media::store(app, report.id.as_str(), files).await?;
    let is_new = record(app, &report, &likeness, &stored).await?;
    if !is_new {
        stored.discard(app).await?;
    }
    Ok(is_new)
}

async fn record(
    app: &App,
    report: &CrashReport,
    likeness: &Likeness,
    stored: &media::Stored,
) -> Result<bool> {
    let (number, at) = (report.origin.build_number, report.created_at);
    let fresh = CrashGroup {
        app_id: report.origin.app_id.clone(),
        id: likeness.id.clone(),
        state: ItemState::Open,
        exception_type: likeness.exception_type.clone(),
        title: likeness.title.clone(),
        reports: 0,
        first_seen: at,
        last_seen: at,
        last_build_number: number,
    };
    let mut tx = app.db.write().await?;
    let group = db::crashes::upsert_group(&mut tx, &fresh).await?;
    if !db::crashes::insert(&mut tx, report).await? {
        return Ok(false);
    }
    let state = group.state.after_report(group.last_build_number, number);
    db::crashes::count_report(&mut tx, &group, state, number, at).await?;
    stored.record(&mut tx).await?;
    symbols::plan(&mut tx, &report.id, app.clock.now()).await?;
    tx.commit().await?;
    Ok(true)
}

/// Opens or closes a group; false if it was like that already.
///
/// # Errors
/// `NotFound` for a group that `app` does not have.
pub async fn set_group_state(
    tx: &mut Tx,
    app: &AppId,
    id: &CrashGroupId,
    state: ItemState,
) -> Result<bool> {
    db::crashes::find_group(tx, app, id).await?.ok_or_else(Error::not_found)?;
    Ok(db::crashes::set_group_state(tx, app, id, state).await? == 1)
}
