//! Deliveries of any provider: nothing breaks a parser, and what is understood
//! keeps to the rules that jobs rely on. The first byte chooses the provider.
//! `tests/fixtures/webhooks` is a corpus, without that byte.

#![no_main]

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use libfuzzer_sys::fuzz_target;
use shipmate::hooks::recognise::understand;
use shipmate::model::git_event::GitEvent;

const HEADERS: [(&str, &str); 16] = [
    ("x-github-event", "push"),
    ("x-github-event", "pull_request"),
    ("x-github-event", "create"),
    ("x-github-event", "delete"),
    ("x-gitea-event", "push"),
    ("x-gitea-event", "pull_request"),
    ("x-gitea-event", "create"),
    ("x-gitlab-event", "Push Hook"),
    ("x-event-key", "repo:push"),
    ("x-event-key", "pullrequest:updated"),
    ("x-event-key", "repo:refs_changed"),
    ("x-event-key", "pr:from_ref_updated"),
    ("x-event-key", "diagnostics:ping"),
    ("content-type", "application/x-www-form-urlencoded"),
    ("content-type", "application/json"),
    ("x-other", "none"),
];

fuzz_target!(|bytes: &[u8]| {
    let Some((choice, body)) = bytes.split_first() else { return };
    let (name, value) = HEADERS[usize::from(*choice) % HEADERS.len()];
    let header = (HeaderName::from_static(name), HeaderValue::from_static(value));
    let headers = HeaderMap::from_iter([header]);
    match understand(&headers, body) {
        Err(malformed) => assert!(!malformed.to_string().is_empty()),
        Ok((_, told)) => {
            assert!(told.events.len() <= 100);
            for event in &told.events {
                if let GitEvent::Push(change) | GitEvent::Tag(change) = event {
                    let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
                    assert!(change.new.len() == 40 && change.new.bytes().all(is_hex));
                    assert!(!change.name.is_empty() && !change.name.starts_with('-'));
                }
            }
        }
    }
});
