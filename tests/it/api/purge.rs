//! A deleted app is purged once nobody can bring it back: rows and blobs.

use shipmate::feedback::{self, File};
use shipmate::model::build::Outcome;
use shipmate::model::feedback::{Feedback, ItemState, JsonObject, MediaKind, Origin};
use shipmate::model::ids::FeedbackId;

use super::*;
use crate::harness::agent::FakeAgent;

const DAY_MS: i64 = 24 * 3_600_000;

/// An app with something of every kind that is kept in blobs, and its build.
async fn fill(app: &TestApp, caller: &Caller, ann: &Person, name: &str) -> (String, String) {
    let row = app.add_app(ann, name, "/nonexistent/repo.git").await;
    let build = app.trigger(&row).await;
    let agent = FakeAgent::new(&caller.server, &app.add_agent_token(name).await, name);
    let held = agent.take(name).await;
    agent.log(&held, 0, "a line\n").await.expect(200);
    agent.upload(&held, "u1", "out/Shop.ipa", b"package").await.expect(200);
    agent.finish(&held, Outcome::Success, 1).await.expect(204);
    app.run_jobs().await;
    caller.put(&format!("/v1/apps/{}/secure-files/key.jks", row.id), "a key").await.expect(204);
    let now = app.app.clock.now();
    let item = Feedback {
        id: FeedbackId::generate(now),
        origin: Origin {
            app_id: row.id.clone(),
            build_id: build.clone(),
            build_number: 1,
            bundle_id: String::new(),
            short_version: String::new(),
            version: String::new(),
        },
        state: ItemState::Open,
        created_at: now,
        description: "Nice".into(),
        email: None,
        metadata: JsonObject::empty(),
        system: JsonObject::empty(),
    };
    let picture = File::new(MediaKind::Image, &b"\xff\xd8\xff\xe0 a picture"[..]);
    feedback::add(&app.app, item, vec![picture]).await.unwrap();
    (row.id.to_string(), build.to_string())
}

on_both! {
    async fn an_app_goes_with_its_blobs_after_thirty_days(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let caller = Caller::new(&app, &ann).await;
        let (kept, _) = fill(&app, &caller, &ann, "Kept").await;
        let of_one = app.count_blobs();
        assert_eq!(of_one, 4, "log, file, secure file, picture");
        let (gone, build) = fill(&app, &caller, &ann, "Gone").await;
        let path = format!("/v1/apps/{gone}");
        caller.delete(&format!("{path}?confirm=Gone")).await.expect(204);
        app.advance(20 * DAY_MS);
        // Brought back and deleted again: its days are counted anew.
        caller.post(&format!("{path}/restore"), "", "").await.expect(200);
        caller.delete(&format!("{path}?confirm=Gone")).await.expect(204);
        app.advance(20 * DAY_MS);
        app.run_jobs().await;
        assert_eq!(app.count_blobs(), 2 * of_one);
        caller.post(&format!("{path}/restore"), "", "").await.expect(200);
        app.advance(40 * DAY_MS);
        app.run_jobs().await;
        caller.get(&path).await.expect(200);

        caller.delete(&format!("{path}?confirm=Gone")).await.expect(204);
        app.advance(31 * DAY_MS);
        app.run_jobs().await;
        assert_eq!(app.count_blobs(), of_one);
        caller.post(&format!("{path}/restore"), "", "").await.expect(404);
        let dump = app.db.dump().await;
        for row in dump.lines().filter(|row| row.contains(&gone) || row.contains(&build)) {
            assert!(row.starts_with("audit_entries:"), "{row}");
        }
        let feedback = caller.get_json(&format!("/v1/apps/{kept}/feedback")).await;
        assert_eq!(feedback["items"].as_array().unwrap().len(), 1);
        // Once more, as after a crash: nothing is left to do.
        let id = gone.parse().unwrap();
        assert_eq!(shipmate::apps::purge::purge(&app.app, &id).await.unwrap(), None);
    }

    async fn the_activity_log_keeps_a_year(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let caller = Caller::new(&app, &ann).await;
        let body = r#"{"app_name": "Shop", "platform": "ios", "repo_url": "/nonexistent/r.git"}"#;
        caller.post("/v1/apps", "application/json", body).await.expect(201);
        app.advance(364 * DAY_MS);
        assert_eq!(shipmate::accounts::audit::sweep(&app.app).await.unwrap(), 0);
        app.advance(2 * DAY_MS);
        assert_eq!(shipmate::accounts::audit::sweep(&app.app).await.unwrap(), 1);
        assert_eq!(caller.get_json("/v1/audit").await, serde_json::json!([]));
    }
}
