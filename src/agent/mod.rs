//! The build machine: claims a build, runs it, reports. Speaks to the server
//! through `protocol` alone; may import `git`, `model`, `error` and `config`,
//! never `db`, `blobs` or `app`.

mod collect;
mod detect;
mod environment;
pub mod executor;
#[cfg(test)]
mod fixture;
pub mod local;
mod log;
mod phases;
pub mod plan;
pub mod report;
pub mod run;
mod scripts;
pub mod workspace;
