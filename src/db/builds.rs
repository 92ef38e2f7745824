//! Build rows. Status changes are compare-and-set and are called by `builds/`
//! only; zero rows changed means that somebody else was faster.

use crate::db::build_row::build_columns;
use crate::db::sql::{Tx, sql};
use crate::error::{Error, Result};
use crate::model::account::Actor;
use crate::model::build::{Build, BuildStatus, Phase};
use crate::model::ids::{AgentId, AppId, BuildId, TokenId, UserId};
use crate::model::origin::Origin;
use crate::model::time::Millis;

/// A build as it is queued.
#[derive(Debug)]
pub struct NewBuild<'a> {
    pub id: &'a BuildId,
    pub app_id: &'a AppId,
    pub number: i64,
    pub scheme: &'a str,
    pub repo_url: &'a str,
    pub branch: &'a str,
    pub commit: Option<&'a str>,
    /// JSON of a `model::origin::Origin` that is not the default.
    pub origin: Option<&'a str>,
    pub lane: &'a str,
    /// JSON of a `model::settings::Resolved`.
    pub settings: Option<&'a str>,
    pub triggered_by: &'a str,
    pub user: Option<&'a UserId>,
    pub created_at: Millis,
}

/// What `build` was asked to build beyond the tip of a branch.
pub fn origin_of(build: &Build) -> Result<Origin> {
    build.origin().map_err(|cause| Error::internal("reading a build's origin", cause))
}

pub async fn insert(tx: &mut Tx, build: &NewBuild<'_>) -> Result<()> {
    sql("INSERT INTO builds (id, app_id, number, status, phase, scheme, repo_url, branch,
           wanted_commit, origin, lane, settings, triggered_by, triggered_by_user, created_at)
         VALUES ($1, $2, $3, 'queued', 'waiting', $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)")
    .bind(build.id)
    .bind(build.app_id)
    .bind(build.number)
    .bind(build.scheme)
    .bind(build.repo_url)
    .bind(build.branch)
    .bind(build.commit)
    .bind(build.origin)
    .bind(build.lane)
    .bind(build.settings)
    .bind(build.triggered_by)
    .bind(build.user)
    .bind(build.created_at)
    .exec(tx)
    .await?;
    Ok(())
}

/// A build that is over, as another server told of it.
#[derive(Debug)]
pub struct FinishedBuild<'a> {
    pub id: &'a BuildId,
    pub app_id: &'a AppId,
    pub number: i64,
    pub status: BuildStatus,
    pub scheme: &'a str,
    pub repo_url: &'a str,
    pub branch: &'a str,
    pub commit_sha: &'a str,
    pub commit_author: &'a str,
    pub commit_message: &'a str,
    pub created_at: Millis,
    pub started_at: Millis,
    pub finished_at: Millis,
    /// (count, passed), `None` when no tests ran.
    pub tests: Option<(i64, i64)>,
    pub coverage: Option<f64>,
}

/// Adds a finished build; false if its id is taken, or its number and scheme.
/// Nobody knows any more who triggered it: the API, if asked.
pub async fn insert_finished(tx: &mut Tx, build: &FinishedBuild<'_>) -> Result<bool> {
    let changed = sql("INSERT INTO builds (id, app_id, number, status, phase, scheme, repo_url,
           branch, commit_sha, commit_author, commit_message, triggered_by, created_at,
           started_at, finished_at, tests_count, tests_passed, coverage)
         VALUES ($1, $2, $3, $4, 'done', $5, $6, $7, $8, $9, $10, 'api_triggered', $11, $12, $13,
           $14, $15, $16)
         ON CONFLICT DO NOTHING")
    .bind(build.id)
    .bind(build.app_id)
    .bind(build.number)
    .bind(build.status.as_str())
    .bind(build.scheme)
    .bind(build.repo_url)
    .bind(build.branch)
    .bind(build.commit_sha)
    .bind(build.commit_author)
    .bind(build.commit_message)
    .bind(build.created_at)
    .bind(build.started_at)
    .bind(build.finished_at)
    .bind(build.tests.map(|t| t.0))
    .bind(build.tests.map(|t| t.1))
    .bind(build.coverage)
    .exec(tx)
    .await?;
    Ok(changed == 1)
}

pub async fn find(tx: &mut Tx, id: &BuildId) -> Result<Option<Build>> {
    sql(concat!("SELECT ", build_columns!(), " FROM builds b WHERE b.id = $1"))
        .bind(id)
        .opt(tx)
        .await
}

/// A build beside what its app's lists say about one user.
#[derive(Debug, sqlx::FromRow)]
pub struct SeenBuild {
    #[sqlx(flatten)]
    pub build: Build,
    pub app_access: Option<String>,
    pub org_role: Option<String>,
}

/// A build of an app that still exists.
pub async fn find_seen(tx: &mut Tx, id: &BuildId, user: &UserId) -> Result<Option<SeenBuild>> {
    sql(concat!(
        "SELECT ",
        build_columns!(),
        ", am.access AS app_access, om.role AS org_role
         FROM builds b JOIN apps a ON a.id = b.app_id
         LEFT JOIN app_members am ON am.app_id = a.id AND am.user_id = $2
         LEFT JOIN org_members om ON om.org_id = a.org_id AND om.user_id = $2
         WHERE b.id = $1 AND a.deleted_at IS NULL"
    ))
    .bind(id)
    .bind(user)
    .opt(tx)
    .await
}

/// Which builds of an app to list; `None` = any.
#[derive(Debug, Default)]
pub struct Filter<'a> {
    pub branch: Option<&'a str>,
    /// The displayed scheme, or its part before ` - <configuration>`.
    pub scheme: Option<&'a str>,
    pub status: Option<BuildStatus>,
    /// Only builds older than this one, in list order.
    pub before: Option<(Millis, &'a str)>,
}

/// Newest first by (`created_at`, `id`).
pub async fn list(tx: &mut Tx, app: &AppId, filter: &Filter<'_>, limit: i64) -> Result<Vec<Build>> {
    let Filter { branch, scheme, status, before } = filter;
    // No filter, no cursor is by far the most frequent call; its plan should
    // not depend on how a planner treats the optional conditions.
    if branch.is_none() && scheme.is_none() && status.is_none() && before.is_none() {
        return sql(concat!(
            "SELECT ",
            build_columns!(),
            " FROM builds b WHERE b.app_id = $1 ORDER BY b.created_at DESC, b.id DESC LIMIT CAST($2 AS BIGINT)"
        ))
        .bind(app)
        .bind(limit)
        .all(tx)
        .await;
    }
    let (before_at, before_id) = match before {
        Some((at, id)) => (at.0, *id),
        // Above every id: `g` sorts after all hex digits.
        None => (i64::MAX, "g"),
    };
    sql(concat!(
        "SELECT ",
        build_columns!(),
        " FROM builds b
         WHERE b.app_id = $1
           AND (CAST($2 AS TEXT) IS NULL OR b.branch = $2)
           AND (CAST($3 AS TEXT) IS NULL OR b.scheme = $3
             OR (substr(b.scheme, 1, length($3) + 3) = $3 || ' - '
               AND substr(b.scheme, length($3) + 4) NOT LIKE '% - %'))
           AND (CAST($4 AS TEXT) IS NULL OR b.status = $4)
           AND (b.created_at, b.id) < ($5, $6)
         ORDER BY b.created_at DESC, b.id DESC LIMIT CAST($7 AS BIGINT)"
    ))
    .bind(app)
    .bind(*branch)
    .bind(*scheme)
    .bind(status.map(BuildStatus::as_str))
    .bind(before_at)
    .bind(before_id)
    .bind(limit)
    .all(tx)
    .await
}

/// A build as the list of apps shows it.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Glance {
    pub app_id: AppId,
    pub id: BuildId,
    pub number: i64,
    pub status: String,
    pub branch: String,
    pub created_at: Millis,
    pub started_at: Option<Millis>,
    pub finished_at: Option<Millis>,
}

/// The last builds of every app that `actor` may see, at least `count` of each
/// that has so many, in no particular order. One query for all apps: each
/// app's part is a range of the index by app and time.
pub async fn list_glances(tx: &mut Tx, actor: &Actor, count: i64) -> Result<Vec<Glance>> {
    sql("SELECT b.app_id, b.id, b.number, b.status, b.branch, b.created_at, b.started_at,
           b.finished_at
         FROM apps a JOIN builds b ON b.app_id = a.id
           AND b.created_at >= COALESCE((SELECT x.created_at FROM builds x
             WHERE x.app_id = a.id ORDER BY x.created_at DESC, x.id DESC LIMIT 1 OFFSET CAST($3 AS BIGINT)), 0)
         WHERE a.deleted_at IS NULL AND ($2
           OR EXISTS (SELECT 1 FROM app_members m WHERE m.app_id = a.id AND m.user_id = $1)
           OR EXISTS (SELECT 1 FROM org_members m WHERE m.org_id = a.org_id AND m.user_id = $1))")
    .bind(&actor.user_id)
    .bind(actor.is_admin)
    .bind(count - 1)
    .all(tx)
    .await
}

/// Is anything queued? A cheap look before a write transaction is opened.
pub async fn has_queued(tx: &mut Tx) -> Result<bool> {
    let (found,): (bool,) =
        sql("SELECT EXISTS (SELECT 1 FROM builds WHERE status = 'queued') AS found")
            .one(tx)
            .await?;
    Ok(found)
}

/// The running build that an earlier call with this claim id got.
pub async fn find_claimed(tx: &mut Tx, claim_id: &str, agent: &AgentId) -> Result<Option<Build>> {
    sql(concat!(
        "SELECT ",
        build_columns!(),
        " FROM builds b WHERE b.claim_id = $1 AND b.agent_id = $2 AND b.status = 'running'"
    ))
    .bind(claim_id)
    .bind(agent)
    .opt(tx)
    .await
}

/// Renews the lease of (`id`, `attempt`) while it is held; rows changed.
pub async fn renew_lease(tx: &mut Tx, id: &BuildId, attempt: i64, until: Millis) -> Result<u64> {
    sql("UPDATE builds SET lease_until = $3
         WHERE id = $1 AND attempt = $2 AND lease_until IS NOT NULL")
    .bind(id)
    .bind(attempt)
    .bind(until)
    .exec(tx)
    .await
}

pub async fn set_phase(tx: &mut Tx, id: &BuildId, attempt: i64, phase: Phase) -> Result<u64> {
    sql("UPDATE builds SET phase = $3
         WHERE id = $1 AND attempt = $2 AND status = 'running' AND phase <> $3")
    .bind(id)
    .bind(attempt)
    .bind(phase.as_str())
    .exec(tx)
    .await
}

/// The builds of one number, one per scheme, in the order they were queued.
pub async fn list_siblings(tx: &mut Tx, app: &AppId, number: i64) -> Result<Vec<Build>> {
    sql(concat!(
        "SELECT ",
        build_columns!(),
        " FROM builds b WHERE b.app_id = $1 AND b.number = $2 ORDER BY b.id"
    ))
    .bind(app)
    .bind(number)
    .all(tx)
    .await
}

/// The builds of one number build `sha`, whatever the branch's tip is by the
/// time they start or start again; rows changed.
pub async fn pin_siblings(tx: &mut Tx, app: &AppId, number: i64, sha: &str) -> Result<u64> {
    sql("UPDATE builds SET wanted_commit = $3
         WHERE app_id = $1 AND number = $2 AND wanted_commit IS NULL
           AND EXISTS (SELECT 1 FROM builds s
             WHERE s.app_id = $1 AND s.number = $2 AND s.id <> builds.id)")
    .bind(app)
    .bind(number)
    .bind(sha)
    .exec(tx)
    .await
}

/// What a clone resolved to.
#[derive(Debug)]
pub struct Commit<'a> {
    pub branch: &'a str,
    pub sha: &'a str,
    pub author: &'a str,
    pub message: &'a str,
    /// JSON of a `model::origin::Base`.
    pub base: Option<&'a str>,
}

pub async fn set_commit(
    tx: &mut Tx,
    id: &BuildId,
    attempt: i64,
    commit: &Commit<'_>,
) -> Result<u64> {
    sql("UPDATE builds SET branch = $3, commit_sha = $4, commit_author = $5, commit_message = $6,
           base = $7
         WHERE id = $1 AND attempt = $2")
    .bind(id)
    .bind(attempt)
    .bind(commit.branch)
    .bind(commit.sha)
    .bind(commit.author)
    .bind(commit.message)
    .bind(commit.base)
    .exec(tx)
    .await
}

/// How a build ends.
#[derive(Debug)]
pub struct End<'a> {
    pub status: BuildStatus,
    pub failure_kind: Option<&'a str>,
    pub failure_message: Option<&'a str>,
    pub at: Millis,
    pub downloads: &'a str,
    /// (count, passed), `None` when no tests ran.
    pub tests: Option<(i64, i64)>,
    pub coverage: Option<f64>,
}

/// Ends (`id`, `attempt`) if it is still `from`. A build that never started
/// gets the end as its start (api.md 2.1 `started_at`).
pub async fn end(
    tx: &mut Tx,
    id: &BuildId,
    from: BuildStatus,
    attempt: i64,
    end: &End<'_>,
) -> Result<u64> {
    sql("UPDATE builds SET status = $4, phase = 'done', failure_kind = $5, failure_message = $6,
           started_at = COALESCE(started_at, $7), finished_at = $7, downloads = $8,
           tests_count = $9, tests_passed = $10, coverage = $11
         WHERE id = $1 AND status = $2 AND attempt = $3")
    .bind(id)
    .bind(from.as_str())
    .bind(attempt)
    .bind(end.status.as_str())
    .bind(end.failure_kind)
    .bind(end.failure_message)
    .bind(end.at)
    .bind(end.downloads)
    .bind(end.tests.map(|t| t.0))
    .bind(end.tests.map(|t| t.1))
    .bind(end.coverage)
    .exec(tx)
    .await
}

/// Whether testers may install the build (DEP-12).
pub async fn set_disabled(tx: &mut Tx, id: &BuildId, disabled: bool) -> Result<()> {
    sql("UPDATE builds SET disabled = $2 WHERE id = $1").bind(id).bind(disabled).exec(tx).await?;
    Ok(())
}

/// The agent is done with the build: nobody renews or reaps it any more.
pub async fn drop_lease(tx: &mut Tx, id: &BuildId, attempt: i64) -> Result<u64> {
    sql("UPDATE builds SET lease_until = NULL, claim_id = NULL WHERE id = $1 AND attempt = $2")
        .bind(id)
        .bind(attempt)
        .exec(tx)
        .await
}

/// Puts a running build back into the queue.
pub async fn requeue(tx: &mut Tx, id: &BuildId, attempt: i64) -> Result<u64> {
    sql("UPDATE builds SET status = 'queued', phase = 'waiting', started_at = NULL,
           agent_id = NULL, claim_id = NULL, lease_until = NULL,
           commit_sha = '', commit_author = '', commit_message = '',
           base = NULL
         WHERE id = $1 AND status = 'running' AND attempt = $2")
    .bind(id)
    .bind(attempt)
    .exec(tx)
    .await
}

/// Builds whose lease ran out before `now`, oldest first.
pub async fn list_expired(tx: &mut Tx, now: Millis, limit: i64) -> Result<Vec<Build>> {
    sql(concat!(
        "SELECT ",
        build_columns!(),
        " FROM builds b WHERE b.lease_until IS NOT NULL AND b.lease_until < $1
         ORDER BY b.lease_until LIMIT CAST($2 AS BIGINT)"
    ))
    .bind(now)
    .bind(limit)
    .all(tx)
    .await
}

/// The newest build of an app, as far as a list of all apps shows it.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Latest {
    pub app_id: AppId,
    pub id: BuildId,
    pub number: i64,
    #[sqlx(try_from = "String")]
    pub status: BuildStatus,
    pub created_at: Millis,
    pub finished_at: Option<Millis>,
}

/// For every app that `actor` may see: its newest build that ended as success
/// or failure, or (`ended` false) its newest one that is queued or running.
pub async fn list_latest(
    tx: &mut Tx,
    actor: &Actor,
    branch: Option<&str>,
    ended: bool,
) -> Result<Vec<Latest>> {
    sql("SELECT b.app_id, b.id, b.number, b.status, b.created_at, b.finished_at
         FROM apps a JOIN builds b ON b.id = (
           SELECT x.id FROM builds x
           WHERE x.app_id = a.id AND (CAST($3 AS TEXT) IS NULL OR x.branch = $3)
             AND (($4 AND (x.status = 'success' OR x.status = 'failed'))
               OR (NOT $4 AND (x.status = 'queued' OR x.status = 'running')))
           ORDER BY x.created_at DESC, x.id DESC LIMIT 1)
         WHERE a.deleted_at IS NULL AND ($2
           OR EXISTS (SELECT 1 FROM app_members m WHERE m.app_id = a.id AND m.user_id = $1)
           OR EXISTS (SELECT 1 FROM org_members m WHERE m.org_id = a.org_id AND m.user_id = $1))")
    .bind(&actor.user_id)
    .bind(actor.is_admin)
    .bind(branch)
    .bind(ended)
    .all(tx)
    .await
}

/// The builds of an app that are queued or running, oldest first.
pub async fn list_unfinished(tx: &mut Tx, app: &AppId) -> Result<Vec<Build>> {
    sql(concat!(
        "SELECT ",
        build_columns!(),
        " FROM builds b WHERE b.app_id = $1 AND (b.status = 'queued' OR b.status = 'running')
         ORDER BY b.created_at, b.id"
    ))
    .bind(app)
    .all(tx)
    .await
}

/// Builds that the agent `name` of this token holds.
pub async fn list_held(tx: &mut Tx, token: &TokenId, name: &str) -> Result<Vec<Build>> {
    sql(concat!(
        "SELECT ",
        build_columns!(),
        " FROM builds b JOIN agents a ON a.id = b.agent_id
         WHERE b.lease_until IS NOT NULL AND a.token_id = $1 AND a.name = $2
         ORDER BY b.created_at, b.id"
    ))
    .bind(token)
    .bind(name)
    .all(tx)
    .await
}

/// Queued and running builds of a lane (EVL-5), oldest first.
pub async fn list_unfinished_of_lane(tx: &mut Tx, app: &AppId, lane: &str) -> Result<Vec<Build>> {
    sql(concat!(
        "SELECT ",
        build_columns!(),
        " FROM builds b
         WHERE b.app_id = $1 AND b.lane = $2 AND (b.status = 'queued' OR b.status = 'running')
         ORDER BY b.number, b.id"
    ))
    .bind(app)
    .bind(lane)
    .all(tx)
    .await
}

/// Number of builds in each status, for the metrics page.
pub async fn count_by_status(tx: &mut Tx) -> Result<Vec<(String, i64)>> {
    sql("SELECT status, COUNT(*) FROM builds GROUP BY status").all(tx).await
}
