//! Endpoints 10 to 13 in every spelling and encoding (api.md 4.10 to 4.13), and
//! groups made, changed and deleted.

use serde_json::json;
use shipmate::db;
use shipmate::distribution::deploy;
use shipmate::model::app::App as AppRow;
use shipmate::model::build::Outcome;
use shipmate::model::ids::BuildId;

use crate::harness::agent::{FakeAgent, artifact_id};

use super::*;

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

struct Shop {
    app: TestApp,
    row: AppRow,
    caller: Caller,
    agent: FakeAgent,
}

impl Shop {
    async fn open(app: TestApp) -> Self {
        let ann = app.add_user("ann@example.org").await;
        let row = app.add_app(&ann, "Shop", "/nonexistent/repo.git").await;
        let caller = Caller::new(&app, &ann).await;
        let token = app.add_agent_token("one").await;
        let agent = FakeAgent::new(&caller.server, &token, "one");
        Self { app, row, caller, agent }
    }

    fn path(&self, rest: &str) -> String {
        format!("/v1/apps/{}/deployment-groups{rest}", self.row.id)
    }

    async fn groups(&self) -> Vec<Value> {
        self.caller.get_json(&self.path("")).await.as_array().unwrap().clone()
    }

    async fn team(&self) -> String {
        self.groups().await[0]["_id"].as_str().unwrap().to_owned()
    }

    async fn testers(&self) -> Value {
        self.groups().await[0]["testers"].clone()
    }

    /// A build that succeeded and left `file`.
    async fn build(&self, file: &str) -> BuildId {
        self.app.advance(1_000);
        let id = self.app.trigger(&self.row).await;
        let held = self.agent.take(&format!("claim {id}")).await;
        artifact_id(self.agent.upload(&held, "file", file, b"package").await);
        self.agent.finish(&held, Outcome::Success, 0).await.expect(204);
        id
    }

    /// Addresses that a build was sent to, by deployment, newest first.
    async fn sent(&self, build: &BuildId) -> Vec<(String, Vec<String>)> {
        let list = self.caller.get_json(&format!("/v1/builds/{build}/deployments")).await;
        let addresses = |one: &Value| {
            one["recipients"]
                .as_array()
                .unwrap()
                .iter()
                .map(|r| r["email"].as_str().unwrap().to_owned())
                .collect()
        };
        let shown = |one: &Value| (one["cause"].as_str().unwrap().to_owned(), addresses(one));
        list.as_array().unwrap().iter().map(shown).collect()
    }

    async fn json(&self, method: Method, path: &str, body: Value) -> Answer {
        self.caller.send_as(method, path, JSON, &body.to_string()).await
    }
}

fn owned(cause: &str, emails: &[&str]) -> (String, Vec<String>) {
    (cause.to_owned(), emails.iter().map(|email| (*email).to_owned()).collect())
}

on_both! {
    async fn testers_are_added_and_removed_in_every_spelling(app: TestApp) {
        let shop = Shop::open(app).await;
        let team = &shop.groups().await[0];
        assert_eq!(
            *team,
            json!({
                "_id": team["_id"], "name": "The Team", "branch": null, "branches": [], "tags": [],
                "prefixes": [], "schemes": [], "testers": ["ann@example.org"],
                "frequency": "each_build", "schedule": null, "last_deployment": null
            })
        );
        let id = team["_id"].as_str().unwrap();
        let plural = shop.path(&format!("/{id}/testers"));
        let singular = plural.replace("groups", "group");
        let list = ["Bob@example.org", "carl@example.org"];
        for (add, remove) in [(&plural, &singular), (&singular, &plural)] {
            for (media, body) in [
                (FORM, "testers=Bob%40example.org%2C+carl@example.org,,".to_owned()),
                (JSON, json!({ "testers": "Bob@example.org, carl@example.org" }).to_string()),
                (JSON, json!({ "testers": list }).to_string()),
            ] {
                for _ in 0..2 {
                    let answer = shop.caller.send_as(Method::PUT, add, media, &body).await.expect(204);
                    assert!(answer.body.is_empty());
                }
                assert_eq!(shop.testers().await, json!(["ann@example.org", list[0], list[1]]), "{media} {body}");
                let body = body.replace("Bob", "bob");
                for _ in 0..2 {
                    shop.caller.send_as(Method::DELETE, remove, media, &body).await.expect(204);
                }
                assert_eq!(shop.testers().await, json!(["ann@example.org"]), "{media} {body}");
            }
            shop.caller.send_as(Method::PUT, &format!("{add}?testers=d@example.org"), "", "").await.expect(204);
            shop.caller.send_as(Method::DELETE, &format!("{remove}?testers=d@example.org,no-address"), "", "").await.expect(204);
        }
        assert_eq!(shop.testers().await, json!(["ann@example.org"]));
    }

    async fn one_malformed_address_changes_nothing(app: TestApp) {
        let shop = Shop::open(app).await;
        let path = shop.path(&format!("/{}/testers", shop.team().await));
        for body in ["", "testers=", "testers=%2C+%2C", "other=x"] {
            for method in [Method::PUT, Method::DELETE] {
                let refused = shop.caller.send_as(method, &path, FORM, body).await.expect(400);
                assert!(refused.error().contains("testers"), "{}", refused.error());
            }
        }
        for body in ["testers=bob@example.org,nobody", "testers=bob@example.org,a@b@c", "testers=bob@example.org&deploy=maybe"] {
            shop.caller.send_as(Method::PUT, &path, FORM, body).await.expect(400);
            assert_eq!(shop.testers().await, json!(["ann@example.org"]), "{body}");
        }
        shop.json(Method::PUT, &path, json!({ "testers": ["bob@example.org", 5] })).await.expect(400);
        assert_eq!(shop.testers().await, json!(["ann@example.org"]));
        // A group is found only below its own app.
        let other = shop.app.add_app(&shop.app.add_user("eve@example.org").await, "Other", "/nonexistent/o.git").await;
        let wrong = path.replace(shop.row.id.as_str(), other.id.as_str());
        shop.caller.send_as(Method::PUT, &wrong, FORM, "testers=bob@example.org").await.expect(404);
        shop.caller.send_as(Method::PUT, &shop.path("/nonsense/testers"), FORM, "testers=bob@example.org").await.expect(404);
    }

    async fn added_testers_can_get_the_newest_build_at_once(app: TestApp) {
        let shop = Shop::open(app).await;
        let path = shop.path(&format!("/{}/testers", shop.team().await));
        // None available is no error.
        shop.caller.send_as(Method::PUT, &format!("{path}?deploy=true"), FORM, "testers=early@example.org").await.expect(204);
        shop.build("app.apk").await;
        let newest = shop.build("app.apk").await;
        shop.build("notes.txt").await;
        shop.caller.send_as(Method::PUT, &path, FORM, "testers=bob@example.org").await.expect(204);
        assert_eq!(shop.sent(&newest).await, []);
        shop.caller.send_as(Method::PUT, &path, FORM, "testers=bob@example.org,carl@example.org&deploy=1").await.expect(204);
        assert_eq!(shop.sent(&newest).await, [owned("testers_added", &["carl@example.org"])]);
        shop.caller.send_as(Method::PUT, &format!("{path}?deploy=TRUE"), FORM, "testers=carl@example.org").await.expect(204);
        assert_eq!(shop.sent(&newest).await.len(), 1);
        // Who unsubscribed is not listed, and is subscribed again when added again.
        let mut tx = shop.app.app.db.write().await.unwrap();
        let group = shop.team().await.parse().unwrap();
        db::groups::unsubscribe(&mut tx, &group, "carl@example.org", shop.app.app.clock.now()).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(shop.testers().await, json!(["ann@example.org", "early@example.org", "bob@example.org"]));
        shop.caller.send_as(Method::PUT, &format!("{path}?deploy=true"), FORM, "testers=CARL@example.org").await.expect(204);
        assert_eq!(shop.sent(&newest).await[0], owned("testers_added", &["CARL@example.org"]));
        assert_eq!(shop.testers().await[3], "CARL@example.org");
    }

    async fn deploy_sends_the_newest_build_that_matches(app: TestApp) {
        let shop = Shop::open(app).await;
        let team = shop.team().await;
        let app_id = shop.row.id.as_str();
        let paths = [
            format!("/v1/apps/{app_id}/deployment-groups/{team}/deploy"),
            format!("/v1/apps/{app_id}/deployment-group/{team}/deploy"),
            format!("/v1/{app_id}/deployment-groups/{team}/deploy"),
            format!("/v1/{app_id}/deployment-group/{team}/deploy"),
            format!("/v1/deployment-groups/{team}/deploy"),
            format!("/v1/deployment-group/{team}/deploy"),
        ];
        let none = shop.caller.post(&paths[0], "", "").await.expect(404);
        assert_eq!(none.error(), "No build to deploy");
        let first = shop.build("app.apk").await;
        let second = shop.build("app.apk").await;
        for (count, path) in paths.iter().enumerate() {
            for (media, body) in [("", ""), (FORM, "branch=main"), (JSON, "{}"), (FORM, "")] {
                assert!(shop.caller.post(path, media, body).await.expect(204).body.is_empty());
            }
            assert_eq!(shop.sent(&second).await.len(), 4 * (count + 1), "{path}");
        }
        let none = shop.caller.post(&paths[0], FORM, "branch=dev").await.expect(404);
        assert_eq!(none.error(), "No build to deploy");
        let last = &shop.groups().await[0]["last_deployment"];
        assert_eq!((&last["build_id"], &last["build_number"]), (&json!(second), &json!(2)));

        let switch = format!("/v1/builds/{second}/disabled");
        shop.json(Method::PUT, &switch, json!({ "disabled": true })).await.expect(204);
        assert_eq!(shop.caller.get_json(&format!("/v1/builds/{second}")).await["links"]["install"], json!([]));
        shop.caller.post(&paths[0], "", "").await.expect(204);
        assert_eq!(shop.sent(&first).await, [owned("manual", &["ann@example.org"])]);
        let refused = shop.json(Method::POST, &format!("/v1/builds/{second}/deployments"), json!({ "testers": ["x@y"] })).await;
        assert!(refused.expect(409).error().contains("disabled"));
        shop.json(Method::PUT, &switch, json!({ "disabled": false })).await.expect(204);
        let install = shop.caller.get_json(&format!("/v1/builds/{second}")).await["links"]["install"].clone();
        assert!(install[0]["url"].as_str().unwrap().starts_with("http://ci.example.org/download/android?buildID="), "{install}");

        let rules = shop.path(&format!("/{team}"));
        for (change, status) in [
            (json!({ "branches": ["dev"] }), 404),
            (json!({ "branches": [], "prefixes": [{ "name": "ma", "tag_only": true }] }), 404),
            (json!({ "prefixes": [{ "name": "ma", "branch_only": true }] }), 204),
            (json!({ "prefixes": [], "tags": ["main"] }), 404),
            (json!({ "tags": [], "schemes": ["QA"] }), 404),
            (json!({ "schemes": [], "branches": ["dev", "main"] }), 204),
        ] {
            shop.json(Method::PUT, &rules, change.clone()).await.expect(200);
            assert_eq!(shop.caller.post(&paths[0], "", "").await.status.as_u16(), status, "{change}");
        }
        assert_eq!(shop.groups().await[0]["branch"], "dev");
    }

    async fn groups_are_made_changed_and_deleted(app: TestApp) {
        let shop = Shop::open(app).await;
        let made = shop.json(Method::POST, &shop.path(""), json!({
            "name": " QA ", "frequency": "scheduled", "branches": ["main"], "testers": ["q@example.org", "Q@example.org"],
            "prefixes": [{ "name": "rel/", "tag_only": true }], "schemes": ["Shop - QA"],
            "schedule": { "weekdays": ["sunday", "monday"], "time": "07:30", "zone": "Europe/Berlin" }
        })).await.expect(201).json::<Value>();
        assert_eq!(made["name"], "QA");
        assert_eq!((&made["branch"], &made["testers"]), (&json!("main"), &json!(["q@example.org"])));
        assert_eq!(made["prefixes"], json!([{ "name": "rel/", "branch_only": false, "tag_only": true }]));
        assert_eq!(made["schedule"], json!({ "weekdays": ["monday", "sunday"], "time": "07:30", "zone": "Europe/Berlin" }));
        assert_eq!(shop.groups().await[1], made);
        let path = shop.path(&format!("/{}", made["_id"].as_str().unwrap()));
        let changed = shop.json(Method::PUT, &path, json!({ "name": "QA team", "frequency": "manual" })).await.expect(200).json::<Value>();
        assert_eq!((&changed["name"], &changed["frequency"], &changed["branches"]), (&json!("QA team"), &json!("manual"), &json!(["main"])));
        for bad in [
            json!({ "name": " " }), json!({ "frequency": "hourly" }), json!({ "branches": [""] }), json!({ "nam": "x" }),
            json!({ "prefixes": [{ "name": "x", "branch_only": true, "tag_only": true }] }), json!({ "testers": ["x@y"] }),
            json!({ "schedule": { "weekdays": [], "time": "07:30", "zone": "UTC" } }),
            json!({ "schedule": { "weekdays": ["monday"], "time": "7:30", "zone": "UTC" } }),
            json!({ "schedule": { "weekdays": ["monday"], "time": "07:30", "zone": "Mars/Base" } }),
        ] {
            shop.json(Method::PUT, &path, bad.clone()).await.expect(400);
            assert_eq!(shop.groups().await[1], changed, "{bad}");
        }
        for bad in [json!({}), json!({ "name": "x", "frequency": "scheduled" }), json!({ "name": "x", "testers": ["no"] })] {
            shop.json(Method::POST, &shop.path(""), bad).await.expect(400);
        }
        assert_eq!(shop.groups().await.len(), 2);
        shop.caller.send_as(Method::DELETE, &path, "", "").await.expect(204);
        shop.caller.send_as(Method::DELETE, &path, "", "").await.expect(404);
        let team = shop.path(&format!("/{}", shop.team().await));
        shop.caller.send_as(Method::DELETE, &team, "", "").await.expect(204);
        // A team that somebody deleted does not come back.
        assert_eq!(shop.groups().await, Vec::<Value>::new());
        let log = shop.caller.get_json(&format!("/v1/audit?app_id={}", shop.row.id)).await;
        let text = log.to_string();
        for action in ["group.create", "group.change", "group.delete"] {
            assert!(text.contains(action), "{action} in {text}");
        }
    }

    async fn groups_get_each_build_or_the_last_one_on_schedule_once(app: TestApp) {
        let shop = Shop::open(app).await;
        let weekly = json!({ "weekdays": ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"], "time": "12:00", "zone": "UTC" });
        for (name, frequency) in [("Daily", "scheduled"), ("By hand", "manual")] {
            let body = json!({ "name": name, "frequency": frequency, "schedule": weekly, "testers": [format!("{frequency}@example.org")] });
            shop.json(Method::POST, &shop.path(""), body).await.expect(201);
        }
        let empty = json!({ "name": "Nobody in it", "frequency": "each_build" });
        shop.json(Method::POST, &shop.path(""), empty).await.expect(201);
        let first = shop.build("app.apk").await;
        // Each job may run twice.
        for _ in 0..2 {
            deploy::deploy_each(&shop.app.app, &first).await.unwrap();
            shop.app.run_jobs().await;
            deploy::deploy_due(&shop.app.app).await.unwrap();
        }
        assert_eq!(shop.sent(&first).await, [owned("each_build", &["ann@example.org"])]);
        for _ in 0..3 {
            shop.app.advance(24 * 3_600_000);
            deploy::deploy_due(&shop.app.app).await.unwrap();
            let sent = shop.sent(&first).await;
            assert_eq!(sent, [owned("schedule", &["scheduled@example.org"]), owned("each_build", &["ann@example.org"])]);
        }
        let second = shop.build("app.apk").await;
        // A build that a person ends as a success deploys nothing.
        let third = shop.app.trigger(&shop.row).await;
        shop.caller.post(&format!("/v1/builds/{third}/cancel?cancel_successfully=1"), "", "").await.expect(204);
        shop.app.run_jobs().await;
        assert_eq!(shop.sent(&third).await, []);
        // Sent by hand already: the schedule has nothing new.
        let daily = shop.groups().await[1]["_id"].clone();
        let order = json!({ "groups": [daily], "testers": ["x@example.org", "X@example.org"], "release_notes": "Look at the basket" });
        let made = shop.json(Method::POST, &format!("/v1/builds/{second}/deployments"), order).await.expect(201).json::<Value>();
        assert_eq!((&made[0]["group_name"], &made[1]["group_id"]), (&json!("Daily"), &Value::Null));
        assert_eq!(made[1]["release_notes"], "Look at the basket");
        shop.app.advance(24 * 3_600_000);
        deploy::deploy_due(&shop.app.app).await.unwrap();
        let sent = shop.sent(&second).await;
        let causes: Vec<_> = sent.iter().map(|(cause, _)| cause.as_str()).collect();
        assert_eq!(causes, ["manual", "manual", "each_build"], "{sent:?}");
        for bad in [json!({}), json!({ "testers": ["no"] }), json!({ "groups": ["x"] })] {
            shop.json(Method::POST, &format!("/v1/builds/{second}/deployments"), bad).await.expect(400);
        }
        let unfinished = shop.app.trigger(&shop.row).await;
        shop.json(Method::POST, &format!("/v1/builds/{unfinished}/deployments"), json!({ "testers": ["x@y"] })).await.expect(409);
    }
}
