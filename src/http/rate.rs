//! How many calls a token may make in a minute, counted in memory. Every
//! signed-in answer says how many are left, in the header fields of
//! draft-ietf-httpapi-ratelimit-headers-10.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use axum::http::{HeaderMap, HeaderName, HeaderValue};

use crate::app::Clock;
use crate::error::{Error, Result};
use crate::model::ids::TokenId;
use crate::model::time::Millis;

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// A window begins with a token's first call.
const WINDOW_MS: i64 = 60_000;
/// Tokens of different shards do not wait for each other.
const SHARDS: usize = 16;
/// Tokens counted in one shard; when full, those whose minute is over go, and
/// if there are none, all: a limit is a courtesy, memory is not.
const MAX_PER_SHARD: usize = 4_096;

/// The limit, and what was used of it.
#[derive(Debug)]
pub struct RateLimit {
    per_minute: u32,
    clock: Clock,
    policy: HeaderValue,
    shards: [Mutex<HashMap<TokenId, Window>>; SHARDS],
}

#[derive(Debug, Clone, Copy)]
struct Window {
    start: Millis,
    used: u32,
}

/// Where a token stands after a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Whether this call was within the limit.
    pub is_within: bool,
    pub remaining: u32,
    /// Seconds until the limit is whole again.
    pub reset: u32,
}

impl RateLimit {
    /// `None` for a limit of 0, which means no limit.
    pub fn new(per_minute: u32, clock: Clock) -> Result<Option<Self>> {
        if per_minute == 0 {
            return Ok(None);
        }
        let policy = HeaderValue::try_from(format!("\"token\";q={per_minute};w=60"))
            .map_err(|e| Error::internal("RateLimit-Policy header", e))?;
        Ok(Some(Self { per_minute, clock, policy, shards: Default::default() }))
    }

    /// Counts one call.
    pub fn count(&self, token: &TokenId) -> Standing {
        let now = self.clock.now();
        // The last digits count up, so neighbours fall into different shards.
        let last = token.as_str().as_bytes().last().copied().unwrap_or_default();
        let shard = &self.shards[usize::from(last) % SHARDS];
        let mut windows = shard.lock().unwrap_or_else(PoisonError::into_inner);
        let is_over = |window: &Window| !(0..WINDOW_MS).contains(&now.since(window.start));
        let fresh = Window { start: now, used: 0 };
        let window = match windows.get_mut(token) {
            Some(window) => {
                if is_over(window) {
                    *window = fresh;
                }
                window
            }
            None => {
                if windows.len() >= MAX_PER_SHARD {
                    windows.retain(|_, window| !is_over(window));
                }
                if windows.len() >= MAX_PER_SHARD {
                    windows.clear();
                }
                windows.entry(token.clone()).or_insert(fresh)
            }
        };
        let is_within = window.used < self.per_minute;
        if is_within {
            window.used += 1;
        }
        let left = WINDOW_MS - now.since(window.start);
        let reset = u32::try_from((left + 999) / 1_000).unwrap_or(0);
        Standing { is_within, remaining: self.per_minute - window.used, reset }
    }

    /// Adds the two header fields.
    pub fn show(&self, standing: Standing, headers: &mut HeaderMap) {
        let Standing { remaining, reset, .. } = standing;
        if let Ok(value) = HeaderValue::try_from(format!("\"token\";r={remaining};t={reset}")) {
            headers.insert(RATE_LIMIT, value);
            headers.insert(RATE_LIMIT_POLICY, self.policy.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;

    #[test]
    fn a_window_begins_with_the_first_call_and_ends_after_a_minute() {
        let time = Arc::new(AtomicI64::new(1_000));
        let limit = RateLimit::new(2, Clock::Fixed(time.clone())).unwrap().unwrap();
        let (one, two) = (TokenId::generate(Millis(0)), TokenId::generate(Millis(0)));
        let standing = |is_within, remaining, reset| Standing { is_within, remaining, reset };
        assert_eq!(limit.count(&one), standing(true, 1, 60));
        time.store(30_001, Ordering::SeqCst);
        assert_eq!(limit.count(&one), standing(true, 0, 31));
        assert_eq!(limit.count(&one), standing(false, 0, 31));
        assert_eq!(limit.count(&two), standing(true, 1, 60), "each token has its own");
        time.store(61_000, Ordering::SeqCst);
        assert_eq!(limit.count(&one), standing(true, 1, 60));
        // A clock that was set back does not lock anybody out.
        time.store(0, Ordering::SeqCst);
        assert_eq!(limit.count(&one), standing(true, 1, 60));
        assert!(RateLimit::new(0, Clock::System).unwrap().is_none());
    }

    #[test]
    fn memory_is_bounded() {
        let limit = RateLimit::new(1, Clock::Fixed(Arc::default())).unwrap().unwrap();
        for _ in 0..SHARDS * MAX_PER_SHARD * 2 {
            limit.count(&TokenId::generate(Millis(0)));
        }
        for shard in &limit.shards {
            assert!(shard.lock().unwrap().len() <= MAX_PER_SHARD);
        }
    }
}
