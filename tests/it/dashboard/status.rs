//! What everybody is told of the server's state, and nothing more.

use serde_json::{Value, json};

use super::{Browser, location, text};
use crate::harness::agent::FakeAgent;
use crate::harness::app::TestApp;

on_both! {
    async fn parts_are_judged_without_signing_in(app: TestApp) {
        let root = app.add_admin("root@example.org").await;
        let row = app.add_app(&root, "Hidden shop", "https://git.example.org/o/shop.git").await;
        app.trigger(&row).await;
        let mut browser = Browser::open(&app).await;
        let page = browser.page("/status").await;
        assert!(page.contains("Something works only in part") && page.contains("no build machine is connected"), "{page}");
        assert!(page.contains("No incident that is over"), "{page}");
        let machine: Value = browser.get("/status.json").await.json();
        assert_eq!(machine["status"], "degraded");
        assert_eq!(machine["components"][0], json!({"name": "database", "status": "operational"}));
        assert_eq!(machine["components"][2], json!({"name": "builds", "status": "degraded"}));
        let token = app.add_agent_token("secret rack").await;
        let agent = FakeAgent::new(&browser.server, &token, "secret-mac");
        agent.take("c1").await;
        let page = browser.page("/status").await;
        assert!(page.contains("are taken by build machines"), "{page}");
        let machine = browser.get("/status.json").await;
        for said in [page, text(&machine)] {
            for secret in ["secret", "Hidden", "example.org", "sqlite", "postgres", "GiB", "1 builds"] {
                assert!(!said.contains(secret), "{secret} in {said}");
            }
        }
        assert_eq!(machine.json::<Value>()["components"][2]["status"], "operational");
    }

    async fn incidents_are_opened_told_on_and_over(app: TestApp) {
        let root = app.add_admin("root@example.org").await;
        let mut browser = Browser::open(&app).await;
        browser.sign_in(&root).await;
        let path = "/operations/incidents";
        let csrf = browser.csrf(path).await;
        let long = "x".repeat(121);
        for (title, said, says) in [("", "It burns", "Give it a title"), (long.as_str(), "It burns", "Give it a title"), ("Fire", " ", "Say what happens")] {
            let refused = browser.post(path, &[("csrf", &csrf), ("title", title), ("text", said), ("impact", "major")]).await;
            assert_eq!(refused.status, 400);
            let shown = text(&refused);
            assert!(shown.contains(says) && shown.contains(&format!("value=\"{title}\"")) && shown.contains("\"major\" selected"), "{shown}");
        }
        let form = [("csrf", csrf.as_str()), ("title", "Fire <b>"), ("text", "It burns\r\n<script>"), ("impact", "major")];
        let opened = browser.post(path, &form).await;
        let page = browser.page(location(&opened)).await;
        assert!(page.contains("on the status page"), "{page}");
        let start = page.find("action=\"/operations/incidents/").unwrap() + 8;
        let place = page[start..].split('"').next().unwrap().to_owned();

        let mut stranger = Browser::open(&app).await;
        let page = stranger.page("/status").await;
        assert!(page.contains("Fire &#60;b&#62;") && page.contains("It burns\n&#60;script&#62;") && page.contains("investigating"), "{page}");
        assert!(!page.contains("root"), "{page}");
        let empty = browser.post(&place, &[("csrf", &csrf), ("state", "identified"), ("text", "")]).await;
        assert!(empty.status == 400 && text(&empty).contains("Say what happens"), "{}", text(&empty));
        assert_eq!(browser.post(&place, &[("csrf", &csrf), ("state", "burnt"), ("text", "x")]).await.status, 400);
        app.advance(60_000);
        location(&browser.post(&place, &[("csrf", &csrf), ("state", "resolved"), ("text", "It is out")]).await);
        let machine: Value = stranger.get("/status.json").await.json();
        let incident = &machine["incidents"][0];
        assert_eq!((&incident["status"], &incident["updates"][0]["text"]), (&json!("resolved"), &json!("It is out")));
        assert_eq!(incident["resolved_at"], "2024-03-09T16:01:00.000Z");
        let page = stranger.page("/status").await;
        assert!(!page.contains("An incident is being worked on") && page.contains("It is out"), "{page}");
        let unknown = format!("{path}/58b8a3d26e5c4c01002d4a1f");
        assert_eq!(browser.post(&unknown, &[("csrf", &csrf), ("state", "resolved"), ("text", "x")]).await.status, 404);
        app.advance(15 * 86_400_000);
        assert!(!stranger.page("/status").await.contains("Fire"));
        let log = browser.page("/operations/activity?action=incident.").await;
        assert!(log.contains("incident.open") && log.contains("incident.update") && log.contains("Fire &#60;b&#62;"), "{log}");
    }

    async fn without_the_database_the_page_still_answers(app: TestApp) {
        let mut browser = Browser::open(&app).await;
        app.app.db.close().await;
        let answer = browser.get("/status").await;
        assert_eq!(answer.status, 503);
        let page = text(&answer);
        assert!(page.contains("The server is not available") && page.contains("does not answer"), "{page}");
        let machine = browser.get("/status.json").await;
        assert_eq!(machine.status, 503);
        assert_eq!(machine.json::<Value>()["status"], "down");
        // Other pages lead here.
        let problem = browser.get("/api/statusImage?appID=58b8a3d26e5c4c01002d4a1f").await;
        assert_eq!(problem.status, 503);
        let page = text(&browser.get("/public/apps/58b8a3d26e5c4c01002d4a1f/build/latest").await);
        assert!(page.contains(r#"href="/status""#), "{page}");
    }
}
