//! Cross-origin headers of the v1 API (api.md 1.1). The API knows no cookies,
//! so every origin may call it with a token.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::Response;

use crate::http::reply;

/// What the old API knew, and what this one added.
const ALLOWED: &str =
    "Authorization,Content-Type,Idempotency-Key,If-None-Match,Last-Event-ID,Range";
const EXPOSED: &str = "Link,ETag,Idempotency-Replayed,RateLimit,RateLimit-Policy,Retry-After,X-Log-Complete,X-Request-Id";

const HEADERS: [(HeaderName, HeaderValue); 4] = [
    (header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")),
    (header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET,POST,PUT,DELETE")),
    (header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(ALLOWED)),
    (header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED)),
];

pub fn allow_every_origin(headers: &mut HeaderMap) {
    headers.reserve(HEADERS.len());
    for (name, value) in HEADERS {
        headers.insert(name, value);
    }
}

/// The answer to `OPTIONS`; the headers come with every v1 response.
pub fn preflight() -> Response {
    reply::no_content()
}
