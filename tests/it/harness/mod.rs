//! What every story stands on: a database of each kind, an application with
//! people in it, a server on a real socket, and an agent that does what the
//! story says. Decides nothing about the product.

#[macro_use]
pub mod database;
pub mod agent;
pub mod app;
/// git over HTTP with a password, the same as the agent's own tests use.
#[path = "../../../src/agent/fixture/remote.rs"]
pub mod git_remote;
pub mod mail;
pub mod server;
pub mod sshd;

use std::time::Duration;

use tokio::time::Instant;

/// Between two looks at a condition.
const LOOK: Duration = Duration::from_millis(10);

/// Looks until `condition` gives a value. This is the only place that waits
/// for something to come true; nothing sleeps for a fixed time.
///
/// Fails the test once `within` has passed.
pub async fn eventually<T>(
    within: Duration,
    what: &str,
    condition: impl AsyncFn() -> Option<T>,
) -> T {
    let end = Instant::now() + within;
    loop {
        if let Some(value) = condition().await {
            return value;
        }
        assert!(Instant::now() < end, "not within {within:?}: {what}");
        tokio::time::sleep(LOOK).await;
    }
}
