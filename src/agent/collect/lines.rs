//! Which lines of each covered file ran, packed together with their source
//! (COV-1). A source is sent only if it can be the file of the report: it must
//! have all the lines that the report names.

use std::sync::Arc;

use formats::LineCoverage;

use crate::agent::collect::sources::Sources;
use crate::agent::report::Report;
use crate::protocol::sources::{MAX_SOURCE_LINES, Packer, SourceFile};

/// Covered files of one build.
pub struct Lines {
    sources: Arc<Sources>,
    report: Report,
    packer: Packer,
    left_out: usize,
}

/// A covered file: its path in the report, and its lines.
pub type Covered = (String, Vec<LineCoverage>);

impl Lines {
    /// Secrets of `report` are masked.
    pub fn new(sources: Arc<Sources>, report: Report) -> Self {
        Self { sources, report, packer: Packer::default(), left_out: 0 }
    }

    /// Adds the files of the build's target number `target`. Blocks on files.
    pub fn add(&mut self, target: i64, files: Vec<Covered>) {
        for (path, mut lines) in files {
            if lines.is_empty() {
                continue;
            }
            lines.truncate(MAX_SOURCE_LINES);
            let last = lines.last().map_or(0, |line| line.number as usize);
            let found = self.sources.find(&path).and_then(|file| {
                let text = self.sources.read(&file)?;
                // Writers name the line after the end of a file, too.
                let fits = text.lines().count() + 1 >= last;
                fits.then(|| (file, self.report.clean(&text)))
            });
            let (file, text) = found.unzip();
            if !self.packer.add(target, &path, file, &SourceFile { lines, text }) {
                self.left_out += 1;
            }
        }
    }

    /// The body to send, unless there is none, and how many files did not fit.
    pub fn finish(self) -> (Option<Vec<u8>>, usize) {
        (self.packer.finish(), self.left_out)
    }
}
