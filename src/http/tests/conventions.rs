//! Routing, authentication, CORS and ids (api.md 1.1, 1.3, 1.4).

use super::*;

#[tokio::test]
async fn slashes_collapse_and_everything_else_stays() {
    for (sent, seen) in [
        ("/v1/apps", "/v1/apps"),
        ("/v1/apps/", "/v1/apps"),
        ("//v1/apps", "/v1/apps"),
        ("///v1////apps///", "/v1/apps"),
        ("/v1/apps/?a=//b/&c=%2F%2f+d%20", "/v1/apps?a=//b/&c=%2F%2f+d%20"),
        ("http://ci.example//v1/apps/?x", "http://ci.example/v1/apps?x"),
    ] {
        let answer = get_answer(sent).await;
        assert_eq!(answer.status, 200, "{sent}");
        assert_eq!(answer.json()["target"], seen, "{sent}");
    }
    let encoded = get_answer(&format!("/v1/builds/{}", ID.replace("58", "%35%38"))).await;
    assert_eq!(encoded.json()["_id"], ID, "path segments are percent-decoded");
    get_answer("/v1/apps%2F").await.is_error(404, "Not Found");
    assert_eq!(get_answer("/v1/ap+ps").await.status, 404);
}

#[tokio::test]
async fn unknown_path_or_method_is_404_never_405() {
    for (method, target) in [
        ("GET", "/v1/nothing"),
        ("GET", "/v1"),
        ("GET", "/v1/Apps"),
        ("POST", "/v1/apps"),
        ("PUT", "/v1/apps"),
        ("PATCH", "/v1/apps"),
        ("TRACE", "/v1/apps"),
        ("BREW", "/v1/apps"),
        ("GET", "/v1/required"),
        ("GET", "/nothing"),
        ("POST", "/page"),
        ("OPTIONS", "/page"),
        ("DELETE", "/healthz"),
    ] {
        let answer = send(request(method, target).body(Body::empty()).unwrap()).await;
        answer.is_error(404, "Not Found");
        assert!(!answer.headers.contains_key(header::ALLOW), "{method} {target}");
    }
}

#[tokio::test]
async fn head_is_get_without_a_body() {
    for target in ["/v1/apps", "/v1/nothing", "/page", "/v1/required"] {
        let get = get_answer(target).await;
        let head = send(request("HEAD", target).body(Body::empty()).unwrap()).await;
        assert_eq!(head.status, get.status, "{target}");
        assert_eq!(head.body, b"", "{target}");
        assert_eq!(head.header("content-type"), get.header("content-type"));
        assert_eq!(head.header("content-length"), get.body.len().to_string(), "{target}");
    }
    let refused = send(bare("HEAD", "/v1/apps")).await;
    assert_eq!((refused.status.as_u16(), refused.body.len()), (401, 0));
}

#[tokio::test]
async fn every_v1_response_may_be_read_across_origins() {
    let preflight = send(bare("OPTIONS", "/v1/whatever")).await;
    assert_eq!((preflight.status.as_u16(), preflight.body.len()), (204, 0));
    let answers = [
        preflight,
        send(bare("GET", "/v1/apps")).await,
        get_answer("/v1/apps").await,
        get_answer("/v1/nothing").await,
        get_answer("/v1/fail").await,
        get_answer("/v1/panic").await,
        get_answer("/v1/apps?a=%ff").await,
    ];
    for answer in answers {
        for (name, value) in [
            ("access-control-allow-origin", "*"),
            ("access-control-allow-methods", "GET,POST,PUT,DELETE"),
            ("access-control-allow-headers", "Authorization,Content-Type"),
            ("access-control-expose-headers", "Link"),
        ] {
            assert_eq!(answer.header(name), value, "{}", answer.status);
        }
    }
    // Only a script that asks is told of more.
    for (asked, more) in [("authorization", false), ("authorization, idempotency-key", true)] {
        let preflight =
            request("OPTIONS", "/v1/apps").header("access-control-request-headers", asked);
        let answer = send(preflight.body(Body::empty()).unwrap()).await;
        let allowed = answer.header("access-control-allow-headers");
        assert_eq!(allowed.contains("Idempotency-Key"), more, "{asked}: {allowed}");
        assert!(allowed.starts_with("Authorization,Content-Type"));
    }
    assert_eq!(get_answer("/page").await.header("access-control-allow-origin"), "");
    assert_eq!(get_answer("/v10/page").await.header("access-control-allow-origin"), "");
}

#[tokio::test]
async fn tokens_are_checked_before_routing() {
    const NONE: &str = "No authorization token was found";
    const BAD: &str = "Invalid authorization token";
    let long = format!("Bearer {}", "x".repeat(600));
    for (header, expected) in [
        (None, NONE),
        (Some(""), NONE),
        (Some("  "), NONE),
        (Some("Bearer"), BAD),
        (Some("Bearer "), BAD),
        (Some("good"), BAD),
        (Some("Basic good"), BAD),
        (Some("Token good"), BAD),
        (Some("Bearer bad"), BAD),
        (Some("Bearer good bad"), BAD),
        (Some("Bearer g\u{f6}od"), BAD),
        (Some(long.as_str()), BAD),
    ] {
        for target in
            ["/v1/apps", "/v1/nothing", "//v1//apps/", "/v1", "/v1/apps?access_token=good"]
        {
            let mut request = Request::builder().method("POST").uri(target);
            if let Some(header) = header {
                request = request.header("authorization", header.as_bytes());
            }
            let answer = send(request.body(Body::empty()).unwrap()).await;
            answer.is_error(401, expected);
            assert_eq!(answer.header("www-authenticate"), "Bearer");
        }
    }
}

#[tokio::test]
async fn scheme_case_and_spaces_do_not_matter() {
    for header in ["Bearer good", "bearer good", "BEARER   good", " bEaReR\tgood "] {
        let request = Request::builder().uri("/v1/who").header("AUTHORIZATION", header);
        let answer = send(request.body(Body::empty()).unwrap()).await;
        assert_eq!((answer.status.as_u16(), answer.json()), (200, json!(false)), "{header:?}");
    }
    let twice = request("GET", "/v1/who").header("authorization", TOKEN);
    let answer = send(twice.body(Body::empty()).unwrap()).await;
    answer.is_error(401, "Invalid authorization token");
    let down = Request::builder().uri("/v1/who").header("authorization", "Bearer down");
    send(down.body(Body::empty()).unwrap()).await.is_error(503, "Service Unavailable");
}

#[tokio::test]
async fn only_ccmenu_takes_its_token_from_the_query() {
    for (target, header, status) in [
        ("/v1/ccmenu?access_token=good", None, 200),
        ("//v1/ccmenu/?branch=x&access_token=good", None, 200),
        ("/v1/ccmenu?access_token=good", Some(""), 200),
        ("/v1/ccmenu?access_token=", None, 401),
        ("/v1/ccmenu?access_token=bad", None, 401),
        ("/v1/ccmenu?access_token=good", Some("Bearer bad"), 401),
        ("/v1/ccmenu", Some(TOKEN), 200),
        ("/v1/ccmenu", None, 401),
        ("/v1/apps?access_token=good", None, 401),
        ("/v1/openapi.json", None, 200),
    ] {
        let mut request = Request::builder().uri(target);
        if let Some(header) = header {
            request = request.header("authorization", header);
        }
        let answer = send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status.as_u16(), status, "{target} {header:?}");
    }
}

#[tokio::test]
async fn a_handler_outside_the_guarded_area_sees_no_caller() {
    let answer = send(request("GET", "/open").body(Body::empty()).unwrap()).await;
    answer.is_error(401, "No authorization token was found");
}

#[tokio::test]
async fn malformed_ids_are_unknown_objects() {
    for id in ["1", "58B8A3D26E5C4C01002D4A1F", "..", "%00", "%E2%82%AC", &ID.repeat(2)] {
        get_answer(&format!("/v1/builds/{id}")).await.is_error(404, "Not Found");
        get_answer(&format!("/v1/apps/{ID}/builds/{id}")).await.is_error(404, "Not Found");
    }
    let both = get_answer(&format!("/v1/apps/{ID}/builds/{ID}")).await;
    assert_eq!(both.json(), json!([ID, ID]));
}

#[tokio::test]
async fn targets_that_are_not_utf8_are_refused() {
    for (target, part) in [
        ("/v1/apps/%ff", "path"),
        ("/v1/nothing%C3", "path"),
        ("/v1/apps?branch=%C3%28", "query string"),
        ("/v1/apps?a=%C3&b=%A9", "query string"),
        ("/v1/builds/x?unknown%FE", "query string"),
    ] {
        let answer = get_answer(target).await;
        answer.is_error(400, &format!("The {part} is not valid UTF-8"));
    }
    assert_eq!(get_answer("/v1/apps?branch=%C3%A9%zz%").await.status, 200);
}

#[tokio::test]
async fn request_ids_are_kept_if_harmless() {
    let long = "a".repeat(65);
    for (sent, kept) in [
        ("abc-DEF_123", true),
        (&long[..64], true),
        (&long, false),
        ("", false),
        ("a b", false),
        ("a\"b", false),
    ] {
        let request = request("GET", "/v1/nothing").header("x-request-id", sent);
        let answer = send(request.body(Body::empty()).unwrap()).await;
        let id = answer.header("x-request-id");
        assert_eq!(id == sent, kept, "{sent:?} gave {id:?}");
        assert!(kept || (id.len() == 16 && id.bytes().all(|b| b.is_ascii_hexdigit())));
    }
    let ids = [bare("GET", "/healthz"), bare("GET", "/v1/x"), bare("OPTIONS", "/v1/x")];
    let mut seen = std::collections::HashSet::new();
    for request in ids {
        assert!(seen.insert(send(request).await.header("x-request-id").to_owned()));
    }
}
