//! Apps are added, changed, moved, deleted and brought back; the activity log
//! tells of it.

use serde_json::json;

use super::*;

const JSON: &str = "application/json";
const DAY_MS: i64 = 24 * 3_600_000;

on_both! {
    async fn an_app_is_added_and_changed(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let caller = Caller::new(&app, &ann).await;
        let body = r#"{"app_name": " Shop 🛒 ", "platform": "ios", "repo_url": "https://u:secret@git.example.org/o/shop.git"}"#;
        let made: Value = caller.post("/v1/apps", JSON, body).await.expect(201).json();
        insta::assert_json_snapshot!("app_added", made, {
            "._id" => "[id]", ".organisation_id" => "[id]",
        });
        let id = made["_id"].as_str().unwrap();
        let path = format!("/v1/apps/{id}");
        assert_eq!(caller.get_json(&path).await, made);
        assert_eq!(caller.get_json("/v1/apps").await[0]["app_name"], "Shop 🛒");

        let changes = r#"{"app_name": "Store", "repo_url": "https://other.example.org/o/r.git",
            "next_build_number": 41, "public": true}"#;
        let changed: Value = caller.put(&path, changes).await.expect(200).json();
        assert_eq!(changed["app_name"], "Store");
        assert_eq!(changed["repo_url"], "https://other.example.org/o/r.git");
        assert_eq!((&changed["next_build_number"], &changed["public"]), (&json!(41), &json!(true)));
        assert_eq!(caller.put(&path, "{}").await.expect(200).json::<Value>(), changed);
        assert!(caller.put(&path, r#"{"next_build_number": 40}"#).await.expect(409).error().contains("41"));
        // The old host's password went with the old address.
        let mut tx = app.app.db.read().await.unwrap();
        let credential = shipmate::db::apps::find_credential(&mut tx, &id.parse().unwrap()).await.unwrap();
        assert_eq!(credential, None);
        drop(tx);
        for body in [
            r#"{"app_name": ""}"#, r#"{"app_name": "a\nb"}"#, r#"{"repo_url": "ext::sh -c id"}"#,
            r#"{"next_build_number": 0}"#, r#"{"next_build_number": 3000000000}"#, r#"{"public": 1}"#,
            r#"{"name": "Shop"}"#,
        ] {
            caller.put(&path, body).await.expect(400);
        }
        for body in [
            r#"{"app_name": "x", "platform": "ios"}"#,
            r#"{"app_name": "x", "platform": "web", "repo_url": "/srv/r.git"}"#,
            r#"{"app_name": "x", "platform": "ios", "repo_url": "/srv/r.git", "organisation_id": "1"}"#,
        ] {
            caller.post("/v1/apps", JSON, body).await.expect(400);
        }
        let log = caller.get_json(&format!("/v1/audit?app={id}")).await;
        insta::assert_json_snapshot!("app_history", log, {
            "[]._id" => "[id]", "[].organisation_id" => "[id]", "[].app_id" => "[id]", "[].user_id" => "[id]",
        });
        assert!(!log.to_string().contains("secret"));
    }

    async fn a_deleted_app_is_gone_until_it_is_restored(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let row = app.add_app(&ann, "Shop", "/nonexistent/repo.git").await;
        let caller = Caller::new(&app, &ann).await;
        let build = app.trigger(&row).await;
        let path = format!("/v1/apps/{}", row.id);
        for query in ["", "?confirm=", "?confirm=shop"] {
            assert!(caller.delete(&format!("{path}{query}")).await.expect(400).error().contains("confirm"));
        }
        caller.delete(&format!("{path}?confirm=Shop")).await.expect(204);
        let paths = [path.clone(), format!("{path}/builds"), format!("/v1/builds/{build}")];
        for path in &paths {
            caller.get(path).await.expect(404);
        }
        caller.post(&format!("{path}/build"), "", "").await.expect(404);
        caller.delete(&format!("{path}?confirm=Shop")).await.expect(404);
        assert_eq!(caller.get_json("/v1/apps").await, json!([]));
        assert_eq!(app.build(&build).await.status.as_str(), "cancelled");
        // Its history stays readable for the owner.
        let log = caller.get_json(&format!("/v1/audit?app={}", row.id)).await;
        assert_eq!(log[0]["action"], "app.delete");

        app.advance(30 * DAY_MS);
        caller.post(&format!("{path}/restore"), "", "").await.expect(200);
        for path in &paths {
            caller.get(path).await.expect(200);
        }
        caller.post(&format!("{path}/restore"), "", "").await.expect(404);
        caller.delete(&format!("{path}?confirm=Shop")).await.expect(204);
        app.advance(30 * DAY_MS + 1);
        caller.post(&format!("{path}/restore"), "", "").await.expect(404);
    }

    async fn the_next_build_takes_the_raised_number(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let row = app.add_app(&ann, "Shop", "/nonexistent/repo.git").await;
        let caller = Caller::new(&app, &ann).await;
        caller.put(&format!("/v1/apps/{}", row.id), r#"{"next_build_number": 1000}"#).await.expect(200);
        let build = app.trigger(&row).await;
        assert_eq!(caller.get_json(&format!("/v1/builds/{build}")).await["build_number"], 1000);
    }

    async fn the_activity_log_is_read_page_by_page(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let row = app.add_app(&ann, "Shop", "/nonexistent/repo.git").await;
        let caller = Caller::new(&app, &ann).await;
        for number in 1..=5 {
            let body = format!(r#"{{"app_name": "Shop {number}"}}"#);
            caller.put(&format!("/v1/apps/{}", row.id), &body).await.expect(200);
        }
        let mut seen = Vec::new();
        let mut path = "/v1/audit?pageSize=2".to_owned();
        loop {
            let answer = caller.get(&path).await.expect(200);
            let page: Value = answer.json();
            seen.extend(page.as_array().unwrap().iter().map(|e| e["detail"].as_str().unwrap().to_owned()));
            let Some(link) = answer.headers.get("link") else { break };
            path = link.to_str().unwrap().strip_prefix('<').unwrap().strip_suffix(">; rel=\"next\"").unwrap().to_owned();
        }
        assert_eq!(seen, ["Shop 5", "Shop 4", "Shop 3", "Shop 2", "Shop 1"]);

        // Others own nothing of it; what they may not see does not exist.
        let bob = app.add_user("bob@example.org").await;
        let other = Caller::new(&app, &bob).await;
        assert_eq!(other.get_json("/v1/audit").await, json!([]));
        other.get(&format!("/v1/audit?app={}", row.id)).await.expect(404);
        other.get(&format!("/v1/audit?organisation={}", row.org_id)).await.expect(404);
        caller.get(&format!("/v1/audit?organisation={}", row.org_id)).await.expect(200);
        for query in ["app=1", "organisation=x", "from=x", "pageSize=0"] {
            caller.get(&format!("/v1/audit?{query}")).await.expect(400);
        }
        let root = app.add_admin("root@example.org").await;
        let admin = Caller::new(&app, &root).await;
        assert_eq!(admin.get_json("/v1/audit").await.as_array().unwrap().len(), 5);
    }
}
