//! Each remote's references as they were last heard of, and when the server
//! looks at it by itself.

use crate::db::sql::{Tx, sql};
use crate::error::Result;
use crate::model::ids::AppId;
use crate::model::time::Millis;

#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct RemoteRef {
    /// `refs/heads/..` or `refs/tags/..`.
    pub name: String,
    pub sha: String,
}

#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Listing {
    pub app_id: AppId,
    pub next_at: Millis,
    /// `None`: never.
    pub listed_at: Option<Millis>,
    /// In a row.
    pub failures: i64,
    pub last_error: String,
}

pub async fn list_refs(tx: &mut Tx, app: &AppId) -> Result<Vec<RemoteRef>> {
    sql("SELECT name, sha FROM remote_refs WHERE app_id = $1").bind(app).all(tx).await
}

pub async fn find_ref(tx: &mut Tx, app: &AppId, name: &str) -> Result<Option<String>> {
    let row: Option<(String,)> = sql("SELECT sha FROM remote_refs WHERE app_id = $1 AND name = $2")
        .bind(app)
        .bind(name)
        .opt(tx)
        .await?;
    Ok(row.map(|row| row.0))
}

pub async fn upsert_ref(tx: &mut Tx, app: &AppId, name: &str, sha: &str) -> Result<()> {
    sql("INSERT INTO remote_refs (app_id, name, sha) VALUES ($1, $2, $3)
         ON CONFLICT (app_id, name) DO UPDATE SET sha = excluded.sha")
    .bind(app)
    .bind(name)
    .bind(sha)
    .exec(tx)
    .await?;
    Ok(())
}

pub async fn delete_ref(tx: &mut Tx, app: &AppId, name: &str) -> Result<()> {
    sql("DELETE FROM remote_refs WHERE app_id = $1 AND name = $2")
        .bind(app)
        .bind(name)
        .exec(tx)
        .await?;
    Ok(())
}

/// Gives every app without a place in the round one, due at `next_at`; rows added.
pub async fn insert_missing_listings(tx: &mut Tx, next_at: Millis) -> Result<u64> {
    sql("INSERT INTO remote_listings (app_id, next_at)
         SELECT a.id, $1 FROM apps a
         WHERE a.deleted_at IS NULL
           AND NOT EXISTS (SELECT 1 FROM remote_listings l WHERE l.app_id = a.id)")
    .bind(next_at)
    .exec(tx)
    .await
}

/// Has an app no place in the round? A cheap look before a write.
pub async fn has_missing_listings(tx: &mut Tx) -> Result<bool> {
    let (found,): (bool,) = sql("SELECT EXISTS (SELECT 1 FROM apps a WHERE a.deleted_at IS NULL
           AND NOT EXISTS (SELECT 1 FROM remote_listings l WHERE l.app_id = a.id)) AS found")
    .one(tx)
    .await?;
    Ok(found)
}

/// Listings of living apps that are due, longest due first.
pub async fn list_due(tx: &mut Tx, now: Millis, limit: i64) -> Result<Vec<Listing>> {
    sql("SELECT l.app_id, l.next_at, l.listed_at, l.failures, l.last_error
         FROM remote_listings l JOIN apps a ON a.id = l.app_id
         WHERE l.next_at <= $1 AND a.deleted_at IS NULL ORDER BY l.next_at, l.app_id LIMIT CAST($2 AS BIGINT)")
    .bind(now)
    .bind(limit)
    .all(tx)
    .await
}

/// Takes a due listing by putting off its next turn; zero rows if another
/// server took it.
pub async fn take(tx: &mut Tx, listing: &Listing, next_at: Millis) -> Result<u64> {
    sql("UPDATE remote_listings SET next_at = $3 WHERE app_id = $1 AND next_at = $2")
        .bind(&listing.app_id)
        .bind(listing.next_at)
        .bind(next_at)
        .exec(tx)
        .await
}

pub async fn set_listed(tx: &mut Tx, app: &AppId, at: Millis) -> Result<()> {
    sql("UPDATE remote_listings SET listed_at = $2, failures = 0, last_error = ''
         WHERE app_id = $1")
    .bind(app)
    .bind(at)
    .exec(tx)
    .await?;
    Ok(())
}

pub async fn set_failed(tx: &mut Tx, app: &AppId, next_at: Millis, error: &str) -> Result<()> {
    sql("UPDATE remote_listings SET next_at = $2, failures = failures + 1, last_error = $3
         WHERE app_id = $1")
    .bind(app)
    .bind(next_at)
    .bind(error)
    .exec(tx)
    .await?;
    Ok(())
}
