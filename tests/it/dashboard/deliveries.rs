//! Deliveries of webhooks as their team sees them.

use super::groups::give_read;
use super::{Browser, location, text};
use crate::harness::app::TestApp;
use crate::harness::server::Answer;

on_both! {
    async fn a_delivery_is_looked_at_and_evaluated_again(app: TestApp) {
        let root = app.add_admin("root@example.org").await;
        let ann = app.add_user("ann@example.org").await;
        let eve = app.add_user("eve@example.org").await;
        let row = app.add_app(&ann, "Shop", "http://127.0.0.1:9/o/shop.git").await;
        let other = app.add_app(&ann, "Other", "http://127.0.0.1:9/o/other.git").await;
        give_read(&app, &row, &eve).await;
        let mut browser = Browser::open(&app).await;
        browser.sign_in(&ann).await;
        let path = format!("/apps/{}/deliveries", row.id);
        let page = browser.page(&path).await;
        assert!(page.contains("Nothing was delivered") && page.contains(&format!("/api/webhook?appID={}", row.id)), "{page}");
        let url = format!("{}/api/webhook?appID={}", browser.server.url, row.id);
        let deliver = async |event: &str, body: &str| {
            let request = browser.client.post(&url).header("x-github-event", event).header("content-type", "application/json");
            Answer::of(request.body(body.to_owned())).await.expect(200);
        };
        deliver("ping", r#"{"zen":"</pre><script>alert(1)</script>","repository":{"clone_url":"http://127.0.0.1:9/o/shop.git","full_name":"o/shop"}}"#).await;
        let page = browser.page(&path).await;
        assert!(page.contains("github") && page.contains("ping"), "{page}");
        let start = page.find(&format!("{path}/")).unwrap();
        let place = page[start..].split('"').next().unwrap().to_owned();
        let page = browser.page(&place).await;
        assert!(page.contains("&#60;/pre&#62;&#60;script&#62;alert(1)") && !page.contains("<script>alert"), "{page}");
        assert!(page.contains("x-github-event"), "{page}");
        let whole = browser.get(&format!("{place}/payload")).await;
        assert_eq!(whole.headers["content-type"], "text/plain; charset=utf-8");
        assert!(whole.headers["content-disposition"].to_str().unwrap().starts_with("attachment"));
        assert!(text(&whole).contains("<script>alert(1)"));
        let csrf = browser.csrf(&place).await;
        let again = format!("{place}/again");
        assert_eq!(browser.post(&again, &[]).await.status, 400);
        let done = browser.post(&again, &[("csrf", &csrf)]).await;
        assert!(browser.page(location(&done)).await.contains("waits to be looked at"));
        app.run_jobs().await;
        assert!(!browser.page(&place).await.contains("waits to be looked at"));
        let elsewhere = place.replace(row.id.as_str(), other.id.as_str());
        assert_eq!(browser.get(&elsewhere).await.status, 404);

        browser.sign_in(&eve).await;
        let csrf = browser.csrf("/account").await;
        for closed in [path.clone(), place.clone(), format!("{place}/payload")] {
            assert_eq!(browser.get(&closed).await.status, 403, "{closed}");
        }
        assert_eq!(browser.post(&again, &[("csrf", &csrf)]).await.status, 403);
        browser.sign_in(&root).await;
        let page = browser.page("/operations/incoming").await;
        assert!(page.contains(&place) && page.contains(">Shop<"), "{page}");
    }
}
