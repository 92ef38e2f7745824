//! Byte ranges of a body whose length is known (RFC 9110 section 14). One
//! range is served; several, or nonsense, give the whole, as the RFC allows.
//! Sending the bytes is up to the door.

use axum::http::response::Builder;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;

use crate::http::error;

/// What to send.
#[derive(Debug)]
pub enum Slice {
    /// Send `len` bytes from `start` under `head`, which holds the status, the
    /// lengths and the entity tag; the door adds the media type and the body.
    Send { start: u64, len: u64, head: Builder },
    /// 416, complete.
    Refuse(Response),
}

/// The slice of `total` bytes that `Range` and `If-Range` ask for. `etag` is
/// the strong entity tag of the body, with its quotes.
pub fn slice(request: &HeaderMap, total: u64, etag: &str) -> Slice {
    let head =
        Response::builder().header(header::ACCEPT_RANGES, "bytes").header(header::ETAG, etag);
    match wanted(request, total, etag) {
        Wanted::Whole => Slice::Send {
            start: 0,
            len: total,
            head: head.status(StatusCode::OK).header(header::CONTENT_LENGTH, total),
        },
        Wanted::Part { start, end } => Slice::Send {
            start,
            len: end - start + 1,
            head: head
                .status(StatusCode::PARTIAL_CONTENT)
                .header(header::CONTENT_RANGE, format!("bytes {start}-{end}/{total}"))
                .header(header::CONTENT_LENGTH, end - start + 1),
        },
        Wanted::Nothing => Slice::Refuse(refuse(total)),
    }
}

fn refuse(total: u64) -> Response {
    let mut response = error::message(StatusCode::RANGE_NOT_SATISFIABLE, "Range Not Satisfiable");
    let range = HeaderValue::try_from(format!("bytes */{total}"));
    response
        .headers_mut()
        .insert(header::CONTENT_RANGE, range.expect("digits are valid in a header"));
    response
}

#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    Whole,
    /// First and last byte, inclusive.
    Part {
        start: u64,
        end: u64,
    },
    Nothing,
}

fn wanted(request: &HeaderMap, total: u64, etag: &str) -> Wanted {
    let Some(range) = request.get(header::RANGE).and_then(|value| value.to_str().ok()) else {
        return Wanted::Whole;
    };
    // A date or a weak tag never matches; the whole is always a right answer.
    if request.get(header::IF_RANGE).is_some_and(|tag| tag.as_bytes() != etag.as_bytes()) {
        return Wanted::Whole;
    }
    let Some((unit, spec)) = range.split_once('=') else { return Wanted::Whole };
    let Some((first, last)) = spec.trim().split_once('-') else { return Wanted::Whole };
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return Wanted::Whole;
    }
    match (number(first), number(last)) {
        (Some(start), Some(end)) if start > end => Wanted::Whole,
        (Some(start), _) if start >= total && is_end(last) => Wanted::Nothing,
        (Some(start), Some(end)) => Wanted::Part { start, end: end.min(total - 1) },
        (Some(start), None) if last.is_empty() => Wanted::Part { start, end: total - 1 },
        (None, Some(suffix)) if first.is_empty() => match suffix.min(total) {
            0 => Wanted::Nothing,
            length => Wanted::Part { start: total - length, end: total - 1 },
        },
        _ => Wanted::Whole,
    }
}

fn is_end(text: &str) -> bool {
    text.is_empty() || number(text).is_some()
}

/// Digits only; a number beyond `u64` counts as the largest.
fn number(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(u64::MAX))
}
