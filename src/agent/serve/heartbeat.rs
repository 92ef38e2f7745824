//! Keeps the lease of a running build alive, tells the server the phase, and
//! hears from it when the build is to be stopped.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use crate::agent::client::lease::Lease;
use crate::agent::client::retry::Backoff;
use crate::model::build::Phase;
use crate::protocol::{HEARTBEAT_MS, Heartbeat};

/// While the server is away, the lease may be running out.
const LONGEST_DELAY: Duration = Duration::from_secs(2);

/// The claim itself gave a lease; a build that ends sooner needs no heartbeat.
const FIRST_AFTER: Duration = Duration::from_millis(250);

/// Phases that follow each other faster are not all told.
const PHASE_GAP: Duration = Duration::from_millis(100);

/// A server that has nothing to say answers late; this bounds one that does not.
const LEAST_WAIT: Duration = Duration::from_secs(1);

/// Runs until dropped or the lease is lost.
pub async fn keep(lease: Lease, phases: watch::Receiver<Phase>) {
    let cap = lease.backoff.cap.min(LONGEST_DELAY);
    let lease = Lease { backoff: Backoff { cap, ..lease.backoff }, ..lease };
    tokio::join!(renew(&lease, phases.clone()), tell(&lease, phases));
}

/// Long polls, one after the other.
async fn renew(lease: &Lease, phases: watch::Receiver<Phase>) {
    let mut wait_ms = HEARTBEAT_MS;
    sleep(FIRST_AFTER).await;
    while !lease.is_lost() {
        let asked = Instant::now();
        let Some(cancel) = beat(lease, &phases, wait_ms).await else { continue };
        if cancel {
            // Known from here on; the lease still has to live until the end.
            wait_ms = 0;
            sleep(Duration::from_millis(HEARTBEAT_MS / 2)).await;
        } else {
            sleep_until(asked + LEAST_WAIT).await;
        }
    }
}

/// Tells a change of the phase soon, beside the long poll.
async fn tell(lease: &Lease, mut phases: watch::Receiver<Phase>) {
    while !lease.is_lost() && phases.changed().await.is_ok() {
        sleep(PHASE_GAP).await;
        phases.mark_unchanged();
        beat(lease, &phases, 0).await;
    }
}

/// One heartbeat; says whether the build is to be stopped. `None`: lost, or
/// the server did not understand.
async fn beat(lease: &Lease, phases: &watch::Receiver<Phase>, wait_ms: u64) -> Option<bool> {
    let call = || {
        let beat = Heartbeat { attempt: lease.attempt, phase: *phases.borrow(), wait_ms };
        async move { lease.client.heartbeat(&lease.build, &beat).await }
    };
    match lease.keep_trying("heartbeat", call).await {
        Ok(reply) => {
            if reply.cancel {
                lease.cancel.cancel();
            }
            Some(reply.cancel)
        }
        Err(error) => {
            if !lease.is_lost() {
                tracing::warn!(build = %lease.build, %error, "A heartbeat was refused");
                sleep(LEAST_WAIT).await;
            }
            None
        }
    }
}
