//! From a build to a tester's device: mail over a real conversation, install
//! pages, manifest, and what comes back.

use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use shipmate::db;
use shipmate::distribution;
use shipmate::distribution::links::{self, Pass};
use shipmate::model::app::App as AppRow;
use shipmate::model::build::Outcome;
use shipmate::model::ids::{ArtifactId, BuildId};
use shipmate::model::package::{
    Package, PackageFacts, PackageFormat, Profile, ProfileKind, Signing,
};
use shipmate::model::secret::Secret;
use shipmate::notify::email::Mailer;
use tokio_util::sync::CancellationToken;

use crate::harness::agent::{FakeAgent, artifact_id};
use crate::harness::app::{Person, TestApp};
use crate::harness::eventually;
use crate::harness::mail::{MailServer, Received};
use crate::harness::server::{Answer, TestServer, client};

const FROM: &str = "Shipmate <ci@example.org>";

fn mailed_through(app: TestApp, url: &str) -> TestApp {
    let mailer = Mailer::smtp(&Secret::new(url), FROM).expect("a mailer");
    app.with(|app| app.mailer = mailer)
}

struct Shop {
    app: TestApp,
    ann: Person,
    row: AppRow,
    server: TestServer,
    agent: FakeAgent,
    /// Follows nothing and keeps no cookie.
    browser: reqwest::Client,
}

impl Shop {
    async fn open(app: TestApp, platform: &str) -> Self {
        let ann = app.add_user("ann@example.org").await;
        let row = app.add_app(&ann, "Möbel & Co", "/nonexistent/repo.git").await;
        app.db.run(&format!("UPDATE apps SET platform = '{platform}'")).await;
        let server = TestServer::start(&app.app).await;
        let token = app.add_agent_token("one").await;
        let agent = FakeAgent::new(&server, &token, "one");
        client();
        let browser =
            reqwest::Client::builder().no_proxy().redirect(Policy::none()).build().unwrap();
        Self { app, ann, row, server, agent, browser }
    }

    async fn build(&self, file: &str) -> (BuildId, ArtifactId) {
        self.app.advance(1_000);
        let id = self.app.trigger(&self.row).await;
        let held = self.agent.take(&format!("claim {id}")).await;
        self.agent.commit(&held, &"a1".repeat(20)).await.expect(204);
        let artifact = artifact_id(self.agent.upload(&held, "file", file, b"the package").await);
        self.agent.finish(&held, Outcome::Success, 0).await.expect(204);
        (id, artifact)
    }

    async fn know(&self, artifact: &ArtifactId, facts: PackageFacts) {
        let package = Package {
            artifact_id: artifact.clone(),
            facts: Some(facts),
            error: None,
            icon_key: None,
            created_at: self.app.app.clock.now(),
        };
        let mut tx = self.app.app.db.write().await.unwrap();
        assert!(db::packages::insert(&mut tx, &package).await.unwrap());
        tx.commit().await.unwrap();
    }

    async fn call(&self, method: Method, path: &str, body: Value) -> Answer {
        let url = format!("{}{path}", self.server.url);
        let request = self.browser.request(method, url).bearer_auth(self.ann.token.expose());
        let body = if body.is_null() { String::new() } else { body.to_string() };
        Answer::of(request.header("content-type", "application/json").body(body)).await
    }

    async fn deployments(&self, build: &BuildId) -> Value {
        let path = format!("/v1/builds/{build}/deployments");
        self.call(Method::GET, &path, Value::Null).await.expect(200).json()
    }

    async fn recipient(&self, build: &BuildId) -> Value {
        self.deployments(build).await[0]["recipients"][0].clone()
    }

    /// What somebody without an account sees behind an absolute link of ours.
    async fn visit(&self, url: &str) -> Answer {
        self.browse(self.browser.get(self.here(url))).await
    }

    async fn browse(&self, request: reqwest::RequestBuilder) -> Answer {
        Answer::of(request).await
    }

    /// The same path on the server of this test.
    fn here(&self, url: &str) -> String {
        let path = url.splitn(4, '/').nth(3).expect("an absolute link");
        format!("{}/{path}", self.server.url)
    }
}

fn text(answer: &Answer) -> String {
    String::from_utf8(answer.body.clone()).unwrap()
}

/// The first link of a page or mail that starts so, entities decoded.
fn link(page: &str, start: &str) -> String {
    let at = page.find(start).unwrap_or_else(|| panic!("no {start} in {page}"));
    let end = |c: char| c.is_whitespace() || matches!(c, '"' | '<');
    page[at..].split(end).next().unwrap().replace("&amp;", "&").replace("&#38;", "&")
}

fn facts(format: PackageFormat, kind: Option<ProfileKind>) -> PackageFacts {
    let profile = kind.map(|kind| Profile {
        name: "Team".into(),
        team: "Example".into(),
        team_id: "T".into(),
        kind,
        expires_at: None,
        devices: Vec::new(),
        entitlements: Vec::new(),
    });
    let schemes = if format == PackageFormat::Apk { vec!["v2".into()] } else { Vec::new() };
    PackageFacts {
        format,
        name: "Möbel".into(),
        identifier: "org.example.moebel".into(),
        version_name: "1.4.2".into(),
        version_code: "57".into(),
        min_os: "13.0".into(),
        target_os: String::new(),
        permissions: Vec::new(),
        simulator: false,
        signing: Signing { schemes, certificate: None, profile },
    }
}

fn only(received: &[Received]) -> &Received {
    assert_eq!(received.len(), 1, "{received:#?}");
    &received[0]
}

on_both! {
    async fn a_tester_gets_installs_starts_and_leaves(app: TestApp) {
        let mail = MailServer::start().await;
        let shop = Shop::open(mailed_through(app, &mail.url()), "android").await;
        let (build, artifact) = shop.build("app-release.apk").await;
        shop.know(&artifact, facts(PackageFormat::Apk, None)).await;
        shop.app.run_jobs().await;
        shop.app.run_jobs().await;
        let received = mail.received();
        let got = only(&received);
        assert_eq!((got.from.as_str(), got.to.as_str()), ("ci@example.org", "ann@example.org"));
        assert_eq!(got.header("Subject").unwrap(), "Build #1 of Möbel & Co from main branch is available");
        assert_eq!(got.header("Auto-Submitted").unwrap(), "auto-generated");
        assert_eq!(got.header("List-Unsubscribe-Post").unwrap(), "List-Unsubscribe=One-Click");
        let (plain, html) = (got.part("text/plain"), got.part("text/html"));
        let start = "http://ci.example.org/download/android?buildID=";
        let install = link(&plain, start);
        assert_eq!(link(&html, start), install);
        for part in [&plain, &html] {
            for words in ["Begin", "a1a1a1a1a1", "1.4.2 (57)", "The Team", "/unsubscribe?key="] {
                assert!(part.contains(words), "{words} in {part}");
            }
        }
        assert!(html.contains("Möbel &amp; Co") || html.contains("Möbel &#38; Co"), "{html}");
        assert_eq!(shop.recipient(&build).await["status"], "sent");

        let page = shop.visit(&install).await;
        assert_eq!(page.status, StatusCode::OK);
        let policy = page.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(page.headers["x-content-type-options"], "nosniff");
        let cookie = page.headers["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
        let page = text(&page);
        for words in ["#1", "1.4.2 (57)", "org.example.moebel", "Begin", "ann@example.org", ">Install<", ">Download<"] {
            assert!(page.contains(words), "{words} in {page}");
        }
        assert!(!page.contains("<script") && !page.contains("style="), "{page}");
        let css = link(&page, "/assets/");
        let css = shop.visit(&format!("http://ci.example.org{css}")).await;
        assert!(css.headers["cache-control"].to_str().unwrap().contains("immutable"));
        assert!(shop.recipient(&build).await["opened_at"].is_string());
        assert_eq!(shop.recipient(&build).await["status"], "sent");
        let download = link(&page, "http://ci.example.org/api/download/");
        let head = shop.browse(shop.browser.head(shop.here(&download))).await;
        assert_eq!(head.status, StatusCode::OK);
        assert_eq!(shop.recipient(&build).await["status"], "sent");
        let file = shop.visit(&download).await;
        assert_eq!((file.status, file.body.as_slice()), (StatusCode::OK, b"the package".as_slice()));
        assert_eq!(file.headers["content-type"], "application/vnd.android.package-archive");
        assert_eq!(shop.recipient(&build).await["status"], "downloaded");

        shop.app.advance(1_000);
        let key = install.split("&key=").nth(1).unwrap();
        let form = shop.browser.post(format!("{}/download/failed", shop.server.url));
        let form = form.header("content-type", "application/x-www-form-urlencoded").body(format!("key={key}&text=Says+%22parse+error%22"));
        assert_eq!(shop.browse(form).await.status, StatusCode::OK);
        let state = shop.recipient(&build).await;
        assert_eq!((&state["status"], &state["failure"]), (&json!("install_failed"), &json!("Says \"parse error\"")));
        shop.app.advance(1_000);
        let row = shop.app.build(&build).await;
        let mut tx = shop.app.app.db.write().await.unwrap();
        distribution::launched(&shop.app.app, &mut tx, &row, " Ann@Example.org ").await.unwrap();
        assert_eq!(distribution::newer_for(&shop.app.app, &mut tx, &row, "ann@example.org").await.unwrap(), None);
        tx.commit().await.unwrap();
        assert_eq!(shop.recipient(&build).await["status"], "launched");

        let (next, _) = shop.build("app-release.apk").await;
        shop.app.run_jobs().await;
        let mut tx = shop.app.app.db.write().await.unwrap();
        let newer = distribution::newer_for(&shop.app.app, &mut tx, &row, "ANN@example.org").await.unwrap().unwrap();
        drop(tx);
        assert!(newer.contains(next.as_str()), "{newer}");
        assert!(text(&shop.visit(&newer).await).contains("#2"));

        let identity = format!("{}/download/identity?app_identifier=org.example.moebel", shop.server.url);
        let known = shop.browse(shop.browser.get(&identity).header("cookie", &cookie)).await;
        assert_eq!(known.headers["location"], "bb-org.example.moebel://identity?email=ann@example.org");
        let unknown = shop.browse(shop.browser.get(&identity)).await;
        assert!(unknown.status == StatusCode::OK && text(&unknown).contains("not registered"));
        let forged = shop.browse(shop.browser.get(&identity).header("cookie", cookie.replace("tester~", "tester~x"))).await;
        assert!(text(&forged).contains("not registered"));
        assert_eq!(shop.visit("http://x/download/identity?app_identifier=a%0D%0Ab").await.status, StatusCode::BAD_REQUEST);
        let reset = shop.visit("http://x/reset").await;
        assert!(reset.headers["set-cookie"].to_str().unwrap().contains("Max-Age=0"));

        // Programs that check mail follow links; only the button leaves.
        let leave = link(&plain, "http://ci.example.org/unsubscribe?key=");
        assert_eq!(got.header("List-Unsubscribe").unwrap(), format!("<{leave}>"));
        assert!(text(&shop.visit(&leave).await).contains("Unsubscribe?"));
        let groups = format!("/v1/apps/{}/deployment-groups", shop.row.id);
        let testers = async || shop.call(Method::GET, &groups, Value::Null).await.json::<Value>()[0]["testers"].clone();
        assert_eq!(testers().await, json!(["ann@example.org"]));
        let changed = leave.replace("leave~", "leave~6");
        assert_eq!(shop.browse(shop.browser.post(shop.here(&changed))).await.status, StatusCode::FORBIDDEN);
        for _ in 0..2 {
            let one_click = shop.browser.post(shop.here(&leave)).header("content-type", "application/x-www-form-urlencoded").body("List-Unsubscribe=One-Click");
            assert_eq!(shop.browse(one_click).await.status, StatusCode::OK);
            assert_eq!(testers().await, json!([]));
        }
        shop.build("app-release.apk").await;
        shop.app.run_jobs().await;
        // Two builds, and the failed install that the team was told of.
        assert_eq!(mail.received().len(), 3);
    }

    async fn the_team_is_told_of_an_install_that_failed(app: TestApp) {
        let mail = MailServer::start().await;
        let shop = Shop::open(mailed_through(app, &mail.url()), "android").await;
        let (build, _) = shop.build("app.apk").await;
        shop.app.run_jobs().await;
        let report = async |words: &str| {
            let page = link(&mail.received().last().unwrap().part("text/plain"), "http://ci.example.org/download/");
            let key = page.split("&key=").nth(1).unwrap().to_owned();
            let form = shop.browser.post(format!("{}/download/failed", shop.server.url));
            let form = form.header("content-type", "application/x-www-form-urlencoded");
            let answer = shop.browse(form.body(format!("key={key}&text={words}"))).await;
            assert_eq!(answer.status, StatusCode::OK);
            shop.app.run_jobs().await;
        };
        // It went by itself, so the owner of the organisation is told.
        report("No+%3Cspace%3E").await;
        let received = mail.received();
        assert_eq!(received.len(), 2);
        let told = received.last().unwrap();
        assert_eq!(told.to, "ann@example.org");
        assert_eq!(told.header("Subject").unwrap(), "Build #1 of Möbel & Co does not install");
        let place = format!("http://ci.example.org/apps/{}/build/{build}", shop.row.id);
        for part in [told.part("text/plain"), told.part("text/html")] {
            assert!(part.contains(&place) && part.contains("ann@example.org"), "{part}");
        }
        assert!(told.part("text/plain").contains("No <space>"));
        assert!(!told.part("text/html").contains("<space>"));

        // Sent by hand, it is the sender who is told; once for each recipient.
        let bob = shop.app.add_user("bob@example.org").await;
        let mut tx = shop.app.app.db.write().await.unwrap();
        let full = shipmate::model::account::Access::Full;
        db::accounts::set_app_access(&mut tx, &shop.row.id, &bob.user.id, full).await.unwrap();
        tx.commit().await.unwrap();
        let by_bob = async || {
            let url = format!("{}/v1/builds/{build}/deployments", shop.server.url);
            let request = shop.browser.post(url).bearer_auth(bob.token.expose());
            let order = json!({ "testers": ["tess@example.org"] }).to_string();
            Answer::of(request.header("content-type", "application/json").body(order)).await.expect(201);
            shop.app.run_jobs().await;
        };
        by_bob().await;
        report("").await;
        let received = mail.received();
        assert_eq!((received.len(), received[3].to.as_str()), (4, "bob@example.org"));
        let state = shop.deployments(&build).await;
        assert!(state.to_string().contains("install_failed"), "{state}");

        // Where mail is switched off, it is only recorded.
        let settings = format!("/v1/apps/{}/settings", shop.row.id);
        shop.call(Method::PUT, &settings, json!({ "email_notifications": false })).await.expect(200);
        by_bob().await;
        report("again").await;
        assert_eq!(mail.received().len(), 5);
    }

    async fn mail_waits_for_its_server(app: TestApp) {
        let mail = MailServer::start().await;
        let address = mail.address;
        let shop = Shop::open(mailed_through(app, &mail.url()), "android").await;
        mail.script(&["451 4.3.0 try again later"]);
        let (build, _) = shop.build("app.apk").await;
        shop.app.run_jobs().await;
        let waiting = shop.recipient(&build).await;
        assert_eq!(waiting["status"], "pending");
        assert!(waiting["mail_error"].as_str().unwrap().contains("451"), "{waiting}");
        assert!(mail.received().is_empty());
        // The server goes away altogether; then it is back.
        drop(mail);
        for _ in 0..3 {
            shop.app.advance(60_000);
            shop.app.run_jobs().await;
        }
        assert_eq!(shop.recipient(&build).await["status"], "pending");
        let mail = MailServer::start_at(address).await;
        shop.app.advance(600_000);
        shop.app.run_jobs().await;
        assert_eq!(mail.received().len(), 1);
        let sent = shop.recipient(&build).await;
        assert_eq!((&sent["status"], &sent["mail_error"]), (&json!("sent"), &Value::Null));

        mail.script(&["550 5.1.1 no such user"]);
        let (next, _) = shop.build("app.apk").await;
        shop.app.run_jobs().await;
        let talks = mail.conversations();
        shop.app.advance(600_000);
        shop.app.run_jobs().await;
        assert_eq!(mail.conversations(), talks);
        let refused = shop.recipient(&next).await;
        assert_eq!(refused["status"], "not_sent");
        assert!(refused["mail_error"].as_str().unwrap().contains("no such user"), "{refused}");

        // Reasons that are gone before the mail is written.
        let order = json!({ "testers": ["bob@example.org"], "release_notes": "Look at the basket" });
        let path = format!("/v1/builds/{next}/deployments");
        shop.call(Method::POST, &path, order.clone()).await.expect(201);
        shop.call(Method::PUT, &format!("/v1/builds/{next}/disabled"), json!({ "disabled": true })).await.expect(204);
        shop.app.run_jobs().await;
        assert!(shop.recipient(&next).await["mail_error"].as_str().unwrap().contains("disabled"));
        shop.call(Method::PUT, &format!("/v1/builds/{next}/disabled"), json!({ "disabled": false })).await.expect(204);
        shop.call(Method::POST, &path, order).await.expect(201);
        shop.app.run_jobs().await;
        let received = mail.received();
        let last = received.last().unwrap();
        assert_eq!(last.to, "bob@example.org");
        let plain = last.part("text/plain");
        assert!(plain.contains("Look at the basket") && !plain.contains("nsubscribe"), "{plain}");
        assert_eq!(last.header("List-Unsubscribe"), None);
    }

    async fn ios_installs_from_https_only(app: TestApp) {
        let app = app.with(|app| app.settings.dashboard_url = "https://ci.example.org".into());
        let shop = Shop::open(app, "ios").await;
        let (build, artifact) = shop.build("Moebel.ipa").await;
        let api = async || shop.call(Method::GET, &format!("/v1/builds/{build}"), Value::Null).await.json::<Value>()["links"].clone();
        let links = api().await;
        let install = links["install"][0]["url"].as_str().unwrap().to_owned();
        assert!(install.starts_with("https://ci.example.org/download/ios?buildID="), "{install}");
        assert!(links["download"][0]["url"].as_str().unwrap().contains("/download-ipa?"), "{links}");
        // Without facts, iOS cannot be told what it installs.
        let page = text(&shop.visit(&install).await);
        assert!(!page.contains("itms-services") && page.contains(">Download<"), "{page}");
        assert!(!page.contains("It does not install"), "nobody's link: {page}");
        shop.know(&artifact, facts(PackageFormat::Ipa, Some(ProfileKind::AdHoc))).await;
        let page = text(&shop.visit(&install).await);
        let service = link(&page, "itms-services://");
        let manifest = service.split("url=").nth(1).unwrap();
        let manifest = percent_encoding::percent_decode_str(manifest).decode_utf8().unwrap().into_owned();
        assert!(manifest.starts_with("https://ci.example.org/download/manifest?"), "{manifest}");
        let answer = shop.visit(&manifest).await;
        assert_eq!(answer.headers["content-type"], "application/xml; charset=utf-8");
        let plist = text(&answer);
        for words in ["<key>bundle-identifier</key><string>org.example.moebel</string>", "<key>bundle-version</key><string>1.4.2</string>", "<string>software-package</string>"] {
            assert!(plist.contains(words), "{words} in {plist}");
        }
        assert!(plist.contains("Möbel &amp; Co") || plist.contains("Möbel &#38; Co"), "{plist}");
        let file = link(&plist, "https://ci.example.org/api/download/");
        assert_eq!(shop.visit(&file).await.body, b"the package");

        // Disabled: pages, manifest and files of install pages are closed.
        let switch = format!("/v1/builds/{build}/disabled");
        shop.call(Method::PUT, &switch, json!({ "disabled": true })).await.expect(204);
        assert_eq!(shop.visit(&install).await.status, StatusCode::GONE);
        assert_eq!(shop.visit(&manifest).await.status, StatusCode::NOT_FOUND);
        assert_eq!(shop.visit(&file).await.status, StatusCode::NOT_FOUND);
        assert_eq!(api().await["install"], json!([]));
        shop.call(Method::PUT, &switch, json!({ "disabled": false })).await.expect(204);
        assert_eq!(shop.visit(&install).await.status, StatusCode::OK);

        // Forged, torn, of another build, of another platform, too old.
        let (other, store) = shop.build("Moebel.ipa").await;
        shop.know(&store, facts(PackageFormat::Ipa, Some(ProfileKind::AppStore))).await;
        for bad in [
            install.replace("key=install~", "key=install~0"),
            install.split("&key=").next().unwrap().to_owned(),
            install.replace(build.as_str(), other.as_str()),
            install.replacen(build.as_str(), other.as_str(), 1),
        ] {
            let page = shop.visit(&bad).await;
            assert_eq!(page.status, StatusCode::FORBIDDEN, "{bad}");
            assert!(text(&page).contains("This link does not work"));
        }
        assert_eq!(shop.visit(&install.replace("/ios", "/android")).await.status, StatusCode::NOT_FOUND);
        let pass = Pass { build: other.clone(), recipient: None };
        let key = links::sign(&shop.app.app, &pass);
        let page = text(&shop.visit(&format!("https://x/download/ios?buildID={other}&key={key}")).await);
        assert!(page.contains("App Store only") && !page.contains("itms-services"), "{page}");
        let path = format!("/v1/apps/{}/install-link?branch=main", shop.row.id);
        let branch = shop.call(Method::GET, &path, Value::Null).await.expect(200).json::<Value>();
        let branch = branch["url"].as_str().unwrap().to_owned();
        let key = links::branch_key(&shop.app.app, &shop.row.id);
        let by_hand = format!("https://x/download/ios?appID={}&branch=main&scheme=&key={key}", shop.row.id);
        assert!(text(&shop.visit(&by_hand).await).contains("#2"));
        assert!(text(&shop.visit(&branch).await).contains("#2"));
        assert_eq!(shop.visit(&branch.replace("main", "dev")).await.status, StatusCode::NOT_FOUND);
        assert_eq!(shop.visit(&by_hand.replace(&key, "x")).await.status, StatusCode::FORBIDDEN);
        shop.app.advance(3_600_001);
        assert_eq!(shop.visit(&install).await.status, StatusCode::FORBIDDEN);
        assert_eq!(shop.visit(&file).await.status, StatusCode::NOT_FOUND);
    }

    async fn over_http_the_ios_page_says_what_is_missing(app: TestApp) {
        let shop = Shop::open(app, "ios").await;
        let (build, artifact) = shop.build("Moebel.ipa").await;
        shop.know(&artifact, facts(PackageFormat::Ipa, Some(ProfileKind::Enterprise))).await;
        let links: Value = shop.call(Method::GET, &format!("/v1/builds/{build}"), Value::Null).await.json();
        let page = text(&shop.visit(links["links"]["install"][0]["url"].as_str().unwrap()).await);
        assert!(page.contains("https") && !page.contains("itms-services"), "{page}");
    }

    async fn a_build_of_the_real_agent_reaches_its_group(app: TestApp) {
        let mail = MailServer::start().await;
        let app = mailed_through(app, &mail.url());
        let ann = app.add_user("ann@example.org").await;
        let repo = app.add_repository("repo");
        repo.commit("buddybuild_release_notes.txt", "Zoë made the basket faster.\n", "Note");
        let package = concat!(env!("CARGO_MANIFEST_DIR"), "/crates/formats/fixtures/packages/signed.apk");
        let plan = format!("steps:\n  - name: Pack\n    run: cp '{package}' \"$BUDDYBUILD_PRODUCT_DIR/app.apk\"\n");
        repo.commit("shipmate.yml", &plan, "Add a plan");
        let row = app.add_app(&ann, "Shop", &repo.url()).await;
        let server = TestServer::start(&app.app).await;
        let stop = CancellationToken::new();
        let _agent = stop.clone().drop_guard();
        let config = shipmate::agent::Config {
            server: server.url.clone(),
            token: app.add_agent_token("real").await,
            name: "real".into(),
            slots: 1,
            labels: Vec::new(),
            work_dir: app.dir().join("agent"),
        };
        tokio::spawn(shipmate::agent::serve::serve(config, stop));
        let id = app.trigger(&row).await;
        eventually(Duration::from_secs(60), "the build is finished", async || {
            app.build(&id).await.status.is_finished().then_some(())
        })
        .await;
        app.run_jobs().await;
        let received = mail.received();
        let got = only(&received);
        assert_eq!(got.header("Subject").unwrap(), "Build #1 of Shop from main branch is available");
        assert!(got.part("text/plain").contains("Zoë made the basket faster."));
        assert!(got.part("text/html").contains("Add a plan"));
    }
}
