//! Readers for the files that mobile builds leave behind: bytes in, structs
//! out. Every byte is taken for hostile, so each reader is held to [`Limits`]
//! and answers with [`ReadError`] instead of a panic. This crate may not touch
//! the network, the file system, a database, a clock or an async runtime; it
//! knows nothing of the server that stores what it reads.

pub mod acra;
mod cases;
pub mod coverage;
mod detect;
mod error;
pub mod java;
pub mod jest;
pub mod junit;
mod limits;
pub mod mapping;
pub mod package;
mod places;
mod report;
pub mod symbols;
mod text;
mod xml;

pub use detect::read_report;
pub use error::{Position, ReadError};
pub use limits::Limits;
pub use places::{Place, find_places};
pub use report::{
    CoverageReport, FileCoverage, FunctionCoverage, LineCoverage, Outcome, Ran, Report,
    TargetCoverage, TestCase, TestReport,
};
