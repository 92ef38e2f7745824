//! Many builds, and much log.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use serde_json::Value;

use super::process::Site;
use crate::harness::database::{Kind, TestDb};

const BUILDS: usize = 200;

async fn all_run_once(database: Option<String>) {
    let site = Site::new(database);
    let notes = site.dir.path().join("notes");
    let script = format!("#!/bin/sh\necho $BUDDYBUILD_BUILD_NUMBER >> '{}'\n", notes.display());
    site.repository.commit("buddybuild_postclone.sh", &script, "Note");
    let _server = site.serve(2).await;
    let mut ids = Vec::new();
    for _ in 0..BUILDS {
        ids.push(site.trigger().await);
    }
    let mut numbers = Vec::new();
    for id in &ids {
        let build: Value = site.finished(id).await;
        assert_eq!(build["build_status"], "success");
        numbers.push(build["build_number"].as_u64().unwrap());
    }
    let expected: Vec<u64> = (1..=BUILDS as u64).collect();
    assert_eq!(numbers, expected);
    let mut runs = BTreeMap::new();
    for line in std::fs::read_to_string(notes).unwrap().lines() {
        *runs.entry(line.parse::<u64>().unwrap()).or_insert(0) += 1;
    }
    assert_eq!(runs, expected.into_iter().map(|number| (number, 1)).collect());
}

/// These load the whole machine, so they run alone.
mod heavy {
    use super::*;

    on_both! {
        async fn two_hundred_builds_run_once(place: Arc<TestDb>) {
            let database = match place.kind() {
                Kind::Sqlite => None,
                Kind::Postgres => Some(place.url().to_owned()),
            };
            all_run_once(database).await;
        }
    }

    #[tokio::test]
    async fn a_hundred_megabytes_of_log_keep_every_line() {
        const LINES: usize = 1_000_000;
        let site = Site::new(None);
        let script = format!(
            "#!/bin/sh\nseq -f '%09.0f a line of a build log, about as long as compilers and test \
             runners print them, one hundred' 1 {LINES}\n"
        );
        site.repository.commit("buddybuild_postclone.sh", &script, "Print");
        let server = site.serve(1).await;
        let id = site.trigger().await;
        assert_eq!(site.finished(&id).await["build_status"], "success");
        let peak = server.peak_kib();
        let log = site.log(&id).await;
        let mut expected = String::new();
        for number in 1..=LINES {
            writeln!(
                expected,
                "{number:09} a line of a build log, about as long as compilers and test runners \
                 print them, one hundred"
            )
            .unwrap();
        }
        assert!(expected.len() > 100_000_000);
        assert!(log.contains(&expected), "lines were lost: {} bytes of log", log.len());
        assert!(peak < 80 << 10, "the server used {peak} KiB");
    }
}
