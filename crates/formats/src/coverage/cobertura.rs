//! Cobertura XML, as Cobertura, coverage.py, Istanbul, slather, gcovr and
//! coverlet write it.
//!
//! Shape: `coverage-04.dtd` of Cobertura; the optional parts as the tools
//! named leave them out.

use super::{Figure, FileId, Function, FunctionFigure, Ledger};
use crate::error::ReadError;
use crate::limits::Limits;
use crate::report::{CoverageReport, Ran};
use crate::text::{self, base_name, clip};
use crate::xml::{Doctype, Element, Node, Xml};

/// Reads a document with the root `coverage` and `packages` in it.
///
/// A target per package, `default_target` for the nameless one. Classes of one
/// file add up to that file. Functions carry the name of their class, unless
/// the writer only repeats the file's name there.
///
/// # Errors
/// Malformed XML, another shape, markup declared in a DOCTYPE, or a passed
/// limit.
pub fn read(
    bytes: &[u8],
    default_target: &str,
    limits: &Limits,
) -> Result<CoverageReport, ReadError> {
    limits.check_size(bytes)?;
    let decoded = text::decode(bytes);
    let mut xml = Xml::new(&decoded, limits);
    let root = xml.root()?;
    let report = match root.name() {
        "coverage" => read_from(xml, default_target, limits)?,
        _ => None,
    };
    report.ok_or_else(|| ReadError::NotThisFormat {
        expected: "a Cobertura report",
        found: format!("the root <{}> holds no <packages>", text::quote(root.name())),
    })
}

/// `None` if this is a report of Clover or SonarQube, which share the root.
pub(crate) fn read_from(
    mut xml: Xml<'_>,
    default_target: &str,
    limits: &Limits,
) -> Result<Option<CoverageReport>, ReadError> {
    xml.allow(Doctype::External)?;
    let mut reading = Reading {
        ledger: Ledger::new(limits),
        default_target,
        max_name: limits.max_name(),
        open: vec![Open::Root],
        is_cobertura: false,
    };
    loop {
        match xml.next()? {
            Node::Open(element) => {
                let opened = reading.open(&xml, &element)?;
                reading.open.push(opened);
            }
            Node::Close => reading.close()?,
            Node::Text(_) => {}
            Node::End => break,
        }
    }
    Ok(reading.is_cobertura.then(|| reading.ledger.finish()))
}

enum Open {
    Root,
    Packages,
    Package {
        target: String,
    },
    Class {
        file: FileId,
        prefix: String,
    },
    Method {
        file: FileId,
        name: String,
        signature: String,
        start: Option<u32>,
        figure: Figure,
    },
    /// `classes`, `methods`, `lines`, and whatever a writer adds.
    Unknown,
}

struct Reading<'d> {
    ledger: Ledger,
    default_target: &'d str,
    max_name: usize,
    open: Vec<Open>,
    is_cobertura: bool,
}

impl Reading<'_> {
    fn open(&mut self, xml: &Xml<'_>, element: &Element<'_>) -> Result<Open, ReadError> {
        let around = self.open.iter().rev().find(|open| !matches!(open, Open::Unknown));
        match (element.name(), around) {
            ("packages", Some(Open::Root)) => {
                self.is_cobertura = true;
                Ok(Open::Packages)
            }
            ("package", Some(Open::Packages)) => {
                let [name] = xml.attributes(element, ["name"])?;
                let name = name.as_deref().map(str::trim).filter(|name| !name.is_empty());
                let name = name.unwrap_or(self.default_target);
                Ok(Open::Package { target: clip(name, self.max_name) })
            }
            ("class", Some(Open::Package { target })) => {
                let [name, path] = xml.attributes(element, ["name", "filename"])?;
                let Some(path) = path.filter(|path| !path.is_empty()) else {
                    return Err(xml.nonsense(element, "a <class> without a `filename`"));
                };
                let prefix = class_prefix(name.as_deref().unwrap_or_default(), &path);
                let prefix = clip(&prefix, self.max_name);
                Ok(Open::Class { file: self.ledger.file(target, &path)?, prefix })
            }
            ("method", Some(Open::Class { file, prefix })) => {
                let [name, signature] = xml.attributes(element, ["name", "signature"])?;
                Ok(Open::Method {
                    file: *file,
                    name: format!("{prefix}{}", name.as_deref().unwrap_or_default()),
                    signature: signature.unwrap_or_default().into_owned(),
                    start: None,
                    figure: Figure::default(),
                })
            }
            ("line", Some(Open::Class { .. } | Open::Method { .. })) => self.line(xml, element),
            _ => Ok(Open::Unknown),
        }
    }

    /// A method's line counts for its file too: some writers list it only
    /// there.
    fn line(&mut self, xml: &Xml<'_>, element: &Element<'_>) -> Result<Open, ReadError> {
        let [number, hits] = xml.attributes(element, ["number", "hits"])?;
        let number: Option<u32> = number.and_then(|number| number.trim().parse().ok());
        // Some counters overflow what an integer holds.
        let hits: Option<f64> = hits.and_then(|hits| hits.trim().parse().ok());
        let (Some(number), Some(hits)) = (number, hits) else {
            return Err(xml.nonsense(element, "a <line> without a `number` and its `hits`"));
        };
        let ran = Ran::of_count(hits);
        let around = self.open.iter_mut().rev().find(|open| !matches!(open, Open::Unknown));
        match around {
            Some(Open::Class { file, .. }) => self.ledger.line(*file, number, ran),
            Some(Open::Method { file, start, figure, .. }) => {
                self.ledger.line(*file, number, ran);
                *start = Some(start.map_or(number, |start| start.min(number)));
                *figure = figure.add(Figure { covered: u64::from(ran != Ran::No), total: 1 });
            }
            _ => {}
        }
        Ok(Open::Unknown)
    }

    fn close(&mut self) -> Result<(), ReadError> {
        if let Some(Open::Method { file, name, signature, start, figure }) = self.open.pop() {
            let figure = FunctionFigure::Counted(figure);
            self.ledger.function(file, Function { name, signature, start, figure })?;
        }
        Ok(())
    }
}

/// What goes before the name of a method: `Outer.` of `com.example.Outer`,
/// nothing where the class is only the file again (Istanbul, gcovr).
fn class_prefix(class: &str, path: &str) -> String {
    let file = base_name(path);
    if class.is_empty() || class == file || class == file.replace(['.', '-'], "_") {
        return String::new();
    }
    let simple = class.rsplit(['.', '/']).next().unwrap_or(class);
    format!("{simple}.")
}

#[cfg(test)]
mod tests;
