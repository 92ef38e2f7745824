//! Variables, secure files, SSH keys and hosts over the API.

use serde_json::json;
use shipmate::apps::variables::{VariableKind, of_build};
use shipmate::db;

use super::*;

const HIDDEN: &str = "fake-hidden-value-77";

impl Caller {
    async fn store(&self, path: &str, body: impl Into<reqwest::Body>) -> Answer {
        let request = self.server.client.put(format!("{}{path}", self.server.url));
        let request = request.bearer_auth(&self.token).header("content-type", "application/json");
        Answer::of(request.body(body)).await
    }
}

on_both! {
    async fn branch_beats_app_beats_organisation(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let row = app.add_app(&ann, "Shop", "/nonexistent").await;
        let caller = Caller::new(&app, &ann).await;
        let (of_app, of_org) = (
            format!("/v1/apps/{}/variables", row.id),
            format!("/v1/organisations/{}/variables", row.org_id),
        );
        let hidden = json!({ "value": HIDDEN }).to_string();
        for path in [format!("{of_org}/A"), format!("{of_org}/B"), format!("{of_org}/C")] {
            caller.store(&path, r#"{"value": "org", "hidden": false}"#).await.expect(204);
        }
        for name in ["B", "C"] {
            caller.store(&format!("{of_app}/{name}"), r#"{"value": "app", "hidden": false}"#).await.expect(204);
        }
        let branch = r#"{"value": "branch", "hidden": false, "branch": "release/1"}"#;
        caller.store(&format!("{of_app}/C"), branch).await.expect(204);
        caller.store(&format!("{of_app}/TOKEN"), hidden.clone()).await.expect(204);
        caller.store(&format!("{of_app}/MAPS"), r#"{"value": "m", "kind": "device"}"#).await.expect(204);

        let listed = caller.get(&of_app).await.expect(200);
        assert!(!String::from_utf8_lossy(&listed.body).contains(HIDDEN));
        let listed: Value = listed.json();
        let shown: Vec<String> = listed.as_array().unwrap().iter().map(|v| {
            format!("{} {} {} {}", v["name"], v["source"], v["value"], v["branch"]).replace('"', "")
        }).collect();
        assert_eq!(shown, [
            "A organisation org null",
            "B organisation org null",
            "B app app null",
            "C organisation org null",
            "C app app null",
            "C branch branch release/1",
            "TOKEN app null null",
        ]);
        let device = caller.get_json(&format!("{of_app}?kind=device")).await;
        assert_eq!((device[0]["name"].as_str(), &device[0]["value"]), (Some("MAPS"), &json!(null)));

        let mut tx = app.app.db.read().await.unwrap();
        for (branch, expected) in [("main", "org app app"), ("release/1", "org app branch")] {
            let env = of_build(&app.app, &mut tx, &row, VariableKind::Environment, branch).await.unwrap();
            let values: Vec<_> = env.iter().map(|v| v.value.expose()).collect();
            assert_eq!(values.join(" "), format!("{expected} {HIDDEN}"));
        }
        let entries = db::audit::list(&mut tx, &Default::default(), 100).await.unwrap();
        drop(tx);
        assert!(entries.iter().any(|e| e.action == "variable.set" && e.subject == "TOKEN"));
        assert!(!format!("{entries:?}").contains(HIDDEN));

        caller.delete(&format!("{of_app}/C?branch=release/1")).await.expect(204);
        caller.delete(&format!("{of_app}/C?branch=release/1")).await.expect(404);
        for (name, body) in [
            ("BUDDYBUILD_BRANCH", r#"{"value": "x"}"#),
            ("HOME", r#"{"value": "x"}"#),
            ("1A", r#"{"value": "x"}"#),
            ("A-B", r#"{"value": "x"}"#),
            ("A", r#"{"value": 1}"#),
            ("A", "{}"),
            ("A", r#"{"value": "x", "more": 1}"#),
            ("A", r#"{"value": "x", "branch": "a..b"}"#),
            ("A", r#"{"value": "x", "kind": "other"}"#),
        ] {
            caller.store(&format!("{of_app}/{name}"), body).await.expect(400);
        }
        caller.store(&format!("{of_org}/A"), r#"{"value": "x", "branch": "main"}"#).await.expect(400);
        caller.get(&format!("{of_app}?kind=other")).await.expect(400);
    }

    async fn a_secure_file_is_kept_encrypted_and_replaced(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let row = app.add_app(&ann, "Shop", "/nonexistent").await;
        let caller = Caller::new(&app, &ann).await;
        let path = format!("/v1/apps/{}/secure-files", row.id);
        let org_path = format!("/v1/organisations/{}/secure-files", row.org_id);
        let plain = "fake-keystore-bytes ".repeat(20_000);
        caller.store(&format!("{org_path}/play.json"), "of the organisation").await.expect(204);
        caller.store(&format!("{path}/play.json"), plain.clone()).await.expect(204);
        caller.store(&format!("{path}/M%C3%B6bel%20key.jks"), "first").await.expect(204);
        caller.store(&format!("{path}/M%C3%B6bel%20key.jks"), "second").await.expect(204);
        let listed = caller.get_json(&path).await;
        let shown: Vec<String> = listed.as_array().unwrap().iter()
            .map(|f| format!("{} {} {}", f["name"], f["bytes"], f["source"]).replace('"', ""))
            .collect();
        assert_eq!(shown, ["Möbel key.jks 6 app", "play.json 400000 app"]);
        assert_eq!(app.count_blobs(), 3, "what was replaced is gone");
        for file in walkdir::WalkDir::new(app.dir().join("blobs")).into_iter().flatten() {
            if file.file_type().is_file() {
                let bytes = std::fs::read(file.path()).unwrap();
                assert!(!bytes.windows(12).any(|w| w == b"fake-keystor" || w == b"of the organ"));
            }
        }
        for name in ["..%2Fx", "a%2Fb", "%2E%2E", "a%0Ab"] {
            let answer = caller.store(&format!("{path}/{name}"), "x").await;
            assert!([400, 404].contains(&answer.status.as_u16()), "{name}: {}", answer.status);
        }
        let chunk = bytes::Bytes::from(vec![7; 1 << 20]);
        let long = futures_util::stream::iter((0..51).map(move |_| Ok::<_, std::io::Error>(chunk.clone())));
        let answer = caller.store(&format!("{path}/long"), reqwest::Body::wrap_stream(long)).await;
        assert_eq!(answer.status.as_u16(), 413);
        assert_eq!(app.count_blobs(), 3);
        caller.delete(&format!("{path}/play.json")).await.expect(204);
        caller.delete(&format!("{path}/play.json")).await.expect(404);
        let listed = caller.get_json(&path).await;
        assert_eq!(listed[1]["source"], "organisation");
        assert_eq!(app.count_blobs(), 2);
    }

    async fn an_organisation_has_a_key_and_hosts(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let row = app.add_app(&ann, "Shop", "/nonexistent").await;
        let caller = Caller::new(&app, &ann).await;
        let org = format!("/v1/organisations/{}", row.org_id);
        let first = caller.get_json(&format!("{org}/ssh-key")).await;
        assert_eq!(caller.get_json(&format!("{org}/ssh-key")).await, first);
        assert!(first["public_key"].as_str().unwrap().starts_with("ssh-ed25519 AAAA"));
        assert!(first["fingerprint"].as_str().unwrap().starts_with("SHA256:"));
        let second: Value =
            caller.post(&format!("{org}/ssh-key/rotate"), "", "").await.expect(201).json();
        assert_ne!(first["public_key"], second["public_key"]);
        assert_eq!(caller.get_json(&format!("{org}/ssh-key")).await, second);

        let keys = r#"{"keys": ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE5v fake@host"]}"#;
        caller.store(&format!("{org}/ssh-hosts/Git.Example.org:2222"), keys).await.expect(204);
        let hosts = caller.get_json(&format!("{org}/ssh-hosts")).await;
        assert_eq!(hosts.as_array().unwrap().len(), 4);
        assert_eq!(hosts[3]["host"], "git.example.org:2222");
        assert_eq!(hosts[3]["keys"], json!(["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE5v"]));
        assert_eq!((&hosts[0]["host"], &hosts[0]["pinned"]), (&json!("github.com:22"), &json!(true)));
        caller.store(&format!("{org}/ssh-hosts/github.com"), keys).await.expect(400);
        caller.store(&format!("{org}/ssh-hosts/-oProxy"), keys).await.expect(400);
        caller.store(&format!("{org}/ssh-hosts/a.org"), r#"{"keys": ["x"]}"#).await.expect(400);
        caller.store(&format!("{org}/ssh-hosts/a.org"), r#"{"keys": []}"#).await.expect(400);
        caller.delete(&format!("{org}/ssh-hosts/git.example.org:2222")).await.expect(204);
        caller.delete(&format!("{org}/ssh-hosts/git.example.org:2222")).await.expect(404);
    }
}
