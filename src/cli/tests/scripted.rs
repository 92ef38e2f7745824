//! A real HTTP server on a real socket that answers what a test tells it, and
//! a console that keeps what a command writes.

use std::io::Write;
use std::sync::{Arc, Mutex};

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::cli::{Console, run_args};
use crate::config::Environment;

pub const BUILD: &str = "59a1b2c3d4e5f60718293a4b";
pub const APP: &str = "58a1b2c3d4e5f60718293a4b";

/// One request as it arrived.
#[derive(Debug, Clone)]
pub struct Seen {
    /// "GET /v1/apps?x=y".
    pub line: String,
    pub headers: HeaderMap,
    pub body: String,
}

impl Seen {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

pub struct Server {
    pub url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Server {
    /// Answers every request by `answer`, which also gets its number from 0.
    pub async fn start(answer: impl Fn(&Seen, usize) -> Response + Send + Sync + 'static) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (log, answer) = (seen.clone(), Arc::new(answer));
        let app = axum::Router::new().fallback(move |request: Request| {
            let (log, answer) = (log.clone(), answer.clone());
            async move {
                let (parts, body) = request.into_parts();
                let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
                let one = Seen {
                    line: format!("{} {}", parts.method, parts.uri),
                    headers: parts.headers,
                    body: String::from_utf8(body.to_vec()).unwrap(),
                };
                let number = {
                    let mut log = log.lock().unwrap();
                    log.push(one.clone());
                    log.len() - 1
                };
                answer(&one, number)
            }
        });
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url, seen }
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub fn lines(&self) -> Vec<String> {
        self.seen().into_iter().map(|one| one.line).collect()
    }
}

pub fn json(text: impl Into<String>) -> Response {
    ([("content-type", "application/json; charset=utf-8")], text.into()).into_response()
}

pub fn error(status: u16, text: &str) -> Response {
    let status = StatusCode::from_u16(status).unwrap();
    (status, json(serde_json::json!({ "error": text }).to_string())).into_response()
}

/// A body that breaks off after `parts`, as when the connection is cut.
pub fn cut(parts: Vec<Vec<u8>>) -> Body {
    let parts = parts.into_iter().map(|part| Ok(Bytes::from(part)));
    let end = std::iter::once(Err(std::io::Error::other("cut")));
    // A body that fails at once would be dropped together with what came
    // before it, so it fails at its second poll.
    let stream = futures_util::stream::iter(parts.chain(end));
    Body::from_stream(futures_util::StreamExt::then(stream, |part| async {
        tokio::task::yield_now().await;
        part
    }))
}

pub fn build(number: i64, status: &str) -> serde_json::Value {
    let finished = matches!(status, "success" | "failed" | "cancelled");
    serde_json::json!({
        "_id": BUILD, "app_id": APP, "repo_url": "https://git.example.com/o/r.git",
        "build_status": status, "finished": finished, "build_number": number,
        "commit_info": {
            "tags": [], "branch": "main", "author": "Ada", "html_url": "",
            "commit_sha": "0123456789abcdef0123456789abcdef01234567",
            "message": "Fix the door\n\nIt was open.",
        },
        "created_at": "2026-03-02T22:13:26.728Z",
        "started_at": "2026-03-02T22:13:30.000Z",
        "finished_at": finished.then_some("2026-03-02T22:16:37.000Z"),
        "test_summary": {}, "links": { "download": [], "install": [] }, "scheme_name": "",
    })
}

#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[derive(Debug, PartialEq, Eq)]
pub struct Ran {
    pub code: u8,
    pub out: String,
    pub err: String,
}

/// One invocation of the program.
pub struct Shipmate {
    pub home: tempfile::TempDir,
    pub input: &'static str,
    pub terminal: bool,
    pub env: Vec<(String, String)>,
}

impl Shipmate {
    /// Without server or token in the environment.
    pub fn bare() -> Self {
        let home = tempfile::tempdir().unwrap();
        let env = vec![("HOME".into(), home.path().display().to_string())];
        Self { home, input: "", terminal: false, env }
    }

    /// For a server, by environment variables.
    pub fn at(server: &Server) -> Self {
        let mut shipmate = Self::bare();
        shipmate.env.push(("SHIPMATE_SERVER".into(), server.url.clone()));
        shipmate.env.push(("SHIPMATE_TOKEN".into(), "s3cret".into()));
        shipmate
    }

    pub async fn run(&self, args: &[&str]) -> Ran {
        let (out, err) = (Buffer::default(), Buffer::default());
        let mut console = self.console();
        console.out = Box::new(out.clone());
        console.err = Box::new(err.clone());
        let code = run_args(std::iter::once(&"shipmate").chain(args), &mut console).await;
        let text = |buffer: Buffer| String::from_utf8(buffer.0.lock().unwrap().clone()).unwrap();
        Ran { code, out: text(out), err: text(err) }
    }

    pub fn console(&self) -> Console {
        Console {
            out: Box::new(std::io::sink()),
            err: Box::new(std::io::sink()),
            input: Box::new(self.input.as_bytes()),
            env: self.env.iter().cloned().collect::<Environment>(),
            cwd: self.home.path().to_owned(),
            colour: self.terminal,
            terminal: self.terminal,
            progress: false,
            ask: false,
        }
    }
}
