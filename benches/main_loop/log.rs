//! A build that prints 100 MB, beside the same command with a file.

use std::io::{BufRead, BufReader};
use std::process::Command;
use std::time::Instant;

use crate::server::{Server, repository};
use crate::{Row, median};

const SCRIPT: &str = "#!/bin/sh\nseq -f '%09.0f a line of a build log, about as long as compilers and \
    test runners print them, one hundred' 1 1000000\n";
const ROUNDS: usize = 3;

pub fn measure() -> Vec<Row> {
    let dir = tempfile::tempdir().unwrap();
    let repo = repository(dir.path(), SCRIPT);
    let server = Server::start(dir.path(), 2, &repo);
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let begin = Instant::now();
        let id = server.trigger();
        wait(&server, &id);
        ours.push(begin.elapsed().as_secs_f64());
        let begin = Instant::now();
        let file = std::fs::File::create(dir.path().join("log")).unwrap();
        let script = repo.join("buddybuild_postclone.sh");
        assert!(Command::new("sh").arg(script).stdout(file).status().unwrap().success());
        bare.push(begin.elapsed().as_secs_f64());
    }
    let (ours, bare) = (median(&mut ours), median(&mut bare));
    let (ratio, peak) = (ours / bare, server.memory_mb("VmHWM"));
    vec![
        Row {
            what: "A build that prints 100 MB",
            ours: format!("{ours:.2} s"),
            baseline: format!("{bare:.2} s"),
            figure: format!("{ratio:.2} times"),
            goal: "at most 1.5 times",
            met: ratio <= 1.5,
        },
        Row {
            what: "Peak memory over these builds",
            ours: format!("{peak:.0} MB"),
            baseline: "-".into(),
            figure: format!("{peak:.0} MB"),
            goal: "under 80 MB",
            met: peak < 80.0,
        },
    ]
}

/// Waits without reading the log: a viewer would cost time of its own.
fn wait(server: &Server, id: &str) {
    loop {
        let build = server.call("GET", &format!("/v1/builds/{id}"));
        if build["finished"] == true {
            assert_eq!(build["build_status"], "success");
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let stream = server.open("GET", &format!("/v1/builds/{id}/logs"), "close");
    let lines = BufReader::new(stream).lines().map_while(Result::ok);
    assert!(lines.count() > 1_000_000, "lines are missing");
}
