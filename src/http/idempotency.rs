//! `Idempotency-Key` on `POST` (draft-ietf-httpapi-idempotency-key-header): the
//! same key with the same call gets the first answer again, so that a client
//! whose connection broke may simply repeat. Keys belong to one token and are
//! kept for a day; answers are sealed, because one may hold a fresh token.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, HttpBody, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use ring::digest;
use tower::Service;

use crate::app::App;
use crate::db::idempotency::{self as rows, Kept, Mark};
use crate::error::{Error, Result};
use crate::http::body::{self, MAX_BODY_BYTES};
use crate::http::error::{Fault, message};
use crate::http::reply;
use crate::model::hex::hex;
use crate::model::ids::TokenId;
use crate::model::secret::Secret;

pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Says that the answer is an earlier one.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

const MAX_KEY: usize = 255;
/// How long a key is kept: 24 hours.
const KEEP_MS: i64 = 24 * 3_600_000;
/// Keys of one token within that time.
const MAX_KEYS: i64 = 10_000;
/// A call that has not answered for this long died with its server; the key is
/// free again. Longer than the deadline of every handler.
const GIVEN_UP_MS: i64 = 5 * 60_000;
/// Longer answers are not kept; the call can then be repeated like one
/// without a key.
const MAX_KEPT_BYTES: u64 = 64 << 10;

/// Keeps answers in the database, so that they outlive this process and are
/// known to others beside it.
#[derive(Debug, Clone)]
pub struct Replay(pub Arc<App>);

enum Claim {
    /// This call is the first; the mark is its own.
    Fresh(Mark),
    Answered(Kept),
    /// The first call has not answered yet.
    Running,
    /// The key was used for another call.
    Different,
    TooMany,
}

impl Replay {
    /// Answers a `POST` that carries a key, at most once by running it.
    pub async fn answer(&self, token: &TokenId, router: Router, request: Request) -> Response {
        match self.try_answer(token, router, request).await {
            Ok(response) => response,
            Err(fault) => fault.into_response(),
        }
    }

    async fn try_answer(
        &self,
        token: &TokenId,
        router: Router,
        request: Request,
    ) -> Result<Response, Fault> {
        let key = read_key(request.headers())?;
        let (parts, body) = request.into_parts();
        let bytes = body::read(&parts.headers, body, MAX_BODY_BYTES).await?;
        let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
        let media = parts.headers.get(header::CONTENT_TYPE).map_or(&b""[..], |v| v.as_bytes());
        let call = [parts.method.as_str().as_bytes(), target.as_bytes(), media, &bytes];
        let mark = Mark { token: token.clone(), key, taken_at: self.0.clock.now() };
        match self.claim(mark, &digest_of(&call)).await? {
            Claim::Fresh(mark) => {
                let request = Request::from_parts(parts, Body::from(bytes));
                Ok(self.run(mark, router, request).await)
            }
            Claim::Answered(kept) => Ok(self.replay(token, kept)?),
            Claim::Running => Ok(running()),
            Claim::Different => Ok(message(
                StatusCode::UNPROCESSABLE_ENTITY,
                "This Idempotency-Key was used for another call",
            )),
            Claim::TooMany => Ok(message(
                StatusCode::CONFLICT,
                "Too many Idempotency-Keys within 24 hours; send calls without one",
            )),
        }
    }

    async fn claim(&self, mark: Mark, digest: &str) -> Result<Claim> {
        let now = mark.taken_at;
        let mut tx = self.0.db.write().await?;
        rows::delete_older(&mut tx, now.plus(-KEEP_MS)).await?;
        let claim = if rows::insert(&mut tx, &mark, digest).await? {
            match rows::count(&mut tx, &mark.token).await? > MAX_KEYS {
                true => return Ok(Claim::TooMany),
                false => Claim::Fresh(mark),
            }
        } else {
            let kept = rows::find(&mut tx, &mark.token, &mark.key).await?;
            let kept = kept.ok_or_else(|| Error::bug("idempotency", "a key has vanished"))?;
            if kept.digest != digest {
                Claim::Different
            } else if kept.status.is_some() {
                Claim::Answered(kept)
            } else if now.since(kept.taken_at) > GIVEN_UP_MS
                && rows::take_over(&mut tx, &mark, kept.taken_at).await? == 1
            {
                Claim::Fresh(mark)
            } else {
                Claim::Running
            }
        };
        tx.commit().await?;
        Ok(claim)
    }

    /// In a task of its own: a caller who hangs up is the very one who will
    /// come back for the answer.
    async fn run(&self, mark: Mark, mut router: Router, request: Request) -> Response {
        let replay = self.clone();
        let task = tokio::spawn(async move {
            match AssertUnwindSafe(router.call(request)).catch_unwind().await {
                Ok(Ok(response)) => Ok(replay.keep(&mark, response).await),
                Err(panic) => {
                    replay.release(&mark).await;
                    Err(panic)
                }
            }
        });
        match task.await {
            Ok(Ok(response)) => response,
            // The door tells of it and answers 500.
            Ok(Err(panic)) => std::panic::resume_unwind(panic),
            Err(cause) => Error::internal("an idempotent call", cause).into_response(),
        }
    }

    /// Keeps the answer unless it is a fault of ours, which shall be repeated.
    async fn keep(&self, mark: &Mark, response: Response) -> Response {
        let length = response.body().size_hint().exact();
        if response.status().is_server_error() || length.is_none_or(|n| n > MAX_KEPT_BYTES) {
            self.release(mark).await;
            return response;
        }
        let (parts, body) = response.into_parts();
        let Ok(bytes) = to_bytes(body, usize::MAX).await else {
            self.release(mark).await;
            return Error::bug("an idempotent call", "its answer broke off").into_response();
        };
        match std::str::from_utf8(&bytes) {
            Ok(text) => self.write(mark, parts.status, &parts.headers, text).await,
            Err(_) => self.release(mark).await,
        }
        Response::from_parts(parts, Body::from(bytes))
    }

    async fn write(&self, mark: &Mark, status: StatusCode, headers: &HeaderMap, text: &str) {
        let media = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let sealed = self.0.keys.seal(&sealing_place(&mark.token, &mark.key), &Secret::new(text));
        let kept = async {
            let mut tx = self.0.db.write().await?;
            let status = i64::from(status.as_u16());
            rows::keep(&mut tx, mark, status, media.unwrap_or_default(), &sealed).await?;
            tx.commit().await
        };
        warn_of(kept.await);
    }

    async fn release(&self, mark: &Mark) {
        let released = async {
            let mut tx = self.0.db.write().await?;
            rows::release(&mut tx, mark).await?;
            tx.commit().await
        };
        warn_of(released.await);
    }

    fn replay(&self, token: &TokenId, kept: Kept) -> Result<Response> {
        let Kept { idempotency_key, status, media_type, body_sealed, .. } = kept;
        let sealed = body_sealed.unwrap_or_default();
        let text = self.0.keys.open_sealed(&sealing_place(token, &idempotency_key), &sealed)?;
        let status = status.and_then(|status| u16::try_from(status).ok());
        let status = status.and_then(|status| StatusCode::from_u16(status).ok());
        let status = status.ok_or_else(|| Error::bug("idempotency", "a kept status is none"))?;
        let mut response = match media_type.as_str() {
            "" => {
                let mut response = reply::no_content();
                *response.status_mut() = status;
                response
            }
            media => {
                let media = HeaderValue::try_from(media)
                    .map_err(|e| Error::internal("a kept media type", e))?;
                reply::with_type(status, media, text.expose().to_owned().into())
            }
        };
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
        Ok(response)
    }
}

/// What seals a kept answer to its row.
pub fn sealing_place(token: &TokenId, key: &str) -> String {
    format!("idempotency_keys/{token}/{key}")
}

/// One of 1 to 255 visible ASCII characters.
fn read_key(headers: &HeaderMap) -> Result<String> {
    let refuse = || Error::Invalid("An Idempotency-Key has 1 to 255 visible characters".into());
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return Err(refuse()) };
    let is_plain = value.as_bytes().iter().all(u8::is_ascii_graphic);
    if !is_plain || !(1..=MAX_KEY).contains(&value.len()) {
        return Err(refuse());
    }
    Ok(value.to_str().map_err(|_| refuse())?.to_owned())
}

/// SHA-256 over the parts, each behind its length, so that no two calls share
/// one text.
fn digest_of(parts: &[&[u8]]) -> String {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    hex(context.finish().as_ref())
}

fn running() -> Response {
    let mut response =
        message(StatusCode::CONFLICT, "The first call with this Idempotency-Key is still running");
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

/// The call itself went well; its caller gets the answer in any case.
fn warn_of(result: Result<()>) {
    if let Err(error) = result {
        tracing::warn!(%error, "the answer to an idempotent call was not kept");
    }
}

/// The age of a key is that of its first call.
const _: () = assert!(GIVEN_UP_MS < KEEP_MS);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_one_visible_word() {
        let read = |values: &[&[u8]]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(IDEMPOTENCY_KEY, HeaderValue::from_bytes(value).unwrap());
            }
            read_key(&headers)
        };
        assert_eq!(read(&[b"8e03978e-40d5"]).unwrap(), "8e03978e-40d5");
        assert_eq!(read(&[&[b'a'; 255]]).unwrap().len(), 255);
        for bad in [&[&b""[..]][..], &[b"a b"], &[b"a", b"b"], &[&[b'a'; 256]], &["é".as_bytes()]]
        {
            assert!(read(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn no_two_calls_share_a_digest() {
        assert_ne!(digest_of(&[b"ab", b"c"]), digest_of(&[b"a", b"bc"]));
        assert_eq!(digest_of(&[b"a"]), digest_of(&[b"a"]));
    }
}
