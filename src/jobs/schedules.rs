//! Runs the schedules that are due. The remote is asked before the transaction
//! that moves the schedule on; several servers may ask, one of them builds.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::apps::targets::{self, Presence};
use crate::builds::schedule::{self, Branch};
use crate::db;
use crate::error::Result;
use crate::model::schedule::Schedule;

/// How often the clock is looked at; schedules are whole minutes.
const LOOK_EVERY: Duration = Duration::from_secs(15);
/// Schedules run in one pass.
const BATCH: i64 = 100;

/// Looks until `shutdown`.
pub async fn run(app: Arc<App>, shutdown: CancellationToken) {
    loop {
        if let Err(error) = run_due(&app).await {
            tracing::error!(%error, "running schedules failed");
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            () = shutdown.cancelled() => return,
        }
    }
}

/// Runs what is due now; how many this server ran. One that fails does not
/// keep the others from running, and is tried again in the next pass.
pub async fn run_due(app: &App) -> Result<usize> {
    let mut tx = app.db.read().await?;
    let due = db::schedules::list_due(&mut tx, app.clock.now(), BATCH).await?;
    drop(tx);
    let mut ran = 0;
    for schedule in due {
        match run_one(app, &schedule).await {
            Ok(mine) => ran += usize::from(mine),
            Err(error) => {
                tracing::error!(schedule = %schedule.id, %error, "running a schedule failed");
            }
        }
    }
    Ok(ran)
}

async fn run_one(app: &App, due: &Schedule) -> Result<bool> {
    let mut tx = app.db.read().await?;
    let Some(row) = db::apps::find(&mut tx, &due.app_id).await? else { return Ok(false) };
    drop(tx);
    let branch = match targets::look_for_branch(app, &row, &due.branch).await? {
        Presence::There => Branch::There,
        Presence::Gone => Branch::Gone,
        Presence::Unknown => Branch::Unknown,
    };
    schedule::run(app, &row, due, branch).await
}
