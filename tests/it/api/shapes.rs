//! What each endpoint of the build half answers, byte for byte: the snapshots
//! beside this file are the contract that clients were written against. Ids,
//! cursors and signatures are replaced; times stand still in a story.

use std::collections::HashMap;
use std::fmt::Write;

use shipmate::model::app::Platform;
use shipmate::model::build::Outcome;
use shipmate::model::report::{FileCoverage, FunctionCoverage, TargetCoverage};

use super::*;
use crate::harness::agent::{FakeAgent, test_result};

/// Headers that are part of the contract.
const HEADERS: [&str; 7] = [
    "content-type",
    "content-range",
    "content-disposition",
    "link",
    "www-authenticate",
    "x-log-complete",
    "access-control-allow-origin",
];

/// Replaces what differs from run to run by names that do not.
#[derive(Default)]
struct Redaction(HashMap<String, usize>);

impl Redaction {
    fn apply(&mut self, text: &str) -> String {
        let mut out = String::new();
        let mut word = String::new();
        for c in text.chars().chain(['\n']) {
            let of_key = c == '.' && out.ends_with("key=");
            if c.is_ascii_alphanumeric() || c == '-' || c == '_' || of_key {
                word.push(c);
                continue;
            }
            let is_id = word.len() == 24 && word.bytes().all(|b| b.is_ascii_hexdigit());
            if out.ends_with("key=") {
                out.push_str("<key>");
            } else if out.ends_with("from=") {
                out.push_str("<cursor>");
            } else if is_id {
                let next = self.0.len() + 1;
                let number = self.0.entry(word.clone()).or_insert(next);
                write!(out, "<id {number}>").unwrap();
            } else {
                out.push_str(&word);
            }
            word.clear();
            out.push(c);
        }
        out.pop();
        out
    }

    fn show(&mut self, answer: &Answer) -> String {
        let mut text = format!("{}\n", answer.status);
        for name in HEADERS {
            if let Some(value) = answer.headers.get(name) {
                writeln!(text, "{name}: {}", value.to_str().unwrap()).unwrap();
            }
        }
        text.push('\n');
        match serde_json::from_slice::<Value>(&answer.body) {
            Ok(json) => text.push_str(&serde_json::to_string_pretty(&json).unwrap()),
            Err(_) => text.push_str(std::str::from_utf8(&answer.body).unwrap()),
        }
        self.apply(&text)
    }
}

fn coverage() -> TargetCoverage {
    let function = FunctionCoverage { name: "login".into(), coverage: 1.0 };
    let file = FileCoverage {
        name: "Login.swift".into(),
        path: "Shop/Login.swift".into(),
        coverage: 0.5,
        functions: vec![function],
    };
    TargetCoverage { name: "Shop".into(), coverage: 0.5, files: vec![file] }
}

/// An app with a build in each of the five states, newest last: success,
/// failed, cancelled, running, queued. Its first build is returned.
async fn fill(app: &TestApp, caller: &Caller, row: &shipmate::model::app::App) -> String {
    let token = app.add_agent_token("a").await;
    let agent = FakeAgent::new(&caller.server, &token, "a");
    let done = app.trigger(row).await;
    app.advance(1_500);
    let held = agent.take("c1").await;
    agent.commit(&held, &"ab".repeat(20)).await.expect(204);
    agent.log(&held, 0, "one\ntwo – zwei\n").await.expect(200);
    agent
        .tests(&held, 0, vec![test_result("good()", true), test_result("bad()", false)])
        .await
        .expect(204);
    agent.coverage(&held, 0, coverage()).await.expect(204);
    agent.upload(&held, "u1", "out/Shop.ipa", b"zip").await.expect(200);
    app.advance(60_250);
    agent.finish(&held, Outcome::Success, 1).await.expect(204);
    app.trigger(row).await;
    let held = agent.take("c2").await;
    agent.finish(&held, Outcome::Failed, 0).await.expect(204);
    app.advance(1_000);
    let cancelled = app.trigger(row).await;
    app.advance(1_000);
    app.cancel(&cancelled).await;
    app.trigger(row).await;
    agent.take("c3").await;
    app.advance(1_000);
    app.trigger(row).await;
    done.to_string()
}

on_both! {
    async fn every_answer_is_the_committed_one(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let row = app.add_app(&ann, "Shop", "https://ann:secret@github.com/o/shop.git").await;
        assert_eq!(row.platform, Platform::Android);
        let caller = Caller::new(&app, &ann).await;
        // Asked before the remote could be: GitHub is not on loopback.
        app.db.run(&format!("UPDATE apps SET branches_read_at = {} WHERE id = '{}'", i64::MAX / 2, row.id)).await;
        let id = fill(&app, &caller, &row).await;
        let a = format!("/v1/apps/{}", row.id);
        let b = format!("/v1/builds/{id}");
        let builds = caller.get_json(&format!("{a}/builds")).await;
        let queued = builds[0]["_id"].as_str().unwrap().to_owned();
        let mut redaction = Redaction::default();
        for (name, method, path) in [
            ("list_apps", Method::GET, "/v1/apps".to_owned()),
            ("list_branches", Method::GET, format!("{a}/branches")),
            ("list_builds", Method::GET, format!("{a}/builds?limit=4")),
            ("list_builds_empty", Method::GET, format!("{a}/builds?branch=none")),
            ("list_builds_wrong_limit", Method::GET, format!("{a}/builds?limit=0")),
            ("latest_build", Method::GET, format!("{a}/builds/latest?status=failed")),
            ("latest_build_missing", Method::GET, format!("{a}/builds/latest?branch=none")),
            ("show_build", Method::GET, b.clone()),
            ("show_build_queued", Method::GET, format!("/v1/builds/{queued}")),
            ("show_tests", Method::GET, format!("{b}/tests?showPassing=true")),
            ("show_coverage", Method::GET, format!("{b}/coverage?showFunctionCoverage=1")),
            ("show_coverage_missing", Method::GET, format!("/v1/builds/{queued}/coverage")),
            ("read_log", Method::GET, format!("{b}/logs")),
            ("list_artifacts", Method::GET, format!("{b}/artifacts")),
            ("cancel_build", Method::POST, format!("/v1/builds/{queued}/cancel")),
            ("show_build_cancelled", Method::GET, format!("/v1/builds/{queued}")),
            ("trigger_build", Method::POST, format!("{a}/builds?branch=main")),
            ("ip_ranges", Method::GET, "/v1/ip-ranges".to_owned()),
            ("unknown_path", Method::GET, "/v1/nothing".to_owned()),
        ] {
            let answer = caller.server.call(method, &path, Some(&caller.token), "").await;
            shot(name, &redaction.show(&answer));
        }
        let none = caller.server.call(Method::GET, "/v1/apps", None, "").await;
        shot("no_token", &redaction.show(&none));
    }
}

fn shot(name: &str, text: &str) {
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!(name, text);
    });
}
