//! What the JSON bodies have in common: objects that are passed through within
//! bounds, and files in base64.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::error::{Error, Result};
use crate::feedback::{File, MAX_FACTS, MAX_FACTS_DEPTH};
use crate::model::build::Build;
use crate::model::feedback::{JsonObject, MediaKind, Origin};

/// Android pads, other writers may not.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The body as a `T`; unknown members are ignored.
pub(super) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if !bytes.trim_ascii_start().starts_with(b"{") {
        return Err(Error::Invalid("The body is not a valid JSON object".into()));
    }
    let mut json = serde_json::Deserializer::from_slice(bytes);
    serde_path_to_error::deserialize(&mut json).map_err(|error| {
        match error.path().to_string().as_str() {
            path if error.inner().is_data() && path != "." => Error::invalid_parameter(path),
            _ => Error::Invalid("The body is not a valid JSON object".into()),
        }
    })
}

/// The build that was sent about, and what the installed app says of itself:
/// identifier, short version, version.
pub(super) fn origin(build: &Build, said: [Option<String>; 3]) -> Origin {
    let [bundle_id, short_version, version] = said.map(Option::unwrap_or_default);
    Origin {
        app_id: build.app_id.clone(),
        build_id: build.id.clone(),
        build_number: build.number,
        bundle_id,
        short_version,
        version,
    }
}

/// A member that must be there and say something.
pub(super) fn required<'a>(value: Option<&'a String>, name: &str) -> Result<&'a str> {
    value
        .map(|text| text.trim())
        .filter(|text| !text.is_empty())
        .ok_or_else(|| Error::Invalid(format!("Missing parameter \"{name}\"")))
}

/// `system` or `metadata`; an absent one is empty. Old SDKs may send it as
/// text that holds the object.
pub(super) fn facts(value: Option<&RawValue>, name: &str) -> Result<JsonObject> {
    match value.map(RawValue::get) {
        None | Some("null" | "\"\"") => Ok(JsonObject::empty()),
        Some(quoted) if quoted.starts_with('"') => {
            let text: String =
                serde_json::from_str(quoted).map_err(|_| Error::invalid_parameter(name))?;
            object(&text, name)
        }
        Some(text) => object(text, name),
    }
}

fn object(text: &str, name: &str) -> Result<JsonObject> {
    JsonObject::read(text, MAX_FACTS, MAX_FACTS_DEPTH).map_err(|refused| {
        Error::Invalid(format!("Invalid value for parameter \"{name}\": {refused}"))
    })
}

/// The file in a base64 member: lines may be broken, and the prefix of a
/// `data:` URL may stand before it. An absent or empty member is no file.
pub(super) fn file(value: Option<String>, kind: MediaKind, name: &str) -> Result<Option<File>> {
    let Some(text) = value.filter(|text| !text.trim().is_empty()) else { return Ok(None) };
    let text = match text.split_once("base64,") {
        Some((prefix, rest)) if prefix.starts_with("data:") && prefix.len() < 100 => rest,
        _ => &text,
    };
    let plain: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let bytes = BASE64.decode(plain).map_err(|_| Error::invalid_parameter(name))?;
    Ok(Some(File::new(kind, bytes)))
}

/// A device log; an empty one is none.
pub(super) fn log(value: Option<String>) -> Option<File> {
    value
        .filter(|text| !text.trim().is_empty())
        .map(|text| File::new(MediaKind::Log, text.into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_come_in_every_spelling_of_base64() {
        for text in ["/9j/4A==", "/9j/4A", "/9j/\n4A==\r\n", "data:image/jpeg;base64,/9j/4A=="] {
            let file = file(Some(text.into()), MediaKind::Image, "x").unwrap().unwrap();
            assert_eq!(&file.bytes[..], b"\xff\xd8\xff\xe0", "{text}");
        }
        assert!(file(Some(" \n".into()), MediaKind::Image, "x").unwrap().is_none());
        assert!(file(None, MediaKind::Image, "x").unwrap().is_none());
        let refused = file(Some("%%%".into()), MediaKind::Image, "screenshot_data");
        assert!(refused.unwrap_err().to_string().contains("screenshot_data"));
    }

    #[test]
    fn facts_are_objects_of_bounded_size() {
        let raw = |text: &str| RawValue::from_string(text.into()).unwrap();
        let read = |text: &str| facts(Some(&raw(text)), "system").map(|f| f.as_str().to_owned());
        assert_eq!(read(r#"{"a": 1.50}"#).unwrap(), r#"{"a": 1.50}"#);
        assert_eq!(read(r#""{\"a\":1}""#).unwrap(), r#"{"a":1}"#);
        assert_eq!(read("null").unwrap(), "{}");
        assert_eq!(read(r#""""#).unwrap(), "{}");
        assert_eq!(facts(None, "system").unwrap().as_str(), "{}");
        for wrong in
            ["5", "[]", r#""x""#, &format!("{{\"a\":{}1{}}}", "[".repeat(9), "]".repeat(9))]
        {
            assert!(read(wrong).unwrap_err().to_string().contains("system"), "{wrong}");
        }
        assert!(read(&format!("{{\"a\":\"{}\"}}", "x".repeat(MAX_FACTS))).is_err());
    }

    #[test]
    fn a_body_is_one_object() {
        #[derive(Debug, serde::Deserialize)]
        struct Sample {
            name: Option<String>,
        }
        let read = |text: &str| parse::<Sample>(text.as_bytes()).map_err(|e| e.to_string());
        assert_eq!(read(r#" {"name":"x","more":[1]}"#).unwrap().name.as_deref(), Some("x"));
        assert_eq!(read(r#"{"name":null}"#).unwrap().name, None);
        assert!(read(r#"{"name":5}"#).unwrap_err().contains("\"name\""));
        for wrong in ["", "[]", "{", "null", "\u{1}"] {
            assert!(read(wrong).unwrap_err().contains("JSON object"), "{wrong}");
        }
    }
}
