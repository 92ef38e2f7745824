//! From a provider's delivery to the build, or to the reason why there is
//! none: the real router, the real jobs, real git.

use reqwest::Method;
use ring::hmac;
use serde_json::{Value, json};
use shipmate::apps::settings;
use shipmate::jobs;
use shipmate::model::app::App as AppRow;
use shipmate::model::hex::hex;
use shipmate::model::settings::Settings;

use crate::harness::app::{Person, Repository, TestApp};
use crate::harness::server::{Answer, TestServer};

mod corpus;
mod doors;
mod evaluation;
mod reconcile;

/// What nobody listens to: an app whose remote must not be asked for anything.
const NOWHERE: &str = "http://127.0.0.1:9/octo-org/shop.git";

/// A server with one app, and whoever delivers to it.
struct Hooked {
    app: TestApp,
    server: TestServer,
    ann: Person,
    row: AppRow,
}

impl Hooked {
    async fn set(app: TestApp, repo_url: &str) -> Self {
        let ann = app.add_user("ann@example.org").await;
        let row = app.add_app(&ann, "Shop", repo_url).await;
        let server = TestServer::start(&app.app).await;
        Self { app, server, ann, row }
    }

    /// Delivers to `/api/webhook` and `query`, with these headers.
    async fn post(
        &self,
        query: &str,
        headers: &[(&str, &str)],
        body: impl Into<Vec<u8>>,
    ) -> Answer {
        let url = format!("{}/api/webhook{query}", self.server.url);
        let mut request = self.server.client.post(url).body(body.into());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Answer::of(request).await
    }

    fn to_app(&self) -> String {
        format!("?appID={}", self.row.id)
    }

    /// A GitHub delivery to the app; evaluated at once.
    async fn github(&self, event: &str, body: &Value) {
        let headers = [("x-github-event", event), ("content-type", "application/json")];
        self.post(&self.to_app(), &headers, body.to_string()).await.expect(200);
        self.work().await;
    }

    /// Runs every job that is due.
    async fn work(&self) {
        while jobs::run_one(&self.app.app).await.expect("a job runs") {}
    }

    async fn get(&self, path: &str) -> Value {
        let token = self.ann.token.expose();
        let path = format!("/v1/apps/{}/{path}", self.row.id);
        self.server.call(Method::GET, &path, Some(token), "").await.expect(200).json()
    }

    async fn call(&self, method: Method, path: &str, body: &str) -> Answer {
        let path = format!("/v1/apps/{}/{path}", self.row.id);
        let url = format!("{}{path}", self.server.url);
        let request = self.server.client.request(method, url).bearer_auth(self.ann.token.expose());
        let request = match body {
            "" => request,
            body => request.header("content-type", "application/json").body(body.to_owned()),
        };
        Answer::of(request).await
    }

    /// Builds, oldest first: number, branch, status.
    async fn builds(&self) -> Vec<(i64, String, String)> {
        let builds = self.get("builds?limit=100").await;
        let mut seen: Vec<_> = builds
            .as_array()
            .unwrap()
            .iter()
            .map(|build| {
                let text = |value: &Value| value.as_str().unwrap().to_owned();
                let branch = text(&build["commit_info"]["branch"]);
                (build["build_number"].as_i64().unwrap(), branch, text(&build["build_status"]))
            })
            .collect();
        seen.sort();
        seen
    }

    /// What came of the newest delivery.
    async fn verdict(&self) -> String {
        let deliveries = self.get("deliveries?limit=1").await;
        deliveries[0]["verdict"].as_str().expect("there is a delivery").to_owned()
    }

    async fn set_settings(&self, change: Settings) {
        let mut tx = self.app.app.db.write().await.unwrap();
        settings::put(&mut tx, &self.row.id, &change).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn set_secret(&self, secret: &str) {
        let body = json!({ "secret": secret }).to_string();
        self.call(Method::PUT, "webhook", &body).await.expect(204);
    }

    /// The row of the newest build.
    async fn newest(&self) -> shipmate::model::build::Build {
        let build = self.get("builds/latest").await;
        self.app.build(&build["_id"].as_str().unwrap().parse().unwrap()).await
    }
}

fn fixture(name: &str) -> Vec<u8> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    std::fs::read(root.join(format!("tests/fixtures/webhooks/{name}.json"))).unwrap()
}

fn sign(secret: &str, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    hex(hmac::sign(&key, body).as_ref())
}

/// GitHub's push of `branch`, without a list of files.
pub(crate) fn push(branch: &str, old: &str, new: &str, message: &str) -> Value {
    json!({
        "ref": format!("refs/heads/{branch}"),
        "before": old,
        "after": new,
        "head_commit": { "id": new, "message": message },
        "commits": [],
    })
}

/// GitHub's pull request of `octo-org/shop`, from `head` (`owner/repo`).
pub(crate) fn pull(action: &str, number: i64, title: &str, head: (&str, &str, &str)) -> Value {
    let (repository, branch, sha) = head;
    json!({
        "action": action,
        "number": number,
        "pull_request": {
            "title": title,
            "state": if action == "closed" { "closed" } else { "open" },
            "head": { "ref": branch, "sha": sha, "repo": { "full_name": repository } },
            "base": { "ref": "main", "sha": "", "repo": { "full_name": "octo-org/shop" } },
        },
    })
}

pub(crate) const ZERO: &str = "0000000000000000000000000000000000000000";

fn sha(digit: char) -> String {
    digit.to_string().repeat(40)
}

/// A repository at `octo-org/shop` below the story's folder, so that forks of
/// it are its neighbours.
fn repository(app: &TestApp) -> Repository {
    app.add_repository("octo-org/shop")
}
