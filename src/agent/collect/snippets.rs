//! The source around the place where a test failed (TST-4). The place is what
//! the failure's text names first of the workspace, or else what the report
//! says of the test: there, some writers give where the test begins.

use std::collections::HashMap;
use std::sync::Arc;

use formats::{Limits, Place, find_places};

use crate::agent::collect::sources::Sources;
use crate::agent::report::Report;
use crate::model::report::{Snippet, TestResult};

/// Lines before and after the one that failed.
const AROUND: usize = 5;
/// Longest line, in bytes; the rest is cut.
const MAX_LINE: usize = 400;
/// Snippets of one build: as many failures as a page shows.
const MAX_SNIPPETS: usize = 1_000;
/// Source files kept in memory while a report is worked on.
const MAX_KEPT: usize = 32;

/// Makes snippets for one build.
pub struct Snippets {
    sources: Arc<Sources>,
    report: Report,
    left: usize,
}

impl Snippets {
    /// Secrets of `report` are masked.
    pub fn new(sources: Arc<Sources>, report: Report) -> Self {
        Self { sources, report, left: MAX_SNIPPETS }
    }

    /// Adds snippets to the failed ones of `tests`. Blocks on files.
    pub fn add(&mut self, tests: &mut [TestResult]) {
        let mut texts: HashMap<String, Option<String>> = HashMap::new();
        for test in tests.iter_mut().filter(|test| !test.passed) {
            if self.left == 0 {
                return;
            }
            let Some((path, line)) = self.place(test) else { continue };
            if texts.len() > MAX_KEPT {
                texts.clear();
            }
            let text = texts.entry(path.clone()).or_insert_with(|| {
                // Before it is cut: half a secret is not found.
                self.sources.read(&path).map(|text| self.report.clean(&text))
            });
            test.snippet = text.as_deref().and_then(|text| cut_out(&path, line, text));
            self.left -= usize::from(test.snippet.is_some());
        }
    }

    fn place(&self, test: &TestResult) -> Option<(String, u32)> {
        let said = test.file.clone().zip(test.line.and_then(|line| u32::try_from(line).ok()));
        let said = said.map(|(path, line)| Place { path, line });
        let message = test.message.as_deref().unwrap_or_default();
        let mut places = find_places(message, &Limits::default()).into_iter().chain(said);
        places.find_map(|Place { path, line }| Some((self.sources.find(&path)?, line)))
    }
}

/// The lines around `line`, from 1; `None` if the file has no such line.
fn cut_out(path: &str, line: u32, text: &str) -> Option<Snippet> {
    let at = usize::try_from(line).ok()?.checked_sub(1)?;
    let first = at.saturating_sub(AROUND);
    let lines: Vec<&str> = text.lines().skip(first).take(at - first + 1 + AROUND).collect();
    if lines.len() <= at - first {
        return None;
    }
    let shown: Vec<&str> = lines.iter().map(|l| &l[..l.floor_char_boundary(MAX_LINE)]).collect();
    Some(Snippet {
        path: path.to_owned(),
        line,
        first: u32::try_from(first + 1).ok()?,
        text: shown.join("\n"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn snippets_stay_within_the_file() {
        let text: String = (1..=20).map(|n| format!("line {n}\n")).collect();
        let cut = |line| cut_out("a", line, &text).map(|s| (s.first, s.text.lines().count()));
        assert_eq!(cut(1), Some((1, 6)));
        assert_eq!(cut(10), Some((5, 11)));
        assert_eq!(cut(20), Some((15, 6)));
        assert_eq!((cut(0), cut(21), cut(u32::MAX)), (None, None, None));
        let long = "é".repeat(300);
        assert_eq!(cut_out("a", 1, &long).unwrap().text.len(), MAX_LINE);
        assert_eq!(cut_out("a", 1, ""), None);
    }
}
