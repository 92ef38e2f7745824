use std::sync::Arc;

use super::*;
use crate::agent::scripted_server::{Dice, Server};
use crate::model::report::{FileCoverage, FunctionCoverage};

struct Setup {
    server: Server,
    lease: Lease,
    report: Arc<RemoteReport>,
    home: tempfile::TempDir,
}

async fn setup() -> Setup {
    let server = Server::start().await;
    let home = tempfile::tempdir().unwrap();
    let lease = server.lease();
    let spool = home.path().join("spool");
    let report = Arc::new(RemoteReport::start(lease.clone(), spool, 1 << 30).unwrap());
    Setup { server, lease, report, home }
}

fn test(n: usize, message: Option<String>) -> TestResult {
    TestResult {
        run: "run".into(),
        target: "target".into(),
        suite: "suite".into(),
        name: format!("test {n}"),
        passed: message.is_none(),
        duration_ms: Some(1),
        message,
        file: None,
        line: None,
        snippet: None,
    }
}

fn named(server: &Server) -> Vec<(i64, Vec<String>)> {
    server.read(|record| {
        let names = |batch: &TestBatch| batch.tests.iter().map(|test| test.name.clone()).collect();
        record.tests.iter().map(|batch| (batch.first, names(batch))).collect()
    })
}

#[tokio::test]
async fn tests_are_sent_in_counted_batches() {
    let Setup { server, report, .. } = setup().await;
    report.tests((0..2500).map(|n| test(n, None)).collect()).await.unwrap();
    report.tests(Vec::new()).await.unwrap();
    report.tests((2500..2510).map(|n| test(n, None)).collect()).await.unwrap();
    let mut expected = 0;
    for (first, names) in named(&server) {
        assert_eq!(first, expected);
        for name in names {
            assert_eq!(name, format!("test {expected}"));
            expected += 1;
        }
    }
    assert_eq!(expected, 2510);
    server.assert_sound();
}

#[tokio::test]
async fn large_messages_are_cut_masked_and_spread() {
    let Setup { server, report, .. } = setup().await;
    report.mask(&Secret::new("hunter22"));
    let message = format!("hunter22{}", "\u{1}".repeat(100_000));
    report.tests((0..50).map(|n| test(n, Some(message.clone()))).collect()).await.unwrap();
    let sizes = named(&server).iter().map(|(_, names)| names.len()).collect::<Vec<_>>();
    assert_eq!(sizes.iter().sum::<usize>(), 50);
    assert!(sizes.len() > 1);
    server.read(|record| {
        let message = record.tests[0].tests[0].message.as_deref().unwrap();
        assert!(message.starts_with("********\u{1}") && message.ends_with("[cut]"));
    });
    server.assert_sound();
}

#[tokio::test]
async fn too_many_tests_are_a_line_in_the_log() {
    let Setup { server, report, .. } = setup().await;
    let tests = vec![test(0, None); MAX_TESTS_PER_BUILD];
    report.tests(tests).await.unwrap();
    report.tests(vec![test(1, None); 7]).await.unwrap();
    report.close().await;
    let sent: usize = named(&server).iter().map(|(_, names)| names.len()).sum();
    assert_eq!(sent, MAX_TESTS_PER_BUILD);
    assert!(server.read(|record| record.text().starts_with("7 test results are left out")));
}

#[tokio::test]
async fn coverage_has_positions_and_a_bound() {
    let Setup { server, report, .. } = setup().await;
    let target = |name: &str, files: usize, functions: usize| TargetCoverage {
        name: name.into(),
        coverage: 0.5,
        files: vec![
            FileCoverage {
                name: "file".into(),
                path: "src/file".into(),
                coverage: 0.5,
                functions: vec![
                    FunctionCoverage { name: "f".repeat(100), coverage: 0.5 };
                    functions
                ],
            };
            files
        ],
    };
    for (name, files, functions) in [("small", 2, 2), ("large", 20, 2000), ("huge", 100_000, 0)] {
        report.coverage(target(name, files, functions)).await.unwrap();
    }
    report.close().await;
    server.read(|record| {
        let kept: Vec<_> = record
            .coverage
            .iter()
            .map(|batch| {
                let functions: usize =
                    batch.target.files.iter().map(|file| file.functions.len()).sum();
                (batch.ordinal, batch.target.files.len(), functions)
            })
            .collect();
        assert_eq!(kept, [(0, 2, 4), (1, 20, 0), (2, 0, 0)]);
        assert!(record.text().contains("\"large\" is large: functions are left out"));
        assert!(record.text().contains("\"huge\" is large: files and functions are left out"));
    });
}

#[tokio::test]
async fn an_artifact_arrives_whole_with_its_digest_despite_failures() {
    let Setup { server, report, home, .. } = setup().await;
    let file = home.path().join("app.apk");
    let mut dice = Dice::new(1);
    let content = dice.text(&["a", "\0", "é"], 2_000_000);
    std::fs::write(&file, &content).unwrap();
    server.script(|record| {
        record.failures.insert("artifacts", [500, 503].into());
        record.lost_answers.insert("artifacts", 1);
    });
    report.artifact(ArtifactKind::Apk, "out put/app&.apk", &file).await.unwrap();
    server.read(|record| {
        assert_eq!(record.count("artifacts"), 4);
        assert_eq!(record.artifacts.len(), 1, "one id for all tries");
        let (query, body) = record.artifacts.values().next().unwrap();
        assert_eq!(body, content.as_bytes());
        let digest = ring::digest::digest(&ring::digest::SHA256, body);
        let hex: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        let expected = [
            ("attempt", "1"),
            ("kind", "apk"),
            ("path", "out put/app&.apk"),
            ("bytes", &content.len().to_string()),
            ("sha256", &hex),
        ];
        let query: Vec<_> = query.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(query, expected);
    });
    server.assert_sound();
}

#[tokio::test]
async fn an_empty_file_is_an_artifact_too() {
    let Setup { server, report, home, .. } = setup().await;
    let file = home.path().join("empty");
    std::fs::write(&file, "").unwrap();
    report.artifact(ArtifactKind::File, "empty", &file).await.unwrap();
    assert_eq!(server.read(|record| record.artifacts.len()), 1);
    server.assert_sound();
}

#[tokio::test]
async fn what_cannot_be_kept_is_a_line_in_the_log() {
    let Setup { server, lease, report, home } = setup().await;
    let file = home.path().join("app.apk");
    std::fs::write(&file, "content").unwrap();
    server.script(|record| {
        record.failures.insert("artifacts", [413].into());
    });
    let refused = report.artifact(ArtifactKind::Apk, "app.apk", &file).await;
    assert!(matches!(refused, Err(ReportError::Refused(_))), "{refused:?}");
    let absent = home.path().join("absent");
    for path in [absent.as_path(), home.path()] {
        let result = report.artifact(ArtifactKind::Apk, "odd", path).await;
        assert!(matches!(result, Err(ReportError::Io(_))), "{result:?}");
    }
    report.artifact(ArtifactKind::Apk, "app.apk", &file).await.unwrap();
    report.close().await;
    let text = server.read(|record| record.text());
    assert!(text.starts_with("app.apk is not kept: "), "{text}");
    assert_eq!(text.matches("odd is not kept: ").count(), 2);
    assert!(!lease.cancel.is_cancelled());
}

#[tokio::test]
async fn a_lost_lease_ends_every_call() {
    let Setup { server, lease, report, .. } = setup().await;
    server.script(|record| {
        record.failures.insert("commit", [409].into());
    });
    let head = Head {
        branch: "main".into(),
        sha: "a".repeat(40),
        author: "A".into(),
        message: "m".into(),
    };
    let lost = report.commit(&head, None, None).await;
    assert!(matches!(lost, Err(ReportError::Lost)));
    assert!(lease.cancel.is_cancelled());
    let calls = server.read(|record| record.calls.len());
    assert!(matches!(report.tests(vec![test(0, None)]).await, Err(ReportError::Lost)));
    assert_eq!(server.read(|record| record.calls.len()), calls);
}
