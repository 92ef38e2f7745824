//! Builds and tests side by side.

use shipmate::db::Db;
use shipmate::db::builds::{self, End};
use shipmate::db::trends::{self, Named, Recent};
use shipmate::db::{artifacts, packages, results};
use shipmate::model::artifact::{Artifact, ArtifactKind};
use shipmate::model::build::BuildStatus;
use shipmate::model::ids::ArtifactId;
use shipmate::model::package::Package;
use shipmate::model::report::TestResult;

use super::*;

/// A finished build with these tests: (name, passed, milliseconds).
async fn tested(tx: &mut Tx, app: &AppId, number: i64, tests: &[(&str, bool, i64)]) -> BuildId {
    let at = Millis(T.0 + number * 1_000);
    let id = add_build(tx, app, number, at).await;
    for (ordinal, (name, passed, ms)) in tests.iter().enumerate() {
        let test = TestResult {
            run: "r".into(),
            target: "t".into(),
            suite: ODD.into(),
            name: (*name).into(),
            passed: *passed,
            duration_ms: Some(*ms),
            message: None,
            file: None,
            line: None,
            snippet: None,
        };
        results::insert_test(tx, &id, ordinal as i64, &test).await.unwrap();
    }
    let passed = tests.iter().filter(|test| test.1).count() as i64;
    let end = End {
        status: BuildStatus::Success,
        failure_kind: None,
        failure_message: None,
        at,
        downloads: "[]",
        tests: Some((tests.len() as i64, passed)),
        coverage: None,
    };
    assert_eq!(builds::end(tx, &id, BuildStatus::Queued, 0, &end).await.unwrap(), 1);
    id
}

fn all(app: &AppId) -> Recent<'_> {
    Recent { app, branch: None, scheme: None, until: Millis(i64::MAX), builds: 10 }
}

on_both! {
    async fn tests_are_compared_over_the_newest_builds(db: Db) {
        let mut tx = write(&db).await;
        let app = add_app(&mut tx).await;
        tested(&mut tx, &app, 1, &[("old", false, 1), ("a", false, 900)]).await;
        tested(&mut tx, &app, 2, &[("a", true, 100), ("b", true, 50)]).await;
        tested(&mut tx, &app, 3, &[("a", false, 301), ("b", true, 60), ("c", true, 10)]).await;
        add_build(&mut tx, &app, 4, Millis(T.0 + 4_000)).await;
        let two = Recent { builds: 2, ..all(&app) };
        let seen = trends::list_unsteady(&mut tx, &two, 99).await.unwrap();
        let shape: Vec<_> =
            seen.iter().map(|one| (one.name.as_str(), one.number, one.passed)).collect();
        assert_eq!(shape, [("a", 3, false), ("a", 2, true)]);
        assert_eq!(trends::list_unsteady(&mut tx, &two, 1).await.unwrap().len(), 1);
        for none in [
            Recent { branch: Some("other"), ..two },
            Recent { scheme: Some("other"), ..two },
            Recent { until: T, ..two },
        ] {
            assert_eq!(trends::list_unsteady(&mut tx, &none, 99).await.unwrap(), []);
        }
        let same = Recent { branch: Some("main"), scheme: Some(""), ..all(&app) };
        let test = Named { run: "r", target: "t", suite: ODD, name: "a" };
        let seen = trends::list_test(&mut tx, &same, test).await.unwrap();
        assert_eq!(seen.iter().map(|one| one.number).collect::<Vec<_>>(), [3, 2, 1]);
        assert_eq!(seen[0].duration_ms, Some(301));
        let other = Named { suite: "", ..test };
        assert_eq!(trends::list_test(&mut tx, &same, other).await.unwrap(), []);
        let slow = trends::list_slowest(&mut tx, &two, 2).await.unwrap();
        let shape: Vec<_> =
            slow.iter().map(|one| (one.name.as_str(), one.longest_ms, one.times)).collect();
        assert_eq!(shape, [("a", 301, 2), ("b", 60, 2)]);
        assert!((200..=201).contains(&slow[0].mean_ms), "{slow:?}");
    }

    async fn finished_builds_and_their_packages(db: Db) {
        let mut tx = write(&db).await;
        let app = add_app(&mut tx).await;
        let first = tested(&mut tx, &app, 1, &[]).await;
        let second = tested(&mut tx, &app, 2, &[]).await;
        add_build(&mut tx, &app, 3, Millis(T.0 + 3_000)).await;
        let found = trends::list_finished(&mut tx, &app, Some("main"), T, 9).await.unwrap();
        assert_eq!(found.iter().map(|b| &b.id).collect::<Vec<_>>(), [&second, &first]);
        let since = Millis(T.0 + 2_000);
        assert_eq!(trends::list_finished(&mut tx, &app, None, since, 9).await.unwrap().len(), 1);
        assert_eq!(trends::list_finished(&mut tx, &app, None, T, 1).await.unwrap().len(), 1);
        assert_eq!(trends::list_finished(&mut tx, &app, Some("x"), T, 9).await.unwrap(), []);
        for (name, bytes, is_package) in [("a.apk", 1 << 40, true), ("mapping.txt", 5, false)] {
            let artifact = Artifact {
                id: ArtifactId::generate(T),
                build_id: second.clone(),
                kind: ArtifactKind::Product,
                name: name.into(),
                path: name.into(),
                bytes,
                sha256: "00".into(),
                blob_key: name.into(),
                created_at: T,
            };
            assert!(artifacts::insert(&mut tx, name, &artifact).await.unwrap());
            let package = Package {
                artifact_id: artifact.id,
                facts: None,
                error: Some("no".into()),
                icon_key: None,
                created_at: T,
            };
            if is_package {
                assert!(packages::insert(&mut tx, &package).await.unwrap());
            }
        }
        let sizes = trends::list_sizes(&mut tx, &app, Some("main"), T, 9).await.unwrap();
        assert_eq!(sizes.len(), 1);
        assert_eq!((sizes[0].number, sizes[0].name.as_str(), sizes[0].bytes), (2, "a.apk", 1 << 40));
        assert_eq!(trends::list_sizes(&mut tx, &app, None, Millis(i64::MAX), 9).await.unwrap(), []);
    }
}
