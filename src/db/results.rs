//! Test results and coverage of builds.

use crate::db::sql::{Tx, sql};
use crate::error::{Error, Result};
use crate::model::ids::BuildId;
use crate::model::report::TestResult;

/// Stores the test at `ordinal`; a repeated call changes nothing.
pub async fn insert_test(tx: &mut Tx, id: &BuildId, ordinal: i64, test: &TestResult) -> Result<()> {
    let TestResult { run, target, suite, name, passed, duration_ms, message, file, line, snippet } =
        test;
    let snippet = snippet.as_ref().map(serde_json::to_string).transpose();
    let snippet = snippet.map_err(|cause| Error::internal("writing a snippet", cause))?;
    sql("INSERT INTO test_results (build_id, ordinal, run, target, suite, name, passed,
           duration_ms, message, file, line, snippet)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
         ON CONFLICT (build_id, ordinal) DO NOTHING")
    .bind(id)
    .bind(ordinal)
    .bind(run)
    .bind(target)
    .bind(suite)
    .bind(name)
    .bind(*passed)
    .bind(*duration_ms)
    .bind(message.clone())
    .bind(file.clone())
    .bind(*line)
    .bind(snippet)
    .exec(tx)
    .await?;
    Ok(())
}

/// Tests in execution order; only failed or only passed ones on request.
pub async fn list_tests(
    tx: &mut Tx,
    id: &BuildId,
    passed: Option<bool>,
) -> Result<Vec<TestResult>> {
    sql("SELECT run, target, suite, name, passed, duration_ms, message, file, line,
           snippet
         FROM test_results WHERE build_id = $1 AND (passed = $2 OR passed = $3)
         ORDER BY ordinal")
    .bind(id)
    .bind(passed.unwrap_or(true))
    .bind(passed.unwrap_or(false))
    .all(tx)
    .await
}

/// The first tests in execution order; only failed or only passed ones on
/// request.
pub async fn list_some(
    tx: &mut Tx,
    id: &BuildId,
    passed: Option<bool>,
    limit: i64,
) -> Result<Vec<TestResult>> {
    sql("SELECT run, target, suite, name, passed, duration_ms, message, file, line,
           snippet
         FROM test_results WHERE build_id = $1 AND (passed = $2 OR passed = $3)
         ORDER BY ordinal LIMIT CAST($4 AS BIGINT)")
    .bind(id)
    .bind(passed.unwrap_or(true))
    .bind(passed.unwrap_or(false))
    .bind(limit)
    .all(tx)
    .await
}

/// (count, passed).
pub async fn count_tests(tx: &mut Tx, id: &BuildId) -> Result<(i64, i64)> {
    sql("SELECT COUNT(*), COUNT(*) FILTER (WHERE passed) FROM test_results WHERE build_id = $1")
        .bind(id)
        .one(tx)
        .await
}

/// Coverage of one target; `files` is JSON of `FileCoverage`.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub struct StoredTarget {
    pub name: String,
    pub coverage: f64,
    pub files: String,
}

/// Stores the target at `ordinal`; a repeated call changes nothing.
pub async fn insert_target(
    tx: &mut Tx,
    id: &BuildId,
    ordinal: i64,
    target: &StoredTarget,
) -> Result<()> {
    sql("INSERT INTO coverage_targets (build_id, ordinal, name, coverage, files)
         VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (build_id, ordinal) DO NOTHING")
    .bind(id)
    .bind(ordinal)
    .bind(&target.name)
    .bind(target.coverage)
    .bind(&target.files)
    .exec(tx)
    .await?;
    Ok(())
}

pub async fn list_targets(tx: &mut Tx, id: &BuildId) -> Result<Vec<StoredTarget>> {
    sql("SELECT name, coverage, files FROM coverage_targets WHERE build_id = $1 ORDER BY ordinal")
        .bind(id)
        .all(tx)
        .await
}

/// One target with its place in the list.
pub async fn find_target(tx: &mut Tx, id: &BuildId, ordinal: i64) -> Result<Option<StoredTarget>> {
    sql("SELECT name, coverage, files FROM coverage_targets WHERE build_id = $1 AND ordinal = $2")
        .bind(id)
        .bind(ordinal)
        .opt(tx)
        .await
}

/// (place, name, figure) of the first targets.
pub async fn list_target_names(
    tx: &mut Tx,
    id: &BuildId,
    limit: i64,
) -> Result<Vec<(i64, String, f64)>> {
    sql("SELECT ordinal, name, coverage FROM coverage_targets
         WHERE build_id = $1 ORDER BY ordinal LIMIT CAST($2 AS BIGINT)")
    .bind(id)
    .bind(limit)
    .all(tx)
    .await
}

/// The targets' figures alone.
pub async fn list_figures(tx: &mut Tx, id: &BuildId) -> Result<Vec<f64>> {
    let rows: Vec<(f64,)> =
        sql("SELECT coverage FROM coverage_targets WHERE build_id = $1 ORDER BY ordinal")
            .bind(id)
            .all(tx)
            .await?;
    Ok(rows.into_iter().map(|r| r.0).collect())
}

/// Forgets the results of an attempt that will be repeated.
pub async fn clear(tx: &mut Tx, id: &BuildId) -> Result<()> {
    sql("DELETE FROM test_results WHERE build_id = $1").bind(id).exec(tx).await?;
    sql("DELETE FROM coverage_targets WHERE build_id = $1").bind(id).exec(tx).await?;
    Ok(())
}
