//! The secrets of one build and where they stand in a text. Pure: no streams,
//! no time; `lane.rs` decides what is shown when.
//!
//! A secret of several lines is also searched line by line, because tools
//! indent, number or fold what they print. White space around a secret and
//! around its lines does not count.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Range;

use aho_corasick::{AhoCorasick, AhoCorasickKind, Input, MatchKind};

use crate::model::secret::Secret;

/// Stands in the log for a secret.
pub const MASK: &str = "********";

/// Shorter values (and lines of values) are not masked: `1`, `true` or `dev`
/// occur everywhere, so masking them would make the log unreadable and tell
/// the value by the holes.
pub const MIN_SECRET_BYTES: usize = 4;

/// Up to this many bytes of secrets the search is compiled to a DFA (fastest,
/// about 1 KiB of memory a byte); beyond, to a compact NFA.
const DFA_BYTES: usize = 4096;

/// The registered secrets. Not `Debug`: it holds them in plain.
#[derive(Default)]
pub struct Masks {
    patterns: BTreeSet<String>,
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
        let lines = whole.lines().map(str::trim);
        for pattern in lines.chain([whole]).filter(|text| text.len() >= MIN_SECRET_BYTES) {
            if !self.patterns.contains(pattern) {
                self.patterns.insert(pattern.to_owned());
                self.compiled = None;
            }
        }
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
