//! The build log as it is stored: chunks of plain text beside a list of runs
//! that says when, on which stream and in which step the lines were written.
//!
//! The text of all chunks, in order, is exactly what the build printed. A run
//! covers consecutive lines with the same time, stream and step; a run whose
//! last line is not ended by a newline is continued by the next one.

/// Which stream a line was written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stream {
    Stdout,
    Stderr,
    /// Written by Shipmate itself: phase titles, commands, errors.
    System,
}

/// Consecutive lines that share time, stream and step.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Run {
    /// Number of lines that this run ends with a newline.
    #[serde(rename = "n")]
    pub lines: u32,
    /// True when text after the last newline also belongs to this run; such a
    /// line is counted by the run that ends it.
    #[serde(rename = "p", default, skip_serializing_if = "std::ops::Not::not")]
    pub partial: bool,
    /// Milliseconds since the Unix epoch, by the agent's clock.
    #[serde(rename = "t")]
    pub at: i64,
    #[serde(rename = "s")]
    pub stream: Stream,
    /// Index into `ChunkMeta::steps`.
    #[serde(rename = "k")]
    pub step: u16,
}

/// What accompanies the text of one chunk.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct ChunkMeta {
    /// Plain bytes in this chunk.
    pub bytes: u64,
    /// Newlines in this chunk.
    pub lines: u64,
    /// Names of the steps that `runs` refer to.
    pub steps: Vec<String>,
    pub runs: Vec<Run>,
}
