//! Stack traces as text: which classes they name, and the same text with the
//! names of the source. What is no frame stays as it is.

use std::collections::BTreeSet;

use super::{Call, Limits, Mapping, read_frame};

/// Classes of one trace; a stack overflow repeats the same few.
const MAX_CLASSES: usize = 4_096;
/// What R8 writes in the place of the source file.
const MAP_ID: &str = "r8-map-id-";
/// Lines of the result for each of the trace: inlined calls add some.
const MAX_GROWTH: usize = 64;

/// What a trace needs of a mapping.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Names of classes as they are in the trace.
    pub classes: BTreeSet<String>,
    /// The mapping that the app says it was built with.
    pub map_id: Option<String>,
    /// Names were shortened, or files left out: without a mapping nobody can
    /// read this trace.
    pub is_obfuscated: bool,
}

impl Wanted {
    /// Whether the app says that it was built with this very mapping; `None` if
    /// one of them does not say. Both may be shortened.
    pub fn is_of(&self, mapping: &Mapping) -> Option<bool> {
        let (wanted, id) = (self.map_id.as_ref()?, mapping.id.as_ref()?);
        Some(!id.is_empty() && (wanted.starts_with(id) || id.starts_with(wanted.as_str())))
    }
}

/// What the trace `text` needs of a mapping.
pub fn wanted(text: &str, limits: &Limits) -> Wanted {
    let mut wanted = Wanted::default();
    for line in lines(text, limits) {
        let class = match line {
            Line::Frame { class, file, at, .. } => {
                wanted.is_obfuscated |= is_obfuscated(&class, file.as_deref(), at);
                let id = file.as_deref().and_then(|file| file.strip_prefix(MAP_ID));
                if let Some(id) = id.filter(|id| !id.is_empty()) {
                    wanted.map_id = Some(id.to_owned());
                }
                class
            }
            Line::Head { class, .. } => class.to_owned(),
            Line::Other(_) => continue,
        };
        if wanted.classes.len() < MAX_CLASSES {
            wanted.classes.insert(class);
        }
    }
    wanted
}

/// Shrinkers give classes one letter or two, and their files no name.
fn is_obfuscated(class: &str, file: Option<&str>, line: Option<u32>) -> bool {
    let simple = class.rsplit('.').next().unwrap_or(class);
    let is_short =
        (1..=2).contains(&simple.len()) && simple.starts_with(|c: char| c.is_lowercase());
    let is_nameless = match file {
        Some(file) => file == "SourceFile" || file.starts_with(MAP_ID),
        None => line.is_some(),
    };
    is_short || is_nameless
}

enum Line<'t> {
    Frame {
        text: &'t str,
        class: String,
        method: String,
        file: Option<String>,
        at: Option<u32>,
    },
    /// The line that names an exception: what is before the class, and after.
    Head {
        before: &'t str,
        class: &'t str,
        after: &'t str,
    },
    Other(&'t str),
}

fn lines<'t>(text: &'t str, limits: &Limits) -> impl Iterator<Item = Line<'t>> {
    let end = text.floor_char_boundary(limits.max_bytes);
    let mut is_first = true;
    text[..end].lines().map(move |line| {
        let inner = line.trim();
        if let Some(frame) = inner.strip_prefix("at ").and_then(|rest| read_frame(rest, limits)) {
            let (class, method, file) = (frame.class, frame.method, frame.file);
            return Line::Frame { text: line, class, method, file, at: frame.line };
        }
        let begins = ["Caused by: ", "Suppressed: "];
        let found = begins.iter().find_map(|begin| line.trim_start().strip_prefix(begin));
        let first = is_first;
        is_first &= inner.is_empty();
        let start = match found {
            Some(rest) => line.len() - rest.len(),
            None if first && !inner.is_empty() => line
                .strip_prefix("Exception in thread \"")
                .and_then(|rest| Some(line.len() - rest.split_once("\" ")?.1.len()))
                .unwrap_or(0),
            None => return Line::Other(line),
        };
        let rest = &line[start..];
        let length = rest.find(": ").unwrap_or(rest.trim_end().trim_end_matches([':', ']']).len());
        Line::Head { before: &line[..start], class: &rest[..length], after: &rest[length..] }
    })
}

impl Mapping {
    /// `text` in the words of the source, and how many of its lines this
    /// mapping knew.
    pub fn retrace(&self, text: &str, limits: &Limits) -> (String, usize) {
        let mut out = String::with_capacity(text.len());
        let mut known = 0;
        let mut room = text.len().saturating_mul(MAX_GROWTH).min(limits.max_bytes);
        for line in lines(text, limits) {
            let before = out.len();
            match line {
                Line::Frame { text, class, method, at, .. } => {
                    match self.calls(&class, &method, at) {
                        Some(calls) => {
                            known += 1;
                            push_calls(&mut out, text, &calls);
                        }
                        None => push_line(&mut out, &[text]),
                    }
                }
                Line::Head { before, class, after } => {
                    let original = self.classes.get(class).map(|known| known.original.as_str());
                    known += usize::from(original.is_some());
                    push_line(&mut out, &[before, original.unwrap_or(class), after]);
                }
                Line::Other(text) => push_line(&mut out, &[text]),
            }
            match room.checked_sub(out.len() - before) {
                Some(left) => room = left,
                None => {
                    out.truncate(before);
                    break;
                }
            }
        }
        (out, known)
    }
}

fn push_calls(out: &mut String, frame: &str, calls: &[Call]) {
    let indent = &frame[..frame.len() - frame.trim_start().len()];
    for Call { class, method, file, line } in calls {
        let line = line.map(|line| format!(":{line}")).unwrap_or_default();
        push_line(out, &[indent, "at ", class, ".", method, "(", file, &line, ")"]);
    }
}

fn push_line(out: &mut String, parts: &[&str]) {
    out.extend(parts.iter().copied());
    out.push('\n');
}
