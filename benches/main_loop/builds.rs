//! How much a build takes on top of a clone and its script.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use crate::server::{Server, repository};
use crate::{Row, median};

const SAMPLES: usize = 20;
const MANY: usize = 200;

pub fn measure() -> Vec<Row> {
    let dir = tempfile::tempdir().unwrap();
    let repo = repository(dir.path(), "#!/bin/sh\necho hello\n");
    let server = Server::start(dir.path(), 2, &repo);
    let (mut first, mut end, mut bare) = (Vec::new(), Vec::new(), Vec::new());
    // The first ones fill caches on both sides.
    for round in 0..SAMPLES + 2 {
        let (to_first, to_end) = follow(&server);
        let begin = Instant::now();
        clone_and_run(&repo, dir.path(), 0);
        if round >= 2 {
            first.push(to_first);
            end.push(to_end);
            bare.push(begin.elapsed().as_secs_f64() * 1e3);
        }
    }
    let (first, end, bare) = (median(&mut first), median(&mut end), median(&mut bare));
    let over = end - bare;
    let mut rows = vec![
        Row {
            what: "Trigger to first log line",
            ours: format!("{first:.1} ms"),
            baseline: format!("{bare:.1} ms (whole clone and sh)"),
            figure: format!("{:+.1} ms", first - bare),
            goal: "at most +40 ms",
            met: first - bare <= 40.0,
        },
        Row {
            what: "Trigger to the end of the build",
            ours: format!("{end:.1} ms"),
            baseline: format!("{bare:.1} ms"),
            figure: format!("{over:+.1} ms"),
            goal: "at most +40 ms",
            met: over <= 40.0,
        },
    ];
    rows.extend(many(&server, &repo, dir.path()));
    rows
}

/// Milliseconds from the trigger to the first log event and to the last.
fn follow(server: &Server) -> (f64, f64) {
    let begin = Instant::now();
    let id = server.trigger();
    let stream = server.open("GET", &format!("/v1/builds/{id}/logs?follow=1"), "close");
    let mut first = None;
    for line in BufReader::new(stream).lines() {
        let line = line.unwrap();
        if line == "event: log" && first.is_none() {
            first = Some(begin.elapsed().as_secs_f64() * 1e3);
        }
        if line == "event: end" {
            return (first.unwrap(), begin.elapsed().as_secs_f64() * 1e3);
        }
    }
    panic!("the live log ended early");
}

fn clone_and_run(repo: &Path, dir: &Path, number: usize) {
    let target = dir.join(format!("bare-{number}"));
    let script = "git clone --quiet --depth 1 \"$0\" \"$1\" && cd \"$1\" && sh buddybuild_postclone.sh >/dev/null";
    let url = format!("file://{}", repo.display());
    let status = Command::new("sh").args(["-c", script]).arg(url).arg(&target).status().unwrap();
    assert!(status.success());
    std::fs::remove_dir_all(target).unwrap();
}

fn many(server: &Server, repo: &Path, dir: &Path) -> [Row; 2] {
    let begin = Instant::now();
    let ids: Vec<String> = (0..MANY).map(|_| server.trigger()).collect();
    for id in &ids {
        let stream = server.open("GET", &format!("/v1/builds/{id}/logs?follow=1"), "close");
        let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
        assert!(lines.any(|line| line.contains("\"status\":\"success\"")), "build {id}");
    }
    let ours = begin.elapsed().as_secs_f64();
    let row = |what, bare: f64, goal, most: f64| Row {
        what,
        ours: format!("{ours:.1} s"),
        baseline: format!("{bare:.1} s"),
        figure: format!("{:.2} times", ours / bare),
        goal,
        met: ours / bare <= most,
    };
    let one = bare_loops(repo, dir, 1);
    let two = bare_loops(repo, dir, 2);
    [
        row("200 trivial builds on 2 slots, beside a bare loop", one, "at most 1.3 times", 1.3),
        row("The same beside two bare loops at once", two, "at most 1.3 times", 1.3),
    ]
}

/// Seconds that `sides` loops take for all clones together.
fn bare_loops(repo: &Path, dir: &Path, sides: usize) -> f64 {
    let begin = Instant::now();
    let loops: Vec<_> = (0..sides)
        .map(|side| {
            let (repo, dir) = (repo.to_owned(), dir.to_owned());
            std::thread::spawn(move || {
                (0..MANY / sides).for_each(|n| clone_and_run(&repo, &dir, 1 + side * MANY + n));
            })
        })
        .collect();
    loops.into_iter().for_each(|side| side.join().unwrap());
    begin.elapsed().as_secs_f64()
}
