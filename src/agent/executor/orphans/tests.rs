use std::os::unix::process::CommandExt;
use std::process::{Child, Command};

use super::*;

/// A process as a build starts them.
fn start(home: &Path) -> Child {
    Command::new("sleep")
        .arg("1000")
        .env_clear()
        .env("HOME", home)
        .process_group(0)
        .spawn()
        .unwrap()
}

fn pid_of(child: &Child) -> Pid {
    Pid::from_child(child)
}

/// Ends it whatever the test found.
fn was_killed(mut child: Child) -> bool {
    let killed = child.try_wait().unwrap().is_some();
    child.kill().unwrap();
    child.wait().unwrap();
    killed
}

#[tokio::test]
async fn what_an_earlier_agent_left_is_killed_and_deleted() {
    let work = tempfile::tempdir().unwrap();
    let run = work.path().canonicalize().unwrap().join("runs/gone-1");
    fs::create_dir_all(run.join("home")).unwrap();
    let mut marked = start(&run.join("home"));
    // Known by the record alone: it has thrown its environment away.
    let mut recorded = start(Path::new("/"));
    remember(&run.join("process.json"), pid_of(&recorded));
    // Its folder only begins with the same letters.
    let bystander = start(&work.path().join("runs-of-others"));

    kill_orphans(work.path()).await;
    marked.wait().unwrap();
    recorded.wait().unwrap();
    assert!(!run.exists());
    assert!(!was_killed(bystander));
}

#[tokio::test]
async fn a_number_that_was_given_to_another_process_is_left_alone() {
    let work = tempfile::tempdir().unwrap();
    let run = work.path().join("runs/gone-1");
    fs::create_dir_all(&run).unwrap();
    let other = start(Path::new("/"));
    let pgid = pid_of(&other).as_raw_nonzero().get();
    let start = start_of(pid_of(&other)).unwrap() - 1;
    let record = serde_json::to_vec(&Record { pgid, start }).unwrap();
    fs::write(run.join("process.json"), record).unwrap();
    kill_orphans(work.path()).await;
    assert!(!was_killed(other));
}

#[tokio::test]
async fn a_damaged_record_is_no_obstacle() {
    let work = tempfile::tempdir().unwrap();
    let run = work.path().join("runs/gone-1");
    fs::create_dir_all(&run).unwrap();
    for text in ["", "{", r#"{"pgid":-1,"start":0}"#, r#"{"pgid":1,"start":0}"#] {
        fs::create_dir_all(&run).unwrap();
        fs::write(run.join("process.json"), text).unwrap();
        kill_orphans(work.path()).await;
        assert!(!run.exists(), "{text}");
    }
}
