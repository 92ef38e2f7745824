//! What agents and server say to each other: data only. Paths start with
//! `/agent/v1`; bodies are JSON except where noted. Tolerant, because agents
//! may be older than servers: unknown members are ignored, new members have
//! defaults.
//!
//! | Call | Body | Answer |
//! |---|---|---|
//! | `POST /agent/v1/hello` | `Hello` | 204; first call of an agent process: what an earlier process of this name held is lost |
//! | `POST /agent/v1/examination` | `Examination` | 204; what the agent found on its machine, in place of what it found before; a server that does not know the call answers 404, which is no harm |
//! | `POST /agent/v1/claim` | `ClaimRequest` | 200 `Assignment`, or 204 after `wait_ms` without work |
//! | `POST /agent/v1/builds/{id}/heartbeat` | `Heartbeat` | 200 `HeartbeatReply`; long poll, renews the lease |
//! | `POST /agent/v1/builds/{id}/commit` | `CommitReport` | 204 |
//! | `PUT /agent/v1/builds/{id}/log?attempt=&seq=` | one line of `ChunkMeta` JSON, `\n`, then one zstd frame of text | 200 `LogReply` |
//! | `POST /agent/v1/builds/{id}/tests` | `TestBatch` | 204 |
//! | `POST /agent/v1/builds/{id}/coverage` | `CoverageBatch` | 204 |
//! | `PUT /agent/v1/builds/{id}/artifacts/{upload_id}?attempt=&kind=&path=&bytes=&sha256=` | the file | 200 `UploadReply` |
//! | `PUT /agent/v1/builds/{id}/packages/{artifact_id}` | `PackageReport` | 204; a server that does not know the call answers 404, which is no loss of the build |
//! | `PUT /agent/v1/builds/{id}/sources?attempt=&bytes=` | lines that ran and their source, as in `sources` | 204; 404 as above |
//! | `GET /agent/v1/builds/{id}/secure-files/{name}?attempt=` | - | 200 the file |
//! | `POST /agent/v1/builds/{id}/finish` | `Finish` | 204 |
//! | `POST /agent/v1/builds/{id}/release` | `Release` | 204; the build is queued again as if the lease had run out |
//!
//! 409 means that this agent no longer holds the build: stop the run, discard
//! it, report nothing more. 401 means that the token was revoked. 400 and 413
//! are final for the call that got them. Everything else (5xx, no connection)
//! is retried with back-off; each call may arrive twice and answers the same.

use serde::{Deserialize, Serialize};

use crate::model::agent::Finding;
use crate::model::app::Platform;
use crate::model::build::{FailureKind, Outcome, Phase, Trigger};
use crate::model::ids::{AppId, ArtifactId, BuildId};
use crate::model::origin::Base;
use crate::model::package::PackageFacts;
use crate::model::report::{TargetCoverage, TestResult};
use crate::model::secret::{Secret, on_wire};

pub mod sources;

/// A lease lives this long without a heartbeat, unless configured.
pub const DEFAULT_LEASE_MS: u64 = 60_000;
/// Longest wait in one heartbeat call. Agents renew three times per lease.
pub const HEARTBEAT_MS: u64 = 20_000;
/// Longest wait for work in one claim call.
pub const CLAIM_WAIT_MS: u64 = 25_000;
/// Plain text in one log chunk.
pub const MAX_CHUNK_BYTES: usize = 1 << 20;
/// Body of one log call: meta and compressed text.
pub const MAX_CHUNK_BODY: usize = 4 << 20;
/// Body of a JSON call.
pub const MAX_JSON_BODY: usize = 8 << 20;
/// Tests in one `TestBatch`.
pub const MAX_TESTS_PER_BATCH: usize = 1_000;
/// Test results stored for one build; the rest is counted in a log line.
pub const MAX_TESTS_PER_BUILD: usize = 200_000;
/// One artifact file.
pub const MAX_ARTIFACT_BYTES: u64 = 8 << 30;
/// An app icon, before base64.
pub const MAX_ICON_BYTES: usize = 512 << 10;
/// One secure file (SEC-3).
pub const MAX_SECURE_FILE_BYTES: u64 = 50 << 20;
/// Artifacts of one build.
pub const MAX_ARTIFACTS: usize = 1_000;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Hello {
    /// As in `ClaimRequest`.
    pub agent_name: String,
}

/// What the machine has; for administrators to read.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Examination {
    /// As in `ClaimRequest`.
    pub agent_name: String,
    pub findings: Vec<Finding>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ClaimRequest {
    /// Chosen by the agent per claim; a repeated call with the same id gets
    /// the same assignment, so that a lost answer costs nothing.
    pub claim_id: String,
    /// Unique per token: the machine's name unless configured.
    pub agent_name: String,
    #[serde(default)]
    pub labels: Vec<Label>,
    pub version: String,
    #[serde(default = "one")]
    pub slots: u32,
    #[serde(default)]
    pub wait_ms: u64,
}

fn one() -> u32 {
    1
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Label {
    pub key: String,
    pub value: String,
}

/// One build to run, and all it may know.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Assignment {
    pub build_id: BuildId,
    pub app_id: AppId,
    pub app_name: String,
    pub platform: Platform,
    pub number: i64,
    pub attempt: i64,
    pub source: Source,
    #[serde(default)]
    pub scheme: String,
    pub triggered_by: Trigger,
    /// User variables (SEC-2); server-set names are added by the agent.
    #[serde(default)]
    pub env: Vec<Variable>,
    /// For the installed app (SEC-4), written to a file of the build.
    #[serde(default)]
    pub device: Vec<Variable>,
    /// To be fetched before the first script runs (SEC-3).
    #[serde(default)]
    pub secure_files: Vec<SecureFile>,
    /// Caches of earlier builds are not used (TRG-14).
    #[serde(default)]
    pub without_cache: bool,
    pub limits: Limits,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Source {
    /// Without credentials.
    pub repo_url: String,
    /// `user:password` or a bare token, for HTTPS remotes.
    #[serde(default)]
    pub credential: Option<Credential>,
    /// The credential opens more than this repository, so no file of it may
    /// run while the credential is there.
    #[serde(default)]
    pub for_checkout_only: bool,
    /// Empty = the remote's default branch.
    pub branch: String,
    /// A given commit instead of the branch tip.
    #[serde(default)]
    pub commit: Option<String>,
    /// A tag instead of a branch.
    #[serde(default)]
    pub tag: Option<String>,
    /// Build the merge of `branch`, the head, with the tip of its base.
    #[serde(default)]
    pub pull_request: Option<PullSource>,
    /// For SSH remotes.
    #[serde(default)]
    pub ssh: Option<SshIdentity>,
}

/// Where a pull request comes from and goes to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PullSource {
    pub number: i64,
    pub base_branch: String,
    /// Clone URL of the fork that the head is in; `None` = `repo_url`.
    #[serde(default)]
    pub head_url: Option<String>,
    /// `owner/repo` of that fork, for people.
    #[serde(default)]
    pub fork: Option<String>,
    /// False = nobody has trusted this fork: its scripts must not see what
    /// the checkout was done with (SEC-7).
    #[serde(default)]
    pub trusted: bool,
}

/// What SSH needs to reach a remote, for the life of one build.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SshIdentity {
    /// In OpenSSH's format.
    #[serde(with = "on_wire")]
    pub private_key: Secret,
    /// Lines of a `known_hosts` file.
    #[serde(default)]
    pub known_hosts: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Credential {
    /// Secret as well: a token may stand alone, as in `https://TOKEN@host/`.
    #[serde(with = "on_wire")]
    pub username: Secret,
    #[serde(with = "on_wire")]
    pub password: Secret,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Variable {
    pub name: String,
    #[serde(with = "on_wire")]
    pub value: Secret,
    /// Mask the value in the log.
    #[serde(default)]
    pub secret: bool,
}

/// A file that a build gets; its bytes come by a call of their own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecureFile {
    /// Without folders.
    pub name: String,
    pub bytes: u64,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Limits {
    /// Longest time from claim to end; then the build fails (QUE-4).
    pub max_duration_ms: u64,
    /// Between SIGTERM and SIGKILL.
    pub kill_grace_ms: u64,
    /// The lease; renew it three times in this period.
    #[serde(default = "default_lease_ms")]
    pub lease_ms: u64,
}

fn default_lease_ms() -> u64 {
    DEFAULT_LEASE_MS
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Heartbeat {
    pub attempt: i64,
    pub phase: Phase,
    /// Answer at latest after this long; earlier when there is something to
    /// say. 0 = at once.
    #[serde(default)]
    pub wait_ms: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeartbeatReply {
    /// The build was cancelled (or ended by the server): stop it, flush the
    /// log, and call `finish`.
    #[serde(default)]
    pub cancel: bool,
}

/// What the clone resolved to.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CommitReport {
    pub attempt: i64,
    pub branch: String,
    /// 40 lowercase hex.
    pub sha: String,
    pub author: String,
    pub message: String,
    /// What a pull request was merged into, or could not be.
    #[serde(default)]
    pub base: Option<Base>,
    /// Text of `buddybuild_release_notes.txt` (DEP-8), at most
    /// `MAX_NOTES_BYTES`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release_notes: Option<String>,
}

/// Longest release notes, in bytes.
pub const MAX_NOTES_BYTES: usize = 16 << 10;

/// `GET` of a log chunk's place: the next sequence number the server expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogReply {
    /// All chunks below this number are stored durably.
    pub next_seq: i64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TestBatch {
    pub attempt: i64,
    /// Position of `tests[0]` in the build; makes a repeated batch harmless.
    pub first: i64,
    pub tests: Vec<TestResult>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CoverageBatch {
    pub attempt: i64,
    /// Position of this target in the build.
    pub ordinal: i64,
    pub target: TargetCoverage,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UploadReply {
    pub artifact_id: ArtifactId,
}

/// What the agent read in an app package that it has stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PackageReport {
    pub attempt: i64,
    /// `None` if the package cannot be read.
    #[serde(default)]
    pub facts: Option<PackageFacts>,
    /// Why not, in one sentence.
    #[serde(default)]
    pub error: Option<String>,
    /// PNG or WebP in base64.
    #[serde(default)]
    pub icon: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Finish {
    pub attempt: i64,
    pub outcome: Outcome,
    #[serde(default)]
    pub failure: Option<Failure>,
    /// Number of log chunks of this attempt; fewer stored = incomplete log.
    pub log_chunks: i64,
}

/// An agent that shuts down gives a build back.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Release {
    pub attempt: i64,
}

/// Why a run failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    pub kind: FailureKind,
    /// One sentence for a person, without secrets.
    pub message: String,
}
