//! Builds and tests side by side: what changed from build to build. Every
//! query looks at the newest builds of an app only, as many as it is told.

use crate::db::build_row::build_columns;
use crate::db::sql::{Tx, sql};
use crate::error::Result;
use crate::model::build::Build;
use crate::model::ids::{AppId, BuildId};
use crate::model::time::Millis;

/// Which builds are looked at: the last `builds` ones with test results up to
/// `until`, of one branch and scheme unless they are `None`.
#[derive(Debug, Clone, Copy)]
pub struct Recent<'a> {
    pub app: &'a AppId,
    pub branch: Option<&'a str>,
    pub scheme: Option<&'a str>,
    pub until: Millis,
    pub builds: i64,
}

/// The common part of the queries about tests; `$1` to `$5` are `Recent`'s.
macro_rules! recent {
    () => {
        "WITH recent AS (
           SELECT id, number, commit_sha, created_at FROM builds
           WHERE app_id = $1 AND tests_count IS NOT NULL AND tests_count > 0
             AND (CAST($2 AS TEXT) IS NULL OR branch = $2)
             AND (CAST($3 AS TEXT) IS NULL OR scheme = $3)
             AND created_at <= $4
           ORDER BY created_at DESC, id DESC LIMIT CAST($5 AS BIGINT)) "
    };
}

/// One test in one build.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Seen {
    pub build_id: BuildId,
    pub number: i64,
    pub commit_sha: String,
    pub created_at: Millis,
    pub run: String,
    pub target: String,
    pub suite: String,
    pub name: String,
    pub passed: bool,
    pub duration_ms: Option<i64>,
}

/// The results, newest build first, of every test that failed in at least one
/// of the builds.
pub async fn list_unsteady(tx: &mut Tx, recent: &Recent<'_>, limit: i64) -> Result<Vec<Seen>> {
    sql(concat!(
        recent!(),
        ", failed AS (
           SELECT DISTINCT f.run, f.target, f.suite, f.name
           FROM test_results f JOIN recent r ON r.id = f.build_id WHERE NOT f.passed)
         SELECT r.id AS build_id, r.number, r.commit_sha, r.created_at, t.run, t.target, t.suite,
           t.name, t.passed, t.duration_ms
         FROM recent r JOIN test_results t ON t.build_id = r.id
         JOIN failed f ON f.name = t.name AND f.suite = t.suite AND f.target = t.target
           AND f.run = t.run
         ORDER BY r.created_at DESC, r.id DESC, t.ordinal LIMIT CAST($6 AS BIGINT)"
    ))
    .bind(recent.app)
    .bind(recent.branch)
    .bind(recent.scheme)
    .bind(recent.until)
    .bind(recent.builds)
    .bind(limit)
    .all(tx)
    .await
}

/// A test's name in full.
#[derive(Debug, Clone, Copy)]
pub struct Named<'a> {
    pub run: &'a str,
    pub target: &'a str,
    pub suite: &'a str,
    pub name: &'a str,
}

/// One test in the builds, newest first.
pub async fn list_test(tx: &mut Tx, recent: &Recent<'_>, test: Named<'_>) -> Result<Vec<Seen>> {
    sql(concat!(
        recent!(),
        "SELECT r.id AS build_id, r.number, r.commit_sha, r.created_at, t.run, t.target, t.suite,
           t.name, t.passed, t.duration_ms
         FROM recent r JOIN test_results t ON t.build_id = r.id
         WHERE t.run = $6 AND t.target = $7 AND t.suite = $8 AND t.name = $9
         ORDER BY r.created_at DESC, r.id DESC, t.ordinal LIMIT 1000"
    ))
    .bind(recent.app)
    .bind(recent.branch)
    .bind(recent.scheme)
    .bind(recent.until)
    .bind(recent.builds)
    .bind(test.run)
    .bind(test.target)
    .bind(test.suite)
    .bind(test.name)
    .all(tx)
    .await
}

/// How long a test takes.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Slow {
    pub target: String,
    pub suite: String,
    pub name: String,
    pub mean_ms: i64,
    pub longest_ms: i64,
    pub times: i64,
}

/// The tests that take longest on average.
pub async fn list_slowest(tx: &mut Tx, recent: &Recent<'_>, limit: i64) -> Result<Vec<Slow>> {
    sql(concat!(
        recent!(),
        "SELECT t.target, t.suite, t.name, CAST(AVG(t.duration_ms) AS BIGINT) AS mean_ms,
           MAX(t.duration_ms) AS longest_ms, COUNT(*) AS times
         FROM recent r JOIN test_results t ON t.build_id = r.id
         WHERE t.duration_ms IS NOT NULL
         GROUP BY t.target, t.suite, t.name
         ORDER BY mean_ms DESC, t.target, t.suite, t.name LIMIT CAST($6 AS BIGINT)"
    ))
    .bind(recent.app)
    .bind(recent.branch)
    .bind(recent.scheme)
    .bind(recent.until)
    .bind(recent.builds)
    .bind(limit)
    .all(tx)
    .await
}

/// Finished builds since `since`, newest first, of one branch if it is named.
pub async fn list_finished(
    tx: &mut Tx,
    app: &AppId,
    branch: Option<&str>,
    since: Millis,
    limit: i64,
) -> Result<Vec<Build>> {
    sql(concat!(
        "SELECT ",
        build_columns!(),
        " FROM builds b
         WHERE b.app_id = $1 AND b.finished_at IS NOT NULL
           AND (CAST($2 AS TEXT) IS NULL OR b.branch = $2) AND b.created_at >= $3
         ORDER BY b.created_at DESC, b.id DESC LIMIT CAST($4 AS BIGINT)"
    ))
    .bind(app)
    .bind(branch)
    .bind(since)
    .bind(limit)
    .all(tx)
    .await
}

/// The size of one package.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Size {
    pub build_id: BuildId,
    pub number: i64,
    pub created_at: Millis,
    pub name: String,
    pub bytes: i64,
}

/// App packages of builds since `since`, newest first.
pub async fn list_sizes(
    tx: &mut Tx,
    app: &AppId,
    branch: Option<&str>,
    since: Millis,
    limit: i64,
) -> Result<Vec<Size>> {
    sql("SELECT b.id AS build_id, b.number, b.created_at, a.name, a.bytes
         FROM builds b JOIN artifacts a ON a.build_id = b.id
         JOIN packages p ON p.artifact_id = a.id
         WHERE b.app_id = $1 AND b.status = 'success'
           AND (CAST($2 AS TEXT) IS NULL OR b.branch = $2) AND b.created_at >= $3
         ORDER BY b.created_at DESC, b.id DESC, a.name LIMIT CAST($4 AS BIGINT)")
    .bind(app)
    .bind(branch)
    .bind(since)
    .bind(limit)
    .all(tx)
    .await
}
