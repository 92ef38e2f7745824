//! api.md section 1 on the real routes.

use super::*;

on_both! {
    async fn tokens_are_checked_before_routes(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let caller = Caller::new(&app, &ann).await;
        let server = &caller.server;
        for path in ["/v1/apps", "/v1/nothing", "/v1/ip-ranges"] {
            let none = server.call(Method::GET, path, None, "").await.expect(401);
            assert_eq!(none.error(), "No authorization token was found");
            assert_eq!(none.headers["www-authenticate"], "Bearer");
            let wrong = server.call(Method::GET, path, Some("smp_wrong"), "").await.expect(401);
            assert_eq!(wrong.error(), "Invalid authorization token");
        }
        let agent = app.add_agent_token("a").await;
        server.call(Method::GET, "/v1/apps", Some(agent.expose()), "").await.expect(401);
        assert_eq!(caller.get("/v1/nothing").await.expect(404).error(), "Not Found");
        let in_query = format!("/v1/apps?access_token={}", caller.token);
        server.call(Method::GET, &in_query, None, "").await.expect(401);
        let mut tx = app.app.db.write().await.unwrap();
        shipmate::db::tokens::revoke_all(&mut tx, &ann.user.id, app.app.clock.now()).await.unwrap();
        tx.commit().await.unwrap();
        caller.get("/v1/apps").await.expect(401);
    }

    async fn paths_methods_and_headers(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let caller = Caller::new(&app, &ann).await;
        for path in ["//v1/apps", "/v1/apps/", "/v1//apps//"] {
            let answer = caller.get(path).await.expect(200);
            assert_eq!(answer.headers["access-control-allow-origin"], "*");
            assert_eq!(answer.headers["content-type"], "application/json; charset=utf-8");
            assert!(answer.headers.contains_key("x-request-id"));
        }
        let unknown = caller.server.call(Method::PUT, "/v1/apps", Some(&caller.token), "").await;
        assert_eq!(unknown.expect(404).error(), "Not Found");
        let options = caller.server.call(Method::OPTIONS, "/v1/apps", None, "").await.expect(204);
        assert_eq!(options.headers["access-control-expose-headers"], "Link");
        let head = caller.server.call(Method::HEAD, "/v1/apps", Some(&caller.token), "").await;
        assert!(head.expect(200).body.is_empty());
        for path in ["/v1/builds/zz", "/v1/apps/58B8A3D26E5C4C01002D4A1F/builds"] {
            assert_eq!(caller.get(path).await.expect(404).error(), "Not Found");
        }
        caller.get("/v1/apps?x=%ff").await.expect(400);
        for path in ["/healthz", "/readyz", "/metrics", "/docs", "/v1/openapi.json"] {
            let answer = caller.server.call(Method::GET, path, None, "").await;
            assert_eq!(answer.status, 200, "{path}");
        }
        assert_eq!(caller.get_json("/v1/ip-ranges").await, serde_json::json!([]));
    }

    async fn bad_input_is_refused_and_changes_nothing(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let repo = app.add_repository("repo");
        let row = app.add_app(&ann, "Shop", &repo.url()).await;
        let caller = Caller::new(&app, &ann).await;
        let path = format!("/v1/apps/{}/build", row.id);
        let json = "application/json";
        for (media, body) in [
            (json, "{"),
            (json, "[]"),
            (json, r#"{"branch": 5}"#),
            ("text/plain", "branch=main"),
            ("application/json; charset=latin1", "{}"),
            ("application/x-www-form-urlencoded", "branch=%ff"),
        ] {
            caller.post(&path, media, body).await.expect(400);
        }
        let huge = "x".repeat(10 << 20);
        caller.post(&path, json, &huge).await.expect(413);
        let list = format!("/v1/apps/{}/builds", row.id);
        for query in ["limit=0", "limit=101", "limit=x", "status=done", "from=!", "from=AAAA"] {
            let error = caller.get(&format!("{list}?{query}")).await.expect(400).error();
            let name = query.split('=').next().unwrap();
            assert!(error.contains(name), "{error}");
        }
        assert_eq!(caller.get_json(&list).await, serde_json::json!([]));
        assert_eq!(caller.get_json(&format!("{list}?branch=&scheme=&status=&limit=5")).await, serde_json::json!([]));
    }
}
