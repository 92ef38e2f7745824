//! What only this build may see (SEC-1): fetched after the clone, and gone
//! before the result is told.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::agent::phases::{Course, Halt, failed};
use crate::agent::report::ReportError;
use crate::git::checkout::forget_access;
use crate::git::ssh::write_private;
use crate::model::build::FailureKind;
use crate::protocol::SecureFile;

const STEP: &str = "prepare";
/// For all secure files of a build, on a slow line and through short outages.
const LONGEST_FETCH: Duration = Duration::from_secs(15 * 60);

impl Course<'_> {
    /// Puts secure files and device variables where scripts find them.
    pub(super) async fn fetch_secrets(&self) -> Result<(), Halt> {
        let broken = |line: String| failed(FailureKind::AgentError, line);
        if !self.assignment.device.is_empty() {
            let values: BTreeMap<&str, &str> = self
                .assignment
                .device
                .iter()
                .map(|variable| (variable.name.as_str(), variable.value.expose()))
                .collect();
            let text = serde_json::to_string(&values)
                .map_err(|_| broken("The device variables cannot be written".to_owned()))?;
            write_private(&self.layout.device_variables, &text).map_err(|error| {
                broken(format!("The device variables cannot be written: {error}"))
            })?;
        }
        if self.assignment.secure_files.is_empty() {
            return Ok(());
        }
        let fetching = tokio::time::timeout(LONGEST_FETCH, self.fetch_files());
        tokio::select! {
            fetched = fetching => match fetched {
                Ok(result) => result,
                Err(_) => Err(broken("The secure files could not be fetched in time".to_owned())),
            },
            () = self.stop.cancel.cancelled() => Err(Halt::Cancelled),
        }
    }

    async fn fetch_files(&self) -> Result<(), Halt> {
        for file in &self.assignment.secure_files {
            let SecureFile { name, .. } = file;
            let is_plain = !matches!(name.as_str(), "" | "." | "..") && !name.contains(['/', '\0']);
            if !is_plain {
                let line = format!("The secure file {name:?} has no plain name");
                return Err(failed(FailureKind::AgentError, line));
            }
            let to = self.layout.secure_files.join(name);
            match self.report.secure_file(file, &to).await {
                Ok(()) => {}
                Err(ReportError::Lost) => return Err(Halt::Cancelled),
                Err(error) => {
                    let line = format!("The secure file {name} could not be fetched: {error}");
                    self.say(STEP, &line).await;
                    return Err(failed(FailureKind::AgentError, line));
                }
            }
            if let Ok(bytes) = tokio::fs::read(&to).await {
                self.report.mask_file(&bytes);
            }
        }
        let names: Vec<&str> =
            self.assignment.secure_files.iter().map(|file| file.name.as_str()).collect();
        self.say(STEP, &format!("Secure files: {}", names.join(", "))).await;
        Ok(())
    }

    /// Deleted with the run's folder at latest.
    pub(super) fn forget_secrets(&self) {
        forget_access(&self.layout.private);
        let _ = std::fs::remove_file(&self.layout.device_variables);
        let _ = std::fs::remove_dir_all(&self.layout.secure_files);
    }
}
