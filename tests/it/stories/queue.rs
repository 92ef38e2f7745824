//! Limits, fairness and labels as people and agents meet them (QUE-2).

use reqwest::Method;
use serde_json::{Value, json};
use shipmate::db;
use shipmate::db::queue::Limits;
use shipmate::model::app::Platform;
use shipmate::model::build::{BuildStatus, Outcome};
use shipmate::model::ids::BuildId;
use shipmate::protocol::{Assignment, Label};

use crate::harness::agent::{FakeAgent, Held};
use crate::harness::app::{Person, TestApp};
use crate::harness::server::TestServer;

struct Office {
    server: TestServer,
    ann: Person,
}

impl Office {
    async fn open(app: &TestApp) -> Self {
        let ann = app.add_user("ann@example.org").await;
        Self { server: TestServer::start(&app.app).await, ann }
    }

    async fn waits(&self, id: &BuildId) -> Value {
        let path = format!("/v1/builds/{id}");
        let token = self.ann.token.expose();
        let build: Value =
            self.server.call(Method::GET, &path, Some(token), "").await.expect(200).json();
        build.get("waiting_reason").cloned().unwrap_or(Value::Null)
    }

    async fn agent(&self, app: &TestApp, name: &str) -> FakeAgent {
        FakeAgent::new(&self.server, &app.add_agent_token(name).await, name)
    }
}

/// What an agent with these labels is given now.
async fn claim_with(
    agent: &FakeAgent,
    claim_id: &str,
    labels: &[(&str, &str)],
) -> Option<Assignment> {
    let labels =
        labels.iter().map(|(key, value)| Label { key: (*key).into(), value: (*value).into() });
    let request = shipmate::protocol::ClaimRequest {
        labels: labels.collect(),
        ..agent.claim_request(claim_id, 0)
    };
    let answer = agent.post("claim", &request).await;
    (answer.status != 204).then(|| answer.expect(200).json())
}

on_both! {
    async fn a_queued_build_says_what_it_waits_for(app: TestApp) {
        let mut app = app;
        app.limit(Limits { all: Some(2), ..Limits::default() });
        let office = Office::open(&app).await;
        let row = app.add_app(&office.ann, "Shop", "/nonexistent/repo.git").await;
        let builds = [app.trigger(&row).await, app.trigger(&row).await, app.trigger(&row).await, app.trigger(&row).await];
        assert_eq!(office.waits(&builds[0]).await, "no agent is connected");
        let agent = office.agent(&app, "linux").await;
        let first = agent.take("c1").await;
        assert_eq!(office.waits(&builds[0]).await, Value::Null);
        assert_eq!(office.waits(&builds[1]).await, "waiting for an agent: next in line");
        assert_eq!(office.waits(&builds[2]).await, "waiting for an agent: 1 build ahead");
        assert_eq!(office.waits(&builds[3]).await, "waiting for an agent: 2 builds ahead");
        agent.take("c2").await;
        assert_eq!(office.waits(&builds[2]).await, "limit of 2 running builds reached");
        assert!(agent.claim("c3", 0).await.is_none());
        agent.finish(&first, Outcome::Success, 0).await.expect(204);
        assert_eq!(agent.take("c3").await.build, builds[2]);
        app.cancel(&builds[2]).await;
        assert_eq!(agent.take("c4").await.build, builds[3]);
        // Lists show builds as the old API did.
        let list = office.server.call(Method::GET, &format!("/v1/apps/{}/builds", row.id), Some(office.ann.token.expose()), "").await;
        assert!(!String::from_utf8(list.expect(200).body).unwrap().contains("waiting_reason"));
    }

    async fn organisations_take_turns(app: TestApp) {
        let office = Office::open(&app).await;
        let bob = app.add_user("bob@example.org").await;
        let busy = app.add_app(&office.ann, "Busy", "/nonexistent/a.git").await;
        let quiet = app.add_app(&bob, "Quiet", "/nonexistent/b.git").await;
        for _ in 0..3 {
            app.trigger(&busy).await;
        }
        app.advance(1_000);
        app.trigger(&quiet).await;
        app.trigger(&quiet).await;
        let agent = office.agent(&app, "linux").await;
        let mut order = Vec::new();
        for claim in ["c1", "c2", "c3", "c4", "c5"] {
            order.push(app.build(&agent.take(claim).await.build).await.app_id);
        }
        assert_eq!(order, [&busy, &quiet, &busy, &quiet, &busy].map(|row| row.id.clone()));
    }

    async fn xcode_needs_a_mac_and_scripts_run_anywhere(app: TestApp) {
        let office = Office::open(&app).await;
        let row = app.add_app_on(&office.ann, "Shop", "/nonexistent/repo.git", Platform::Ios).await;
        let scripts = app.trigger(&row).await;
        let path = format!("/v1/apps/{}/settings", row.id);
        let body = json!({ "xcode_version": "latest", "required_labels": ["room=lab"] }).to_string();
        let request = office.server.client.put(format!("{}{path}", office.server.url));
        let request = request.bearer_auth(office.ann.token.expose()).header("content-type", "application/json");
        assert_eq!(request.body(body).send().await.unwrap().status(), 200);
        // Without a Mac it fails at once, and says why (EXE-20).
        let refused = app.trigger(&row).await;
        let linux = office.agent(&app, "linux").await;
        assert_eq!(linux.take("c1").await.build, scripts);
        assert!(linux.claim("c2", 0).await.is_none());
        let build = app.build(&refused).await;
        assert_eq!((build.status, build.failure_kind.as_deref()), (BuildStatus::Failed, Some("no_agent")));
        assert!(build.finished_at.is_some() && build.attempt == 0, "nobody has claimed it");
        let log = app.log_text(&refused).await;
        assert!(log.starts_with("=== Build failed: ") && log.contains("no agent with platform=ios has ever registered"), "{log}");
        assert_eq!(office.waits(&refused).await, Value::Null);
        // One that was here before is waited for.
        let mac = office.agent(&app, "mac").await;
        assert!(claim_with(&mac, "m1", &[("platform", "ios")]).await.is_none());
        app.advance(3_600_000);
        assert!(linux.claim("c2", 0).await.is_none());
        let xcode = app.trigger(&row).await;
        assert_eq!(office.waits(&xcode).await, "no agent with platform ios is connected");
        assert!(claim_with(&mac, "m1", &[("platform", "ios")]).await.is_none());
        assert_eq!(office.waits(&xcode).await, "no agent with room lab is connected");
        let given = claim_with(&mac, "m2", &[("platform", "ios"), ("room", "lab")]).await.unwrap();
        assert_eq!(given.build_id, xcode);
        // A Mac does not build Android apps, unless it says so.
        let android = app.add_app(&office.ann, "Droid", "/nonexistent/repo.git").await;
        let android = app.trigger(&android).await;
        let labels = [("platform", "ios"), ("room", "lab")];
        assert!(claim_with(&mac, "m3", &labels).await.is_none());
        let labels = [labels[0], ("platform", "android")];
        assert_eq!(claim_with(&mac, "m4", &labels).await.unwrap().build_id, android);
    }

    async fn schemes_get_one_commit_whoever_builds_them(app: TestApp) {
        let office = Office::open(&app).await;
        let row = app.add_app(&office.ann, "Shop", "/nonexistent/repo.git").await;
        let settings = shipmate::model::settings::Settings {
            variants: Some(vec!["debug".into(), "release".into()]),
            ..Default::default()
        };
        let mut tx = app.app.db.write().await.unwrap();
        shipmate::apps::settings::put(&mut tx, &row.id, &settings).await.unwrap();
        tx.commit().await.unwrap();
        let debug = app.trigger(&row).await;
        let agents = [office.agent(&app, "a").await, office.agent(&app, "b").await];
        let first = agents[0].claim("c1", 0).await.unwrap();
        assert_eq!((&first.build_id, first.scheme.as_str(), first.source.commit.as_deref()), (&debug, "debug", None));
        assert!(agents[1].claim("c2", 0).await.is_none());
        let mut tx = app.app.db.read().await.unwrap();
        let siblings = db::builds::list_siblings(&mut tx, &row.id, 1).await.unwrap();
        drop(tx);
        assert_eq!(office.waits(&siblings[1].id).await, "another scheme of this build is finding the commit");
        let sha = "ab".repeat(20);
        agents[0].commit(&Held::from(&first), &sha).await.expect(204);
        let second = agents[1].claim("c3", 0).await.unwrap();
        assert_eq!((second.scheme.as_str(), second.source.commit.as_deref()), ("release", Some(sha.as_str())));
        // An attempt that starts again keeps to the commit as well.
        agents[0].release(&Held::from(&first)).await.expect(204);
        let again = agents[0].claim("c4", 0).await.unwrap();
        assert_eq!((again.scheme.as_str(), again.source.commit.as_deref()), ("debug", Some(sha.as_str())));
    }
}
