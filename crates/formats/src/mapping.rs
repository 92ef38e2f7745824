//! Mapping files of R8 and ProGuard, and stack traces put back into the names
//! of the source. A mapping may have hundreds of megabytes, so it is read as it
//! streams in, and only what it says of the classes of one trace is kept.
//!
//! Shape: "ProGuard's mapping file" and R8's `retrace.md`: residual ranges,
//! inlined frames, `sourceFile` and `synthesized`. Overloads are told apart by
//! their lines alone; outlines and rewritten frames are not undone.

use std::collections::{BTreeSet, HashMap};

use serde::Deserialize;
use thiserror::Error;

use crate::error::ReadError;
use crate::java::read_frame;
use crate::limits::{Limits, Meter};

mod trace;

pub use trace::{Wanted, wanted};

/// Longest line; longer ones name no method that anybody wrote.
const MAX_LINE: usize = 32 << 10;
/// Methods that are kept: a class has at most 65,536.
const MAX_MEMBERS: usize = 400_000;
/// Names of source files that are kept, in bytes; of later classes they are
/// guessed.
const MAX_FILE_NAMES: usize = 32 << 20;
/// Names that are kept of the wanted classes, in bytes.
const MAX_NAMES: usize = 64 << 20;
/// Calls that one frame may stand for.
const MAX_CALLS: usize = 64;
/// Lines that may be no part of a mapping, before its first class.
const MAX_PREFACE: usize = 1_000;

/// Why a mapping cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MappingError {
    #[error("this is no mapping of R8 or ProGuard")]
    NotAMapping,
    #[error("the mapping says too much of the classes of one crash: {0}")]
    TooLarge(#[from] ReadError),
}

/// What a mapping says of the wanted classes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mapping {
    /// R8's name for it, which apps carry in their stack traces.
    pub id: Option<String>,
    /// By the obfuscated name.
    classes: HashMap<String, Class>,
    /// Source files by the original name of the class.
    files: HashMap<String, String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Class {
    original: String,
    /// By the obfuscated name, in the order of the file.
    methods: HashMap<String, Vec<Method>>,
}

/// One line about a method; lines of the same range in a row are calls that
/// were inlined, the innermost first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Method {
    /// Lines of the obfuscated code; `None` = whatever line.
    range: Option<(u32, u32)>,
    /// Where it was written, if not in the class itself.
    class: Option<String>,
    name: String,
    /// First line of the source, and the last if there are several.
    original: Option<(u32, Option<u32>)>,
    /// Nobody wrote it: the compiler did.
    is_synthesized: bool,
}

/// Reads a mapping, part by part.
#[derive(Debug)]
pub struct MappingReader {
    wanted: BTreeSet<String>,
    mapping: Mapping,
    /// The obfuscated name of the class that is being read, if it is wanted.
    class: Option<String>,
    /// The original name of the class that is being read.
    original: String,
    /// The obfuscated name of the last method that was kept.
    method: Option<String>,
    rest: Vec<u8>,
    is_skipping: bool,
    preface: usize,
    has_classes: bool,
    members: Meter,
    names: Meter,
    file_names: usize,
}

/// A comment of R8 that says more.
#[derive(Deserialize)]
struct Note {
    id: String,
    #[serde(rename = "fileName", default)]
    file_name: String,
}

impl MappingReader {
    pub fn new(wanted: Wanted) -> Self {
        Self {
            wanted: wanted.classes,
            mapping: Mapping::default(),
            class: None,
            original: String::new(),
            method: None,
            rest: Vec::new(),
            is_skipping: false,
            preface: 0,
            has_classes: false,
            members: Meter::new("methods", MAX_MEMBERS),
            names: Meter::new("bytes of names", MAX_NAMES),
            file_names: 0,
        }
    }

    /// Reads the next part of the file.
    ///
    /// # Errors
    /// `NotAMapping` as soon as that is clear; `TooLarge`.
    pub fn push(&mut self, mut part: &[u8]) -> Result<(), MappingError> {
        while let Some(end) = part.iter().position(|byte| *byte == b'\n') {
            let (line, after) = (&part[..end], &part[end + 1..]);
            if !std::mem::take(&mut self.is_skipping) {
                if self.rest.is_empty() {
                    self.line(&String::from_utf8_lossy(line))?;
                } else {
                    self.keep(line);
                    let whole = std::mem::take(&mut self.rest);
                    if !std::mem::take(&mut self.is_skipping) {
                        self.line(&String::from_utf8_lossy(&whole))?;
                    }
                }
            }
            part = after;
        }
        if !self.is_skipping {
            self.keep(part);
        }
        Ok(())
    }

    /// Ends the file.
    ///
    /// # Errors
    /// As for `push`.
    pub fn finish(mut self) -> Result<Mapping, MappingError> {
        let last = std::mem::take(&mut self.rest);
        self.line(&String::from_utf8_lossy(&last))?;
        if self.has_classes { Ok(self.mapping) } else { Err(MappingError::NotAMapping) }
    }

    fn keep(&mut self, part: &[u8]) {
        if self.rest.len() + part.len() > MAX_LINE {
            self.rest.clear();
            self.is_skipping = true;
        } else {
            self.rest.extend_from_slice(part);
        }
    }

    fn line(&mut self, line: &str) -> Result<(), MappingError> {
        let text = line.trim();
        if let Some(comment) = text.strip_prefix('#') {
            self.comment(comment.trim());
        } else if line.starts_with([' ', '\t']) {
            if self.class.is_some() {
                self.member(text)?;
            }
        } else if let Some(class) = text.strip_suffix(':') {
            self.class(class)?;
        } else if !text.is_empty() && !self.has_classes {
            self.preface += 1;
            if self.preface > MAX_PREFACE {
                return Err(MappingError::NotAMapping);
            }
        }
        Ok(())
    }

    fn class(&mut self, text: &str) -> Result<(), MappingError> {
        self.method = None;
        self.class = None;
        let Some((original, obfuscated)) = text.split_once(" -> ") else { return Ok(()) };
        self.has_classes = true;
        original.clone_into(&mut self.original);
        if self.wanted.contains(obfuscated) && !self.mapping.classes.contains_key(obfuscated) {
            self.names.take(original.len() + obfuscated.len())?;
            let class = Class { original: original.to_owned(), methods: HashMap::new() };
            self.mapping.classes.insert(obfuscated.to_owned(), class);
            self.class = Some(obfuscated.to_owned());
        }
        Ok(())
    }

    /// `1:3:void com.example.Cart.pay(int):10:12 -> a`; fields have no brackets.
    fn member(&mut self, text: &str) -> Result<(), MappingError> {
        self.method = None;
        let Some((left, obfuscated)) = text.rsplit_once(" -> ") else { return Ok(()) };
        let Some(method) = read_method(left) else { return Ok(()) };
        self.members.take(1)?;
        let class_len = method.class.as_ref().map_or(0, String::len);
        self.names.take(class_len + method.name.len() + obfuscated.len())?;
        let class = self.class.as_ref().and_then(|class| self.mapping.classes.get_mut(class));
        if let Some(class) = class {
            class.methods.entry(obfuscated.to_owned()).or_default().push(method);
            self.method = Some(obfuscated.to_owned());
        }
        Ok(())
    }

    fn comment(&mut self, text: &str) {
        if let Some(id) = text.strip_prefix("pg_map_id:") {
            self.mapping.id = Some(id.trim().to_owned());
            return;
        }
        // Most comments of large mappings are about signatures.
        let is_telling = text.contains("sourceFile") || text.contains("r8.synthesized");
        let Some(note) = is_telling.then(|| serde_json::from_str::<Note>(text).ok()).flatten()
        else {
            return;
        };
        if note.id == "sourceFile" {
            let size = self.original.len() + note.file_name.len();
            if self.file_names + size <= MAX_FILE_NAMES && !note.file_name.is_empty() {
                self.file_names += size;
                self.mapping.files.insert(self.original.clone(), note.file_name);
            }
        } else if note.id == "com.android.tools.r8.synthesized" {
            let class = self.class.as_ref().and_then(|class| self.mapping.classes.get_mut(class));
            let methods = class.zip(self.method.as_ref());
            let methods = methods.and_then(|(class, method)| class.methods.get_mut(method));
            if let Some(last) = methods.and_then(|methods| methods.last_mut()) {
                last.is_synthesized = true;
            }
        }
    }
}

/// What stands before the arrow.
fn read_method(text: &str) -> Option<Method> {
    let (before, after) = text.split_once('(')?;
    let (_, places) = after.rsplit_once(')')?;
    let (range, declared) = match read_range(before) {
        Some((range, rest)) => (Some(range), rest),
        None => (None, before),
    };
    // The type of what it returns comes first.
    let (_, name) = declared.trim().rsplit_once(' ')?;
    let (class, name) = match name.rsplit_once('.') {
        Some((class, name)) => (Some(class.to_owned()), name),
        None => (None, name),
    };
    let mut places = places.split(':').skip(1).map(|place| place.parse().ok());
    let first = places.next().flatten();
    let last = places.next().flatten();
    Some(Method {
        range,
        class,
        name: name.to_owned(),
        original: first.map(|first| (first, last)),
        is_synthesized: false,
    })
}

/// `1:3:` and what follows it.
fn read_range(text: &str) -> Option<((u32, u32), &str)> {
    let (first, rest) = text.split_once(':')?;
    let (last, rest) = rest.split_once(':')?;
    Some(((first.parse().ok()?, last.parse().ok()?), rest))
}

/// A call in the words of the source.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Call {
    class: String,
    method: String,
    file: String,
    line: Option<u32>,
}

impl Mapping {
    /// Whether the mapping knows any class that was wanted.
    pub fn is_empty(&self) -> bool {
        self.classes.is_empty()
    }

    /// The calls that one frame stands for, the innermost first; empty if only
    /// the compiler made them, `None` if the class is not known.
    fn calls(&self, class: &str, method: &str, line: Option<u32>) -> Option<Vec<Call>> {
        let known = self.classes.get(class)?;
        let all = known.methods.get(method).map_or(&[][..], Vec::as_slice);
        let group = match line.filter(|line| *line > 0) {
            Some(line) => of_line(all, line),
            None => &[],
        };
        let group = if group.is_empty() { only_one(all) } else { group };
        if group.is_empty() {
            let file = self.file_of(&known.original, &known.original);
            let method = method.to_owned();
            return Some(vec![Call { class: known.original.clone(), method, file, line: None }]);
        }
        let calls = group.iter().filter(|method| !method.is_synthesized).map(|method| {
            let class = method.class.as_ref().unwrap_or(&known.original);
            Call {
                class: class.clone(),
                method: method.name.clone(),
                file: self.file_of(class, &known.original),
                line: method.line(line),
            }
        });
        Some(calls.take(MAX_CALLS).collect())
    }

    /// The file that a class is in: as noted, or named like its outermost class,
    /// in the language of the code around it.
    fn file_of(&self, class: &str, around: &str) -> String {
        if let Some(file) = self.files.get(class) {
            return file.clone();
        }
        let outer = self.files.get(around).and_then(|file| file.rsplit_once('.'));
        let extension = outer.map_or("java", |(_, extension)| extension);
        let simple = class.rsplit('.').next().unwrap_or(class);
        let simple = simple.split('$').find(|part| !part.is_empty()).unwrap_or(simple);
        format!("{}.{extension}", simple.strip_suffix("Kt").unwrap_or(simple))
    }
}

impl Method {
    fn line(&self, residual: Option<u32>) -> Option<u32> {
        let Some((first, last)) = self.original else {
            // A range without lines of its own leaves them as they are.
            return residual;
        };
        let (Some(last), Some(line), Some((start, _))) = (last, residual, self.range) else {
            return Some(first).filter(|first| *first > 0);
        };
        Some(first.saturating_add(line.saturating_sub(start)).min(last.max(first)))
    }
}

/// The first run of methods whose range holds `line`, or those of any line.
fn of_line(all: &[Method], line: u32) -> &[Method] {
    let holds =
        |method: &Method| method.range.is_some_and(|(first, last)| (first..=last).contains(&line));
    let Some(from) = all.iter().position(holds) else {
        let from = all.iter().position(|method| method.range.is_none());
        // Of several that have no range none can be told to be it.
        let alone = all.iter().filter(|method| method.range.is_none()).count() == 1;
        return from.filter(|_| alone).map_or(&[], |from| &all[from..=from]);
    };
    let run = all[from..].iter().take_while(|method| method.range == all[from].range).count();
    &all[from..from + run]
}

/// What the obfuscated name can only mean, whatever the line.
fn only_one(all: &[Method]) -> &[Method] {
    match all.split_first() {
        Some((first, rest))
            if rest.iter().all(|other| other.name == first.name && other.class == first.class) =>
        {
            &all[..1]
        }
        _ => &[],
    }
}

#[cfg(test)]
mod tests;
