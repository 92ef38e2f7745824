//! The secrets of one build and where they stand in a text. Pure: no streams,
//! no time; `lane.rs` decides what is shown when.
//!
//! A secret of several lines is also searched line by line, because tools
//! indent, number or fold what they print. White space around a secret and
//! around its lines does not count. Each is searched in the forms of `forms`
//! as well.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Range;

use aho_corasick::{AhoCorasick, AhoCorasickKind, Input, MatchKind};

use crate::model::secret::Secret;

mod forms;

/// Stands in the log for a secret.
pub const MASK: &str = "********";

/// Shorter values (and lines of values) are not masked: `1`, `true` or `dev`
/// occur everywhere, so masking them would make the log unreadable and tell
/// the value by the holes.
pub const MIN_SECRET_BYTES: usize = 4;

/// Secure files up to this size are masked if they are text.
pub const MAX_MASKED_FILE: usize = 16 << 10;

/// Words of a secure file that are shorter are not masked: configuration is
/// full of ordinary ones.
const MIN_FILE_WORD: usize = 16;

/// Longer texts are searched in their plain form and line by line only.
const MAX_ENCODED: usize = 8 << 10;

/// Bytes of encoded forms that are searched for in one build; later secrets
/// are searched in their plain form only.
const MAX_FORMS: usize = 4 << 20;

/// Up to this many bytes of secrets the search is compiled to a DFA (fastest,
/// about 1 KiB of memory a byte); beyond, to a compact NFA.
const DFA_BYTES: usize = 8192;

/// The registered secrets. Not `Debug`: it holds them in plain.
#[derive(Default)]
pub struct Masks {
    patterns: BTreeSet<String>,
    /// Bytes of encoded forms among them.
    forms: usize,
    compiled: Option<Compiled>,
}

struct Compiled {
    search: AhoCorasick,
    /// Sorted, for the search by prefix.
    patterns: Vec<String>,
    /// First bytes of all patterns.
    starts: [bool; 256],
    longest: usize,
}

impl Masks {
    /// Masks `secret` from now on.
    pub fn add(&mut self, secret: &Secret) {
        let whole = secret.expose().trim();
        self.insert_with_forms(whole);
        for line in whole.lines().map(str::trim).filter(|line| !is_armour(line)) {
            self.insert_with_forms(line);
        }
    }

    /// Masks what a secure file holds, if it is a text of a modest size: the
    /// whole, and every long word in it.
    pub fn add_file(&mut self, bytes: &[u8]) {
        let Ok(text) = std::str::from_utf8(bytes) else { return };
        if text.len() > MAX_MASKED_FILE || text.contains('\0') {
            return;
        }
        self.insert_with_forms(text.trim());
        // In JSON, the lines of a key are parted by `\n` in letters.
        let parts = text.split("\\n").flat_map(|part| {
            part.split(|c: char| c.is_whitespace() || "\"'`,;=(){}[]<>|&".contains(c))
        });
        for word in parts.filter(|word| word.len() >= MIN_FILE_WORD && !is_armour(word)) {
            self.insert_with_forms(word);
        }
    }

    fn insert_with_forms(&mut self, text: &str) {
        if text.len() < MIN_SECRET_BYTES || !self.insert(text.to_owned()) {
            return;
        }
        if text.len() > MAX_ENCODED {
            return;
        }
        let forms = forms::of(text);
        let bytes: usize = forms.iter().map(String::len).sum();
        if self.forms + bytes > MAX_FORMS {
            return;
        }
        self.forms += bytes;
        for form in forms.into_iter().filter(|form| form.len() >= MIN_SECRET_BYTES) {
            self.insert(form);
        }
    }

    fn insert(&mut self, pattern: String) -> bool {
        let is_new = self.patterns.insert(pattern);
        if is_new {
            self.compiled = None;
        }
        is_new
    }

    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// Start of the longest end of `text` that may still become a secret, or
    /// `text.len()`. Always a character boundary: secrets are text.
    pub fn undecided(&mut self, text: &str) -> usize {
        if self.is_empty() {
            return text.len();
        }
        let compiled = self.compiled();
        let bytes = text.as_bytes();
        let from = bytes.len().saturating_sub(compiled.longest - 1);
        (from..bytes.len())
            .find(|&start| compiled.is_begun_by(&bytes[start..]))
            .unwrap_or(bytes.len())
    }

    /// The parts of `text` that are covered by secrets, in order; overlapping
    /// secrets make one part. The first `known` bytes are covered already.
    pub fn covered(&mut self, text: &str, known: usize) -> Vec<Range<usize>> {
        let mut parts: Vec<Range<usize>> = Vec::new();
        if known > 0 {
            parts.push(0..known);
        }
        if self.is_empty() {
            return parts;
        }
        let compiled = self.compiled();
        // The plain search has a vectorised prefilter; most text ends here.
        let Some(first) = compiled.search.find(text) else { return parts };
        let from = first.end().saturating_sub(compiled.longest);
        let input = Input::new(text).range(from..);
        for found in compiled.search.find_overlapping_iter(input) {
            let mut part = found.range();
            while let Some(last) = parts.pop_if(|last| last.end > part.start) {
                part = last.start.min(part.start)..last.end.max(part.end);
            }
            parts.push(part);
        }
        parts
    }

    /// `text` with every secret masked, for short texts such as an error.
    pub fn clean<'a>(&mut self, text: &'a str) -> Cow<'a, str> {
        let parts = self.covered(text, 0);
        if parts.is_empty() {
            return Cow::Borrowed(text);
        }
        let mut shown = String::with_capacity(text.len());
        let mut from = 0;
        for part in parts {
            shown.push_str(&text[from..part.start]);
            hide(&text[part.clone()], false, &mut |piece| shown.push_str(piece));
            from = part.end;
        }
        shown.push_str(&text[from..]);
        Cow::Owned(shown)
    }

    fn compiled(&mut self) -> &Compiled {
        let patterns = &self.patterns;
        self.compiled.get_or_insert_with(|| Compiled::new(patterns))
    }
}

/// The first and last line of a PEM file, which all of them share.
fn is_armour(line: &str) -> bool {
    line.starts_with("-----BEGIN ") || line.starts_with("-----END ")
}

impl Compiled {
    fn new(patterns: &BTreeSet<String>) -> Self {
        let bytes: usize = patterns.iter().map(String::len).sum();
        let kind =
            if bytes <= DFA_BYTES { AhoCorasickKind::DFA } else { AhoCorasickKind::ContiguousNFA };
        let search = AhoCorasick::builder()
            .kind(Some(kind))
            .match_kind(MatchKind::Standard)
            .build(patterns)
            .expect("secrets come in bodies of a few MiB, far below 2^31 states");
        let mut starts = [false; 256];
        for pattern in patterns {
            starts[usize::from(pattern.as_bytes()[0])] = true;
        }
        let longest = patterns.iter().map(String::len).max().unwrap_or(1);
        Self { search, patterns: patterns.iter().cloned().collect(), starts, longest }
    }

    /// True when a secret starts with `text` and goes on after it.
    fn is_begun_by(&self, text: &[u8]) -> bool {
        if !self.starts[usize::from(text[0])] {
            return false;
        }
        let at = self.patterns.partition_point(|pattern| pattern.as_bytes() < text);
        // The first candidate may be `text` itself, which is complete.
        self.patterns[at..]
            .iter()
            .take(2)
            .any(|pattern| pattern.len() > text.len() && pattern.as_bytes().starts_with(text))
    }
}

/// Shows `text`, which is covered, as one mask a line, so that masking never
/// changes the number of lines. `begun`: the mask of the first line is out
/// already. Returns whether that of the last line is.
pub fn hide(text: &str, mut begun: bool, out: &mut impl FnMut(&str)) -> bool {
    for line in text.split_inclusive('\n') {
        let ended = line.ends_with('\n');
        if !begun && line.len() > usize::from(ended) {
            out(MASK);
            begun = true;
        }
        if ended {
            out("\n");
            begun = false;
        }
    }
    begun
}

#[cfg(test)]
mod tests;
