//! Addresses on the dashboard's origin that need no account: badges, and the
//! build pages of public repositories.

use reqwest::{Method, redirect};

use crate::harness::app::TestApp;
use crate::harness::server::{Answer, TestServer};

async fn get(server: &TestServer, path: &str) -> Answer {
    let client = reqwest::Client::builder().no_proxy().redirect(redirect::Policy::none());
    Answer::of(client.build().unwrap().get(format!("{}{path}", server.url))).await
}

fn text(answer: &Answer) -> String {
    String::from_utf8(answer.body.clone()).unwrap()
}

async fn make_public(app: &TestApp, id: &shipmate::model::ids::AppId) {
    let mut tx = app.app.db.write().await.unwrap();
    shipmate::db::apps::set_public(&mut tx, id, true).await.unwrap();
    tx.commit().await.unwrap();
}

on_both! {
    async fn a_badge_says_how_the_newest_build_stands(app: TestApp) {
        let row = app.add_some_app().await;
        let server = TestServer::start(&app.app).await;
        let path = format!("/api/statusImage?appID={}&build=latest", row.id);
        let shows = async |path: &str, status: u16, word: &str| {
            let answer = get(&server, path).await;
            assert_eq!(answer.status.as_u16(), status, "{path}");
            assert_eq!(answer.headers["content-type"], "image/svg+xml; charset=utf-8");
            assert_eq!(answer.headers["cache-control"], "no-cache");
            assert!(text(&answer).contains(&format!("<title>build: {word}</title>")), "{path}: {}", text(&answer));
            answer
        };
        shows(&path, 200, "unknown").await;
        let build = app.trigger(&row).await;
        let queued = shows(&path, 200, "queued").await;
        insta::assert_snapshot!("badge", text(&queued));
        shows(&format!("{path}&branch=main"), 200, "queued").await;
        shows(&format!("{path}&branch=none"), 200, "unknown").await;
        app.cancel(&build).await;
        shows(&path, 200, "cancelled").await;
        // The default branch, once it is known.
        let mut tx = app.app.db.write().await.unwrap();
        shipmate::db::apps::set_default_branch(&mut tx, &row.id, "trunk").await.unwrap();
        tx.commit().await.unwrap();
        shows(&path, 200, "unknown").await;
        for id in ["", "x", "58b8a3d26e5c4c01002d4a1f"] {
            shows(&format!("/api/statusImage?appID={id}"), 404, "unknown").await;
        }
        let tag = queued.headers["etag"].to_str().unwrap();
        let request = server.client.get(format!("{}{path}&branch=main", server.url));
        let changed = Answer::of(request.header("if-none-match", tag)).await;
        assert_eq!(changed.status, 200);
        let tag = changed.headers["etag"].clone();
        let request = server.client.get(format!("{}{path}&branch=main", server.url));
        assert_eq!(Answer::of(request.header("if-none-match", tag)).await.status, 304);
    }

    async fn only_public_apps_have_public_pages(app: TestApp) {
        let row = app.add_some_app().await;
        let build = app.trigger(&row).await;
        let server = TestServer::start(&app.app).await;
        let public = format!("/public/apps/{}/build/{build}", row.id);
        let leads_there = [
            format!("/apps/{}/build/latest", row.id),
            format!("/apps/{}/build/latest?branch=main", row.id),
            format!("/public/apps/{}/build/latest", row.id),
        ];
        // Nothing tells whether the app exists.
        for (path, unknown) in [
            (&public, "/public/apps/58b8a3d26e5c4c01002d4a1f/build/58b8a3d26e5c4c01002d4a1f"),
            (&leads_there[2], "/public/apps/58b8a3d26e5c4c01002d4a1f/build/latest"),
        ] {
            let (hidden, unknown) = (get(&server, path).await, get(&server, unknown).await);
            assert_eq!((hidden.status.as_u16(), unknown.status.as_u16()), (404, 404), "{path}");
            assert_eq!(hidden.body, unknown.body);
        }
        let shared = format!("/apps/{}/build/{build}", row.id);
        for path in [
            leads_there[0].as_str(),
            "/apps/58b8a3d26e5c4c01002d4a1f/build/latest",
            &shared,
            "/apps/58b8a3d26e5c4c01002d4a1f/build/58b8a3d26e5c4c01002d4a1f",
        ] {
            let asked = get(&server, path).await;
            assert_eq!(asked.status, 303, "{path}");
            assert!(asked.headers["location"].to_str().unwrap().starts_with("/sign-in?next="));
        }
        make_public(&app, &row.id).await;
        for path in &leads_there {
            let answer = get(&server, path).await;
            assert_eq!(answer.status, 303, "{path}");
            assert_eq!(answer.headers["location"], public.as_str());
        }
        let shown = get(&server, &public).await;
        assert_eq!(shown.status, 200);
        assert!(text(&shown).contains("Shop #1"), "{}", text(&shown));
        assert!(shown.headers["content-security-policy"].to_str().unwrap().starts_with("default-src 'none'"));
        // The address of the build itself, as people pass it on; the list of
        // builds stays behind the sign-in.
        assert_eq!(text(&get(&server, &shared).await), text(&shown));
        assert_eq!(get(&server, &format!("/apps/{}", row.id)).await.status, 303);
        let none = get(&server, &format!("/apps/{}/build/latest?branch=none", row.id)).await;
        assert_eq!(none.status, 404);
        // A build under another app, and what is no id at all.
        let other = app.add_user("other@example.org").await;
        let other = app.add_app(&other, "<Other> & \"Co\"", "/nonexistent/other.git").await;
        make_public(&app, &other.id).await;
        for path in [
            format!("/public/apps/{}/build/{build}", other.id),
            format!("/public/apps/{}/build/x", other.id),
            "/public/apps/x/build/latest".into(),
        ] {
            assert_eq!(get(&server, &path).await.status, 404, "{path}");
        }
        let foreign = app.trigger(&other).await;
        let page = text(&get(&server, &format!("/public/apps/{}/build/{foreign}", other.id)).await);
        assert!(!page.contains("<Other>") && page.contains("Other"), "{page}");
    }

    async fn old_links_lead_to_plain_pages(app: TestApp) {
        let server = TestServer::start(&app.app).await;
        for path in [
            "/account/github-migration", "/signup", "/status",
        ] {
            let answer = server.call(Method::GET, path, None, "").await;
            assert_eq!(answer.status, 200, "{path}");
            assert_eq!(answer.headers["content-type"], "text/html; charset=utf-8");
        }
        let jira = "/connect/jira/58b8a3d26e5c4c01002d4a1f/callback/?oauth_token=x";
        let answer = get(&server, jira).await;
        assert_eq!(answer.status, 404);
        assert!(text(&answer).contains("connects to no Jira"), "{}", text(&answer));
        app.app.db.close().await;
        assert_eq!(get(&server, "/status").await.status, 503);
    }
}
