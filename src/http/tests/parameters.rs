//! Bodies and parameters (api.md 1.2).

use super::*;

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";
const INVALID_JSON: &str = "The body is not a valid JSON object";
const MEDIA: &str = "A body must be application/json or application/x-www-form-urlencoded";

async fn call(method: &str, query: &str, media: &str, body: impl Into<Body>) -> Answer {
    let mut request = request(method, &format!("/v1/params{query}"));
    if !media.is_empty() {
        request = request.header("content-type", media);
    }
    send(request.body(body.into()).unwrap()).await
}

#[tokio::test]
async fn empty_bodies_are_fine_however_they_are_typed() {
    for method in ["GET", "POST", "PUT", "DELETE"] {
        for media in ["", JSON, FORM, "text/plain", "application/json; charset=UTF-8"] {
            let answer = call(method, "?branch=master", media, "").await;
            assert_eq!(answer.status, 200, "{method} {media}");
            assert_eq!(answer.json()["branch"], "master");
        }
    }
}

#[tokio::test]
async fn both_encodings_are_read_on_every_write() {
    for method in ["POST", "PUT", "DELETE"] {
        for (media, body) in [
            (FORM, "branch=feature%2Ffind%26replace&testers=a%40b.c%2C+d@e.f,,&deploy=TRUE"),
            (
                "Application/JSON ; Charset=\"UTF-8\"",
                r#"{"branch":"feature/find&replace","testers":["a@b.c "," d@e.f",""],"deploy":1}"#,
            ),
        ] {
            let answer = call(method, "", media, body).await;
            let expected = json!({
                "branch": "feature/find&replace",
                "deploy": true,
                "number": null,
                "testers": ["a@b.c", "d@e.f"],
            });
            assert_eq!(answer.json(), expected, "{method} {media}");
        }
    }
}

#[tokio::test]
async fn lookup_goes_body_first_then_query() {
    for (query, media, body, branch) in [
        ("?branch=q", FORM, "branch=b", json!("b")),
        ("?branch=q", JSON, r#"{"branch":"b"}"#, json!("b")),
        ("?branch=q", JSON, r#"{"branch":null}"#, json!("q")),
        ("?branch=q", JSON, r#"{"branch":""}"#, json!("q")),
        ("?branch=q", FORM, "branch=", json!("q")),
        ("?branch=q", FORM, "Branch=b", json!("q")),
        ("?branch=q", "", "", json!("q")),
        ("?branch=", FORM, "branch=", json!(null)),
        ("?branch", "", "", json!(null)),
        ("?branch=1&branch=2", "", "", json!("2")),
        ("?branch=1&branch=", "", "", json!(null)),
        ("", FORM, "branch=1&branch=2", json!("2")),
        ("", JSON, r#"{"branch":"1","branch":"2"}"#, json!("2")),
        ("?branch=a/b", "", "", json!("a/b")),
        ("?branch=a+b%2Bc%20d", "", "", json!("a b+c d")),
        ("?branch=%C3%A9", "", "", json!("\u{e9}")),
        ("?showFailing=true&BRANCH=x", "", "", json!(null)),
        ("?access_token=x&branch=100%", "", "", json!("100%")),
    ] {
        let answer = call("POST", query, media, body).await;
        assert_eq!(answer.json()["branch"], branch, "{query} {body}");
    }
    let ignored = call("GET", "?branch=q", FORM, "branch=b").await;
    assert_eq!(ignored.json()["branch"], "q", "reads take nothing from a body");
}

#[tokio::test]
async fn bodies_that_cannot_be_read_are_refused() {
    let bomb = format!("{{\"a\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    for (media, body, text) in [
        (JSON, &b"{"[..], INVALID_JSON),
        (JSON, b"[]", INVALID_JSON),
        (JSON, b"\"text\"", INVALID_JSON),
        (JSON, b"null", INVALID_JSON),
        (JSON, b"{} {}", INVALID_JSON),
        (JSON, b"{\"a\":\"\\ud800\"}", INVALID_JSON),
        (JSON, bomb.as_bytes(), INVALID_JSON),
        (JSON, b"{\"a\":\"\xff\"}", "The body is not valid UTF-8"),
        (FORM, b"a=\xff", "The body is not valid UTF-8"),
        (FORM, b"a=%ff", "The body is not valid UTF-8"),
        ("", b"branch=x", MEDIA),
        ("text/plain", b"branch=x", MEDIA),
        ("multipart/form-data; boundary=x", b"--x--", MEDIA),
        ("application/json; charset=latin1", b"{}", "The only charset is utf-8"),
        ("application/x-www-form-urlencoded;charset=\"utf-16\"", b"", "The only charset is utf-8"),
    ] {
        for method in ["GET", "POST", "DELETE"] {
            call(method, "", media, body.to_vec()).await.is_error(400, text);
        }
    }
}

#[tokio::test]
async fn wrong_values_name_their_parameter() {
    for (query, body, name) in [
        ("?deploy=yes", "", "deploy"),
        ("?deploy=2", "", "deploy"),
        ("", r#"{"deploy":"on"}"#, "deploy"),
        ("", r#"{"deploy":[]}"#, "deploy"),
        ("", r#"{"deploy":1.0}"#, "deploy"),
        ("?number=0", "", "number"),
        ("?number=101", "", "number"),
        ("?number=-1", "", "number"),
        ("?number=5.0", "", "number"),
        ("?number=+5", "", "number"),
        ("?number=ten", "", "number"),
        ("?number=99999999999999999999", "", "number"),
        ("", r#"{"number":5.5}"#, "number"),
        ("", r#"{"number":true}"#, "number"),
        ("", r#"{"branch":5}"#, "branch"),
        ("", r#"{"branch":{}}"#, "branch"),
        ("", r#"{"branch":["a"]}"#, "branch"),
        ("?branch=a%00b", "", "branch"),
        ("", r#"{"branch":"\u0000"}"#, "branch"),
        ("", r#"{"testers":7}"#, "testers"),
        ("", r#"{"testers":["a",7]}"#, "testers"),
        ("", r#"{"testers":["a\u0000"]}"#, "testers"),
    ] {
        let answer = call("POST", query, JSON, body).await;
        answer.is_error(400, &format!("Invalid value for parameter \"{name}\""));
    }
    let long = call("POST", "", FORM, format!("branch={}", "x".repeat(4097))).await;
    long.is_error(400, "Invalid value for parameter \"branch\"");
    let many = call("POST", "", FORM, format!("testers={}", "a,".repeat(1001))).await;
    many.is_error(400, "Invalid value for parameter \"testers\"");
}

#[tokio::test]
async fn booleans_and_numbers_in_every_spelling() {
    for (query, body, deploy, number) in [
        ("?deploy=true&number=1", "", json!(true), json!(1)),
        ("?deploy=True&number=100", "", json!(true), json!(100)),
        ("?deploy=1", "", json!(true), json!(null)),
        ("?deploy=FALSE", "", json!(false), json!(null)),
        ("?deploy=0&number=5", "", json!(false), json!(5)),
        ("?deploy=&number=", "", json!(null), json!(null)),
        ("", r#"{"deploy":false,"number":7}"#, json!(false), json!(7)),
        ("", r#"{"deploy":"true","number":"7"}"#, json!(true), json!(7)),
        ("", r#"{"deploy":0}"#, json!(false), json!(null)),
        ("", r#"{"testers":[" ",""],"x":{"deep":[1]}}"#, json!(null), json!(null)),
    ] {
        let seen = call("PUT", query, JSON, body).await.json();
        assert_eq!((&seen["deploy"], &seen["number"]), (&deploy, &number), "{query}{body}");
        assert_eq!(seen["testers"], json!(null));
    }
}

#[tokio::test]
async fn required_parameters_are_missed_by_name() {
    for (body, missing) in [
        ("", Some("name")),
        ("name=&testers=a", Some("name")),
        ("name=n", Some("testers")),
        ("name=n&testers=+,+,", Some("testers")),
        ("name=n&testers=a", None),
    ] {
        let request = request("POST", "/v1/required").header("content-type", FORM);
        let answer = send(request.body(body.into()).unwrap()).await;
        match missing {
            Some(name) => answer.is_error(400, &format!("Missing parameter \"{name}\"")),
            None => assert_eq!(answer.status, 201),
        }
    }
}
