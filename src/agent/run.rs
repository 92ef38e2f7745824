//! Runs one build. (Interface only: the run half fills it.)

use std::path::{Path, PathBuf};

use tokio_util::sync::CancellationToken;

use crate::agent::report::Report;
use crate::model::build::{FailureKind, Outcome};
use crate::model::ids::BuildId;
use crate::protocol::{Assignment, Failure};

/// The folders of one run.
#[derive(Debug, Clone)]
pub struct WorkDirs {
    pub root: PathBuf,
    pub mirrors: PathBuf,
}

impl WorkDirs {
    pub fn new(work_dir: &Path, build: &BuildId, attempt: i64) -> Self {
        let root = work_dir.join("runs").join(format!("{build}-{attempt}"));
        Self { root, mirrors: work_dir.join("mirrors") }
    }

    /// Removes the run's own folder.
    pub async fn remove(&self) -> std::io::Result<()> {
        match tokio::fs::remove_dir_all(&self.root).await {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            result => result,
        }
    }
}

/// Ends what an agent that was killed left behind in `work_dir`.
pub async fn kill_orphans(_work_dir: &Path) -> std::io::Result<()> {
    Ok(())
}

pub struct RunContext {
    pub assignment: Assignment,
    pub dirs: WorkDirs,
    pub report: Report,
    /// Fired = stop: SIGTERM, grace, SIGKILL.
    pub cancel: CancellationToken,
}

pub async fn run(_ctx: RunContext) -> (Outcome, Option<Failure>) {
    let message = "this agent cannot run builds".to_owned();
    (Outcome::Failed, Some(Failure { kind: FailureKind::AgentError, message }))
}
