//! What changes from build to build: which tests cannot be relied on, which
//! are slow, and how the figures of an app move. Looks at a bounded number of
//! builds, newest first.

use std::collections::BTreeMap;

use crate::db::trends::{self, Named, Recent, Seen};
use crate::db::{self, Tx};
use crate::error::Result;
use crate::model::build::Build;

/// Builds that tests are compared over.
pub const BUILDS: i64 = 30;
/// Results looked at to find flaky tests.
const MAX_RESULTS: i64 = 20_000;
/// Changes of a test's result over these builds that make it flaky: broken,
/// repaired and broken again.
const FLIPS: usize = 3;

/// A test, by everything that names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    pub run: String,
    pub target: String,
    pub suite: String,
    pub name: String,
}

/// How a test that failed at least once did over the last builds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Record {
    pub runs: usize,
    pub failures: usize,
    /// Times that the result was another one than before.
    pub flips: usize,
    /// Passed and failed on the same commit.
    pub both: bool,
}

impl Record {
    /// Whether its result says little about the commit (see docs/tests.md).
    pub fn is_flaky(&self) -> bool {
        self.both || self.flips >= FLIPS
    }

    /// Of `seen`, one test in order of time, from either end.
    pub fn of<'a>(seen: impl IntoIterator<Item = &'a Seen>) -> Self {
        let mut record = Self::default();
        let mut by_commit: BTreeMap<&str, bool> = BTreeMap::new();
        let mut last = None;
        for one in seen {
            record.runs += 1;
            record.failures += usize::from(!one.passed);
            record.flips += usize::from(last.is_some_and(|last| last != one.passed));
            last = Some(one.passed);
            if !one.commit_sha.is_empty() {
                let first = *by_commit.entry(&one.commit_sha).or_insert(one.passed);
                record.both |= first != one.passed;
            }
        }
        record
    }
}

/// The tests that failed in at least one of the builds.
pub async fn unsteady(tx: &mut Tx, recent: &Recent<'_>) -> Result<BTreeMap<Key, Record>> {
    let seen = trends::list_unsteady(tx, recent, MAX_RESULTS).await?;
    let mut tests: BTreeMap<Key, Vec<Seen>> = BTreeMap::new();
    for one in seen {
        let key = Key {
            run: one.run.clone(),
            target: one.target.clone(),
            suite: one.suite.clone(),
            name: one.name.clone(),
        };
        tests.entry(key).or_default().push(one);
    }
    Ok(tests.into_iter().map(|(key, seen)| (key, Record::of(&seen))).collect())
}

/// The builds that tests of `build` are compared over: of the same branch and
/// scheme, up to this one.
pub fn around(build: &Build) -> Recent<'_> {
    Recent {
        app: &build.app_id,
        branch: Some(&build.branch),
        scheme: Some(&build.scheme),
        until: build.created_at,
        builds: BUILDS,
    }
}

/// One test in those builds, newest first.
pub async fn history(tx: &mut Tx, build: &Build, test: Named<'_>) -> Result<Vec<Seen>> {
    db::trends::list_test(tx, &around(build), test).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ids::BuildId;
    use crate::model::time::Millis;

    fn seen(results: &[(&str, bool)]) -> Vec<Seen> {
        let one = |(sha, passed): &(&str, bool)| Seen {
            build_id: BuildId::generate(Millis(1)),
            number: 1,
            commit_sha: (*sha).into(),
            created_at: Millis(1),
            run: "r".into(),
            target: "t".into(),
            suite: "s".into(),
            name: "n".into(),
            passed: *passed,
            duration_ms: None,
        };
        results.iter().map(one).collect()
    }

    #[test]
    fn flaky_is_both_on_one_commit_or_back_and_forth() {
        let cases: [(&[(&str, bool)], bool); 7] = [
            (&[("a", true), ("b", true)], false),
            (&[("a", true), ("b", false)], false),
            (&[("a", true), ("a", false)], true),
            (&[("", true), ("", false)], false),
            (&[("a", true), ("b", false), ("c", true)], false),
            (&[("a", true), ("b", false), ("c", true), ("d", false)], true),
            (&[("a", false), ("b", false), ("c", false)], false),
        ];
        for (results, flaky) in cases {
            assert_eq!(Record::of(&seen(results)).is_flaky(), flaky, "{results:?}");
        }
    }
}
