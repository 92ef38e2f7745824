//! Tests, coverage, files and the live log of builds that an agent reported.

use serde_json::json;
use shipmate::model::build::Outcome;
use shipmate::model::report::{FileCoverage, FunctionCoverage, TargetCoverage, TestResult};

use super::*;
use crate::harness::agent::{FakeAgent, Held, test_result};

fn result(run: &str, target: &str, suite: &str, name: &str, passed: bool) -> TestResult {
    let (run, target, suite) = (run.into(), target.into(), suite.into());
    TestResult { run, target, suite, ..test_result(name, passed) }
}

fn target(name: &str, coverage: f64) -> TargetCoverage {
    let function = FunctionCoverage { name: "login".into(), coverage: 0.5 };
    let file = FileCoverage {
        name: "Login.swift".into(),
        path: "Shop/Login.swift".into(),
        coverage: 0.25,
        functions: vec![function],
    };
    TargetCoverage { name: name.into(), coverage, files: vec![file] }
}

async fn claimed(app: &TestApp, caller: &Caller) -> (FakeAgent, Held) {
    let token = app.add_agent_token("a").await;
    let agent = FakeAgent::new(&caller.server, &token, "a");
    let held = agent.take("c1").await;
    (agent, held)
}

/// The names of the tests in an answer.
async fn names(caller: &Caller, path: &str) -> Vec<String> {
    let answer = caller.get_json(path).await;
    let name = |test: &Value| test["test"].as_str().unwrap().to_owned();
    answer["tests"].as_array().unwrap().iter().map(name).collect()
}

on_both! {
    async fn which_tests_are_shown_and_in_which_order(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let row = app.add_app(&ann, "Shop", "/nonexistent/repo.git").await;
        let id = app.trigger(&row).await;
        let caller = Caller::new(&app, &ann).await;
        let (agent, held) = claimed(&app, &caller).await;
        let reported = vec![
            result("iPhone 8", "B", "Z", "z2()", true),
            result("iPhone 8", "B", "Z", "z1()", false),
            result("iPhone 8", "B", "A", "a()", true),
            result("iPhone 6s", "B", "A", "same()", false),
            result("iPhone 8", "A", "Z", "first()", true),
        ];
        agent.tests(&held, 0, reported).await.expect(204);
        let many = (0..150).map(|n| result("iPhone 9", "C", "Many", &format!("m{n:03}()"), true));
        agent.tests(&held, 5, many.collect()).await.expect(204);
        let path = format!("/v1/builds/{id}/tests");
        // Nothing before the end, and still 200.
        let running = caller.get_json(&format!("{path}?showPassing=true")).await;
        assert_eq!(running, json!({ "build_id": id, "tests": [] }));
        let build = caller.get_json(&format!("/v1/builds/{id}")).await;
        assert_eq!((&build["build_status"], &build["test_summary"]), (&json!("running"), &json!({})));
        agent.finish(&held, Outcome::Success, 0).await.expect(204);

        let failed = ["same()", "z1()"];
        let passing = ["first()", "a()", "z2()"];
        let all = ["same()", "first()", "a()", "z2()", "z1()"];
        for (query, expected, more) in [
            ("", &failed[..], 0),
            ("?showFailed=true", &failed[..], 0),
            ("?showFailed=", &failed[..], 0),
            ("?showFailing=true", &failed[..], 0),
            ("?showfailed=false", &failed[..], 0),
            ("?showPassing=0", &failed[..], 0),
            ("?showPassing=true", &all[..], 150),
            ("?showPassing=1&showFailed=TRUE", &all[..], 150),
            ("?showPassing=true&showFailed=false", &passing[..], 150),
            ("?showFailed=false", &[][..], 0),
        ] {
            let got = names(&caller, &format!("{path}{query}")).await;
            assert_eq!(got.len(), expected.len() + more, "not paged: {query}");
            assert_eq!(got[..expected.len()], *expected, "{query}");
        }
        for (query, name) in [("showFailed=yes", "showFailed"), ("showPassing=2", "showPassing")] {
            let refused = caller.get(&format!("{path}?{query}")).await.expect(400);
            assert_eq!(refused.error(), format!("Invalid value for parameter \"{name}\""));
        }
        let build = caller.get_json(&format!("/v1/builds/{id}")).await;
        assert_eq!(
            build["test_summary"],
            json!({ "tests_count": 155, "tests_passed": 153, "code_coverage_percentage": 0.0 })
        );
    }

    async fn coverage_is_as_deep_as_asked_and_a_plain_mean(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let row = app.add_app(&ann, "Shop", "/nonexistent/repo.git").await;
        let id = app.trigger(&row).await;
        let caller = Caller::new(&app, &ann).await;
        let (agent, held) = claimed(&app, &caller).await;
        agent.coverage(&held, 0, target("Shop", 0.7)).await.expect(204);
        agent.coverage(&held, 1, target("Kit", 0.8)).await.expect(204);
        agent.tests(&held, 0, vec![test_result("a()", true)]).await.expect(204);
        let path = format!("/v1/builds/{id}/coverage");
        let none = json!({ "build_id": id, "coverage": 0.0, "targets": [] });
        assert_eq!(caller.get_json(&path).await, none);
        agent.finish(&held, Outcome::Success, 0).await.expect(204);
        let plain = json!([{ "name": "Shop", "coverage": 0.7 }, { "name": "Kit", "coverage": 0.8 }]);
        for (query, files, functions) in [
            ("", false, false),
            ("?showFileCoverage=false&showFunctionCoverage=", false, false),
            ("?showFileCoverage=true", true, false),
            ("?showFileCoverage=1&showFunctionCoverage=0", true, false),
            ("?showFunctionCoverage=True", true, true),
        ] {
            let answer = caller.get_json(&format!("{path}{query}")).await;
            assert_eq!(answer["coverage"], 0.75, "{query}");
            let first = &answer["targets"][0];
            assert_eq!(first["files"].is_array(), files, "{query}");
            assert_eq!(first["files"][0]["functions"].is_array(), functions, "{query}");
            if !files {
                assert_eq!(answer["targets"], plain, "{query}");
            }
        }
        for name in ["showFileCoverage", "showFunctionCoverage"] {
            let refused = caller.get(&format!("{path}?{name}=deep")).await.expect(400);
            assert_eq!(refused.error(), format!("Invalid value for parameter \"{name}\""));
        }
        let build = caller.get_json(&format!("/v1/builds/{id}")).await;
        assert_eq!(build["test_summary"]["code_coverage_percentage"], 0.75);
    }

    async fn missing_data_is_never_404(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let row = app.add_app(&ann, "Shop", "/nonexistent/repo.git").await;
        let ids = [app.trigger(&row).await, app.trigger(&row).await, app.trigger(&row).await];
        let caller = Caller::new(&app, &ann).await;
        let (agent, held) = claimed(&app, &caller).await;
        agent.finish(&held, Outcome::Failed, 0).await.expect(204);
        agent.take("c2").await;
        let mut statuses = Vec::new();
        for id in &ids {
            let build = caller.get_json(&format!("/v1/builds/{id}")).await;
            statuses.push(build["build_status"].as_str().unwrap().to_owned());
            assert_eq!(build["test_summary"], json!({}));
            let tests = caller.get_json(&format!("/v1/builds/{id}/tests?showPassing=true")).await;
            assert_eq!(tests, json!({ "build_id": id, "tests": [] }));
            let coverage = caller.get_json(&format!("/v1/builds/{id}/coverage")).await;
            assert_eq!(coverage, json!({ "build_id": id, "coverage": 0.0, "targets": [] }));
            assert_eq!(caller.get_json(&format!("/v1/builds/{id}/artifacts")).await, json!([]));
            caller.get(&format!("/v1/builds/{id}/logs")).await.expect(200);
        }
        assert_eq!(statuses, ["failed", "running", "queued"]);
        let none = format!("/v1/apps/{}/builds?branch=none&scheme=none&status=success", row.id);
        assert_eq!(caller.get_json(&none).await, json!([]));
        for path in ["tests", "coverage"] {
            caller.get(&format!("/v1/builds/{}/{path}", row.id)).await.expect(404);
        }
    }

    async fn a_follower_goes_on_where_it_broke_off(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let row = app.add_app(&ann, "Shop", "/nonexistent/repo.git").await;
        let id = app.trigger(&row).await;
        let caller = Caller::new(&app, &ann).await;
        let (agent, held) = claimed(&app, &caller).await;
        agent.log(&held, 0, "one\ntwo\n").await.expect(200);
        agent.log(&held, 1, "three – drei\n").await.expect(200);
        let mut first = Events::open(&caller, id.as_str(), None).await;
        assert_eq!(first.text().await, (8, "one\ntwo\n".to_owned()));
        assert_eq!(first.text().await, (23, "three – drei\n".to_owned()));
        // The connection breaks; more is written meanwhile.
        drop(first);
        agent.log(&held, 2, "four\n").await.expect(200);
        let mut second = Events::open(&caller, id.as_str(), Some("8")).await;
        assert_eq!(second.text().await, (23, "three – drei\n".to_owned()));
        assert_eq!(second.text().await, (28, "four\n".to_owned()));
        // In the middle of a chunk, and of a character: the dash is whole or not there.
        for (from, rest) in [("14", "– drei\n"), ("15", " drei\n"), ("16", " drei\n"), ("17", " drei\n")] {
            let mut events = Events::open(&caller, id.as_str(), Some(from)).await;
            assert_eq!(events.text().await, (23, rest.to_owned()), "from {from}");
        }
        for wrong in ["-1", "x", "1.5", "99999999999999999999"] {
            let answer = Events::request(&caller, id.as_str(), Some(wrong));
            assert!(Answer::of(answer).await.expect(400).error().contains("Last-Event-ID"), "{wrong}");
        }
        agent.finish(&held, Outcome::Success, 3).await.expect(204);
        assert_eq!(second.end().await, json!({ "status": "success", "complete": true }));
        // All of it is known already: only the end is left to say.
        let mut late = Events::open(&caller, id.as_str(), Some("28")).await;
        assert_eq!(late.end().await, json!({ "status": "success", "complete": true }));
        // The same offsets hold once the log is one file.
        app.fold(&id).await;
        let mut folded = Events::open(&caller, id.as_str(), Some("23")).await;
        assert_eq!(folded.text().await, (28, "four\n".to_owned()));
        folded.end().await;
    }
}

/// A live log, event by event.
struct Events {
    response: reqwest::Response,
    buffer: String,
}

impl Events {
    fn request(caller: &Caller, id: &str, from: Option<&str>) -> reqwest::RequestBuilder {
        let url = format!("{}/v1/builds/{id}/logs?follow=1", caller.server.url);
        let request = caller.server.client.get(url).bearer_auth(&caller.token);
        match from {
            Some(from) => request.header("last-event-id", from),
            None => request,
        }
    }

    async fn open(caller: &Caller, id: &str, from: Option<&str>) -> Self {
        let response = Self::request(caller, id, from).send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { response, buffer: String::new() }
    }

    /// Id, name and data of the next event; comments are passed over.
    async fn next(&mut self) -> (Option<u64>, String, Value) {
        loop {
            while let Some((event, rest)) = self.buffer.split_once("\n\n") {
                let field = |name: &str| {
                    event.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned)
                };
                let (id, name, data) = (field("id: "), field("event: "), field("data: "));
                self.buffer = rest.to_owned();
                if let (Some(name), Some(data)) = (name, data) {
                    let id = id.map(|id| id.parse().unwrap());
                    return (id, name, serde_json::from_str(&data).unwrap());
                }
            }
            let wait = std::time::Duration::from_secs(20);
            let chunk = tokio::time::timeout(wait, self.response.chunk()).await;
            let chunk = chunk.expect("an event in time").unwrap().expect("an open stream");
            self.buffer.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    /// The id and text of the next event, which must be text.
    async fn text(&mut self) -> (u64, String) {
        let (id, name, data) = self.next().await;
        assert_eq!(name, "log", "{data}");
        let (id, text) =
            (id.expect("an id to resume from"), data["text"].as_str().unwrap().to_owned());
        assert_eq!(data["offset"].as_u64().unwrap() + text.len() as u64, id);
        (id, text)
    }

    /// The data of the next event, which must be the last.
    async fn end(&mut self) -> Value {
        let (_, name, data) = self.next().await;
        assert_eq!(name, "end", "{data}");
        assert!(self.response.chunk().await.unwrap().is_none(), "nothing follows the end");
        data
    }
}
