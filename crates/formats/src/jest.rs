//! Jest's `--json` output, which Vitest's `json` reporter writes too. Reads it
//! as a stream: nothing of the document is kept but the cases. May not judge a
//! build: it reports what the file says.
//!
//! Shape: `FormattedTestResults` of Jest's `@jest/test-result`.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::cases::{Cases, whole_ms};
use crate::error::{Position, ReadError};
use crate::limits::Limits;
use crate::report::{Outcome, TestCase, TestReport};
use crate::text::{self, base_name, clip};

mod assertion;

use assertion::Assertion;

/// Name of the case that stands for a file Jest could not run.
const FILE_FAILED: &str = "Test suite failed to run";

/// Reads the object that `jest --json` prints.
///
/// The suite is `ancestorTitles` joined with ` > `, or the file's name where
/// there are none. A file that failed without a failed assertion (it did not
/// compile, or its hooks failed) adds one failed case.
///
/// # Errors
/// Malformed JSON, another shape, or a passed limit.
pub fn read(bytes: &[u8], limits: &Limits) -> Result<TestReport, ReadError> {
    limits.check_size(bytes)?;
    match attempt(bytes, limits) {
        Attempt::Report(report) => Ok(report),
        Attempt::Failed(error) | Attempt::OtherText(error) => Err(error),
        Attempt::OtherJson => Err(ReadError::NotThisFormat {
            expected: "a Jest report",
            found: "there are no `testResults`".to_owned(),
        }),
    }
}

/// What a file that may be a Jest report turned out to be.
pub(crate) enum Attempt {
    Report(TestReport),
    /// A Jest report that cannot be read.
    Failed(ReadError),
    OtherJson,
    /// Not JSON, and nothing in it points to Jest.
    OtherText(ReadError),
}

pub(crate) fn attempt(bytes: &[u8], limits: &Limits) -> Attempt {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut reading = Reading { limits, cases: Cases::new(limits), failure: None, is_jest: false };
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let result = Document(&mut reading).deserialize(&mut json).and_then(|()| json.end());
    if let Some(failure) = reading.failure {
        return Attempt::Failed(failure);
    }
    match result {
        Ok(()) if reading.is_jest => Attempt::Report(reading.cases.finish()),
        Ok(()) => Attempt::OtherJson,
        Err(error) if reading.is_jest => Attempt::Failed(malformed(&error)),
        Err(error) if error.is_data() => Attempt::OtherJson,
        Err(error) => Attempt::OtherText(malformed(&error)),
    }
}

fn malformed(error: &serde_json::Error) -> ReadError {
    let text = error.to_string();
    // The place is told apart from the reason.
    let reason = text.rsplit_once(" at line ").map_or(text.as_str(), |(reason, _)| reason);
    let at = Position { line: error.line(), column: error.column() };
    ReadError::Json { at, reason: text::quote(reason) }
}

struct Reading<'l> {
    limits: &'l Limits,
    cases: Cases,
    /// Why reading stopped, where that was our decision and not the parser's.
    failure: Option<ReadError>,
    /// A key was seen that only this format has.
    is_jest: bool,
}

impl Reading<'_> {
    fn keep<E: Error>(&mut self, result: Result<(), ReadError>) -> Result<(), E> {
        result.map_err(|error| {
            let stop = E::custom(&error);
            self.failure = Some(error);
            stop
        })
    }

    fn push(&mut self, assertion: Assertion) -> Result<(), ReadError> {
        let max_name = self.limits.max_name();
        let Assertion { ancestors, title, full_name, status, failures, location, duration } =
            assertion;
        let message = clip(failures.trim(), self.limits.max_text);
        self.cases.push(TestCase {
            suite: clip(&ancestors, max_name),
            name: clip(&title.or(full_name).unwrap_or_default(), max_name),
            outcome: status.outcome(),
            duration_ms: duration.and_then(whole_ms),
            message: Some(message).filter(|message| !message.is_empty()),
            file: None,
            line: location.and_then(|location| location.line),
        })
    }

    /// Adds what is known of a file only after its assertions.
    fn finish_file(&mut self, first: usize, file: &File) -> Result<(), ReadError> {
        let path = clip(file.name.as_deref().unwrap_or_default(), self.limits.max_name());
        let fallback = base_name(&path);
        self.cases.complete_since(first, |case| {
            case.file = Some(path.clone()).filter(|path| !path.is_empty());
            if case.suite.is_empty() {
                case.suite = fallback.to_owned();
                return path.len() + fallback.len();
            }
            path.len()
        })?;
        let has_failure =
            self.cases.since(first).iter().any(|case| case.outcome == Outcome::Failed);
        if file.status.as_deref() != Some("failed") || has_failure {
            return Ok(());
        }
        let message = file.message.as_deref().unwrap_or_default().trim();
        let message = clip(message, self.limits.max_text);
        self.cases.push(TestCase {
            suite: fallback.to_owned(),
            name: FILE_FAILED.to_owned(),
            outcome: Outcome::Failed,
            duration_ms: None,
            message: Some(message).filter(|message| !message.is_empty()),
            file: Some(path.clone()).filter(|path| !path.is_empty()),
            line: None,
        })
    }
}

/// What one entry of `testResults` says beside its assertions.
#[derive(Default)]
struct File {
    name: Option<String>,
    status: Option<String>,
    message: Option<String>,
}

/// The root object.
struct Document<'r, 'l>(&'r mut Reading<'l>);
/// The array `testResults`.
struct Files<'r, 'l>(&'r mut Reading<'l>);
/// An entry of it.
struct OneFile<'r, 'l>(&'r mut Reading<'l>);
/// Its array `assertionResults`.
struct Assertions<'r, 'l>(&'r mut Reading<'l>);

/// Lets a visitor that borrows the reading be used as a seed.
macro_rules! seed {
    ($visitor:ident, $method:ident) => {
        impl<'de> DeserializeSeed<'de> for $visitor<'_, '_> {
            type Value = ();

            fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
                json.$method(self)
            }
        }
    };
}

seed!(Document, deserialize_map);
seed!(Files, deserialize_seq);
seed!(OneFile, deserialize_map);
seed!(Assertions, deserialize_seq);

impl<'de> Visitor<'de> for Document<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the object that `jest --json` prints")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "testResults" => map.next_value_seed(Files(self.0))?,
                "numTotalTests" => {
                    self.0.is_jest = true;
                    map.next_value::<IgnoredAny>()?;
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

impl<'de> Visitor<'de> for Files<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the list of test files")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut files: A) -> Result<(), A::Error> {
        while files.next_element_seed(OneFile(self.0))?.is_some() {}
        Ok(())
    }
}

impl<'de> Visitor<'de> for OneFile<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a test file with its `assertionResults`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let first = self.0.cases.len();
        let mut file = File::default();
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "assertionResults" => {
                    self.0.is_jest = true;
                    map.next_value_seed(Assertions(self.0))?;
                }
                "name" => file.name = map.next_value()?,
                "status" => file.status = map.next_value()?,
                "message" => file.message = map.next_value()?,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        let finished = self.0.finish_file(first, &file);
        self.0.keep(finished)
    }
}

impl<'de> Visitor<'de> for Assertions<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the list of assertions")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut assertions: A) -> Result<(), A::Error> {
        while let Some(assertion) = assertions.next_element::<Assertion>()? {
            let pushed = self.0.push(assertion);
            self.0.keep(pushed)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
