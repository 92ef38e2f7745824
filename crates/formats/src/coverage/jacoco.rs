//! JaCoCo XML, as its Gradle and Maven plugins and Kover write it.
//!
//! Shape: `report.dtd` 1.1 of JaCoCo. The files refer to that DTD; it is never
//! fetched.

use super::{Figure, FileId, Function, FunctionFigure, Ledger};
use crate::error::ReadError;
use crate::limits::Limits;
use crate::report::{CoverageReport, Ran};
use crate::text::{self, clip};
use crate::xml::{Doctype, Element, Node, Xml};

/// Reads a document with the root `report`.
///
/// A target per group, nested ones joined with `/`; without groups one target
/// named as the report, or `default_target` if that has no name. The path of a
/// file is its package and its name. Functions carry the name of their class
/// and lie in the file their class names; classes compiled without the name of
/// their file are left out.
///
/// # Errors
/// Malformed XML, another shape, markup declared in the DOCTYPE, or a passed
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
        "report" => read_from(xml, &root, default_target, limits)?,
        _ => None,
    };
    report.ok_or_else(|| ReadError::NotThisFormat {
        expected: "a JaCoCo report",
        found: format!("the root <{}> holds no packages", text::quote(root.name())),
    })
}

/// `None` if nothing but the root's name, a very common one, speaks for JaCoCo.
pub(crate) fn read_from(
    mut xml: Xml<'_>,
    root: &Element<'_>,
    default_target: &str,
    limits: &Limits,
) -> Result<Option<CoverageReport>, ReadError> {
    xml.allow(Doctype::External)?;
    let [name] = xml.attributes(root, ["name"])?;
    let name = name.as_deref().map(str::trim).filter(|name| !name.is_empty());
    let mut reading = Reading {
        ledger: Ledger::new(limits),
        target: clip(name.unwrap_or(default_target), limits.max_name()),
        max_name: limits.max_name(),
        open: vec![Open::Report],
        is_jacoco: false,
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
    Ok(reading.is_jacoco.then(|| reading.ledger.finish()))
}

enum Open {
    Report,
    /// With the names of the groups around it.
    Group {
        target: String,
    },
    Package {
        target: String,
        path: String,
    },
    Class {
        file: Option<FileId>,
        simple_name: String,
    },
    Method {
        file: FileId,
        function: Function,
        has_lines: bool,
    },
    SourceFile {
        file: FileId,
    },
    Unknown,
}

struct Reading {
    ledger: Ledger,
    /// Name of the target where there are no groups.
    target: String,
    max_name: usize,
    open: Vec<Open>,
    is_jacoco: bool,
}

impl Reading {
    fn open(&mut self, xml: &Xml<'_>, element: &Element<'_>) -> Result<Open, ReadError> {
        let around = self.open.last();
        match (element.name(), around) {
            ("sessioninfo", Some(Open::Report)) => {
                self.is_jacoco = true;
                Ok(Open::Unknown)
            }
            ("group", Some(Open::Report | Open::Group { .. })) => {
                self.is_jacoco = true;
                let name = attribute(xml, element, "name")?;
                let target = match around {
                    Some(Open::Group { target }) => join(target, &name),
                    _ => name,
                };
                Ok(Open::Group { target: clip(&target, self.max_name) })
            }
            ("package", Some(Open::Report | Open::Group { .. })) => {
                self.is_jacoco = true;
                let target = match around {
                    Some(Open::Group { target }) if !target.is_empty() => target.clone(),
                    _ => self.target.clone(),
                };
                let path = clip(&attribute(xml, element, "name")?, self.max_name);
                Ok(Open::Package { target, path })
            }
            ("class", Some(Open::Package { .. })) => self.class(xml, element),
            ("method", Some(Open::Class { file: Some(file), simple_name })) => {
                method(xml, element, *file, simple_name)
            }
            ("sourcefile", Some(Open::Package { target, path })) => {
                let path = join(path, &attribute(xml, element, "name")?);
                Ok(Open::SourceFile { file: self.ledger.file(target, &path)? })
            }
            ("line", Some(Open::SourceFile { file })) => {
                let (number, ran) = line(xml, element)?;
                self.ledger.line(*file, number, ran);
                Ok(Open::Unknown)
            }
            ("counter", Some(Open::Method { .. } | Open::SourceFile { .. })) => {
                self.counter(xml, element)
            }
            ("counter", Some(Open::Report)) => {
                self.is_jacoco = true;
                Ok(Open::Unknown)
            }
            _ => Ok(Open::Unknown),
        }
    }

    fn class(&mut self, xml: &Xml<'_>, element: &Element<'_>) -> Result<Open, ReadError> {
        let [name, source] = xml.attributes(element, ["name", "sourcefilename"])?;
        let name = name.unwrap_or_default();
        let simple_name = clip(name.rsplit('/').next().unwrap_or_default(), self.max_name);
        let file = match (self.open.last(), source.filter(|source| !source.is_empty())) {
            (Some(Open::Package { target, path }), Some(source)) => {
                Some(self.ledger.file(target, &join(path, &source))?)
            }
            _ => None,
        };
        Ok(Open::Class { file, simple_name })
    }

    fn counter(&mut self, xml: &Xml<'_>, element: &Element<'_>) -> Result<Open, ReadError> {
        let [kind, missed, covered] = xml.attributes(element, ["type", "missed", "covered"])?;
        let kind = kind.as_deref().unwrap_or_default();
        if !matches!(kind, "LINE" | "METHOD") {
            return Ok(Open::Unknown);
        }
        let missed: u64 = parse(xml, element, missed.as_deref())?;
        let covered: u64 = parse(xml, element, covered.as_deref())?;
        let figure = Figure { covered, total: covered.saturating_add(missed) };
        match self.open.last_mut() {
            Some(Open::SourceFile { file }) if kind == "LINE" => self.ledger.count(*file, figure),
            // Compiled without line numbers, a method has only been run or not.
            Some(Open::Method { function, has_lines, .. }) if kind == "LINE" || !*has_lines => {
                *has_lines = kind == "LINE";
                function.figure = FunctionFigure::Counted(figure);
            }
            _ => {}
        }
        Ok(Open::Unknown)
    }

    fn close(&mut self) -> Result<(), ReadError> {
        if let Some(Open::Method { file, function, has_lines: _ }) = self.open.pop() {
            self.ledger.function(file, function)?;
        }
        Ok(())
    }
}

fn method(
    xml: &Xml<'_>,
    element: &Element<'_>,
    file: FileId,
    class: &str,
) -> Result<Open, ReadError> {
    let [name, signature, line] = xml.attributes(element, ["name", "desc", "line"])?;
    let function = Function {
        name: format!("{class}.{}", name.as_deref().unwrap_or_default()),
        signature: signature.unwrap_or_default().into_owned(),
        start: line.and_then(|line| line.parse().ok()),
        figure: FunctionFigure::Counted(Figure::default()),
    };
    Ok(Open::Method { file, function, has_lines: false })
}

/// Number of a line, and whether its instructions and branches ran; writers may
/// leave out what was missed.
fn line(xml: &Xml<'_>, element: &Element<'_>) -> Result<(u32, Ran), ReadError> {
    let [number, covered, missed, branches] = xml.attributes(element, ["nr", "ci", "mi", "mb"])?;
    let number = parse(xml, element, number.as_deref())?;
    let covered: u64 = parse(xml, element, covered.as_deref())?;
    let is_missed = |count: Option<&str>| count.is_some_and(|count| count.trim() != "0");
    let ran = match covered {
        0 => Ran::No,
        _ if is_missed(missed.as_deref()) || is_missed(branches.as_deref()) => Ran::Partly,
        _ => Ran::Fully,
    };
    Ok((number, ran))
}

fn attribute(xml: &Xml<'_>, element: &Element<'_>, name: &str) -> Result<String, ReadError> {
    let [value] = xml.attributes(element, [name])?;
    Ok(value.unwrap_or_default().into_owned())
}

fn parse<N: std::str::FromStr>(
    xml: &Xml<'_>,
    element: &Element<'_>,
    value: Option<&str>,
) -> Result<N, ReadError> {
    let number = value.and_then(|value| value.trim().parse().ok());
    number.ok_or_else(|| {
        let reason = format!("a <{}> without its numbers", element.name());
        xml.nonsense(element, &reason)
    })
}

/// Path of a file in a package, or of a group in a group; the default package
/// has no name.
fn join(outer: &str, inner: &str) -> String {
    match (outer, inner) {
        ("", name) | (name, "") => name.to_owned(),
        _ => format!("{outer}/{inner}"),
    }
}

#[cfg(test)]
mod tests;
