//! Adding an app by clicks: from a URL to a queued build and a webhook that was
//! heard.

use shipmate::model::account::Role;

use super::*;
use crate::harness::git_remote::HttpRemote;

async fn hidden(page: &str) -> Vec<(&'static str, String)> {
    ["csrf", "organisation", "sealed_url"]
        .map(|name| (name, after(page, &format!("name=\"{name}\" value=\"")).to_owned()))
        .to_vec()
}

on_both! {
    async fn a_url_becomes_an_app_with_a_build_and_a_webhook(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let repo = app.add_repository("shop");
        for file in ["settings.gradle", "app/build.gradle", "app/src/main/AndroidManifest.xml", "shipmate.yml"] {
            repo.commit(file, "x\n", "Add");
        }
        let mut browser = Browser::open(&app).await;
        browser.sign_in(&ann).await;
        assert!(browser.page("/apps").await.contains("href=\"/apps/new\""));
        assert_eq!(location(&browser.get("/apps/wizard/build/select-repo").await), "/apps/new");
        let csrf = browser.csrf("/apps/new").await;
        let missing = browser.post("/apps/new", &[("csrf", &csrf), ("repo_url", " ")]).await;
        assert_eq!(missing.status, 400);
        assert_eq!(browser.post("/apps/new", &[("repo_url", &repo.url())]).await.status, 400);
        let answer = browser.post("/apps/new", &[("csrf", &csrf), ("repo_url", &repo.url())]).await;
        let page = text(&answer);
        assert!(answer.status == 200 && page.contains("The repository answers"), "{page}");
        assert!(page.contains("Gradle project in the root with an Android manifest in app"), "{page}");
        assert!(page.contains("name=\"android\" value=\"1\" checked") && !page.contains("name=\"ios\" value=\"1\" checked"), "{page}");
        assert!(page.contains("<code>shipmate.yml</code>") && page.contains("value=\"shop\""), "{page}");
        let mut form = hidden(&page).await;
        form.extend([("app_name", "Shop <1>".to_owned()), ("build", "1".into())]);
        let none = browser.post_all("/apps/new/add", &form).await;
        assert!(none.status == 400 && text(&none).contains("choose at least one"), "{}", text(&none));
        assert!(text(&none).contains("value=\"Shop &#60;1&#62;\""), "what was typed stays");
        form.push(("android", "1".into()));
        let added = location(&browser.post_all("/apps/new/add", &form).await).to_owned();
        let page = browser.page(&added).await;
        assert!(page.contains("Watch build #1") && page.contains("Waiting for the first delivery"), "{page}");
        let id = added.split('/').nth(2).unwrap().to_owned();
        assert!(page.contains(&format!("http://ci.example.org/api/webhook?appID={id}")), "{page}");
        assert_eq!(text(&browser.get(&format!("{added}/heard")).await), "no\n");
        let hook = format!("{}/api/webhook?appID={id}", browser.server.url);
        let ping = browser.client.post(hook).header("x-github-event", "ping").header("content-type", "application/json");
        Answer::of(ping.body("{\"zen\":\"x\",\"hook_id\":1}")).await.expect(200);
        assert_eq!(text(&browser.get(&format!("{added}/heard")).await), "yes\n");
        let page = browser.page(&added).await;
        assert!(page.contains("The webhook works") && !page.contains("data-wait"), "{page}");
        assert!(browser.page(&format!("/apps/{id}")).await.contains("#1"));
    }

    async fn one_repository_becomes_an_app_for_each_platform(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let repo = app.add_repository("two");
        repo.commit("A.xcodeproj/project.pbxproj", "x\n", "Add");
        repo.commit("A.xcodeproj/xcshareddata/xcschemes/Prod.xcscheme", "x\n", "Add");
        let mut browser = Browser::open(&app).await;
        browser.sign_in(&ann).await;
        let csrf = browser.csrf("/apps/new").await;
        let page = text(&browser.post("/apps/new", &[("csrf", &csrf), ("repo_url", &repo.url())]).await);
        assert!(page.contains("value=\"Prod\" selected") && page.contains("No build instructions were seen"), "{page}");
        let mut form = hidden(&page).await;
        let more = [("app_name", "Two"), ("android", "1"), ("ios", "1"), ("scheme", "Prod")];
        form.extend(more.map(|(name, value)| (name, value.to_owned())));
        let added = location(&browser.post_all("/apps/new/add", &form).await).to_owned();
        assert!(!browser.page(&added).await.contains("Watch build"), "it was not asked for");
        let page = browser.page("/apps").await;
        assert!(page.contains("Two (Android)") && page.contains("Two (iOS)"), "{page}");
    }

    async fn what_does_not_answer_is_explained(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let mut browser = Browser::open(&app).await;
        browser.sign_in(&ann).await;
        let csrf = browser.csrf("/apps/new").await;
        let nothing = app.dir().join("nothing").to_str().unwrap().to_owned();
        for (url, status, says) in [
            (nothing.as_str(), 422, "There is no such repository"),
            ("http://TOPSECRET@127.0.0.1:9/o/r.git", 422, "Nothing listens at this address"),
            ("ext::sh -c x", 400, "not allowed"),
            ("just words", 400, "neither an absolute path nor a URL"),
        ] {
            let answer = browser.post("/apps/new", &[("csrf", &csrf), ("repo_url", url)]).await;
            let page = text(&answer);
            assert!(answer.status == status && page.contains(says), "{url}: {} {page}", answer.status);
            assert!(!page.contains("TOPSECRET"), "{page}");
        }
        let ssh = browser.post("/apps/new", &[("csrf", &csrf), ("repo_url", "ssh://git@127.0.0.1:9/o/r.git")]).await;
        assert!(text(&ssh).contains("ssh-ed25519 "), "the key to add is shown: {}", text(&ssh));
        let forged = [("csrf", csrf.as_str()), ("sealed_url", "k1.x"), ("app_name", "x"), ("android", "1")];
        assert_eq!(browser.post("/apps/new/add", &forged).await.status, 400);
    }

    async fn a_token_in_the_url_is_sealed_on_its_way(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        app.add_repository("closed");
        let server = HttpRemote::start(&app.dir().join("closed"), Some(("ci", "TOPSECRET"))).await;
        let mut browser = Browser::open(&app).await;
        browser.sign_in(&ann).await;
        let csrf = browser.csrf("/apps/new").await;
        let closed = browser.post("/apps/new", &[("csrf", &csrf), ("repo_url", &format!("{}/.git", server.url))]).await;
        assert!(text(&closed).contains("The repository is private"), "{}", text(&closed));
        let url = format!("{}/.git", server.url).replace("http://", "http://ci:TOPSECRET@");
        let page = text(&browser.post("/apps/new", &[("csrf", &csrf), ("repo_url", &url)]).await);
        assert!(page.contains("kept sealed") && !page.contains("TOPSECRET"), "{page}");
        let mut form = hidden(&page).await;
        form.extend([("app_name", "Secret".to_owned()), ("android", "1".into()), ("build", "1".into())]);
        let added = location(&browser.post_all("/apps/new/add", &form).await).to_owned();
        assert!(browser.page(&added).await.contains("Watch build #1"), "its branches were read with the token");
        assert!(!app.db.dump().await.contains("TOPSECRET"));
    }

    async fn readers_add_nothing(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let eve = app.add_user("eve@example.org").await;
        let row = app.add_app(&ann, "Shop", "https://git.example.org/o/shop.git").await;
        let mut tx = app.app.db.write().await.unwrap();
        shipmate::db::organisations::set_member(&mut tx, &row.org_id, &eve.user.id, Role::Read).await.unwrap();
        tx.commit().await.unwrap();
        let mut browser = Browser::open(&app).await;
        browser.sign_in(&eve).await;
        let csrf = browser.csrf("/account").await;
        let form = [("csrf", csrf.as_str()), ("repo_url", "/x"), ("organisation", row.org_id.as_str())];
        assert_eq!(browser.post("/apps/new", &form).await.status, 403);
        assert_eq!(browser.post("/apps/new/add", &form).await.status, 403);
        assert_eq!(browser.get(&format!("/apps/{}/connected", row.id)).await.status, 403);
        assert!(!browser.page("/apps/new").await.contains(row.org_id.as_str()));
    }
}
