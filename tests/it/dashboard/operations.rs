//! The pages of administrators: closed to others, true to what the API and the
//! agents did, and their buttons do what they say.

use shipmate::db;
use shipmate::model::agent::{Finding, FindingState};
use shipmate::model::build::Outcome;
use shipmate::model::ids::StatusId;
use shipmate::model::package::{
    Certificate, Package, PackageFacts, PackageFormat, Profile, ProfileKind, Signing,
};
use shipmate::model::secret::Secret;
use shipmate::model::status::{CommitStatus, SendOutcome, StatusState};
use shipmate::notify::email::Mailer;

use super::{Browser, location, text};
use crate::harness::agent::{FakeAgent, artifact_id};
use crate::harness::app::TestApp;
use crate::harness::mail::MailServer;

const PAGES: [&str; 7] =
    ["", "/incoming", "/outgoing", "/activity", "/storage", "/signing", "/incidents"];

fn facts(name: &str, expires_in_days: i64) -> PackageFacts {
    let expires_at = Some(shipmate::model::time::Millis(
        crate::harness::app::START + expires_in_days * 86_400_000,
    ));
    let profile = Profile {
        name: name.into(),
        team: "Example".into(),
        team_id: "T".into(),
        kind: ProfileKind::AdHoc,
        expires_at,
        devices: vec!["u1".into(), "u2".into()],
        entitlements: Vec::new(),
    };
    let certificate =
        Certificate { subject: "CN=Ann".into(), sha256: "ab".repeat(32), expires_at: None };
    PackageFacts {
        format: PackageFormat::Ipa,
        name: String::new(),
        identifier: String::new(),
        version_name: String::new(),
        version_code: String::new(),
        min_os: String::new(),
        target_os: String::new(),
        permissions: Vec::new(),
        simulator: false,
        signing: Signing {
            schemes: Vec::new(),
            certificate: Some(certificate),
            profile: Some(profile),
        },
    }
}

fn finding(subject: &str, state: FindingState, says: &str) -> Finding {
    Finding { subject: subject.into(), state, says: says.into() }
}

on_both! {
    async fn what_agents_found_is_shown(app: TestApp) {
        let root = app.add_admin("root@example.org").await;
        let mut browser = Browser::open(&app).await;
        browser.sign_in(&root).await;
        let agent = FakeAgent::new(&browser.server, &app.add_agent_token("rack").await, "mac-1");
        let good = finding("git", FindingState::Good, "git version 9.9");
        let bad = finding("disk", FindingState::Bad, "<b>0.1 GiB free</b>");
        // Before it has ever asked for work.
        agent.examination(vec![good.clone(), bad]).await.expect(204);
        assert!(agent.claim("c1", 0).await.is_none());
        let page = browser.page("/operations").await;
        let at = |what: &str| page.find(what).unwrap_or_else(|| panic!("{what} is not in:\n{page}"));
        assert!(at("builds will fail there") < at("&#60;b&#62;0.1 GiB free"), "{page}");
        assert!(at("0.1 GiB free") < at("git version 9.9"), "what is bad comes first:\n{page}");
        agent.examination(vec![good.clone()]).await.expect(204);
        let page = browser.page("/operations").await;
        assert!(!page.contains("builds will fail there") && page.contains("git version 9.9"), "{page}");
        for wrong in [vec![good; 65], vec![finding("git", FindingState::Good, &"x".repeat(1_001))]] {
            let refused = agent.examination(wrong).await.expect(400);
            assert!(refused.error().contains("findings"), "{}", refused.error());
        }
    }

    async fn only_administrators_come_in(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let row = app.add_app(&ann, "Shop", "https://git.example.org/o/shop.git").await;
        let root = app.add_admin("root@example.org").await;
        let mut browser = Browser::open(&app).await;
        for page in PAGES {
            assert!(location(&browser.get(&format!("/operations{page}")).await).starts_with("/sign-in?"));
        }
        browser.sign_in(&ann).await;
        assert!(!browser.page("/apps").await.contains("/operations"));
        for page in PAGES {
            assert_eq!(browser.get(&format!("/operations{page}")).await.status, 403, "{page}");
        }
        let csrf = browser.csrf("/account").await;
        let id = row.id.as_str();
        for act in [format!("outgoing/statuses/{id}/retry"), format!("outgoing/mails/{id}/retry"), format!("outgoing/jobs/{id}/retry"), "incidents".into(), format!("incidents/{id}")] {
            let form = [("csrf", csrf.as_str()), ("title", "x"), ("text", "x"), ("state", "resolved")];
            assert_eq!(browser.post(&format!("/operations/{act}"), &form).await.status, 403, "{act}");
        }
        browser.sign_in(&root).await;
        assert!(browser.page("/apps").await.contains(r#"href="/operations""#));
        // Empty states say what to do.
        for (page, says) in PAGES.into_iter().zip(["shipmate agent --server", "Nothing was delivered", "Statuses are sent once", "", "Nothing is stored yet", "Nothing signed is known", "no incident in the last two weeks"]) {
            let html = browser.page(&format!("/operations{page}")).await;
            assert!(html.contains(says) && html.contains(r#"aria-current="page""#), "{page}: {html}");
        }
        // Forms from elsewhere do nothing.
        assert_eq!(browser.post("/operations/incidents", &[("title", "x"), ("text", "x")]).await.status, 400);
    }

    async fn machines_and_the_queue_are_shown_with_reasons(app: TestApp) {
        let root = app.add_admin("root@example.org").await;
        let row = app.add_app(&root, "Shop <&>", "https://git.example.org/o/shop.git").await;
        let mut browser = Browser::open(&app).await;
        browser.sign_in(&root).await;
        app.trigger(&row).await;
        let page = browser.page("/operations").await;
        assert!(page.contains("no agent is connected") && page.contains("1 waiting, 0 running"), "{page}");
        assert!(page.contains("Shop &#60;&#38;&#62; #1") && page.contains("iOS apps cannot be installed"), "{page}");
        let token = app.add_agent_token("rack").await;
        let agent = FakeAgent::new(&browser.server, &token, "<mac>");
        let held = agent.take("c1").await;
        app.trigger(&row).await;
        app.advance(1_000);
        let page = browser.page("/operations").await;
        for says in ["&#60;mac&#62;", "token rack", "online, busy", "1 of 2", "os=linux", "1.0.0", "differs from the server", "1 waiting, 1 running", "waiting for an agent: next in line", "for 1 s"] {
            assert!(page.contains(says), "{says} in {page}");
        }
        agent.finish(&held, Outcome::Success, 0).await.expect(204);
        app.advance(200_000);
        let page = browser.page("/operations").await;
        assert!(page.contains("offline") && page.contains("0 of 2"), "{page}");
    }

    async fn what_was_not_sent_can_be_tried_again(app: TestApp) {
        let mail = MailServer::start().await;
        let mailer = Mailer::smtp(&Secret::new(mail.url()), "Shipmate <ci@example.org>").unwrap();
        let app = app.with(|app| app.mailer = mailer);
        let root = app.add_admin("root@example.org").await;
        let row = app.add_app(&root, "Shop", "/nonexistent/repo.git").await;
        let mut browser = Browser::open(&app).await;
        browser.sign_in(&root).await;
        let token = app.add_agent_token("one").await;
        let agent = FakeAgent::new(&browser.server, &token, "one");
        let build = app.trigger(&row).await;
        let held = agent.take("c1").await;
        agent.commit(&held, &"a1".repeat(20)).await.expect(204);
        let artifact = artifact_id(agent.upload(&held, "file", "app.apk", b"the package").await);
        agent.finish(&held, Outcome::Success, 0).await.expect(204);
        mail.script(&["550 5.1.1 <b>no such user</b>"]);
        app.run_jobs().await;
        assert!(mail.received().is_empty());
        let page = browser.page("/operations/outgoing?state=failed").await;
        assert!(page.contains("&#60;b&#62;no such user") && page.contains("root@example.org"), "{page}");
        let start = page.find("/operations/outgoing/mails/").unwrap();
        let retry = page[start..].split('"').next().unwrap().to_owned();
        let csrf = browser.csrf("/operations/outgoing?state=failed").await;
        assert_eq!(browser.post(&retry, &[]).await.status, 400);
        let done = browser.post(&retry, &[("csrf", &csrf)]).await;
        assert!(browser.page(location(&done)).await.contains("tried again now"));
        app.run_jobs().await;
        assert_eq!(mail.received().len(), 1);
        let again = browser.post(&retry, &[("csrf", &csrf)]).await;
        assert_eq!(again.status, 409);
        assert!(text(&again).contains("sent already"), "{}", text(&again));

        // A status that was given up, unless a later one was told.
        let mut tx = app.app.db.write().await.unwrap();
        let now = app.app.clock.now();
        let status = |state| CommitStatus {
            id: StatusId::generate(now),
            app_id: row.id.clone(),
            build_id: build.clone(),
            sha: "a1".repeat(20),
            state,
            description: "Build #1".into(),
            created_at: now,
            outcome: None,
            tries: 1,
            next_try_at: now,
            sent_at: None,
            last_error: None,
        };
        let (first, second) = (status(StatusState::Pending), status(StatusState::Success));
        for one in [&first, &second] {
            db::statuses::insert(&mut tx, one).await.unwrap();
            db::statuses::settle(&mut tx, &one.id, SendOutcome::Failed, now, Some("401 <i>")).await.unwrap();
        }
        tx.commit().await.unwrap();
        let page = browser.page("/operations/outgoing").await;
        assert!(page.contains("401 &#60;i&#62;") && page.contains("pending of a1a1a1a1"), "{page}");
        let retry = |id: &StatusId| format!("/operations/outgoing/statuses/{id}/retry");
        location(&browser.post(&retry(&second.id), &[("csrf", &csrf)]).await);
        let page = browser.page("/operations/outgoing?state=waiting").await;
        assert!(page.contains("success of a1a1a1a1") && page.contains("send status") && !page.contains("pending of"), "{page}");
        let start = page.find("/operations/outgoing/jobs/").unwrap();
        let job = page[start..].split('"').next().unwrap().to_owned();
        location(&browser.post(&job, &[("csrf", &csrf)]).await);
        let mut tx = app.app.db.write().await.unwrap();
        db::statuses::settle(&mut tx, &second.id, SendOutcome::Sent, now, None).await.unwrap();
        tx.commit().await.unwrap();
        let overtaken = browser.post(&retry(&first.id), &[("csrf", &csrf)]).await;
        assert!(overtaken.status == 409 && text(&overtaken).contains("newer"), "{}", text(&overtaken));

        // The same files fill storage, and each retry is in the activity log.
        let page = browser.page("/operations/storage").await;
        assert!(page.contains("11 B") && page.contains("<meter") && page.contains(">Shop<"), "{page}");
        let page = browser.page("/operations/activity?action=mail.&who=ROOT@example.org").await;
        assert!(page.contains("mail.retry") && !page.contains("status.retry"), "{page}");
        assert!(browser.page("/operations/activity?who=nobody@example.org").await.contains("None matches"));
        assert_eq!(browser.get("/operations/activity?app=zz").await.status, 400);

        let mut tx = app.app.db.write().await.unwrap();
        let package = Package { artifact_id: artifact, facts: Some(facts("Team <1>", 12)), error: None, icon_key: None, created_at: now };
        assert!(db::packages::insert(&mut tx, &package).await.unwrap());
        tx.commit().await.unwrap();
        let page = browser.page("/operations/signing").await;
        for says in ["Team &#60;1&#62; (Example)", "ad hoc profile", "soon", "in 12 days", "2024-03-21", "CN=Ann", "Shop #1"] {
            assert!(page.contains(says), "{says} in {page}");
        }
    }

    async fn activity_is_paged(app: TestApp) {
        let root = app.add_admin("root@example.org").await;
        let row = app.add_app(&root, "Shop", "https://git.example.org/o/shop.git").await;
        let mut tx = app.app.db.write().await.unwrap();
        for number in 0..51 {
            let subject = format!("number {number} <u>");
            let change = shipmate::accounts::audit::Change::of_app(&row, "app.rename", &subject);
            app.advance(1);
            shipmate::accounts::audit::record_system(&mut tx, change, app.app.clock.now()).await.unwrap();
        }
        tx.commit().await.unwrap();
        let mut browser = Browser::open(&app).await;
        browser.sign_in(&root).await;
        let page = browser.page(&format!("/operations/activity?action=app.&app={}", row.id)).await;
        assert!(page.contains("number 50 &#60;u&#62;") && !page.contains("number 0 "), "{page}");
        let start = page.find("/operations/activity?action=app.").unwrap();
        let older = page[start..].split('"').next().unwrap().replace("&#38;", "&");
        let page = browser.page(&older).await;
        assert!(page.contains("number 0 ") && !page.contains("Older entries"), "{page}");
    }
}
