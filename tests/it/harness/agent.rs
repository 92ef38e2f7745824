//! An agent that runs nothing: it says over HTTP what the story tells it to.

use reqwest::{Method, RequestBuilder};
use ring::digest;
use serde::Serialize;
use shipmate::model::agent::Finding;
use shipmate::model::build::{FailureKind, Outcome, Phase};
use shipmate::model::hex::hex;
use shipmate::model::ids::{ArtifactId, BuildId};
use shipmate::model::log::{ChunkMeta, Run, Stream};
use shipmate::model::report::{TargetCoverage, TestResult};
use shipmate::model::secret::Secret;
use shipmate::protocol::{
    Assignment, ClaimRequest, CommitReport, CoverageBatch, Examination, Failure, Finish, Heartbeat,
    Hello, Label, Release, TestBatch, UploadReply,
};

use super::server::{Answer, TestServer};

/// One agent of one token.
pub struct FakeAgent {
    client: reqwest::Client,
    url: String,
    pub token: Secret,
    pub name: String,
}

/// What an agent holds.
#[derive(Debug, Clone)]
pub struct Held {
    pub build: BuildId,
    pub attempt: i64,
}

impl From<&Assignment> for Held {
    fn from(assignment: &Assignment) -> Self {
        Self { build: assignment.build_id.clone(), attempt: assignment.attempt }
    }
}

impl FakeAgent {
    pub fn new(server: &TestServer, token: &Secret, name: &str) -> Self {
        Self {
            client: server.client.clone(),
            url: server.url.clone(),
            token: token.clone(),
            name: name.into(),
        }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client
            .request(method, format!("{}/agent/v1/{path}", self.url))
            .bearer_auth(self.token.expose())
    }

    /// A JSON call below `/agent/v1/`.
    pub async fn post(&self, path: &str, message: &impl Serialize) -> Answer {
        Answer::of(self.request(Method::POST, path).json(message)).await
    }

    pub async fn post_text(&self, path: &str, body: &str) -> Answer {
        Answer::of(self.request(Method::POST, path).body(body.to_owned())).await
    }

    pub async fn hello(&self) -> Answer {
        self.post("hello", &Hello { agent_name: self.name.clone() }).await
    }

    pub async fn examination(&self, findings: Vec<Finding>) -> Answer {
        self.post("examination", &Examination { agent_name: self.name.clone(), findings }).await
    }

    pub fn claim_request(&self, claim_id: &str, wait_ms: u64) -> ClaimRequest {
        ClaimRequest {
            claim_id: claim_id.into(),
            agent_name: self.name.clone(),
            labels: vec![Label { key: "os".into(), value: "linux".into() }],
            version: "1.0.0".into(),
            slots: 2,
            wait_ms,
        }
    }

    pub async fn claim(&self, claim_id: &str, wait_ms: u64) -> Option<Assignment> {
        let answer = self.post("claim", &self.claim_request(claim_id, wait_ms)).await;
        match answer.status.as_u16() {
            204 => None,
            _ => Some(answer.expect(200).json()),
        }
    }

    /// Claims what must be there.
    pub async fn take(&self, claim_id: &str) -> Held {
        let assignment = self.claim(claim_id, 0).await.expect("a build is queued");
        Held::from(&assignment)
    }

    pub async fn heartbeat(&self, held: &Held, wait_ms: u64) -> Answer {
        let beat = Heartbeat { attempt: held.attempt, phase: Phase::Building, wait_ms };
        self.post(&format!("builds/{}/heartbeat", held.build), &beat).await
    }

    pub async fn release(&self, held: &Held) -> Answer {
        let release = Release { attempt: held.attempt };
        self.post(&format!("builds/{}/release", held.build), &release).await
    }

    pub async fn commit(&self, held: &Held, sha: &str) -> Answer {
        let report = CommitReport {
            attempt: held.attempt,
            branch: "main".into(),
            sha: sha.into(),
            author: "Ann".into(),
            message: "Begin".into(),
            base: None,
            release_notes: None,
        };
        self.post(&format!("builds/{}/commit", held.build), &report).await
    }

    pub async fn log(&self, held: &Held, seq: i64, text: &str) -> Answer {
        self.log_body(held, seq, pack(text.as_bytes(), &describe(text.as_bytes()))).await
    }

    pub async fn log_body(&self, held: &Held, seq: i64, body: Vec<u8>) -> Answer {
        let Held { build, attempt } = held;
        let path = format!("builds/{build}/log?attempt={attempt}&seq={seq}");
        Answer::of(self.request(Method::PUT, &path).body(body)).await
    }

    pub async fn tests(&self, held: &Held, first: i64, tests: Vec<TestResult>) -> Answer {
        let batch = TestBatch { attempt: held.attempt, first, tests };
        self.post(&format!("builds/{}/tests", held.build), &batch).await
    }

    pub async fn coverage(&self, held: &Held, ordinal: i64, target: TargetCoverage) -> Answer {
        let batch = CoverageBatch { attempt: held.attempt, ordinal, target };
        self.post(&format!("builds/{}/coverage", held.build), &batch).await
    }

    /// Lines and source of covered files.
    pub async fn sources(&self, held: &Held, body: Vec<u8>) -> Answer {
        let Held { build, attempt } = held;
        let bytes = body.len();
        self.put(&format!("builds/{build}/sources?attempt={attempt}&bytes={bytes}"), &body).await
    }

    /// Bytes to a path below `/agent/v1/`.
    pub async fn put(&self, path: &str, body: &[u8]) -> Answer {
        Answer::of(self.request(Method::PUT, path).body(body.to_vec())).await
    }

    /// Uploads under true size and digest.
    pub async fn upload(&self, held: &Held, id: &str, path: &str, body: &[u8]) -> Answer {
        let announced = Announced { path, bytes: body.len() as u64, sha256: &sha256(body) };
        self.upload_as(held, id, &announced, body).await
    }

    pub async fn upload_as(
        &self,
        held: &Held,
        id: &str,
        announced: &Announced<'_>,
        body: &[u8],
    ) -> Answer {
        let Held { build, attempt } = held;
        let Announced { path, bytes, sha256 } = announced;
        let query: String = form_urlencoded::Serializer::new(String::new())
            .append_pair("attempt", &attempt.to_string())
            .append_pair("kind", "product")
            .append_pair("path", path)
            .append_pair("bytes", &bytes.to_string())
            .append_pair("sha256", sha256)
            .finish();
        let path = format!("builds/{build}/artifacts/{id}?{query}");
        Answer::of(self.request(Method::PUT, &path).body(body.to_vec())).await
    }

    pub async fn package(&self, held: &Held, id: &ArtifactId, body: &serde_json::Value) -> Answer {
        let path = format!("builds/{}/packages/{id}", held.build);
        Answer::of(self.request(Method::PUT, &path).json(body)).await
    }

    pub async fn finish(&self, held: &Held, outcome: Outcome, log_chunks: i64) -> Answer {
        let failure = (outcome == Outcome::Failed).then(|| Failure {
            kind: FailureKind::ScriptFailed,
            message: "buddybuild_postclone.sh ended with exit code 3".into(),
        });
        let report = Finish { attempt: held.attempt, outcome, failure, log_chunks };
        self.post(&format!("builds/{}/finish", held.build), &report).await
    }
}

/// What an upload says of itself.
pub struct Announced<'a> {
    pub path: &'a str,
    pub bytes: u64,
    pub sha256: &'a str,
}

/// The artifact that an upload became.
pub fn artifact_id(answer: Answer) -> ArtifactId {
    answer.expect(200).json::<UploadReply>().artifact_id
}

/// Lowercase hex.
pub fn sha256(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

/// A true description of `text`: one run, on standard output.
pub fn describe(text: &[u8]) -> ChunkMeta {
    let lines = text.iter().filter(|b| **b == b'\n').count();
    let partial = text.last().is_some_and(|b| *b != b'\n');
    let run = Run { lines: lines as u32, partial, at: 5, stream: Stream::Stdout, step: 0 };
    ChunkMeta {
        bytes: text.len() as u64,
        lines: lines as u64,
        steps: vec!["build".into()],
        runs: vec![run],
    }
}

/// A log chunk as it travels.
pub fn pack(text: &[u8], meta: &ChunkMeta) -> Vec<u8> {
    let mut body = serde_json::to_vec(meta).expect("meta is plain data");
    body.push(b'\n');
    body.extend(zstd::bulk::compress(text, 1).expect("compressing in memory"));
    body
}

/// One test result.
pub fn test_result(name: &str, passed: bool) -> TestResult {
    TestResult {
        run: "unit".into(),
        target: "app".into(),
        suite: "Login".into(),
        name: name.into(),
        passed,
        duration_ms: Some(12),
        message: (!passed).then(|| "expected 1, got 2".into()),
        file: None,
        line: None,
        snippet: None,
    }
}
