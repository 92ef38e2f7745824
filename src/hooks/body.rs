//! The JSON inside a delivery's body: the body itself, or the form field
//! `payload` (TRG-4).

use axum::http::{HeaderMap, header};

use crate::hooks::read::{Malformed, Parsed};
use crate::http::params::last_value;

/// The payload as text. Providers' media types are not to be relied on: what
/// starts like an object is JSON.
pub fn payload(headers: &HeaderMap, body: &[u8]) -> Parsed<String> {
    let text = std::str::from_utf8(body).map_err(|_| Malformed::Encoding)?;
    let text = text.trim_start_matches('\u{feff}').trim();
    if text.starts_with('{') {
        return Ok(text.to_owned());
    }
    let media = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let is_form = media.is_none_or(|media| {
        media.trim_start().to_ascii_lowercase().starts_with("application/x-www-form-urlencoded")
    });
    let field = if is_form { last_value(text, "payload") } else { None };
    field.map(std::borrow::Cow::into_owned).ok_or(Malformed::Encoding)
}
