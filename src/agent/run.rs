//! One run of a build, from an empty folder to an outcome. Called by the agent
//! and by `shipmate build`; what it learns goes to a `Report`.

use std::path::PathBuf;

use tokio_util::sync::CancellationToken;

use crate::agent::executor::orphans;
use crate::agent::phases::{Course, StepRecord};
use crate::agent::report::Report;
use crate::agent::workspace::{Layout, WorkDirs, remove};
use crate::model::build::{FailureKind, Outcome, Phase};
use crate::protocol::{Assignment, Failure};

/// Everything that one run needs.
pub struct RunContext {
    pub assignment: Assignment,
    /// Root folder for this run, and the cache that runs share.
    pub dirs: WorkDirs,
    pub report: Report,
    /// Fired = stop: SIGTERM, grace, SIGKILL.
    pub cancel: CancellationToken,
}

/// How a run went.
#[derive(Debug, Clone)]
pub struct RunResult {
    pub outcome: Outcome,
    pub failure: Option<Failure>,
    /// Scripts and steps in the order they ran.
    pub steps: Vec<StepRecord>,
}

/// Runs all phases and says what to tell the server. The log stays open; the
/// run's folders vanish in the background.
pub async fn run(context: RunContext) -> (Outcome, Option<Failure>) {
    let dirs = context.dirs.clone();
    let result = run_on(context, None).await;
    clean_up(dirs);
    (result.outcome, result.failure)
}

/// As `run`, but leaves the folders; with `checkout`, on the files there
/// instead of a fresh clone.
pub(super) async fn run_on(context: RunContext, checkout: Option<PathBuf>) -> RunResult {
    let RunContext { assignment, dirs, report, cancel } = context;
    report.phase(Phase::Preparing);
    let (app, build) = (&assignment.app_id, &assignment.build_id);
    let made = Layout::create(&dirs.root, app, build, checkout.as_deref());
    let result = match made {
        Ok(layout) => {
            Course::new(&assignment, &layout, &dirs.cache, &report, cancel)
                .run(checkout.is_some())
                .await
        }
        Err(error) => {
            let message = format!("The folders of this build cannot be made: {error}");
            report.system("prepare", &message).await;
            let failure = Failure { kind: FailureKind::AgentError, message };
            RunResult { outcome: Outcome::Failed, failure: Some(failure), steps: Vec::new() }
        }
    };
    report.phase(Phase::Done);
    result
}

/// Does not keep the result waiting: a large workspace takes seconds.
fn clean_up(dirs: WorkDirs) {
    tokio::spawn(async move {
        let Ok(root) = dirs.root.canonicalize() else { return };
        // What left its process group.
        orphans::sweep(&root).await;
        if !dirs.keep {
            remove(root).await;
        }
    });
}

#[cfg(test)]
mod tests;
