//! The agent's calls to the server, one try each: the paths, bodies and
//! answers of `protocol.rs` over HTTP. Never logs a token or a body. What to
//! do about an error is decided by `lease.rs` and `serve.rs`.

pub mod error;
pub mod lease;
pub mod retry;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use reqwest::{Method, RequestBuilder, StatusCode, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::AsyncWriteExt;

use crate::agent::client::error::{CallError, SetupError, causes, for_status};
use crate::model::artifact::ArtifactKind;
use crate::model::ids::{ArtifactId, BuildId};
use crate::model::secret::Secret;
use crate::protocol::{
    Assignment, ClaimRequest, CommitReport, CoverageBatch, Examination, Finish, Heartbeat,
    HeartbeatReply, Hello, LogReply, MAX_JSON_BODY, MAX_SECURE_FILE_BYTES, PackageReport, Release,
    SecureFile, TestBatch, UploadReply,
};

/// For an answer that the server does not make us wait for.
const CALL_TIMEOUT: Duration = Duration::from_secs(60);
/// Beyond the asked wait of a long poll.
const POLL_MARGIN: Duration = Duration::from_secs(10);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// An upload that is slower than this on average (bytes a second) is retried.
const SLOWEST_UPLOAD: u64 = 128 << 10;
/// Answers other than an assignment are a few members of JSON.
const MAX_ANSWER: usize = 64 << 10;

/// One server, one token, one pool of connections. Clones share them.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
    authorization: HeaderValue,
    away: Arc<AtomicBool>,
}

/// An artifact's place and digest.
#[derive(Debug, Clone)]
pub struct Upload {
    /// The same for every try of the same file.
    pub id: String,
    pub attempt: i64,
    pub kind: ArtifactKind,
    pub path: String,
    pub bytes: u64,
    /// 64 lowercase hex.
    pub sha256: String,
}

impl Client {
    /// A client for `server`, an `http` or `https` URL without credentials,
    /// query or fragment. Redirects are not followed, so that the token goes
    /// nowhere else.
    pub fn new(server: &str, token: &Secret) -> Result<Self, SetupError> {
        // Fails when somebody in this process installed one before: as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let base = base_url(server)?;
        let mut authorization = HeaderValue::try_from(format!("Bearer {}", token.expose()))
            .map_err(|_| SetupError::Token)?;
        authorization.set_sensitive(true);
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("shipmate-agent/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT);
        if base.scheme() == "http" {
            // Spares reading the system's certificates.
            builder = builder.tls_certs_only(std::iter::empty());
        } else {
            builder = builder.https_only(true);
        }
        if is_loopback(&base) {
            builder = builder.no_proxy();
        }
        let http = builder.build().map_err(|error| SetupError::Http(causes(&error)))?;
        Ok(Self { http, base, authorization, away: Arc::default() })
    }

    /// Introduces a fresh process of the agent.
    pub async fn hello(&self, hello: &Hello) -> Result<(), CallError> {
        let call = self.request(Method::POST, self.url(&["hello"])).json(hello);
        self.send(call, MAX_ANSWER).await.map(|_| ())
    }

    /// Tells what this machine has.
    pub async fn examination(&self, seen: &Examination) -> Result<(), CallError> {
        let call = self.request(Method::POST, self.url(&["examination"])).json(seen);
        self.send(call, MAX_ANSWER).await.map(|_| ())
    }

    /// Asks for work; `None` when there was none in `request.wait_ms`.
    pub async fn claim(&self, request: &ClaimRequest) -> Result<Option<Assignment>, CallError> {
        let call = self
            .request(Method::POST, self.url(&["claim"]))
            .timeout(Duration::from_millis(request.wait_ms) + POLL_MARGIN)
            .json(request);
        let (status, answer) = self.send(call, MAX_JSON_BODY).await?;
        if status == StatusCode::NO_CONTENT {
            return Ok(None);
        }
        parse(&answer).map(Some)
    }

    /// Renews the lease, and waits up to `beat.wait_ms` for news.
    pub async fn heartbeat(
        &self,
        build: &BuildId,
        beat: &Heartbeat,
    ) -> Result<HeartbeatReply, CallError> {
        let call = self
            .request(Method::POST, self.build_url(build, "heartbeat"))
            .timeout(Duration::from_millis(beat.wait_ms) + POLL_MARGIN)
            .json(beat);
        parse(&self.send(call, MAX_ANSWER).await?.1)
    }

    /// Stores chunk `seq`; `body` as `protocol.rs` says.
    pub async fn put_log(
        &self,
        build: &BuildId,
        attempt: i64,
        seq: i64,
        body: Bytes,
    ) -> Result<LogReply, CallError> {
        let mut url = self.build_url(build, "log");
        url.query_pairs_mut()
            .append_pair("attempt", &attempt.to_string())
            .append_pair("seq", &seq.to_string());
        let call = self
            .request(Method::PUT, url)
            .header(CONTENT_TYPE, "application/octet-stream")
            .body(body);
        parse(&self.send(call, MAX_ANSWER).await?.1)
    }

    pub async fn commit(&self, build: &BuildId, body: &CommitReport) -> Result<(), CallError> {
        self.post(build, "commit", body).await
    }

    pub async fn tests(&self, build: &BuildId, body: &TestBatch) -> Result<(), CallError> {
        self.post(build, "tests", body).await
    }

    pub async fn coverage(&self, build: &BuildId, body: &CoverageBatch) -> Result<(), CallError> {
        self.post(build, "coverage", body).await
    }

    /// Ends the build with this outcome.
    pub async fn finish(&self, build: &BuildId, body: &Finish) -> Result<(), CallError> {
        self.post(build, "finish", body).await
    }

    /// Gives the build back unfinished.
    pub async fn release(&self, build: &BuildId, body: &Release) -> Result<(), CallError> {
        self.post(build, "release", body).await
    }

    /// Stores an artifact; `body` yields exactly `upload.bytes`.
    pub async fn upload(
        &self,
        build: &BuildId,
        upload: &Upload,
        body: reqwest::Body,
    ) -> Result<UploadReply, CallError> {
        let mut url = self.url(&["builds", build.as_str(), "artifacts", upload.id.as_str()]);
        url.query_pairs_mut()
            .append_pair("attempt", &upload.attempt.to_string())
            .append_pair("kind", upload.kind.as_str())
            .append_pair("path", &upload.path)
            .append_pair("bytes", &upload.bytes.to_string())
            .append_pair("sha256", &upload.sha256);
        let slowest = Duration::from_secs(upload.bytes / SLOWEST_UPLOAD);
        let call = self
            .request(Method::PUT, url)
            .timeout(CALL_TIMEOUT + slowest)
            .header(CONTENT_TYPE, "application/octet-stream")
            .header(CONTENT_LENGTH, upload.bytes)
            .body(body);
        parse(&self.send(call, MAX_ANSWER).await?.1)
    }

    /// Reports what was read in the package `artifact`. A server that is older
    /// than this call answers 404, which says nothing about the build: if it
    /// is lost, the next call tells.
    pub async fn package(
        &self,
        build: &BuildId,
        artifact: &ArtifactId,
        body: &PackageReport,
    ) -> Result<(), CallError> {
        let url = self.url(&["builds", build.as_str(), "packages", artifact.as_str()]);
        self.send_extra(self.request(Method::PUT, url).json(body)).await
    }

    /// Stores lines and source of covered files; 404 is as for `package`.
    pub async fn sources(
        &self,
        build: &BuildId,
        attempt: i64,
        body: Bytes,
    ) -> Result<(), CallError> {
        let mut url = self.build_url(build, "sources");
        url.query_pairs_mut()
            .append_pair("attempt", &attempt.to_string())
            .append_pair("bytes", &body.len().to_string());
        let slowest = Duration::from_secs(body.len() as u64 / SLOWEST_UPLOAD);
        let call = self
            .request(Method::PUT, url)
            .timeout(CALL_TIMEOUT + slowest)
            .header(CONTENT_TYPE, "application/octet-stream")
            .body(body);
        self.send_extra(call).await
    }

    /// A call that older servers do not know.
    async fn send_extra(&self, call: RequestBuilder) -> Result<(), CallError> {
        let result = exchange(call, MAX_ANSWER).await;
        self.observe(&result);
        let (status, answer) = result?;
        if status == StatusCode::NOT_FOUND { Ok(()) } else { for_status(status, &answer) }
    }

    /// Writes a secure file to `to`, which only this user can read.
    pub async fn secure_file(
        &self,
        build: &BuildId,
        attempt: i64,
        wanted: &SecureFile,
        to: &Path,
    ) -> Result<(), CallError> {
        let mut url = self.url(&["builds", build.as_str(), "secure-files", &wanted.name]);
        url.query_pairs_mut().append_pair("attempt", &attempt.to_string());
        let slowest = Duration::from_secs(wanted.bytes / SLOWEST_UPLOAD);
        let call = self.request(Method::GET, url).timeout(CALL_TIMEOUT + slowest);
        let retry = |error: reqwest::Error| CallError::Retry(causes(&error));
        let mut response = call.send().await.map_err(retry)?;
        for_status(response.status(), b"")?;
        let local = |error: std::io::Error| CallError::Refused(error.to_string());
        let mut options = tokio::fs::OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = options.open(to).await.map_err(local)?;
        let mut bytes = 0;
        while let Some(piece) = response.chunk().await.map_err(retry)? {
            bytes += piece.len() as u64;
            if bytes > MAX_SECURE_FILE_BYTES {
                return Err(CallError::Refused("the file is too large".into()));
            }
            file.write_all(&piece).await.map_err(local)?;
        }
        file.flush().await.map_err(local)
    }

    async fn post<T: Serialize>(
        &self,
        build: &BuildId,
        name: &str,
        body: &T,
    ) -> Result<(), CallError> {
        let call = self.request(Method::POST, self.build_url(build, name)).json(body);
        self.send(call, MAX_ANSWER).await.map(drop)
    }

    fn request(&self, method: Method, url: Url) -> RequestBuilder {
        self.http
            .request(method, url)
            .timeout(CALL_TIMEOUT)
            .header(AUTHORIZATION, self.authorization.clone())
    }

    fn build_url(&self, build: &BuildId, name: &str) -> Url {
        self.url(&["builds", build.as_str(), name])
    }

    fn url(&self, path: &[&str]) -> Url {
        let mut url = self.base.clone();
        url.path_segments_mut()
            .expect("an http URL has a path")
            .pop_if_empty()
            .extend(["agent", "v1"])
            .extend(path);
        url
    }

    async fn send(
        &self,
        call: RequestBuilder,
        limit: usize,
    ) -> Result<(StatusCode, Vec<u8>), CallError> {
        let result = exchange(call, limit).await;
        self.observe(&result);
        let (status, answer) = result?;
        for_status(status, &answer)?;
        Ok((status, answer))
    }

    /// One log line when the server goes away, and one when it is back.
    fn observe(&self, result: &Result<(StatusCode, Vec<u8>), CallError>) {
        let reason = match result {
            Ok((status, _)) if is_gateway_error(*status) => status.to_string(),
            Ok(_) => {
                if self.away.swap(false, Ordering::Relaxed) {
                    tracing::info!(server = %self.base, "The server is back");
                }
                return;
            }
            Err(error) => error.to_string(),
        };
        if !self.away.swap(true, Ordering::Relaxed) {
            tracing::warn!(server = %self.base, reason, "The server is away; running builds go on");
        }
    }
}

async fn exchange(call: RequestBuilder, limit: usize) -> Result<(StatusCode, Vec<u8>), CallError> {
    let away = |error: reqwest::Error| CallError::Retry(causes(&error.without_url()));
    let mut response = call.send().await.map_err(away)?;
    let mut answer = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(away)? {
        if answer.len() + piece.len() > limit {
            return Err(CallError::Retry(format!("the answer is longer than {limit} bytes")));
        }
        answer.extend_from_slice(&piece);
    }
    Ok((response.status(), answer))
}

/// 502, 503 and 504 come from a proxy or a server that is going down.
fn is_gateway_error(status: StatusCode) -> bool {
    matches!(status.as_u16(), 502..=504)
}

fn parse<T: DeserializeOwned>(answer: &[u8]) -> Result<T, CallError> {
    // The text of a serde error may quote the answer, which may hold secrets.
    serde_json::from_slice(answer).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        CallError::Retry(format!("the answer is not what it should be at {line}:{column}"))
    })
}

fn base_url(server: &str) -> Result<Url, SetupError> {
    let url = Url::parse(server).map_err(|error| SetupError::Server(error.to_string()))?;
    let problem = if !matches!(url.scheme(), "http" | "https") {
        "it must start with http:// or https://"
    } else if !url.username().is_empty() || url.password().is_some() {
        "it must not hold a user or password; the token says who the agent is"
    } else if url.query().is_some() || url.fragment().is_some() {
        "it must not have a query or fragment"
    } else {
        return Ok(url);
    };
    Err(SetupError::Server(problem.into()))
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests;
