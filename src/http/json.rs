//! Whole JSON objects as bodies, for calls that the old API did not have. Its
//! own calls read single parameters with `params`.

use axum::extract::{FromRequest, Request};
use axum::http::Method;
use serde::Deserializer;
use serde::de::{DeserializeOwned, Visitor};

use crate::error::Error;
use crate::http::body::{self, MAX_BODY_BYTES, Media};
use crate::http::error::Fault;

/// The body as a `T`. An empty body is an empty object, but not with `PUT`: it
/// replaces, and a body that got lost on its way must not wipe anything.
///
/// As an extractor it must come last. `Invalid`, naming the member, for a body
/// that does not fit.
#[derive(Debug)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Sync> FromRequest<S> for Json<T> {
    type Rejection = Fault;

    async fn from_request(request: Request, _: &S) -> Result<Self, Fault> {
        let (parts, body) = request.into_parts();
        let media = body::media(&parts.headers)?;
        let bytes = body::read(&parts.headers, body, MAX_BODY_BYTES).await?;
        if !bytes.is_empty() && media != Some(Media::Json) {
            return Err(Error::Invalid("A body must be application/json".into()).into());
        }
        if bytes.is_empty() && parts.method == Method::PUT {
            return Err(Error::Invalid("The body is missing".into()).into());
        }
        Ok(Self(parse(&bytes)?))
    }
}

/// Reads a type from objects only: serde would also take an array for a struct,
/// and its members by their order. For every struct inside a body; it derives
/// `Serialize` and `Deserialize` with `#[serde(remote = "Self")]`.
macro_rules! only_from_objects {
    ($($type:ty),+ $(,)?) => {$(
        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                <$type>::deserialize($crate::http::json::OnlyMaps(from))
            }
        }

        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                <$type>::serialize(self, to)
            }
        }
    )+};
}

pub(crate) use only_from_objects;

/// Asks for a map where a struct is wanted.
#[derive(Debug)]
pub struct OnlyMaps<D>(pub D);

impl<'de, D: Deserializer<'de>> Deserializer<'de> for OnlyMaps<D> {
    type Error = D::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_map(visitor)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        option unit unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier
        ignored_any
    }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    let bytes = if bytes.is_empty() { b"{}" } else { bytes };
    let text = std::str::from_utf8(bytes)
        .map_err(|_| Error::Invalid("The body is not valid UTF-8".into()))?;
    if !text.trim_start().starts_with('{') {
        return Err(Error::Invalid("The body is not a valid JSON object".into()));
    }
    // PostgreSQL stores no NUL, so no text may hold one; in JSON it can only
    // be written like this.
    if text.contains("\\u0000") {
        return Err(Error::Invalid("The body holds a NUL character".into()));
    }
    let mut read = serde_json::Deserializer::from_str(text);
    let value: T = serde_path_to_error::deserialize(&mut read).map_err(|error| {
        if !error.inner().is_data() {
            return Error::Invalid("The body is not a valid JSON object".into());
        }
        let cause = error.inner().to_string();
        // The place in the text helps nobody who sent an object.
        let cause = cause.split(" at line ").next().unwrap_or_default();
        match error.path().to_string().as_str() {
            "." | "" => Error::Invalid(format!("The body is not as expected: {cause}")),
            path => Error::Invalid(format!("Invalid value for parameter \"{path}\": {cause}")),
        }
    })?;
    read.end().map_err(|_| Error::Invalid("The body is not a valid JSON object".into()))?;
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        name: Option<String>,
        sizes: Option<Vec<u32>>,
        inner: Option<Inner>,
    }

    #[derive(Debug, serde::Serialize, serde::Deserialize)]
    #[serde(deny_unknown_fields, remote = "Self")]
    struct Inner {
        on: bool,
    }

    only_from_objects!(Inner);

    fn fault(text: &str) -> String {
        parse::<Sample>(text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn faults_name_the_member() {
        let sample: Sample = parse(br#"{"name": "x", "sizes": [1]}"#).unwrap();
        assert_eq!((sample.name.as_deref(), sample.sizes), (Some("x"), Some(vec![1])));
        assert!(parse::<Sample>(b"").unwrap().name.is_none());
        assert!(fault(r#"{"name": 5}"#).starts_with("Invalid value for parameter \"name\""));
        assert!(fault(r#"{"sizes": [1, -2]}"#).contains("\"sizes[1]\""));
        assert!(fault(r#"{"nam": 5}"#).contains("nam"));
        let inner: Sample = parse(br#"{"inner": {"on": true}}"#).unwrap();
        assert!(inner.inner.unwrap().on);
        for wrong in ["[true]", "[]", "7", r#"{"on": 1}"#, r#"{"off": true}"#] {
            let fault = fault(&format!(r#"{{"inner": {wrong}}}"#));
            assert!(fault.starts_with("Invalid value for parameter \"inner"), "{fault}");
        }
        assert!(fault("{").contains("JSON object"));
        assert!(fault("[]").contains("JSON object"));
        assert!(fault("{} {}").contains("JSON object"));
        assert!(fault(r#"{"name": "a\u0000b"}"#).contains("NUL"));
    }
}
