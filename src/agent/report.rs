//! Where a run reports to: the server, or the terminal of `shipmate build`.
//! The run knows only this; neither wire nor terminal shows through.

use std::path::Path;
use std::sync::Arc;

use crate::agent::collect::packages::PackageRead;
use crate::git::checkout::Head;
use crate::model::artifact::ArtifactKind;
use crate::model::build::Phase;
use crate::model::ids::ArtifactId;
use crate::model::log::Stream;
use crate::model::origin::Base;
use crate::model::report::{TargetCoverage, TestResult};
use crate::model::secret::Secret;
use crate::protocol::SecureFile;

pub mod local;
pub mod remote;

/// One of the two receivers; clones report to the same.
#[derive(Clone)]
pub enum Report {
    Remote(Arc<remote::RemoteReport>),
    Local(Arc<local::LocalReport>),
}

/// A report was not taken.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The server no longer counts on this run (409, 401, 404): stop, discard.
    #[error("the server no longer counts on this run")]
    Lost,
    /// Final for this one call (400, 413).
    #[error("the server refused: {0}")]
    Refused(String),
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

impl Report {
    /// Raw output bytes of a step, split anywhere. Waits while the receiver is
    /// behind.
    pub async fn write(&self, step: &str, stream: Stream, bytes: &[u8]) {
        match self {
            Self::Remote(report) => report.write(step, stream, bytes).await,
            Self::Local(report) => report.write(stream, bytes),
        }
    }

    /// One line of Shipmate's own.
    pub async fn system(&self, step: &str, line: &str) {
        match self {
            Self::Remote(report) => report.system(step, line).await,
            Self::Local(report) => report.system(line),
        }
    }

    /// From now on masks this value in the log.
    pub fn mask(&self, secret: &Secret) {
        match self {
            Self::Remote(report) => report.mask(secret),
            Self::Local(report) => report.mask(secret),
        }
    }

    pub fn phase(&self, phase: Phase) {
        match self {
            Self::Remote(report) => report.phase(phase),
            // The titles in the log say the same.
            Self::Local(_) => {}
        }
    }

    /// What the clone resolved to, and what a pull request was merged into.
    ///
    /// # Errors
    /// See `ReportError`.
    pub async fn commit(
        &self,
        head: &Head,
        base: Option<Base>,
        release_notes: Option<String>,
    ) -> Result<(), ReportError> {
        match self {
            Self::Remote(report) => report.commit(head, base, release_notes).await,
            Self::Local(_) => Ok(()),
        }
    }

    /// Puts a secure file of the build at `to`.
    ///
    /// # Errors
    /// See `ReportError`.
    pub async fn secure_file(&self, wanted: &SecureFile, to: &Path) -> Result<(), ReportError> {
        match self {
            Self::Remote(report) => report.secure_file(wanted, to).await,
            Self::Local(_) => Err(ReportError::Refused("there is no server".into())),
        }
    }

    /// Masks what a secure file holds.
    pub fn mask_file(&self, bytes: &[u8]) {
        match self {
            Self::Remote(report) => report.mask_file(bytes),
            Self::Local(report) => report.mask_file(bytes),
        }
    }

    /// Results of one report; may be called several times.
    ///
    /// # Errors
    /// See `ReportError`.
    pub async fn tests(&self, tests: Vec<TestResult>) -> Result<(), ReportError> {
        match self {
            Self::Remote(report) => report.tests(tests).await,
            Self::Local(report) => {
                report.tests(tests);
                Ok(())
            }
        }
    }

    /// Coverage of one target. The answer is its position in the build, if
    /// somebody wants to know its lines.
    ///
    /// # Errors
    /// See `ReportError`.
    pub async fn coverage(&self, target: TargetCoverage) -> Result<Option<i64>, ReportError> {
        match self {
            Self::Remote(report) => report.coverage(target).await.map(Some),
            Self::Local(report) => {
                report.coverage(target);
                Ok(None)
            }
        }
    }

    /// Lines and source of covered files, as `protocol::sources` packs them.
    ///
    /// # Errors
    /// See `ReportError`.
    pub async fn sources(&self, body: Vec<u8>) -> Result<(), ReportError> {
        match self {
            Self::Remote(report) => report.sources(body).await,
            Self::Local(_) => Ok(()),
        }
    }

    /// `text` with the registered secrets masked; it keeps its lines.
    pub fn clean(&self, text: &str) -> String {
        match self {
            Self::Remote(report) => report.clean(text),
            Self::Local(report) => report.clean(text),
        }
    }

    /// A file to keep; `relative` is its path in the folder it comes from. The
    /// answer is the server's name for it.
    ///
    /// # Errors
    /// See `ReportError`.
    pub async fn artifact(
        &self,
        kind: ArtifactKind,
        relative: &str,
        file: &Path,
    ) -> Result<Option<ArtifactId>, ReportError> {
        match self {
            Self::Remote(report) => report.artifact(kind, relative, file).await.map(Some),
            Self::Local(report) => {
                report.artifact(kind, relative, file).await?;
                Ok(None)
            }
        }
    }

    /// What was read in the package that was stored as `artifact`.
    ///
    /// # Errors
    /// See `ReportError`.
    pub async fn package(
        &self,
        artifact: Option<&ArtifactId>,
        relative: &str,
        read: PackageRead,
    ) -> Result<(), ReportError> {
        match (self, artifact) {
            (Self::Remote(report), Some(artifact)) => report.package(artifact, read).await,
            (Self::Remote(_), None) => Ok(()),
            (Self::Local(report), _) => {
                report.package(relative, read);
                Ok(())
            }
        }
    }
}
