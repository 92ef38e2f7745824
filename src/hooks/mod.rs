//! Deliveries of source-control providers (TRG-3..TRG-7, api.md 6): recognises
//! the provider, verifies the signature on the raw bytes, turns the delivery
//! into `GitEvent`s and stores it. Decides no build: a job does that later, so
//! that the provider has its answer at once. No SQL.

mod azure;
mod beanstalk;
mod bitbucket;
mod bitbucket_server;
mod body;
mod gitea;
mod github;
mod gitlab;
mod kiln;
pub mod read;
mod receive;
pub mod recognise;
mod signature;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::post;

use crate::app::App;

/// The one address that every provider posts to.
pub fn routes() -> Router<Arc<App>> {
    Router::new().route("/api/webhook", post(receive::receive)).layer(DefaultBodyLimit::disable())
}

#[cfg(test)]
mod tests;
