//! lcov tracefiles (`lcov.info`), as lcov, Istanbul, Flutter, llvm-cov and
//! coverage.py write them.
//!
//! Shape: `geninfo(1)` of lcov 2.x, which includes that of 1.x.

use std::collections::HashMap;

use super::{Figure, FileId, Function, FunctionFigure, Ledger};
use crate::error::ReadError;
use crate::limits::{Limits, Meter};
use crate::report::{CoverageReport, Ran};
use crate::text;

/// Reads a tracefile. A `TN` record with a name makes a target of that name of
/// the files after it; without one their target is `default_target`.
///
/// Branch and unknown records are passed over. Bytes that are not UTF-8, as in
/// paths of old systems, become U+FFFD.
///
/// # Errors
/// A malformed record, a file that ends inside a section, or a passed limit.
pub fn read(
    bytes: &[u8],
    default_target: &str,
    limits: &Limits,
) -> Result<CoverageReport, ReadError> {
    limits.check_size(bytes)?;
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut reading = Reading {
        ledger: Ledger::new(limits),
        max_records: limits.max_functions.saturating_mul(2),
        target: default_target.to_owned(),
        default_target,
        section: None,
    };
    let mut last_line = 0;
    for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        last_line = index + 1;
        let record = String::from_utf8_lossy(line.trim_ascii());
        reading.record(&record).map_err(|fault| match fault {
            Fault::Record(reason) => ReadError::Lcov { line: last_line, reason },
            Fault::Limit(error) => error,
        })?;
    }
    if let Some(section) = reading.section {
        let reason = format!("the file ends inside the section of {}", text::quote(&section.path));
        return Err(ReadError::Lcov { line: last_line, reason });
    }
    Ok(reading.ledger.finish())
}

/// What is wrong with a record; the place is added where it is known.
enum Fault {
    Record(String),
    Limit(ReadError),
}

impl From<ReadError> for Fault {
    fn from(error: ReadError) -> Self {
        Self::Limit(error)
    }
}

/// From `SF` to `end_of_record`.
struct Section {
    path: String,
    file: FileId,
    records: Meter,
    functions: Vec<FunctionRecord>,
    /// By function name: whether it was called.
    calls: HashMap<String, bool>,
    /// `FNL` records, which `FNA` records refer to by number: first and last line.
    spans: HashMap<String, (u32, Option<u32>)>,
    lines_found: Option<u64>,
    lines_hit: u64,
    has_lines: bool,
}

struct FunctionRecord {
    name: String,
    start: u32,
    end: Option<u32>,
}

struct Reading<'d> {
    ledger: Ledger,
    /// Records about functions in one section. They are held until it ends; two
    /// tell of one function.
    max_records: usize,
    target: String,
    default_target: &'d str,
    section: Option<Section>,
}

impl Reading<'_> {
    fn record(&mut self, record: &str) -> Result<(), Fault> {
        if record.is_empty() || record.starts_with('#') {
            return Ok(());
        }
        if record == "end_of_record" {
            return self.end_section();
        }
        let Some((kind, value)) = record.split_once(':') else {
            return Err(Fault::Record(format!("`{}` is no record", text::quote(record))));
        };
        match kind {
            "TN" => {
                self.end_section()?;
                let name = value.trim();
                let target = if name.is_empty() { self.default_target } else { name };
                self.target = target.to_owned();
            }
            "SF" => {
                self.end_section()?;
                self.begin_section(value)?;
            }
            "DA" => self.line(value)?,
            "FN" => self.function(value)?,
            "FNDA" => self.calls(value)?,
            "FNL" => self.span(value)?,
            "FNA" => self.alias(value)?,
            "LF" => self.section()?.lines_found = Some(number(value, "a count of lines")?),
            "LH" => self.section()?.lines_hit = number(value, "a count of lines")?,
            _ => {}
        }
        Ok(())
    }

    fn begin_section(&mut self, path: &str) -> Result<(), Fault> {
        if path.is_empty() {
            return Err(Fault::Record("SF without a path".to_owned()));
        }
        self.section = Some(Section {
            path: path.to_owned(),
            file: self.ledger.file(&self.target, path)?,
            records: Meter::new("records of functions in one section", self.max_records),
            functions: Vec::new(),
            calls: HashMap::new(),
            spans: HashMap::new(),
            lines_found: None,
            lines_hit: 0,
            has_lines: false,
        });
        Ok(())
    }

    fn section(&mut self) -> Result<&mut Section, Fault> {
        self.section.as_mut().ok_or_else(|| Fault::Record("no SF record before it".to_owned()))
    }

    /// `DA:<line>,<hits>[,<checksum>]`
    fn line(&mut self, value: &str) -> Result<(), Fault> {
        let mut fields = value.splitn(3, ',');
        let line = number(fields.next().unwrap_or_default(), "a line number")?;
        let ran = Ran::of_count(count(fields.next())?);
        let section = self.section()?;
        section.has_lines = true;
        let file = section.file;
        self.ledger.line(file, line, ran);
        Ok(())
    }

    /// `FN:<start>,[<end>,]<name>`; a name may hold commas.
    fn function(&mut self, value: &str) -> Result<(), Fault> {
        let Some((start, rest)) = value.split_once(',') else {
            return Err(Fault::Record("FN without a name".to_owned()));
        };
        let start = number(start, "a line number")?;
        let (end, name) = match rest.split_once(',') {
            Some((end, name)) if is_digits(end) => (Some(number(end, "a line number")?), name),
            _ => (None, rest),
        };
        let section = self.section()?;
        section.records.take(1)?;
        section.functions.push(FunctionRecord { name: name.to_owned(), start, end });
        Ok(())
    }

    /// `FNDA:<calls>,<name>`
    fn calls(&mut self, value: &str) -> Result<(), Fault> {
        let Some((calls, name)) = value.split_once(',') else {
            return Err(Fault::Record("FNDA without a name".to_owned()));
        };
        let was_called = is_positive(Some(calls))?;
        let section = self.section()?;
        section.records.take(1)?;
        *section.calls.entry(name.to_owned()).or_default() |= was_called;
        Ok(())
    }

    /// `FNL:<index>,<start>[,<end>]`, lcov 2.2 and later.
    fn span(&mut self, value: &str) -> Result<(), Fault> {
        let mut fields = value.splitn(3, ',');
        let index = fields.next().unwrap_or_default().to_owned();
        let start = number(fields.next().unwrap_or_default(), "a line number")?;
        let end = fields.next().map(|end| number(end, "a line number")).transpose()?;
        let section = self.section()?;
        section.records.take(1)?;
        section.spans.insert(index, (start, end));
        Ok(())
    }

    /// `FNA:<index>,<calls>,<name>`, lcov 2.2 and later.
    fn alias(&mut self, value: &str) -> Result<(), Fault> {
        let mut fields = value.splitn(3, ',');
        let index = fields.next().unwrap_or_default();
        let was_called = is_positive(fields.next())?;
        let Some(name) = fields.next() else {
            return Err(Fault::Record("FNA without a name".to_owned()));
        };
        let section = self.section()?;
        section.records.take(1)?;
        let Some((start, end)) = section.spans.get(index).copied() else {
            return Err(Fault::Record("FNA without its FNL record".to_owned()));
        };
        section.functions.push(FunctionRecord { name: name.to_owned(), start, end });
        *section.calls.entry(name.to_owned()).or_default() |= was_called;
        Ok(())
    }

    /// A section also ends where the next one begins.
    fn end_section(&mut self) -> Result<(), Fault> {
        let Some(section) = self.section.take() else { return Ok(()) };
        if let (false, Some(total)) = (section.has_lines, section.lines_found) {
            self.ledger.count(section.file, Figure { covered: section.lines_hit, total });
        }
        for FunctionRecord { name, start, end } in section.functions {
            let was_hit = section.calls.get(&name).copied().unwrap_or_default();
            let figure = FunctionFigure::Span { end, was_hit };
            let signature = String::new();
            let function = Function { name, signature, start: Some(start), figure };
            self.ledger.function(section.file, function)?;
        }
        Ok(())
    }
}

fn is_digits(field: &str) -> bool {
    !field.is_empty() && field.bytes().all(|byte| byte.is_ascii_digit())
}

fn number<N: std::str::FromStr>(field: &str, what: &str) -> Result<N, Fault> {
    field
        .trim()
        .parse()
        .map_err(|_| Fault::Record(format!("`{}` is not {what}", text::quote(field))))
}

/// Counts overflow in real files: some are negative, some longer than 64 bits,
/// some in floating point.
fn count(field: Option<&str>) -> Result<f64, Fault> {
    let count: f64 = number(field.unwrap_or_default(), "a count")?;
    if count.is_nan() {
        return Err(Fault::Record("NaN is not a count".to_owned()));
    }
    Ok(count)
}

fn is_positive(field: Option<&str>) -> Result<bool, Fault> {
    Ok(count(field)? > 0.0)
}

#[cfg(test)]
mod tests;
