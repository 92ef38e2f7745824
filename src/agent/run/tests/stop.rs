use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::agent::fixture::{Scene, eventually};
use crate::model::build::{FailureKind, Outcome};

/// True while the process whose number `file` holds is running.
fn is_running(file: &Path) -> bool {
    let pid = fs::read_to_string(file).unwrap_or_else(|_| panic!("{} is there", file.display()));
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    // A zombie waits for its parent only; it runs nothing.
    stat.rsplit(')').next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with(" Z"))
}

/// A script with a child that ignores SIGTERM, and one outside of its group.
const STUBBORN: &str = "#!/bin/bash
trap '' TERM
(trap '' TERM; echo $BASHPID > child.pid; while true; do sleep 1; done) &
setsid sh -c 'echo $$ > escaped.pid; exec sleep 1000' > /dev/null 2>&1 &
while [ ! -s child.pid ] || [ ! -s escaped.pid ]; do sleep 0.01; done
echo ready
while true; do sleep 1; done
";

#[tokio::test]
async fn cancelling_kills_everything_within_the_grace_period() {
    let (_repo, mut scene) = Scene::of(&[
        ("buddybuild_postclone.sh", STUBBORN),
        ("buddybuild_finally.sh", "echo finally ran\n"),
    ]);
    scene.assignment.limits.kill_grace_ms = 300;
    let (screen, cancel) = (scene.screen.clone(), scene.cancel.clone());
    let stopper = tokio::spawn(async move {
        screen.shows("ready").await;
        cancel.cancel();
        Instant::now()
    });
    let done = scene.run().await;
    let took = stopper.await.unwrap().elapsed();
    assert_eq!(done.outcome, Outcome::Cancelled, "{}", done.log);
    assert!(took < Duration::from_secs(2), "{took:?}");
    assert!(!is_running(&done.workspace().join("child.pid")));
    let escaped = done.workspace().join("escaped.pid");
    eventually("the escaped process is gone", || !is_running(&escaped)).await;
    assert!(!done.log.contains("finally ran"), "{}", done.log);
    done.shows("=== Build cancelled ===");
}

#[tokio::test]
async fn a_script_may_tidy_up_when_it_is_cancelled() {
    let script = "#!/bin/bash\ntrap 'echo tidied; exit 0' TERM\necho ready\nwhile true; do sleep 0.01; done\n";
    let (_repo, mut scene) = Scene::of(&[("buddybuild_postclone.sh", script)]);
    let (screen, cancel) = (scene.screen.clone(), scene.cancel.clone());
    tokio::spawn(async move {
        screen.shows("ready").await;
        cancel.cancel();
    });
    let done = scene.run().await;
    assert_eq!(done.outcome, Outcome::Cancelled);
    done.shows("tidied");
}

#[tokio::test]
async fn the_maximum_duration_ends_a_build() {
    let (_repo, mut scene) = Scene::of(&[
        ("buddybuild_postclone.sh", "#!/bin/sh\necho started\nexec sleep 1000\n"),
        ("buddybuild_finally.sh", "echo finally ran\n"),
    ]);
    scene.assignment.limits.max_duration_ms = 1_500;
    scene.assignment.limits.kill_grace_ms = 100;
    let done = scene.run().await.failed(FailureKind::TimedOut, "its maximum duration");
    done.shows("started");
    done.shows("No time is left for the finally script.");
    assert!(!done.log.contains("finally ran"), "{}", done.log);
}

#[tokio::test]
async fn a_step_has_its_own_timeout() {
    let (_repo, mut scene) = Scene::of(&[
        ("shipmate.yml", "steps: [{name: Slow, run: sleep 1000, timeout: 1s}]\n"),
        ("buddybuild_finally.sh", "echo finally ran\n"),
    ]);
    let done =
        scene.run().await.failed(FailureKind::StepFailed, "longer than its timeout of 1.0 s");
    done.shows("finally ran");
}

#[tokio::test]
async fn a_background_process_does_not_hold_up_the_build() {
    // It keeps the pipe open, so the end of output never comes.
    let script = "#!/bin/bash\necho before\nsleep 1000 &\necho $! > child.pid\n";
    let (_repo, mut scene) = Scene::of(&[("buddybuild_postclone.sh", script)]);
    let begin = Instant::now();
    let done = scene.run().await.succeeded();
    assert!(begin.elapsed() < Duration::from_secs(15), "{:?}", begin.elapsed());
    done.shows("before");
    assert!(!is_running(&done.workspace().join("child.pid")));
}

#[tokio::test]
async fn output_that_follows_the_script_is_not_lost() {
    let script = "#!/bin/bash\nexec > >(while read -r line; do sleep 0.05; echo \"late $line\"; done) 2>&1\nfor i in 1 2 3 4 5; do echo $i; done\n";
    let (_repo, mut scene) = Scene::of(&[("buddybuild_postclone.sh", script)]);
    scene.run().await.succeeded().shows("late 5");
}
