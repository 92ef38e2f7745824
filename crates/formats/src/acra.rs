//! Crash reports of ACRA, the library that Android SDKs use, in the three
//! encodings it has had: JSON, an urlencoded form, and Java properties. Keeps
//! the fields that a crash needs and skips the rest, which may be megabytes of
//! settings. May not judge a report: it says what is in it.
//!
//! Shapes: `ReportField`, `JSONReportBuilder`, `HttpSender` and
//! `CrashReportPersister` of ACRA 4 and 5.

use std::collections::BTreeMap;

use serde::de::DeserializeSeed;

use crate::error::{Position, ReadError};
use crate::limits::Limits;
use crate::text;

mod leaves;
mod properties;

use leaves::Leaves;

/// How a report travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    Json,
    /// `application/x-www-form-urlencoded`.
    Form,
    /// Lines of `KEY=value` with the escapes of `java.util.Properties`.
    Properties,
}

impl Encoding {
    /// Told by the bytes, for a sender that does not say.
    pub fn guess(bytes: &[u8]) -> Self {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii();
        if bytes.starts_with(b"{") {
            Self::Json
        } else if bytes.contains(&b'\n') {
            Self::Properties
        } else {
            Self::Form
        }
    }
}

/// What is kept of a report. Fields that ACRA could not find are empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AcraReport {
    /// By their names in ACRA, such as `PACKAGE_NAME`.
    fields: BTreeMap<&'static str, String>,
    /// What the app added; nested names are joined with dots.
    pub custom: BTreeMap<String, String>,
}

/// The fields that are kept.
const FIELDS: &[&str] = &[
    "ANDROID_VERSION",
    "APP_VERSION_CODE",
    "APP_VERSION_NAME",
    "AVAILABLE_MEM_SIZE",
    "BRAND",
    "DEVICE_ID",
    "INSTALLATION_ID",
    "IS_SILENT",
    "LOGCAT",
    "PACKAGE_NAME",
    "PHONE_MODEL",
    "PRODUCT",
    "REPORT_ID",
    "STACK_TRACE",
    "THREAD_DETAILS",
    "TOTAL_MEM_SIZE",
    "USER_APP_START_DATE",
    "USER_COMMENT",
    "USER_CRASH_DATE",
    "USER_EMAIL",
];
const CUSTOM: &str = "CUSTOM_DATA";
/// Entries of custom data.
const MAX_CUSTOM: usize = 1_000;
/// What ACRA writes where it found nothing.
const NOTHING: [&str; 2] = ["N/A", "ACRA-NULL-STRING"];

impl AcraReport {
    /// A field by its name in ACRA, or `""`.
    pub fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }

    /// An entry of the custom data, or `""`.
    pub fn custom(&self, name: &str) -> &str {
        self.custom.get(name).map_or("", String::as_str)
    }

    /// Takes a leaf of the report; `path` is the field's name, with the names
    /// inside it after dots.
    fn put(&mut self, path: &str, value: &str) {
        let (field, inner) = path.split_once('.').map_or((path, None), |(f, i)| (f, Some(i)));
        if NOTHING.contains(&value) {
            return;
        }
        match (field, inner) {
            (CUSTOM, None) => self.put_custom_text(value),
            (CUSTOM, Some(name)) => self.put_custom(name, value),
            _ => {
                let Some(known) = FIELDS.iter().find(|known| **known == field) else { return };
                let kept = self.fields.entry(known).or_default();
                if !kept.is_empty() {
                    kept.push('\n');
                }
                // Pairs such as those of THREAD_DETAILS are lines in a form.
                if let Some(name) = inner {
                    kept.push_str(name);
                    kept.push('=');
                }
                kept.push_str(value);
            }
        }
    }

    /// Custom data as one text: JSON, or lines of `KEY = value`.
    fn put_custom_text(&mut self, text: &str) {
        if text.trim_start().starts_with('{') {
            let mut inner = Self::default();
            let mut json = serde_json::Deserializer::from_str(text);
            let mut put = |path: &str, value: &str| inner.put_custom(path, value);
            if Leaves::of(&mut put).deserialize(&mut json).is_ok() {
                self.custom.extend(inner.custom);
                return;
            }
        }
        for line in text.lines() {
            if let Some((name, value)) = line.split_once('=') {
                self.put_custom(name.trim(), value.trim());
            }
        }
    }

    fn put_custom(&mut self, name: &str, value: &str) {
        if self.custom.len() < MAX_CUSTOM && !name.is_empty() && !NOTHING.contains(&value) {
            self.custom.insert(name.to_owned(), value.to_owned());
        }
    }
}

/// Reads a report.
///
/// # Errors
/// A passed limit, bytes that are not UTF-8, malformed JSON.
pub fn read(bytes: &[u8], encoding: Encoding, limits: &Limits) -> Result<AcraReport, ReadError> {
    limits.check_size(bytes)?;
    let decoded = text::decode(bytes);
    if let Some(broken) = decoded.broken {
        return Err(broken);
    }
    let text = decoded.text.as_ref();
    let mut report = AcraReport::default();
    match encoding {
        Encoding::Json => read_json(text, &mut report)?,
        Encoding::Form => {
            for (name, value) in form_urlencoded::parse(text.trim().as_bytes()) {
                report.put(&name.replace('.', "_"), &value);
            }
        }
        Encoding::Properties => {
            for (name, value) in properties::read(text) {
                report.put(&name.replace('.', "_"), &value);
            }
        }
    }
    Ok(report)
}

fn read_json(text: &str, report: &mut AcraReport) -> Result<(), ReadError> {
    if !text.trim_start().starts_with('{') {
        let found = "it does not begin with `{`".to_owned();
        return Err(ReadError::NotThisFormat { expected: "an ACRA report", found });
    }
    let mut json = serde_json::Deserializer::from_str(text);
    let mut put = |path: &str, value: &str| report.put(path, value);
    Leaves::of(&mut put).deserialize(&mut json).and_then(|()| json.end()).map_err(|error| {
        let full = error.to_string();
        let reason = full.rsplit_once(" at line ").map_or(full.as_str(), |(reason, _)| reason);
        let at = Position { line: error.line(), column: error.column() };
        ReadError::Json { at, reason: text::quote(reason) }
    })
}

#[cfg(test)]
mod tests;
