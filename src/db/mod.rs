//! All SQL and nothing else: no decisions, no authorisation. One file per
//! table family; every query function takes a `Tx`, never a pool, so that work
//! cannot slip beside the transaction it belongs to.

pub mod accounts;
pub mod agents;
pub mod apps;
pub mod artifacts;
pub mod audit;
mod build_row;
pub mod builds;
pub mod connections;
pub mod crashes;
pub mod deliveries;
pub mod deployments;
pub mod devices;
mod fault;
pub mod feedback;
pub mod groups;
pub mod idempotency;
pub mod identities;
pub mod identity_providers;
pub mod incidents;
pub mod invitations;
pub mod jobs;
pub mod logs;
pub mod media;
mod memo;
pub mod migrate;
pub mod organisations;
pub mod outgoing;
pub mod packages;
pub mod pins;
pub mod pulls;
pub mod purge;
pub mod queue;
mod readers;
pub mod remotes;
pub mod results;
pub mod schedules;
pub mod sealed;
pub mod secure_files;
pub mod sessions;
pub mod settings;
pub mod sources;
pub mod sql;
pub mod ssh;
pub mod statuses;
pub mod storage;
pub mod symbols;
pub mod tokens;
pub mod trends;
mod value;
pub mod variables;
pub mod wake;

pub use sql::{Db, Tx};
