use super::*;
use crate::agent::fixture::{Repo, Screen};
use crate::model::secret::Secret;

fn options(path: &Path, screen: &Screen) -> LocalBuild {
    LocalBuild {
        path: path.to_owned(),
        scheme: "App".to_owned(),
        platform: Platform::Ios,
        env: vec![Variable {
            name: "TOKEN".to_owned(),
            value: Secret::new("hunter2-hunter2"),
            secret: true,
        }],
        artifacts_dir: None,
        cancel: CancellationToken::new(),
        stdout: Box::new(screen.clone()),
        stderr: Box::new(screen.clone()),
        now: Millis(1_700_000_000_000),
    }
}

const JUNIT: &str = "<testsuite><testcase classname=\"Login\" name=\"works\"/>\
    <testcase classname=\"Login\" name=\"fails\"><failure message=\"expected 1\"/></testcase></testsuite>";

#[tokio::test]
async fn a_checkout_is_built_in_place_and_summed_up() {
    let repo = Repo::new(&[
        ("report.xml", JUNIT),
        (
            "shipmate.yml",
            "steps: [{name: Test, run: 'mkdir -p out; cp report.xml out/TEST-a.xml; echo $BUDDYBUILD_BRANCH $TOKEN'}]\ntests: [out/*.xml]\nartifacts: [out/*]\n",
        ),
        ("buddybuild_postclone.sh", "echo \"$HOME\" > home.txt\n"),
    ]);
    std::fs::write(repo.path().join("uncommitted"), "").unwrap();
    let kept = tempfile::tempdir().unwrap();
    let screen = Screen::default();
    let mut wanted = options(repo.path(), &screen);
    wanted.artifacts_dir = Some(kept.path().to_owned());
    let summary = build(wanted).await.unwrap();
    assert_eq!(summary.exit_code(), 0, "{}", screen.text());
    assert!(screen.text().contains("main ********"), "{}", screen.text());
    assert!(repo.path().join("out/TEST-a.xml").exists(), "built in place");
    assert!(repo.path().join("uncommitted").exists());
    let home = std::fs::read_to_string(repo.path().join("home.txt")).unwrap();
    assert!(!Path::new(home.trim()).exists(), "its HOME is gone");
    assert!(kept.path().join("out/TEST-a.xml").exists());
    let shown = summary.to_string();
    for words in [
        "Build success after",
        "Test ",
        "exit code 0",
        "Tests: 1 passed, 1 failed",
        "TEST-a/Login fails: expected 1",
        "out/TEST-a.xml (",
    ] {
        assert!(shown.contains(words), "{words:?} is not in:\n{shown}");
    }
}

#[tokio::test]
async fn the_exit_code_is_that_of_what_failed() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("buddybuild_prebuild.sh"), "exit 42\n").unwrap();
    std::fs::write(folder.path().join("buddybuild_finally.sh"), "exit 9\n").unwrap();
    let screen = Screen::default();
    let summary = build(options(folder.path(), &screen)).await.unwrap();
    assert_eq!((summary.outcome, summary.exit_code()), (Outcome::Failed, 42));

    let mut cancelled = options(folder.path(), &screen);
    std::fs::write(folder.path().join("buddybuild_prebuild.sh"), "echo ready\nsleep 1000\n")
        .unwrap();
    let token = CancellationToken::new();
    cancelled.cancel = token.clone();
    tokio::spawn(async move {
        screen.shows("ready").await;
        token.cancel();
    });
    assert_eq!(build(cancelled).await.unwrap().exit_code(), 130);
}

#[tokio::test]
async fn only_a_folder_can_be_built() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let screen = Screen::default();
    for path in [file, folder.path().join("missing")] {
        build(options(&path, &screen)).await.unwrap_err();
    }
}
