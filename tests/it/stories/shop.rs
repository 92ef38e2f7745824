//! A server in this process with a real agent, spoken to over HTTP.

use std::time::Duration;

use reqwest::Method;
use serde_json::Value;
use shipmate::agent;
use shipmate::model::secret::Secret;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::harness::app::TestApp;
use crate::harness::eventually;
use crate::harness::server::{Answer, TestServer};

pub const PATIENCE: Duration = Duration::from_secs(30);

/// A server with one real agent; both end with it.
pub struct Shop {
    pub server: TestServer,
    pub token: String,
    _agent: DropGuard,
}

impl Shop {
    pub async fn open(app: &TestApp, token: &Secret) -> Self {
        let server = TestServer::start(&app.app).await;
        let stop = CancellationToken::new();
        let config = agent::Config {
            server: server.url.clone(),
            token: app.add_agent_token("test").await,
            name: "test".into(),
            slots: 1,
            labels: Vec::new(),
            work_dir: app.dir().join("agent"),
        };
        tokio::spawn(agent::serve::serve(config, stop.clone()));
        Self { server, token: token.expose().to_owned(), _agent: stop.drop_guard() }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.server.call(Method::GET, path, Some(&self.token), "").await
    }

    pub async fn json(&self, path: &str) -> Value {
        self.get(path).await.expect(200).json()
    }

    pub async fn trigger(&self, app: &str) -> String {
        let path = format!("/v1/apps/{app}/build");
        let answer = self.server.call(Method::POST, &path, Some(&self.token), "").await;
        answer.expect(201).json::<Value>()["build_id"].as_str().unwrap().to_owned()
    }

    pub async fn finished(&self, id: &str) -> Value {
        let path = format!("/v1/builds/{id}");
        eventually(PATIENCE, "the build is finished", async || {
            let build = self.json(&path).await;
            (build["finished"] == true).then_some(build)
        })
        .await
    }

    pub async fn log(&self, id: &str) -> String {
        let answer = self.get(&format!("/v1/builds/{id}/logs")).await.expect(200);
        String::from_utf8(answer.body).unwrap()
    }
}
