//! Endpoints 1 to 9 without an agent: what is queued, listed and cancelled.

use std::collections::BTreeSet;

use serde_json::json;
use shipmate::db;
use shipmate::model::account::Access;

use super::*;

const FORM: &str = "application/x-www-form-urlencoded";

on_both! {
    async fn a_trigger_takes_its_branch_from_anywhere(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let repo = app.add_repository("repo");
        repo.branch("feature/find&replace");
        let row = app.add_app(&ann, "Shop", &repo.url()).await;
        let caller = Caller::new(&app, &ann).await;
        let path = format!("/v1/apps/{}/build", row.id);
        let named = "feature/find&replace";
        for (path, media, body, branch) in [
            (path.clone(), "", "", "main"),
            (path.clone(), "application/json", "", "main"),
            (path.clone(), FORM, "branch=", "main"),
            (path.clone(), FORM, "branch=feature%2Ffind%26replace", named),
            (path.clone(), "application/json", r#"{"branch":"feature/find&replace"}"#, named),
            (path.clone(), "application/json", r#"{"branch":null}"#, "main"),
            (format!("{path}s?branch=feature/find%26replace"), "", "", named),
            (format!("{path}?branch=nowhere"), FORM, "branch=main", "main"),
        ] {
            let answer: Value = caller.post(&path, media, body).await.expect(201).json();
            assert_eq!(answer.as_object().unwrap().len(), 1);
            let id = answer["build_id"].as_str().unwrap();
            let build = caller.get_json(&format!("/v1/builds/{id}")).await;
            assert_eq!(build["commit_info"]["branch"], branch, "{path} {media} {body}");
            assert_eq!(build["build_status"], "queued");
            assert_eq!(build["started_at"], Value::Null);
            assert_eq!(build["test_summary"], json!({}));
            assert_eq!(build["links"], json!({ "download": [], "install": [] }));
        }
        let missing = caller.post(&path, FORM, "branch=nowhere").await.expect(404);
        assert_eq!(missing.error(), "Branch not found");
        // Made after the last look: the remote is asked before it is refused.
        repo.branch("nowhere");
        caller.post(&path, FORM, "branch=nowhere").await.expect(201);
        let names = caller.get_json(&format!("/v1/apps/{}/branches", row.id)).await;
        assert_eq!(names, json!([{"name": named}, {"name": "main"}, {"name": "nowhere"}]));
        // Numbers count every accepted build, without gaps.
        let builds = caller.get_json(&format!("/v1/apps/{}/builds?limit=100", row.id)).await;
        let numbers: BTreeSet<_> = builds.as_array().unwrap().iter().map(|b| b["build_number"].as_i64().unwrap()).collect();
        assert_eq!(numbers, (1..=9).collect());
    }

    async fn remotes_that_fail(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let gone = app.add_app(&ann, "Gone", "/nonexistent/repo.git").await;
        let empty = app.dir().join("empty");
        std::fs::create_dir(&empty).unwrap();
        std::process::Command::new("git").args(["init", "--quiet"]).current_dir(&empty).status().unwrap();
        let empty = app.add_app(&ann, "Empty", empty.to_str().unwrap()).await;
        let caller = Caller::new(&app, &ann).await;
        caller.post(&format!("/v1/apps/{}/build", gone.id), FORM, "branch=main").await.expect(201);
        let refused = caller.post(&format!("/v1/apps/{}/build", empty.id), "", "").await.expect(404);
        assert_eq!(refused.error(), "Branch not found");
        // Stored branches are the answer while the remote is away.
        let names = caller.get_json(&format!("/v1/apps/{}/branches", gone.id)).await;
        assert_eq!(names, json!([{"name": "main"}]));
    }

    async fn who_may_do_what(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let bob = app.add_user("bob@example.org").await;
        let root = app.add_admin("root@example.org").await;
        let repo = app.add_repository("repo");
        let row = app.add_app(&ann, "shop", &repo.url()).await;
        app.add_app(&ann, "Bakery", &repo.url()).await;
        let caller = Caller::new(&app, &bob).await;
        let path = format!("/v1/apps/{}/build", row.id);
        assert_eq!(caller.get_json("/v1/apps").await, json!([]));
        caller.post(&path, "", "").await.expect(404);
        let mut tx = app.app.db.write().await.unwrap();
        db::accounts::set_app_access(&mut tx, &row.id, &bob.user.id, Access::Read).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(
            caller.get_json("/v1/apps").await,
            json!([{ "_id": row.id, "app_name": "shop", "platform": "android" }])
        );
        assert_eq!(caller.post(&path, "", "").await.expect(403).error(), "Read-only access");
        let build = app.trigger(&row).await;
        caller.get(&format!("/v1/builds/{build}")).await.expect(200);
        caller.post(&format!("/v1/builds/{build}/cancel"), "", "").await.expect(403);
        let owner = Caller::new(&app, &root).await;
        let names: Vec<_> = owner.get_json("/v1/apps").await.as_array().unwrap().iter().map(|a| a["app_name"].clone()).collect();
        assert_eq!(names, ["Bakery", "shop"]);
        owner.post(&path, "", "").await.expect(201);
    }

    async fn a_cancelled_queued_build_is_finished_at_once(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let row = app.add_app(&ann, "Shop", "/nonexistent/repo.git").await;
        let caller = Caller::new(&app, &ann).await;
        for (query, status) in [("", "cancelled"), ("?cancel_successfully=1", "success")] {
            let id = app.trigger(&row).await;
            for _ in 0..2 {
                let answer = caller.post(&format!("/v1/builds/{id}/cancel{query}"), "", "").await.expect(204);
                assert!(answer.body.is_empty());
                let build = caller.get_json(&format!("/v1/builds/{id}")).await;
                assert_eq!(build["build_status"], status);
                assert_eq!(build["finished"], true);
                assert!(build["started_at"].is_string() && build["finished_at"].is_string());
            }
            assert_eq!(caller.get_json(&format!("/v1/builds/{id}/tests")).await["tests"], json!([]));
            let coverage = caller.get_json(&format!("/v1/builds/{id}/coverage")).await;
            assert_eq!((&coverage["coverage"], &coverage["targets"]), (&json!(0.0), &json!([])));
        }
    }

    async fn paging_repeats_nothing_while_builds_arrive(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let row = app.add_app(&ann, "Shop", "/nonexistent/repo.git").await;
        let caller = Caller::new(&app, &ann).await;
        let mut expected = Vec::new();
        for _ in 0..25 {
            expected.push(app.trigger(&row).await.to_string());
        }
        expected.reverse();
        let mut seen = Vec::new();
        let mut path = format!("/v1/apps/{}/builds?branch=main&limit=10", row.id);
        loop {
            // The export tool joins its base and whatever it finds (api.md 1.6).
            let answer = caller.get(&format!("/{path}")).await.expect(200);
            let page: Value = answer.json();
            let page = page.as_array().unwrap();
            assert!(!page.is_empty());
            seen.extend(page.iter().map(|b| b["_id"].as_str().unwrap().to_owned()));
            app.trigger(&row).await;
            let Some(link) = answer.headers.get("link") else { break };
            let link = link.to_str().unwrap();
            path = link.strip_prefix('<').unwrap().strip_suffix(">; rel=\"next\"").unwrap().to_owned();
            assert!(path.starts_with("/v1/apps/"), "{path}");
        }
        assert_eq!(seen, expected);
        let newest = caller.get_json(&format!("/v1/apps/{}/build/latest", row.id)).await;
        let same = caller.get_json(&format!("/v1/apps/{}/builds/latest?status=queued", row.id)).await;
        assert_eq!(newest["_id"], same["_id"]);
        caller.get(&format!("/v1/apps/{}/builds/latest?branch=none", row.id)).await.expect(404);
    }
}
