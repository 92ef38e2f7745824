//! From no connected account to a watched repository, by clicks only.

use serde_json::json;

use super::Web;
use crate::harness::app::Repository;
use crate::harness::forge::Forge;
use crate::harness::git_remote::HttpRemote;
use crate::harness::server::Answer;

in_browser! {
    async fn an_account_is_connected_a_repository_picked_and_its_webhook_made(web: Web) {
        let ann = web.app.add_user("ann@example.org").await;
        Repository::create(web.app.dir().join("served/o/shop.git"));
        let bare = web.app.dir().join("bare");
        std::fs::create_dir_all(bare.join("o")).unwrap();
        std::fs::rename(web.app.dir().join("served/o/shop.git/.git"), bare.join("o/shop.git")).unwrap();
        let git = HttpRemote::start(&bare, Some(("shop-bot", "t0k-en"))).await;
        let forge = Forge::start().await;
        forge.serve_git(&git.url);
        forge.on("GET /api/v1/user", 200, &json!({ "login": "shop-bot" }));
        let data = json!([{ "full_name": "o/shop", "private": true, "updated_at": "2024-03-09T15:00:00Z" }]);
        forge.on("GET /api/v1/repos/search", 200, &json!({ "ok": true, "data": data }));
        forge.on("GET /api/v1/repos/o/shop/hooks", 200, &json!([]));
        forge.on("POST /api/v1/repos/o/shop/hooks", 201, &json!({ "id": 1 }));
        web.enter(&ann).await;
        let browser = &web.browser;
        browser.go("/apps/new").await;
        browser.click("Connect GitHub, GitLab, Bitbucket, Gitea or Forgejo").await;
        let kind = browser.field("Kind").await;
        browser.keys(&kind, "Gitea").await;
        browser.fill("Name", "Cellar").await;
        browser.fill("Base URL of its API", &forge.url).await;
        browser.fill("Token", "t0k-en").await;
        browser.click("Connect and test").await;
        browser.sees("Cellar works as shop-bot.").await;
        browser.go("/apps/new").await;
        browser.click("Cellar").await;
        browser.sees("o/shop").await;
        browser.sees("private").await;
        browser.click("Choose").await;
        browser.sees("The connected account Cellar opens it.").await;
        let android = browser.find("input[name=android]").await;
        browser.click_on(&android).await;
        browser.click("Add the app").await;
        browser.sees("Waiting for the first delivery").await;
        browser.click("Create the webhook with Cellar").await;
        browser.sees("The webhook is there, and signs what it sends.").await;
        browser.sees("Waiting for the first delivery").await;
        let hook = forge.asked().pop().unwrap().body;
        assert_eq!(hook["events"][0], "push");
        // It sends its first; the page that waits turns by itself.
        let id = browser.path().await.split('/').nth(2).unwrap().to_owned();
        let url = format!("{}/api/webhook?appID={id}", web.server.url);
        let body = json!({ "hook_id": 1 }).to_string();
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, hook["config"]["secret"].as_str().unwrap().as_bytes());
        let signature: String =
            ring::hmac::sign(&key, body.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        let request = web.server.client.post(url).header("x-gitea-event", "ping").header("x-gitea-signature", signature);
        Answer::of(request.header("content-type", "application/json").body(body)).await.expect(200);
        browser.sees("The webhook works.").await;
    }
}
