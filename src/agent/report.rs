//! Where a run reports to: the server, or the terminal of `shipmate build`.

use std::path::Path;
use std::sync::Arc;

use crate::model::artifact::ArtifactKind;
use crate::model::build::Phase;
use crate::model::log::Stream;
use crate::model::report::{TargetCoverage, TestResult};
use crate::model::secret::Secret;

pub mod local;
pub mod remote;

/// The two receivers of a run's report.
#[derive(Clone)]
pub enum Report {
    Remote(Arc<remote::RemoteReport>),
    Local(Arc<local::LocalReport>),
}

/// A report did not arrive.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The server no longer counts on this run: stop, discard.
    #[error("the server no longer counts on this run")]
    Lost,
    /// Final for this one call; the text says why.
    #[error("the server refused it: {0}")]
    Refused(String),
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

impl Report {
    /// Raw output bytes of a step, split anywhere: lines, UTF-8, masking and
    /// time stamps are made inside. Waits while the log cannot be taken.
    pub async fn write(&self, step: &str, stream: Stream, bytes: &[u8]) {
        match self {
            Self::Remote(remote) => remote.write(step, stream, bytes).await,
            Self::Local(local) => local.write(step, stream, bytes).await,
        }
    }

    /// One line of Shipmate's own.
    pub async fn system(&self, step: &str, line: &str) {
        match self {
            Self::Remote(remote) => remote.system(step, line).await,
            Self::Local(local) => local.system(step, line).await,
        }
    }

    /// From now on this value is masked in the log.
    pub fn mask(&self, secret: &Secret) {
        match self {
            Self::Remote(remote) => remote.mask(secret),
            Self::Local(local) => local.mask(secret),
        }
    }

    pub fn phase(&self, phase: Phase) {
        match self {
            Self::Remote(remote) => remote.phase(phase),
            Self::Local(local) => local.phase(phase),
        }
    }

    /// What the clone resolved to; `sha` is 40 lowercase hex.
    pub async fn commit(
        &self,
        branch: &str,
        sha: &str,
        author: &str,
        message: &str,
    ) -> Result<(), ReportError> {
        match self {
            Self::Remote(remote) => remote.commit(branch, sha, author, message).await,
            Self::Local(local) => local.commit(branch, sha, author, message).await,
        }
    }

    /// Adds test results; may be called several times.
    pub async fn tests(&self, tests: Vec<TestResult>) -> Result<(), ReportError> {
        match self {
            Self::Remote(remote) => remote.tests(tests).await,
            Self::Local(local) => local.tests(tests).await,
        }
    }

    /// Adds the coverage of one target.
    pub async fn coverage(&self, target: TargetCoverage) -> Result<(), ReportError> {
        match self {
            Self::Remote(remote) => remote.coverage(target).await,
            Self::Local(local) => local.coverage(target).await,
        }
    }

    /// Hands over `file`; `relative` is its path in the folder it comes from.
    pub async fn artifact(
        &self,
        kind: ArtifactKind,
        relative: &str,
        file: &Path,
    ) -> Result<(), ReportError> {
        match self {
            Self::Remote(remote) => remote.artifact(kind, relative, file).await,
            Self::Local(local) => local.artifact(kind, relative, file).await,
        }
    }
}
