//! Shipmate: a self-hosted mobile CI/CD and app-distribution server.
//!
//! `docs/architecture.md` maps the rooms and walks one build through them;
//! `tests/it/house.rs` keeps the direction of their imports.

pub mod accounts;
pub mod agent;
pub mod agent_api;
pub mod api;
pub mod app;
pub mod apps;
pub mod blobs;
pub mod builds;
pub mod cli;
pub mod config;
pub mod dashboard;
pub mod db;
pub mod distribution;
pub mod error;
pub mod feedback;
pub mod git;
pub mod hooks;
pub mod http;
pub mod jobs;
pub mod model;
pub mod notify;
pub mod operations;
pub mod protocol;
pub mod router;
pub mod sdk;
pub mod secrets;
