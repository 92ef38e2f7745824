//! The old dashboard's internal API, as a public Android client uses it
//! (api.md 6.2), and what else the dashboard's origin gives to programs.

use serde_json::json;
use shipmate::accounts::sign_in;
use shipmate::model::account::Access;
use shipmate::model::secret::Secret;

use super::*;
use crate::harness::agent::FakeAgent;

const PASSWORD: &str = "correct horse battery";

/// Posts as the client does, and reads its answer, which must be JSON.
async fn login(server: &TestServer, body: &Value) -> (u16, Value) {
    let request = server.client.post(format!("{}/auth/local/login", server.url));
    let request = request.header("content-type", "application/json").body(body.to_string());
    let answer = Answer::of(request).await;
    assert!(answer.headers["content-type"].to_str().unwrap().contains("json"));
    (answer.status.as_u16(), answer.json())
}

fn as_ann(password: &str) -> Value {
    json!({ "email": "ann@example.org", "password": password })
}

async fn set_password(app: &TestApp, person: &Person) {
    let password = Secret::new(PASSWORD);
    sign_in::set_password(&app.app, &person.user.id, &password, None).await.unwrap();
}

on_both! {
    async fn a_phone_signs_in_and_reads(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        set_password(&app, &ann).await;
        let repo = app.add_repository("repo");
        repo.branch("side");
        let row = app.add_app(&ann, "shop", &repo.url()).await;
        let bakery = app.add_app(&ann, "Bakery", &repo.url()).await;
        let mut caller = Caller::new(&app, &ann).await;
        let (status, body) = login(&caller.server, &as_ann(PASSWORD)).await;
        assert_eq!((status, body.as_object().unwrap().len()), (200, 1));
        caller.token = body["token"].as_str().unwrap().to_owned();

        assert_eq!(caller.get_json("/api/apps").await, json!([
            { "_id": bakery.id, "metadata": { "display_name": "Bakery", "platform": "android" } },
            { "_id": row.id, "metadata": { "display_name": "shop", "platform": "android" } },
        ]));
        let branches = caller.get_json(&format!("/api/branches?app_id={}", row.id)).await;
        assert_eq!(branches, json!([{ "branch_name": "main" }, { "branch_name": "side" }]));
        let build = app.trigger(&row).await;
        app.trigger(&row).await;
        let builds = caller.get_json(&format!("/api/builds?app_id={}&branch=main&limit=1", row.id)).await;
        assert_eq!(builds.as_array().unwrap().len(), 1);
        assert_eq!(builds[0]["build_number"], 2);
        let all = caller.get_json(&format!("/api/builds?app_id={}", row.id)).await;
        assert_eq!(all[0], builds[0]);
        assert_eq!(caller.get_json(&format!("/api/builds?app_id={}&branch=side", row.id)).await, json!([]));

        let agent = FakeAgent::new(&caller.server, &app.add_agent_token("a").await, "a");
        let held = agent.take("c1").await;
        agent.log(&held, 0, "one\ntwo – zw").await.expect(200);
        agent.log(&held, 1, "ei\nthree").await.expect(200);
        let log = caller.get_json(&format!("/api/builds/{build}/logs")).await;
        let at = log[0]["timestamp"].as_str().unwrap();
        assert!(at.ends_with('Z') && at.len() == 24, "{at}");
        let lines: Vec<_> = log.as_array().unwrap().iter()
            .map(|line| (line["level"].as_str().unwrap(), line["message"].as_str().unwrap()))
            .filter(|(level, _)| *level == "ci")
            .collect();
        assert_eq!(lines, [("ci", "one"), ("ci", "two – zwei"), ("ci", "three")]);

        // What is not given, not theirs, or malformed.
        caller.get("/api/builds").await.expect(400);
        caller.get(&format!("/api/builds?app_id={}&limit=0", row.id)).await.expect(400);
        caller.get("/api/branches?app_id=x").await.expect(404);
        caller.get("/api/builds/x/logs").await.expect(404);
        let eve = Caller::new(&app, &app.add_user("eve@example.org").await).await;
        assert_eq!(eve.get_json("/api/apps").await, json!([]));
        let (of_app, of_build) = (row.id.as_str(), build.as_str());
        for path in [
            format!("/api/branches?app_id={of_app}"),
            format!("/api/builds?app_id={of_app}"),
            format!("/api/builds/{of_build}/logs"),
        ] {
            eve.get(&path).await.expect(404);
            for (token, says) in [(None, "No authorization token was found"), (Some("sms_x"), "Invalid authorization token")] {
                let refused = caller.server.call(Method::GET, &path, token, "").await.expect(401);
                assert_eq!(refused.error(), says);
            }
        }
        // A session's token opens nothing under `/v1`.
        caller.get("/v1/apps").await.expect(401);
    }

    async fn a_phone_is_told_why_it_may_not_sign_in(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        set_password(&app, &ann).await;
        let server = TestServer::start(&app.app).await;
        let says = |body: &Value, words: &str| {
            let message = body["message"].as_str().unwrap().to_lowercase();
            assert!(message.contains(words), "{message}");
        };
        let (status, body) = login(&server, &json!({ "email": "bob@example.org", "password": "x" })).await;
        assert_eq!(status, 401);
        says(&body, "unknown email address");
        let (status, body) = login(&server, &json!({})).await;
        assert_eq!(status, 401);
        says(&body, "unknown email address");
        for _ in 0..4 {
            let (status, body) = login(&server, &as_ann("wrong")).await;
            assert_eq!(status, 401);
            says(&body, "email and password you entered do not match");
            assert!(body.get("throttle_login").is_none());
        }
        let (status, body) = login(&server, &as_ann(PASSWORD)).await;
        assert_eq!((status, &body["throttle_login"]), (401, &json!(true)));
        says(&body, "throttle limit for login");
        app.advance(11 * 60_000);
        assert_eq!(login(&server, &as_ann(PASSWORD)).await.0, 200);
    }

    async fn a_browser_downloads_with_its_cookie(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        set_password(&app, &ann).await;
        let row = app.add_app(&ann, "Shop", "/nonexistent/repo.git").await;
        let build = app.trigger(&row).await;
        let caller = Caller::new(&app, &ann).await;
        let agent = FakeAgent::new(&caller.server, &app.add_agent_token("a").await, "a");
        let held = agent.take("c1").await;
        agent.upload(&held, "u1", "out/Shop.ipa", b"package").await.expect(200);
        agent.finish(&held, shipmate::model::build::Outcome::Success, 0).await.expect(204);
        let (_, body) = login(&caller.server, &as_ann(PASSWORD)).await;
        let session = body["token"].as_str().unwrap();
        let download = async |cookie: &str| {
            let path = format!("/api/download/download-ipa?buildID={build}");
            let request = caller.server.client.get(format!("{}{path}", caller.server.url));
            Answer::of(request.header("cookie", cookie)).await
        };
        let got = download(&format!("a=b; shipmate_session={session}")).await.expect(200);
        assert_eq!(got.body, b"package");
        assert!(got.headers["content-disposition"].to_str().unwrap().starts_with("attachment"));
        download("shipmate_session=sms_forged").await.expect(401);
        download("").await.expect(401);
        // Without a session: the bearer token of a member, but of no stranger.
        caller.get(&format!("/api/download/download-ipa?buildID={build}")).await.expect(200);
        let bob = app.add_user("bob@example.org").await;
        let stranger = Caller::new(&app, &bob).await;
        stranger.get(&format!("/api/download/download-ipa?buildID={build}")).await.expect(404);
        let mut tx = app.app.db.write().await.unwrap();
        shipmate::db::accounts::set_app_access(&mut tx, &row.id, &bob.user.id, Access::Read).await.unwrap();
        tx.commit().await.unwrap();
        stranger.get(&format!("/api/download/download-ipa?buildID={build}")).await.expect(200);
        caller.get(&format!("/api/download/download-ipa?buildID={}", row.id)).await.expect(404);
    }
}
