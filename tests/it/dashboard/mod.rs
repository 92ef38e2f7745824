//! The pages as a browser gets them, without a browser: cookies, forms, status
//! codes, and what must never be in the HTML as markup.

use reqwest::{Client, Method};
use shipmate::accounts::sign_in;
use shipmate::model::secret::Secret;

use crate::harness::agent::FakeAgent;
use crate::harness::app::{Person, TestApp};
use crate::harness::server::{Answer, TestServer};

mod accounts;
mod builds;
mod connections;
mod deliveries;
mod groups;
mod install;
mod new_app;
mod operations;
mod settings;
mod sources;
mod sso;
mod status;
mod statuses;
mod symbols;

/// A browser: keeps the cookie, follows nothing.
struct Browser {
    server: TestServer,
    client: Client,
    cookie: Option<String>,
    /// Of a sign-in that is under way.
    flow: Option<String>,
}

impl Browser {
    async fn open(app: &TestApp) -> Self {
        let server = TestServer::start(&app.app).await;
        let client = Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        Self { server, client, cookie: None, flow: None }
    }

    async fn send(&mut self, method: Method, path: &str, form: Option<&[(&str, &str)]>) -> Answer {
        let mut request = self.client.request(method, format!("{}{path}", self.server.url));
        let cookies: Vec<&str> =
            [&self.cookie, &self.flow].into_iter().flatten().map(String::as_str).collect();
        if !cookies.is_empty() {
            request = request.header("cookie", cookies.join("; "));
        }
        if let Some(form) = form {
            let body: String =
                form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
            request =
                request.header("content-type", "application/x-www-form-urlencoded").body(body);
        }
        let answer = Answer::of(request).await;
        for cookie in answer.headers.get_all("set-cookie") {
            let cookie = cookie.to_str().unwrap();
            assert!(cookie.contains("HttpOnly; SameSite=Lax"), "{cookie}");
            let value = cookie.split(';').next().unwrap().to_owned();
            let kept = if value.starts_with("shipmate_sign_in=") {
                &mut self.flow
            } else {
                &mut self.cookie
            };
            *kept = Some(value).filter(|_| {
                !cookie.contains("Max-Age=0") || !cookie.starts_with("shipmate_sign_in=")
            });
        }
        answer
    }

    async fn get(&mut self, path: &str) -> Answer {
        self.send(Method::GET, path, None).await
    }

    /// The HTML of a page, which always has our headers.
    async fn page(&mut self, path: &str) -> String {
        let answer = self.get(path).await;
        assert_eq!(answer.status, 200, "{path}");
        let policy = answer.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none';") && !policy.contains("unsafe"));
        assert_eq!(answer.headers["x-content-type-options"], "nosniff");
        assert_eq!(answer.headers["cache-control"], "no-store");
        text(&answer)
    }

    async fn post(&mut self, path: &str, form: &[(&str, &str)]) -> Answer {
        self.send(Method::POST, path, Some(form)).await
    }

    async fn post_all(&mut self, path: &str, form: &[(&str, String)]) -> Answer {
        let form: Vec<_> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.post(path, &form).await
    }

    /// Signs in with an access token, as on the first day.
    async fn sign_in(&mut self, person: &Person) {
        let answer = self.post("/sign-in/token", &[("token", person.token.expose())]).await;
        assert_eq!(answer.status, 303);
    }

    /// The proof that goes with every form of this page.
    async fn csrf(&mut self, path: &str) -> String {
        let page = self.page(path).await;
        let start = page.find("name=\"csrf\" value=\"").expect("a form") + 19;
        page[start..].split('"').next().unwrap().to_owned()
    }
}

/// The value that follows `before` up to the next quote or tag.
fn after<'a>(page: &'a str, before: &str) -> &'a str {
    let start = page.find(before).unwrap_or_else(|| panic!("no {before} in {page}"));
    page[start + before.len()..].split(['"', '<']).next().unwrap()
}

fn text(answer: &Answer) -> String {
    String::from_utf8(answer.body.clone()).unwrap()
}

fn location(answer: &Answer) -> &str {
    assert_eq!(answer.status, 303, "{}", text(answer));
    answer.headers["location"].to_str().unwrap()
}

on_both! {
    async fn strangers_are_sent_to_the_sign_in_page_and_back(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        sign_in::set_password(&app.app, &ann.user.id, &Secret::new("correct horse"), None).await.unwrap();
        let mut browser = Browser::open(&app).await;
        let away = browser.get("/apps?sort=name").await;
        assert_eq!(location(&away), "/sign-in?next=%2Fapps%3Fsort%3Dname");
        let page = browser.page("/sign-in?next=%2Fapps%3Fsort%3Dname").await;
        assert!(page.contains(r#"name="next" value="/apps?sort=name""#), "{page}");
        for (email, password, says) in [
            ("bob@example.org", "correct horse", "Unknown email address"),
            ("ann@example.org", "wrong", "email and password you entered do not match"),
        ] {
            let answer = browser.post("/sign-in", &[("email", email), ("password", password)]).await;
            assert_eq!(answer.status, 401);
            assert!(text(&answer).contains(says), "{}", text(&answer));
        }
        let form = [("email", "ann@example.org"), ("password", "correct horse"), ("next", "//evil.example")];
        assert_eq!(location(&browser.post("/sign-in", &form).await), "/");
        assert!(browser.page("/apps").await.contains("No app yet"));
        let csrf = browser.csrf("/account").await;
        assert_eq!(browser.post("/sign-out", &[("csrf", "forged")]).await.status, 400);
        assert_eq!(location(&browser.post("/sign-out", &[("csrf", &csrf)]).await), "/sign-in?done=out");
        assert_eq!(location(&browser.get("/account").await), "/sign-in?next=%2Faccount");
    }

    async fn five_wrong_passwords_close_the_door(app: TestApp) {
        app.add_user("ann@example.org").await;
        let mut browser = Browser::open(&app).await;
        let form = [("email", "ann@example.org"), ("password", "wrong")];
        for _ in 0..5 {
            browser.post("/sign-in", &form).await;
        }
        let answer = browser.post("/sign-in", &form).await;
        assert!(text(&answer).contains("Throttle limit for login"), "{}", text(&answer));
    }

    async fn only_a_full_token_opens_a_session(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let mut tx = app.app.db.write().await.unwrap();
        let new = shipmate::accounts::tokens::NewToken {
            name: "wall",
            scope: shipmate::model::account::Scope::Read,
            expires_at: None,
        };
        let (_, narrow) = shipmate::accounts::tokens::issue_named(&mut tx, &ann.user.id, &new, app.app.clock.now()).await.unwrap();
        tx.commit().await.unwrap();
        let mut browser = Browser::open(&app).await;
        for token in ["", "smp_wrong", narrow.expose()] {
            let answer = browser.post("/sign-in/token", &[("token", token)]).await;
            assert_eq!(answer.status, 401);
        }
        browser.sign_in(&ann).await;
        let page = browser.page("/account/access-token").await;
        assert!(page.contains("wall") && page.contains("Rotate"), "{page}");
    }

    async fn a_rotated_token_replaces_the_old_one(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let mut browser = Browser::open(&app).await;
        browser.sign_in(&ann).await;
        let csrf = browser.csrf("/account/access-token").await;
        assert_eq!(browser.post("/account/access-token", &[]).await.status, 400);
        let answer = browser.post("/account/access-token", &[("csrf", &csrf)]).await;
        let page = text(&answer);
        let start = page.find("smp_").unwrap();
        let fresh = page[start..].split('<').next().unwrap();
        let call = |token: String| {
            let request = browser.client.get(format!("{}/v1/apps", browser.server.url));
            Answer::of(request.bearer_auth(token))
        };
        call(fresh.to_owned()).await.expect(200);
        call(ann.token.expose().to_owned()).await.expect(401);
        assert!(!browser.page("/account/access-token").await.contains(fresh));
    }

    async fn builds_are_started_watched_and_cancelled(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let repo = app.add_repository("repo");
        repo.commit("a.txt", "a\n", "Begin");
        let row = app.add_app(&ann, "Shop <&>", &repo.url()).await;
        let mut browser = Browser::open(&app).await;
        browser.sign_in(&ann).await;
        assert!(browser.page("/apps").await.contains("Never built"));
        let path = format!("/apps/{}", row.id);
        let page = browser.page(&path).await;
        assert!(page.contains("Shop &#60;&#38;&#62;") && page.contains("No builds"), "{page}");
        let csrf = browser.csrf(&path).await;
        let started = browser.post(&format!("{path}/builds"), &[("csrf", &csrf), ("branch", "")]).await;
        let place = location(&started).to_owned();
        let missing = browser.post(&format!("{path}/builds"), &[("csrf", &csrf), ("branch", "nope")]).await;
        assert_eq!(missing.status, 404);

        let token = app.add_agent_token("a").await;
        let agent = FakeAgent::new(&browser.server, &token, "a");
        let held = agent.take("c1").await;
        agent.log(&held, 0, "\u{1b}[31m<script>alert(1)</script>\u{1b}[0m\n").await.expect(200);
        let page = browser.page(&format!("{place}/log")).await;
        assert!(page.contains("<span class=\"af1\">&#60;script&#62;alert(1)&#60;/script&#62;</span>"), "{page}");
        assert!(browser.page(&place).await.contains("Build now"));
        let whole = browser.get(&format!("{place}/log.txt")).await;
        assert!(text(&whole).contains("\u{1b}[31m<script>"));

        let cancel = format!("{place}/cancel");
        assert_eq!(browser.post(&cancel, &[("csrf", "")]).await.status, 400);
        let csrf = browser.csrf(&place).await;
        assert_eq!(location(&browser.post(&cancel, &[("csrf", &csrf)]).await), place);
        assert!(browser.page(&place).await.contains("pill cancelled"));
        let listed = browser.page(&format!("{path}?status=cancelled&branch=main")).await;
        assert!(listed.contains("#1") && listed.contains("selected"), "{listed}");
        assert!(browser.page(&format!("{path}?status=queued")).await.contains("None matches"));
    }

    async fn what_is_not_yours_does_not_exist(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let eve = app.add_user("eve@example.org").await;
        let row = app.add_app(&ann, "Shop", "https://git.example.org/o/shop.git").await;
        let other = app.add_app(&ann, "Other", "https://git.example.org/o/other.git").await;
        let id = app.trigger(&row).await;
        let mut browser = Browser::open(&app).await;
        browser.sign_in(&eve).await;
        for path in [format!("/apps/{}", row.id), format!("/apps/{}/build/{id}", row.id), "/apps/zz".into()] {
            let answer = browser.get(&path).await;
            assert_eq!(answer.status, 404, "{path}");
            assert!(text(&answer).contains("Nothing here"));
        }
        browser.sign_in(&ann).await;
        assert_eq!(browser.get(&format!("/apps/{}/build/{id}", row.id)).await.status, 200);
        for wrong in ["", "/log", "/log.txt", "/log/lines", "/log/follow", "/tests", "/coverage", "/artifacts", "/deploy", "/feedback", "/crashes"] {
            let path = format!("/apps/{}/build/{id}{wrong}", other.id);
            assert_eq!(browser.get(&path).await.status, 404, "{path}");
        }
        // Members who may only read see no buttons, and their forms do nothing.
        let mut tx = app.app.db.write().await.unwrap();
        let read = shipmate::model::account::Access::Read;
        shipmate::db::accounts::set_app_access(&mut tx, &row.id, &eve.user.id, read).await.unwrap();
        tx.commit().await.unwrap();
        browser.sign_in(&eve).await;
        let place = format!("/apps/{}/build/{id}", row.id);
        assert!(!browser.page(&place).await.contains("Cancel the build"));
        let csrf = browser.csrf("/account").await;
        assert_eq!(browser.post(&format!("{place}/cancel"), &[("csrf", &csrf)]).await.status, 403);
    }

    async fn a_wrong_address_gets_a_page_and_a_wrong_call_an_error(app: TestApp) {
        let browser = Browser::open(&app).await;
        for (path, accept, is_page) in [
            ("/nothing/here", "text/html,*/*;q=0.8", true),
            ("/nothing/here", "*/*", false),
            ("/api/nothing", "text/html", false),
        ] {
            let url = format!("{}{path}", browser.server.url);
            let answer = Answer::of(browser.client.get(url).header("accept", accept)).await;
            assert_eq!(answer.status, 404, "{path}");
            assert_eq!(text(&answer).contains("Nothing here"), is_page, "{path} for {accept}");
            if !is_page {
                answer.error();
            }
        }
    }

    async fn assets_are_kept_for_ever(app: TestApp) {
        let mut browser = Browser::open(&app).await;
        let page = browser.page("/sign-in").await;
        let start = page.find("/assets/").unwrap();
        let path = page[start..].split('"').next().unwrap().to_owned();
        let asset = browser.get(&path).await;
        assert_eq!(asset.status, 200);
        assert_eq!(asset.headers["cache-control"], "public, max-age=31536000, immutable");
        browser.get("/assets/0000000000000000-app.css").await.expect(404);
    }
}
