//! How much a report may hold, and the meters that hold a reader to it. Knows
//! sizes and counts only, no format.

use crate::error::ReadError;

/// Ceilings for one report. A reader stops with an error at the first one
/// passed, so its memory stays within a small multiple of `max_bytes`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the input; also the sum of all names, paths and messages of
    /// the result. The second bound stops a report that grows as it is read: a
    /// long suite name is repeated in each of its cases.
    pub max_bytes: usize,
    /// Nesting of XML elements. JSON is held to 128 levels by its parser.
    pub max_depth: usize,
    /// Test cases of one report.
    pub max_cases: usize,
    /// Source files of one report, over all its targets.
    pub max_files: usize,
    /// Functions of one report, over all its files.
    pub max_functions: usize,
    /// Bytes of one message, in UTF-8. Longer ones are cut and end in an
    /// ellipsis, which counts. Names and paths are cut likewise, at 1 KiB if
    /// that is less.
    pub max_text: usize,
}

impl Default for Limits {
    /// Far above the largest reports of real projects.
    fn default() -> Self {
        Self {
            max_bytes: 32 * 1024 * 1024,
            max_depth: 64,
            max_cases: 200_000,
            max_files: 50_000,
            max_functions: 500_000,
            max_text: 16 * 1024,
        }
    }
}

/// Bytes of a name or path. One name may be copied for each of a million tiny
/// elements, so this bounds time where `max_bytes` bounds what is kept.
const MAX_NAME: usize = 1024;

impl Limits {
    pub(crate) fn max_name(&self) -> usize {
        self.max_text.min(MAX_NAME)
    }

    pub(crate) fn check_size(&self, bytes: &[u8]) -> Result<(), ReadError> {
        if bytes.len() > self.max_bytes {
            return Err(ReadError::TooLarge { size: bytes.len(), limit: self.max_bytes });
        }
        Ok(())
    }
}

/// Counts down from a ceiling.
#[derive(Debug)]
pub(crate) struct Meter {
    what: &'static str,
    limit: usize,
    left: usize,
}

impl Meter {
    pub(crate) fn new(what: &'static str, limit: usize) -> Self {
        Self { what, limit, left: limit }
    }

    /// Meter for all text of a result together, see [`Limits::max_bytes`].
    pub(crate) fn of_text(limits: &Limits) -> Self {
        Self::new("bytes of text", limits.max_bytes)
    }

    pub(crate) fn take(&mut self, amount: usize) -> Result<(), ReadError> {
        match self.left.checked_sub(amount) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err(ReadError::TooMany { what: self.what, limit: self.limit }),
        }
    }
}
