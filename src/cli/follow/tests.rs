use std::time::Duration;

use axum::response::{IntoResponse, Response};

use super::*;
use crate::cli::client::Patience;
use crate::cli::tests::scripted::{BUILD, Seen, Server, cut, error};
use crate::model::secret::Secret;

/// The connection's answer: these events, then cut or ended.
fn events(texts: &[(u64, &str)], end: bool) -> Response {
    let mut out = String::new();
    for (offset, text) in texts {
        let data = serde_json::json!({ "text": text, "offset": offset });
        out += &format!("id: {}\nevent: log\ndata: {data}\n\n", offset + text.len() as u64);
    }
    if end {
        out += "event: end\ndata: {\"status\":\"success\",\"complete\":true}\n\n";
        return out.into_response();
    }
    Response::new(cut(vec![out.into_bytes()]))
}

async fn run(
    answer: impl Fn(&Seen, usize) -> Response + Send + Sync + 'static,
) -> (Server, Result<LogEnd>, String) {
    let server = Server::start(answer).await;
    let mut client = Client::new(server.url.clone(), Secret::new("t")).unwrap();
    client.patience = Patience { attempts: 3, pause: Duration::from_millis(1) };
    let mut seen = String::new();
    let build = BUILD.parse().unwrap();
    let end = follow(&client, &build, |offset, text| {
        assert_eq!(offset, seen.len() as u64, "pieces follow each other");
        seen.push_str(text);
        Ok(())
    })
    .await;
    (server, end, seen)
}

#[tokio::test]
async fn a_cut_connection_is_resumed_after_the_last_event() {
    let (server, end, text) = run(|seen, number| match (number, seen.header("last-event-id")) {
        (0, None) => events(&[(0, "one\n"), (4, "two\n")], false),
        (1, Some("8")) => events(&[(8, "three\n")], false),
        (2, Some("14")) => error(503, "Service Unavailable"),
        (3, Some("14")) => events(&[(14, "four\n")], true),
        other => panic!("unexpected {other:?}"),
    })
    .await;
    assert_eq!(end.unwrap().status, "success");
    assert_eq!(text, "one\ntwo\nthree\nfour\n");
    assert_eq!(server.seen().len(), 4);
}

#[tokio::test]
async fn repeated_and_overlapping_text_is_printed_once() {
    let (_, end, text) = run(|_, number| match number {
        0 => events(&[(0, "one\n"), (0, "one\n"), (2, "e\ntwo\n")], false),
        _ => events(&[(0, "one\ntwo\n"), (8, "end\n")], true),
    })
    .await;
    assert!(end.unwrap().complete);
    assert_eq!(text, "one\ntwo\nend\n");
}

#[tokio::test]
async fn it_gives_up_when_nothing_comes_any_more() {
    let (server, end, text) = run(|_, number| match number {
        0 => events(&[(0, "one\n")], false),
        _ => "".into_response(),
    })
    .await;
    let Err(Failure::Failed(sentence)) = end else { panic!("{end:?}") };
    assert!(sentence.contains("3 attempts to go on failed"), "{sentence}");
    assert_eq!(text, "one\n");
    assert_eq!(server.seen().len(), 4);
}

#[tokio::test]
async fn refusals_are_final() {
    for status in [401, 404, 503] {
        // A server that cannot answer is only waited for once it has answered.
        let (server, end, _) = run(move |_, _| error(status, "no")).await;
        assert!(end.is_err());
        assert_eq!(server.seen().len(), 1, "{status}");
    }
    let (server, end, _) = run(|_, number| match number {
        0 => events(&[(0, "x")], false),
        _ => error(404, "Not Found"),
    })
    .await;
    assert!(end.is_err());
    assert_eq!(server.seen().len(), 2);
}

#[test]
fn events_survive_any_cut_and_line_ending() {
    let stream = ": hi\r\nid: 5\r\nevent: log\r\ndata: {\"a\":\r\ndata:1}\r\n\r\nid\nretry: 3\n\n\
                  event: end\ndata: x\u{fc}\n\nevent: unfinished\n";
    for size in 1..20 {
        let mut events = Events::default();
        let mut found = Vec::new();
        for part in stream.as_bytes().chunks(size) {
            events.push(&Bytes::copy_from_slice(part)).unwrap();
            while let Some(event) = events.next().unwrap() {
                found.push(event);
            }
        }
        let expected = [
            Event { name: "log".into(), id: Some(5), data: "{\"a\":\n1}".into() },
            Event { name: "end".into(), id: None, data: "xü".into() },
        ];
        assert_eq!(found, expected, "in pieces of {size}");
    }
}

#[test]
fn an_endless_event_is_refused() {
    let part = Bytes::from(vec![b'x'; 1 << 20]);
    let mut events = Events::default();
    let refused = (0..64).any(|_| events.push(&part).is_err());
    assert!(refused && events.buffer.len() < 2 * MAX_EVENT);
    let line = Bytes::from(format!("data: {}\n", "x".repeat(1 << 20)));
    let mut events = Events::default();
    let refused = (0..64).any(|_| events.push(&line).is_err() || events.next().is_err());
    assert!(refused);
}
