//! Schemes, rebuilds and schedules with the real agent and real git.

use std::time::Duration;

use serde_json::{Value, json};
use shipmate::jobs::schedules::run_due;

use super::shop::Shop;
use crate::harness::app::TestApp;

const HOUR: i64 = 3_600_000;

async fn put(shop: &Shop, path: &str, body: &Value) {
    let request = shop.server.client.put(format!("{}{path}", shop.server.url));
    let request = request.bearer_auth(&shop.token).header("content-type", "application/json");
    let answer = request.body(body.to_string()).send().await.unwrap();
    assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
}

async fn post(shop: &Shop, path: &str, body: &Value) -> Value {
    let request = shop.server.client.post(format!("{}{path}", shop.server.url));
    let request = request.bearer_auth(&shop.token).header("content-type", "application/json");
    let answer = request.body(body.to_string()).send().await.unwrap();
    assert_eq!(answer.status(), 201);
    answer.json().await.unwrap()
}

on_both! {
    async fn schemes_build_one_commit_although_the_branch_moves(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let repo = app.add_repository("repo");
        // The first variant moves the branch while it runs.
        let script = format!(
            "#!/bin/sh\nset -e\necho \"variant $BUDDYBUILD_VARIANTS at $(git rev-parse HEAD)\"\n\
             if [ \"$BUDDYBUILD_VARIANTS\" = debug ]; then\n  \
               git -c user.name=A -c user.email=a@example.org -C '{}' commit --quiet --allow-empty -m Later\nfi\n",
            repo.url()
        );
        let sha = repo.commit("buddybuild_postclone.sh", &script, "Tell the variant");
        let row = app.add_app(&ann, "Shop", &repo.url()).await;
        let shop = Shop::open(&app, &ann.token).await;
        put(&shop, &format!("/v1/apps/{}/settings", row.id), &json!({ "variants": ["debug", "release"] })).await;
        let id = shop.trigger(row.id.as_str()).await;
        let builds = shop.json(&format!("/v1/apps/{}/builds", row.id)).await;
        assert_eq!(builds[1]["_id"], id);
        for (build, variant) in [(&builds[1], "debug"), (&builds[0], "release")] {
            let id = build["_id"].as_str().unwrap();
            let build = shop.finished(id).await;
            let log = shop.log(id).await;
            assert_eq!(build["build_status"], "success", "{log}");
            assert_eq!((&build["scheme_name"], &build["build_number"]), (&json!(variant), &json!(1)));
            assert_eq!(build["commit_info"]["commit_sha"], sha);
            assert!(log.contains(&format!("variant {variant} at {sha}")), "{log}");
        }
        assert_ne!(repo.git(&["rev-parse", "main"]), sha);
    }

    async fn a_rebuild_builds_the_older_commit(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let repo = app.add_repository("repo");
        let script = "#!/bin/sh\necho \"because of $BUDDYBUILD_TRIGGERED_BY at $(git rev-parse HEAD)\"\n";
        let older = repo.commit("buddybuild_postclone.sh", script, "Tell the cause");
        let row = app.add_app(&ann, "Shop", &repo.url()).await;
        let shop = Shop::open(&app, &ann.token).await;
        let id = shop.trigger(row.id.as_str()).await;
        assert_eq!(shop.finished(&id).await["commit_info"]["commit_sha"], older);
        let newer = repo.commit("README.md", "Changed.\n", "Change");
        let again = post(&shop, &format!("/v1/builds/{id}/rebuild"), &json!({})).await;
        let again = again["build_id"].as_str().unwrap();
        let build = shop.finished(again).await;
        let log = shop.log(again).await;
        assert_eq!(build["build_status"], "success", "{log}");
        assert_eq!((&build["commit_info"]["commit_sha"], &build["build_number"]), (&json!(older), &json!(2)));
        assert!(log.contains(&format!("because of rebuild_of_commit at {older}")), "{log}");
        let tip = shop.trigger(row.id.as_str()).await;
        assert_eq!(shop.finished(&tip).await["commit_info"]["commit_sha"], newer);
    }

    async fn only_run_tests_offers_nothing_to_install(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let repo = app.add_repository("repo");
        let plan = "steps:\n  - name: package\n    run: echo made > \"$BUDDYBUILD_PRODUCT_DIR/app.txt\"\n";
        repo.commit("shipmate.yml", plan, "Make a file");
        let row = app.add_app(&ann, "Shop", &repo.url()).await;
        let shop = Shop::open(&app, &ann.token).await;
        for (only, offered) in [(true, 0), (false, 1)] {
            put(&shop, &format!("/v1/apps/{}/settings", row.id), &json!({ "only_run_tests": only })).await;
            let id = shop.trigger(row.id.as_str()).await;
            let build = shop.finished(&id).await;
            assert_eq!(build["build_status"], "success", "{}", shop.log(&id).await);
            assert_eq!(build["links"]["download"].as_array().unwrap().len(), offered);
        }
    }

    async fn a_schedule_keeps_its_hour_across_the_change_of_clocks(app: TestApp) {
        // The clock starts at 2024-03-09T16:00Z; New York leaves out 02:00 to
        // 03:00 on the tenth.
        let ann = app.add_user("ann@example.org").await;
        let repo = app.add_repository("repo");
        repo.branch("doomed");
        let row = app.add_app(&ann, "Shop", &repo.url()).await;
        let shop = Shop::open(&app, &ann.token).await;
        let path = format!("/v1/apps/{}/schedules", row.id);
        let days = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
        let nightly = json!({ "branch": "main", "weekdays": days, "time": "02:30", "zone": "America/New_York" });
        let main = post(&shop, &path, &nightly).await;
        assert_eq!(main["next_at"], "2024-03-10T07:00:00.000Z");
        let doomed = json!({ "branch": "doomed", "weekdays": days, "time": "02:30", "zone": "America/New_York" });
        post(&shop, &path, &doomed).await;
        repo.git(&["branch", "--quiet", "-D", "doomed"]);
        assert_eq!(run_due(&app.app).await.unwrap(), 0);
        app.advance(15 * HOUR);
        // Two servers look at the same moment; each schedule runs once.
        let second = app.second().await;
        let (one, other) = tokio::join!(run_due(&app.app), run_due(&second));
        assert_eq!(one.unwrap() + other.unwrap(), 2);
        assert_eq!(run_due(&second).await.unwrap(), 0);
        let shown = shop.json(&path).await;
        assert_eq!((&shown[0]["last_result"], &shown[0]["last_at"]), (&json!("queued"), &json!("2024-03-10T07:00:00.000Z")));
        assert_eq!(shown[0]["next_at"], "2024-03-11T06:30:00.000Z");
        assert_eq!(shown[1]["last_result"], "skipped: the branch does not exist any more");
        assert_eq!(shown[1]["last_build_id"], Value::Null);
        let builds = shop.json(&format!("/v1/apps/{}/builds", row.id)).await;
        assert_eq!(builds.as_array().unwrap().len(), 1);
        assert_eq!(builds[0]["_id"], shown[0]["last_build_id"]);
        let first = shop.finished(builds[0]["_id"].as_str().unwrap()).await;
        assert_eq!(first["commit_info"]["commit_sha"], repo.git(&["rev-parse", "main"]));
        assert_eq!(app.build(&first["_id"].as_str().unwrap().parse().unwrap()).await.triggered_by.as_str(), "scheduler");
        // The same commit again, because it is the next night.
        app.advance(23 * HOUR + HOUR / 2);
        assert_eq!(run_due(&app.app).await.unwrap(), 2);
        // Nights without a server are not made up for.
        app.advance(80 * HOUR);
        assert_eq!(run_due(&app.app).await.unwrap(), 2);
        let shown = shop.json(&path).await;
        assert_eq!(shown[0]["last_result"], "skipped: no server was running at that time");
        assert_eq!(shown[0]["next_at"], "2024-03-15T06:30:00.000Z");
        let builds = shop.json(&format!("/v1/apps/{}/builds", row.id)).await;
        assert_eq!(builds.as_array().unwrap().len(), 2);
        tokio::time::timeout(Duration::from_secs(30), shop.finished(builds[0]["_id"].as_str().unwrap())).await.unwrap();
    }
}
