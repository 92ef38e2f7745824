//! Finds and reads `shipmate.toml`, and flattens it to dotted keys with lines.

use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::fault::{Fault, Source};
use super::settings::{self, Shape};

/// The data folder unless configured, below the working directory.
pub const DATA_DIR: &str = "shipmate-data";
const FILE_NAME: &str = "shipmate.toml";
/// Far more than all settings need; guards against a wrong path.
const MAX_BYTES: u64 = 1 << 20;

/// A value before it is understood.
#[derive(Debug, Clone)]
pub enum Raw {
    Text(String),
    Number(i64),
    List(Vec<String>),
}

/// One `key = value` of the file.
pub struct Entry {
    pub key: String,
    pub line: usize,
    /// `Err` is the problem with its type.
    pub value: Result<Raw, String>,
}

/// The file that applies: the named one, else `shipmate.toml` in the working
/// directory, else the one in the data folder.
pub fn find(named: Option<&Path>, cwd: &Path, data_dir: &Path) -> Option<PathBuf> {
    if let Some(path) = named {
        return Some(cwd.join(path));
    }
    [cwd.join(FILE_NAME), data_dir.join(FILE_NAME)].into_iter().find(|path| path.exists())
}

/// Reads the whole file, or says why not.
pub fn read(path: &Path) -> Result<String, Fault> {
    let fault = |problem| Fault { source: Source::File(path.to_owned(), 1), key: None, problem };
    let file = std::fs::File::open(path).map_err(|error| fault(format!("cannot open: {error}")))?;
    let mut bytes = Vec::new();
    let read = file.take(MAX_BYTES + 1).read_to_end(&mut bytes);
    read.map_err(|error| fault(format!("cannot read: {error}")))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(fault(format!("larger than {MAX_BYTES} bytes; is this the right file?")));
    }
    String::from_utf8(bytes).map_err(|_| fault("not valid UTF-8".into()))
}

/// Every key of the file; with syntax errors, also what could be read.
pub fn flatten(text: &str, path: &Path) -> (Vec<Entry>, Vec<Fault>) {
    let (table, errors) = DeTable::parse_recoverable(text);
    let faults = errors.iter().map(|error| Fault {
        source: Source::File(path.to_owned(), line_of(text, error.span())),
        key: None,
        problem: format!("not valid TOML: {}", error.message()),
    });
    let faults: Vec<Fault> = faults.collect();
    let mut entries = Vec::new();
    collect(text, "", table.get_ref(), &mut entries);
    // What the parser guessed on a broken line would be a second, false fault.
    let broken: Vec<usize> = errors.iter().map(|error| line_of(text, error.span())).collect();
    entries.retain(|entry| !broken.contains(&entry.line));
    (entries, faults)
}

fn collect(text: &str, prefix: &str, table: &DeTable<'_>, entries: &mut Vec<Entry>) {
    for (name, value) in table {
        let key = format!("{prefix}{}", name.get_ref());
        let section = format!("{key}.");
        let is_section = settings::SETTINGS.iter().any(|known| known.key.starts_with(&section));
        match value.get_ref() {
            // Only known sections are entered, so nesting is bounded by the
            // list of settings and not by the file.
            DeValue::Table(inner) if is_section => collect(text, &section, inner, entries),
            _ => {
                let line = line_of(text, Some(name.span()));
                let shape = settings::by_key(&key).map(|known| known.shape);
                entries.push(Entry { key, line, value: raw(value, shape) });
            }
        }
    }
}

fn raw(value: &Spanned<DeValue<'_>>, shape: Option<Shape>) -> Result<Raw, String> {
    match (shape, value.get_ref()) {
        (Some(Shape::Text), DeValue::String(text)) => Ok(Raw::Text(text.to_string())),
        (Some(Shape::Number), DeValue::Integer(number)) => {
            i64::from_str_radix(number.as_str(), number.radix())
                .map(Raw::Number)
                .map_err(|_| format!("{} is out of range", number.as_str()))
        }
        (Some(Shape::List), DeValue::Array(items)) => {
            let texts = items.iter().map(|item| match item.get_ref() {
                DeValue::String(text) => Ok(text.to_string()),
                other => Err(format!("the list holds a value of type {}", other.type_str())),
            });
            texts.collect::<Result<_, _>>().map(Raw::List)
        }
        (_, other) => Err(format!("the value is of type {}", other.type_str())),
    }
}

fn line_of(text: &str, span: Option<Range<usize>>) -> usize {
    let start = span.map_or(0, |span| span.start.min(text.len()));
    text.as_bytes()[..start].iter().filter(|byte| **byte == b'\n').count() + 1
}
