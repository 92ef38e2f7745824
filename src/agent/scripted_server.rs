//! For the tests of this room: seeded randomness, and a server of the agent
//! protocol on a real socket that records what it gets, answers by script, and
//! can be killed and started again on its port.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::agent::client::Client;
use crate::agent::client::lease::Lease;
use crate::agent::client::retry::Backoff;
use crate::model::app::Platform;
use crate::model::build::Trigger;
use crate::model::ids::{AppId, ArtifactId, BuildId};
use crate::model::log::{ChunkMeta, Run};
use crate::model::secret::Secret;
use crate::model::time::Millis;
use crate::protocol::{
    Assignment, ClaimRequest, CommitReport, CoverageBatch, Finish, Heartbeat, HeartbeatReply,
    Limits, LogReply, MAX_CHUNK_BODY, MAX_CHUNK_BYTES, MAX_JSON_BODY, Release, Source, TestBatch,
    UploadReply,
};

/// Nothing in these tests takes longer, unless it is broken.
pub const DEADLINE: Duration = Duration::from_secs(20);

pub const TOKEN: &str = "agent-token-of-the-test";

/// Short delays, so that an outage ends soon after the server is back.
pub const BACKOFF: Backoff =
    Backoff { start: Duration::from_millis(5), cap: Duration::from_millis(50) };

/// A small generator (xorshift64*), so that a failing seed can be run again.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// 0..`end`.
    pub fn up_to(&mut self, end: usize) -> usize {
        ((self.next() >> 16) as usize) % end
    }

    pub fn text(&mut self, alphabet: &[&str], length: usize) -> String {
        (0..length).map(|_| alphabet[self.up_to(alphabet.len())]).collect()
    }
}

/// Query and body of an upload.
pub type Received = (Vec<(String, String)>, Vec<u8>);

/// What the server got, and what it is to answer.
#[derive(Default)]
pub struct Record {
    /// Every call: its name and body or query, in order.
    pub calls: Vec<String>,
    pub chunks: Vec<(ChunkMeta, String)>,
    pub claims: Vec<ClaimRequest>,
    pub beats: Vec<Heartbeat>,
    pub commits: Vec<CommitReport>,
    pub tests: Vec<TestBatch>,
    pub coverage: Vec<CoverageBatch>,
    pub sources: Vec<Vec<u8>>,
    /// By upload id: the query and the bytes.
    pub artifacts: BTreeMap<String, Received>,
    pub finishes: Vec<Finish>,
    pub releases: Vec<Release>,
    pub work: VecDeque<Assignment>,
    pub cancel: bool,
    /// Statuses to answer to the named calls before all is well.
    pub failures: BTreeMap<&'static str, VecDeque<u16>>,
    /// The named calls are carried out, but the answer is lost this often.
    pub lost_answers: BTreeMap<&'static str, u32>,
    /// Violations of the protocol by the agent.
    pub faults: Vec<String>,
}

impl Record {
    /// The text of all chunks.
    pub fn text(&self) -> String {
        self.chunks.iter().map(|(_, text)| text.as_str()).collect()
    }

    pub fn count(&self, call: &str) -> usize {
        self.calls.iter().filter(|name| *name == call).count()
    }
}

#[derive(Clone)]
struct Shared(Arc<watch::Sender<Record>>);

/// The scripted server.
pub struct Server {
    shared: Shared,
    address: SocketAddr,
    runtime: Option<Runtime>,
}

impl Server {
    pub async fn start() -> Self {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let shared = Shared(Arc::new(watch::Sender::new(Record::default())));
        let mut server = Self { shared, address: any, runtime: None };
        server.resume().await;
        server
    }

    /// Kills all connections and stops listening.
    pub async fn stop(&mut self) {
        let runtime = self.runtime.take().expect("the server runs");
        let stopping = tokio::task::spawn_blocking(move || runtime.shutdown_timeout(DEADLINE));
        stopping.await.unwrap();
    }

    /// Listens again, on the same port as before.
    pub async fn resume(&mut self) {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let address = self.address;
        let listening = runtime.spawn(async move { TcpListener::bind(address).await.unwrap() });
        let listener = listening.await.unwrap();
        self.address = listener.local_addr().unwrap();
        let router = Router::new().fallback(answer).with_state(self.shared.clone());
        runtime.spawn(async move { axum::serve(listener, router).await });
        self.runtime = Some(runtime);
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn client(&self) -> Client {
        Client::new(&self.url(), &Secret::new(TOKEN)).unwrap()
    }

    pub fn lease(&self) -> Lease {
        Lease::new(self.client(), BuildId::generate(Millis(0)), 1, BACKOFF)
    }

    pub fn script(&self, change: impl FnOnce(&mut Record)) {
        self.shared.0.send_modify(change);
    }

    pub fn read<T>(&self, read: impl FnOnce(&Record) -> T) -> T {
        read(&self.shared.0.borrow())
    }

    /// Waits until the record is as wanted.
    pub async fn until(&self, what: &str, is_so: impl FnMut(&Record) -> bool) {
        let mut record = self.shared.0.subscribe();
        let met = timeout(DEADLINE, record.wait_for(is_so)).await.is_ok();
        assert!(met, "not in time: {what}; calls: {:?}", self.read(|r| r.calls.clone()));
    }

    /// The agent kept to the protocol.
    pub fn assert_sound(&self) {
        assert_eq!(self.read(|record| record.faults.clone()), Vec::<String>::new());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// A build to hand out.
pub fn assignment() -> Assignment {
    Assignment {
        build_id: BuildId::generate(Millis(0)),
        app_id: AppId::generate(Millis(0)),
        app_name: "Sample".into(),
        platform: Platform::Android,
        number: 1,
        attempt: 1,
        source: Source { repo_url: "https://git.example/sample".into(), ..Source::default() },
        scheme: String::new(),
        triggered_by: Trigger::Api,
        env: Vec::new(),
        device: Vec::new(),
        secure_files: Vec::new(),
        without_cache: false,
        limits: Limits { max_duration_ms: 60_000, kill_grace_ms: 1_000, lease_ms: 60_000 },
    }
}

async fn answer(State(shared): State<Shared>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().to_owned();
    let query: Vec<(String, String)> =
        form_urlencoded::parse(parts.uri.query().unwrap_or("").as_bytes()).into_owned().collect();
    let Ok(body) = to_bytes(body, 64 << 20).await else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let words: Vec<&str> = path.trim_matches('/').split('/').collect();
    let (call, rest) = match &words[..] {
        // Greeted and forgotten: the scripts are about what comes after.
        ["agent", "v1", "hello" | "examination"] => return StatusCode::NO_CONTENT.into_response(),
        ["agent", "v1", "claim"] => ("claim", ""),
        ["agent", "v1", "builds", _, call] => (*call, ""),
        ["agent", "v1", "builds", _, call, rest] => (*call, *rest),
        _ => ("unknown", ""),
    };
    if let Some(status) = shared.begin(call, &parts.headers) {
        return (status, r#"{"error":"as scripted"}"#).into_response();
    }
    let answer = shared.carry_out(call, rest, query, body).await;
    if shared.loses_answer(call) {
        return StatusCode::BAD_GATEWAY.into_response();
    }
    answer
}

impl Shared {
    fn change<T>(&self, change: impl FnOnce(&mut Record) -> T) -> T {
        let mut result = None;
        self.0.send_modify(|record| result = Some(change(record)));
        result.unwrap()
    }

    /// Notes the call; returns the failure that is scripted for it.
    fn begin(&self, call: &str, headers: &HeaderMap) -> Option<StatusCode> {
        self.change(|record| {
            record.calls.push(call.to_owned());
            let expected = format!("Bearer {TOKEN}");
            if headers.get("authorization").is_none_or(|got| got != expected.as_str()) {
                record.faults.push(format!("{call} without the token"));
            }
            let status = record.failures.get_mut(call)?.pop_front()?;
            StatusCode::from_u16(status).ok()
        })
    }

    fn loses_answer(&self, call: &str) -> bool {
        self.change(|record| match record.lost_answers.get_mut(call) {
            Some(left) if *left > 0 => {
                *left -= 1;
                true
            }
            _ => false,
        })
    }

    async fn carry_out(
        &self,
        call: &str,
        rest: &str,
        query: Vec<(String, String)>,
        body: Bytes,
    ) -> Response {
        match call {
            "claim" => return self.claim(parse(&body)).await,
            "heartbeat" => return self.heartbeat(parse(&body)).await,
            "log" => return self.log(&query, &body),
            "artifacts" => return self.artifact(rest, query, body),
            _ => {}
        }
        if body.len() > MAX_JSON_BODY {
            return StatusCode::PAYLOAD_TOO_LARGE.into_response();
        }
        self.change(|record| match call {
            "commit" => record.commits.push(parse(&body)),
            "tests" => record.tests.push(parse(&body)),
            "coverage" => record.coverage.push(parse(&body)),
            "sources" => record.sources.push(body.to_vec()),
            "finish" => record.finishes.push(parse(&body)),
            "release" => record.releases.push(parse(&body)),
            other => record.faults.push(format!("unknown call {other}")),
        });
        StatusCode::NO_CONTENT.into_response()
    }

    /// The same id gets the same assignment, as the protocol says.
    async fn claim(&self, request: ClaimRequest) -> Response {
        let wait = Duration::from_millis(request.wait_ms);
        let mut changes = self.0.subscribe();
        let work = changes.wait_for(|record| !record.work.is_empty());
        let found = timeout(wait, work).await.is_ok();
        let assignment = self.change(|record| {
            record.claims.push(request);
            if found { record.work.pop_front() } else { None }
        });
        match assignment {
            Some(assignment) => axum::Json(assignment).into_response(),
            None => StatusCode::NO_CONTENT.into_response(),
        }
    }

    async fn heartbeat(&self, beat: Heartbeat) -> Response {
        let wait = Duration::from_millis(beat.wait_ms);
        self.change(|record| record.beats.push(beat));
        let mut changes = self.0.subscribe();
        let cancel = timeout(wait, changes.wait_for(|record| record.cancel)).await.is_ok();
        axum::Json(HeartbeatReply { cancel: cancel || self.0.borrow().cancel }).into_response()
    }

    fn log(&self, query: &[(String, String)], body: &[u8]) -> Response {
        let seq: i64 = value(query, "seq").parse().unwrap();
        self.change(|record| {
            let expected = record.chunks.len() as i64;
            match read_chunk(body) {
                Ok(chunk) if seq == expected => record.chunks.push(chunk),
                Ok(chunk) if seq < expected => {
                    if record.chunks[seq as usize] != chunk {
                        record.faults.push(format!("chunk {seq} came again, but different"));
                    }
                }
                Ok(_) => record.faults.push(format!("chunk {seq} came before {expected}")),
                Err(fault) => record.faults.push(format!("chunk {seq}: {fault}")),
            }
            axum::Json(LogReply { next_seq: record.chunks.len() as i64 }).into_response()
        })
    }

    fn artifact(&self, id: &str, query: Vec<(String, String)>, body: Bytes) -> Response {
        self.change(|record| {
            if body.len().to_string() != value(&query, "bytes") {
                record.faults.push(format!("artifact {id} is not as long as announced"));
            }
            record.artifacts.insert(id.to_owned(), (query, body.to_vec()));
        });
        axum::Json(UploadReply { artifact_id: ArtifactId::generate(Millis(0)) }).into_response()
    }
}

fn value<'a>(query: &'a [(String, String)], name: &str) -> &'a str {
    query.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> T {
    serde_json::from_slice(body).unwrap()
}

/// Reads a chunk and checks everything that its meta says.
fn read_chunk(body: &[u8]) -> Result<(ChunkMeta, String), String> {
    if body.len() > MAX_CHUNK_BODY {
        return Err(format!("a body of {} bytes", body.len()));
    }
    let end = memchr::memchr(b'\n', body).ok_or("no end of the meta line")?;
    let meta: ChunkMeta = serde_json::from_slice(&body[..end]).map_err(|e| e.to_string())?;
    let text = zstd::bulk::decompress(&body[end + 1..], MAX_CHUNK_BYTES)
        .map_err(|error| error.to_string())?;
    let text = String::from_utf8(text).map_err(|error| error.to_string())?;
    let newlines = text.matches('\n').count() as u64;
    let in_runs: u64 = meta.runs.iter().map(|run| u64::from(run.lines)).sum();
    let is_partial = meta.runs.last().is_some_and(|run: &Run| run.partial);
    let steps_exist = meta.runs.iter().all(|run| usize::from(run.step) < meta.steps.len());
    let is_sound = meta.bytes == text.len() as u64
        && meta.lines == newlines
        && in_runs == newlines
        && is_partial != text.ends_with('\n')
        && steps_exist
        && !text.is_empty();
    if is_sound { Ok((meta, text)) } else { Err(format!("meta {meta:?} for {text:?}")) }
}
