//! Leases that ran out: the build is queued again once, then failed (QUE-3).
//! The result is the same whenever and however often this runs.

use crate::app::App;
use crate::db::builds::End;
use crate::db::wake::Topic;
use crate::db::{self, Tx};
use crate::error::Result;
use crate::model::build::{Build, BuildEvent, BuildStatus, FailureKind};

use super::{finish, logs, statuses};

/// Leases judged in one pass.
const BATCH: i64 = 100;

/// Requeues or fails every build whose lease ran out. Call it only when the
/// server has been up for longer than a lease: agents must have had the chance
/// to renew after an outage of ours. The number of builds touched.
pub async fn reap(app: &App) -> Result<usize> {
    let mut tx = app.db.read().await?;
    let expired = db::builds::list_expired(&mut tx, app.clock.now(), BATCH).await?;
    drop(tx);
    for build in &expired {
        let mut tx = app.db.write().await?;
        // Read again: the agent may have renewed meanwhile.
        let Some(build) = db::builds::find(&mut tx, &build.id).await? else { continue };
        if build.lease_until.is_some_and(|until| until < app.clock.now()) {
            let reason =
                format!("the agent did not answer for {} seconds", app.settings.lease_ms / 1000);
            lose(app, &mut tx, &build, &reason).await?;
            tx.commit().await?;
        }
    }
    Ok(expired.len())
}

/// What happens to `build` when its agent is lost.
pub(super) async fn lose(app: &App, tx: &mut Tx, build: &Build, reason: &str) -> Result<()> {
    tx.wake_on_commit(Topic::Build(build.id.clone()));
    let next = build.status.after(BuildEvent::LeaseLost { attempt: build.attempt });
    match next {
        Some(BuildStatus::Queued) => {
            logs::write_line(app, tx, &build.id, &format!("=== Build queued again: {reason} ==="))
                .await?;
            db::builds::requeue(tx, &build.id, build.attempt).await?;
            db::results::clear(tx, &build.id).await?;
            db::artifacts::clear(tx, &build.id).await?;
            tx.wake_on_commit(Topic::Queue);
        }
        Some(status) => {
            let message = format!("{reason}, twice");
            logs::write_line(app, tx, &build.id, &format!("=== Build failed: {message} ==="))
                .await?;
            let end = End {
                status,
                failure_kind: Some(FailureKind::AgentLost.as_str()),
                failure_message: Some(&message),
                at: app.clock.now(),
                downloads: "[]",
                tests: None,
                coverage: None,
            };
            db::builds::end(tx, &build.id, build.status, build.attempt, &end).await?;
            statuses::tell(app, tx, build, status).await?;
            finish::let_go(app, tx, build, None).await?;
        }
        // Cancelled before; the agent just never confirmed that it stopped.
        None => finish::let_go(app, tx, build, None).await?,
    }
    Ok(())
}
