use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::agent::fixture::{Scene, make_executable};
use crate::model::app::Platform;
use crate::model::build::FailureKind;

/// Appends its name and folder to `$HOME/trace`.
const TRACE: &str =
    "#!/bin/sh\necho \"$(basename \"$0\") $(basename \"$PWD\")\" >> \"$HOME/trace\"\n";

fn trace(done: &crate::agent::fixture::Done) -> Vec<String> {
    let text = fs::read_to_string(done.root.join("home/trace")).unwrap_or_default();
    text.lines().map(ToOwned::to_owned).collect()
}

#[tokio::test]
async fn all_scripts_run_once_in_order_and_steps_between() {
    let (_repo, mut scene) = Scene::of(&[
        ("buddybuild_postclone.sh", TRACE),
        ("buddybuild_prebuild.sh", TRACE),
        ("buddybuild_postbuild.sh", TRACE),
        ("buddybuild_finally.sh", TRACE),
        ("shipmate.yml", "steps:\n- run: echo step >> $HOME/trace\n"),
    ]);
    let done = scene.run().await.succeeded();
    let expected = [
        "buddybuild_postclone.sh workspace",
        "buddybuild_prebuild.sh workspace",
        "step",
        "buddybuild_postbuild.sh workspace",
        "buddybuild_finally.sh workspace",
    ];
    assert_eq!(trace(&done), expected, "{}", done.log);
    let titles = [
        "=== Preparing the Build Environment ===",
        "=== Checking out your Source Code ===",
        "=== Running buddybuild_postclone.sh ===",
        "=== Analysing the Repository ===",
        "=== Running buddybuild_prebuild.sh ===",
        "=== Step 1 ===",
        "=== Running buddybuild_postbuild.sh ===",
        "=== Collecting Test Results and Artifacts ===",
        "=== Running buddybuild_finally.sh ===",
        "=== Build succeeded ===",
    ];
    let shown: Vec<&str> = done.log.lines().filter(|line| line.starts_with("===")).collect();
    assert_eq!(shown, titles);
    assert!(done.log.contains("buddybuild_postclone.sh finished after"), "{}", done.log);
}

#[tokio::test]
async fn scripts_next_to_the_project_win_and_run_there() {
    let (_repo, mut scene) = Scene::of(&[
        ("ios/App.xcodeproj/project.pbxproj", ""),
        ("ios/buddybuild_prebuild.sh", TRACE),
        ("buddybuild_prebuild.sh", "exit 1\n"),
        ("buddybuild_postbuild.sh", TRACE),
        // Post-clone and finally belong to the root only.
        ("ios/buddybuild_postclone.sh", "exit 1\n"),
        ("ios/buddybuild_finally.sh", TRACE),
        // Another platform's project does not count.
        ("android/build.gradle", ""),
        ("android/buddybuild_postbuild.sh", "exit 1\n"),
    ]);
    let done = scene.run().await.succeeded();
    let expected = ["buddybuild_prebuild.sh ios", "buddybuild_postbuild.sh workspace"];
    assert_eq!(trace(&done), expected, "{}", done.log);

    scene.assignment.platform = Platform::Android;
    let done = scene.run().await.failed(FailureKind::ScriptFailed, "exit code 1");
    assert!(trace(&done).is_empty(), "the root's pre-build script runs, and fails");
}

#[tokio::test]
async fn the_first_failing_script_ends_the_build_but_not_finally() {
    for (script, code) in [("postclone", 3), ("prebuild", 4), ("postbuild", 5)] {
        let name = format!("buddybuild_{script}.sh");
        let (_repo, mut scene) = Scene::of(&[
            (&name, &format!("#!/bin/bash\nexit {code}\n")),
            ("buddybuild_finally.sh", TRACE),
            ("shipmate.yml", "steps: [{run: 'echo built >> $HOME/trace'}]\n"),
        ]);
        let words = format!("{name} ended with exit code {code}");
        let done = scene.run().await.failed(FailureKind::ScriptFailed, &words);
        let built = if script == "postbuild" { vec!["built"] } else { vec![] };
        let expected = [built, vec!["buddybuild_finally.sh workspace"]].concat();
        assert_eq!(trace(&done), expected, "{}", done.log);
    }
}

#[tokio::test]
async fn post_build_runs_after_a_successful_build_only() {
    let (_repo, mut scene) = Scene::of(&[
        ("buddybuild_postbuild.sh", TRACE),
        ("buddybuild_finally.sh", TRACE),
        (
            "shipmate.yml",
            "steps: [{name: Compile, run: 'exit 9'}, {run: 'echo no >> $HOME/trace'}]\n",
        ),
    ]);
    let done = scene.run().await.failed(FailureKind::StepFailed, "Compile ended with exit code 9");
    assert_eq!(trace(&done), ["buddybuild_finally.sh workspace"], "{}", done.log);
}

#[tokio::test]
async fn the_end_of_finally_changes_nothing() {
    let (_repo, mut scene) = Scene::of(&[("buddybuild_finally.sh", "exit 1\n")]);
    let done = scene.run().await.succeeded();
    done.shows("buddybuild_finally.sh ended with exit code 1");
    done.shows("This does not change the result of the build.");
}

#[tokio::test]
async fn first_lines_decide_who_runs_a_script() {
    let (repo, mut scene) = Scene::of(&[
        // No first line, not executable: bash, of which arrays are a part.
        ("buddybuild_postclone.sh", "a=(one two)\necho \"plain ${a[1]} $BASH_VERSION\"\n"),
        ("buddybuild_prebuild.sh", "#!/usr/bin/env perl\nprint \"perl $^V\\n\";\n"),
        ("buddybuild_postbuild.sh", "#!/bin/sh -e\nfalse\n"),
    ]);
    make_executable(&repo.path().join("buddybuild_postclone.sh"));
    repo.commit("executable without a first line", &[]);
    let done = scene.run().await.failed(FailureKind::ScriptFailed, "postbuild.sh ended with exit");
    done.shows("plain two ");
    done.shows("perl v5");
    let mode = |name| fs::metadata(done.workspace().join(name)).unwrap().permissions().mode();
    assert_eq!(mode("buddybuild_prebuild.sh") & 0o100, 0o100, "made executable");
}

#[tokio::test]
async fn a_script_that_cannot_start_says_why() {
    let cases = [
        ("#!/opt/nowhere/zsh\n", "the interpreter \"/opt/nowhere/zsh\" of its first line is not"),
        ("#!/bin/bash\r\necho hi\r\n", "ends in a carriage return"),
    ];
    for (text, words) in cases {
        let (_repo, mut scene) = Scene::of(&[("buddybuild_prebuild.sh", text)]);
        let done = scene.run().await.failed(FailureKind::ScriptFailed, words);
        done.shows(words);
    }
}

#[tokio::test]
async fn a_script_behind_a_link_out_of_the_workspace_is_refused() {
    let outside = tempfile::tempdir().unwrap();
    let target = outside.path().join("evil.sh");
    fs::write(&target, "#!/bin/sh\necho ran\n").unwrap();
    let (repo, mut scene) = Scene::of(&[]);
    std::os::unix::fs::symlink(&target, repo.path().join("buddybuild_postclone.sh")).unwrap();
    repo.commit("link", &[]);
    let done = scene.run().await.failed(FailureKind::ScriptFailed, "leads out of the workspace");
    assert!(!done.log.contains("\nran"), "{}", done.log);
    let mode = fs::metadata(&target).unwrap().permissions().mode();
    assert_eq!(mode & 0o111, 0, "its mode is untouched");
}

#[tokio::test]
async fn without_anything_to_run_a_build_succeeds_and_says_so() {
    let (_repo, mut scene) = Scene::of(&[("README.md", "hello")]);
    let done = scene.run().await.succeeded();
    done.shows("Nothing was found to run");
}
