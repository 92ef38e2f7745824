//! The one test binary: stories through HTTP and the command line, and the
//! rules of the house. One binary, because each links the whole server.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::too_many_lines,
    reason = "a test may panic, reads its own environment, and a story is told in one piece"
)]

#[macro_use]
#[allow(dead_code, reason = "tools for stories that are still to come")]
mod harness;

mod agent_protocol;
mod api;
mod browser;
mod dashboard;
mod db;
mod house;
mod public_pages;
mod sign_in;
mod stories;
mod webhooks;
