//! What an app is built with: every level, who may change it, and what a build
//! keeps of it.

use serde_json::json;
use shipmate::db;
use shipmate::model::account::Access;
use shipmate::model::app::{App as AppRow, Platform};

use super::*;

async fn put(caller: &Caller, path: &str, body: &Value) -> Answer {
    let url = format!("{}{path}", caller.server.url);
    let request = caller.server.client.put(url).bearer_auth(&caller.token);
    Answer::of(request.header("content-type", "application/json").body(body.to_string())).await
}

async fn delete(caller: &Caller, path: &str) -> Answer {
    caller.server.call(Method::DELETE, path, Some(&caller.token), "").await
}

on_both! {
    async fn each_level_replaces_single_settings(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let row = app.add_app(&ann, "Shop", "/nonexistent/repo.git").await;
        let caller = Caller::new(&app, &ann).await;
        let path = format!("/v1/apps/{}/settings", row.id);
        assert_eq!(caller.get_json(&path).await, json!({}));
        let own = json!({ "build_pushes": false, "archive": true });
        assert_eq!(put(&caller, &path, &own).await.expect(200).json::<Value>(), own);
        assert_eq!(caller.get_json(&path).await, own);
        let overrides = format!("{path}/overrides");
        let of_prefix = json!({ "prefix": "release/", "settings": { "build_pushes": true, "node_version": "8" } });
        let of_branch = json!({ "branch": "release/1&2", "settings": { "node_version": "9" } });
        for new in [&of_prefix, &of_branch] {
            assert_eq!(put(&caller, &overrides, new).await.expect(200).json::<Value>(), *new);
        }
        assert_eq!(caller.get_json(&overrides).await, json!([of_branch, of_prefix]));
        let resolved = caller.get_json(&format!("{path}/resolved?branch=release%2F1%262")).await;
        assert_eq!(resolved["branch"], "release/1&2");
        assert_eq!(resolved["settings"]["node_version"], "9");
        assert_eq!(resolved["settings"]["build_pushes"], true);
        assert_eq!(resolved["settings"]["archive"], true);
        assert_eq!(resolved["settings"]["build_tags"], true);
        assert_eq!(
            resolved["sources"],
            json!({ "archive": "app", "build_pushes": "prefix release/", "node_version": "branch release/1&2" })
        );
        let main = caller.get_json(&format!("{path}/resolved?branch=main")).await;
        assert_eq!((&main["settings"]["build_pushes"], &main["settings"]["node_version"]), (&json!(false), &json!("")));
        delete(&caller, &format!("{overrides}?branch=release%2F1%262")).await.expect(204);
        delete(&caller, &format!("{overrides}?branch=release%2F1%262")).await.expect(404);
        assert_eq!(caller.get_json(&overrides).await, json!([of_prefix]));
        // What is left out is not set any more; null is left out.
        put(&caller, &path, &json!({ "archive": null })).await.expect(200);
        assert_eq!(caller.get_json(&path).await, json!({}));
        let mut tx = app.app.db.read().await.unwrap();
        let filter = db::audit::Filter { app: Some(&row.id), ..Default::default() };
        let log = db::audit::list(&mut tx, &filter, 10).await.unwrap();
        let told: Vec<_> = log.iter().map(|e| (e.action.as_str(), e.subject.as_str(), e.detail.as_str())).collect();
        assert_eq!(
            told,
            [
                ("settings.update", "Shop", "build_pushes: false -> not set; archive: true -> not set"),
                ("settings.override.delete", "branch release/1&2", ""),
                ("settings.override.update", "branch release/1&2", "node_version: not set -> \"9\""),
                ("settings.override.update", "prefix release/", "build_pushes: not set -> true; node_version: not set -> \"8\""),
                ("settings.update", "Shop", "build_pushes: not set -> false; archive: not set -> true"),
            ]
        );
    }

    async fn what_cannot_be_set_is_refused_by_name(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let row = app.add_app(&ann, "Shop", "/nonexistent/repo.git").await;
        let caller = Caller::new(&app, &ann).await;
        let path = format!("/v1/apps/{}/settings", row.id);
        let overrides = format!("{path}/overrides");
        for (path, body, named) in [
            (&path, json!({ "archiv": true }), "archiv"),
            (&path, json!({ "archive": "yes" }), "archive"),
            (&path, json!({ "selective": { "mode": "some" } }), "selective.mode"),
            (&path, json!({ "selective": { "mode": "only", "patterns": ["ios/**", "src/[a-"] } }), "\"selective\": \"src/[a-\" is not a pattern"),
            (&path, json!({ "forks": { "everyone": true } }), "everyone"),
            // An array is no object, even with the members in order.
            (&path, json!({ "selective": ["only", ["src/**"]] }), "selective"),
            (&path, json!({ "forks": [] }), "forks"),
            (&path, json!({ "android_ui_tests": [] }), "android_ui_tests"),
            (&overrides, json!({ "branch": "a", "settings": [] }), "settings"),
            (&path, json!({ "schemes": ["A", "A"] }), "schemes"),
            (&path, json!({ "required_labels": ["xcode"] }), "required_labels"),
            (&path, json!({ "version_format": "x".repeat(501) }), "version_format"),
            (&overrides, json!({ "settings": {} }), "branch"),
            (&overrides, json!({ "branch": "a", "prefix": "a", "settings": {} }), "not both"),
            (&overrides, json!({ "branch": "a..b", "settings": {} }), "branch"),
            (&overrides, json!({ "prefix": "", "settings": {} }), "prefix"),
            (&overrides, json!({ "branch": "a" }), "settings"),
            (&overrides, json!({ "branch": "a", "settings": { "x": 1 } }), "x"),
        ] {
            let error = put(&caller, path, &body).await.expect(400).error();
            assert!(error.contains(named), "{body}: {error}");
        }
        delete(&caller, &overrides).await.expect(400);
        assert_eq!(caller.get_json(&path).await, json!({}));
    }

    async fn readers_read_and_strangers_see_nothing(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let bob = app.add_user("bob@example.org").await;
        let row = app.add_app(&ann, "Shop", "/nonexistent/repo.git").await;
        let id = app.trigger(&row).await;
        let caller = Caller::new(&app, &bob).await;
        let path = format!("/v1/apps/{}/settings", row.id);
        let overrides = format!("{path}/overrides");
        let reads = [path.clone(), overrides.clone(), format!("{path}/resolved"), format!("/v1/builds/{id}/settings")];
        let of_main = json!({ "branch": "main", "settings": {} });
        for (read, write) in [(404, 404), (200, 403)] {
            for path in &reads {
                caller.get(path).await.expect(read);
            }
            put(&caller, &path, &json!({})).await.expect(write);
            put(&caller, &overrides, &of_main).await.expect(write);
            delete(&caller, &format!("{overrides}?branch=main")).await.expect(write);
            caller.post(&format!("/v1/builds/{id}/rebuild"), "", "").await.expect(write);
            let mut tx = app.app.db.write().await.unwrap();
            db::accounts::set_app_access(&mut tx, &row.id, &bob.user.id, Access::Read).await.unwrap();
            tx.commit().await.unwrap();
        }
    }

    async fn a_build_keeps_the_settings_it_was_queued_with(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let row = app.add_app(&ann, "Shop", "/nonexistent/repo.git").await;
        let caller = Caller::new(&app, &ann).await;
        let path = format!("/v1/apps/{}/settings", row.id);
        put(&caller, &path, &json!({ "variants": ["debug", "release"], "node_version": "8" })).await.expect(200);
        let first = app.trigger(&row).await;
        put(&caller, &path, &json!({ "node_version": "9" })).await.expect(200);
        let second = app.trigger(&row).await;
        for (id, version) in [(&first, "8"), (&second, "9")] {
            let frozen = caller.get_json(&format!("/v1/builds/{id}/settings")).await;
            assert_eq!(frozen["build_id"], id.as_str());
            assert_eq!(frozen["settings"]["node_version"], version);
        }
        let builds = caller.get_json(&format!("/v1/apps/{}/builds", row.id)).await;
        let shown: Vec<_> = builds.as_array().unwrap().iter().map(|b| (b["build_number"].as_i64().unwrap(), b["scheme_name"].as_str().unwrap())).collect();
        assert_eq!(shown, [(2, ""), (1, "release"), (1, "debug")]);
        let only = caller.get_json(&format!("/v1/apps/{}/builds?scheme=debug", row.id)).await;
        assert_eq!(only[0]["_id"], first.as_str());
        // Cancelling touches one scheme; rebuilding builds all of them, with
        // today's other settings.
        caller.post(&format!("/v1/builds/{first}/cancel"), "", "").await.expect(204);
        assert_eq!(caller.get_json(&format!("/v1/apps/{}/builds?scheme=release", row.id)).await[0]["build_status"], "queued");
        let answer: Value = caller.post(&format!("/v1/builds/{first}/rebuild?without_cache=1"), "", "").await.expect(201).json();
        let again = caller.get_json(&format!("/v1/apps/{}/builds", row.id)).await;
        assert_eq!(again[1]["_id"], answer["build_id"]);
        let shown: Vec<_> = again.as_array().unwrap().iter().take(2).map(|b| (b["build_number"].as_i64().unwrap(), b["scheme_name"].as_str().unwrap())).collect();
        assert_eq!(shown, [(3, "release"), (3, "debug")]);
        let id = answer["build_id"].as_str().unwrap();
        assert_eq!(caller.get_json(&format!("/v1/builds/{id}/settings")).await["settings"]["node_version"], "9");
        let build = app.build(&id.parse().unwrap()).await;
        assert_eq!(build.triggered_by.as_str(), "rebuild_of_commit");
        assert!(build.origin().unwrap().without_cache);
    }

    async fn new_apps_take_what_the_organisation_has(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let before = app.add_app(&ann, "Before", "/nonexistent/repo.git").await;
        let caller = Caller::new(&app, &ann).await;
        let org = format!("/v1/organisations/{}/settings", before.org_id);
        assert_eq!(caller.get_json(&org).await, json!({ "defaults": {}, "max_running": null }));
        let new = json!({ "defaults": { "archive": true, "node_version": "8" }, "max_running": null });
        assert_eq!(put(&caller, &org, &new).await.expect(200).json::<Value>(), new);
        assert_eq!(caller.get_json(&org).await, new);
        let ios = app.add_app_on(&ann, "After", "/nonexistent/repo.git", Platform::Ios).await;
        let path = |row: &AppRow| format!("/v1/apps/{}/settings", row.id);
        // What was inherited is below what the app sets itself.
        put(&caller, &path(&ios), &json!({ "node_version": "9" })).await.expect(200);
        let resolved = caller.get_json(&format!("{}/resolved", path(&ios))).await;
        assert_eq!((&resolved["settings"]["archive"], &resolved["settings"]["node_version"]), (&json!(true), &json!("9")));
        assert_eq!(resolved["sources"], json!({ "archive": "organisation", "node_version": "app" }));
        let untouched = caller.get_json(&format!("{}/resolved", path(&before))).await;
        assert_eq!((&untouched["settings"]["archive"], &untouched["sources"]), (&json!(false), &json!({})));
        // Later defaults reach apps that exist only when they are applied.
        put(&caller, &org, &json!({ "defaults": { "node_version": "10", "archive": false } })).await.expect(200);
        let apply = format!("{org}/apply");
        for (body, applied) in [
            (json!({ "settings": ["node_version"], "to": "android" }), vec![&before]),
            (json!({ "settings": ["node_version"], "apps": [ios.id] }), vec![&ios]),
            (json!({ "settings": ["archive", "node_version"], "to": "ios" }), vec![&ios]),
        ] {
            let answer = caller.post(&apply, "application/json", &body.to_string()).await.expect(200);
            let ids: Vec<_> = applied.iter().map(|row| row.id.as_str()).collect();
            assert_eq!(answer.json::<Value>(), json!({ "apps": ids }), "{body}");
        }
        for row in [&before, &ios] {
            let resolved = caller.get_json(&format!("{}/resolved", path(row))).await;
            assert_eq!((&resolved["settings"]["archive"], &resolved["settings"]["node_version"]), (&json!(false), &json!("10")));
            assert_eq!(resolved["sources"]["node_version"], "organisation");
        }
        let body = json!({ "settings": ["node_version"], "to": "all" }).to_string();
        let all: Value = caller.post(&apply, "application/json", &body).await.expect(200).json();
        assert_eq!(all["apps"].as_array().unwrap().len(), 2);
        for wrong in [
            json!({ "settings": [], "to": "all" }),
            json!({ "settings": ["archiv"], "to": "all" }),
            json!({ "settings": ["archive"] }),
            json!({ "settings": ["archive"], "to": "all", "apps": [] }),
            json!({ "settings": ["archive"], "apps": ["x"] }),
            json!({ "settings": ["archive"], "apps": ["65ec8300a99999999a000001"] }),
            json!({ "settings": ["archive"], "to": "windows" }),
        ] {
            caller.post(&apply, "application/json", &wrong.to_string()).await.expect(400);
        }
    }

    async fn only_administrators_set_the_limit(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let root = app.add_admin("root@example.org").await;
        let row = app.add_app(&ann, "Shop", "/nonexistent/repo.git").await;
        let org = format!("/v1/organisations/{}/settings", row.org_id);
        let (owner, admin) = (Caller::new(&app, &ann).await, Caller::new(&app, &root).await);
        let limited = json!({ "defaults": {}, "max_running": 3 });
        assert!(put(&owner, &org, &limited).await.expect(403).error().contains("max_running"));
        put(&admin, &org, &limited).await.expect(200);
        // The owner changes the rest, as long as the limit stays.
        put(&owner, &org, &json!({ "defaults": { "archive": true }, "max_running": 3 })).await.expect(200);
        put(&owner, &org, &json!({ "defaults": {} })).await.expect(403);
        assert_eq!(owner.get_json(&org).await["max_running"], 3);
        put(&admin, &org, &json!({ "max_running": -1 })).await.expect(400);
        put(&admin, &org, &json!({ "defaults": { "archiv": true } })).await.expect(400);
    }
}
