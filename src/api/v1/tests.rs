use axum::body::to_bytes;
use axum::http::header;
use serde_json::{Value, json};

use super::docs::DocsPage;
use super::{openapi, wire};
use crate::model::artifact::{Artifact, ArtifactKind};
use crate::model::build::{Build, BuildStatus, Phase, Trigger};
use crate::model::ids::{AppId, ArtifactId, BuildId};
use crate::model::report::{FileCoverage, FunctionCoverage, TargetCoverage, TestResult};
use crate::model::time::Millis;

const ID: &str = "58b8a3d26e5c4c01002d4a1f";
const APP: &str = "58a4e7ce2f5d8a01002b9c1d";

fn build(status: BuildStatus) -> Build {
    Build {
        id: ID.parse::<BuildId>().unwrap(),
        app_id: APP.parse::<AppId>().unwrap(),
        number: 7,
        status,
        phase: Phase::Waiting,
        failure_kind: None,
        failure_message: None,
        scheme: "Unit Tests".into(),
        repo_url: "git@github.com:o/r.git".into(),
        branch: "master".into(),
        wanted_commit: None,
        commit_sha: "a".repeat(40),
        commit_author: "Ada".into(),
        commit_message: "First\n\nSecond".into(),
        triggered_by: Trigger::Api,
        created_at: Millis(1_488_492_806_728),
        started_at: None,
        finished_at: None,
        attempt: 0,
        agent_id: None,
        lease_until: None,
        tests_count: None,
        tests_passed: None,
        coverage: None,
        disabled: false,
        downloads: "[]".into(),
        origin: None,
        base: None,
    }
}

fn shown(build: &Build) -> Value {
    serde_json::to_value(wire::Build::of(build, "", wire::Links::default())).unwrap()
}

#[test]
fn a_queued_build_has_exactly_the_documented_members() {
    let expected = json!({
        "_id": ID,
        "app_id": APP,
        "repo_url": "git@github.com:o/r.git",
        "build_status": "queued",
        "finished": false,
        "commit_info": {
            "tags": [],
            "branch": "master",
            "commit_sha": "a".repeat(40),
            "author": "Ada",
            "message": "First\n\nSecond",
            "html_url": "",
        },
        "build_number": 7,
        "created_at": "2017-03-02T22:13:26.728Z",
        "started_at": null,
        "finished_at": null,
        "test_summary": {},
        "links": { "download": [], "install": [] },
        "scheme_name": "Unit Tests",
    });
    assert_eq!(shown(&build(BuildStatus::Queued)), expected);
}

#[test]
fn a_finished_build_always_has_a_start() {
    let end = Some(Millis(1_488_492_900_000));
    let start = Some(Millis(1_488_492_850_000));
    for (status, started, finished, shows) in [
        (BuildStatus::Cancelled, None, end, "2017-03-02T22:15:00.000Z"),
        (BuildStatus::Success, None, end, "2017-03-02T22:15:00.000Z"),
        (BuildStatus::Failed, start, end, "2017-03-02T22:14:10.000Z"),
        (BuildStatus::Running, start, None, "2017-03-02T22:14:10.000Z"),
    ] {
        let mut build = build(status);
        (build.started_at, build.finished_at) = (started, finished);
        let seen = shown(&build);
        assert_eq!(seen["started_at"], shows, "{status}");
        assert_eq!(seen["finished"], finished.is_some());
        assert_eq!(seen["finished_at"].is_string(), finished.is_some());
    }
    let mut requeued = build(BuildStatus::Queued);
    requeued.started_at = start;
    assert_eq!(shown(&requeued)["started_at"], json!(null), "its first attempt does not count");
}

#[test]
fn summaries_and_links_are_all_or_nothing() {
    let mut build = build(BuildStatus::Success);
    build.tests_count = Some(3);
    build.tests_passed = Some(2);
    let link = |url: &str| wire::Link { name: "m2048 - Release", url: url.into() };
    let links = wire::Links { download: vec![link("https://d/x?buildID=1")], install: vec![] };
    let seen = serde_json::to_value(wire::Build::of(&build, "https://c/1", links)).unwrap();
    assert_eq!(
        seen["test_summary"],
        json!({ "tests_count": 3, "tests_passed": 2, "code_coverage_percentage": 0.0 })
    );
    assert_eq!(
        seen["links"]["download"],
        json!([{ "name": "m2048 - Release", "url": "https://d/x?buildID=1" }])
    );
    assert_eq!(seen["commit_info"]["html_url"], "https://c/1");
    build.branch = "tag:v1.0".into();
    build.coverage = Some(0.5);
    assert_eq!(shown(&build)["commit_info"]["tags"], json!(["v1.0"]));
    assert_eq!(shown(&build)["test_summary"]["code_coverage_percentage"], 0.5);
}

#[test]
fn pull_request_targets_add_one_member_to_the_commit() {
    let commit = wire::CommitInfo {
        tags: vec![],
        branch: "master",
        commit_sha: "b",
        author: "Bo",
        message: "m",
        html_url: "",
    };
    let target = wire::PullRequestTarget { commit, merge_status: "mergeable" };
    let seen = serde_json::to_value(target).unwrap();
    assert_eq!((&seen["branch"], &seen["merge_status"]), (&json!("master"), &json!("mergeable")));
    assert_eq!(seen.as_object().unwrap().len(), 7);
}

#[test]
fn tests_carry_their_name_twice() {
    let result = TestResult {
        run: "iPhone 6s".into(),
        target: "MyAppTests".into(),
        suite: "LoginTests".into(),
        name: "testLogin()".into(),
        passed: false,
        duration_ms: Some(5),
        message: Some("nope".into()),
        file: None,
        line: None,
        snippet: None,
    };
    let seen = serde_json::to_value(wire::TestResults {
        build_id: ID,
        tests: vec![wire::Test::of(&result)],
    });
    let expected = json!({
        "build_id": ID,
        "tests": [{
            "run": "iPhone 6s",
            "target": "MyAppTests",
            "suite": "LoginTests",
            "name": "testLogin()",
            "test": "testLogin()",
            "status": "failed",
        }],
    });
    assert_eq!(seen.unwrap(), expected);
}

#[test]
fn coverage_is_as_deep_as_asked_for() {
    let function = FunctionCoverage { name: "f".into(), coverage: 1.0 };
    let file = FileCoverage {
        name: "a.swift".into(),
        path: "src/a.swift".into(),
        coverage: 0.7,
        functions: vec![function],
    };
    let target = |coverage, files| TargetCoverage { name: "T".into(), coverage, files };
    let targets = [target(0.5, vec![file]), target(1.0, vec![])];
    let id: BuildId = ID.parse().unwrap();
    let at = |depth| serde_json::to_value(wire::Coverage::of(&id, &targets, depth)).unwrap();

    let flat = json!([{ "name": "T", "coverage": 0.5 }, { "name": "T", "coverage": 1.0 }]);
    assert_eq!(
        at(wire::Depth::Targets),
        json!({ "coverage": 0.75, "build_id": ID, "targets": flat })
    );
    let files = json!([{ "name": "a.swift", "path": "src/a.swift", "coverage": 0.7 }]);
    assert_eq!(at(wire::Depth::Files)["targets"][0]["files"], files);
    assert_eq!(at(wire::Depth::Files)["targets"][1]["files"], json!([]));
    let functions = json!([{ "name": "f", "coverage": 1.0 }]);
    assert_eq!(at(wire::Depth::Functions)["targets"][0]["files"][0]["functions"], functions);
    let none = serde_json::to_value(wire::Coverage::of(&id, &[], wire::Depth::Targets)).unwrap();
    assert_eq!(none, json!({ "coverage": 0.0, "build_id": ID, "targets": [] }));
}

#[test]
fn artifacts_show_size_and_digest_but_not_where_they_are_kept() {
    let artifact = Artifact {
        id: ID.parse::<ArtifactId>().unwrap(),
        build_id: ID.parse().unwrap(),
        kind: ArtifactKind::Apk,
        name: "app.apk".into(),
        path: "out/app.apk".into(),
        bytes: 12,
        sha256: "c".repeat(64),
        blob_key: "internal".into(),
        created_at: Millis(0),
    };
    let seen =
        serde_json::to_value(wire::Artifact::of(&artifact, "https://d/a".into(), None)).unwrap();
    let expected = json!({
        "_id": ID,
        "build_id": ID,
        "name": "app.apk",
        "path": "out/app.apk",
        "kind": "apk",
        "size": 12,
        "sha256": "c".repeat(64),
        "created_at": "1970-01-01T00:00:00.000Z",
        "url": "https://d/a",
    });
    assert_eq!(seen, expected);
}

#[test]
fn the_committed_document_is_the_generated_one() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/openapi.json");
    let made = openapi::to_json(&openapi::document()).unwrap();
    let fresh = std::env::temp_dir().join("shipmate-openapi.json");
    if std::fs::read_to_string(path).unwrap_or_default() != made {
        std::fs::write(&fresh, &made).unwrap();
        panic!("docs/openapi.json is out of date; review and copy {}", fresh.display());
    }
}

/// Every member that a wire struct sends is in its schema, and the other way
/// round, for the one object that clients depend on most.
#[test]
fn the_schema_of_a_build_lists_what_is_sent() {
    let document = serde_json::to_value(openapi::document()).unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    let schema = &document["components"]["schemas"]["Build"];
    let mut members: Vec<&String> = schema["properties"].as_object().unwrap().keys().collect();
    let optional = ["pull_request_destination_commit_info", "waiting_reason"];
    members.retain(|name| !optional.contains(&name.as_str()));
    let sent = shown(&build(BuildStatus::Queued));
    let sent: Vec<&String> = sent.as_object().unwrap().keys().collect();
    assert_eq!(members, sent);
    let mut required: Vec<&str> =
        schema["required"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    required.sort_unstable();
    assert_eq!(required, sent);
}

/// Cancel a build.
///
/// Text with `code` & <b>markup</b>.
#[utoipa::path(
    post,
    path = "/v1/builds/{build_id}/sample",
    tag = "Builds",
    params(
        ("build_id" = String, Path, description = "A build."),
        ("cancel_successfully" = Option<bool>, Query, description = "End as `success`."),
    ),
    responses((status = 204, description = "Done."), (status = 404, body = wire::Error)),
)]
#[expect(dead_code, reason = "only its documentation is used")]
fn sample() {}

#[derive(utoipa::OpenApi)]
#[openapi(paths(sample))]
struct Sample;

#[tokio::test]
async fn the_docs_page_shows_the_document_and_needs_nothing_else() {
    use utoipa::OpenApi;
    let document = openapi::document().merge_from(Sample::openapi());
    let page = DocsPage::new(&document, "https://ci.example").unwrap();
    let response = page.respond();
    let policy = response.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap().to_owned();
    assert_eq!(response.headers()[header::CONTENT_TYPE], "text/html; charset=utf-8");
    let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    let html = std::str::from_utf8(&body).unwrap();

    for part in [
        "<code>/v1/builds/{build_id}/sample</code>",
        "Text with <code>code</code> &amp; &lt;b&gt;markup&lt;/b&gt;.",
        "<td><code>build_id</code></td><td>path</td><td>string</td>",
        "<code>cancel_successfully</code> <span class=\"note\">optional</span>",
        "curl -X POST -H &quot;Authorization: Bearer $TOKEN&quot;",
        "https://ci.example/v1/builds/$build_id/sample",
        "<h2 id=\"Builds\">Builds</h2>",
        "href=\"#schema-Error\"",
        "<h3 id=\"schema-CommitInfo\">",
        "<td>timestamp or null</td>",
        "list of <a href=\"#schema-Link\">Link</a>",
    ] {
        assert!(html.contains(part), "{part}\nis not in\n{html}");
    }
    for asset in ["<script", "src=", "<link", "url(", "@import", "style=", "onload"] {
        assert!(!html.contains(asset), "{asset}");
    }
    let style = html.split_once("<style>").unwrap().1.split_once("</style>").unwrap().0;
    let hash = ring::digest::digest(&ring::digest::SHA256, style.as_bytes());
    let hash = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, hash);
    assert!(policy.contains(&format!("style-src 'sha256-{hash}'")), "{policy}");
    assert!(policy.starts_with("default-src 'none'"));
    for anchor in html.split("href=\"#").skip(1) {
        let name = anchor.split_once('"').unwrap().0;
        assert!(html.contains(&format!("id=\"{name}\"")), "#{name} leads nowhere");
    }
}
