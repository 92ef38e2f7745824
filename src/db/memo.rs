//! Answers that are remembered until the database changes, for the questions
//! that every request asks: whose token is this, and may they see that app?
//!
//! On SQLite every commit, also one of another process, appends to or rewrites
//! the write-ahead log, so its size and time of change stamp the state of the
//! database: one `stat` instead of a query. The kernel's clock for that time
//! ticks every few milliseconds, so an answer is also forgotten after a second.
//! PostgreSQL has no such stamp: nothing is remembered.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Longest life of a remembered answer.
const MAX_AGE: Duration = Duration::from_secs(1);
/// Answers of one kind; more are forgotten all at once.
const MAX_ENTRIES: usize = 1_000;

/// The state of the database at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    pub(super) bytes: u64,
    pub(super) seconds: i64,
    pub(super) nanoseconds: i64,
}

#[derive(Debug)]
struct Answer<V> {
    stamp: Stamp,
    at: Instant,
    value: V,
}

/// Remembered answers of one kind.
#[derive(Debug)]
pub(super) struct Memo<K, V>(Mutex<HashMap<K, Answer<V>>>);

impl<K, V> Default for Memo<K, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash, V: Clone> Memo<K, V> {
    /// The answer to `key`, if nothing was committed since it was given.
    pub(super) fn recall(&self, stamp: Option<Stamp>, key: &K) -> Option<V> {
        let answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = answers.get(key)?;
        let holds = Some(answer.stamp) == stamp && answer.at.elapsed() < MAX_AGE;
        holds.then(|| answer.value.clone())
    }

    /// Remembers an answer. `stamp` must be older than the query that gave it.
    pub(super) fn remember(&self, stamp: Option<Stamp>, key: K, value: V) {
        let Some(stamp) = stamp else { return };
        let mut answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if answers.len() >= MAX_ENTRIES {
            answers.clear();
        }
        answers.insert(key, Answer { stamp, at: Instant::now(), value });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(bytes: u64) -> Option<Stamp> {
        Some(Stamp { bytes, seconds: 1, nanoseconds: 2 })
    }

    #[test]
    fn an_answer_holds_until_the_stamp_changes() {
        let memo = Memo::default();
        memo.remember(stamp(1), "key", 7);
        assert_eq!(memo.recall(stamp(1), &"key"), Some(7));
        assert_eq!(memo.recall(stamp(2), &"key"), None);
        assert_eq!(memo.recall(None, &"key"), None);
        assert_eq!(memo.recall(stamp(1), &"other"), None);
        memo.remember(None, "unstamped", 1);
        assert_eq!(memo.recall(None, &"unstamped"), None);
    }
}
