//! Reports a run to the terminal. (Interface only: the run half fills it.)

use std::path::Path;

use crate::agent::report::ReportError;
use crate::model::artifact::ArtifactKind;
use crate::model::build::Phase;
use crate::model::log::Stream;
use crate::model::report::{TargetCoverage, TestResult};
use crate::model::secret::Secret;

pub struct LocalReport;

impl LocalReport {
    pub async fn write(&self, _step: &str, _stream: Stream, _bytes: &[u8]) {}
    pub async fn system(&self, _step: &str, _line: &str) {}
    pub fn mask(&self, _secret: &Secret) {}
    pub fn phase(&self, _phase: Phase) {}
    pub async fn commit(&self, _: &str, _: &str, _: &str, _: &str) -> Result<(), ReportError> {
        Ok(())
    }
    pub async fn tests(&self, _tests: Vec<TestResult>) -> Result<(), ReportError> {
        Ok(())
    }
    pub async fn coverage(&self, _target: TargetCoverage) -> Result<(), ReportError> {
        Ok(())
    }
    pub async fn artifact(&self, _: ArtifactKind, _: &str, _: &Path) -> Result<(), ReportError> {
        Ok(())
    }
}
