//! api.md section 1 on the real routes.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

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

    async fn no_route_answers_405(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let row = app.add_app(&ann, "Shop", "/nonexistent/repo.git").await;
        let id = app.trigger(&row).await;
        let caller = Caller::new(&app, &ann).await;
        let app_path = |rest: &str| format!("/v1/apps/{}{rest}", row.id);
        let build_path = |rest: &str| format!("/v1/builds/{id}{rest}");
        for (path, allowed) in [
            ("/v1/apps".to_owned(), "GET POST"),
            (app_path("/branches"), "GET"),
            (app_path("/builds"), "GET POST"),
            (app_path("/build"), "POST"),
            (app_path("/builds/latest"), "GET"),
            (app_path("/build/latest"), "GET"),
            (build_path(""), "GET"),
            (build_path("/cancel"), "POST"),
            (build_path("/tests"), "GET"),
            (build_path("/coverage"), "GET"),
            (build_path("/logs"), "GET"),
            (build_path("/artifacts"), "GET"),
            ("/v1/ip-ranges".to_owned(), "GET"),
        ] {
            for method in ["GET", "POST", "PUT", "DELETE", "PATCH"] {
                let call = Method::from_bytes(method.as_bytes()).unwrap();
                let answer = caller.server.call(call, &path, Some(&caller.token), "").await;
                let known = answer.status != 404;
                assert_eq!(known, allowed.split(' ').any(|m| m == method), "{method} {path}");
                assert!(!answer.headers.contains_key("allow"), "{method} {path}");
                if !known {
                    assert_eq!(answer.error(), "Not Found", "{method} {path}");
                }
            }
            // A slash at the end, doubled slashes and another case of the path.
            if allowed.starts_with("GET") {
                caller.get(&format!("{path}/")).await.expect(200);
                caller.get(&path.replace('/', "//")).await.expect(200);
                caller.get(&path.replace("/v1/", "/V1/")).await.expect(404);
            }
        }
    }

    async fn head_and_options_need_no_body(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let row = app.add_app(&ann, "Shop", "/nonexistent/repo.git").await;
        let id = app.trigger(&row).await;
        app.trigger(&row).await;
        let caller = Caller::new(&app, &ann).await;
        for path in [
            format!("/v1/apps/{}/builds?limit=1", row.id),
            format!("/v1/builds/{id}"),
            format!("/v1/builds/{id}/logs"),
            "/v1/nothing".to_owned(),
        ] {
            let get = caller.get(&path).await;
            let head = caller.server.call(Method::HEAD, &path, Some(&caller.token), "").await;
            assert_eq!(head.status, get.status, "{path}");
            assert!(head.body.is_empty());
            for name in ["content-type", "link", "access-control-allow-origin"] {
                assert_eq!(head.headers.get(name), get.headers.get(name), "{path} {name}");
            }
        }
        for path in ["/v1/apps", "/v1/nothing", "/v1/builds/zz/cancel"] {
            let answer = caller.server.call(Method::OPTIONS, path, None, "").await.expect(204);
            assert!(answer.body.is_empty());
            for (name, value) in [
                ("access-control-allow-origin", "*"),
                ("access-control-allow-methods", "GET,POST,PUT,DELETE"),
                ("access-control-allow-headers", "Authorization,Content-Type"),
                ("access-control-expose-headers", "Link"),
            ] {
                assert_eq!(answer.headers[name], value, "{path}");
            }
        }
    }

    async fn headers_that_are_no_token(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let caller = Caller::new(&app, &ann).await;
        let token = &caller.token;
        for (header, status, text) in [
            ("".to_owned(), 401, "No authorization token was found"),
            ("  ".to_owned(), 401, "No authorization token was found"),
            ("Bearer".to_owned(), 401, "Invalid authorization token"),
            (token.clone(), 401, "Invalid authorization token"),
            (format!("Basic {token}"), 401, "Invalid authorization token"),
            (format!("Bearer {token}x"), 401, "Invalid authorization token"),
            (format!("bearer {token}"), 200, ""),
            (format!("BEARER  {token}"), 200, ""),
        ] {
            let request = caller.server.client.get(format!("{}/v1/apps", caller.server.url));
            let answer = Answer::of(request.header("AUTHORIZATION", &header)).await.expect(status);
            if status == 401 {
                assert_eq!(answer.error(), text, "{header:?}");
                assert_eq!(answer.headers["www-authenticate"], "Bearer");
            }
        }
    }

    async fn text_travels_percent_encoded_and_as_utf8(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let row = app.add_app(&ann, "Shop", "/nonexistent/repo.git").await;
        let caller = Caller::new(&app, &ann).await;
        let path = format!("/v1/apps/{}/build", row.id);
        let form = "application/x-www-form-urlencoded";
        let mut ids = Vec::new();
        for (media, body, branch) in [
            (form, "branch=feature%2Ffind%26replace", "feature/find&replace"),
            (form, "branch=b%2Bc", "b+c"),
            ("application/json;charset=\"UTF-8\"", r#"{"branch":"Zo\u00eb/\u4e2d"}"#, "Zoë/中"),
            ("application/json; charset=utf-8", "{\"branch\":\"Zoë/中\"}", "Zoë/中"),
            ("APPLICATION/X-WWW-FORM-URLENCODED;Charset=Utf-8", "branch=100%25", "100%"),
        ] {
            let answer = caller.post(&path, media, body).await.expect(201);
            let id = answer.json::<Value>()["build_id"].as_str().unwrap().to_owned();
            let build = caller.get_json(&format!("/v1/builds/{id}")).await;
            assert_eq!(build["commit_info"]["branch"], branch, "{media} {body}");
            ids.push(id);
        }
        for (query, found) in [
            ("branch=feature%2Ffind%26replace", 1),
            ("branch=feature/find%26replace", 1),
            ("branch=b%2Bc", 1),
            ("branch=b+c", 0),
            ("branch=b%20c", 0),
            ("branch=Zo%C3%AB/%E4%B8%AD", 2),
            ("Branch=b%2Bc", 5),
            ("branch=nowhere&branch=b%2Bc", 1),
            ("branch=b%2Bc&branch=", 5),
            ("showFailing=true&unknown=%00", 5),
        ] {
            let list = caller.get_json(&format!("/v1/apps/{}/builds?{query}", row.id)).await;
            assert_eq!(list.as_array().unwrap().len(), found, "{query}");
        }
        // `+` is a space in a form, and no branch has one.
        caller.post(&path, form, "branch=b+c").await.expect(404);
        // Segments are percent-decoded; `+` in one is no space.
        let encoded: String = ids[0].bytes().map(|byte| format!("%{byte:02x}")).collect();
        caller.get(&format!("/v1/builds/{encoded}")).await.expect(200);
        caller.get(&format!("/v1/builds/{}+", ids[0])).await.expect(404);
        caller.get(&format!("/v1%2Fbuilds/{}", ids[0])).await.expect(404);
        caller.get(&format!("/v1/builds/{}%ff", ids[0])).await.expect(400);
        caller.post(&path, "application/json; charset=utf-16", r#"{}"#).await.expect(400);
        caller.post(&path, form, "branch=%c3%28").await.expect(400);
    }

    async fn clients_that_wait_for_100_continue(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let row = app.add_app(&ann, "Shop", "/nonexistent/repo.git").await;
        let caller = Caller::new(&app, &ann).await;
        let ask = |token: &str, length: usize| {
            format!(
                "POST /v1/apps/{}/build HTTP/1.1\r\nhost: ci.example\r\nauthorization: Bearer {token}\r\n\
                 content-type: application/json\r\ncontent-length: {length}\r\n\
                 expect: 100-continue\r\n\r\n",
                row.id
            )
        };
        let body = r#"{"branch":"main"}"#;
        let mut wire = Wire::open(&caller.server).await;
        wire.send(&ask(&caller.token, body.len())).await;
        assert_eq!(wire.head().await, "HTTP/1.1 100 Continue");
        wire.send(body).await;
        assert_eq!(wire.head().await, "HTTP/1.1 201 Created");
        // Refused by the head alone: the client need not send its body.
        for (token, length, status) in [
            ("wrong", body.len(), "HTTP/1.1 401 Unauthorized"),
            (caller.token.as_str(), 10 << 20, "HTTP/1.1 413 Payload Too Large"),
        ] {
            let mut wire = Wire::open(&caller.server).await;
            wire.send(&ask(token, length)).await;
            assert_eq!(wire.head().await, status);
        }
        let list = caller.get_json(&format!("/v1/apps/{}/builds", row.id)).await;
        assert_eq!(list.as_array().unwrap().len(), 1);
    }

    async fn ranges_of_the_configuration_are_shown(app: TestApp) {
        let mut app = app;
        let ranges = ["203.0.113.0/24", "2001:db8::/32"];
        let settings = &mut std::sync::Arc::get_mut(&mut app.app).unwrap().settings;
        settings.ip_ranges = ranges.map(str::to_owned).to_vec();
        let ann = app.add_user("ann@example.org").await;
        let caller = Caller::new(&app, &ann).await;
        assert_eq!(caller.get_json("/v1/ip-ranges").await, serde_json::json!(ranges));
    }
}

/// A connection without a client library, which would hide interim answers.
struct Wire(tokio::net::TcpStream);

impl Wire {
    async fn open(server: &TestServer) -> Self {
        let address = server.url.strip_prefix("http://").unwrap();
        Self(tokio::net::TcpStream::connect(address).await.unwrap())
    }

    async fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
    }

    /// The first line of the next answer; reads to the end of its head.
    async fn head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let byte = tokio::time::timeout(Duration::from_secs(20), self.0.read_u8()).await;
            head.push(byte.expect("an answer").expect("an open connection"));
        }
        String::from_utf8(head).unwrap().lines().next().unwrap().to_owned()
    }
}
