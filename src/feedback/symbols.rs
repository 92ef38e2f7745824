//! Symbols for crashes (SDK-2): a job looks for the mapping or the dSYMs among
//! the artifacts of the crash's build, and for those of other builds of the same
//! commit that say by an id that they fit. The report as it came is kept, and
//! every look begins with it. A report that has got its symbols moves to the
//! group that these make.

use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use crate::app::App;
use crate::db::symbols::RawCrash;
use crate::db::wake::Topic;
use crate::db::{self, Tx};
use crate::error::{Error, Result};
use crate::model::artifact::Artifact;
use crate::model::feedback::{CrashGroup, ItemState, JsonObject};
use crate::model::ids::{BuildId, CrashReportId, JobId};
use crate::model::symbols::{SymbolFile, Symbols};
use crate::model::text::cut;
use crate::model::time::Millis;

use super::crashes::{MAX_RESOLVED, MAX_RESOLVED_DEPTH, MAX_TEXT};
use super::group;

mod android;
mod context;
mod ios;

/// Job that looks up the symbols of the crash report that it names.
pub const SYMBOLICATE: &str = "symbolicate_crash";

/// Files that are looked into for one crash.
const MAX_FILES: i64 = 50;
/// Reports that a new file with symbols is tried on.
const MAX_WAITING: i64 = 1_000;
/// Longest look; a job is taken for dead after ten minutes.
const MAX_TIME: Duration = Duration::from_secs(240);
/// Entries of one list of `Symbols`, and bytes of one entry.
const MAX_NOTES: usize = 20;
const MAX_NOTE: usize = 300;

/// What a look came to.
#[derive(Debug, Default)]
struct Found {
    /// The report with its symbols, and the same as text; `None` = as it came.
    resolved: Option<(Value, String)>,
    symbols: Symbols,
}

/// One crash, read.
struct Crash {
    raw: RawCrash,
    report: Value,
    /// Until then.
    deadline: Instant,
}

/// Plans a look at the symbols of a report.
pub async fn plan(tx: &mut Tx, id: &CrashReportId, now: Millis) -> Result<()> {
    db::jobs::insert(tx, &JobId::generate(now), SYMBOLICATE, id.as_str(), now).await?;
    tx.wake_on_commit(Topic::Jobs);
    Ok(())
}

/// Symbols have arrived with `build`: plans another look at the reports that
/// want some.
pub async fn arrived(app: &App, build: &BuildId) -> Result<()> {
    let mut tx = app.db.write().await?;
    for id in db::symbols::list_wanting(&mut tx, build, MAX_WAITING).await? {
        plan(&mut tx, &id, app.clock.now()).await?;
    }
    tx.commit().await
}

/// What is known of the symbols of a report; `None` if nobody has looked.
pub async fn state(tx: &mut Tx, id: &CrashReportId) -> Result<Option<Symbols>> {
    let state = db::symbols::find_state(tx, id).await?;
    let read = |text: String| serde_json::from_str(&text);
    state.map(read).transpose().map_err(|cause| Error::internal("reading symbols", cause))
}

/// Looks up the symbols of a report. A report that is gone is no error.
pub async fn symbolicate(app: &App, id: &CrashReportId) -> Result<()> {
    let mut tx = app.db.read().await?;
    let Some(raw) = db::symbols::find(&mut tx, id).await? else { return Ok(()) };
    let mut files = db::symbols::list_files(&mut tx, &raw.build_id, MAX_FILES).await?;
    drop(tx);
    // One at a time: a dSYM is held in memory as a whole.
    let permit = app.symbolicating.acquire().await;
    let report = serde_json::from_str(&raw.resolved).unwrap_or_default();
    let crash = Crash { raw, report, deadline: Instant::now() + MAX_TIME };
    let kind = if crash.is_java() { SymbolFile::Mapping } else { SymbolFile::Dsyms };
    files.retain(|file| SymbolFile::of(&file.name) == Some(kind));
    let mut found = match kind {
        SymbolFile::Mapping => android::look_up(app, &crash, files).await?,
        SymbolFile::Dsyms => ios::look_up(app, &crash, files).await?,
    };
    drop(permit);
    if let Some((resolved, _)) = &mut found.resolved {
        context::add(app, &crash.raw.build_id, resolved).await?;
    }
    record(app, &crash.raw, found).await
}

impl Crash {
    fn is_java(&self) -> bool {
        self.report["crash_type"] == "java" || self.report["code_type"] == "Java"
    }

    fn is_own(&self, file: &Artifact) -> bool {
        file.build_id == self.raw.build_id
    }
}

async fn record(app: &App, raw: &RawCrash, found: Found) -> Result<()> {
    let Found { resolved, mut symbols } = found;
    for list in [&mut symbols.found, &mut symbols.wanted, &mut symbols.trouble] {
        list.truncate(MAX_NOTES);
        list.iter_mut().for_each(|note| *note = cut(note, MAX_NOTE));
    }
    symbols.looked_at = app.clock.now();
    let resolved = resolved.and_then(|(report, text)| {
        // Sources may make it too large; then they are left out.
        let bare = || context::without(report.clone());
        let fits = |value: &Value| {
            JsonObject::read(&value.to_string(), MAX_RESOLVED, MAX_RESOLVED_DEPTH).ok()
        };
        let object = fits(&report).or_else(|| fits(&bare()));
        if object.is_none() {
            symbols.trouble.push("the report with its symbols is too large".into());
        }
        Some((object?, cut(&text, MAX_TEXT)))
    });
    let state = serde_json::to_string(&symbols)
        .map_err(|cause| Error::internal("writing symbols", cause))?;
    let mut tx = app.db.write().await?;
    // Read again: another server may have moved it meanwhile.
    let Some(now) = db::symbols::find(&mut tx, &raw.id).await? else { return Ok(()) };
    if let Some((object, text)) = resolved {
        move_to_group(&mut tx, &now, &object, &text).await?;
    }
    db::symbols::note(&mut tx, &raw.id, &state, !symbols.wanted.is_empty()).await?;
    tx.commit().await
}

/// Stores the report with its symbols in the group that these make. A new
/// group is open or closed as the one that the report comes from; another one
/// takes it as it takes any report.
async fn move_to_group(
    tx: &mut Tx,
    raw: &RawCrash,
    resolved: &JsonObject,
    text: &str,
) -> Result<()> {
    let likeness = group::likeness(&resolved.to_value());
    if likeness.id == raw.group_id {
        return db::symbols::resolve(tx, &raw.id, &raw.group_id, resolved.as_str(), text).await;
    }
    let before = db::crashes::find_group(tx, &raw.app_id, &raw.group_id).await?;
    let fresh = CrashGroup {
        app_id: raw.app_id.clone(),
        id: likeness.id,
        state: before.map_or(ItemState::Open, |group| group.state),
        exception_type: likeness.exception_type,
        title: likeness.title,
        reports: 0,
        first_seen: raw.created_at,
        last_seen: raw.created_at,
        last_build_number: raw.build_number,
    };
    let group = db::crashes::upsert_group(tx, &fresh).await?;
    db::symbols::resolve(tx, &raw.id, &group.id, resolved.as_str(), text).await?;
    let state = group.state.after_report(group.last_build_number, raw.build_number);
    db::crashes::count_report(tx, &group, state, raw.build_number, raw.created_at).await?;
    db::symbols::leave_group(tx, &raw.app_id, &raw.group_id).await
}

/// What to say of a file.
fn called(crash: &Crash, file: &Artifact) -> String {
    match crash.is_own(file) {
        true => file.path.clone(),
        false => format!("{} of another build of this commit", file.path),
    }
}

/// Works away from the threads that serve. A reader that a damaged file brings
/// down would do so again, so that is no reason to try again.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> std::result::Result<T, String> {
    tokio::task::spawn_blocking(work).await.map_err(|cause| {
        tracing::error!(%cause, "a reader of symbols gave up");
        "its reader gave up".to_owned()
    })
}
