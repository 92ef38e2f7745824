//! What every call has: entity tags, a rate limit, keys for repeating a call.

use std::sync::atomic::{AtomicUsize, Ordering};

use reqwest::header::HeaderMap;
use serde_json::json;

use super::*;

const DAY_MS: i64 = 24 * 3_600_000;

async fn keyed(caller: &Caller, key: &str, path: &str, body: &str) -> Answer {
    let request = caller.server.client.post(format!("{}{path}", caller.server.url));
    let request = request.bearer_auth(&caller.token).header("idempotency-key", key);
    let request =
        if body.is_empty() { request } else { request.header("content-type", "application/json") };
    Answer::of(request.body(body.to_owned())).await
}

async fn get_if_changed(caller: &Caller, path: &str, tag: &str) -> Answer {
    let request = caller.server.client.get(format!("{}{path}", caller.server.url));
    Answer::of(request.bearer_auth(&caller.token).header("if-none-match", tag)).await
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).map_or("", |value| value.to_str().unwrap())
}

on_both! {
    async fn an_unchanged_answer_is_short(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let row = app.add_app(&ann, "Shop", "/nonexistent/repo.git").await;
        let build = app.trigger(&row).await;
        let caller = Caller::new(&app, &ann).await;
        for path in ["/v1/apps".to_owned(), format!("/v1/builds/{build}"), format!("/v1/apps/{}/builds", row.id)] {
            let first = caller.get(&path).await.expect(200);
            let tag = text(&first.headers, "etag").to_owned();
            assert!(tag.starts_with('"') && tag.ends_with('"') && tag.len() > 20, "{path}: {tag}");
            let second = get_if_changed(&caller, &path, &tag).await.expect(304);
            assert!(second.body.is_empty());
            assert_eq!(text(&second.headers, "etag"), tag);
            assert!(second.headers.get("content-type").is_none());
            get_if_changed(&caller, &path, "\"other\"").await.expect(200);
            let head = caller.server.call(Method::HEAD, &path, Some(&caller.token), "").await.expect(200);
            assert_eq!(text(&head.headers, "etag"), tag);
        }
        let path = format!("/v1/builds/{build}");
        let tag = text(&caller.get(&path).await.headers, "etag").to_owned();
        app.cancel(&build).await;
        get_if_changed(&caller, &path, &tag).await.expect(200);
        // Only what was read has a tag.
        let made = caller.post("/v1/organisations", "application/json", r#"{"name": "x"}"#).await.expect(201);
        assert!(made.headers.get("etag").is_none());
        let changed = caller.put(&format!("/v1/apps/{}", row.id), "{}").await.expect(200);
        assert!(changed.headers.get("etag").is_none());
        assert!(get_if_changed(&caller, "/v1/builds/none", "*").await.expect(404).headers.get("etag").is_none());
    }

    async fn the_rate_limit_counts_by_token(app: TestApp) {
        let app = app.with_settings(|settings| settings.requests_per_minute = 3).await;
        let ann = app.add_user("ann@example.org").await;
        let bob = app.add_user("bob@example.org").await;
        let caller = Caller::new(&app, &ann).await;
        for left in [2, 1, 0] {
            let answer = caller.get("/v1/nothing").await.expect(404);
            assert_eq!(text(&answer.headers, "ratelimit"), format!("\"token\";r={left};t=60"));
            assert_eq!(text(&answer.headers, "ratelimit-policy"), "\"token\";q=3;w=60");
        }
        app.advance(15_000);
        let refused = caller.get("/v1/apps").await.expect(429);
        assert_eq!(text(&refused.headers, "retry-after"), "45");
        assert_eq!(text(&refused.headers, "ratelimit"), "\"token\";r=0;t=45");
        assert_eq!(refused.error(), "Too Many Requests");
        caller.server.call(Method::GET, "/v1/apps", Some(bob.token.expose()), "").await.expect(200);
        caller.server.call(Method::GET, "/v1/openapi.json", None, "").await;
        app.advance(45_000);
        caller.get("/v1/apps").await.expect(200);
    }

    async fn a_repeated_call_gets_the_first_answer(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let bob = app.add_user("bob@example.org").await;
        let row = app.add_app(&ann, "Shop", "/nonexistent/repo.git").await;
        let mut caller = Caller::new(&app, &ann).await;
        let path = format!("/v1/apps/{}/builds?branch=main", row.id);
        let first = keyed(&caller, "k1", &path, "").await.expect(201);
        assert!(first.headers.get("idempotency-replayed").is_none());
        for _ in 0..2 {
            let again = keyed(&caller, "k1", &path, "").await.expect(201);
            assert_eq!(again.body, first.body);
            assert_eq!(text(&again.headers, "content-type"), "application/json; charset=utf-8");
            assert_eq!(text(&again.headers, "idempotency-replayed"), "true");
        }
        assert!(keyed(&caller, "k1", &path, r#"{"branch": "next"}"#).await.expect(422).error().contains("another call"));
        let other = keyed(&caller, "k2", &path, "").await.expect(201);
        assert_ne!(other.body, first.body);
        let builds = caller.get_json(&format!("/v1/apps/{}/builds", row.id)).await;
        assert_eq!(builds.as_array().unwrap().len(), 2);

        // Refusals and answers without a body are kept too.
        let refused = keyed(&caller, "k3", "/v1/tokens", "{}").await.expect(400);
        assert_eq!(keyed(&caller, "k3", "/v1/tokens", "{}").await.expect(400).body, refused.body);
        let id = builds[0]["_id"].as_str().unwrap();
        for _ in 0..2 {
            let answer = keyed(&caller, "k4", &format!("/v1/builds/{id}/cancel"), "").await.expect(204);
            assert!(answer.body.is_empty());
        }
        for key in ["", "a b", &"k".repeat(256)] {
            assert!(keyed(&caller, key, "/v1/tokens", "{}").await.expect(400).error().contains("Idempotency-Key"));
        }
        // A key belongs to one token; a read takes none.
        let large = format!(r#"{{"name": "{}"}}"#, "x".repeat(300 << 10));
        keyed(&caller, "k6", "/v1/organisations", &large).await.expect(413);
        caller.token = bob.token.expose().to_owned();
        keyed(&caller, "k1", &path, "").await.expect(404);
    }

    async fn a_kept_token_is_sealed_and_forgotten_after_a_day(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let caller = Caller::new(&app, &ann).await;
        let body = r#"{"name": "ci"}"#;
        let first: Value = keyed(&caller, "k", "/v1/tokens", body).await.expect(201).json();
        let again: Value = keyed(&caller, "k", "/v1/tokens", body).await.expect(201).json();
        assert_eq!(first, again);
        let mut tx = app.app.db.read().await.unwrap();
        let owner = shipmate::accounts::find_actor(&mut tx, &caller.token, app.app.clock.now()).await.unwrap().unwrap();
        let kept = shipmate::db::idempotency::find(&mut tx, &owner.token_id, "k").await.unwrap().unwrap();
        assert!(!format!("{kept:?}").contains(first["access_token"].as_str().unwrap()));
        drop(tx);
        app.advance(DAY_MS + 1);
        assert!(keyed(&caller, "k", "/v1/tokens", body).await.expect(409).error().contains("ci"));
    }

    async fn calls_at_once_run_once(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let row = app.add_app(&ann, "Shop", "/nonexistent/repo.git").await;
        let caller = Caller::new(&app, &ann).await;
        let path = format!("/v1/apps/{}/builds?branch=main", row.id);
        let conflicts = AtomicUsize::new(0);
        let calls = (0..8).map(|_| async {
            // A client that is told to wait does so and asks again.
            loop {
                let answer = keyed(&caller, "once", &path, "").await;
                if answer.status.as_u16() != 409 {
                    return answer.expect(201).json::<Value>();
                }
                assert_eq!(text(&answer.headers, "retry-after"), "1");
                conflicts.fetch_add(1, Ordering::Relaxed);
            }
        });
        let answers = futures_util::future::join_all(calls).await;
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
        let builds = caller.get_json(&format!("/v1/apps/{}/builds", row.id)).await;
        assert_eq!(builds.as_array().unwrap().len(), 1);
        assert_eq!(builds[0]["build_number"], json!(1));
    }

    async fn a_call_that_died_with_its_server_can_be_repeated(app: TestApp) {
        use shipmate::db::idempotency::{self, Mark};
        let ann = app.add_user("ann@example.org").await;
        let caller = Caller::new(&app, &ann).await;
        let body = r#"{"name": "Acme"}"#;
        keyed(&caller, "k", "/v1/organisations", body).await.expect(201);
        let mut tx = app.app.db.write().await.unwrap();
        let owner = shipmate::accounts::find_actor(&mut tx, &caller.token, app.app.clock.now()).await.unwrap().unwrap();
        let kept = idempotency::find(&mut tx, &owner.token_id, "k").await.unwrap().unwrap();
        let dead = Mark { token: owner.token_id, key: "dead".into(), taken_at: kept.taken_at };
        assert!(idempotency::insert(&mut tx, &dead, &kept.digest).await.unwrap());
        tx.commit().await.unwrap();
        app.advance(5 * 60_000);
        keyed(&caller, "dead", "/v1/organisations", body).await.expect(409);
        app.advance(1);
        keyed(&caller, "dead", "/v1/organisations", body).await.expect(201);
    }
}
