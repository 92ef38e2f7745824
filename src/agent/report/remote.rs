//! Reports a run to the server: the log through `log/`, everything else call
//! by call under the run's lease. Keeps the calls below the limits of
//! `protocol.rs`; what does not fit is counted in a log line.

use std::io;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::sync::{Mutex, watch};

use crate::agent::client::error::CallError;
use crate::agent::client::lease::Lease;
use crate::agent::collect::packages::PackageRead;
use crate::agent::log::{Log, LogEnd};
use crate::agent::report::ReportError;
use crate::agent::spool::Spool;
use crate::git::checkout::Head;
use crate::model::artifact::ArtifactKind;
use crate::model::build::Phase;
use crate::model::ids::ArtifactId;
use crate::model::log::Stream;
use crate::model::origin::Base;
use crate::model::report::{TargetCoverage, TestResult};
use crate::model::secret::Secret;
use crate::protocol::{
    CommitReport, CoverageBatch, MAX_ARTIFACT_BYTES, MAX_ARTIFACTS, MAX_TESTS_PER_BUILD,
    PackageReport, SecureFile, TestBatch,
};

mod digest;
mod fit;

/// Read ahead of the network while an artifact is sent.
const UPLOAD_BUFFER: usize = 256 << 10;

/// The report of one attempt.
pub struct RemoteReport {
    lease: Lease,
    log: Log,
    phase: watch::Sender<Phase>,
    /// What was sent so far; held while sending, so that positions have no
    /// gaps and no doubles.
    sent: Mutex<Sent>,
}

#[derive(Default)]
struct Sent {
    tests: usize,
    targets: i64,
    artifacts: usize,
}

impl RemoteReport {
    /// Starts the report of the attempt that `lease` holds; the log waits in
    /// `spool`, a folder of its own, up to `limit` packed bytes.
    pub fn start(lease: Lease, spool: PathBuf, limit: u64) -> io::Result<Self> {
        let log = Log::start(&lease, Spool::create(spool, limit)?);
        let phase = watch::Sender::new(Phase::Preparing);
        Ok(Self { lease, log, phase, sent: Mutex::default() })
    }

    /// The phase the run is in, for the heartbeat.
    pub fn phases(&self) -> watch::Receiver<Phase> {
        self.phase.subscribe()
    }

    /// Ends the log: see `Log::close`.
    pub async fn close(&self) -> Option<LogEnd> {
        self.log.close().await
    }

    /// `text` with the registered secrets masked.
    pub fn clean(&self, text: &str) -> String {
        self.log.clean(text)
    }

    pub async fn write(&self, step: &str, stream: Stream, bytes: &[u8]) {
        self.log.write(step, stream, bytes).await;
    }

    pub async fn system(&self, step: &str, line: &str) {
        self.log.system(step, line).await;
    }

    pub fn mask(&self, secret: &Secret) {
        self.log.mask(secret);
    }

    pub fn mask_file(&self, bytes: &[u8]) {
        self.log.mask_file(bytes);
    }

    pub async fn secure_file(&self, wanted: &SecureFile, to: &Path) -> Result<(), ReportError> {
        self.lease.secure_file(wanted, to).await
    }

    pub fn phase(&self, phase: Phase) {
        self.phase.send_replace(phase);
    }

    fn step(&self) -> &'static str {
        self.phase.borrow().as_str()
    }

    pub async fn commit(
        &self,
        head: &Head,
        base: Option<Base>,
        release_notes: Option<String>,
    ) -> Result<(), ReportError> {
        let Head { branch, sha, author, message } = head.clone();
        let body = CommitReport {
            attempt: self.lease.attempt,
            branch,
            sha,
            author,
            message: fit::cut(message),
            base: base.map(|base| Base { message: fit::cut(base.message), ..base }),
            release_notes,
        };
        self.lease.commit(&body).await
    }

    /// Sends `tests` in batches; those beyond the build's limit are left out.
    pub async fn tests(&self, mut tests: Vec<TestResult>) -> Result<(), ReportError> {
        let mut sent = self.sent.lock().await;
        let room = MAX_TESTS_PER_BUILD - sent.tests;
        if tests.len() > room {
            let left_out = tests.len() - room;
            tests.truncate(room);
            let line = format!(
                "{left_out} test results are left out: a build has at most {MAX_TESTS_PER_BUILD}"
            );
            self.log.system(self.step(), &line).await;
        }
        for test in &mut tests {
            fit::shorten(test);
            if let Some(message) = &mut test.message {
                *message = self.log.clean(message);
            }
            // Once more: its lines were masked as parts of a longer text.
            if let Some(snippet) = &mut test.snippet {
                snippet.text = self.log.clean(&snippet.text);
            }
        }
        for tests in fit::batches(tests) {
            let first = sent.tests as i64;
            let count = tests.len();
            self.lease.tests(&TestBatch { attempt: self.lease.attempt, first, tests }).await?;
            sent.tests += count;
        }
        Ok(())
    }

    /// Sends one target; details that do not fit into a call are left out.
    /// The answer is its position in the build.
    pub async fn coverage(&self, mut target: TargetCoverage) -> Result<i64, ReportError> {
        let mut sent = self.sent.lock().await;
        if let Some(left_out) = fit::reduce(&mut target) {
            let line = format!("Coverage of \"{}\" is large: {left_out} left out", target.name);
            self.log.system(self.step(), &line).await;
        }
        let body = CoverageBatch { attempt: self.lease.attempt, ordinal: sent.targets, target };
        self.lease.coverage(&body).await?;
        sent.targets += 1;
        Ok(body.ordinal)
    }

    pub async fn sources(&self, body: Vec<u8>) -> Result<(), ReportError> {
        self.lease.sources(&body.into()).await
    }

    /// Sends `file`. A file that the limits or the server refuse is a line in
    /// the log and `Refused`, which need not end the run.
    pub async fn artifact(
        &self,
        kind: ArtifactKind,
        relative: &str,
        file: &Path,
    ) -> Result<ArtifactId, ReportError> {
        let result = self.send_artifact(kind, relative, file).await;
        if let Err(error @ (ReportError::Refused(_) | ReportError::Io(_))) = &result {
            let line = format!("{relative} is not kept: {error}");
            self.log.system(self.step(), &line).await;
        }
        result
    }

    async fn send_artifact(
        &self,
        kind: ArtifactKind,
        relative: &str,
        file: &Path,
    ) -> Result<ArtifactId, ReportError> {
        let mut sent = self.sent.lock().await;
        if sent.artifacts >= MAX_ARTIFACTS {
            let reason = format!("a build has at most {MAX_ARTIFACTS} artifacts");
            return Err(ReportError::Refused(reason));
        }
        let measured = digest::measure(file).await?;
        if measured.bytes > MAX_ARTIFACT_BYTES {
            let reason = format!("an artifact has at most {MAX_ARTIFACT_BYTES} bytes");
            return Err(ReportError::Refused(reason));
        }
        let upload = measured.upload(self.lease.attempt, kind, relative);
        let bytes = upload.bytes;
        let reply = self
            .lease
            .upload(&upload, || async move {
                body(file, bytes).await.map_err(|error| CallError::Refused(error.to_string()))
            })
            .await?;
        sent.artifacts += 1;
        Ok(reply.artifact_id)
    }

    pub async fn package(
        &self,
        artifact: &ArtifactId,
        read: PackageRead,
    ) -> Result<(), ReportError> {
        let attempt = self.lease.attempt;
        let icon = read.icon.map(|bytes| STANDARD.encode(bytes));
        let body = match read.facts {
            Ok(facts) => PackageReport { attempt, facts: Some(facts), error: None, icon },
            Err(error) => PackageReport { attempt, facts: None, error: Some(error), icon: None },
        };
        self.lease.package(artifact, &body).await
    }
}

/// The first `bytes` of `file`, which must still be that long.
async fn body(file: &Path, bytes: u64) -> io::Result<reqwest::Body> {
    let file = tokio::fs::File::open(file).await?;
    if file.metadata().await?.len() != bytes {
        return Err(io::Error::other("the file changed while it was sent"));
    }
    let limited = tokio::io::AsyncReadExt::take(file, bytes);
    let stream = tokio_util::io::ReaderStream::with_capacity(limited, UPLOAD_BUFFER);
    Ok(reqwest::Body::wrap_stream(stream))
}

#[cfg(test)]
mod tests;
