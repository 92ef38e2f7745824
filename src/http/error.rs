//! How errors look on the wire: `{"error": "<message>"}` with the codes and
//! texts of api.md 1.5. It decides no error, and never shows a cause: that
//! travels beside the response to the log of `middleware`.

use std::sync::Arc;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::error::Error;
use crate::http::reply;

/// Seconds after which a refused caller may try again.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("5");

/// An error of the product, or one that only exists on HTTP.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    #[error(transparent)]
    Product(#[from] Error),
    /// The request names no credentials: 401.
    #[error("no authorization token")]
    NoToken,
    /// The credentials are unknown, revoked, malformed or not Bearer: 401.
    #[error("invalid authorization token")]
    InvalidToken,
    /// The token has made its calls of this minute: 429.
    #[error("too many requests")]
    TooMany {
        /// Seconds until it may call again.
        retry_after: u32,
    },
    /// The body is larger than this door reads: 413, which api.md's table
    /// lacks; the JSON shape is the same.
    #[error("request body too large")]
    BodyTooLarge,
}

/// What really happened, kept in the response's extensions until it is logged
/// together with the request id. Never serialised.
#[derive(Debug, Clone)]
pub struct Cause(pub Arc<str>);

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        match self {
            Self::Invalid(text) => message(StatusCode::BAD_REQUEST, &text),
            Self::Forbidden(text) => message(StatusCode::FORBIDDEN, text),
            Self::NotFound(text) => message(StatusCode::NOT_FOUND, &text),
            Self::Conflict(text) => message(StatusCode::CONFLICT, &text),
            Self::Unavailable(text) => with_cause(unavailable(), text),
            Self::Timeout(text) => {
                with_cause(message(StatusCode::GATEWAY_TIMEOUT, "Gateway Time-out"), text)
            }
            Self::Internal { context, cause } => with_cause(
                message(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error"),
                chain(context, &*cause),
            ),
        }
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        match self {
            Self::Product(error) => error.into_response(),
            Self::NoToken => unauthorized("No authorization token was found"),
            Self::InvalidToken => unauthorized("Invalid authorization token"),
            Self::TooMany { retry_after } => too_many(retry_after),
            Self::BodyTooLarge => too_large(),
        }
    }
}

/// An error response with this text as its message.
pub fn message(status: StatusCode, text: &str) -> Response {
    reply::json_bytes(status, serde_json::json!({ "error": text }).to_string().into())
}

fn unauthorized(text: &str) -> Response {
    let mut response = message(StatusCode::UNAUTHORIZED, text);
    response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    response
}

fn unavailable() -> Response {
    let mut response = message(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable");
    response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
    response
}

fn too_many(retry_after: u32) -> Response {
    let mut response = message(StatusCode::TOO_MANY_REQUESTS, "Too Many Requests");
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(retry_after));
    response
}

/// Part of the body may still be on its way, so the connection cannot be used
/// for another request.
fn too_large() -> Response {
    let mut response = message(StatusCode::PAYLOAD_TOO_LARGE, "Request body too large");
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

fn with_cause(mut response: Response, cause: String) -> Response {
    response.extensions_mut().insert(Cause(cause.into()));
    response
}

fn chain(context: &str, cause: &(dyn std::error::Error + 'static)) -> String {
    let mut text = format!("{context}: {cause}");
    let mut next = cause.source();
    while let Some(source) = next {
        text.push_str(": ");
        text.push_str(&source.to_string());
        next = source.source();
    }
    text
}
