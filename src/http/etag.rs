//! Entity tags of JSON answers, and `If-None-Match` (RFC 9110 section 13.1.2).
//! A client that polls learns by a short 304 that nothing has changed.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest;

/// Bytes of the digest that are kept: 128 bits.
const KEPT: usize = 16;
/// Two quotes around base64 of `KEPT` bytes.
const LENGTH: usize = 24;

/// The strong entity tag of exactly these bytes.
pub fn of(body: &[u8]) -> HeaderValue {
    let digest = digest::digest(&digest::SHA256, body);
    let mut tag = [b'"'; LENGTH];
    let written = URL_SAFE_NO_PAD.encode_slice(&digest.as_ref()[..KEPT], &mut tag[1..LENGTH - 1]);
    debug_assert_eq!(written, Ok(LENGTH - 2));
    HeaderValue::from_bytes(&tag).expect("base64 is valid in a header")
}

/// Turns a 200 whose entity tag the caller has already into a 304.
pub fn answer_unchanged(known: &HeaderValue, response: &mut Response) {
    let is_known = |tag: &HeaderValue| matches(known.as_bytes(), tag.as_bytes());
    if response.status() != StatusCode::OK
        || !response.headers().get(header::ETAG).is_some_and(is_known)
    {
        return;
    }
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    *response.body_mut() = Body::empty();
    let headers = response.headers_mut();
    headers.remove(header::CONTENT_TYPE);
    headers.remove(header::CONTENT_LENGTH);
}

/// `*`, or a list that holds `tag`; weak ones compare like strong ones here.
fn matches(known: &[u8], tag: &[u8]) -> bool {
    let strong = |tag: &[u8]| tag.strip_prefix(b"W/").map_or_else(|| tag.to_vec(), <[u8]>::to_vec);
    let tag = strong(tag);
    // Our tags hold no comma, so a comma within a foreign one does no harm.
    known.trim_ascii() == b"*" || known.split(|b| *b == b',').any(|k| strong(k.trim_ascii()) == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_quoted_and_depend_on_every_byte() {
        let tag = of(b"[]");
        assert_eq!(tag.as_bytes().len(), LENGTH);
        assert_eq!((tag.as_bytes()[0], tag.as_bytes()[LENGTH - 1]), (b'"', b'"'));
        assert_eq!(of(b"[]"), tag);
        assert_ne!(of(b"[ ]"), tag);
    }

    #[test]
    fn lists_weak_tags_and_the_star_match() {
        for (known, expected) in [
            ("\"a\"", true),
            ("W/\"a\"", true),
            (" \"b\" , \"a\"", true),
            ("*", true),
            ("\"b\"", false),
            ("a", false),
            ("", false),
        ] {
            assert_eq!(matches(known.as_bytes(), b"\"a\""), expected, "{known}");
        }
    }
}
