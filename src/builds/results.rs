//! Tests and coverage as the agent reports them. The agent read the reports;
//! what it says is bounded here and stored.

use crate::app::App;
use crate::db;
use crate::db::results::StoredTarget;
use crate::error::{Error, Result};
use crate::model::report::{FileCoverage, FunctionCoverage, Snippet, TargetCoverage, TestResult};
use crate::model::text::cut;
use crate::protocol::{CoverageBatch, MAX_TESTS_PER_BATCH, MAX_TESTS_PER_BUILD, TestBatch};

use super::{Holder, hold};

/// Longest name, in bytes; the rest is cut.
const MAX_NAME: usize = 1_000;
/// Longest failure message, in bytes; the rest is cut.
const MAX_MESSAGE: usize = 64 << 10;
/// Longest source around a failure, in bytes; the rest is cut.
const MAX_SNIPPET: usize = 8 << 10;
/// Coverage targets of one build.
pub(super) const MAX_TARGETS: i64 = 10_000;

/// Stores a batch; repeating it changes nothing. A build that was cancelled
/// meanwhile keeps the summary it ended with, so its late results are dropped.
///
/// # Errors
/// `Invalid` for a batch beyond the limits, `Conflict` when the agent no
/// longer holds the build.
pub async fn add_tests(app: &App, holder: Holder<'_>, batch: &TestBatch) -> Result<()> {
    let end = batch.first.checked_add(batch.tests.len() as i64);
    let fits = batch.first >= 0 && end.is_some_and(|end| end <= MAX_TESTS_PER_BUILD as i64);
    if batch.tests.len() > MAX_TESTS_PER_BATCH || !fits {
        return Err(Error::invalid_parameter("tests"));
    }
    let mut tx = app.db.write().await?;
    if hold(&mut tx, holder).await?.status.is_finished() {
        return Ok(());
    }
    for (index, test) in batch.tests.iter().enumerate() {
        let ordinal = batch.first + index as i64;
        db::results::insert_test(&mut tx, holder.build, ordinal, &bounded(test)).await?;
    }
    tx.commit().await
}

pub(super) fn bounded(test: &TestResult) -> TestResult {
    let TestResult { run, target, suite, name, passed, duration_ms, message, file, line, snippet } =
        test;
    TestResult {
        run: cut(run, MAX_NAME),
        target: cut(target, MAX_NAME),
        suite: cut(suite, MAX_NAME),
        name: cut(name, MAX_NAME),
        passed: *passed,
        duration_ms: duration_ms.filter(|ms| *ms >= 0),
        message: message.as_deref().map(|m| cut(m, MAX_MESSAGE)),
        file: file.as_deref().map(|f| cut(f, MAX_NAME)),
        line: line.filter(|l| *l >= 0),
        snippet: snippet.as_ref().filter(|_| !passed).map(|snippet| Snippet {
            path: cut(&snippet.path, MAX_NAME),
            text: cut(&snippet.text, MAX_SNIPPET),
            ..*snippet
        }),
    }
}

/// Stores one coverage target; repeating it changes nothing.
///
/// # Errors
/// `Invalid` for figures outside 0..1 or too many targets, `Conflict` when the
/// agent no longer holds the build.
pub async fn add_coverage(app: &App, holder: Holder<'_>, batch: &CoverageBatch) -> Result<()> {
    if !(0..MAX_TARGETS).contains(&batch.ordinal) {
        return Err(Error::invalid_parameter("ordinal"));
    }
    if !figures(&batch.target).all(|figure| (0.0..=1.0).contains(&figure)) {
        return Err(Error::invalid_parameter("target"));
    }
    let TargetCoverage { name, coverage, files } = &batch.target;
    let files =
        serde_json::to_string(files).map_err(|cause| Error::internal("writing coverage", cause))?;
    // JSON escapes NUL, so `files` needs no cutting for PostgreSQL.
    let stored = StoredTarget { name: cut(name, MAX_NAME), coverage: *coverage, files };
    let mut tx = app.db.write().await?;
    if hold(&mut tx, holder).await?.status.is_finished() {
        return Ok(());
    }
    db::results::insert_target(&mut tx, holder.build, batch.ordinal, &stored).await?;
    tx.commit().await
}

pub(super) fn figures(target: &TargetCoverage) -> impl Iterator<Item = f64> {
    let of_file = |file: &FileCoverage| {
        let of_functions = file.functions.iter().map(|f: &FunctionCoverage| f.coverage);
        std::iter::once(file.coverage).chain(of_functions).collect::<Vec<_>>()
    };
    std::iter::once(target.coverage).chain(target.files.iter().flat_map(of_file))
}
