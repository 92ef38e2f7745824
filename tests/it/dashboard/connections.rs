//! Connected accounts on the pages: an owner connects one, others pick from it,
//! and it makes the webhook.

use serde_json::{Value, json};
use shipmate::model::account::Role;

use super::*;
use crate::harness::forge::Forge;
use crate::harness::git_remote::HttpRemote;

/// The id after `/providers/` on the page.
fn connection(page: &str) -> String {
    let start = page.find("/providers/").unwrap_or_else(|| panic!("no connection on {page}")) + 11;
    page[start..].split('/').next().unwrap().to_owned()
}

/// Ann with an organisation, and a GitLab that serves a private `g/shop`.
struct Stage {
    browser: Browser,
    forge: Forge,
    ann: Person,
    providers: String,
}

impl Stage {
    async fn set(app: &TestApp) -> Self {
        let ann = app.add_user("ann@example.org").await;
        let repo = crate::harness::app::Repository::create(app.dir().join("served/g/shop.git"));
        for file in ["settings.gradle", "app/build.gradle", "app/src/main/AndroidManifest.xml"] {
            repo.commit(file, "x\n", "Add");
        }
        // git serves what is bare.
        repo.git(&["config", "core.bare", "true"]);
        let bare = app.dir().join("bare");
        std::fs::create_dir_all(bare.join("g")).unwrap();
        std::fs::rename(app.dir().join("served/g/shop.git/.git"), bare.join("g/shop.git")).unwrap();
        let git = HttpRemote::start(&bare, Some(("oauth2", "TOPSECRET"))).await;
        let forge = Forge::start().await;
        forge.serve_git(&git.url);
        forge.on("GET /api/v4/user", 200, &json!({ "username": "shop-bot" }));
        let projects = json!([{ "path_with_namespace": "g/shop", "visibility": "private",
            "last_activity_at": "2024-03-09T15:00:00Z" }]);
        forge.on("GET /api/v4/projects", 200, &projects);
        let mut browser = Browser::open(app).await;
        browser.sign_in(&ann).await;
        let page = browser.page("/organisations").await;
        let org = after(&page, "href=\"/organisations/").to_owned();
        Self { browser, forge, ann, providers: format!("/organisations/{org}/providers") }
    }

    fn org(&self) -> &str {
        self.providers.split('/').nth(2).unwrap()
    }

    /// Adds the connection; the page afterwards.
    async fn connect(&mut self, name: &str, token: &str) -> String {
        let csrf = self.browser.csrf(&self.providers).await;
        let form = [
            ("csrf", csrf.as_str()),
            ("provider", "gitlab"),
            ("name", name),
            ("base_url", self.forge.url.as_str()),
            ("token", token),
        ];
        let to = location(&self.browser.post(&self.providers, &form).await).to_owned();
        self.browser.page(&to).await
    }
}

on_both! {
    async fn an_account_is_connected_tested_and_removed(app: TestApp) {
        let mut stage = Stage::set(&app).await;
        let providers = stage.providers.clone();
        assert!(stage.browser.page("/apps/new").await.contains(&format!("href=\"{providers}\"")));
        let page = stage.browser.page(&providers).await;
        assert!(page.contains("There is none yet"), "{page}");
        let csrf = stage.browser.csrf(&providers).await;
        let odd = [("csrf", csrf.as_str()), ("provider", "gitea"), ("name", "Cellar <1>"), ("base_url", ""), ("token", "TOPSECRET")];
        let odd = stage.browser.post(&providers, &odd).await;
        let page = text(&odd);
        assert!(odd.status == 400 && page.contains("Base url: this value cannot be used"), "{page}");
        assert!(page.contains("value=\"Cellar &#60;1&#62;\"") && !page.contains("TOPSECRET"), "{page}");
        // Added, though its token is not taken: it can be replaced.
        stage.forge.on("GET /api/v4/user", 401, &json!({ "message": "401 Unauthorized" }));
        let page = stage.connect("Lab", "glpat-wrong").await;
        assert!(page.contains("The provider does not take the token") && page.contains("Make a new token"), "{page}");
        assert!(!page.contains("glpat-wrong"), "{page}");
        let one = format!("{providers}/{}", connection(&page));
        stage.forge.on("GET /api/v4/user", 200, &json!({ "username": "shop-bot" }));
        let form = [("csrf", csrf.as_str()), ("token", "TOPSECRET")];
        let to = location(&stage.browser.post(&format!("{one}/token"), &form).await).to_owned();
        let page = stage.browser.page(&to).await;
        assert!(page.contains("Lab works as shop-bot.") && !page.contains("does not take"), "{page}");
        let form = [("csrf", csrf.as_str()), ("token", "a b")];
        assert_eq!(stage.browser.post(&format!("{one}/token"), &form).await.status, 400);
        stage.forge.on("GET /api/v4/user", 502, &Value::Null);
        let to = location(&stage.browser.post(&format!("{one}/test"), &[("csrf", &csrf)]).await).to_owned();
        let page = stage.browser.page(&to).await;
        assert!(page.contains("cannot be asked now") && page.contains("shop-bot"), "{page}");
        // Others see it, and change nothing.
        let bob = app.add_user("bob@example.org").await;
        let mut tx = app.app.db.write().await.unwrap();
        let org = stage.org().parse().unwrap();
        shipmate::db::organisations::set_member(&mut tx, &org, &bob.user.id, Role::Full).await.unwrap();
        tx.commit().await.unwrap();
        let mut other = Browser::open(&app).await;
        other.sign_in(&bob).await;
        let page = other.page(&providers).await;
        assert!(page.contains("Lab") && !page.contains("Connect and test") && !page.contains("/delete"), "{page}");
        let theirs = other.csrf("/account").await;
        for (end, form) in [("/test", vec![]), ("/token", vec![("token", "x")]), ("/delete", vec![])] {
            let mut form = form;
            form.push(("csrf", theirs.as_str()));
            assert_eq!(other.post(&format!("{one}{end}"), &form).await.status, 403, "{end}");
            assert_eq!(stage.browser.post(&format!("{one}{end}"), &[]).await.status, 400, "{end} without the proof");
        }
        let to = location(&stage.browser.post(&format!("{one}/delete"), &[("csrf", &csrf)]).await).to_owned();
        assert!(stage.browser.page(&to).await.contains("There is none yet"));
        assert!(!app.db.dump().await.contains("TOPSECRET"));
    }

    async fn a_repository_is_picked_and_gets_its_webhook(app: TestApp) {
        let mut stage = Stage::set(&app).await;
        stage.connect("Lab", "TOPSECRET").await;
        let page = stage.browser.page("/apps/new").await;
        let pick = after(&page, "class=\"button plain\" href=\"").replace("&#38;", "&").replace("&amp;", "&");
        let page = stage.browser.page(&pick).await;
        assert!(page.contains("g/shop <span class=\"pill\">private</span>") && page.contains("1 h ago"), "{page}");
        let browser = &mut stage.browser;
        stage.forge.asked();
        browser.page(&format!("{pick}&search=a%26b")).await;
        assert!(stage.forge.asked()[0].call.contains("&search=a%26b&"), "the search is the provider's");
        let csrf = after(&page, "name=\"csrf\" value=\"").to_owned();
        let url = after(&page, "name=\"repo_url\" value=\"").to_owned();
        assert_eq!(url, format!("{}/g/shop.git", stage.forge.url));
        let org = after(&page, "name=\"organisation\" value=\"").to_owned();
        let form = [("csrf", csrf.as_str()), ("organisation", org.as_str()), ("repo_url", url.as_str())];
        let answer = browser.post("/apps/new", &form).await;
        let page = text(&answer);
        assert!(answer.status == 200 && page.contains("The connected account <b class=\"break\">Lab</b> opens it"), "{page}");
        let sealed = after(&page, "name=\"sealed_url\" value=\"").to_owned();
        let form = [("csrf", csrf.as_str()), ("organisation", &org), ("sealed_url", &sealed), ("app_name", "Shop"), ("android", "1"), ("build", "1")];
        let added = location(&browser.post("/apps/new/add", &form).await).to_owned();
        let page = browser.page(&added).await;
        assert!(page.contains("Watch build #1") && page.contains("Create the webhook with"), "{page}");
        // The token may not: that is said, and the way by hand stays.
        let hooks = "/api/v4/projects/g%2Fshop/hooks";
        stage.forge.on(&format!("GET {hooks}"), 403, &json!({ "error": "insufficient_scope" }));
        let make = format!("{added}/webhook");
        let refused = browser.post(&make, &[("csrf", &csrf)]).await;
        let page = text(&refused);
        assert!(refused.status == 422 && page.contains("may not do this") && page.contains("/api/webhook?appID="), "{page}");
        stage.forge.on(&format!("GET {hooks}"), 200, &json!([]));
        stage.forge.on(&format!("POST {hooks}"), 201, &json!({ "id": 1 }));
        stage.forge.asked();
        let to = location(&browser.post(&make, &[("csrf", &csrf)]).await).to_owned();
        let page = browser.page(&to).await;
        assert!(page.contains("The webhook is there") && page.contains("Waiting for the first delivery"), "{page}");
        let hook = stage.forge.asked().pop().unwrap().body;
        let id = added.split('/').nth(2).unwrap();
        assert_eq!(hook["url"], format!("http://ci.example.org/api/webhook?appID={id}"));
        // What it signs is taken, other things are not.
        let deliver = async |browser: &Browser, token: &str| {
            let url = format!("{}/api/webhook?appID={id}", browser.server.url);
            let request = browser.client.post(url).header("x-gitlab-event", "Push Hook").header("x-gitlab-token", token);
            let body = json!({ "object_kind": "push", "ref": "refs/heads/main", "before": "0".repeat(40), "after": "a".repeat(40),
                "project": { "git_http_url": url_of(&stage.forge.url), "path_with_namespace": "g/shop" }, "commits": [] });
            Answer::of(request.json(&body)).await.status.as_u16()
        };
        assert_ne!(deliver(browser, "forged").await, 200);
        assert_eq!(deliver(browser, hook["token"].as_str().unwrap()).await, 200);
        assert!(browser.page(&added).await.contains("The webhook works"));
        // The page of settings makes it as well.
        let settings = format!("/apps/{id}/settings/webhook");
        assert!(browser.page(&settings).await.contains("with the secret that is set"));
        let again = location(&browser.post(&format!("{settings}/make"), &[("csrf", &csrf)]).await).to_owned();
        assert!(browser.page(&again).await.contains("The webhook is there"));
        assert_eq!(stage.forge.asked().pop().unwrap().body["token"], hook["token"]);
    }

    async fn a_list_that_is_empty_or_fails_says_what_to_do(app: TestApp) {
        let mut stage = Stage::set(&app).await;
        let id = connection(&stage.connect("Lab", "TOPSECRET").await);
        let pick = format!("/apps/new/pick?organisation={}&connection={id}", stage.org());
        for (status, body, query, says) in [
            (200, json!([]), "", "The account sees no repository"),
            (200, json!([]), "&search=x%3C1%3E", "“x&#60;1&#62;” in its name"),
            (401, json!({}), "", "replace the old one here"),
            (403, json!({ "error": "<b>insufficient_scope</b>" }), "", "Give the token the scopes"),
            (503, json!({}), "", "Try again in a while"),
        ] {
            stage.forge.on("GET /api/v4/projects", status, &body);
            let page = stage.browser.page(&format!("{pick}{query}")).await;
            assert!(page.contains(says) && !page.contains("<b>insufficient"), "{page}");
        }
        assert_eq!(location(&stage.browser.get("/apps/new/pick").await), "/apps/new");
        let bob = app.add_user("bob@example.org").await;
        let mut other = Browser::open(&app).await;
        other.sign_in(&bob).await;
        assert_eq!(other.get(&pick).await.status, 404);
        assert_eq!(stage.ann.user.email, "ann@example.org");
    }
}

fn url_of(forge: &str) -> String {
    format!("{forge}/g/shop.git")
}
