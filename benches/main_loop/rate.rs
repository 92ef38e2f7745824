//! Requests per second of showing a build and listing ten of 10,000.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::server::{Server, repository};
use crate::{Row, median};

const BUILDS: i64 = 10_000;
const CONNECTIONS: usize = 8;
const ROUNDS: usize = 3;
const ROUND: Duration = Duration::from_secs(2);

pub fn measure() -> Vec<Row> {
    let dir = tempfile::tempdir().unwrap();
    let repo = repository(dir.path(), "#!/bin/sh\n");
    let server = Server::start(dir.path(), 2, &repo);
    let idle = server.memory_mb("VmRSS");
    let database = server.dir.join("shipmate.db");
    let build = fill(&database, &server.app);
    let baseline = Baseline::start(&database);
    let show = compare(&server, &baseline, "Show a build", &format!("/v1/builds/{build}"));
    let path = format!("/v1/apps/{}/builds", server.app);
    let list = compare(&server, &baseline, "List 10 of 10,000 builds", &path);
    let memory = Row {
        what: "Idle memory with the in-process agent",
        ours: format!("{idle:.1} MB"),
        baseline: "-".into(),
        figure: format!("{idle:.1} MB"),
        goal: "20 MB",
        met: idle <= 20.0,
    };
    vec![memory, show, list]
}

/// Inserts finished builds; the id of one of them.
fn fill(database: &Path, app: &str) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(database);
        let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
        let mut tx = pool.begin().await.unwrap();
        for number in 1..=BUILDS {
            sqlx::query(
                "INSERT INTO builds (id, app_id, number, status, phase, scheme, repo_url, branch,
                   commit_sha, commit_author, commit_message, triggered_by, created_at, started_at,
                   finished_at, tests_count, tests_passed, coverage)
                 VALUES ($1, $2, $3, 'success', 'done', '', 'file:///repository', 'main',
                   'ccba4e861c7e631c337044b3fe7a1a664c26a58b', 'Ada', 'A change', 'api_triggered',
                   $4, $4, $4, 12, 11, 0.75)",
            )
            .bind(format!("{number:024x}"))
            .bind(app)
            .bind(number)
            .bind(1_700_000_000_000 + number)
            .execute(&mut *tx)
            .await
            .unwrap();
        }
        tx.commit().await.unwrap();
    });
    format!("{:024x}", BUILDS / 2)
}

struct Baseline {
    child: Child,
    port: u16,
}

impl Baseline {
    fn start(database: &Path) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .arg("--serve-baseline")
            .arg(database)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { child, port: line.trim().parse().unwrap() }
    }
}

impl Drop for Baseline {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

fn compare(server: &Server, baseline: &Baseline, what: &'static str, path: &str) -> Row {
    let head = server.head("GET", path, "keep-alive");
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        ours.push(rate(server.port, &head));
        theirs.push(rate(baseline.port, &head));
    }
    let (ours, theirs) = (median(&mut ours), median(&mut theirs));
    let ratio = ours / theirs;
    Row {
        what,
        ours: format!("{ours:.0}/s"),
        baseline: format!("{theirs:.0}/s"),
        figure: format!("{ratio:.2}"),
        goal: "at least 0.7",
        met: ratio >= 0.7,
    }
}

/// Requests per second over several connections, each one at a time.
fn rate(port: u16, head: &str) -> f64 {
    let end = Instant::now() + ROUND;
    let workers: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            let head = head.to_owned();
            std::thread::spawn(move || requests_until(port, &head, end))
        })
        .collect();
    let total: usize = workers.into_iter().map(|worker| worker.join().unwrap()).sum();
    total as f64 / ROUND.as_secs_f64()
}

fn requests_until(port: u16, head: &str, end: Instant) -> usize {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_nodelay(true).unwrap();
    let mut buffer = vec![0; 64 << 10];
    let mut count = 0;
    while Instant::now() < end {
        stream.write_all(head.as_bytes()).unwrap();
        read_answer(&mut stream, &mut buffer);
        count += 1;
    }
    count
}

/// Reads one 200 answer with a length.
fn read_answer(stream: &mut TcpStream, buffer: &mut [u8]) {
    let mut filled = 0;
    loop {
        let read = stream.read(&mut buffer[filled..]).unwrap();
        assert!(read > 0, "the server closed the connection");
        filled += read;
        let text = std::str::from_utf8(&buffer[..filled]).unwrap();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .and_then(|length| length.parse::<usize>().ok())
            .unwrap();
        if body.len() >= length {
            return;
        }
    }
}
