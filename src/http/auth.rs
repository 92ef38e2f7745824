//! The bearer token of a request (api.md 1.3), and the cookie of a browser.
//! Finds the token and says which of the two refusals applies; whether it is known is decided by the closure
//! that the router gets from outside.

use std::future::Future;
use std::sync::Arc;

use axum::http::{HeaderMap, HeaderValue, header};
use futures_util::future::BoxFuture;

use crate::error::Result;
use crate::http::error::Fault;
use crate::model::account::Actor;
use crate::model::secret::Secret;

/// Longer than any token we issue; a longer one is not looked up.
const MAX_TOKEN_BYTES: usize = 512;

/// `__Host-` would be stronger, but works on https only, and people begin on a
/// plain http server in their own network.
pub const SESSION_COOKIE: &str = "shipmate_session";

/// Finds whom a token acts for. `None` means unknown or revoked.
pub type Authenticate =
    Arc<dyn Fn(Secret) -> BoxFuture<'static, Result<Option<Actor>>> + Send + Sync>;

/// Wraps an async function as the `Authenticate` of a door.
pub fn authenticate_by<F, Fut>(find: F) -> Authenticate
where
    F: Fn(Secret) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Option<Actor>>> + Send + 'static,
{
    Arc::new(move |token| Box::pin(find(token)))
}

/// The token of `Authorization: Bearer <token>`; name and scheme in any case.
///
/// `NoToken` when the header is missing or blank, `InvalidToken` when it is
/// anything else than one bearer token.
pub fn bearer_token(headers: &HeaderMap) -> Result<Secret, Fault> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else {
        return Err(Fault::NoToken);
    };
    if values.next().is_some() {
        return Err(Fault::InvalidToken);
    }
    read_bearer(value)
}

fn read_bearer(value: &HeaderValue) -> Result<Secret, Fault> {
    let text = value.to_str().map_err(|_| Fault::InvalidToken)?.trim();
    if text.is_empty() {
        return Err(Fault::NoToken);
    }
    let (scheme, token) = text.split_once([' ', '\t']).ok_or(Fault::InvalidToken)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Fault::InvalidToken);
    }
    read_token(token.trim_start())
}

/// A token given by itself, as `?access_token=` of ccmenu (api.md 4.18).
pub fn read_token(token: &str) -> Result<Secret, Fault> {
    let is_plain = token.bytes().all(|b| b.is_ascii_graphic());
    if token.is_empty() || token.len() > MAX_TOKEN_BYTES || !is_plain {
        return Err(Fault::InvalidToken);
    }
    Ok(Secret::new(token))
}

/// What a signed-in browser sends.
pub fn session_cookie(headers: &HeaderMap) -> Option<&str> {
    cookie(headers, SESSION_COOKIE)
}

/// The value of the first cookie of this name.
pub fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(found, _)| *found == name)
        .map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        assert_eq!(session_cookie(&headers), None);
        headers.append(header::COOKIE, HeaderValue::from_static("a=b; shipmate_session=x; c"));
        assert_eq!(session_cookie(&headers), Some("x"));
    }
}
