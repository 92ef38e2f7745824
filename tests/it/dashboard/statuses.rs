//! The page that says whose account tells of builds, and what was told.

use serde_json::json;
use shipmate::model::build::Outcome;

use super::*;
use crate::harness::forge::Forge;

const SHA: &str = "abababababababababababababababababababab";

on_both! {
    async fn an_app_s_own_account_goes_before_the_organisation_s(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let row = app.add_app(&ann, "Shop", "git@127.0.0.1:o/r.git").await;
        let forge = Forge::start().await;
        let mut browser = Browser::open(&app).await;
        browser.sign_in(&ann).await;
        let path = format!("/apps/{}/settings/statuses", row.id);
        let page = browser.page(&path).await;
        assert!(page.contains("Nobody: commits and pull requests do not show") && page.contains("Nothing yet"), "{page}");
        let connections = format!("/organisations/{}/providers", row.org_id);
        let csrf = browser.csrf(&connections).await;
        let shared = [("csrf", csrf.as_str()), ("provider", "gitea"), ("name", "Cellar"), ("base_url", &forge.url), ("token", "shared")];
        location(&browser.post(&connections, &shared).await);
        assert!(browser.page(&path).await.contains("connected account <a class=\"break\" href=\"/organisations/"));
        // What was told, and how that went.
        let agent = FakeAgent::new(&browser.server, &app.add_agent_token("a").await, "a");
        forge.on(&format!("POST /api/v1/repos/o/r/statuses/{SHA}"), 403, &json!({ "message": "<b>no</b>" }));
        app.trigger(&row).await;
        let held = agent.take("c1").await;
        agent.commit(&held, SHA).await.expect(204);
        app.run_jobs().await;
        forge.on(&format!("POST /api/v1/repos/o/r/statuses/{SHA}"), 201, &json!({}));
        agent.finish(&held, Outcome::Success, 0).await.expect(204);
        app.run_jobs().await;
        let page = browser.page(&path).await;
        assert!(page.contains("Build #1 succeeded") && page.contains(">sent</td>"), "{page}");
        assert!(page.contains("failed<br>") && page.contains("the provider answered 403") && !page.contains("<b>no</b>"), "{page}");
        // Its own.
        let odd = [("csrf", csrf.as_str()), ("provider", "gitea"), ("base_url", "nowhere"), ("token", "own-1")];
        let refused = browser.post(&path, &odd).await;
        assert!(refused.status == 400 && text(&refused).contains("value=\"nowhere\" aria-invalid"), "{}", text(&refused));
        let own = [("csrf", csrf.as_str()), ("provider", "gitea"), ("base_url", forge.url.as_str()), ("token", "own-1")];
        let to = location(&browser.post(&path, &own).await).to_owned();
        let page = browser.page(&to).await;
        assert!(page.contains("The app’s own account.") && !page.contains("own-1"), "{page}");
        let to = location(&browser.post(&format!("{path}/remove"), &[("csrf", &csrf)]).await).to_owned();
        assert!(browser.page(&to).await.contains(">Cellar</a>"));
        assert_eq!(browser.post(&format!("{path}/remove"), &[("csrf", &csrf)]).await.status, 404);
        // Readers see none of it.
        let eve = app.add_user("eve@example.org").await;
        let mut tx = app.app.db.write().await.unwrap();
        let read = shipmate::model::account::Access::Read;
        shipmate::db::accounts::set_app_access(&mut tx, &row.id, &eve.user.id, read).await.unwrap();
        tx.commit().await.unwrap();
        let mut other = Browser::open(&app).await;
        other.sign_in(&eve).await;
        assert_eq!(other.get(&path).await.status, 403);
    }
}
