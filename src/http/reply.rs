//! Successful answers in the encodings of api.md 1.2. Knows no wire structs.

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::Serialize;

use crate::error::{Error, Result};
use crate::http::etag;

const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");

/// 200 with `value` as JSON.
pub fn ok<T: Serialize + ?Sized>(value: &T) -> Result<Response> {
    json(StatusCode::OK, value)
}

/// 201 with `value` as JSON.
pub fn created<T: Serialize + ?Sized>(value: &T) -> Result<Response> {
    json(StatusCode::CREATED, value)
}

/// `value` as JSON. Fails only when `value` cannot be serialised.
pub fn json<T: Serialize + ?Sized>(status: StatusCode, value: &T) -> Result<Response> {
    let body = serde_json::to_vec(value).map_err(|e| Error::internal("writing JSON", e))?;
    Ok(json_bytes(status, body.into()))
}

/// JSON that is serialised already.
///
/// A 200 gets an entity tag, which `middleware` takes off again if it answers
/// no `GET`.
pub fn json_bytes(status: StatusCode, body: Bytes) -> Response {
    let tag = (status == StatusCode::OK).then(|| etag::of(&body));
    let mut response = with_type(status, JSON, body.into());
    if let Some(tag) = tag {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

/// 204 without a body.
pub fn no_content() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

/// 200 `text/plain`.
pub fn text(body: impl Into<Body>) -> Response {
    with_type(StatusCode::OK, HeaderValue::from_static("text/plain; charset=utf-8"), body.into())
}

/// Any other media type; the caller says it whole.
pub fn with_type(status: StatusCode, media_type: HeaderValue, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, media_type);
    response
}
