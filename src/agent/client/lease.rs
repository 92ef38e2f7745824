//! The agent's hold on one attempt of one build. Every call about the build
//! goes through here: it is retried through outages, and the first answer that
//! says "not yours any more" stops the run and all other calls.

use std::future::Future;
use std::path::Path;

use bytes::Bytes;
use tokio_util::sync::CancellationToken;

use crate::agent::client::error::CallError;
use crate::agent::client::retry::Backoff;
use crate::agent::client::{Client, Upload};
use crate::agent::report::ReportError;
use crate::model::ids::{ArtifactId, BuildId};
use crate::protocol::{
    CommitReport, CoverageBatch, Finish, PackageReport, SecureFile, TestBatch, UploadReply,
};

/// A call that fails this often in a row is worth a log line of its own.
const NOTABLE_FAILURES: u32 = 6;

/// One attempt of one build.
#[derive(Clone)]
pub struct Lease {
    pub client: Client,
    pub build: BuildId,
    pub attempt: i64,
    pub backoff: Backoff,
    /// Stops the run.
    pub cancel: CancellationToken,
    /// Ends all calls: the server does not want them any more.
    pub lost: CancellationToken,
}

impl Lease {
    pub fn new(client: Client, build: BuildId, attempt: i64, backoff: Backoff) -> Self {
        let (cancel, lost) = (CancellationToken::new(), CancellationToken::new());
        Self { client, build, attempt, backoff, cancel, lost }
    }

    pub fn is_lost(&self) -> bool {
        self.lost.is_cancelled()
    }

    /// Tries `call` until it is accepted, refused, or the lease is lost.
    pub async fn keep_trying<T, F, Fut>(&self, what: &str, call: F) -> Result<T, ReportError>
    where
        F: Fn() -> Fut,
        Fut: Future<Output = Result<T, CallError>>,
    {
        self.lost
            .run_until_cancelled(self.try_until_final(what, call))
            .await
            .unwrap_or_else(|| Err(ReportError::Lost))
    }

    async fn try_until_final<T, F, Fut>(&self, what: &str, call: F) -> Result<T, ReportError>
    where
        F: Fn() -> Fut,
        Fut: Future<Output = Result<T, CallError>>,
    {
        let mut failures = 0;
        loop {
            match call().await {
                Ok(value) => return Ok(value),
                Err(CallError::Refused(reason)) => return Err(ReportError::Refused(reason)),
                Err(error @ (CallError::Lost(_) | CallError::Unauthorised)) => {
                    self.lose(&error);
                    return Err(ReportError::Lost);
                }
                Err(CallError::Retry(reason)) => {
                    failures += 1;
                    if failures == NOTABLE_FAILURES {
                        tracing::warn!(build = %self.build, what, reason, "A call keeps failing");
                    }
                    tokio::time::sleep(self.backoff.delay(failures)).await;
                }
            }
        }
    }

    /// The server said that the build is not ours.
    fn lose(&self, reason: &CallError) {
        if !self.is_lost() {
            let Self { build, attempt, .. } = self;
            tracing::warn!(%build, attempt, %reason, "The build is stopped and discarded");
        }
        self.lost.cancel();
        self.cancel.cancel();
    }

    /// Stores a log chunk; returns the next number the server expects.
    pub async fn put_log(&self, seq: i64, body: &Bytes) -> Result<i64, ReportError> {
        let call = || self.client.put_log(&self.build, self.attempt, seq, body.clone());
        self.keep_trying("log", call).await.map(|reply| reply.next_seq)
    }

    pub async fn commit(&self, body: &CommitReport) -> Result<(), ReportError> {
        self.keep_trying("commit", || self.client.commit(&self.build, body)).await
    }

    pub async fn tests(&self, body: &TestBatch) -> Result<(), ReportError> {
        self.keep_trying("tests", || self.client.tests(&self.build, body)).await
    }

    pub async fn coverage(&self, body: &CoverageBatch) -> Result<(), ReportError> {
        self.keep_trying("coverage", || self.client.coverage(&self.build, body)).await
    }

    /// Stores lines and source of covered files.
    pub async fn sources(&self, body: &Bytes) -> Result<(), ReportError> {
        let call = || self.client.sources(&self.build, self.attempt, body.clone());
        self.keep_trying("sources", call).await
    }

    pub async fn finish(&self, body: &Finish) -> Result<(), ReportError> {
        self.keep_trying("finish", || self.client.finish(&self.build, body)).await
    }

    /// Fetches a secure file into `to`.
    pub async fn secure_file(&self, wanted: &SecureFile, to: &Path) -> Result<(), ReportError> {
        let call = || self.client.secure_file(&self.build, self.attempt, wanted, to);
        self.keep_trying("secure file", call).await
    }

    /// Stores an artifact; `open` makes the body anew for every try.
    pub async fn upload<F, Fut>(&self, upload: &Upload, open: F) -> Result<UploadReply, ReportError>
    where
        F: Fn() -> Fut,
        Fut: Future<Output = Result<reqwest::Body, CallError>>,
    {
        let open = &open;
        let call = || async move { self.client.upload(&self.build, upload, open().await?).await };
        self.keep_trying("artifact", call).await
    }

    pub async fn package(
        &self,
        artifact: &ArtifactId,
        body: &PackageReport,
    ) -> Result<(), ReportError> {
        self.keep_trying("package", || self.client.package(&self.build, artifact, body)).await
    }
}
