//! What a log is made of: its steps with their times, and where errors stand.
//! Kept beside the log and extended with each chunk, so that a viewer can fold
//! steps and jump to the first error without reading the log.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, MatchKind};
use serde::{Deserialize, Serialize};

use crate::model::log::ChunkMeta;

/// Sections kept; what comes after belongs to the last one.
const MAX_SECTIONS: usize = 2_000;
/// Error lines whose numbers are kept; all are counted.
const MAX_ERRORS: usize = 1_000;
/// Longest name of a section, in bytes; the rest is cut.
const MAX_NAME: usize = 200;

/// What compilers, package managers and test runners write before what went
/// wrong. A line that holds one of these is an error line.
const MARKS: &[&str] = &[
    "error:",
    "Error:",
    "ERROR:",
    "error[",
    "fatal:",
    "FATAL",
    "FAILED",
    "FAILURE:",
    "FAIL ",
    "FAIL:",
    "Exception in thread",
    "=== Build failed",
];

/// Leftmost-first, because only that kind of search has a vectorised prefilter
/// for a dozen words: every byte of every log comes by here, inside the
/// transaction that stores it.
static ERRORS: LazyLock<AhoCorasick> = LazyLock::new(|| {
    let built = AhoCorasick::builder().match_kind(MatchKind::LeftmostFirst).build(MARKS);
    built.expect("a dozen plain words")
});

/// The shape of one log; lines are counted from 0.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outline {
    /// In the order of the log; a step that speaks again has a further section.
    pub steps: Vec<Section>,
    pub errors: u64,
    /// The first error lines, ascending.
    pub error_lines: Vec<u64>,
}

/// Consecutive lines of one step, up to the next section.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Section {
    pub name: String,
    pub first: u64,
    /// When its first and last line were written, by the agent's clock, in
    /// milliseconds since the Unix epoch.
    pub began: i64,
    pub ended: i64,
    pub errors: u64,
}

impl Section {
    /// How long it spoke, in milliseconds.
    pub fn took(&self) -> i64 {
        (self.ended - self.began).max(0)
    }
}

impl Outline {
    /// Adds a chunk of `text` whose first byte is in line `first`.
    pub fn extend(&mut self, first: u64, meta: &ChunkMeta, text: &[u8]) {
        let mut line = first;
        for run in &meta.runs {
            let name = meta.steps.get(usize::from(run.step)).map_or("", String::as_str);
            self.step(cut(name), line, run.at);
            line += u64::from(run.lines);
        }
        let mut line = first;
        let mut counted = 0;
        for found in ERRORS.find_iter(text) {
            let start = found.start();
            line += memchr::memchr_iter(b'\n', &text[counted..start]).count() as u64;
            counted = start;
            // `error:` ends many words that are none, such as `terror:`.
            if !(text[start].is_ascii_lowercase() && ends_in_word(&text[..start])) {
                self.error(line);
            }
        }
    }

    fn step(&mut self, name: &str, line: u64, at: i64) {
        let full = self.steps.len() == MAX_SECTIONS;
        match self.steps.last_mut() {
            Some(last) if last.name == name || full => last.ended = last.ended.max(at),
            _ => self.steps.push(Section {
                name: name.to_owned(),
                first: line,
                began: at,
                ended: at,
                errors: 0,
            }),
        }
    }

    /// Counts a line once, however many marks it has.
    fn error(&mut self, line: u64) {
        let at = self.steps.partition_point(|section| section.first <= line);
        let last = self.error_lines.last();
        if last == Some(&line) {
            return;
        }
        self.errors += 1;
        if let Some(section) = at.checked_sub(1).and_then(|at| self.steps.get_mut(at)) {
            section.errors += 1;
        }
        if self.error_lines.len() < MAX_ERRORS {
            self.error_lines.push(line);
        }
    }
}

/// Whether a word goes on after `before`; the `m` that ends a colour is none.
fn ends_in_word(before: &[u8]) -> bool {
    let Some((last, rest)) = before.split_last() else { return false };
    let code = rest.iter().rposition(|b| !(b.is_ascii_digit() || *b == b';'));
    let ends_colour = *last == b'm' && code.is_some_and(|at| rest[..=at].ends_with(b"\x1b["));
    last.is_ascii_alphabetic() && !ends_colour
}

fn cut(name: &str) -> &str {
    &name[..name.floor_char_boundary(MAX_NAME)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::log::{Run, Stream};

    fn meta(runs: &[(u32, i64, u16)]) -> ChunkMeta {
        let run =
            |&(lines, at, step)| Run { lines, partial: false, at, stream: Stream::Stdout, step };
        let steps = vec!["clone".into(), "build".into()];
        ChunkMeta { bytes: 0, lines: 0, steps, runs: runs.iter().map(run).collect() }
    }

    #[test]
    fn sections_follow_the_steps() {
        let mut outline = Outline::default();
        outline.extend(0, &meta(&[(2, 10, 0), (1, 20, 0), (1, 30, 1)]), b"a\nb\nc\nd\n");
        outline.extend(4, &meta(&[(1, 70, 1), (1, 90, 0)]), b"e\nf\n");
        let shape: Vec<_> = outline
            .steps
            .iter()
            .map(|s| (s.name.as_str(), s.first, s.began, s.ended, s.took()))
            .collect();
        assert_eq!(
            shape,
            [("clone", 0, 10, 20, 10), ("build", 3, 30, 70, 40), ("clone", 5, 90, 90, 0)]
        );
    }

    #[test]
    fn an_error_line_counts_once_and_in_its_section() {
        let mut outline = Outline::default();
        let text = b"ok\nsrc/a.c:1: error: FAILED\nterror: no\nTypeError: x\nw: y\n";
        outline.extend(7, &meta(&[(1, 1, 0), (4, 2, 1)]), text);
        assert_eq!((outline.errors, outline.error_lines.clone()), (2, vec![8, 10]));
        assert_eq!(outline.steps.iter().map(|s| s.errors).collect::<Vec<_>>(), [0, 2]);
    }

    #[test]
    fn colours_do_not_hide_an_error() {
        for (text, errors) in [
            ("\u{1b}[31merror: x\n", 1),
            ("\u{1b}[1;31merror: x\n", 1),
            ("\u{1b}[merror: x\n", 1),
            ("mmerror: x\n", 0),
            ("[31merror: x\n", 0),
            ("error: x\n", 1),
        ] {
            let mut outline = Outline::default();
            outline.extend(0, &meta(&[(1, 1, 0)]), text.as_bytes());
            assert_eq!(outline.errors, errors, "{text:?}");
        }
    }

    #[test]
    fn a_hostile_log_has_a_bounded_outline() {
        let mut outline = Outline::default();
        let runs: Vec<_> = (0..9_000_u16).map(|n| (1, i64::from(n), n % 2)).collect();
        outline.extend(0, &meta(&runs), "error: x\n".repeat(9_000).as_bytes());
        assert_eq!((outline.steps.len(), outline.error_lines.len()), (2_000, 1_000));
        assert_eq!(outline.errors, 9_000);
        assert_eq!(outline.steps.last().map(|s| s.ended), Some(8_999));
    }
}
