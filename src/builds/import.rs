//! Builds that another server ran, kept under their ids and numbers. They are
//! finished: nothing of them is queued, run or reported again.

use crate::db::builds::FinishedBuild;
use crate::db::results::StoredTarget;
use crate::db::{self, Tx};
use crate::error::{Error, Result};
use crate::model::build::BuildStatus;
use crate::model::ids::{AppId, BuildId};
use crate::model::report::{TargetCoverage, TestResult};
use crate::model::text::cut;
use crate::model::time::Millis;
use crate::protocol::MAX_TESTS_PER_BUILD;

use super::results::{MAX_TARGETS, bounded, figures};

/// Longest branch, scheme, author or URL, in bytes; the rest is cut.
const MAX_NAME: usize = 1_000;
/// Longest commit message, in bytes; the rest is cut.
const MAX_MESSAGE: usize = 64 << 10;
/// Above any number that a build has had; leaves room to count on.
pub const MAX_NUMBER: i64 = 1_000_000_000;

/// A finished build as its server told of it.
#[derive(Debug, Clone, PartialEq)]
pub struct PastBuild {
    pub id: BuildId,
    pub app_id: AppId,
    pub number: i64,
    pub status: BuildStatus,
    pub scheme: String,
    pub repo_url: String,
    pub branch: String,
    /// 40 lowercase hex, or empty.
    pub commit_sha: String,
    pub commit_author: String,
    pub commit_message: String,
    pub created_at: Millis,
    pub started_at: Millis,
    pub finished_at: Millis,
    /// (count, passed), `None` when no tests ran.
    pub tests: Option<(i64, i64)>,
    pub coverage: Option<f64>,
    pub results: Vec<TestResult>,
    pub targets: Vec<TargetCoverage>,
}

/// Stores a build; false, and nothing changes, if its id is stored already.
///
/// # Errors
/// `Invalid` for a build that is not finished or a number that cannot be;
/// `Conflict` if another build of the app has its number.
pub async fn import(tx: &mut Tx, past: &PastBuild) -> Result<bool> {
    if db::builds::find(tx, &past.id).await?.is_some() {
        return Ok(false);
    }
    check(past)?;
    let commit_sha = if is_sha(&past.commit_sha) { past.commit_sha.as_str() } else { "" };
    let build = FinishedBuild {
        id: &past.id,
        app_id: &past.app_id,
        number: past.number,
        status: past.status,
        scheme: &cut(&past.scheme, MAX_NAME),
        repo_url: &cut(&past.repo_url, MAX_NAME),
        branch: &cut(&past.branch, MAX_NAME),
        commit_sha,
        commit_author: &cut(&past.commit_author, MAX_NAME),
        commit_message: &cut(&past.commit_message, MAX_MESSAGE),
        created_at: past.created_at,
        started_at: past.started_at,
        finished_at: past.finished_at,
        tests: past.tests,
        coverage: past.coverage,
    };
    if !db::builds::insert_finished(tx, &build).await? {
        return Err(Error::Conflict(format!("another build has number {}", past.number)));
    }
    // Its log stayed with the old server: there is one, and it is not whole.
    db::logs::insert_head(tx, &past.id).await?;
    db::logs::close(tx, &past.id, false).await?;
    store_results(tx, past).await?;
    db::apps::raise_build_number(tx, &past.app_id, past.number + 1).await?;
    Ok(true)
}

fn check(past: &PastBuild) -> Result<()> {
    if !past.status.is_finished() {
        return Err(Error::Invalid(format!("the build was still {}", past.status)));
    }
    if !(1..=MAX_NUMBER).contains(&past.number) {
        return Err(Error::invalid_parameter("build_number"));
    }
    if past.tests.is_some_and(|(count, passed)| count < passed || passed < 0) {
        return Err(Error::invalid_parameter("test_summary"));
    }
    let figures = past.targets.iter().flat_map(figures).chain(past.coverage);
    if !figures.into_iter().all(|figure| (0.0..=1.0).contains(&figure)) {
        return Err(Error::invalid_parameter("coverage"));
    }
    if past.results.len() > MAX_TESTS_PER_BUILD || past.targets.len() as i64 > MAX_TARGETS {
        return Err(Error::Invalid("too many tests or coverage targets".into()));
    }
    Ok(())
}

fn is_sha(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

async fn store_results(tx: &mut Tx, past: &PastBuild) -> Result<()> {
    for (ordinal, test) in past.results.iter().enumerate() {
        db::results::insert_test(tx, &past.id, ordinal as i64, &bounded(test)).await?;
    }
    for (ordinal, target) in past.targets.iter().enumerate() {
        let TargetCoverage { name, coverage, files } = target;
        let files = serde_json::to_string(files)
            .map_err(|cause| Error::internal("writing coverage", cause))?;
        let stored = StoredTarget { name: cut(name, MAX_NAME), coverage: *coverage, files };
        db::results::insert_target(tx, &past.id, ordinal as i64, &stored).await?;
    }
    Ok(())
}
