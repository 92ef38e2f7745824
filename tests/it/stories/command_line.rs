//! The client verbs of the real binary against the real server, and
//! `shipmate build` without one: what they print and their exit codes.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use std::sync::Arc;

use serde_json::Value;

use super::process::{PATIENCE, Said, Site};
use crate::harness::app::Repository;
use crate::harness::database::{Kind, TestDb};
use crate::harness::eventually;

const PLAN: &str = r#"steps:
  - name: Test
    run: |
      echo a line of the build
      mkdir -p buddybuild_artifacts/unit
      echo '<testsuite name="S"><testcase name="good()"/><testcase name="bad()"><failure message="no"/></testcase></testsuite>' > buddybuild_artifacts/unit/results.xml
      printf 'TN:A\nSF:a.c\nDA:1,1\nDA:2,0\nend_of_record\n' > buddybuild_artifacts/unit/lcov.info
      echo packaged > "$BUDDYBUILD_PRODUCT_DIR/app.txt"
"#;

/// Branches `main`, which succeeds; `broken`, which fails; `endless`.
fn fill(repository: &Repository) {
    repository.commit("shipmate.yml", PLAN, "Add a plan");
    for (branch, script) in [
        ("broken", "#!/bin/sh\necho it breaks\nexit 7\n"),
        ("endless", "#!/bin/sh\necho it goes on\nwhile :; do sleep 0.05; done\n"),
    ] {
        repository.git(&["checkout", "--quiet", "-b", branch, "main"]);
        repository.commit("buddybuild_postclone.sh", script, branch);
    }
    repository.git(&["checkout", "--quiet", "main"]);
}

fn log_in(site: &Site) {
    let url = site.url();
    let mut login = site.command(&["login", "--server", &url]);
    let mut login = login.stdin(Stdio::piped()).spawn().unwrap();
    login.stdin.take().unwrap().write_all(format!("{}\n", site.token).as_bytes()).unwrap();
    let said = Said::from(login.wait_with_output().unwrap()).expect(0);
    assert!(said.out.contains(&format!("Logged in to {url}; you can see 1 app.")), "{said:?}");
    assert!(!said.out.contains(&site.token) && !said.err.contains(&site.token), "{said:?}");
    let kept = site.dir.path().join("home/.config/shipmate/credentials.toml");
    assert_eq!(kept.metadata().unwrap().permissions().mode() & 0o777, 0o600);
}

/// The build that `--json` verbs list first.
fn newest(site: &Site) -> Value {
    site.shipmate(&["builds", "Shop", "--limit", "1", "--json"]).expect(0).json()[0].clone()
}

#[track_caller]
fn shows(said: &Said, texts: &[&str]) {
    for text in texts {
        assert!(said.out.contains(text), "{text:?} is not in {}\n{}", said.out, said.err);
    }
}

/// Every verb that reads, as text and as JSON.
async fn check_reading(site: &Site, id: &str) {
    for (args, texts) in [
        (vec!["apps"], &["Shop", "ios", &site.app][..]),
        (vec!["branches", "Shop"], &["broken\n", "endless\n", "main\n"]),
        (vec!["builds", "Shop"], &["#1", "success", "#2", "failed", "#3", "cancelled", id]),
        (vec!["show", id], &["#1", "success", "Add a plan", "1 of 2 passed, 50.0 % covered"]),
        (vec!["tests", id], &["bad()", "1 of 2 tests failed."]),
        (vec!["tests", id, "--all"], &["good()", "bad()"]),
        (vec!["coverage", id, "--files"], &["a.c", "50.0 %"]),
        (vec!["artifacts", "list", id], &["app.txt"]),
    ] {
        shows(&site.shipmate(&args).expect(0), texts);
        let json = site.shipmate(&[&args[..], &["--json"]].concat()).expect(0).json();
        assert!(json.is_array() || json.is_object(), "{args:?}");
    }
    let failed =
        site.shipmate(&["builds", "Shop", "--status", "failed", "--json"]).expect(0).json();
    assert_eq!(failed.as_array().unwrap().len(), 1);
    let log = site.log(id).await;
    assert_eq!(site.shipmate(&["logs", id]).expect(0).out, log);
    let followed = site.shipmate(&["logs", id, "-f"]).expect(0);
    assert_eq!(followed.out, log);
    assert!(followed.err.contains("Build ended: success."), "{}", followed.err);
    let lines = site.shipmate(&["logs", id, "--json"]).expect(0).out;
    let text: String = lines
        .lines()
        .map(|line| {
            serde_json::from_str::<Value>(line).unwrap()["text"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(text, log);
}

fn check_download(site: &Site, id: &str) {
    let args = ["artifacts", "download", id, "-o", "files"];
    shows(&site.shipmate(&args).expect(0), &["app.txt", "verified"]);
    let file = site.dir.path().join("files/app.txt");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "packaged\n");
    shows(&site.shipmate(&args).expect(0), &["already there"]);
    std::fs::write(&file, "mine\n").unwrap();
    site.shipmate(&args).expect(1);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine\n", "nothing is overwritten unasked");
    let forced = site.shipmate(&[&args[..], &["--force", "--json"]].concat()).expect(0).json();
    assert_eq!(forced[0]["name"], "app.txt");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "packaged\n");
}

fn check_refusals(site: &Site) {
    let id = "0".repeat(24);
    for (args, code, text) in [
        (vec!["show", "zz"], 2, "zz"),
        (vec!["show", &id], 1, &id),
        (vec!["builds", "Nothing"], 1, "Nothing"),
        (vec!["trigger", "Shop", "--branch", "nowhere"], 1, "nowhere"),
        (vec!["builds", "Shop", "--limit", "1000"], 2, "1000"),
        (vec!["apps", "--token", "smp_wrong"], 1, "token"),
        (vec!["apps", "--server", "http://127.0.0.1:1"], 1, "127.0.0.1:1"),
        (vec!["launch"], 2, "launch"),
    ] {
        let said = site.shipmate(&args).expect(code);
        assert!(said.err.contains(text), "{args:?}: {said:?}");
        assert_eq!(said.out, "", "{args:?}");
    }
}

on_both! {
    async fn a_day_at_the_terminal(place: Arc<TestDb>) {
        let database = (place.kind() == Kind::Postgres).then(|| place.url().to_owned());
        let site = Site::new(database);
        fill(&site.repository);
        let _server = site.serve(2).await;
        let unknown = site.shipmate(&["apps"]).expect(1);
        assert!(unknown.err.contains("shipmate login --server"), "{unknown:?}");
        log_in(&site);
        let won = site.shipmate(&["trigger", "Shop", "--watch"]).expect(0);
        shows(&won, &["a line of the build\n", "Build #1: success"]);
        let first = newest(&site)["_id"].as_str().unwrap().to_owned();
        let lost = site.shipmate(&["trigger", "Shop", "--branch", "broken", "--watch", "--json"]).expect(1);
        assert_eq!(lost.json()["build_status"], "failed");
        assert!(lost.err.contains("it breaks\n"), "{}", lost.err);
        let watching = site.command(&["trigger", "Shop", "--branch", "endless", "--watch"]).spawn().unwrap();
        let id = eventually(PATIENCE, "the endless build prints", async || {
            let build = newest(&site);
            let id = build["_id"].as_str()?.to_owned();
            let runs = build["build_number"] == 3 && site.log(&id).await.contains("it goes on\n");
            runs.then_some(id)
        })
        .await;
        shows(&site.shipmate(&["cancel", &id]).expect(0), &["Build #3 is cancelled."]);
        let cancelled = Said::from(watching.wait_with_output().unwrap()).expect(3);
        shows(&cancelled, &["it goes on\n", "Build #3: cancelled"]);
        shows(&site.shipmate(&["cancel", &id]).expect(0), &["cancelled"]);
        check_reading(&site, &first).await;
        check_download(&site, &first);
        check_refusals(&site);
    }
}

#[test]
fn a_checkout_is_built_without_a_server() {
    let dir = tempfile::tempdir().unwrap();
    let repository = Repository::create(dir.path().join("repository"));
    fill(&repository);
    let build = |args: &[&str]| {
        let mut command = std::process::Command::new(super::process::BINARY);
        command.arg("build").args(args).current_dir(dir.path());
        Said::from(command.output().unwrap())
    };
    let won = build(&["repository", "--artifacts", "kept", "--env", "MINE=1"]).expect(0);
    shows(
        &won,
        &[
            "a line of the build\n",
            "Build success after",
            "exit code 0",
            "Tests: 1 passed, 1 failed\n  results/S bad(): no\n",
            "Coverage: 50.0 %\n",
            "app.txt (9 bytes) -> ",
        ],
    );
    assert_eq!(std::fs::read_to_string(dir.path().join("kept/app.txt")).unwrap(), "packaged\n");
    repository.git(&["checkout", "--quiet", "broken"]);
    // The code of the command that failed.
    let lost = build(&["repository"]).expect(7);
    shows(&lost, &["it breaks\n", "Build failed after", "buddybuild_postclone.sh", "exit code 7"]);
    // The script may be executable now.
    repository.git(&["checkout", "--quiet", "--force", "main"]);
    repository.commit("shipmate.yml", "steps:\n  - nam: x\n", "A typing error");
    let wrong = build(&["repository"]).expect(1);
    assert!(format!("{}{}", wrong.out, wrong.err).contains("nam"), "{wrong:?}");
    let missing = build(&["nowhere"]).expect(1);
    assert!(missing.err.contains("nowhere cannot be built"), "{missing:?}");
    build(&[]).expect(2);
}
