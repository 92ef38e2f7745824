//! A log of 1,000,000 lines and 200 MB in a real browser, beside the same log
//! as plain text in a page.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::Row;
use crate::server::{Server, repository};
use crate::wire::Session;

/// A little over 200 bytes a line.
const SCRIPT: &str = "#!/bin/sh\nseq -f '%09.0f a line of a build log, about as long as compilers and \
    test runners print them when they name a file, a module and what they think of both of them, two \
    hundred bytes in all together, end included' 1 1000000\n";
const PATIENCE: Duration = Duration::from_secs(120);

/// How long a browser may take to load the baseline.
const LONGEST: Duration = Duration::from_secs(60);

/// Time to the first lines that can be read, in seconds, and memory of the
/// tab's process, in MB.
struct Seen {
    seconds: f64,
    megabytes: f64,
    /// It had not loaded by then.
    gave_up: bool,
}

pub fn measure() -> Vec<Row> {
    if std::process::Command::new("chromedriver").arg("--version").output().is_err() {
        eprintln!("NOT RUN: the log in a browser (chromedriver is not installed)");
        return Vec::new();
    }
    let dir = tempfile::tempdir().unwrap();
    let repo = repository(dir.path(), SCRIPT);
    let server = Server::start(dir.path(), 2, &repo);
    let id = server.trigger();
    let log = finished_log(&server, &id);
    let lines = log.iter().filter(|byte| **byte == b'\n').count();
    assert!(lines >= 1_000_000 && log.len() >= 200_000_000, "{lines} lines, {} bytes", log.len());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let (ours, plain) = runtime.block_on(async {
        let ours = ours(&server, &id, dir.path()).await;
        (ours, plain(&log, dir.path()).await)
    });
    let gave_up = plain.gave_up;
    let row = |what, figures: [f64; 2], unit: &str, goal, most| {
        let [ours, plain] = figures;
        let (over, under) = if gave_up { ("over ", "under ") } else { ("", "") };
        Row {
            what,
            ours: format!("{ours:.2} {unit}"),
            baseline: format!("{over}{plain:.0} {unit} (the text in a page)"),
            figure: format!("{under}{:.3} times", ours / plain),
            goal,
            met: ours < most,
        }
    };
    vec![
        row(
            "1,000,000 lines (200 MB) in a browser, to the first lines",
            [ours.seconds, plain.seconds],
            "s",
            "under 1 s",
            1.0,
        ),
        row(
            "Memory of that tab, after jumping to the middle and the end",
            [ours.megabytes, plain.megabytes],
            "MB",
            "under 150 MB",
            150.0,
        ),
    ]
}

fn finished_log(server: &Server, id: &str) -> Vec<u8> {
    while server.call("GET", &format!("/v1/builds/{id}"))["finished"] != true {
        std::thread::sleep(Duration::from_millis(50));
    }
    let mut stream = server.open("GET", &format!("/v1/builds/{id}/logs"), "close");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let head = answer.windows(4).position(|end| end == b"\r\n\r\n").unwrap();
    answer.split_off(head + 4)
}

/// The cookie of a person who signs in with the token.
fn cookie(server: &Server) -> String {
    let body = format!("token={}", server.token);
    let mut stream = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
    write!(
        stream,
        "POST /sign-in/token HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let start = answer.find("shipmate_session=").expect("a session begins") + 17;
    answer[start..].split(';').next().unwrap().to_owned()
}

async fn browser(profile: &Path) -> Session {
    let profile = format!("--user-data-dir={}", profile.display());
    let arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run"];
    let quiet = ["--disable-background-networking", "--disable-component-update", "--disable-sync"];
    let all = arguments.into_iter().chain(quiet).map(str::to_owned).chain([profile]);
    Session::start(&all.collect::<Vec<_>>()).await
}

async fn ours(server: &Server, id: &str, dir: &Path) -> Seen {
    let profile = dir.join("profile-ours");
    let browser = browser(&profile).await;
    let site = format!("http://127.0.0.1:{}", server.port);
    go(&browser, &format!("{site}/sign-in")).await;
    let session = json!({ "cookie": { "name": "shipmate_session", "value": cookie(server) } });
    browser.post("cookie", session).await.unwrap();
    let begin = Instant::now();
    go(&browser, &format!("{site}/apps/{}/build/{id}/log", server.app)).await;
    // A line of the script's own list, with its text.
    let shown = "return !!document.querySelector('.log-sheet .tx')?.textContent";
    until(&browser, shown).await;
    let seconds = begin.elapsed().as_secs_f64();
    for line in [500_000, 999_000] {
        let jump = format!("location.hash = '#L{line}'; return true");
        until(&browser, &jump).await;
        let arrived = format!(
            "return [...document.querySelectorAll('.log-sheet .ln')].some((one) =>
               one.querySelector('.no')?.textContent === '{line}' && one.querySelector('.tx').textContent)"
        );
        until(&browser, &arrived).await;
    }
    Seen { seconds, megabytes: memory(), gave_up: false }
}

async fn plain(log: &[u8], dir: &Path) -> Seen {
    let page = dir.join("plain.html");
    let mut html = b"<!doctype html><title>Log</title><pre>".to_vec();
    html.extend(log);
    std::fs::write(&page, html).unwrap();
    let profile = dir.join("profile-plain");
    let browser = browser(&profile).await;
    let limit = json!({ "pageLoad": LONGEST.as_millis() as u64 });
    browser.post("timeouts", limit).await.unwrap();
    let begin = Instant::now();
    let loaded = browser.post("url", json!({ "url": format!("file://{}", page.display()) })).await;
    Seen { seconds: begin.elapsed().as_secs_f64(), megabytes: memory(), gave_up: loaded.is_err() }
}

async fn go(browser: &Session, url: &str) {
    browser.post("url", json!({ "url": url })).await.unwrap();
}

async fn until(browser: &Session, script: &str) {
    let end = Instant::now() + PATIENCE;
    let wanted = json!({ "script": script, "args": [] });
    while browser.post("execute/sync", wanted.clone()).await != Ok(Value::Bool(true)) {
        assert!(Instant::now() < end, "never came true: {script}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The largest renderer there is: proportional set size, in MB. Only one
/// browser runs at a time.
fn memory() -> f64 {
    let processes = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let sizes = processes.filter_map(|entry| {
        let command = std::fs::read(entry.path().join("cmdline")).ok()?;
        if !String::from_utf8_lossy(&command).contains("--type=renderer") {
            return None;
        }
        let rollup = std::fs::read_to_string(entry.path().join("smaps_rollup")).ok()?;
        let line = rollup.lines().find(|line| line.starts_with("Pss:"))?;
        line.split_whitespace().nth(1)?.parse::<f64>().ok()
    });
    sizes.fold(0.0, f64::max) / 1024.0
}
