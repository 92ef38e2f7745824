//! Builds by the clock (TRG-13): the tip of a branch on some days of the week,
//! even if that commit was built before.

use crate::app::App;
use crate::db::{self, Tx};
use crate::error::{Error, Result};
use crate::model::app::App as AppRow;
use crate::model::build::Trigger;
use crate::model::ids::{AppId, ScheduleId};
use crate::model::schedule::{Refused, Schedule, Weekly};

use super::trigger::{self, Request};

/// A run that is later than this was missed, and is skipped: nobody wants the
/// nightly builds of a week at once, at noon.
const LATE_MS: i64 = 10 * 60_000;
/// Schedules of one app.
const MAX_SCHEDULES: usize = 100;

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        let Refused { member, reason } = refused;
        Error::Invalid(format!("Invalid value for parameter \"{member}\": {reason}"))
    }
}

/// Adds a schedule; its first run is the next moment that fits.
///
/// # Errors
/// `Invalid` for one too many.
pub async fn add(app: &App, tx: &mut Tx, row: &AppRow, plan: Plan<'_>) -> Result<Schedule> {
    if db::schedules::list(tx, &row.id).await?.len() >= MAX_SCHEDULES {
        return Err(Error::Invalid("An app has at most 100 schedules".into()));
    }
    let now = app.clock.now();
    let schedule = Schedule {
        id: ScheduleId::generate(now),
        app_id: row.id.clone(),
        branch: plan.branch.to_owned(),
        next_at: plan.weekly.next_after(now),
        weekly: plan.weekly,
        last_at: None,
        last_result: String::new(),
        last_build_id: None,
        created_at: now,
    };
    db::schedules::insert(tx, &schedule).await?;
    Ok(schedule)
}

/// What is built, and when.
#[derive(Debug)]
pub struct Plan<'a> {
    pub branch: &'a str,
    pub weekly: Weekly,
}

/// When it runs, for a person: `monday, friday at 02:30 Europe/Berlin`.
pub fn told(schedule: &Schedule) -> String {
    let weekly = &schedule.weekly;
    let days: Vec<_> = weekly.weekdays().map(|day| format!("{day:?}").to_lowercase()).collect();
    format!("{} at {} {}", days.join(", "), weekly.time(), weekly.zone())
}

/// The schedule, if it belongs to `app`.
///
/// # Errors
/// `NotFound`.
pub async fn find(tx: &mut Tx, app: &AppId, id: &ScheduleId) -> Result<Schedule> {
    let found = db::schedules::find(tx, id).await?;
    found.filter(|schedule| schedule.app_id == *app).ok_or_else(Error::not_found)
}

/// Replaces branch and moments of a schedule.
pub async fn change(
    app: &App,
    tx: &mut Tx,
    schedule: Schedule,
    plan: Plan<'_>,
) -> Result<Schedule> {
    let changed = Schedule {
        branch: plan.branch.to_owned(),
        next_at: plan.weekly.next_after(app.clock.now()),
        weekly: plan.weekly,
        ..schedule
    };
    match db::schedules::update(tx, &changed).await? {
        0 => Err(Error::not_found()),
        _ => Ok(changed),
    }
}

/// What the remote says about the branch of a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Branch {
    There,
    Gone,
    /// The remote cannot be asked: the agent will, and says so in its log.
    Unknown,
}

/// Runs a schedule that is due. False if another server has, or if somebody
/// changed it meanwhile.
pub async fn run(app: &App, row: &AppRow, due: &Schedule, branch: Branch) -> Result<bool> {
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let next = due.weekly.next_after(now);
    if db::schedules::claim(&mut tx, &due.id, due.next_at, next).await? == 0 {
        return Ok(false);
    }
    let (result, build) = if now.since(due.next_at) > LATE_MS {
        ("skipped: no server was running at that time", None)
    } else if branch == Branch::Gone {
        ("skipped: the branch does not exist any more", None)
    } else {
        let request = Request::tip(row, &due.branch, Trigger::Scheduler, None);
        ("queued", Some(trigger::trigger(app, &mut tx, &request).await?))
    };
    db::schedules::set_last(&mut tx, &due.id, now, result, build.as_ref()).await?;
    tx.commit().await?;
    Ok(true)
}
