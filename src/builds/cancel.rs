//! Cancelling. The status changes before the answer; a running build's agent
//! learns of it by its heartbeat and stops the processes (api.md 4.9).

use crate::app::App;
use crate::db::builds::End;
use crate::db::wake::Topic;
use crate::db::{self, Tx};
use crate::error::{Error, Result};
use crate::model::build::{Build, BuildEvent, BuildStatus};
use crate::model::ids::{AppId, BuildId};

use super::{finish, logs, statuses};

/// Reads of a build that changes under a cancel before giving up.
const TRIES: usize = 5;

/// `cancel` in transactions of its own, again when the build was claimed or
/// ended meanwhile. The caller was authorised.
///
/// # Errors
/// `Unavailable` when the build changes faster than it can be read.
pub async fn cancel_now(app: &App, id: &BuildId, as_success: bool) -> Result<()> {
    for _ in 0..TRIES {
        let mut tx = app.db.write().await?;
        let build = db::builds::find(&mut tx, id).await?.ok_or_else(Error::not_found)?;
        match cancel(app, &mut tx, &build, as_success).await {
            Ok(()) => return tx.commit().await,
            Err(Error::Conflict(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Err(Error::Unavailable("the build keeps changing".into()))
}

/// Cancels every unfinished build of an app that is being deleted.
///
/// # Errors
/// `Conflict` when one was claimed or ended meanwhile; nothing of the
/// transaction shall be committed then.
pub async fn cancel_all(app: &App, tx: &mut Tx, id: &AppId) -> Result<()> {
    for build in db::builds::list_unfinished(tx, id).await? {
        cancel(app, tx, &build, false).await?;
    }
    Ok(())
}

/// Cancels `build`; no effect on a finished one. With `as_success` it ends as
/// `success`, and later phases do not run.
pub async fn cancel(app: &App, tx: &mut Tx, build: &Build, as_success: bool) -> Result<()> {
    let line =
        if as_success { "=== Build ended early as success ===" } else { "=== Build cancelled ===" };
    end(app, tx, build, as_success, line).await
}

/// Cancels `build`, with the reason as a line of its log.
///
/// # Errors
/// `Conflict` if the build changed since it was read.
pub async fn cancel_because(app: &App, tx: &mut Tx, build: &Build, line: &str) -> Result<()> {
    end(app, tx, build, false, line).await
}

async fn end(app: &App, tx: &mut Tx, build: &Build, as_success: bool, line: &str) -> Result<()> {
    let Some(status) = build.status.after(BuildEvent::CancelAsked { as_success }) else {
        return Ok(());
    };
    let summary = finish::summarise(tx, build, status).await?;
    let end = End {
        status,
        failure_kind: None,
        failure_message: None,
        at: app.clock.now(),
        downloads: "[]",
        tests: summary.tests,
        coverage: summary.coverage,
    };
    if db::builds::end(tx, &build.id, build.status, build.attempt, &end).await? == 0 {
        // Claimed or finished between the read and now; the caller reads again.
        return Err(Error::Conflict("the build changed meanwhile".into()));
    }
    statuses::tell(app, tx, build, status).await?;
    logs::write_line(app, tx, &build.id, line).await?;
    if build.status == BuildStatus::Queued {
        finish::let_go(app, tx, build, None).await?;
    }
    tx.wake_on_commit(Topic::Build(build.id.clone()));
    // A place under a limit may have become free.
    tx.wake_on_commit(Topic::Queue);
    Ok(())
}
