//! The v1 API as its clients use it: the real router over real sockets, on
//! both databases.

use reqwest::Method;
use serde_json::Value;

use crate::harness::app::{Person, TestApp};
use crate::harness::server::{Answer, TestServer};

mod builds;
mod ccmenu;
mod conventions;
mod feedback;
mod groups;
mod import;
mod internal;
mod manage;
mod organisations;
mod packages;
mod permissions;
mod providers;
mod purge;
mod repeats;
mod results;
mod schedules;
mod sdk;
mod secrets;
mod settings;
mod shapes;
mod status_providers;
mod statuses;
mod tokens;

/// Somebody who calls the server.
struct Caller {
    server: TestServer,
    token: String,
}

impl Caller {
    async fn new(app: &TestApp, person: &Person) -> Self {
        let token = person.token.expose().to_owned();
        Self { server: TestServer::start(&app.app).await, token }
    }

    async fn get(&self, path: &str) -> Answer {
        self.server.call(Method::GET, path, Some(&self.token), "").await
    }

    async fn get_json(&self, path: &str) -> Value {
        self.get(path).await.expect(200).json()
    }

    async fn post(&self, path: &str, media: &str, body: &str) -> Answer {
        self.send_as(Method::POST, path, media, body).await
    }

    async fn send_as(&self, method: Method, path: &str, media: &str, body: &str) -> Answer {
        let url = format!("{}{path}", self.server.url);
        let request = self.server.client.request(method, url).bearer_auth(&self.token);
        let request = match media {
            "" => request,
            media => request.header("content-type", media),
        };
        Answer::of(request.body(body.to_owned())).await
    }

    /// A call with a JSON body.
    async fn send(&self, method: Method, path: &str, body: &str) -> Answer {
        let url = format!("{}{path}", self.server.url);
        let request = self.server.client.request(method, url).bearer_auth(&self.token);
        Answer::of(request.header("content-type", "application/json").body(body.to_owned())).await
    }

    async fn put(&self, path: &str, body: &str) -> Answer {
        self.send(Method::PUT, path, body).await
    }

    async fn delete(&self, path: &str) -> Answer {
        self.server.call(Method::DELETE, path, Some(&self.token), "").await
    }
}
