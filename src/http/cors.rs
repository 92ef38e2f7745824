//! Cross-origin headers of the v1 API (api.md 1.1). The API knows no cookies,
//! so every origin may call it with a token.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::Response;

use crate::http::reply;

const HEADERS: [(HeaderName, HeaderValue); 4] = [
    (header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")),
    (header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET,POST,PUT,DELETE")),
    (header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("Authorization,Content-Type")),
    (header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("Link")),
];

/// What is allowed to a script that asks for a field the old API did not know.
const ALLOWED: HeaderValue = HeaderValue::from_static(
    "Authorization,Content-Type,Idempotency-Key,If-None-Match,Last-Event-ID,Range",
);
const NEW_FIELDS: [&str; 4] = ["idempotency-key", "if-none-match", "last-event-id", "range"];

pub fn allow_every_origin(headers: &mut HeaderMap) {
    headers.reserve(HEADERS.len());
    for (name, value) in HEADERS {
        headers.entry(name).or_insert(value);
    }
}

/// The answer to `OPTIONS`; the rest of the headers comes with every v1
/// response.
pub fn preflight(request: &HeaderMap) -> Response {
    let mut response = reply::no_content();
    let asked = request.get(header::ACCESS_CONTROL_REQUEST_HEADERS).and_then(|v| v.to_str().ok());
    let is_new = |field: &str| NEW_FIELDS.iter().any(|new| field.trim().eq_ignore_ascii_case(new));
    if asked.is_some_and(|fields| fields.split(',').any(is_new)) {
        response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED);
    }
    response
}
