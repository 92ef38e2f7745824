//! The log of a running build, followed in the page.

use shipmate::model::build::Outcome;

use super::Web;
use crate::harness::agent::FakeAgent;

in_browser! {
    async fn a_running_build_is_followed_to_its_end(web: Web) {
        let ann = web.app.add_user("ann@example.org").await;
        let row = web.app.add_app(&ann, "Shop", "https://git.example.org/o/shop.git").await;
        let id = web.app.trigger(&row).await;
        let token = web.app.add_agent_token("a").await;
        let agent = FakeAgent::new(&web.server, &token, "a");
        let held = agent.take("c1").await;
        agent.log(&held, 0, "first line\n\u{1b}[31mred words\u{1b}[0m\n").await.expect(200);
        web.enter(&ann).await;
        let browser = &web.browser;
        browser.go(&format!("/apps/{}/build/{id}/log", row.id)).await;
        browser.sees("first line").await;
        browser.sees("running").await;
        // Colours are classes, because the policy forbids styles in the page.
        browser.find(".log-sheet .tx span[class]").await;
        assert!(!browser.has("[style*=color]").await);
        let many: String = (0..2_000).map(|n| format!("line {n} of many\n")).collect();
        agent.log(&held, 1, &many).await.expect(200);
        // It sticks to the end, without a reload.
        browser.sees("line 1999 of many").await;
        let rows = browser.script("return document.querySelectorAll('.log-sheet .ln').length").await;
        assert!(rows.as_i64().unwrap() < 200, "{rows} lines are in the page");
        agent.log(&held, 2, "error: it broke\nthe last line\n").await.expect(200);
        browser.sees("the last line").await;
        agent.finish(&held, Outcome::Success, 3).await.expect(204);
        browser.sees("success").await;
        browser.fill("Search the log", "line 1500 of").await;
        browser.sees("1 of 1").await;
        browser.sees("line 1500 of many").await;
        // A link to a line opens there.
        browser.go("/apps").await;
        browser.go(&format!("/apps/{}/build/{id}/log#L1000", row.id)).await;
        browser.sees("line 997 of many").await;
        browser.find(".log-sheet .ln.marked").await;
        assert_eq!(browser.complaints().await, Vec::<String>::new());
    }
}
