//! Shipmate: a self-hosted mobile CI/CD and app-distribution server.
//!
//! `docs/architecture.md` maps the rooms and walks one build through them;
//! `tests/it/house.rs` keeps the direction of their imports.

pub mod agent;
pub mod cli;
pub mod config;
pub mod error;
pub mod git;
pub mod model;
pub mod protocol;
