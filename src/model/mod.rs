//! Plain data and pure decisions of the product. No async, no SQL text, no
//! clock, no wire format: everything here can be tested with a table.

pub mod account;
pub mod agent;
pub mod ansi;
pub mod app;
pub mod artifact;
pub mod build;
pub mod connection;
pub mod delivery;
pub mod distribution;
pub mod email;
pub mod evaluation;
pub mod feedback;
pub mod git_event;
pub mod hex;
pub mod identity;
pub mod ids;
pub mod incident;
pub mod log;
pub mod origin;
pub mod outline;
pub mod package;
pub mod report;
pub mod schedule;
pub mod secret;
pub mod session;
pub mod settings;
pub mod status;
pub mod symbols;
pub mod text;
pub mod time;
