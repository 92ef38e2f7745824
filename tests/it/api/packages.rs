//! App packages from the agent's report to the answers of the API.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use shipmate::model::app::Platform;
use shipmate::model::build::Outcome;
use shipmate::model::ids::ArtifactId;
use shipmate::model::time::Millis;

use super::*;
use crate::harness::agent::{FakeAgent, Held, artifact_id};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\nrest of a picture";

fn facts(format: &str, signing: Value) -> Value {
    json!({
        "format": format, "name": "Shop", "identifier": "org.example.shop",
        "version_name": "1.4.2", "version_code": "57", "min_os": "21", "signing": signing,
    })
}

fn profile(kind: &str) -> Value {
    json!({"profile": {"name": "P", "kind": kind, "devices": ["abc"],
        "entitlements": [["get-task-allow", "false"]], "expires_at": 0}})
}

struct Stage {
    caller: Caller,
    agent: FakeAgent,
    held: Held,
}

impl Stage {
    async fn set(app: &TestApp, platform: Platform) -> Self {
        let ann = app.add_user("ann@example.org").await;
        let row = app.add_app_on(&ann, "Shop", "https://git.example.org/o/r.git", platform).await;
        let caller = Caller::new(app, &ann).await;
        let token = app.add_agent_token("a").await;
        let agent = FakeAgent::new(&caller.server, &token, "a");
        app.trigger(&row).await;
        let held = agent.take("c1").await;
        Self { caller, agent, held }
    }

    async fn upload(&self, path: &str) -> ArtifactId {
        artifact_id(self.agent.upload(&self.held, path, path, path.as_bytes()).await)
    }

    /// Uploads a package with these facts.
    async fn add(&self, path: &str, facts: Value) {
        let id = self.upload(path).await;
        let body = json!({ "attempt": self.held.attempt, "facts": facts });
        self.agent.package(&self.held, &id, &body).await.expect(204);
    }

    /// Names of the downloads of the build once it has ended well.
    async fn downloads(&self) -> Vec<String> {
        self.agent.finish(&self.held, Outcome::Success, 0).await.expect(204);
        let build = self.caller.get_json(&format!("/v1/builds/{}", self.held.build)).await;
        let links = build["links"]["download"].as_array().unwrap();
        links.iter().map(|link| link["name"].as_str().unwrap().to_owned()).collect()
    }

    async fn artifacts(&self) -> Value {
        self.caller.get_json(&format!("/v1/builds/{}/artifacts", self.held.build)).await
    }
}

on_both! {
    async fn facts_and_icon_of_a_package_are_shown(app: TestApp) {
        let stage = Stage::set(&app, Platform::Android).await;
        let id = stage.upload("app-release.apk").await;
        let certificate = json!({"subject": "CN=Ann", "sha256": "ab", "expires_at": 86_400_000});
        let signing = json!({"schemes": ["v1", "v2"], "certificate": certificate});
        let body = json!({
            "attempt": stage.held.attempt, "facts": facts("apk", signing),
            "icon": STANDARD.encode(PNG), "later": true,
        });
        // A repeated call changes nothing.
        for _ in 0..2 {
            stage.agent.package(&stage.held, &id, &body).await.expect(204);
        }
        let broken = stage.upload("broken.apk").await;
        let error = json!({"attempt": stage.held.attempt, "error": "it ends too early\0"});
        stage.agent.package(&stage.held, &broken, &error).await.expect(204);
        stage.upload("mapping.txt").await;
        let shown = stage.artifacts().await;
        let package = &shown[0]["package"];
        assert_eq!(package["name"], "Shop");
        assert_eq!(package["identifier"], "org.example.shop");
        assert_eq!((&package["version_name"], &package["version_code"]), (&json!("1.4.2"), &json!("57")));
        assert_eq!(package["schemes"], json!(["v1", "v2"]));
        assert_eq!(package["certificate"]["expires_at"], "1970-01-02T00:00:00.000Z");
        assert_eq!((&package["signed"], &package["installable"]), (&json!(true), &json!(true)));
        assert_eq!(shown[1]["package"]["error"], "it ends too early\u{fffd}");
        assert_eq!(shown[1]["package"]["format"], Value::Null);
        assert_eq!(shown[2].get("package"), None);

        let url = package["icon_url"].as_str().unwrap();
        let path = url.strip_prefix(&app.app.settings.dashboard_url).unwrap();
        let icon = stage.caller.server.call(Method::GET, path, None, "").await.expect(200);
        assert_eq!(icon.headers["content-type"], "image/png");
        assert_eq!(icon.body, PNG);
        let forged = path.replace(id.as_str(), broken.as_str());
        stage.caller.server.call(Method::GET, &forged, None, "").await.expect(404);
        assert_eq!(stage.downloads().await, ["release"]);
    }

    async fn reports_that_make_no_sense_are_refused(app: TestApp) {
        let stage = Stage::set(&app, Platform::Android).await;
        let id = stage.upload("a.apk").await;
        let attempt = stage.held.attempt;
        let signed = facts("apk", json!({"schemes": ["v2"]}));
        for body in [
            json!({ "attempt": attempt }),
            json!({ "attempt": attempt, "facts": signed, "error": "x" }),
            json!({ "attempt": attempt, "facts": facts("exe", json!({})) }),
            json!({ "attempt": attempt, "facts": signed, "icon": "!" }),
            json!({ "attempt": attempt, "facts": signed, "icon": STANDARD.encode("<svg/>") }),
            json!({ "attempt": attempt, "facts": signed, "icon": "A".repeat(800_000) }),
        ] {
            stage.agent.package(&stage.held, &id, &body).await.expect(400);
        }
        let fine = json!({ "attempt": attempt, "facts": signed });
        let unknown = ArtifactId::generate(Millis(0));
        stage.agent.package(&stage.held, &unknown, &fine).await.expect(404);
        let stale = json!({ "attempt": attempt + 1, "facts": signed });
        stage.agent.package(&stage.held, &id, &stale).await.expect(409);
        assert_eq!(stage.artifacts().await[0].get("package"), None);
        // Long texts and lists are cut, not refused.
        let mut long = signed;
        long["name"] = "x".repeat(5_000).into();
        long["permissions"] = vec!["p"; 5_000].into();
        let body = json!({ "attempt": attempt, "facts": long });
        stage.agent.package(&stage.held, &id, &body).await.expect(204);
        let package = &stage.artifacts().await[0]["package"];
        assert_eq!(package["name"].as_str().unwrap().len(), 1_000);
        assert_eq!(package["permissions"].as_array().unwrap().len(), 1_000);
    }

    async fn unsigned_packages_are_not_offered(app: TestApp) {
        let stage = Stage::set(&app, Platform::Android).await;
        stage.add("app-debug.apk", facts("apk", json!({}))).await;
        stage.upload("mapping.txt").await;
        assert_eq!(stage.downloads().await, Vec::<String>::new());
    }

    async fn signed_packages_are_offered_by_variant(app: TestApp) {
        let stage = Stage::set(&app, Platform::Android).await;
        let signing = json!({"schemes": ["v2"]});
        stage.add("app-free-release.apk", facts("apk", signing.clone())).await;
        stage.add("app-paid-release.apk", facts("apk", signing)).await;
        stage.add("app-paid-debug.apk", facts("apk", json!({}))).await;
        stage.upload("of-an-older-agent.apk").await;
        stage.upload("mapping.txt").await;
        assert_eq!(stage.downloads().await, ["freeRelease", "paidRelease", "of-an-older-agent"]);
    }

    async fn simulator_and_unsigned_ipas_are_not_offered(app: TestApp) {
        let stage = Stage::set(&app, Platform::Ios).await;
        let mut simulator = facts("ipa", profile("development"));
        simulator["simulator"] = true.into();
        stage.add("Simulator.ipa", simulator).await;
        stage.add("Unsigned.ipa", facts("ipa", json!({}))).await;
        stage.add("Store.ipa", facts("ipa", profile("app_store"))).await;
        stage.add("AdHoc.ipa", facts("ipa", profile("ad_hoc"))).await;
        assert_eq!(stage.downloads().await, ["AdHoc", "Store"]);
        let shown = stage.artifacts().await;
        let of = |name: &str| {
            let found = shown.as_array().unwrap().iter().find(|a| a["name"] == name).unwrap();
            (found["package"]["signed"].clone(), found["package"]["installable"].clone())
        };
        assert_eq!(of("AdHoc.ipa"), (json!(true), json!(true)));
        assert_eq!(of("Store.ipa"), (json!(true), json!(false)));
        assert_eq!(of("Simulator.ipa"), (json!(false), json!(false)));
        let build = stage.caller.get_json(&format!("/v1/builds/{}", stage.held.build)).await;
        let url = build["links"]["download"][0]["url"].as_str().unwrap();
        assert!(url.contains("/download-ipa?"), "{url}");
    }
}
