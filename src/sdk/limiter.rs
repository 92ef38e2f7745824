//! How often one device may call: a bucket of calls for each (source, app,
//! device), which refills with time. In memory only: a restart forgives.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use ring::digest;

use crate::model::time::Millis;

/// Buckets that are kept. At 40 bytes each they cost less than a megabyte.
const MAX_BUCKETS: usize = 10_000;
const MINUTE_MS: i64 = 60_000;

/// A hash: what callers send to be told apart may be long.
type Key = [u8; 16];

/// A bucket is the moment when it will be full again. Each call moves that
/// moment by the time that one call takes to refill.
pub(super) struct Limiter {
    per_minute: i64,
    full_at: Mutex<HashMap<Key, i64>>,
}

impl Limiter {
    /// `per_minute` calls at once and on average.
    pub(super) fn new(per_minute: u32) -> Self {
        Self { per_minute: i64::from(per_minute.max(1)), full_at: Mutex::default() }
    }

    /// Takes one call; fails with the seconds after which one is there again.
    pub(super) fn admit(
        &self,
        source: IpAddr,
        app: &str,
        device: &str,
        now: Millis,
    ) -> Result<(), u64> {
        let key = key(source, app, device);
        let one_call = MINUTE_MS / self.per_minute;
        let mut buckets = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let full_at = buckets.get(&key).copied().unwrap_or(now.0).max(now.0);
        let wait = full_at + one_call - (now.0 + MINUTE_MS);
        if wait > 0 {
            return Err(wait.unsigned_abs().div_ceil(1_000));
        }
        if buckets.len() >= MAX_BUCKETS && !buckets.contains_key(&key) {
            make_room(&mut buckets, now);
        }
        buckets.insert(key, full_at + one_call);
        Ok(())
    }
}

/// Forgets the buckets that are full again, and if there are none, the half
/// that is nearest to it: flooding with invented devices then frees them, but
/// costs no more memory.
fn make_room(buckets: &mut HashMap<Key, i64>, now: Millis) {
    buckets.retain(|_, full_at| *full_at > now.0);
    if buckets.len() >= MAX_BUCKETS {
        let mut moments: Vec<i64> = buckets.values().copied().collect();
        let (_, median, _) = moments.select_nth_unstable(MAX_BUCKETS / 2);
        let median = *median;
        let mut left = MAX_BUCKETS / 2;
        buckets.retain(|_, full_at| {
            let keep = *full_at >= median && left > 0;
            left -= usize::from(keep);
            keep
        });
    }
}

/// One home has many IPv6 addresses: the network counts (RFC 4291 2.5.1).
fn key(source: IpAddr, app: &str, device: &str) -> Key {
    let mut hash = digest::Context::new(&digest::SHA256);
    match source {
        IpAddr::V4(ip) => hash.update(&ip.octets()),
        IpAddr::V6(ip) => hash.update(&ip.octets()[..8]),
    }
    for part in [app, device] {
        hash.update(&(part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let mut key = [0; 16];
    key.copy_from_slice(&hash.finish().as_ref()[..16]);
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn calls_come_back_with_time() {
        let limiter = Limiter::new(3);
        let at = |ms: i64| limiter.admit(HOME, "app", "device", Millis(1_000_000 + ms));
        for _ in 0..3 {
            assert_eq!(at(0), Ok(()));
        }
        assert_eq!(at(0), Err(20));
        assert_eq!(at(19_500), Err(1));
        assert_eq!(at(20_000), Ok(()));
        assert_eq!(at(20_000), Err(20));
        assert_eq!(at(200_000), Ok(()));
        // A clock that is set back refuses nobody for ever.
        assert_eq!(limiter.admit(HOME, "other", "device", Millis(0)), Ok(()));
    }

    #[test]
    fn sources_apps_and_devices_are_apart() {
        let limiter = Limiter::new(1);
        let now = Millis(0);
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        assert_eq!(limiter.admit(HOME, "app", "device", now), Ok(()));
        assert!(limiter.admit(HOME, "app", "device", now).is_err());
        assert_eq!(limiter.admit(ip("127.0.0.2"), "app", "device", now), Ok(()));
        assert_eq!(limiter.admit(HOME, "ap", "pdevice", now), Ok(()));
        assert_eq!(limiter.admit(HOME, "app", "", now), Ok(()));
        assert_eq!(limiter.admit(ip("2001:db8::1"), "app", "device", now), Ok(()));
        assert!(limiter.admit(ip("2001:db8::2"), "app", "device", now).is_err());
    }

    #[test]
    fn invented_devices_cost_bounded_memory() {
        let limiter = Limiter::new(60);
        for n in 0..3 * MAX_BUCKETS {
            let _ = limiter.admit(HOME, "app", &n.to_string(), Millis(0));
        }
        assert!(limiter.full_at.lock().unwrap().len() <= MAX_BUCKETS);
        assert_eq!(limiter.admit(HOME, "app", "late", Millis(3_600_000)), Ok(()));
        assert!(limiter.full_at.lock().unwrap().len() <= MAX_BUCKETS);
    }
}
