use std::path::Path;

use tokio::time::timeout;

use super::*;
use crate::agent::scripted_server::{DEADLINE, Dice, Record, Server};

fn start(lease: &Lease, home: &Path) -> Log {
    Log::start(lease, Spool::create(home.join("spool"), 1 << 30).unwrap())
}

async fn close(log: &Log) -> LogEnd {
    timeout(DEADLINE, log.close()).await.expect("the log closes").expect("closed once")
}

/// Megabytes of lines that do not compress to nothing.
fn lines(seed: u64, count: usize) -> String {
    let mut dice = Dice::new(seed);
    (0..count).map(|n| format!("{n} {}\n", dice.up_to(1 << 40))).collect()
}

#[tokio::test]
async fn random_output_arrives_whole_and_masked() {
    for seed in 0..12 {
        let server = Server::start().await;
        let home = tempfile::tempdir().unwrap();
        let lease = server.lease();
        let log = start(&lease, home.path());
        let mut dice = Dice::new(seed);
        let secrets: Vec<String> =
            (0..3).map(|_| format!("s3cr€t{}", dice.up_to(1 << 30))).collect();
        secrets.iter().for_each(|secret| log.mask(&Secret::new(secret.as_str())));
        let mut bytes = Vec::new();
        while bytes.len() < 3 << 20 {
            match dice.up_to(20) {
                0 => bytes.extend(secrets[dice.up_to(3)].as_bytes()),
                1 => bytes.push(0xE2),
                2 => bytes.extend("€\n".as_bytes()),
                _ => {
                    let length = dice.up_to(4000);
                    bytes
                        .extend(dice.text(&["abc", "d e", "\n", "s3cr", "0.1"], length).as_bytes());
                }
            }
        }
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let most = if dice.up_to(2) == 0 { 400_000 } else { 3_000 };
            let (piece, after) = rest.split_at((1 + dice.up_to(most)).min(rest.len()));
            log.write("step", Stream::Stdout, piece).await;
            rest = after;
        }
        let end = close(&log).await;
        let mut expected = String::from_utf8_lossy(&bytes).into_owned();
        for secret in &secrets {
            expected = expected.replace(secret, mask::MASK);
        }
        server.assert_sound();
        assert!(server.read(|record| record.text() == expected), "seed {seed}");
        let chunks = server.read(|record| record.chunks.len() as i64);
        assert_eq!(end, LogEnd { chunks, fault: None });
        assert!(!home.path().join("spool").exists(), "the spool is gone");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_streams_at_once_keep_their_lines() {
    let server = Server::start().await;
    let home = tempfile::tempdir().unwrap();
    let lease = server.lease();
    let log = Arc::new(start(&lease, home.path()));
    let print = |stream: Stream, word: &'static str| {
        let log = log.clone();
        tokio::spawn(async move {
            let mut dice = Dice::new(7);
            let text: String = (0..40_000).map(|n| format!("{word} {n}\n")).collect();
            let mut rest = text.as_bytes();
            while !rest.is_empty() {
                let (piece, after) = rest.split_at((1 + dice.up_to(9000)).min(rest.len()));
                log.write("step", stream, piece).await;
                rest = after;
            }
        })
    };
    let both = [print(Stream::Stdout, "out"), print(Stream::Stderr, "err")];
    for task in both {
        task.await.unwrap();
    }
    close(&log).await;
    server.assert_sound();
    let text = server.read(Record::text);
    for word in ["out", "err"] {
        let of_stream: Vec<_> = text.lines().filter(|line| line.starts_with(word)).collect();
        assert_eq!(of_stream.len(), 40_000);
        for (n, line) in of_stream.iter().enumerate() {
            assert_eq!(*line, format!("{word} {n}"));
        }
    }
}

#[tokio::test]
async fn the_first_line_leaves_at_once_and_a_prompt_soon() {
    let server = Server::start().await;
    let home = tempfile::tempdir().unwrap();
    let lease = server.lease();
    let log = start(&lease, home.path());
    let begun = Instant::now();
    log.write("step", Stream::Stdout, b"first\n").await;
    server.until("the first line", |record| record.text() == "first\n").await;
    assert!(begun.elapsed() < MAX_AGE, "after {:?}", begun.elapsed());
    let begun = Instant::now();
    log.write("step", Stream::Stdout, b"Name? ").await;
    server.until("the prompt", |record| record.text() == "first\nName? ").await;
    assert!(begun.elapsed() < Duration::from_secs(1), "after {:?}", begun.elapsed());
    close(&log).await;
    server.assert_sound();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_costs_no_byte() {
    let mut server = Server::start().await;
    let home = tempfile::tempdir().unwrap();
    let lease = server.lease();
    let log = Arc::new(start(&lease, home.path()));
    let text = Arc::new(lines(3, 1_500_000));
    assert!(text.len() > 20 << 20);
    let printing = tokio::spawn({
        let (log, text) = (log.clone(), text.clone());
        async move {
            for piece in text.as_bytes().chunks(65_536) {
                log.write("step", Stream::Stdout, piece).await;
            }
        }
    });
    server.until("some chunks", |record| record.chunks.len() >= 3).await;
    server.stop().await;
    // The build prints to its end while the server is away.
    timeout(DEADLINE, printing).await.expect("printing does not wait").unwrap();
    let stored = server.read(|record| record.chunks.len());
    let closing = tokio::spawn(async move { log.close().await });
    server.resume().await;
    server.until("the server is found again", |record| record.chunks.len() > stored).await;
    server.stop().await;
    server.resume().await;
    let end = timeout(DEADLINE, closing).await.expect("closes").unwrap().unwrap();
    server.assert_sound();
    assert_eq!(end.fault, None);
    assert!(server.read(|record| record.text() == *text));
    assert!(!lease.cancel.is_cancelled());
}

#[tokio::test]
async fn a_full_spool_makes_the_build_wait() {
    let mut server = Server::start().await;
    server.stop().await;
    let home = tempfile::tempdir().unwrap();
    let lease = server.lease();
    let spool = Spool::create(home.path().join("spool"), 1 << 20).unwrap();
    let log = Arc::new(Log::start(&lease, spool));
    let text = lines(5, 1_000_000);
    let printing = tokio::spawn({
        let (log, text) = (log.clone(), text.clone());
        async move { log.write("step", Stream::Stdout, text.as_bytes()).await }
    });
    // One packed chunk beyond the limit is the most that is kept.
    let folder = home.path().join("spool");
    let kept = || -> u64 {
        let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten();
        entries.filter_map(|entry| entry.metadata().ok()).map(|data| data.len()).sum()
    };
    let full = async {
        while kept() < 1 << 20 {
            tokio::task::yield_now().await;
        }
    };
    timeout(DEADLINE, full).await.expect("the spool fills up");
    assert!(!printing.is_finished());
    server.resume().await;
    timeout(DEADLINE, printing).await.expect("goes on").unwrap();
    assert!(kept() < 3 << 20);
    close(&log).await;
    server.assert_sound();
    assert!(server.read(|record| record.text() == text));
}

#[tokio::test]
async fn answers_that_get_lost_double_nothing() {
    let server = Server::start().await;
    server.script(|record| {
        record.lost_answers.insert("log", 5);
        record.failures.insert("log", [500, 503, 429].into());
    });
    let home = tempfile::tempdir().unwrap();
    let lease = server.lease();
    let log = start(&lease, home.path());
    let text = lines(9, 200_000);
    log.write("step", Stream::Stdout, text.as_bytes()).await;
    let end = close(&log).await;
    server.assert_sound();
    assert!(server.read(|record| record.text() == text));
    assert_eq!(server.read(|record| record.count("log")) as i64, end.chunks + 8);
}

#[tokio::test]
async fn a_lost_lease_stops_the_run_and_frees_the_writers() {
    for status in [409, 404, 401] {
        let server = Server::start().await;
        server.script(|record| {
            record.failures.insert("log", [status].into());
        });
        let home = tempfile::tempdir().unwrap();
        let lease = server.lease();
        let log = start(&lease, home.path());
        let printing = async {
            while !lease.cancel.is_cancelled() {
                log.write("step", Stream::Stdout, &[b'x'; 70_000]).await;
            }
            // More than fits anywhere: must not wait for anybody.
            for _ in 0..100 {
                log.write("step", Stream::Stdout, &[b'x'; 70_000]).await;
            }
        };
        timeout(DEADLINE, printing).await.expect("the run is stopped");
        assert!(lease.is_lost());
        assert_eq!(close(&log).await.fault, None);
        assert_eq!(server.read(|record| record.count("log")), 1, "nothing more is said");
    }
}

#[tokio::test]
async fn a_refused_chunk_is_replaced_by_a_note() {
    let server = Server::start().await;
    server.script(|record| {
        record.failures.insert("log", [413].into());
    });
    let home = tempfile::tempdir().unwrap();
    let lease = server.lease();
    let log = start(&lease, home.path());
    log.write("step", Stream::Stdout, b"refused\n").await;
    server.until("the note", |record| record.chunks.len() == 1).await;
    log.write("step", Stream::Stdout, b"fine\n").await;
    let end = close(&log).await;
    assert_eq!(end, LogEnd { chunks: 2, fault: None });
    let text = server.read(Record::text);
    assert!(text.starts_with("[A part of the log is lost: "), "{text}");
    assert!(text.ends_with("]\nfine\n"), "{text}");
}

#[tokio::test]
async fn a_server_that_takes_no_log_at_all_ends_the_build() {
    let server = Server::start().await;
    server.script(|record| {
        record.failures.insert("log", [400, 400].into());
    });
    let home = tempfile::tempdir().unwrap();
    let lease = server.lease();
    let log = start(&lease, home.path());
    log.write("step", Stream::Stdout, b"refused\n").await;
    timeout(DEADLINE, lease.cancel.cancelled()).await.expect("the run is stopped");
    let end = close(&log).await;
    assert!(end.fault.is_some_and(|fault| fault.contains("as scripted")));
    assert!(!lease.is_lost(), "the result can still be told");
}

#[tokio::test]
async fn a_dropped_log_leaves_nothing() {
    let mut server = Server::start().await;
    server.stop().await;
    let home = tempfile::tempdir().unwrap();
    let lease = server.lease();
    let log = start(&lease, home.path());
    log.write("step", Stream::Stdout, b"line\n").await;
    drop(log);
    let gone = async {
        while home.path().join("spool").exists() {
            tokio::task::yield_now().await;
        }
    };
    timeout(DEADLINE, gone).await.expect("the tasks end");
}
