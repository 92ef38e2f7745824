use std::fs;
use std::os::unix::fs::symlink;

use crate::agent::fixture::{Done, Scene};
use crate::model::artifact::ArtifactKind;
use crate::model::build::FailureKind;

const JUNIT: &str = r#"<testsuite name="suite"><testcase classname="Login" name="works" time="0.25"/>
<testcase classname="Login" name="fails"><failure message="expected 1">at login.js:3</failure></testcase>
<testcase classname="Login" name="later"><skipped/></testcase></testsuite>"#;
const LCOV: &str = "TN:\nSF:src/a.js\nDA:1,1\nDA:2,0\nend_of_record\n";

/// `run/target/suite name passed`, sorted.
fn tests(done: &Done) -> Vec<String> {
    let show = |test: &crate::model::report::TestResult| {
        format!("{}/{}/{} {} {}", test.run, test.target, test.suite, test.name, test.passed)
    };
    let mut all: Vec<String> = done.results.tests.iter().map(show).collect();
    all.sort();
    all
}

fn artifacts(done: &Done) -> Vec<(ArtifactKind, String, u64)> {
    let all = done.results.artifacts.iter();
    all.map(|artifact| (artifact.kind, artifact.path.clone(), artifact.bytes)).collect()
}

#[tokio::test]
async fn reports_are_read_also_when_the_build_fails() {
    let (_repo, mut scene) = Scene::of(&[
        ("templates/junit.xml", JUNIT),
        ("templates/lcov.info", LCOV),
        (
            "buddybuild_postclone.sh",
            "mkdir -p $BUDDYBUILD_CUSTOM_TEST_RESULTS/unit\ncp templates/* buddybuild_artifacts/unit/\nexit 1\n",
        ),
        // Too late: reports were collected before.
        ("buddybuild_finally.sh", "cp templates/junit.xml buddybuild_artifacts/unit/more.xml\n"),
    ]);
    let done = scene.run().await.failed(FailureKind::ScriptFailed, "exit code 1");
    assert_eq!(
        tests(&done),
        ["unit/junit/Login fails false", "unit/junit/Login works true"],
        "{}",
        done.log
    );
    let passed = done.results.tests.iter().find(|test| test.passed).unwrap();
    assert_eq!(passed.duration_ms, Some(250));
    let [target] = &done.results.coverage[..] else { panic!("{:?}", done.results.coverage) };
    assert_eq!(target.coverage, 0.5);
    done.shows("buddybuild_artifacts/unit/junit.xml: 2 tests, 1 failed.");
}

#[tokio::test]
async fn a_failed_test_does_not_fail_the_build_and_a_broken_report_is_one_line() {
    let bomb =
        "<!DOCTYPE x [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]><testsuite>&b;</testsuite>";
    let (_repo, mut scene) = Scene::of(&[
        ("buddybuild_artifacts/ui/result.xml", JUNIT),
        ("buddybuild_artifacts/ui/broken.xml", "<testsuite><testcase"),
        ("buddybuild_artifacts/ui/bomb.xml", bomb),
        ("buddybuild_artifacts/ui/screen.png", "\u{89}PNG"),
        ("buddybuild_artifacts/loose.xml", JUNIT),
    ]);
    let done = scene.run().await.succeeded();
    assert_eq!(tests(&done).len(), 2, "{}", done.log);
    for name in ["broken.xml", "bomb.xml"] {
        let lines = done.log.lines().filter(|line| line.contains(name)).count();
        assert_eq!(lines, 1, "{}", done.log);
    }
}

#[tokio::test]
async fn patterns_of_the_plan_find_reports_and_artifacts() {
    let plan =
        "tests: ['**/TEST-*.xml']\ncoverage: [out/*.info]\nartifacts: ['dist/**', '*.txt']\n";
    let (_repo, mut scene) = Scene::of(&[
        ("shipmate.yml", plan),
        ("app/results/TEST-login.xml", JUNIT),
        ("TEST-root.xml", JUNIT),
        ("out/lcov.info", LCOV),
        ("out/deep/lcov.info", LCOV),
        ("out/TEST-cover.xml", "<other/>"),
        ("dist/a/b.bin", "12345"),
        ("dist/top", "1"),
        ("notes.txt", "123"),
        ("other/notes.txt", ""),
    ]);
    let done = scene.run().await.succeeded();
    assert_eq!(
        tests(&done),
        [
            "/TEST-root/Login fails false",
            "/TEST-root/Login works true",
            "results/TEST-login/Login fails false",
            "results/TEST-login/Login works true",
        ]
    );
    assert_eq!(done.results.coverage.len(), 1);
    let file = ArtifactKind::File;
    let expected = [(file, "dist/a/b.bin", 5), (file, "dist/top", 1), (file, "notes.txt", 3)];
    assert_eq!(artifacts(&done), expected.map(|(kind, path, size)| (kind, path.to_owned(), size)));
    done.shows("out/TEST-cover.xml is not a report in a known format.");
}

#[tokio::test]
async fn products_and_packages_are_kept_with_their_folders() {
    let script = "mkdir -p $BUDDYBUILD_PRODUCT_DIR/App.dSYM\necho ipa > $BUDDYBUILD_PRODUCT_DIR/App.ipa\necho d > $BUDDYBUILD_PRODUCT_DIR/App.dSYM/info\n";
    let (_repo, mut scene) = Scene::of(&[("buddybuild_postbuild.sh", script)]);
    let done = scene.run().await.succeeded();
    let product = ArtifactKind::Product;
    let expected = [(product, "App.dSYM/info".to_owned(), 2), (product, "App.ipa".to_owned(), 4)];
    assert_eq!(artifacts(&done), expected);

    let (_repo, mut scene) =
        Scene::of(&[("buddybuild_postclone.sh", "echo apk > $BUDDYBUILD_APKS_DIR/app.apk\n")]);
    scene.assignment.platform = crate::model::app::Platform::Android;
    let done = scene.run().await.succeeded();
    assert_eq!(artifacts(&done), [(ArtifactKind::Apk, "app.apk".to_owned(), 4)]);
}

#[tokio::test]
async fn nothing_outside_of_the_build_is_collected() {
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret.xml"), JUNIT).unwrap();
    let plan = "tests: ['**/*.xml']\nartifacts: ['**/*']\n";
    let (repo, mut scene) = Scene::of(&[
        ("shipmate.yml", plan),
        ("inside.bin", "1"),
        // A pipe would keep a reader waiting for ever.
        (
            "buddybuild_postclone.sh",
            "mkfifo pipe.xml\nln -s $PWD/inside.bin again.bin\nln -s /nowhere gone.xml\n",
        ),
        (
            "buddybuild_postbuild.sh",
            "rmdir $BUDDYBUILD_PRODUCT_DIR\nln -s /etc $BUDDYBUILD_PRODUCT_DIR\n",
        ),
    ]);
    symlink(outside.path(), repo.path().join("buddybuild_artifacts")).unwrap();
    symlink(outside.path().join("secret.xml"), repo.path().join("link.xml")).unwrap();
    symlink("/etc", repo.path().join("etc")).unwrap();
    repo.commit("links", &[]);
    let done = scene.run().await.succeeded();
    assert_eq!(tests(&done), [""; 0], "{}", done.log);
    let names: Vec<String> = artifacts(&done).into_iter().map(|(_, path, _)| path).collect();
    let expected = [
        "again.bin",
        "buddybuild_postbuild.sh",
        "buddybuild_postclone.sh",
        "inside.bin",
        "shipmate.yml",
    ];
    assert_eq!(names, expected, "{}", done.log);
    done.shows("link.xml is left out: it is a link out of the workspace.");
    done.shows("pipe.xml is left out: it is not a file.");
    done.shows("gone.xml is left out: it leads nowhere.");
}
