//! Who gets which queued build (QUE-2): the claim, its limits, and what a
//! queued build waits for.

use crate::db::build_row::build_columns;
use crate::db::sql::{Tx, sql};
use crate::error::Result;
use crate::model::build::Build;
use crate::model::ids::{AgentId, BuildId};
use crate::model::time::Millis;

/// Most builds running at once; `None` = no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    pub all: Option<i64>,
    /// Unless the organisation has a limit of its own.
    pub per_organisation: Option<i64>,
    pub ios: Option<i64>,
    pub android: Option<i64>,
}

/// Who claims, until when, under which idempotency id.
#[derive(Debug)]
pub struct Claim<'a> {
    pub claim_id: &'a str,
    pub agent: &'a AgentId,
    pub now: Millis,
    pub lease_until: Millis,
    pub limits: Limits,
}

/// Waits until no other claim is under way. Under a limit two claims must not
/// count the same running builds; and schemes of one build must not both start
/// before one of them knows the commit. SQLite has one writer at a time anyway.
pub async fn pass_gate(tx: &mut Tx) -> Result<()> {
    if tx.is_postgres() {
        sql("UPDATE queue_gate SET claims = claims + 1 WHERE id = 1").exec(tx).await?;
    }
    Ok(())
}

/// Moves a queued build to `running` for `claim.agent`: one that it may run,
/// within the limits, of the organisation with the fewest running builds, the
/// oldest of those. `None` is no proof of an empty queue. Call `pass_gate`
/// first.
pub async fn claim_next(tx: &mut Tx, claim: &Claim<'_>) -> Result<Option<Build>> {
    let Claim { claim_id, agent, now, lease_until, limits } = claim;
    let unlimited = |limit: Option<i64>| limit.unwrap_or(i64::MAX);
    sql("UPDATE builds SET status = 'running', phase = 'preparing', attempt = attempt + 1,
           claim_id = $1, agent_id = $2, started_at = $3, lease_until = $4
         WHERE status = 'queued' AND id = (
           SELECT q.id FROM builds q
           JOIN apps a ON a.id = q.app_id
           LEFT JOIN org_settings s ON s.org_id = a.org_id
           LEFT JOIN (SELECT x.org_id, COUNT(*) AS running FROM builds r
             JOIN apps x ON x.id = r.app_id WHERE r.status = 'running' GROUP BY x.org_id) o
             ON o.org_id = a.org_id
           LEFT JOIN (SELECT x.platform, COUNT(*) AS running FROM builds r
             JOIN apps x ON x.id = r.app_id WHERE r.status = 'running' GROUP BY x.platform) p
             ON p.platform = a.platform
           WHERE q.status = 'queued'
             AND (SELECT COUNT(*) FROM builds r WHERE r.status = 'running') < $5
             AND COALESCE(o.running, 0) < COALESCE(s.max_running, $6)
             AND COALESCE(p.running, 0) < CASE a.platform WHEN 'ios' THEN $7 ELSE $8 END
             AND (NOT EXISTS (SELECT 1 FROM agent_labels l
                 WHERE l.agent_id = $2 AND l.label = 'platform')
               OR EXISTS (SELECT 1 FROM agent_labels l
                 WHERE l.agent_id = $2 AND l.label = 'platform' AND l.value = a.platform))
             AND NOT EXISTS (SELECT 1 FROM build_labels n WHERE n.build_id = q.id
               AND NOT EXISTS (SELECT 1 FROM agent_labels l
                 WHERE l.agent_id = $2 AND l.label = n.label AND l.value = n.value))
             AND NOT (q.wanted_commit IS NULL AND EXISTS (SELECT 1 FROM builds y
               WHERE y.app_id = q.app_id AND y.number = q.number AND y.id <> q.id
                 AND y.status = 'running' AND y.commit_sha = ''))
           ORDER BY COALESCE(o.running, 0), q.created_at, q.id LIMIT 1)
         RETURNING id, app_id, number, status, phase, failure_kind, failure_message,
           scheme, repo_url, branch, wanted_commit, commit_sha, commit_author,
           commit_message, triggered_by, created_at, started_at, finished_at,
           attempt, agent_id, lease_until, tests_count, tests_passed, coverage,
           disabled, downloads, origin, base")
    .bind(*claim_id)
    .bind(*agent)
    .bind(*now)
    .bind(*lease_until)
    .bind(unlimited(limits.all))
    .bind(unlimited(limits.per_organisation))
    .bind(unlimited(limits.ios))
    .bind(unlimited(limits.android))
    .opt(tx)
    .await
}

/// What stands before one queued build.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Ahead {
    pub platform: String,
    /// Builds that were queued earlier and still are.
    pub queued: i64,
    pub running: i64,
    pub running_of_organisation: i64,
    pub running_of_platform: i64,
    /// The organisation's own limit.
    pub max_running: Option<i64>,
    /// Another scheme of the build runs and does not know the commit yet.
    pub sibling_clones: bool,
}

pub async fn find_ahead(tx: &mut Tx, build: &BuildId) -> Result<Option<Ahead>> {
    sql("SELECT a.platform,
           (SELECT COUNT(*) FROM builds q WHERE q.status = 'queued'
             AND (q.created_at, q.id) < (b.created_at, b.id)) AS queued,
           (SELECT COUNT(*) FROM builds r WHERE r.status = 'running') AS running,
           (SELECT COUNT(*) FROM builds r JOIN apps x ON x.id = r.app_id
             WHERE r.status = 'running' AND x.org_id = a.org_id) AS running_of_organisation,
           (SELECT COUNT(*) FROM builds r JOIN apps x ON x.id = r.app_id
             WHERE r.status = 'running' AND x.platform = a.platform) AS running_of_platform,
           (SELECT s.max_running FROM org_settings s WHERE s.org_id = a.org_id) AS max_running,
           (b.wanted_commit IS NULL AND EXISTS (SELECT 1 FROM builds y
             WHERE y.app_id = b.app_id AND y.number = b.number AND y.id <> b.id
               AND y.status = 'running' AND y.commit_sha = '')) AS sibling_clones
         FROM builds b JOIN apps a ON a.id = b.app_id
         WHERE b.id = $1 AND b.status = 'queued'")
    .bind(build)
    .opt(tx)
    .await
}

/// Labels that an agent must have to be given `build`, by name.
pub async fn list_labels(tx: &mut Tx, build: &BuildId) -> Result<Vec<(String, String)>> {
    let mut labels: Vec<(String, String)> =
        sql("SELECT label, value FROM build_labels WHERE build_id = $1")
            .bind(build)
            .all(tx)
            .await?;
    // Sorted here: PostgreSQL's collation is not bytewise.
    labels.sort();
    Ok(labels)
}

/// One label of an agent; `None` where it has none at all.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct AgentLabel {
    pub agent_id: AgentId,
    pub label: Option<String>,
    pub value: Option<String>,
}

/// The labels of agents that asked for work since `since` or hold a build.
pub async fn list_connected(tx: &mut Tx, since: Millis) -> Result<Vec<AgentLabel>> {
    sql("SELECT g.id AS agent_id, l.label, l.value FROM agents g
         LEFT JOIN agent_labels l ON l.agent_id = g.id
         WHERE g.seen_at >= $1 OR EXISTS (SELECT 1 FROM builds h
           WHERE h.lease_until IS NOT NULL AND h.agent_id = g.id)
         ORDER BY g.id")
    .bind(since)
    .all(tx)
    .await
}

/// A build beside its app.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub struct AtWork {
    #[sqlx(flatten)]
    pub build: Build,
    pub app_name: String,
}

/// Queued builds of all apps, the longest waiting first.
pub async fn list_queued(tx: &mut Tx, limit: i64) -> Result<Vec<AtWork>> {
    sql(concat!(
        "SELECT ",
        build_columns!(),
        ", a.name AS app_name FROM builds b JOIN apps a ON a.id = b.app_id
         WHERE b.status = 'queued' ORDER BY b.created_at, b.id LIMIT CAST($1 AS BIGINT)"
    ))
    .bind(limit)
    .all(tx)
    .await
}

/// Running builds of all apps, the longest running first.
pub async fn list_running(tx: &mut Tx, limit: i64) -> Result<Vec<AtWork>> {
    sql(concat!(
        "SELECT ",
        build_columns!(),
        ", a.name AS app_name FROM builds b JOIN apps a ON a.id = b.app_id
         WHERE b.status = 'running' ORDER BY b.started_at, b.id LIMIT CAST($1 AS BIGINT)"
    ))
    .bind(limit)
    .all(tx)
    .await
}
