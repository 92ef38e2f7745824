//! What every story stands on: a database of each kind, an application with
//! people in it, a server on a real socket, and an agent that does what the
//! story says. Decides nothing about the product.

#[macro_use]
pub mod database;
pub mod agent;
pub mod app;
pub mod forge;
/// git over HTTP with a password, the same as the agent's own tests use.
#[path = "../../../src/agent/fixture/remote.rs"]
pub mod git_remote;
pub mod identity;
pub mod mail;
pub mod server;
pub mod sshd;

use std::time::Duration;

use tokio::time::Instant;

/// Between two looks at a condition.
const LOOK: Duration = Duration::from_millis(10);

/// Looks until `condition` gives a value.
///
/// Fails the test once `within` has passed.
pub async fn eventually<T>(
    within: Duration,
    what: &str,
    condition: impl AsyncFn() -> Option<T>,
) -> T {
    let found = within_time(within, condition).await;
    found.unwrap_or_else(|| panic!("not within {within:?}: {what}"))
}

/// Like `eventually`, for a test that has more to say when it fails. This is the
/// only place that waits for something to come true; nothing sleeps for a fixed
/// time.
pub async fn within_time<T>(within: Duration, condition: impl AsyncFn() -> Option<T>) -> Option<T> {
    let end = Instant::now() + within;
    loop {
        if let Some(value) = condition().await {
            return Some(value);
        }
        if Instant::now() >= end {
            return None;
        }
        tokio::time::sleep(LOOK).await;
    }
}
