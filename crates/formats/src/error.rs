//! What can be wrong with a report, in words for the log of a build. Texts
//! that come from the file are cut short and cleaned before they get in here.

use thiserror::Error;

/// A place in a text file; both count from 1, `column` in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("line {line}, column {column}")]
pub struct Position {
    pub line: usize,
    pub column: usize,
}

/// Why a report could not be read. Nothing of it was kept.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ReadError {
    #[error("the report has {size} bytes, the limit is {limit}")]
    TooLarge { size: usize, limit: usize },
    #[error("the report has more than {limit} {what}")]
    TooMany { what: &'static str, limit: usize },
    #[error("elements are nested more than {limit} deep at {at}")]
    TooDeep { at: Position, limit: usize },
    #[error("malformed XML at {at}: {reason}")]
    Xml { at: Position, reason: String },
    /// Well-formed XML, refused because it can be used for an attack.
    #[error("refused at {at}: {what}")]
    Refused { at: Position, what: &'static str },
    #[error("the text is not {expected} at byte {offset}; save the report as UTF-8")]
    Encoding { expected: &'static str, offset: usize },
    #[error("malformed JSON at {at}: {reason}")]
    Json { at: Position, reason: String },
    #[error("malformed lcov record on line {line}: {reason}")]
    Lcov { line: usize, reason: String },
    #[error("this is not {expected}: {found}")]
    NotThisFormat { expected: &'static str, found: String },
}
