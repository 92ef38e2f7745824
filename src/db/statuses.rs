//! Commit statuses and the accounts they are sent with.

use crate::db::sql::{Tx, sql};
use crate::error::Result;
use crate::model::ids::{AppId, BuildId, StatusId};
use crate::model::status::{CommitStatus, ProviderAccount, SendOutcome};
use crate::model::time::Millis;

macro_rules! columns {
    () => {
        "id, app_id, build_id, sha, state, description, created_at, outcome, tries,
         next_try_at, sent_at, last_error"
    };
}

/// Sets the account of an app, or replaces it.
pub async fn upsert_provider(tx: &mut Tx, account: &ProviderAccount) -> Result<()> {
    let ProviderAccount { app_id, provider, base_url, token_sealed, created_at } = account;
    sql("INSERT INTO app_providers (app_id, provider, base_url, token_sealed, created_at)
         VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (app_id) DO UPDATE SET provider = $2, base_url = $3, token_sealed = $4,
           created_at = $5")
    .bind(app_id)
    .bind(provider.as_str())
    .bind(base_url)
    .bind(token_sealed)
    .bind(*created_at)
    .exec(tx)
    .await?;
    Ok(())
}

pub async fn find_provider(tx: &mut Tx, app: &AppId) -> Result<Option<ProviderAccount>> {
    sql("SELECT app_id, provider, base_url, token_sealed, created_at
         FROM app_providers WHERE app_id = $1")
    .bind(app)
    .opt(tx)
    .await
}

/// Rows deleted.
pub async fn delete_provider(tx: &mut Tx, app: &AppId) -> Result<u64> {
    sql("DELETE FROM app_providers WHERE app_id = $1").bind(app).exec(tx).await
}

/// Adds a state to tell; false if this build has told it of this commit.
pub async fn insert(tx: &mut Tx, status: &CommitStatus) -> Result<bool> {
    let CommitStatus { id, app_id, build_id, sha, state, description, created_at, .. } = status;
    let changed = sql("INSERT INTO commit_statuses (id, app_id, build_id, sha, state, description,
           created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (build_id, sha, state) DO NOTHING")
    .bind(id)
    .bind(app_id)
    .bind(build_id)
    .bind(sha)
    .bind(state.as_str())
    .bind(description)
    .bind(*created_at)
    .exec(tx)
    .await?;
    Ok(changed == 1)
}

pub async fn find(tx: &mut Tx, id: &StatusId) -> Result<Option<CommitStatus>> {
    sql(concat!("SELECT ", columns!(), " FROM commit_statuses WHERE id = $1"))
        .bind(id)
        .opt(tx)
        .await
}

/// The states of a build in the order they are told.
pub async fn list(tx: &mut Tx, build: &BuildId) -> Result<Vec<CommitStatus>> {
    sql(concat!("SELECT ", columns!(), " FROM commit_statuses WHERE build_id = $1 ORDER BY id"))
        .bind(build)
        .all(tx)
        .await
}

/// Up to `limit` states of an app, the newest first.
pub async fn list_newest(tx: &mut Tx, app: &AppId, limit: i64) -> Result<Vec<CommitStatus>> {
    sql(concat!(
        "SELECT ",
        columns!(),
        " FROM commit_statuses WHERE app_id = $1 ORDER BY id DESC LIMIT CAST($2 AS BIGINT)"
    ))
    .bind(app)
    .bind(limit)
    .all(tx)
    .await
}

/// The first waiting state of a commit, if it is due, hidden from others until
/// `until`. `None` also while somebody else sends it.
pub async fn claim_first(
    tx: &mut Tx,
    app: &AppId,
    sha: &str,
    now: Millis,
    until: Millis,
) -> Result<Option<CommitStatus>> {
    sql(concat!(
        "UPDATE commit_statuses SET sending_until = $4, tries = tries + 1
         WHERE id = (SELECT MIN(id) FROM commit_statuses
             WHERE app_id = $1 AND sha = $2 AND outcome IS NULL)
           AND outcome IS NULL AND next_try_at <= $3
           AND (sending_until IS NULL OR sending_until <= $3)
         RETURNING ",
        columns!()
    ))
    .bind(app)
    .bind(sha)
    .bind(now)
    .bind(until)
    .opt(tx)
    .await
}

/// When the first waiting state of a commit is to be tried.
pub async fn first_due(tx: &mut Tx, app: &AppId, sha: &str) -> Result<Option<Millis>> {
    let found: Option<(Millis,)> = sql("SELECT next_try_at FROM commit_statuses
         WHERE app_id = $1 AND sha = $2 AND outcome IS NULL ORDER BY id LIMIT 1")
    .bind(app)
    .bind(sha)
    .opt(tx)
    .await?;
    Ok(found.map(|found| found.0))
}

/// Ends the sending of a state.
pub async fn settle(
    tx: &mut Tx,
    id: &StatusId,
    outcome: SendOutcome,
    now: Millis,
    error: Option<&str>,
) -> Result<()> {
    sql("UPDATE commit_statuses SET outcome = $2, sent_at = $3, last_error = $4,
           sending_until = NULL
         WHERE id = $1 AND outcome IS NULL")
    .bind(id)
    .bind(outcome.as_str())
    .bind(now)
    .bind(error.map(str::to_owned))
    .exec(tx)
    .await?;
    Ok(())
}

/// Puts off a state that could not be sent.
pub async fn postpone(tx: &mut Tx, id: &StatusId, at: Millis, error: &str) -> Result<()> {
    sql("UPDATE commit_statuses SET next_try_at = $2, last_error = $3, sending_until = NULL
         WHERE id = $1 AND outcome IS NULL")
    .bind(id)
    .bind(at)
    .bind(error)
    .exec(tx)
    .await?;
    Ok(())
}
