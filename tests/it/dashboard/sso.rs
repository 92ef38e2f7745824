//! Single sign-on against a provider on a real socket: every way in, every way
//! in which it must not open, and what ends when it is closed. One file, because
//! each refusal is told beside the success that it departs from.

use reqwest::Url;
use serde_json::{Value, json};
use shipmate::accounts::{sign_in_link, tokens};
use shipmate::db;

use super::*;
use crate::harness::identity::{CLIENT_ID, CLIENT_SECRET, IdentityServer, Signing, Trouble};

const DOMAIN: &str = "example.org";

/// An installation with an administrator and a provider.
struct House {
    app: TestApp,
    identity: IdentityServer,
    root: Browser,
    csrf: String,
    provider: String,
}

impl House {
    async fn build(app: TestApp) -> Self {
        Self::build_with(app, "oidc", &[("domains", DOMAIN)]).await
    }

    async fn build_with(app: TestApp, kind: &str, more: &[(&str, &str)]) -> Self {
        let identity = IdentityServer::start().await;
        let admin = app.add_admin("root@example.org").await;
        let mut root = Browser::open(&app).await;
        root.sign_in(&admin).await;
        let csrf = root.csrf("/account").await;
        let mut house = Self { app, identity, root, csrf, provider: String::new() };
        house.provider = house.add(kind, more).await;
        house
    }

    /// Adds a provider through the form; its id.
    async fn add(&mut self, kind: &str, more: &[(&str, &str)]) -> String {
        let url = self.identity.url.clone();
        let mut form = vec![
            ("csrf", self.csrf.as_str()),
            ("kind", kind),
            ("name", "Example ID"),
            ("base_url", url.as_str()),
            ("client_id", CLIENT_ID),
            ("client_secret", CLIENT_SECRET),
        ];
        form.extend(more);
        let added = self.root.post("/operations/sign-in", &form).await;
        let to = location(&added);
        to["/operations/sign-in/".len()..].split('?').next().unwrap().to_owned()
    }

    async fn change(&mut self, more: &[(&str, &str)]) -> Answer {
        let mut form =
            vec![("csrf", self.csrf.as_str()), ("name", "Example ID"), ("client_id", CLIENT_ID)];
        form.extend(more);
        let path = format!("/operations/sign-in/{}", self.provider);
        self.root.post(&path, &form).await
    }

    async fn act(&mut self, act: &str) -> Answer {
        let path = format!("/operations/sign-in/{}/{act}", self.provider);
        self.root.post(&path, &[("csrf", &self.csrf)]).await
    }

    /// From the button to the provider and back to our door, which is not
    /// entered: the path of the callback.
    async fn leave(&self, browser: &mut Browser, next: &str) -> String {
        let path = format!("/sign-in/with/{}?next={next}", self.provider);
        let away = browser.get(&path).await;
        let to = location(&away).to_owned();
        assert!(browser.flow.is_some(), "the browser keeps its secret");
        self.sent_back(browser, &to).await
    }

    /// What the provider answers to a browser that comes to `url`.
    async fn sent_back(&self, browser: &Browser, url: &str) -> String {
        let answer = Answer::of(browser.client.get(url)).await;
        assert_eq!(answer.status, 302, "{}", text(&answer));
        let back = answer.headers["location"].to_str().unwrap();
        back.strip_prefix("http://ci.example.org").expect("the redirect URI").to_owned()
    }

    async fn sign_in(&self, browser: &mut Browser) -> Answer {
        let back = self.leave(browser, "").await;
        browser.get(&back).await
    }

    /// A fresh browser is not let in, and told this.
    #[track_caller]
    fn stays_out(&self, browser: &Browser, answer: &Answer, status: u16, says: &str) {
        let page = text(answer);
        assert_eq!(answer.status.as_u16(), status, "{page}");
        assert!(page.contains(says), "{says} in {page}");
        assert!(browser.cookie.is_none() && browser.flow.is_none());
    }

    async fn refuses(&self, status: u16, says: &str) {
        let mut browser = Browser::open(&self.app).await;
        let answer = self.sign_in(&mut browser).await;
        self.stays_out(&browser, &answer, status, says);
    }

    async fn password(&self, person: &Person) {
        let password = Secret::new("correct horse");
        sign_in::set_password(&self.app.app, &person.user.id, &password, None).await.unwrap();
    }

    async fn by_password(&self, email: &str) -> (Browser, Answer) {
        let mut browser = Browser::open(&self.app).await;
        let form = [("email", email), ("password", "correct horse")];
        let answer = browser.post("/sign-in", &form).await;
        (browser, answer)
    }

    async fn is_in(&self, browser: &mut Browser) -> bool {
        browser.get("/account").await.status == 200
    }

    async fn emails(&self) -> Vec<String> {
        let mut tx = self.app.app.db.read().await.unwrap();
        db::accounts::list_users(&mut tx)
            .await
            .unwrap()
            .into_iter()
            .map(|user| user.email)
            .collect()
    }
}

fn person(sub: &str, email: &str, verified: bool) -> Value {
    json!({ "sub": sub, "email": email, "email_verified": verified, "name": "Ann <b>" })
}

on_both! {
    async fn a_new_person_gets_an_account_without_apps(app: TestApp) {
        let ann = app.add_user("owner@other.example").await;
        app.add_app(&ann, "Shop", "https://git.example.org/o/shop.git").await;
        let house = House::build(app).await;
        house.identity.person(person("s-1", "Ann@Example.ORG", true));
        let mut browser = Browser::open(&house.app).await;
        let page = browser.page("/sign-in?next=%2Faccount").await;
        let button = format!("href=\"/sign-in/with/{}?next=%2Faccount\">Sign in with Example ID</a>", house.provider);
        assert!(page.contains(&button), "{page}");
        let back = house.leave(&mut browser, "%2Faccount").await;
        let answer = browser.get(&back).await;
        assert_eq!(location(&answer), "/account");
        assert!(browser.flow.is_none(), "the secret is forgotten");
        let page = browser.page("/account").await;
        for says in ["Ann &#60;b&#62;", "ann@example.org", "<td class=\"break\">Example ID</td>", "your only way in"] {
            assert!(page.contains(says), "{says} in {page}");
        }
        assert!(!page.contains("Administrator of this server"));
        assert!(browser.page("/apps").await.contains("No app yet"));
        assert_eq!(browser.get("/operations/sign-in").await.status, 403);
        // The second time it is the same person, by the subject alone.
        house.identity.person(person("s-1", "renamed@example.org", false));
        house.identity.sign(Signing::Es256);
        let mut again = Browser::open(&house.app).await;
        assert_eq!(location(&house.sign_in(&mut again).await), "/");
        assert!(again.page("/account").await.contains("ann@example.org"));
        assert_eq!(house.emails().await, ["ann@example.org", "owner@other.example", "root@example.org"]);
        let log = house.app.db.dump().await;
        for action in ["identity_provider.add", "account.add", "identity.link"] {
            assert!(log.contains(action), "{action}");
        }
        assert!(!log.contains(CLIENT_SECRET));
        for secret in ["smf_", "sms_"] {
            assert!(!log.contains(secret), "only hashes are kept");
        }
    }

    async fn somebody_known_is_recognised_by_the_verified_address(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let house = House::build(app).await;
        house.password(&ann).await;
        house.identity.person(person("s-1", "ann@example.org", false));
        house.refuses(403, "does not say that your email address is verified").await;
        house.identity.lie(json!({ "email_verified": null }));
        house.refuses(403, "does not say").await;
        house.identity.lie(json!({ "email": "ann@example.org\r\nX: y", "email_verified": true }));
        house.refuses(403, "does not say").await;
        house.identity.lie(json!({}));
        house.identity.person(person("s-1", "ann@example.org", true));
        let mut browser = Browser::open(&house.app).await;
        assert_eq!(location(&house.sign_in(&mut browser).await), "/");
        assert!(browser.page("/account").await.contains(ann.user.name.as_str()));
        // Without "require", the password still works.
        let (_, answer) = house.by_password("ann@example.org").await;
        assert_eq!(location(&answer), "/");
        // The address alone, where the ID token leaves it out.
        house.identity.trouble(Trouble::Brief);
        assert_eq!(location(&house.sign_in(&mut Browser::open(&house.app).await).await), "/");
        house.identity.trouble(Trouble::Confused);
        house.refuses(502, "could not be trusted").await;
    }

    async fn strangers_are_told_whom_to_ask(app: TestApp) {
        app.add_user("eve@other.example").await;
        let house = House::build(app).await;
        let says = "Ask an owner of your organisation for an invitation";
        for email in ["eve@other.example", "eve@sub.example.org", "eve@notexample.org"] {
            house.identity.person(person("s-9", email, true));
            house.refuses(403, says).await;
        }
        assert_eq!(house.emails().await.len(), 2);
    }

    async fn answers_that_are_not_for_this_browser_are_refused(app: TestApp) {
        let house = House::build(app).await;
        let again = "Start again";
        let mut browser = Browser::open(&house.app).await;
        // Nothing was begun.
        let answer = browser.get("/sign-in/callback?code=x&state=y").await;
        house.stays_out(&browser, &answer, 400, again);
        let answer = browser.get("/sign-in/callback").await;
        house.stays_out(&browser, &answer, 400, again);
        // Begun by another browser, which is led here to be signed in as somebody else.
        let foreign = house.leave(&mut Browser::open(&house.app).await, "").await;
        house.leave(&mut browser, "").await;
        let answer = browser.get(&foreign).await;
        house.stays_out(&browser, &answer, 400, again);
        // Another state, then none.
        for change in [|back: &str| format!("{back}x"), |back: &str| back.split('&').next().unwrap().to_owned()] {
            let back = house.leave(&mut browser, "").await;
            let answer = browser.get(&change(&back)).await;
            house.stays_out(&browser, &answer, 400, again);
        }
        // A right callback counts once, even for whoever kept the secret.
        let back = house.leave(&mut browser, "").await;
        let kept = browser.flow.clone();
        assert_eq!(location(&browser.get(&back).await), "/");
        browser.cookie = None;
        browser.flow = kept;
        let answer = browser.get(&back).await;
        house.stays_out(&browser, &answer, 400, again);
        // Too late.
        let back = house.leave(&mut browser, "").await;
        house.app.advance(10 * 60_000);
        let answer = browser.get(&back).await;
        house.stays_out(&browser, &answer, 400, again);
        house.app.advance(-10 * 60_000);
        // A code that the provider knows no more.
        let back = house.leave(&mut browser, "").await;
        let answer = browser.get(&back.replace("code=code-", "code=gone-")).await;
        house.stays_out(&browser, &answer, 400, again);
        // The person said no there; and an answer in the name of somebody else.
        let back = house.leave(&mut browser, "").await;
        let state = back.split("state=").nth(1).unwrap();
        let answer = browser.get(&format!("/sign-in/callback?error=access_denied&state={state}")).await;
        house.stays_out(&browser, &answer, 400, "did not sign you in");
        let back = house.leave(&mut browser, "").await;
        let answer = browser.get(&format!("{back}&iss=https%3A%2F%2Fevil.example")).await;
        house.stays_out(&browser, &answer, 502, "could not be trusted");
        // It leads back to this server only.
        let back = house.leave(&mut browser, "%2F%2Fevil.example").await;
        assert_eq!(location(&browser.get(&back).await), "/");
        let away = browser.get("/sign-in/with/65ec830034aa000000000001").await;
        assert_eq!(away.status, 404);
    }

    async fn tokens_that_are_not_right_open_nothing(app: TestApp) {
        let house = House::build(app).await;
        let untrusted = "could not be trusted";
        for lies in [
            json!({ "nonce": "another" }),
            json!({ "nonce": null }),
            json!({ "aud": "another client" }),
            json!({ "aud": [CLIENT_ID, "another"], "azp": "another" }),
            json!({ "iss": "https://evil.example" }),
            json!({ "exp": crate::harness::app::START / 1000 - 121 }),
            json!({ "iat": crate::harness::app::START / 1000 + 121 }),
            json!({ "sub": "" }),
        ] {
            house.identity.lie(lies);
            house.refuses(502, untrusted).await;
        }
        house.identity.lie(json!({}));
        for signing in [Signing::Forged, Signing::None] {
            house.identity.sign(signing);
            house.refuses(502, untrusted).await;
        }
        house.identity.sign(Signing::Rs256);
        house.identity.trouble(Trouble::Redirects);
        house.refuses(502, untrusted).await;
        house.identity.trouble(Trouble::Busy);
        house.refuses(503, "cannot be asked at the moment").await;
        assert_eq!(house.emails().await, ["root@example.org"]);
        // What already goes wrong on the way out.
        let button = format!("/sign-in/with/{}", house.provider);
        for trouble in [Trouble::Endless, Trouble::Misnamed, Trouble::Insecure] {
            house.identity.trouble(trouble);
            let mut browser = Browser::open(&house.app).await;
            let answer = browser.get(&button).await;
            house.stays_out(&browser, &answer, 502, untrusted);
        }
        let mut house = house;
        let tried = house.act("test").await;
        assert!(text(&tried).contains("id.example.org/token must begin with https"), "{}", text(&tried));
        let IdentityServer { .. } = &house.identity;
        drop(house.identity);
        let mut browser = Browser::open(&house.app).await;
        let page = text(&browser.get(&button).await);
        assert!(page.contains("cannot be asked at the moment") && page.contains("Forgotten your password"), "{page}");
    }

    async fn github_signs_in_by_its_primary_address(app: TestApp) {
        let house = House::build_with(app, "github", &[("domains", DOMAIN)]).await;
        house.identity.person(json!({ "id": 4711, "login": "ann", "name": null }));
        let address = |email: &str, primary: bool, verified: bool| json!({ "email": email, "primary": primary, "verified": verified, "visibility": null });
        house.identity.addresses(json!([address("ann@example.org", true, false)]));
        house.refuses(403, "does not say that your email address is verified").await;
        // Another verified address is not theirs to choose.
        house.identity.addresses(json!([address("ann@mail.example", true, true), address("ann@example.org", false, true)]));
        house.refuses(403, "have no account here").await;
        house.identity.addresses(json!([]));
        house.refuses(403, "does not say").await;
        house.identity.addresses(json!([address("x@mail.example", false, true), address("ann@example.org", true, true)]));
        let mut browser = Browser::open(&house.app).await;
        assert_eq!(location(&house.sign_in(&mut browser).await), "/");
        let page = browser.page("/account").await;
        assert!(page.contains("value=\"ann\"") && page.contains("ann@example.org"), "{page}");
        house.identity.person(json!({ "id": "no number", "login": "ann" }));
        house.refuses(502, "could not be trusted").await;
        let mut house = house;
        let page = text(&house.act("test").await);
        assert!(page.contains("The client id and secret are accepted"), "{page}");
    }

    async fn gitlab_is_openid_connect_at_its_address(app: TestApp) {
        let mut house = House::build_with(app, "gitlab", &[("domains", DOMAIN)]).await;
        let mut browser = Browser::open(&house.app).await;
        assert_eq!(location(&house.sign_in(&mut browser).await), "/");
        let page = text(&house.act("test").await);
        for says in ["describes itself", "2 of its keys", "The client id and secret are accepted", "works."] {
            assert!(page.contains(says), "{says} in {page}");
        }
        assert_eq!(house.change(&[("client_secret", "wrong"), ("domains", DOMAIN)]).await.status, 303);
        let page = text(&house.act("test").await);
        assert!(page.contains("the client id or secret is wrong") && !page.contains("wrong</"), "{page}");
        house.refuses(502, "could not be trusted").await;
    }

    async fn whom_a_provider_vouches_for_without_saying_so(app: TestApp) {
        let mut house = House::build_with(app, "oidc", &[("domains", DOMAIN), ("trusts_emails", "1")]).await;
        house.identity.lie(json!({ "email_verified": null }));
        assert_eq!(location(&house.sign_in(&mut Browser::open(&house.app).await).await), "/");
        // Where it says no, it means it.
        house.identity.person(person("s-2", "bob@example.org", false));
        house.identity.lie(json!({}));
        house.refuses(403, "does not say").await;
        // A domain that is taken away closes the door, also for whom came by it.
        house.identity.person(person("s-1", "ann@example.org", true));
        let mut browser = Browser::open(&house.app).await;
        house.sign_in(&mut browser).await;
        assert!(house.is_in(&mut browser).await);
        let page = house.root.page(&format!("/operations/sign-in/{}", house.provider)).await;
        assert!(page.contains("name=\"trusts_emails\" value=\"1\" checked") && page.contains(">example.org</textarea>"), "{page}");
        assert_eq!(location(&house.change(&[("domains", "other.example")]).await), format!("/operations/sign-in/{}?done=changed", house.provider));
        assert!(!house.is_in(&mut browser).await);
        house.refuses(403, "have no account here").await;
    }

    async fn required_means_in_no_other_way(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let eve = app.add_user("eve@other.example").await;
        let mut house = House::build(app).await;
        for person in [&ann, &eve] {
            house.password(person).await;
        }
        let (mut with_password, answer) = house.by_password("ann@example.org").await;
        assert_eq!(location(&answer), "/");
        let (mut stranger, _) = house.by_password("eve@other.example").await;
        let mut with_token = Browser::open(&house.app).await;
        with_token.sign_in(&ann).await;
        let mut by_provider = Browser::open(&house.app).await;
        house.sign_in(&mut by_provider).await;
        let page = by_provider.page("/account").await;
        for says in [">password<", ">access token<", ">Example ID<"] {
            assert!(page.contains(says), "{says} in {page}");
        }

        let none = house.change(&[("require_sso", "1")]).await;
        assert!(none.status == 400 && text(&none).contains("name=\"require_sso\" value=\"1\" checked"), "{}", text(&none));
        house.change(&[("require_sso", "1"), ("domains", DOMAIN)]).await;
        assert!(!house.is_in(&mut with_password).await && !house.is_in(&mut with_token).await);
        assert!(house.is_in(&mut by_provider).await && house.is_in(&mut stranger).await);
        let mut root = std::mem::replace(&mut house.root, Browser::open(&house.app).await);
        assert!(house.is_in(&mut root).await, "administrators stay");
        house.root = root;

        let says = "People of your mail domain sign in with Example ID";
        for email in ["ann@example.org", "nobody@example.org"] {
            let (browser, answer) = house.by_password(email).await;
            house.stays_out(&browser, &answer, 401, says);
        }
        let mut browser = Browser::open(&house.app).await;
        let answer = browser.post("/sign-in/token", &[("token", ann.token.expose())]).await;
        house.stays_out(&browser, &answer, 401, says);
        // The old client is told the same; its token goes on (SSO-5).
        let url = format!("{}/auth/local/login", browser.server.url);
        let body = json!({ "email": "ann@example.org", "password": "correct horse" });
        let old = Answer::of(browser.client.post(url).json(&body)).await;
        assert!(old.status == 401 && text(&old).contains(says), "{}", text(&old));
        let call = browser.server.call(Method::GET, "/v1/apps", Some(ann.token.expose()), "").await;
        call.expect(200);
        // No mail for a password that lets nobody in.
        let asked = browser.post("/forgot-password", &[("email", "ann@example.org")]).await;
        assert!(asked.status == 400 && text(&asked).contains("sign in with Example ID, without a password"), "{}", text(&asked));
        house.app.run_jobs().await;
        assert!(!house.app.dir().join("mail").exists() || std::fs::read_dir(house.app.dir().join("mail")).unwrap().count() == 0);

        // Another provider is another way, even a connected one.
        house.add("gitlab", &[("domains", "other.example")]).await;
        let second = house.root.page("/operations/sign-in").await;
        let second = second.matches("/operations/sign-in/").count();
        assert!(second > 1);
        // Off again.
        house.change(&[("domains", DOMAIN)]).await;
        let (_, answer) = house.by_password("ann@example.org").await;
        assert_eq!(location(&answer), "/");
        assert!(house.is_in(&mut by_provider).await);
    }

    async fn a_connected_account_elsewhere_does_not_go_around_it(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let mut house = House::build_with(app, "oidc", &[("domains", "other.example")]).await;
        let mut browser = Browser::open(&house.app).await;
        browser.sign_in(&ann).await;
        house.identity.person(person("private", "ann@mail.example", false));
        connect(&house, &mut browser).await;
        assert_eq!(location(&house.sign_in(&mut Browser::open(&house.app).await).await), "/");
        house.add("gitlab", &[("domains", DOMAIN), ("require_sso", "1"), ("name", "Company")]).await;
        assert!(!house.is_in(&mut browser).await);
        house.refuses(403, "Sign in with Company: people of your mail domain must").await;
        // Nobody was made or linked on the way to that answer.
        house.identity.person(person("s-2", "new@other.example", true));
        assert_eq!(location(&house.sign_in(&mut Browser::open(&house.app).await).await), "/");
        house.change(&[("domains", "other.example example.org")]).await;
        house.identity.person(person("s-3", "fresh@example.org", true));
        house.refuses(403, "Sign in with Company").await;
        assert!(!house.emails().await.contains(&"fresh@example.org".to_owned()));
    }

    async fn what_came_from_a_provider_ends_with_it(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let mut house = House::build_with(app, "oidc", &[("domains", DOMAIN), ("require_sso", "1")]).await;
        house.password(&ann).await;
        let mut browser = Browser::open(&house.app).await;
        house.sign_in(&mut browser).await;
        assert!(house.is_in(&mut browser).await);
        let under_way = house.leave(&mut browser, "").await;
        assert_eq!(location(&house.act("disable").await), format!("/operations/sign-in/{}?done=disabled", house.provider));
        assert!(!house.is_in(&mut browser).await);
        browser.cookie = None;
        let answer = browser.get(&under_way).await;
        house.stays_out(&browser, &answer, 400, "Start again");
        assert!(!browser.page("/sign-in").await.contains("Example ID"));
        assert_eq!(browser.get(&format!("/sign-in/with/{}", house.provider)).await.status, 404);
        // Nothing is required by what is disabled.
        let (mut by_password, answer) = house.by_password("ann@example.org").await;
        assert_eq!(location(&answer), "/");
        house.act("enable").await;
        assert!(!house.is_in(&mut by_password).await, "required again, and at once");
        house.sign_in(&mut browser).await;
        assert!(house.is_in(&mut browser).await);
        let forged = format!("/operations/sign-in/{}/delete", house.provider);
        assert_eq!(house.root.post(&forged, &[]).await.status, 400);
        assert_eq!(location(&house.act("delete").await), "/operations/sign-in?done=deleted");
        assert!(!house.is_in(&mut browser).await);
        assert!(house.root.page("/operations/sign-in?done=deleted").await.contains("None yet"));
        let (_, answer) = house.by_password("ann@example.org").await;
        assert_eq!(location(&answer), "/");
    }

    async fn accounts_are_connected_and_disconnected_on_the_profile(app: TestApp) {
        let ann = app.add_user("ann@other.example").await;
        let bob = app.add_user("bob@other.example").await;
        let house = House::build(app).await;
        let mut browser = Browser::open(&house.app).await;
        browser.sign_in(&ann).await;
        assert!(browser.page("/account").await.contains("None yet. A connected account"));
        // An address that is not verified is enough here: who connects is known.
        house.identity.person(person("private", "ann@mail.example", false));
        let path = format!("/account/identities/connect/{}", house.provider);
        assert_eq!(browser.post(&path, &[]).await.status, 400, "another site cannot connect its own");
        connect(&house, &mut browser).await;
        let page = browser.page("/account?done=connected").await;
        assert!(page.contains("ann@mail.example") && page.contains("your only way in"), "{page}");
        connect(&house, &mut browser).await;
        assert_eq!(browser.page("/account").await.matches("ann@mail.example").count(), 1);
        let mut again = Browser::open(&house.app).await;
        assert_eq!(location(&house.sign_in(&mut again).await), "/");
        assert!(again.page("/account").await.contains("ann@other.example"));

        // Somebody else's session does not finish it, and nobody takes it over.
        let mut other = Browser::open(&house.app).await;
        other.sign_in(&bob).await;
        let back = leave_to_connect(&house, &mut browser).await;
        other.flow = browser.flow.clone();
        let answer = other.get(&back).await;
        assert!(text(&answer).contains("Start again"), "{}", text(&answer));
        let back = leave_to_connect(&house, &mut other).await;
        let answer = other.get(&back).await;
        assert!(text(&answer).contains("connected to somebody else here already"), "{}", text(&answer));
        let back = leave_to_connect(&house, &mut browser).await;
        let mut nobody = Browser::open(&house.app).await;
        nobody.flow = browser.flow.clone();
        let answer = nobody.get(&back).await;
        house.stays_out(&nobody, &answer, 400, "Start again");

        let page = browser.page("/account").await;
        let csrf = browser.csrf("/account").await;
        assert!(!page.contains("/unlink"), "{page}");
        let mut tx = house.app.app.db.read().await.unwrap();
        let id = db::identities::list(&mut tx, &ann.user.id).await.unwrap().remove(0).id;
        drop(tx);
        let unlink = format!("/account/identities/{id}/unlink");
        let refused = browser.post(&unlink, &[("csrf", &csrf)]).await;
        assert!(refused.status == 409 && text(&refused).contains("only way in"), "{}", text(&refused));
        let bobs = other.csrf("/account").await;
        assert_eq!(other.post(&unlink, &[("csrf", &bobs)]).await.status, 404);
        house.password(&ann).await;
        browser.sign_in(&ann).await;
        let csrf = browser.csrf("/account").await;
        assert!(browser.page("/account").await.contains(&unlink));
        assert_eq!(location(&browser.post(&unlink, &[("csrf", &csrf)]).await), "/account?done=unlinked");
        house.refuses(403, "does not say").await;
        let log = house.app.db.dump().await;
        assert!(log.contains("identity.unlink"));
    }

    async fn providers_are_kept_by_administrators_alone(app: TestApp) {
        let eve = app.add_user("eve@other.example").await;
        let mut house = House::build(app).await;
        let path = format!("/operations/sign-in/{}", house.provider);
        let mut browser = Browser::open(&house.app).await;
        browser.sign_in(&eve).await;
        let csrf = browser.csrf("/account").await;
        for page in ["/operations/sign-in", "/operations/sign-in/new?kind=github", &path] {
            assert_eq!(browser.get(page).await.status, 403, "{page}");
        }
        for act in ["/operations/sign-in", &path, &format!("{path}/test"), &format!("{path}/enable"), &format!("{path}/disable"), &format!("{path}/delete")] {
            let form = [("csrf", csrf.as_str()), ("kind", "oidc"), ("name", "X")];
            assert_eq!(browser.post(act, &form).await.status, 403, "{act}");
        }
        let page = house.root.page("/operations/sign-in").await;
        for says in ["http://ci.example.org/sign-in/callback</code>", "data-copy=\"redirect\"", "shipmate admin sign-in-link", "example.org"] {
            assert!(page.contains(says), "{says} in {page}");
        }
        // What is wrong is named, and what was typed stays, but for the secret.
        let csrf = house.csrf.clone();
        for (field, value, says) in [
            ("name", "", "Name:"),
            ("base_url", "http://id.example.org", "must begin with https"),
            ("base_url", "", "Base url:"),
            ("client_id", "", "Client id:"),
            ("client_secret", "", "Client secret:"),
            ("domains", "exa mple", "require"),
            ("domains", "*.example.org", "no mail domain"),
        ] {
            let mut form = vec![("csrf", csrf.as_str()), ("kind", "oidc"), ("name", "Okta <x>"), ("base_url", "https://id.example.org"), ("client_id", "id"), ("client_secret", "hush-hush"), ("domains", DOMAIN)];
            form.iter_mut().filter(|(name, _)| *name == field).for_each(|one| one.1 = value);
            let answer = house.root.post("/operations/sign-in", &form).await;
            if says == "require" {
                // Two domains in one line are two.
                assert_eq!(answer.status, 303);
                continue;
            }
            let page = text(&answer);
            assert!(answer.status == 400 && page.contains(says), "{field} {value}: {page}");
            assert!(page.contains("aria-invalid=\"true\"") && !page.contains("hush-hush"), "{page}");
            assert!(field == "name" || page.contains("Okta &#60;x&#62;"), "{page}");
        }
        assert!(!house.root.page(&path).await.contains(CLIENT_SECRET));
    }

    async fn a_printed_link_signs_in_once(app: TestApp) {
        let mut house = House::build_with(app, "oidc", &[("domains", DOMAIN), ("require_sso", "1")]).await;
        house.sign_in(&mut Browser::open(&house.app).await).await;
        let begin = async |email: &str| {
            let mut tx = house.app.app.db.write().await.unwrap();
            let (_, key) = sign_in_link::begin(&mut tx, email, house.app.app.clock.now()).await.unwrap();
            tx.commit().await.unwrap();
            sign_in_link::url(&house.app.app, &key)
        };
        let (old, link) = (begin("ann@example.org").await, begin("ann@example.org").await);
        let path = link.strip_prefix("http://ci.example.org").unwrap();
        let mut browser = Browser::open(&house.app).await;
        assert_eq!(browser.get(old.strip_prefix("http://ci.example.org").unwrap()).await.status, 404);
        // Looking does not use it up.
        for _ in 0..2 {
            assert!(browser.page(path).await.contains("Sign in as ann@example.org"));
        }
        let key = Url::parse(&link).unwrap().query_pairs().next().unwrap().1.into_owned();
        assert_eq!(location(&browser.post("/sign-in/link", &[("key", &key)]).await), "/");
        assert!(browser.page("/account").await.contains("link of the server"));
        let mut other = Browser::open(&house.app).await;
        assert_eq!(other.post("/sign-in/link", &[("key", &key)]).await.status, 404);
        assert_eq!(other.get(path).await.status, 404);
        let late = begin("ann@example.org").await;
        house.app.advance(15 * 60_000);
        assert_eq!(other.get(late.strip_prefix("http://ci.example.org").unwrap()).await.status, 404);
        let mut tx = house.app.app.db.write().await.unwrap();
        assert!(sign_in_link::begin(&mut tx, "nobody@example.org", house.app.app.clock.now()).await.is_err());
        drop(tx);
        let log = house.app.db.dump().await;
        assert!(log.contains("sign_in_link.add") && log.contains("sign_in_link.use") && !log.contains(&key));
        house.act("disable").await;
    }

    async fn whoever_is_invited_signs_in_first_where_it_is_required(app: TestApp) {
        use shipmate::accounts::invitations::{self, Membership};
        use shipmate::model::account::Access;
        let owner = app.add_user("owner@other.example").await;
        let row = app.add_app(&owner, "Shop", "https://git.example.org/o/shop.git").await;
        let house = House::build_with(app, "oidc", &[("domains", DOMAIN), ("require_sso", "1")]).await;
        let app = &house.app.app;
        let mut tx = app.db.write().await.unwrap();
        let by = tokens::find_actor(&mut tx, owner.token.expose(), app.clock.now()).await.unwrap().unwrap();
        let into = Membership::App(&row.id, Access::Read);
        let (_, key) = invitations::invite(app, &mut tx, &by, "ann@example.org", into).await.unwrap();
        tx.commit().await.unwrap();
        let key = key.expose();
        let link = format!("/invitation?key={key}");
        let mut browser = Browser::open(&house.app).await;
        let page = browser.page(&link).await;
        assert!(page.contains("sign in with Example ID") && !page.contains("type=\"password\""), "{page}");
        let form = [("key", key), ("name", "Ann"), ("password", "correct horse")];
        let refused = browser.post("/invitation", &form).await;
        assert!(refused.status == 400 && browser.cookie.is_none(), "{}", text(&refused));
        house.sign_in(&mut browser).await;
        assert!(browser.page("/apps").await.contains("No app yet"));
        assert!(browser.page(&link).await.contains("You have an account here already"));
        assert_eq!(location(&browser.post("/invitation", &[("key", key)]).await), "/sign-in?done=joined");
        assert!(browser.page("/apps").await.contains("Shop"));
    }
}

/// Begins to connect an account; the path of the callback.
async fn leave_to_connect(house: &House, browser: &mut Browser) -> String {
    let csrf = browser.csrf("/account").await;
    let path = format!("/account/identities/connect/{}", house.provider);
    let leave = browser.post(&path, &[("csrf", &csrf)]).await;
    assert_eq!(leave.status, 200, "{}", text(&leave));
    // A page and not a redirect: forms lead to this server only.
    let url =
        after(&text(&leave), "http-equiv=\"refresh\" content=\"0; url=").replace("&#38;", "&");
    house.sent_back(browser, &url).await
}

async fn connect(house: &House, browser: &mut Browser) {
    let back = leave_to_connect(house, browser).await;
    assert_eq!(location(&browser.get(&back).await), "/account?done=connected");
}
