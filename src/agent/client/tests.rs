use super::*;
use crate::agent::scripted_server::{Server, TOKEN, assignment};

#[test]
fn only_a_plain_base_url_is_accepted() {
    let token = Secret::new("t");
    for server in ["http://localhost:80", "https://ci.example/shipmate/", "http://[::1]:8080"] {
        assert!(Client::new(server, &token).is_ok(), "{server}");
    }
    for server in ["", "ci.example", "ftp://ci.example", "https://u:p@ci.example", "http://h/?q"] {
        assert!(matches!(Client::new(server, &token), Err(SetupError::Server(_))), "{server}");
    }
    let broken = Client::new("http://h", &Secret::new("a\nb"));
    assert!(matches!(broken, Err(SetupError::Token)));
}

#[test]
fn paths_are_below_the_base() {
    for base in ["http://h/a", "http://h/a/"] {
        let client = Client::new(base, &Secret::new("t")).unwrap();
        assert_eq!(client.url(&["claim"]).as_str(), "http://h/a/agent/v1/claim");
    }
}

#[test]
fn loopback_needs_no_proxy() {
    let cases = [
        ("http://localhost:1", true),
        ("http://127.0.0.2", true),
        ("http://[::1]:1", true),
        ("http://ci.example", false),
        ("http://10.0.0.1", false),
    ];
    for (url, expected) in cases {
        assert_eq!(is_loopback(&Url::parse(url).unwrap()), expected, "{url}");
    }
}

#[tokio::test]
async fn each_status_says_what_to_do() {
    let server = Server::start().await;
    let client = server.client();
    let finish = Release { attempt: 1 };
    let cases = [
        (400, CallError::Refused("as scripted (400)".into())),
        (401, CallError::Unauthorised),
        (404, CallError::Lost("as scripted (404)".into())),
        (409, CallError::Lost("as scripted (409)".into())),
        (413, CallError::Refused("as scripted (413)".into())),
        (429, CallError::Retry("as scripted (429)".into())),
        (500, CallError::Retry("as scripted (500)".into())),
        (503, CallError::Retry("as scripted (503)".into())),
    ];
    for (status, expected) in cases {
        server.script(|record| {
            record.failures.insert("release", [status].into());
        });
        let result = client.release(&assignment().build_id, &finish).await;
        assert_eq!(result, Err(expected));
    }
    assert_eq!(client.release(&assignment().build_id, &finish).await, Ok(()));
    server.assert_sound();
}

#[tokio::test]
async fn a_dead_server_is_worth_another_try_and_the_token_stays_secret() {
    let mut server = Server::start().await;
    server.stop().await;
    let client = server.client();
    let result = client.release(&assignment().build_id, &Release { attempt: 1 }).await;
    let Err(CallError::Retry(text)) = result else { panic!("{result:?}") };
    assert!(!text.contains(TOKEN), "{text}");
    assert!(!format!("{:?}", client.authorization).contains(TOKEN));
}

#[test]
fn error_answers_are_cut_and_cleaned() {
    let status = StatusCode::BAD_REQUEST;
    let cases: &[(&[u8], &str)] = &[
        (br#"{"error":"plain"}"#, "plain (400)"),
        (br#"{"error":{"message":"nested"}}"#, "nested (400)"),
        (b"a\x1b[31m\nb", "a [31m b (400)"),
        (b"", "400 Bad Request"),
    ];
    for (answer, expected) in cases {
        let expected = CallError::Refused((*expected).to_owned());
        assert_eq!(for_status(status, answer), Err(expected));
    }
    let Err(CallError::Refused(text)) = for_status(status, &[b'x'; 5000]) else { panic!() };
    assert!(text.len() < 400);
}
