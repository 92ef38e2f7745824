//! How long to wait before the next try.

use std::time::Duration;

use ring::rand::{SecureRandom, SystemRandom};

/// Exponential back-off between two bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    pub start: Duration,
    pub cap: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { start: Duration::from_millis(50), cap: Duration::from_secs(5) }
    }
}

impl Backoff {
    /// The delay after `failures` (from 1) failed tries in a row: doubled each
    /// time, of which the later half is random, so that the agents of a server
    /// that comes back do not all call at once.
    pub fn delay(&self, failures: u32) -> Duration {
        let doubled = self.start.saturating_mul(1 << failures.saturating_sub(1).min(20));
        let full = doubled.min(self.cap);
        full / 2 + (full / 2).mul_f64(random_fraction())
    }
}

/// 0..1. Without randomness from the system the delay is merely not spread.
fn random_fraction() -> f64 {
    let mut bytes = [0; 4];
    match SystemRandom::new().fill(&mut bytes) {
        Ok(()) => f64::from(u32::from_ne_bytes(bytes)) / f64::from(u32::MAX),
        Err(_) => 0.5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_to_the_cap() {
        let backoff = Backoff::default();
        for (failures, longest) in [(1, 50), (2, 100), (5, 800), (8, 5000), (u32::MAX, 5000)] {
            for _ in 0..50 {
                let delay = backoff.delay(failures);
                let longest = Duration::from_millis(longest);
                assert!(delay >= longest / 2 && delay <= longest, "{failures}: {delay:?}");
            }
        }
    }
}
