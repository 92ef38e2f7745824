//! Tells by its content what report a file is, and reads it. Knows of each
//! format only how it begins.

use crate::coverage;
use crate::error::ReadError;
use crate::jest::{self, Attempt};
use crate::junit;
use crate::limits::Limits;
use crate::report::Report;
use crate::text::{self, base_name};
use crate::xml::Xml;

/// Reads a file that may be a report.
///
/// The content decides: the root element of XML, the keys of JSON, the first
/// record of lcov. The name of the file serves where the content is silent:
/// its stem names a coverage target without a name of its own, and a broken or
/// empty file is a fault only if it is called `.xml` or `.json`; a log may
/// begin with `{` as well.
///
/// [`Report::Other`] is every file that is none of the known reports, of
/// whatever size; XML of an unknown root is not read further.
///
/// # Errors
/// A known report that is broken or passes a limit, and XML that is broken
/// before its root element.
pub fn read_report(file_name: &str, bytes: &[u8], limits: &Limits) -> Result<Report, ReadError> {
    let name = base_name(file_name);
    match sniff(bytes) {
        Likely::Xml => read_xml(name, bytes, limits),
        Likely::Json => read_json(name, bytes, limits),
        Likely::Lcov => coverage::read_lcov(bytes, stem(name), limits).map(Report::Coverage),
        Likely::Empty if has_extension(name, "xml") || has_extension(name, "json") => {
            Err(ReadError::NotThisFormat {
                expected: "a report",
                found: "the file is empty".to_owned(),
            })
        }
        Likely::Empty | Likely::Other => Ok(Report::Other),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Likely {
    Xml,
    /// A JSON object; no known report is a list.
    Json,
    Lcov,
    Empty,
    Other,
}

fn sniff(bytes: &[u8]) -> Likely {
    if matches!(bytes, [0xff, 0xfe, b'<', 0, ..] | [0xfe, 0xff, 0, b'<', ..])
        || matches!(bytes, [b'<', 0, ..] | [0, b'<', ..])
    {
        return Likely::Xml;
    }
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
    match text {
        [] => Likely::Empty,
        [b'<', ..] => Likely::Xml,
        [b'{', ..] => Likely::Json,
        _ if begins_lcov(text) => Likely::Lcov,
        _ => Likely::Other,
    }
}

/// Whether the first records are those of a tracefile. `TN:` alone is too
/// little: any text may begin so.
fn begins_lcov(text: &[u8]) -> bool {
    text.split(|byte| *byte == b'\n')
        .map(<[u8]>::trim_ascii)
        .filter(|line| !line.is_empty() && !line.starts_with(b"#"))
        .find(|line| !line.starts_with(b"TN:"))
        .is_some_and(|line| line.starts_with(b"SF:"))
}

fn read_xml(name: &str, bytes: &[u8], limits: &Limits) -> Result<Report, ReadError> {
    let head = &bytes[..bytes.len().min(limits.max_bytes)];
    let decoded = text::decode(head);
    let mut xml = Xml::new(&decoded, limits);
    let root = match xml.root() {
        Ok(root) => root,
        // Where it was cut is no fault of the file.
        Err(error) => return Err(limits.check_size(bytes).err().unwrap_or(error)),
    };
    let is_known = junit::is_root(root.name()) || matches!(root.name(), "coverage" | "report");
    if !is_known {
        return Ok(Report::Other);
    }
    limits.check_size(bytes)?;
    let coverage = match root.name() {
        "coverage" => coverage::read_cobertura_from(xml, stem(name), limits)?,
        "report" => coverage::read_jacoco_from(xml, &root, stem(name), limits)?,
        _ => return junit::read_from(xml, &root, limits).map(Report::Tests),
    };
    Ok(coverage.map_or(Report::Other, Report::Coverage))
}

fn read_json(name: &str, bytes: &[u8], limits: &Limits) -> Result<Report, ReadError> {
    if let Err(error) = limits.check_size(bytes) {
        return if has_extension(name, "json") { Err(error) } else { Ok(Report::Other) };
    }
    match jest::attempt(bytes, limits) {
        Attempt::Report(report) => Ok(Report::Tests(report)),
        Attempt::Failed(error) => Err(error),
        Attempt::OtherText(error) if has_extension(name, "json") => Err(error),
        Attempt::OtherText(_) | Attempt::OtherJson => Ok(Report::Other),
    }
}

fn has_extension(name: &str, wanted: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, extension)| extension.eq_ignore_ascii_case(wanted))
}

/// The name without its extension.
fn stem(name: &str) -> &str {
    match name.rsplit_once('.') {
        Some((stem, _)) if !stem.is_empty() => stem,
        _ => name,
    }
}

#[cfg(test)]
mod tests;
