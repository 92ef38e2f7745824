//! Endpoints 1 to 9 without an agent: what is queued, listed and cancelled.

use std::collections::BTreeSet;

use serde_json::json;
use shipmate::db;
use shipmate::db::builds::NewBuild;
use shipmate::model::account::Access;
use shipmate::model::app::App as AppRow;
use shipmate::model::ids::BuildId;

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
        for _ in 0..250 {
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

    async fn the_next_page_keeps_path_filters_and_size(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let row = app.add_app(&ann, "Shop", "/nonexistent/repo.git").await;
        for _ in 0..12 {
            app.trigger(&row).await;
        }
        let caller = Caller::new(&app, &ann).await;
        let base = format!("/v1/apps/{}/builds", row.id);
        for (path, start, sizes) in [
            (base.clone(), format!("<{base}?limit=10&from="), vec![10, 2]),
            (format!("/{base}/?limit=5"), format!("<{base}?limit=5&from="), vec![5, 5, 2]),
            (format!("{base}?pageSize=6"), format!("<{base}?pageSize=6&from="), vec![6, 6]),
            (
                format!("{base}?other=1&pageSize=11&status=queued&branch=main&scheme="),
                format!("<{base}?branch=main&status=queued&pageSize=11&from="),
                vec![11, 1],
            ),
            (format!("{base}?limit=7&pageSize=3"), format!("<{base}?limit=7&from="), vec![7, 5]),
        ] {
            let mut got = Vec::new();
            let mut next = path.clone();
            loop {
                let answer = caller.get(&next).await.expect(200);
                got.push(answer.json::<Vec<Value>>().len());
                let Some(link) = answer.headers.get("link") else { break };
                let link = link.to_str().unwrap();
                assert!(link.starts_with(&start), "{link} should start with {start}");
                let end = link.strip_suffix(">; rel=\"next\"").expect("no other relation");
                next = end[1..].to_owned();
            }
            assert_eq!(got, sizes, "{path}");
        }
        // A cursor of another app's list is none of this one.
        let other = app.add_app(&ann, "Other", "/nonexistent/repo.git").await;
        let link = caller.get(&format!("{base}?limit=1")).await.headers["link"].to_str().unwrap().to_owned();
        let cursor = link.split("from=").nth(1).unwrap().split('>').next().unwrap().to_owned();
        let foreign = caller.get(&format!("/v1/apps/{}/builds?from={cursor}", other.id)).await;
        assert!(foreign.expect(400).error().contains("from"));
    }

    async fn filters_combine_and_match_exactly(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let row = app.add_app(&ann, "Shop", "/nonexistent/repo.git").await;
        for (number, scheme, branch) in [
            (101, "Shop - Release", "main"),
            (102, "Shop - Debug", "main"),
            (103, "Shop", "side"),
            (104, "Shop - Kit - Debug", "main"),
            (105, "Shopping - Debug", "side"),
            (106, "", "main"),
        ] {
            app.advance(1_000);
            insert(&app, &row, number, scheme, branch).await;
        }
        let caller = Caller::new(&app, &ann).await;
        let base = format!("/v1/apps/{}/builds", row.id);
        for (query, numbers) in [
            ("", vec![106, 105, 104, 103, 102, 101]),
            ("branch=main", vec![106, 104, 102, 101]),
            ("branch=MAIN", vec![]),
            ("branch=mai", vec![]),
            ("branch=m%25", vec![]),
            ("scheme=Shop", vec![103, 102, 101]),
            ("scheme=Shop+-+Debug", vec![102]),
            ("scheme=Shop%20-%20Kit", vec![104]),
            ("scheme=shop", vec![]),
            ("scheme=Sh_p", vec![]),
            ("scheme=Shop&branch=side", vec![103]),
            ("scheme=Shop&branch=main&status=queued", vec![102, 101]),
            ("status=running", vec![]),
            ("scheme=&branch=&status=", vec![106, 105, 104, 103, 102, 101]),
        ] {
            let list = caller.get_json(&format!("{base}?{query}")).await;
            let got: Vec<_> =
                list.as_array().unwrap().iter().map(|b| b["build_number"].as_i64().unwrap()).collect();
            assert_eq!(got, numbers, "{query}");
            // "Latest" is what the list shows first.
            for latest in ["builds/latest", "build/latest"] {
                let answer = caller.get(&format!("/v1/apps/{}/{latest}?{query}", row.id)).await;
                match numbers.first() {
                    Some(number) => assert_eq!(answer.expect(200).json::<Value>()["build_number"], *number),
                    None => assert_eq!(answer.expect(404).error(), "Not Found"),
                }
            }
        }
        for status in ["done", "Queued", "success,failed"] {
            let refused = caller.get(&format!("{base}?status={status}")).await.expect(400);
            assert_eq!(refused.error(), "Invalid value for parameter \"status\"");
        }
    }

    async fn cancelling_one_scheme_leaves_its_siblings(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let row = app.add_app(&ann, "Shop", "/nonexistent/repo.git").await;
        let one = insert(&app, &row, 7, "Shop - Debug", "main").await;
        let two = insert(&app, &row, 7, "Shop - Release", "main").await;
        let caller = Caller::new(&app, &ann).await;
        app.advance(5_000);
        for value in ["yes", "2", "-1"] {
            let path = format!("/v1/builds/{one}/cancel?cancel_successfully={value}");
            let refused = caller.post(&path, "", "").await.expect(400);
            assert_eq!(refused.error(), "Invalid value for parameter \"cancel_successfully\"");
        }
        assert_eq!(caller.get_json(&format!("/v1/builds/{one}")).await["build_status"], "queued");
        let path = format!("/v1/builds/{one}/cancel");
        caller.post(&path, FORM, "cancel_successfully=FALSE").await.expect(204);
        let cancelled = caller.get_json(&format!("/v1/builds/{one}")).await;
        assert_eq!(cancelled["build_status"], "cancelled");
        assert_eq!(cancelled["started_at"], cancelled["finished_at"]);
        assert_ne!(cancelled["started_at"], cancelled["created_at"]);
        let sibling = caller.get_json(&format!("/v1/builds/{two}")).await;
        assert_eq!((&sibling["build_status"], &sibling["finished"]), (&json!("queued"), &json!(false)));
        assert_eq!(sibling["build_number"], cancelled["build_number"]);
        // Again, the other way: no effect, and no error.
        app.advance(5_000);
        caller.post(&format!("{path}?cancel_successfully=1"), "", "").await.expect(204);
        assert_eq!(caller.get_json(&format!("/v1/builds/{one}")).await, cancelled);
    }

    async fn branches_come_and_go_with_the_remote(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let repo = app.add_repository("repo");
        for branch in ["b", "a", "B", "ä", "c/d"] {
            repo.branch(branch);
        }
        repo.git(&["tag", "v1"]);
        let row = app.add_app(&ann, "Shop", &repo.url()).await;
        let caller = Caller::new(&app, &ann).await;
        let path = format!("/v1/apps/{}/branches", row.id);
        let names = async |query: &str| {
            let list = caller.get_json(&format!("{path}{query}")).await;
            list.as_array().unwrap().iter().map(|b| b["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(names("").await, ["B", "a", "b", "c/d", "main", "ä"]);
        repo.git(&["branch", "-D", "b"]);
        // Within minutes the stored answer is good enough, later it is not.
        assert_eq!(names("").await.len(), 6);
        app.advance(10 * 60_000);
        assert_eq!(names("").await, ["B", "a", "c/d", "main", "ä"]);
        assert_eq!(names("?includeDeleted=true").await, ["B", "a", "b", "c/d", "main", "ä"]);
        assert_eq!(names("?includeDeleted=0").await.len(), 5);
        let refused = caller.get(&format!("{path}?includeDeleted=maybe")).await.expect(400);
        assert_eq!(refused.error(), "Invalid value for parameter \"includeDeleted\"");
        // Case matters: this is another, unknown parameter.
        assert_eq!(names("?includedeleted=true").await.len(), 5);
    }

    async fn deleted_apps_and_their_builds_are_gone(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let row = app.add_app(&ann, "Shop", "/nonexistent/repo.git").await;
        app.add_app(&ann, "Other", "/nonexistent/repo.git").await;
        let id = app.trigger(&row).await;
        let caller = Caller::new(&app, &ann).await;
        caller.get(&format!("/v1/builds/{id}")).await.expect(200);
        caller.get(&format!("/v1/apps/{}/builds", row.id)).await.expect(200);
        app.db.run(&format!("UPDATE apps SET deleted_at = 1 WHERE id = '{}'", row.id)).await;
        let apps = caller.get_json("/v1/apps").await;
        assert_eq!(apps.as_array().unwrap().len(), 1);
        assert_eq!(apps[0]["app_name"], "Other");
        for path in ["branches", "builds", "builds/latest"] {
            caller.get(&format!("/v1/apps/{}/{path}", row.id)).await.expect(404);
        }
        for path in ["", "/tests", "/coverage", "/logs", "/artifacts"] {
            caller.get(&format!("/v1/builds/{id}{path}")).await.expect(404);
        }
        caller.post(&format!("/v1/apps/{}/build", row.id), "", "").await.expect(404);
        caller.post(&format!("/v1/builds/{id}/cancel"), "", "").await.expect(404);
    }
}

/// A queued build of one scheme, as a trigger of several schemes makes it.
async fn insert(app: &TestApp, row: &AppRow, number: i64, scheme: &str, branch: &str) -> BuildId {
    let now = app.app.clock.now();
    let id = BuildId::generate(now);
    let new = NewBuild {
        id: &id,
        app_id: &row.id,
        number,
        scheme,
        repo_url: &row.repo_url,
        branch,
        commit: None,
        origin: None,
        lane: "branch:main",
        settings: None,
        triggered_by: "api_triggered",
        user: None,
        created_at: now,
    };
    let mut tx = app.app.db.write().await.unwrap();
    db::builds::insert(&mut tx, &new).await.unwrap();
    db::logs::insert_head(&mut tx, &id).await.unwrap();
    tx.commit().await.unwrap();
    id
}
