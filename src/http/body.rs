//! Reads request bodies within a limit and finds out what they claim to be
//! (api.md 1.2). Gives text; what it means is for `params`.

use axum::body::{Body, Bytes, HttpBody};
use axum::http::{HeaderMap, header};
use futures_util::StreamExt;

use crate::error::Error;
use crate::http::error::Fault;

/// Largest body of a v1 call; a list of a few thousand testers fits. Parsed
/// JSON takes up to sixteen times its size in memory.
pub const MAX_BODY_BYTES: usize = 256 << 10;

/// A body that is too large is read on and thrown away up to this size: a
/// client that is still sending does not read our answer.
const MAX_DRAINED_BYTES: usize = 16 << 20;

/// The two encodings that v1 reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Media {
    Json,
    Form,
}

/// What `Content-Type` says. `None`: absent, or a type v1 does not read.
///
/// Fails when it names a charset other than utf-8.
pub fn media(headers: &HeaderMap) -> Result<Option<Media>, Error> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else {
        return Ok(None);
    };
    let Ok(value) = value.to_str() else {
        return Ok(None);
    };
    let mut parts = value.split(';');
    let essence = parts.next().unwrap_or_default().trim();
    for part in parts {
        let Some((name, charset)) = part.split_once('=') else { continue };
        let charset = charset.trim().trim_matches('"');
        if name.trim().eq_ignore_ascii_case("charset") && !charset.eq_ignore_ascii_case("utf-8") {
            return Err(Error::Invalid("The only charset is utf-8".into()));
        }
    }
    Ok(if essence.eq_ignore_ascii_case("application/json") {
        Some(Media::Json)
    } else if essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        Some(Media::Form)
    } else {
        None
    })
}

/// The whole body, never more than `limit` bytes of it in memory.
pub async fn read(headers: &HeaderMap, body: Body, limit: usize) -> Result<Bytes, Fault> {
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    if let Some(announced) = announced_length(headers)
        && announced > limit as u64
        && (announced > MAX_DRAINED_BYTES as u64 || headers.contains_key(header::EXPECT))
    {
        return Err(Fault::BodyTooLarge);
    }
    let mut stream = body.into_data_stream();
    let mut kept = Vec::new();
    let mut seen = 0;
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|_| Error::Invalid("The body ended early".into()))?;
        seen += chunk.len();
        if seen <= limit {
            kept.extend_from_slice(&chunk);
        } else if seen <= MAX_DRAINED_BYTES {
            kept = Vec::new();
        } else {
            break;
        }
    }
    if seen > limit { Err(Fault::BodyTooLarge) } else { Ok(kept.into()) }
}

fn announced_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
