//! What leaves the installation, of all apps: commit statuses and the mail of
//! deployments, with what became of it.

use crate::db::sql::{Tx, sql};
use crate::error::Result;
use crate::model::ids::{AppId, BuildId, RecipientId, StatusId};
use crate::model::time::Millis;

/// A commit status beside its app and build.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct OutgoingStatus {
    pub id: StatusId,
    pub app_id: AppId,
    pub app_name: String,
    pub build_id: BuildId,
    pub number: i64,
    pub sha: String,
    /// What is told.
    pub told: String,
    /// `waiting`, `sent` or `failed`.
    pub state: String,
    pub created_at: Millis,
    pub tries: i64,
    pub next_try_at: Millis,
    pub sent_at: Option<Millis>,
    pub error: Option<String>,
}

/// Newest first; of one state if it is named.
pub async fn list_statuses(
    tx: &mut Tx,
    state: Option<&str>,
    limit: i64,
) -> Result<Vec<OutgoingStatus>> {
    sql("SELECT s.id, s.app_id, a.name AS app_name, s.build_id, b.number, s.sha,
           s.state AS told, COALESCE(s.outcome, 'waiting') AS state, s.created_at, s.tries,
           s.next_try_at, s.sent_at, s.last_error AS error
         FROM commit_statuses s JOIN apps a ON a.id = s.app_id JOIN builds b ON b.id = s.build_id
         WHERE CAST($1 AS TEXT) IS NULL OR COALESCE(s.outcome, 'waiting') = $1
         ORDER BY s.id DESC LIMIT CAST($2 AS BIGINT)")
    .bind(state)
    .bind(limit)
    .all(tx)
    .await
}

/// Has the provider been told something newer of the same commit?
pub async fn is_overtaken(tx: &mut Tx, status: &StatusId) -> Result<bool> {
    let (found,): (bool,) = sql("SELECT EXISTS (SELECT 1 FROM commit_statuses s
           JOIN commit_statuses n ON n.app_id = s.app_id AND n.sha = s.sha AND n.id > s.id
           WHERE s.id = $1 AND n.outcome = 'sent') AS found")
    .bind(status)
    .one(tx)
    .await?;
    Ok(found)
}

/// Makes a status wait to be sent at once; false if it was sent already.
pub async fn reopen_status(tx: &mut Tx, id: &StatusId, now: Millis) -> Result<bool> {
    let changed = sql("UPDATE commit_statuses
         SET outcome = NULL, sent_at = NULL, next_try_at = $2
         WHERE id = $1 AND (outcome IS NULL OR outcome <> 'sent')")
    .bind(id)
    .bind(now)
    .exec(tx)
    .await?;
    Ok(changed == 1)
}

/// The mail of a deployment to one address.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct OutgoingMail {
    pub id: RecipientId,
    pub address: String,
    pub app_id: AppId,
    pub app_name: String,
    pub build_id: BuildId,
    pub number: i64,
    /// `waiting`, `sent` or `failed`.
    pub state: String,
    pub created_at: Millis,
    pub sent_at: Option<Millis>,
    pub refused_at: Option<Millis>,
    pub error: Option<String>,
}

/// Newest first; of one state if it is named.
pub async fn list_mails(tx: &mut Tx, state: Option<&str>, limit: i64) -> Result<Vec<OutgoingMail>> {
    sql("SELECT m.id, m.address, m.app_id, m.app_name, m.build_id, m.number, m.state,
           m.created_at, m.sent_at, m.refused_at, m.error
         FROM (SELECT r.id, r.address, b.app_id, a.name AS app_name, b.id AS build_id, b.number,
             CASE WHEN r.sent_at IS NOT NULL THEN 'sent'
               WHEN r.refused_at IS NOT NULL THEN 'failed' ELSE 'waiting' END AS state,
             d.created_at, r.sent_at, r.refused_at, r.error
           FROM deployment_recipients r JOIN deployments d ON d.id = r.deployment_id
           JOIN builds b ON b.id = d.build_id JOIN apps a ON a.id = b.app_id) m
         WHERE CAST($1 AS TEXT) IS NULL OR m.state = $1
         ORDER BY m.id DESC LIMIT CAST($2 AS BIGINT)")
    .bind(state)
    .bind(limit)
    .all(tx)
    .await
}

/// Mails that wait since before `before`.
pub async fn count_late_mails(tx: &mut Tx, before: Millis) -> Result<i64> {
    let (count,): (i64,) = sql("SELECT COUNT(*) FROM deployment_recipients r
         JOIN deployments d ON d.id = r.deployment_id
         WHERE r.sent_at IS NULL AND r.refused_at IS NULL AND d.created_at < $1")
    .bind(before)
    .one(tx)
    .await?;
    Ok(count)
}

/// Makes a mail that was given up wait again; false if it was sent.
pub async fn reopen_mail(tx: &mut Tx, id: &RecipientId) -> Result<bool> {
    let changed = sql("UPDATE deployment_recipients SET refused_at = NULL
         WHERE id = $1 AND sent_at IS NULL")
    .bind(id)
    .exec(tx)
    .await?;
    Ok(changed == 1)
}
