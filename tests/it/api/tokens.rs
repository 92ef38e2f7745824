//! Personal and named tokens: scope, expiry, last use.

use std::time::Duration;

use serde_json::json;

use super::*;
use crate::harness::eventually;

const JSON: &str = "application/json";

on_both! {
    async fn named_tokens_stand_beside_the_personal_one(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let mut caller = Caller::new(&app, &ann).await;
        let body = r#"{"name": "ci", "scope": "trigger", "expires_at": "2024-03-09T17:00:00Z"}"#;
        let made: Value = caller.post("/v1/tokens", JSON, body).await.expect(201).json();
        let secret = made["access_token"].as_str().unwrap().to_owned();
        assert_eq!((secret.len(), &secret[..4]), (53, "smp_"));
        insta::assert_json_snapshot!("token_issued", made, {
            "._id" => "[id]", ".access_token" => "[token]",
        });
        assert!(caller.post("/v1/tokens", JSON, body).await.expect(409).error().contains("ci"));
        for body in [
            r#"{}"#, r#"{"name": " "}"#, r#"{"name": "x", "scope": "root"}"#, r#"{"name": "x", "more": 1}"#,
            r#"{"name": "x", "expires_at": "2024-03-09T15:59:59Z"}"#,
            r#"{"name": "x", "expires_at": "2124-03-09T15:59:59Z"}"#,
            r#"{"name": "x", "expires_at": "tomorrow"}"#,
        ] {
            caller.post("/v1/tokens", JSON, body).await.expect(400);
        }
        let listed = caller.get_json("/v1/tokens").await;
        assert_eq!(listed.as_array().unwrap().len(), 2);
        assert!(!listed.to_string().contains("smp_"));
        assert_eq!((&listed[1]["current"], &listed[1]["name"]), (&json!(true), &json!(null)));

        // Replaced: the old one fails at once, the named one goes on.
        let fresh: Value = caller.post("/v1/tokens/personal/rotate", "", "").await.expect(201).json();
        assert_eq!(fresh["name"], json!(null));
        assert_eq!(caller.get("/v1/apps").await.expect(401).error(), "Invalid authorization token");
        caller.token = fresh["access_token"].as_str().unwrap().to_owned();
        assert_eq!(caller.get_json("/v1/tokens").await.as_array().unwrap().len(), 2);

        let bob = app.add_user("bob@example.org").await;
        let path = format!("/v1/tokens/{}", made["_id"].as_str().unwrap());
        caller.server.call(Method::DELETE, &path, Some(bob.token.expose()), "").await.expect(404);
        caller.server.call(Method::GET, "/v1/apps", Some(&secret), "").await.expect(200);
        caller.server.call(Method::DELETE, &path, Some(&caller.token), "").await.expect(204);
        caller.server.call(Method::DELETE, &path, Some(&caller.token), "").await.expect(404);
        caller.server.call(Method::GET, "/v1/apps", Some(&secret), "").await.expect(401);
    }

    async fn a_token_expires_even_if_nothing_is_committed(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let mut caller = Caller::new(&app, &ann).await;
        let body = r#"{"name": "short", "expires_at": "2024-03-09T16:00:10Z"}"#;
        let made: Value = caller.post("/v1/tokens", JSON, body).await.expect(201).json();
        caller.token = made["access_token"].as_str().unwrap().to_owned();
        app.advance(9_999);
        caller.get("/v1/apps").await.expect(200);
        app.advance(1);
        caller.get("/v1/apps").await.expect(401);
    }

    async fn the_last_use_is_noted_once_a_minute(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let caller = Caller::new(&app, &ann).await;
        let last_use = async || caller.get_json("/v1/tokens").await[0]["last_used_at"].clone();
        for (advance, noted) in [
            (0, "2024-03-09T16:00:00.000Z"),
            (60_000, "2024-03-09T16:01:00.000Z"),
        ] {
            app.advance(advance);
            eventually(Duration::from_secs(5), "the use is noted", async || {
                (last_use().await == noted).then_some(())
            })
            .await;
        }
        app.advance(59_999);
        for _ in 0..3 {
            assert_eq!(last_use().await, "2024-03-09T16:01:00.000Z");
        }
    }

    async fn a_mistyped_token_is_refused(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let mut caller = Caller::new(&app, &ann).await;
        caller.get("/v1/apps").await.expect(200);
        let last = caller.token.pop().unwrap();
        caller.token.push(if last == 'a' { 'b' } else { 'a' });
        // The database cannot even be asked: the checksum decides.
        app.app.db.close().await;
        assert_eq!(caller.get("/v1/apps").await.expect(401).error(), "Invalid authorization token");
    }

    async fn tokens_from_before_the_checksum_work(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let mut caller = Caller::new(&app, &ann).await;
        caller.token = format!("smp_{}", "aB3-_".repeat(9))[..47].to_owned();
        let hash = shipmate::secrets::hash_token(&caller.token);
        app.db.run(&format!("UPDATE tokens SET hash = '{hash}'")).await;
        caller.get("/v1/apps").await.expect(200);
    }
}
