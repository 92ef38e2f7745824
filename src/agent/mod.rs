//! The build machine: claims a build, runs it, reports. Speaks to the server
//! through `protocol` alone; may import `git`, `model`, `error` and `config`,
//! never `db`, `blobs` or `app`.

use std::path::PathBuf;

use crate::model::secret::Secret;
use crate::protocol::Label;

pub mod client;
mod collect;
mod detect;
pub mod doctor;
mod environment;
pub mod executor;
#[cfg(test)]
mod fixture;
pub mod local;
pub mod log;
mod phases;
pub mod plan;
pub mod report;
pub mod run;
#[cfg(test)]
mod scripted_server;
mod scripts;
pub mod serve;
pub mod spool;
pub mod workspace;

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

/// The name of this machine, for agents that were given none.
pub fn host_name() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    if name.is_empty() { "agent".to_owned() } else { name }
}
