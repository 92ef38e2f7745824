//! Follow-up work as rows. One job per (kind, subject) at a time.

use crate::db::sql::{Tx, sql};
use crate::error::Result;
use crate::model::ids::JobId;
use crate::model::time::Millis;

#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Job {
    pub id: JobId,
    pub kind: String,
    /// What the job is about: a build id, a blob key, ..
    pub subject: String,
    pub run_at: Millis,
    /// Claims so far.
    pub tries: i64,
    pub last_error: Option<String>,
}

/// Adds a job unless the same one is waiting.
pub async fn insert(
    tx: &mut Tx,
    id: &JobId,
    kind: &str,
    subject: &str,
    run_at: Millis,
) -> Result<()> {
    sql("INSERT INTO jobs (id, kind, subject, run_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (kind, subject) DO NOTHING")
    .bind(id)
    .bind(kind)
    .bind(subject)
    .bind(run_at)
    .exec(tx)
    .await?;
    Ok(())
}

/// Is a job due? A cheap look before a write transaction is opened.
pub async fn has_due(tx: &mut Tx, now: Millis) -> Result<bool> {
    let (found,): (bool,) = sql("SELECT EXISTS (SELECT 1 FROM jobs WHERE run_at <= $1) AS found")
        .bind(now)
        .one(tx)
        .await?;
    Ok(found)
}

/// Takes the job that is due longest and hides it until `hidden_until`; if
/// its runner dies, it is due again then.
pub async fn claim(tx: &mut Tx, now: Millis, hidden_until: Millis) -> Result<Option<Job>> {
    sql("UPDATE jobs SET run_at = $2, tries = tries + 1
         WHERE run_at <= $1 AND id = (SELECT id FROM jobs WHERE run_at <= $1
           ORDER BY run_at, id LIMIT 1)
         RETURNING id, kind, subject, run_at, tries, last_error")
    .bind(now)
    .bind(hidden_until)
    .opt(tx)
    .await
}

pub async fn delete(tx: &mut Tx, id: &JobId) -> Result<()> {
    sql("DELETE FROM jobs WHERE id = $1").bind(id).exec(tx).await?;
    Ok(())
}

/// Puts off a job that failed.
pub async fn postpone(tx: &mut Tx, id: &JobId, run_at: Millis, error: &str) -> Result<()> {
    sql("UPDATE jobs SET run_at = $2, last_error = $3 WHERE id = $1")
        .bind(id)
        .bind(run_at)
        .bind(error)
        .exec(tx)
        .await?;
    Ok(())
}

/// Jobs that wait or run, the next first.
pub async fn list(tx: &mut Tx, limit: i64) -> Result<Vec<Job>> {
    sql("SELECT id, kind, subject, run_at, tries, last_error FROM jobs
         ORDER BY run_at, id LIMIT CAST($1 AS BIGINT)")
    .bind(limit)
    .all(tx)
    .await
}

/// Makes a job due now; false if it is gone.
pub async fn hasten(tx: &mut Tx, id: &JobId, now: Millis) -> Result<bool> {
    let changed =
        sql("UPDATE jobs SET run_at = $2 WHERE id = $1").bind(id).bind(now).exec(tx).await?;
    Ok(changed == 1)
}

/// Makes the job of this kind and subject due now, if there is one.
pub async fn hasten_for(tx: &mut Tx, kind: &str, subject: &str, now: Millis) -> Result<()> {
    sql("UPDATE jobs SET run_at = $3 WHERE kind = $1 AND subject = $2 AND run_at > $3")
        .bind(kind)
        .bind(subject)
        .bind(now)
        .exec(tx)
        .await?;
    Ok(())
}
