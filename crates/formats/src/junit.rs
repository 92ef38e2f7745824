//! JUnit XML, the format nobody specified and everybody writes: Ant, Surefire,
//! Gradle, pytest, mocha-junit-reporter, cucumber, xcpretty, SwiftLint,
//! GoogleTest, nextest. Reads what they have in common and the few spellings
//! they differ in. May not judge a build: it reports what the file says.
//!
//! Shapes: the JUnit schema of Apache Ant and the `xsd` of Maven Surefire; the
//! rest from the output of the tools named.

use crate::cases::{Cases, whole_ms};
use crate::error::ReadError;
use crate::limits::Limits;
use crate::report::{Outcome, TestCase, TestReport};
use crate::text::{self, Excerpt, clip};
use crate::xml::{Doctype, Element, Node, Xml};

/// Reads a document with the root `testsuites` or `testsuite`.
///
/// `failure` and `error` make a case failed; `skipped`, `disabled` and
/// `ignored` skipped. The suite is the case's `classname`, else the name of
/// the nearest named suite around it. A failed case's message is the
/// `message` attribute and the text of each failure. Re-run and flaky entries
/// (Surefire, nextest) do not change the outcome the file settled on.
///
/// # Errors
/// Malformed XML, a DOCTYPE, an entity beyond the five of XML, another root,
/// or a passed limit.
pub fn read(bytes: &[u8], limits: &Limits) -> Result<TestReport, ReadError> {
    limits.check_size(bytes)?;
    let decoded = text::decode(bytes);
    let mut xml = Xml::new(&decoded, limits);
    let root = xml.root()?;
    if !is_root(root.name()) {
        let found = format!("the root element is <{}>", text::quote(root.name()));
        return Err(ReadError::NotThisFormat { expected: "a JUnit report", found });
    }
    read_from(xml, &root, limits)
}

pub(crate) fn is_root(name: &str) -> bool {
    matches!(name, "testsuites" | "testsuite")
}

pub(crate) fn read_from(
    mut xml: Xml<'_>,
    root: &Element<'_>,
    limits: &Limits,
) -> Result<TestReport, ReadError> {
    xml.allow(Doctype::Refused)?;
    let mut reading = Reading { limits, cases: Cases::new(limits), open: Vec::new() };
    reading.open(&xml, root)?;
    loop {
        match xml.next()? {
            Node::Open(element) => reading.open(&xml, &element)?,
            Node::Close => reading.close()?,
            Node::Text(text) => reading.text(&text),
            Node::End => return Ok(reading.cases.finish()),
        }
    }
}

/// An element that is open, with what will be needed when it closes.
#[derive(Debug)]
enum Open {
    Suite {
        name: String,
        file: Option<String>,
    },
    Case(Box<OpenCase>),
    Reason(Reason),
    /// Properties, captured output, whatever else; nothing in it counts.
    Unknown,
}

#[derive(Debug)]
struct OpenCase {
    case: TestCase,
    failures: Excerpt,
    skip_reason: Excerpt,
}

/// Why a case failed or was skipped: one `failure`, `error` or `skipped`.
#[derive(Debug)]
struct Reason {
    verdict: Outcome,
    message: String,
    kind: String,
    text: Excerpt,
}

struct Reading<'l> {
    limits: &'l Limits,
    cases: Cases,
    open: Vec<Open>,
}

impl Reading<'_> {
    fn open(&mut self, xml: &Xml<'_>, element: &Element<'_>) -> Result<(), ReadError> {
        let in_case = matches!(self.open.last(), Some(Open::Case(_)));
        let in_suite = matches!(self.open.last(), Some(Open::Suite { .. }) | None);
        let opened = match element.name() {
            "testsuites" | "testsuite" if in_suite => self.open_suite(xml, element)?,
            "testcase" if in_suite => self.open_case(xml, element)?,
            "testsuites" | "testsuite" | "testcase" if in_case => {
                return Err(xml.nonsense(element, "a test inside of a test case"));
            }
            "failure" | "error" if in_case => self.open_reason(xml, element, Outcome::Failed)?,
            "skipped" | "disabled" | "ignored" if in_case => {
                self.open_reason(xml, element, Outcome::Skipped)?
            }
            _ => Open::Unknown,
        };
        self.open.push(opened);
        Ok(())
    }

    fn open_suite(&self, xml: &Xml<'_>, element: &Element<'_>) -> Result<Open, ReadError> {
        let [name, file] = xml.attributes(element, ["name", "file"])?;
        let name = name.as_deref().map(str::trim).filter(|name| !name.is_empty());
        let (outer_name, outer_file) = self.enclosing_suite();
        Ok(Open::Suite {
            name: clip(name.unwrap_or(outer_name), self.limits.max_name()),
            file: file
                .as_deref()
                .or(outer_file)
                .filter(|file| !file.is_empty())
                .map(|file| clip(file, self.limits.max_name())),
        })
    }

    fn open_case(&self, xml: &Xml<'_>, element: &Element<'_>) -> Result<Open, ReadError> {
        let names = ["name", "classname", "time", "file", "line", "status", "result", "disabled"];
        let [name, class, time, file, line, status, result, disabled] =
            xml.attributes(element, names)?;
        let (max_name, max_text) = (self.limits.max_name(), self.limits.max_text);
        let (suite, suite_file) = self.enclosing_suite();
        let class = class.as_deref().map(str::trim).filter(|class| !class.is_empty());
        let case = TestCase {
            suite: clip(class.unwrap_or(suite), max_name),
            name: clip(name.as_deref().unwrap_or_default().trim(), max_name),
            outcome: outcome_of(&[status.as_deref(), result.as_deref()], disabled.as_deref()),
            duration_ms: time.as_deref().and_then(seconds).and_then(|s| whole_ms(s * 1000.0)),
            message: None,
            file: file
                .as_deref()
                .or(suite_file)
                .filter(|file| !file.is_empty())
                .map(|file| clip(file, max_name)),
            line: line.as_deref().and_then(|line| line.trim().parse().ok()),
        };
        Ok(Open::Case(Box::new(OpenCase {
            case,
            failures: Excerpt::new(max_text),
            skip_reason: Excerpt::new(max_text),
        })))
    }

    fn open_reason(
        &self,
        xml: &Xml<'_>,
        element: &Element<'_>,
        verdict: Outcome,
    ) -> Result<Open, ReadError> {
        let [message, kind] = xml.attributes(element, ["message", "type"])?;
        let limit = self.limits.max_text;
        Ok(Open::Reason(Reason {
            verdict,
            message: clip(message.as_deref().unwrap_or_default().trim(), limit),
            kind: clip(kind.as_deref().unwrap_or_default().trim(), self.limits.max_name()),
            text: Excerpt::new(limit),
        }))
    }

    /// Text belongs to the reason around it, whatever lies between them.
    fn text(&mut self, piece: &str) {
        let nearest = self.open.iter_mut().rev().find(|open| !matches!(open, Open::Unknown));
        if let Some(Open::Reason(reason)) = nearest {
            // An indent must not use up the room of what follows it.
            let piece = if reason.text.is_empty() { piece.trim_start() } else { piece };
            reason.text.push(piece);
        }
    }

    fn close(&mut self) -> Result<(), ReadError> {
        match self.open.pop() {
            Some(Open::Case(case)) => return self.cases.push(case.finish()),
            Some(Open::Reason(reason)) => {
                if let Some(Open::Case(case)) = self.open.last_mut() {
                    case.conclude(reason);
                }
            }
            Some(Open::Suite { .. } | Open::Unknown) | None => {}
        }
        Ok(())
    }

    fn enclosing_suite(&self) -> (&str, Option<&str>) {
        match self.open.last() {
            Some(Open::Suite { name, file }) => (name, file.as_deref()),
            _ => ("", None),
        }
    }
}

impl OpenCase {
    /// A failure beats a skip, whichever came first.
    fn conclude(&mut self, reason: Reason) {
        let Reason { verdict, message, kind, text } = reason;
        let said = if verdict == Outcome::Failed {
            self.case.outcome = Outcome::Failed;
            &mut self.failures
        } else {
            if self.case.outcome == Outcome::Passed {
                self.case.outcome = Outcome::Skipped;
            }
            &mut self.skip_reason
        };
        let text = text.finish();
        let text = text.trim();
        if message.is_empty() && text.is_empty() {
            said.push_part("\n\n", &kind);
        } else if text.starts_with(&message) {
            // Most writers begin the text with the message; once is enough.
            said.push_part("\n\n", text);
        } else {
            said.push_part("\n\n", &message);
            said.push_part("\n", text);
        }
    }

    fn finish(self) -> TestCase {
        let message = match self.case.outcome {
            Outcome::Passed => None,
            Outcome::Failed => self.failures.finish_some(),
            Outcome::Skipped => self.skip_reason.finish_some(),
        };
        TestCase { message, ..self.case }
    }
}

/// Outcome by attributes alone: GoogleTest and cucumber have no element for
/// a test that did not run.
fn outcome_of(verdicts: &[Option<&str>], disabled: Option<&str>) -> Outcome {
    let is = |words: &[&str]| {
        verdicts.iter().flatten().any(|v| words.iter().any(|word| v.eq_ignore_ascii_case(word)))
    };
    if is(&["failed", "failure", "error"]) {
        Outcome::Failed
    } else if is(&["skipped", "disabled", "ignored", "pending", "notrun", "suppressed"])
        || matches!(disabled, Some("true" | "1"))
    {
        Outcome::Skipped
    } else {
        Outcome::Passed
    }
}

/// Seconds as `1.5`, `1e-3`, `1,234.5` (Surefire) or with a decimal comma, as
/// tools print them under some locales.
fn seconds(time: &str) -> Option<f64> {
    let time = time.trim();
    let separated = match (time.rfind(','), time.rfind('.')) {
        (None, _) => return time.parse().ok(),
        (Some(comma), Some(point)) => (comma > point).then_some(comma),
        (Some(comma), None) => (!is_grouped(time)).then_some(comma),
    };
    let plain = match separated {
        Some(comma) => {
            let whole = time[..comma].replace(['.', ','], "");
            format!("{whole}.{}", &time[comma + 1..])
        }
        None => time.replace(',', ""),
    };
    plain.parse().ok()
}

/// Whether commas group thousands: `1,234` does, `0,005` and `1,5` do not.
fn is_grouped(time: &str) -> bool {
    let mut groups = time.split(',');
    let first = groups.next().unwrap_or_default();
    (1..=3).contains(&first.len())
        && !first.starts_with('0')
        && groups.all(|group| group.len() == 3 && group.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests;
