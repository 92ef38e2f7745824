//! Runs git with bounded time and output: checkout for the agent, and what
//! the server asks of a remote. Knows no SQL and no build; may import `model`,
//! `error` and `protocol` only. Every call is the git of the machine, with a
//! configuration of its own and nothing of the caller's environment.

pub mod checkout;
pub mod command;
pub mod look;
pub mod merge;
pub mod mirror;
pub mod providers;
pub mod refs;
pub mod remote;
pub mod ssh;
