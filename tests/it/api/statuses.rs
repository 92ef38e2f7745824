//! Commit statuses as a provider sees them: a scripted HTTP server that takes
//! the calls and answers as it is told.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use shipmate::builds::{self, cancel};
use shipmate::jobs;
use shipmate::model::build::{Outcome, Trigger};
use shipmate::model::ids::BuildId;
use shipmate::model::origin::{Origin, PullRequest};

use super::*;
use crate::harness::agent::FakeAgent;

pub(super) const SHA: &str = "abababababababababababababababababababab";

/// What a provider was told.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Told {
    pub path: String,
    /// The header with the credential, and its value.
    pub token: String,
    pub body: Value,
}

#[derive(Default)]
struct Script {
    told: Vec<Told>,
    /// Status and `Retry-After` of the next answers; then 201.
    answers: VecDeque<(u16, Option<&'static str>)>,
    is_down: bool,
}

#[derive(Clone, Default)]
pub(super) struct FakeProvider(Arc<Mutex<Script>>);

impl FakeProvider {
    pub async fn start(&self) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(take).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        url
    }

    pub fn script(&self, answers: &[(u16, Option<&'static str>)]) {
        self.0.lock().unwrap().answers = answers.iter().copied().collect();
    }

    pub fn set_down(&self, is_down: bool) {
        self.0.lock().unwrap().is_down = is_down;
    }

    pub fn told(&self) -> Vec<Told> {
        self.0.lock().unwrap().told.clone()
    }

    /// The states in the order they came, failed calls too.
    pub fn states(&self) -> Vec<String> {
        self.told().iter().map(|told| told.body["state"].as_str().unwrap().to_owned()).collect()
    }
}

fn credential(headers: &axum::http::HeaderMap) -> String {
    let given = ["authorization", "private-token"].into_iter().filter_map(|name| {
        let value = headers.get(name)?.to_str().unwrap();
        Some(format!("{name}: {value}"))
    });
    given.collect::<Vec<_>>().join("\n")
}

async fn take(State(provider): State<FakeProvider>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let mut script = provider.0.lock().unwrap();
    if script.is_down {
        return StatusCode::BAD_GATEWAY.into_response();
    }
    script.told.push(Told {
        path: format!("{} {}", parts.method, parts.uri.path()),
        token: credential(&parts.headers),
        body: serde_json::from_slice(&body).unwrap(),
    });
    let (status, after) = script.answers.pop_front().unwrap_or((201, None));
    let mut response =
        (StatusCode::from_u16(status).unwrap(), "{\"message\": \"no\"}").into_response();
    if let Some(after) = after {
        response.headers_mut().insert("retry-after", after.parse().unwrap());
    }
    response
}

pub(super) struct Stage {
    pub caller: Caller,
    pub agent: FakeAgent,
    pub provider: FakeProvider,
    pub row: shipmate::model::app::App,
}

impl Stage {
    pub async fn set(app: &TestApp) -> Self {
        let account = json!({"provider": "github", "token": "ghp_secret"});
        Self::set_with(app, "git@github.com:o/r.git", account).await
    }

    /// With this account at a fake provider.
    pub async fn set_with(app: &TestApp, repo_url: &str, mut account: Value) -> Self {
        let ann = app.add_user("ann@example.org").await;
        let row = app.add_app(&ann, "Shop", repo_url).await;
        let caller = Caller::new(app, &ann).await;
        let token = app.add_agent_token("a").await;
        let agent = FakeAgent::new(&caller.server, &token, "a");
        let provider = FakeProvider::default();
        let stage = Self { caller, agent, provider, row };
        let url = stage.provider.start().await;
        account["base_url"] = url.into();
        stage.put_provider(&account).await.expect(200);
        stage
    }

    async fn put_provider(&self, account: &Value) -> Answer {
        let url = format!("{}/v1/apps/{}/provider", self.caller.server.url, self.row.id);
        let request = self.caller.server.client.put(url).bearer_auth(&self.caller.token);
        Answer::of(request.json(account)).await
    }

    async fn statuses(&self, build: &BuildId) -> Value {
        self.caller.get_json(&format!("/v1/builds/{build}/statuses")).await
    }
}

/// Runs what is due now.
pub(super) async fn work(app: &TestApp) {
    while jobs::run_one(&app.app).await.unwrap() {}
}

on_both! {
    async fn a_build_is_told_from_its_commit_to_its_end(app: TestApp) {
        let stage = Stage::set(&app).await;
        let id = app.trigger(&stage.row).await;
        work(&app).await;
        assert_eq!(stage.provider.told(), [], "the commit is not known yet");
        let held = stage.agent.take("c1").await;
        for _ in 0..2 {
            stage.agent.commit(&held, SHA).await.expect(204);
            work(&app).await;
        }
        stage.agent.finish(&held, Outcome::Success, 0).await.expect(204);
        work(&app).await;
        let told = stage.provider.told();
        let dashboard = &app.app.settings.dashboard_url;
        let expected = |state: &str, does: &str| Told {
            path: format!("POST /repos/o/r/statuses/{SHA}"),
            token: "authorization: Bearer ghp_secret".into(),
            body: json!({
                "state": state,
                "context": "shipmate/Shop",
                "description": format!("Build #1 {does}"),
                "target_url": format!("{dashboard}/apps/{}/build/{id}", stage.row.id),
            }),
        };
        assert_eq!(told, [expected("pending", "is waiting or running"), expected("success", "succeeded")]);
        let shown = stage.statuses(&id).await;
        assert_eq!((&shown[0]["delivery"], &shown[1]["delivery"]), (&json!("sent"), &json!("sent")));
        assert_eq!((&shown[1]["tries"], &shown[1]["last_error"]), (&json!(1), &Value::Null));
    }

    async fn pull_requests_are_told_on_their_head_and_cancelled_is_an_error(app: TestApp) {
        let stage = Stage::set(&app).await;
        let head = "cd".repeat(20);
        let pull = PullRequest {
            number: 7,
            title: "Add".into(),
            head_branch: "add".into(),
            head_sha: head.clone(),
            base_branch: "main".into(),
            fork: None,
        };
        let origin = Origin { pull_request: Some(pull), ..Origin::default() };
        let request = builds::trigger::Request {
            origin,
            ..builds::trigger::Request::tip(&stage.row, "add", Trigger::Ui, None)
        };
        for (as_success, end) in [(false, "error"), (true, "success")] {
            let mut tx = app.app.db.write().await.unwrap();
            let id = builds::trigger::trigger(&app.app, &mut tx, &request).await.unwrap();
            tx.commit().await.unwrap();
            work(&app).await;
            let build = app.build(&id).await;
            let mut tx = app.app.db.write().await.unwrap();
            cancel::cancel(&app.app, &mut tx, &build, as_success).await.unwrap();
            tx.commit().await.unwrap();
            work(&app).await;
            let states = stage.provider.states();
            assert_eq!(states[states.len() - 2..], ["pending", end]);
        }
        assert!(stage.provider.told().iter().all(|told| told.path.ends_with(&head)));
        assert_eq!(stage.provider.told().len(), 4);
    }

    async fn failures_are_tried_again_in_order(app: TestApp) {
        let stage = Stage::set(&app).await;
        let id = app.trigger(&stage.row).await;
        let held = stage.agent.take("c1").await;
        stage.provider.script(&[(500, None), (500, None)]);
        stage.agent.commit(&held, SHA).await.expect(204);
        work(&app).await;
        stage.agent.finish(&held, Outcome::Failed, 0).await.expect(204);
        work(&app).await;
        let shown = stage.statuses(&id).await;
        assert_eq!((&shown[0]["state"], &shown[0]["delivery"]), (&json!("pending"), &json!("waiting")));
        let error = shown[0]["last_error"].as_str().unwrap();
        assert!(error.starts_with("the provider answered 500"), "{error}");
        for _ in 0..5 {
            app.advance(2_000);
            work(&app).await;
        }
        assert_eq!(stage.provider.states(), ["pending", "pending", "pending", "failure"]);
        assert_eq!(stage.statuses(&id).await[0]["tries"], 3);
    }

    async fn an_outage_of_ten_minutes_is_outlived(app: TestApp) {
        let stage = Stage::set(&app).await;
        let id = app.trigger(&stage.row).await;
        let held = stage.agent.take("c1").await;
        stage.provider.set_down(true);
        stage.agent.commit(&held, SHA).await.expect(204);
        stage.agent.finish(&held, Outcome::Success, 0).await.expect(204);
        for _ in 0..60 {
            work(&app).await;
            app.advance(10_000);
        }
        assert_eq!(stage.provider.states(), Vec::<String>::new());
        let build = stage.caller.get_json(&format!("/v1/builds/{id}")).await;
        assert_eq!(build["build_status"], "success", "the build does not notice");
        stage.provider.set_down(false);
        for _ in 0..60 {
            work(&app).await;
            app.advance(10_000);
        }
        assert_eq!(stage.provider.states(), ["pending", "success"]);
    }

    async fn a_build_that_never_knew_its_commit_is_told_where_its_branch_was(app: TestApp) {
        let stage = Stage::set(&app).await;
        app.trigger(&stage.row).await;
        let held = stage.agent.take("c1").await;
        stage.agent.finish(&held, Outcome::Failed, 0).await.expect(204);
        work(&app).await;
        assert_eq!(stage.provider.told(), [], "nobody knows of any commit");
        let mut tx = app.app.db.write().await.unwrap();
        shipmate::db::remotes::upsert_ref(&mut tx, &stage.row.id, "refs/heads/main", SHA).await.unwrap();
        tx.commit().await.unwrap();
        for (claim, outcome) in [("c2", Outcome::Failed), ("c3", Outcome::Cancelled)] {
            app.trigger(&stage.row).await;
            let held = stage.agent.take(claim).await;
            stage.agent.finish(&held, outcome, 0).await.expect(204);
            work(&app).await;
            let told = stage.provider.told();
            assert_eq!(told.len(), 1, "a failure only");
            assert_eq!(told[0].path, format!("POST /repos/o/r/statuses/{SHA}"));
            assert_eq!(told[0].body["state"], "failure");
        }
    }

    async fn each_scheme_of_a_build_has_its_own_series(app: TestApp) {
        let stage = Stage::set(&app).await;
        let settings = shipmate::model::settings::Settings {
            variants: Some(vec!["debug".into(), "release".into()]),
            ..Default::default()
        };
        let mut tx = app.app.db.write().await.unwrap();
        shipmate::apps::settings::put(&mut tx, &stage.row.id, &settings).await.unwrap();
        tx.commit().await.unwrap();
        app.trigger(&stage.row).await;
        for (claim, outcome) in [("c1", Outcome::Failed), ("c2", Outcome::Success)] {
            let held = stage.agent.take(claim).await;
            stage.agent.commit(&held, SHA).await.expect(204);
            stage.agent.finish(&held, outcome, 0).await.expect(204);
            work(&app).await;
        }
        let told = stage.provider.told();
        let shown: Vec<_> = told.iter().map(|t| format!("{} {}", t.body["context"], t.body["state"]).replace('"', "")).collect();
        assert_eq!(shown, [
            "shipmate/Shop (debug) pending",
            "shipmate/Shop (debug) failure",
            "shipmate/Shop (release) pending",
            "shipmate/Shop (release) success",
        ]);
    }

    async fn refusals_are_final_and_shown(app: TestApp) {
        let stage = Stage::set(&app).await;
        let id = app.trigger(&stage.row).await;
        let held = stage.agent.take("c1").await;
        stage.provider.script(&[(401, None), (404, None)]);
        stage.agent.commit(&held, SHA).await.expect(204);
        stage.agent.finish(&held, Outcome::Success, 0).await.expect(204);
        for _ in 0..3 {
            work(&app).await;
            app.advance(600_000);
        }
        assert_eq!(stage.provider.states(), ["pending", "success"], "once each");
        let shown = stage.statuses(&id).await;
        for (status, code) in shown.as_array().unwrap().iter().zip(["401", "404"]) {
            assert_eq!(status["delivery"], "failed");
            let error = status["last_error"].as_str().unwrap();
            assert!(error.starts_with(&format!("the provider answered {code}")), "{error}");
            assert!(!error.contains("ghp_secret"));
        }
    }

    async fn a_provider_says_when_to_come_back(app: TestApp) {
        let stage = Stage::set(&app).await;
        app.trigger(&stage.row).await;
        let held = stage.agent.take("c1").await;
        stage.provider.script(&[(429, Some("90"))]);
        stage.agent.commit(&held, SHA).await.expect(204);
        work(&app).await;
        app.advance(89_000);
        work(&app).await;
        assert_eq!(stage.provider.states(), ["pending"]);
        app.advance(1_000);
        work(&app).await;
        assert_eq!(stage.provider.states(), ["pending", "pending"]);
    }

    async fn accounts_are_set_shown_and_removed_without_their_token(app: TestApp) {
        let stage = Stage::set(&app).await;
        let path = format!("/v1/apps/{}/provider", stage.row.id);
        stage.put_provider(&json!({"provider": "github", "token": "t0ken"})).await.expect(200);
        let shown = stage.caller.get(&path).await.expect(200);
        let body: Value = shown.json();
        assert_eq!((&body["provider"], &body["base_url"]), (&json!("github"), &json!("https://api.github.com")));
        assert!(!String::from_utf8_lossy(&shown.body).contains("t0ken"));
        for odd in [
            // The host of the repository does not tell where this one is.
            json!({"provider": "gitea", "token": "t"}),
            json!({"provider": "github", "token": ""}),
            json!({"provider": "github", "token": "a b"}),
            json!({"provider": "github", "token": "t", "base_url": "ftp://h/"}),
            json!({"provider": "svn", "token": "t"}),
            json!({"provider": "github"}),
            json!({"provider": "github", "token": "t", "extra": 1}),
        ] {
            stage.put_provider(&odd).await.expect(400);
        }
        stage.caller.server.call(Method::DELETE, &path, Some(&stage.caller.token), "").await.expect(204);
        stage.caller.server.call(Method::DELETE, &path, Some(&stage.caller.token), "").await.expect(404);
        stage.caller.get(&path).await.expect(404);
        // Without an account there is nothing to tell.
        let id = app.trigger(&stage.row).await;
        let held = stage.agent.take("c1").await;
        stage.agent.commit(&held, SHA).await.expect(204);
        assert_eq!(stage.statuses(&id).await, json!([]));
    }
}
