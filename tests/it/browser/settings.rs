//! Settings, there and back: what is typed is what stands there afterwards.

use reqwest::Method;
use serde_json::Value;

use super::Web;

in_browser! {
    async fn settings_come_back_as_they_were_typed(web: Web) {
        let ann = web.app.add_user("ann@example.org").await;
        let row = web.app.add_app(&ann, "Shop", "https://git.example.org/o/shop.git").await;
        web.enter(&ann).await;
        let browser = &web.browser;
        browser.go(&format!("/apps/{}", row.id)).await;
        browser.click("Settings").await;
        browser.fill("Display name", "Möbel & Co ☺").await;
        browser.click("Rename").await;
        browser.sees("Möbel & Co ☺").await;
        let name = browser.field_value("Display name").await;
        assert_eq!(name, "Möbel & Co ☺");
        browser.fill("Next build number", "70").await;
        browser.click("Set it").await;
        browser
            .wait("the number is set", async || {
                browser.path().await.contains("done=number").then_some(())
            })
            .await;
        assert_eq!(browser.field_value("Next build number").await, "70");
        let token = Some(ann.token.expose());
        let path = format!("/v1/apps/{}", row.id);
        let app: Value = web.server.call(Method::GET, &path, token, "").await.expect(200).json();
        assert_eq!(app["app_name"], "Möbel & Co ☺");
        // What does not fit is refused at its field. It is not shown again: an
        // address may hold a token.
        browser.fill("URL", "ftp://example.org/shop.git").await;
        browser.click("Use this repository").await;
        browser.find("#repo_url[aria-invalid=true]").await;
        assert_eq!(browser.field_value("URL").await, "https://git.example.org/o/shop.git");
        // Deleting needs the name.
        browser.go(&format!("/apps/{}/settings", row.id)).await;
        browser.click("Delete this app").await;
        browser.fill("Type Möbel & Co ☺ to delete it", "Shop").await;
        browser.click("Delete the app").await;
        browser.find("#confirm[aria-invalid=true]").await;
        browser.fill("Type Möbel & Co ☺ to delete it", "Möbel & Co ☺").await;
        browser.click("Delete the app").await;
        browser.sees("No app yet").await;
        web.server.call(Method::GET, &path, token, "").await.expect(404);
    }
}
