//! The request target before routing: slashes and UTF-8 (api.md 1.1, 1.2).
//! Works on the raw, still percent-encoded text, and decodes nothing for good.

use axum::http::Uri;
use axum::http::uri::PathAndQuery;
use percent_encoding::percent_decode;

use crate::error::Error;

/// Collapses runs of `/` and drops a trailing one; the query and every
/// percent-encoding stay as they are. `Uri`s that need no change are not copied.
pub fn collapse_slashes(uri: &mut Uri) {
    let path = uri.path();
    let trailing = path.len() > 1 && path.ends_with('/');
    if !trailing && !path.contains("//") {
        return;
    }
    let mut target = String::with_capacity(path.len());
    for segment in path.split('/').filter(|segment| !segment.is_empty()) {
        target.push('/');
        target.push_str(segment);
    }
    if target.is_empty() {
        target.push('/');
    }
    if let Some(query) = uri.query() {
        target.push('?');
        target.push_str(query);
    }
    let mut parts = std::mem::take(uri).into_parts();
    parts.path_and_query = Some(
        PathAndQuery::try_from(target).expect("removing slashes keeps a request target valid"),
    );
    *uri = Uri::from_parts(parts).expect("only the path of a valid URI has changed");
}

/// Refuses a path or query that is not UTF-8 once percent-decoded.
pub fn check_utf8(uri: &Uri) -> Result<(), Error> {
    for (part, text) in [("path", uri.path()), ("query string", uri.query().unwrap_or(""))] {
        if !is_utf8_encoded(text) {
            return Err(Error::Invalid(format!("The {part} is not valid UTF-8")));
        }
    }
    Ok(())
}

/// True when percent-decoding `text` gives UTF-8. The separators `&`, `=` and
/// `/` are ASCII, so the whole is UTF-8 exactly when every value in it is.
pub fn is_utf8_encoded(text: &str) -> bool {
    !text.as_bytes().contains(&b'%') || percent_decode(text.as_bytes()).decode_utf8().is_ok()
}
