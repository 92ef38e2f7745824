//! Parameters of a call by the rules of api.md 1.2: body first, then query;
//! empty is absent; the last of repeated ones wins; unknown ones are ignored.
//! Reads and types values, decides nothing about them.

use std::borrow::Cow;
use std::ops::RangeInclusive;
use std::str::FromStr;

use axum::extract::{FromRequest, Request};
use axum::http::{Method, Uri};
use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::http::body::{self, MAX_BODY_BYTES, Media};
use crate::http::error::Fault;
use crate::http::path::is_utf8_encoded;

/// Longest single text; git itself allows no longer branch names.
const MAX_TEXT_BYTES: usize = 4096;
/// Most entries of one list.
const MAX_LIST_ENTRIES: usize = 1000;

/// Everything a caller sent beside the path.
///
/// As an extractor it must come last, because it reads the body. A body on
/// `GET` and `HEAD` must be well-formed too, but is not looked at.
#[derive(Debug)]
pub struct Params {
    uri: Uri,
    given: Given,
}

#[derive(Debug)]
enum Given {
    Nothing,
    Form(String),
    Json(Map<String, Value>),
}

enum Found<'a> {
    Text(Cow<'a, str>),
    Json(&'a Value),
}

impl<S: Sync> FromRequest<S> for Params {
    type Rejection = Fault;

    async fn from_request(request: Request, _: &S) -> Result<Self, Fault> {
        let (parts, body) = request.into_parts();
        let media = body::media(&parts.headers)?;
        let bytes = body::read(&parts.headers, body, MAX_BODY_BYTES).await?;
        let mut given = parse_body(media, &bytes)?;
        if matches!(parts.method, Method::GET | Method::HEAD) {
            given = Given::Nothing;
        }
        Ok(Self { uri: parts.uri, given })
    }
}

fn parse_body(media: Option<Media>, bytes: &[u8]) -> Result<Given> {
    if bytes.is_empty() {
        return Ok(Given::Nothing);
    }
    let text = std::str::from_utf8(bytes)
        .map_err(|_| Error::Invalid("The body is not valid UTF-8".into()))?;
    match media {
        Some(Media::Form) if is_utf8_encoded(text) => Ok(Given::Form(text.to_owned())),
        Some(Media::Form) => Err(Error::Invalid("The body is not valid UTF-8".into())),
        // serde_json refuses nesting deeper than 128 levels by itself.
        Some(Media::Json) => serde_json::from_str(text)
            .map(Given::Json)
            .map_err(|_| Error::Invalid("The body is not a valid JSON object".into())),
        None => Err(Error::Invalid(
            "A body must be application/json or application/x-www-form-urlencoded".into(),
        )),
    }
}

impl Params {
    /// The path as requested, with slashes collapsed, still percent-encoded.
    pub fn path(&self) -> &str {
        self.uri.path()
    }

    /// A text. `Invalid` for another JSON type, a NUL (which PostgreSQL cannot
    /// store) or more than 4096 bytes.
    pub fn opt_str(&self, name: &str) -> Result<Option<Cow<'_, str>>> {
        self.opt_text(name, MAX_TEXT_BYTES)
    }

    /// A longer text, such as that of a text area: up to `max` bytes, without
    /// NUL.
    pub fn opt_text(&self, name: &str, max: usize) -> Result<Option<Cow<'_, str>>> {
        match self.find(name) {
            None => Ok(None),
            Some(Found::Text(text)) if text.len() <= max && !text.contains('\0') => Ok(Some(text)),
            Some(_) => Err(Error::invalid_parameter(name)),
        }
    }

    /// A text that must be there: `Missing parameter "<name>"`.
    pub fn required_str(&self, name: &str) -> Result<Cow<'_, str>> {
        self.opt_str(name)?.ok_or_else(|| missing(name))
    }

    /// A text that parses as `T`, such as a status or a cursor.
    pub fn opt<T: FromStr>(&self, name: &str) -> Result<Option<T>> {
        self.opt_str(name)?
            .map(|text| text.parse().map_err(|_| Error::invalid_parameter(name)))
            .transpose()
    }

    /// `true`/`1` or `false`/`0` in any case, also as JSON booleans or numbers.
    pub fn opt_bool(&self, name: &str) -> Result<Option<bool>> {
        let text = match self.find(name) {
            None => return Ok(None),
            Some(Found::Json(Value::Bool(value))) => return Ok(Some(*value)),
            Some(Found::Json(Value::Number(number))) => Cow::Owned(number.to_string()),
            Some(Found::Json(_)) => return Err(Error::invalid_parameter(name)),
            Some(Found::Text(text)) => text,
        };
        if text == "1" || text.eq_ignore_ascii_case("true") {
            Ok(Some(true))
        } else if text == "0" || text.eq_ignore_ascii_case("false") {
            Ok(Some(false))
        } else {
            Err(Error::invalid_parameter(name))
        }
    }

    /// A whole number within `range`.
    pub fn opt_int_in(&self, name: &str, range: RangeInclusive<i64>) -> Result<Option<i64>> {
        let number = match self.find(name) {
            None => return Ok(None),
            Some(Found::Json(Value::Number(number))) => number.as_i64(),
            Some(Found::Json(_)) => None,
            Some(Found::Text(text)) => text.parse().ok(),
        };
        match number {
            Some(number) if range.contains(&number) => Ok(Some(number)),
            _ => Err(Error::invalid_parameter(name)),
        }
    }

    /// Texts separated by commas, or a JSON array of texts. Entries are
    /// trimmed, empty ones dropped; a list of none is absent.
    pub fn opt_list(&self, name: &str) -> Result<Option<Vec<String>>> {
        let invalid = || Error::invalid_parameter(name);
        let entries: Vec<String> = match self.find(name) {
            None => return Ok(None),
            Some(Found::Text(text)) => trimmed(text.split(',')),
            Some(Found::Json(Value::Array(values))) => {
                let texts: Option<Vec<&str>> = values.iter().map(Value::as_str).collect();
                trimmed(texts.ok_or_else(invalid)?.into_iter())
            }
            Some(Found::Json(_)) => return Err(invalid()),
        };
        let is_sane = |entry: &String| entry.len() <= MAX_TEXT_BYTES && !entry.contains('\0');
        if entries.len() > MAX_LIST_ENTRIES || !entries.iter().all(is_sane) {
            return Err(invalid());
        }
        Ok(Some(entries).filter(|entries| !entries.is_empty()))
    }

    /// Every value of a field that a form repeats, such as ticked boxes.
    pub fn all(&self, name: &str) -> Result<Vec<String>> {
        let Given::Form(text) = &self.given else { return Ok(Vec::new()) };
        let values: Vec<String> = form_urlencoded::parse(text.as_bytes())
            .filter(|(key, value)| key == name && !value.is_empty())
            .map(|(_, value)| value.into_owned())
            .collect();
        let is_sane = |value: &String| value.len() <= MAX_TEXT_BYTES && !value.contains('\0');
        if values.len() > MAX_LIST_ENTRIES || !values.iter().all(is_sane) {
            return Err(Error::invalid_parameter(name));
        }
        Ok(values)
    }

    /// A list that must have an entry: `Missing parameter "<name>"`.
    pub fn required_list(&self, name: &str) -> Result<Vec<String>> {
        self.opt_list(name)?.ok_or_else(|| missing(name))
    }

    fn find(&self, name: &str) -> Option<Found<'_>> {
        let in_body = match &self.given {
            Given::Nothing => None,
            Given::Form(text) => last_value(text, name).map(Found::Text),
            Given::Json(object) => match object.get(name) {
                None | Some(Value::Null) => None,
                Some(Value::String(text)) if text.is_empty() => None,
                Some(Value::String(text)) => Some(Found::Text(Cow::Borrowed(text))),
                Some(other) => Some(Found::Json(other)),
            },
        };
        in_body.or_else(|| last_value(self.uri.query()?, name).map(Found::Text))
    }
}

/// The value of the last `name` in urlencoded text, unless it is empty.
pub fn last_value<'a>(urlencoded: &'a str, name: &str) -> Option<Cow<'a, str>> {
    form_urlencoded::parse(urlencoded.as_bytes())
        .filter(|(key, _)| key == name)
        .last()
        .map(|(_, value)| value)
        .filter(|value| !value.is_empty())
}

fn trimmed<'a>(entries: impl Iterator<Item = &'a str>) -> Vec<String> {
    entries.map(str::trim).filter(|entry| !entry.is_empty()).map(str::to_owned).collect()
}

fn missing(name: &str) -> Error {
    Error::Invalid(format!("Missing parameter \"{name}\""))
}
