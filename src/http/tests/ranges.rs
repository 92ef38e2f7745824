//! Byte ranges (RFC 9110 section 14).

use super::*;
use crate::http::range::{Slice, slice};

fn ask(range: &str, if_range: Option<&str>, total: u64) -> (u16, u64, u64, String) {
    let mut headers = HeaderMap::new();
    headers.insert(header::RANGE, range.parse().unwrap());
    if let Some(tag) = if_range {
        headers.insert(header::IF_RANGE, tag.parse().unwrap());
    }
    let (start, len, response) = match slice(&headers, total, "\"v1\"") {
        Slice::Send { start, len, head } => (start, len, head.body(Body::empty()).unwrap()),
        Slice::Refuse(response) => (0, 0, response),
    };
    let content_range = response.headers().get(header::CONTENT_RANGE);
    let content_range = content_range.map_or("", |value| value.to_str().unwrap()).to_owned();
    (response.status().as_u16(), start, len, content_range)
}

#[test]
fn one_range_is_cut_to_what_exists() {
    for (range, start, len, shown) in [
        ("bytes=0-0", 0, 1, "bytes 0-0/10"),
        ("bytes=2-5", 2, 4, "bytes 2-5/10"),
        ("bytes=9-", 9, 1, "bytes 9-9/10"),
        ("bytes=5-99", 5, 5, "bytes 5-9/10"),
        ("bytes=-3", 7, 3, "bytes 7-9/10"),
        ("bytes=-99", 0, 10, "bytes 0-9/10"),
        ("Bytes= 1-2 ", 1, 2, "bytes 1-2/10"),
        ("bytes=1-99999999999999999999999", 1, 9, "bytes 1-9/10"),
    ] {
        assert_eq!(ask(range, None, 10), (206, start, len, shown.into()), "{range}");
    }
}

#[test]
fn what_cannot_be_satisfied_is_416() {
    for (range, total) in [
        ("bytes=10-", 10),
        ("bytes=10-20", 10),
        ("bytes=99999999999999999999999-", 10),
        ("bytes=-0", 10),
        ("bytes=0-", 0),
        ("bytes=-5", 0),
    ] {
        assert_eq!(ask(range, None, total), (416, 0, 0, format!("bytes */{total}")), "{range}");
    }
}

#[test]
fn nonsense_and_several_ranges_give_the_whole() {
    for range in [
        "bytes=0-1,3-4",
        "bytes=5-2",
        "bytes=-",
        "bytes=a-b",
        "bytes=1-b",
        "bytes=99-b",
        "bytes=--5",
        "bytes=+1-2",
        "lines=0-1",
        "bytes",
        "",
    ] {
        assert_eq!(ask(range, None, 10), (200, 0, 10, String::new()), "{range}");
    }
}

#[test]
fn if_range_needs_the_very_same_tag() {
    for (tag, status) in [
        ("\"v1\"", 206),
        ("\"v2\"", 200),
        ("W/\"v1\"", 200),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 200),
    ] {
        assert_eq!(ask("bytes=0-1", Some(tag), 10).0, status, "{tag}");
    }
}
