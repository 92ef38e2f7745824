//! The real server as a child process, and the plainest HTTP client.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::{Row, median};

const BINARY: &str = env!("CARGO_BIN_EXE_shipmate");

/// A running server; killed when dropped.
pub struct Server {
    child: Child,
    pub port: u16,
    pub dir: PathBuf,
    pub token: String,
    pub app: String,
}

impl Server {
    /// Starts on a fresh data folder below `dir`, with an app for `repository`.
    pub fn start(dir: &Path, slots: u32, repository: &Path) -> Self {
        let data = dir.join("data");
        let (child, port) = spawn(&data, slots);
        let mut server = Self { child, port, dir: data, token: String::new(), app: String::new() };
        let user = server.admin(&["user", "add", "--email", "bench@localhost"]);
        server.token = user["access_token"].as_str().unwrap().to_owned();
        let repo = format!("file://{}", repository.display());
        let app = [
            "app",
            "add",
            "--name",
            "bench",
            "--platform",
            "ios",
            "--owner",
            "bench@localhost",
            "--repo",
        ];
        let app = server.admin(&[&app[..], &[&repo]].concat());
        server.app = app["app_id"].as_str().unwrap().to_owned();
        server
    }

    fn admin(&self, args: &[&str]) -> Value {
        let output = Command::new(BINARY)
            .arg("admin")
            .args(args)
            .args(["--json", "--data-dir"])
            .arg(&self.dir)
            .output()
            .unwrap();
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// One call on a connection of its own; status line checked, body parsed.
    pub fn call(&self, method: &str, path: &str) -> Value {
        let mut stream = self.open(method, path, "close");
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 2"), "{head}");
        serde_json::from_str(body).unwrap_or(Value::Null)
    }

    /// Sends a request and leaves the answer to the caller.
    pub fn open(&self, method: &str, path: &str, connection: &str) -> TcpStream {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(300))).unwrap();
        let head = self.head(method, path, connection);
        stream.write_all(head.as_bytes()).unwrap();
        stream
    }

    pub fn head(&self, method: &str, path: &str, connection: &str) -> String {
        format!(
            "{method} {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {}\r\n\
             Content-Length: 0\r\nConnection: {connection}\r\n\r\n",
            self.token
        )
    }

    pub fn trigger(&self) -> String {
        let answer = self.call("POST", &format!("/v1/apps/{}/builds", self.app));
        answer["build_id"].as_str().unwrap().to_owned()
    }

    /// A figure of `/proc/PID/status`, in MB.
    pub fn memory_mb(&self, key: &str) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with(key)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// Starts the server on a free port; returns once it answers.
fn spawn(data: &Path, slots: u32) -> (Child, u16) {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let child = Command::new(BINARY)
        .args(["serve", "--listen", &format!("127.0.0.1:{port}"), "--data-dir"])
        .arg(data)
        .args(["--agent-slots", &slots.to_string()])
        // One client with one token measures what all would do together.
        .env("SHIPMATE_LIMITS_REQUESTS_PER_MINUTE", "0")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let end = Instant::now() + Duration::from_secs(30);
    while !is_healthy(port) {
        assert!(Instant::now() < end, "the server does not answer");
        std::thread::yield_now();
    }
    (child, port)
}

fn is_healthy(port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { return false };
    let request = b"GET /healthz HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n";
    let mut answer = [0; 12];
    stream.write_all(request).is_ok() && stream.read_exact(&mut answer).is_ok()
}

/// A repository with one script that runs right after the clone.
pub fn repository(dir: &Path, script: &str) -> PathBuf {
    let path = dir.join("repository");
    std::fs::create_dir_all(&path).unwrap();
    std::fs::write(path.join("buddybuild_postclone.sh"), script).unwrap();
    let run = |args: &[&str]| {
        assert!(Command::new("git").args(args).current_dir(&path).status().unwrap().success());
    };
    run(&["init", "--quiet", "--initial-branch=main"]);
    run(&["add", "--all"]);
    run(&["-c", "user.name=b", "-c", "user.email=b@localhost", "commit", "--quiet", "--message=b"]);
    path
}

pub fn measure_start() -> Vec<Row> {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("second");
    let begin = Instant::now();
    let (mut child, _) = spawn(&data, 2);
    let first = begin.elapsed().as_secs_f64() * 1e3;
    child.kill().unwrap();
    child.wait().unwrap();
    let mut times: Vec<f64> = (0..10)
        .map(|_| {
            let begin = Instant::now();
            let (mut child, _) = spawn(&data, 2);
            let took = begin.elapsed().as_secs_f64() * 1e3;
            child.kill().unwrap();
            child.wait().unwrap();
            took
        })
        .collect();
    let start = median(&mut times);
    vec![Row {
        what: "Start to first HTTP answer",
        ours: format!("{start:.0} ms"),
        baseline: format!("{first:.0} ms (first start)"),
        figure: format!("{start:.0} ms"),
        goal: "30 ms",
        met: start <= 30.0,
    }]
}
