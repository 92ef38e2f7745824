//! The build machine: claims a build, runs it, reports.

use std::path::PathBuf;

use crate::model::secret::Secret;
use crate::protocol::Label;

pub mod client;
#[cfg(test)]
mod fixture;
pub mod log;
pub mod report;
pub mod run;
pub mod serve;
pub mod spool;

/// What an agent is told at its start.
#[derive(Debug, Clone)]
pub struct Config {
    /// Base URL of the server, `http` or `https`.
    pub server: String,
    pub token: Secret,
    /// Unique per token.
    pub name: String,
    /// Builds that may run at the same time.
    pub slots: u32,
    pub labels: Vec<Label>,
    /// For checkouts, caches and spooled logs; of this agent alone.
    pub work_dir: PathBuf,
}
