//! Signing in with the mouse, with the keyboard alone, and failing; and what a
//! new access token does to the old one.

use reqwest::Method;
use shipmate::accounts::sign_in;
use shipmate::accounts::sso::providers::{self, Draft};
use shipmate::model::identity::ProviderKind;
use shipmate::model::secret::Secret;

use super::Web;
use super::driver::{ENTER, TAB};
use crate::harness::identity::{CLIENT_ID, CLIENT_SECRET, IdentityServer};

const PASSWORD: &str = "correct horse battery";

/// `Tab` until the element with this text or label has the focus.
async fn tab_to(web: &Web, name: &str) {
    let focused = "const one = document.activeElement;
        const label = one.id && document.querySelector(`label[for=\"${one.id}\"]`);
        return (label || one).innerText.trim()";
    for _ in 0..40 {
        if web.browser.script(focused).await == name {
            return;
        }
        web.browser.press(TAB).await;
    }
    panic!("the keyboard does not reach “{name}”");
}

in_browser! {
    async fn failures_say_what_to_do(web: Web) {
        let ann = web.app.add_user("ann@example.org").await;
        let password = Secret::new(PASSWORD);
        sign_in::set_password(&web.app.app, &ann.user.id, &password, None).await.unwrap();
        let browser = &web.browser;
        browser.go("/apps").await;
        for (email, password, says) in [
            ("bob@example.org", PASSWORD, "Unknown email address"),
            ("ann@example.org", "wrong", "do not match"),
        ] {
            browser.fill("Email", email).await;
            browser.fill("Password", password).await;
            browser.click("Sign in").await;
            browser.sees(says).await;
            // What was typed stays, but for the password.
            let kept = browser.script("return [document.getElementById('email').value, document.getElementById('password').value]").await;
            assert_eq!(kept, serde_json::json!([email, ""]));
        }
        // An email that is none never leaves the browser.
        browser.fill("Email", "ann").await;
        browser.fill("Password", PASSWORD).await;
        browser.click("Sign in").await;
        assert!(browser.has("#email:invalid").await);
        for _ in 0..3 {
            browser.fill("Email", "ann@example.org").await;
            browser.fill("Password", "wrong").await;
            browser.click("Sign in").await;
            browser.sees("do not match").await;
        }
        browser.fill("Email", "ann@example.org").await;
        browser.fill("Password", PASSWORD).await;
        browser.click("Sign in").await;
        browser.sees("Throttle limit for login").await;
    }

    async fn the_keyboard_is_enough(web: Web) {
        let ann = web.app.add_user("ann@example.org").await;
        let password = Secret::new(PASSWORD);
        sign_in::set_password(&web.app.app, &ann.user.id, &password, None).await.unwrap();
        let repo = web.app.add_repository("repo");
        repo.commit("a.txt", "a\n", "Begin");
        web.app.add_app(&ann, "Shop", &repo.url()).await;
        let browser = &web.browser;
        browser.go("/sign-in").await;
        // The first stop on each page leads past the navigation.
        browser.press(TAB).await;
        assert_eq!(browser.script("return document.activeElement.innerText").await, "Skip to the content");
        tab_to(&web, "Email").await;
        browser.press("ann@example.org").await;
        tab_to(&web, "Password").await;
        browser.press(PASSWORD).await;
        browser.press(ENTER).await;
        browser.sees("Sign out").await;
        tab_to(&web, "Shop").await;
        // Where the focus is can be seen.
        let outline = browser.script("return getComputedStyle(document.activeElement).outlineStyle").await;
        assert_eq!(outline, "solid");
        browser.press(ENTER).await;
        browser.sees("Build now").await;
        tab_to(&web, "Build now").await;
        browser.press(ENTER).await;
        browser.sees("#1").await;
        tab_to(&web, "Cancel the build").await;
        browser.press(ENTER).await;
        browser.sees("cancelled").await;
    }

    async fn a_button_leads_to_the_provider_and_back(web: Web) {
        let identity = IdentityServer::start().await;
        identity.send_back_to(&web.server.url);
        let state = &web.app.app;
        let mut tx = state.db.write().await.unwrap();
        let draft = Draft {
            name: "Example ID",
            client_id: CLIENT_ID,
            client_secret: Some(Secret::new(CLIENT_SECRET)),
            domains: &["example.org".to_owned()],
            require_sso: false,
            trusts_emails: false,
        };
        providers::add(state, &mut tx, (ProviderKind::Oidc, &identity.url), draft).await.unwrap();
        tx.commit().await.unwrap();
        let browser = &web.browser;
        // Led to the page that was asked for, by way of somebody else's site.
        browser.go("/account").await;
        browser.click("Sign in with Example ID").await;
        browser.sees("Connected accounts").await;
        assert_eq!(browser.path().await, "/account");
        browser.sees("ann@example.org").await;
        browser.sees("your only way in").await;
        identity.person(serde_json::json!({ "sub": "s-2", "email": "private@mail.example" }));
        browser.click("Connect Example ID").await;
        browser.sees("The account is connected").await;
        browser.sees("private@mail.example").await;
        assert_eq!(browser.complaints().await, Vec::<String>::new());
    }

    async fn a_new_token_ends_the_old_one(web: Web) {
        let ann = web.app.add_user("ann@example.org").await;
        web.enter(&ann).await;
        let browser = &web.browser;
        browser.go("/account").await;
        browser.click("Show, rotate, revoke, add").await;
        let old = Some(ann.token.expose());
        web.server.call(Method::GET, "/v1/apps", old, "").await.expect(200);
        browser.click("Rotate the token").await;
        browser.find("#token").await;
        let text = browser.text().await;
        let start = text.find("smp_").expect("the token is shown");
        let fresh = text[start..].split_whitespace().next().unwrap();
        web.server.call(Method::GET, "/v1/apps", Some(fresh), "").await.expect(200);
        let refused = web.server.call(Method::GET, "/v1/apps", old, "").await.expect(401);
        assert!(!refused.error().is_empty());
    }
}
