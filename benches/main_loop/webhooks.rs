//! How fast webhooks are answered while builds run, and that none is lost:
//! fifty a second for a minute, each a push that becomes a real build.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::Row;
use crate::server::{Server, repository};

const PER_SECOND: u32 = 50;
const SECONDS: u32 = 60;
const CONNECTIONS: u32 = 10;
/// Evaluated and queued at latest this long after the last answer.
const PATIENCE: Duration = Duration::from_secs(120);

pub fn measure() -> Vec<Row> {
    let dir = tempfile::tempdir().unwrap();
    let repo = repository(dir.path(), "#!/bin/sh\necho hello\n");
    let total = PER_SECOND * SECONDS;
    let sha = branches(&repo, total);
    let server = Server::start(dir.path(), 1, &repo);
    let begin = Instant::now() + Duration::from_millis(200);
    let mut times: Vec<f64> = std::thread::scope(|scope| {
        let connections: Vec<_> = (0..CONNECTIONS)
            .map(|connection| {
                let (server, sha) = (&server, &sha);
                scope.spawn(move || deliver(server, sha, begin, connection))
            })
            .collect();
        connections.into_iter().flat_map(|connection| connection.join().unwrap()).collect()
    });
    let built = count_built(&server, total);
    let running =
        server.call("GET", &format!("/v1/apps/{}/builds?status=success&limit=1", server.app));
    let finished = running[0]["build_number"].as_i64().unwrap_or(0);
    times.sort_by(f64::total_cmp);
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    let (p50, p99, max) = (at(0.5), at(0.99), at(1.0));
    println!("webhooks: {} answered, {built} built, at build #{finished}", times.len());
    vec![
        Row {
            what: "50 webhooks a second for a minute, builds running: p99 of the answer",
            ours: format!("{p50:.1} ms median, {max:.0} ms at most"),
            baseline: "-".into(),
            figure: format!("{p99:.1} ms"),
            goal: "under 100 ms",
            met: p99 < 100.0,
        },
        Row {
            what: "Builds of these webhooks",
            ours: format!("{built}"),
            baseline: format!("{total} delivered"),
            figure: format!("{} lost", i64::from(total) - built),
            goal: "none lost",
            met: built == i64::from(total),
        },
    ]
}

/// As many branches at the tip of `repo`; its commit.
fn branches(repo: &Path, count: u32) -> String {
    let git = |args: &[&str]| {
        let mut command = Command::new("git");
        command.args(args).current_dir(repo);
        command
    };
    let head = git(&["rev-parse", "HEAD"]).output().unwrap().stdout;
    let sha = String::from_utf8(head).unwrap().trim().to_owned();
    let mut update = git(&["update-ref", "--stdin"]).stdin(Stdio::piped()).spawn().unwrap();
    let lines: String = (0..count).map(|n| format!("create refs/heads/b{n} {sha}\n")).collect();
    update.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    assert!(update.wait().unwrap().success());
    assert!(git(&["pack-refs", "--all"]).status().unwrap().success());
    sha
}

/// Every delivery of one connection; milliseconds from when each was due to
/// its whole answer, so that waiting for a slow one before it counts.
fn deliver(server: &Server, sha: &str, begin: Instant, connection: u32) -> Vec<f64> {
    let mut stream = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut times = Vec::new();
    for number in (connection..PER_SECOND * SECONDS).step_by(CONNECTIONS as usize) {
        let due = begin + Duration::from_secs(1) * number / PER_SECOND;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let body = format!(
            r#"{{"ref":"refs/heads/b{number}","before":"{}","after":"{sha}","head_commit":{{"id":"{sha}","message":"Go on"}},"commits":[]}}"#,
            "1".repeat(40)
        );
        let head = format!(
            "POST /api/webhook?appID={} HTTP/1.1\r\nHost: bench\r\nX-GitHub-Event: push\r\n\
             X-GitHub-Delivery: bench-{number}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n",
            server.app,
            body.len()
        );
        stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
        let answer = read_answer(&mut stream);
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        times.push(due.elapsed().as_secs_f64() * 1e3);
    }
    times
}

fn read_answer(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let count = stream.read(&mut buffer).unwrap();
        assert!(count > 0, "the server closed the connection");
        text.extend_from_slice(&buffer[..count]);
        let shown = String::from_utf8_lossy(&text);
        let Some((head, body)) = shown.split_once("\r\n\r\n") else { continue };
        let length = head.to_lowercase();
        let length = length.split("content-length: ").nth(1).unwrap();
        let length: usize = length.split("\r\n").next().unwrap().parse().unwrap();
        if body.len() >= length {
            return shown.into_owned();
        }
    }
}

/// Waits until as many builds as `wanted` are queued, or patience ends.
fn count_built(server: &Server, wanted: u32) -> i64 {
    let end = Instant::now() + PATIENCE;
    loop {
        let newest = server.call("GET", &format!("/v1/apps/{}/builds?limit=1", server.app));
        let number = newest[0]["build_number"].as_i64().unwrap_or(0);
        if number >= i64::from(wanted) || Instant::now() > end {
            return number;
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}
