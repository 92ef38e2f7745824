//! Keys of calls that may be repeated, and the answers they got.

use crate::db::sql::{Tx, sql};
use crate::error::Result;
use crate::model::ids::TokenId;
use crate::model::time::Millis;

/// One call's hold on a key. `taken_at` tells it from a later one.
#[derive(Debug, Clone)]
pub struct Mark {
    pub token: TokenId,
    pub key: String,
    pub taken_at: Millis,
}

/// A key that is known.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Kept {
    pub idempotency_key: String,
    /// Of method, target, media type and body.
    pub digest: String,
    pub taken_at: Millis,
    /// `None` while the call runs.
    pub status: Option<i64>,
    /// Empty for an answer without a body.
    pub media_type: String,
    pub body_sealed: Option<String>,
}

/// False when the key is known already.
pub async fn insert(tx: &mut Tx, mark: &Mark, digest: &str) -> Result<bool> {
    let changed = sql("INSERT INTO idempotency_keys (token_id, idempotency_key, digest, taken_at)
         VALUES ($1, $2, $3, $4) ON CONFLICT (token_id, idempotency_key) DO NOTHING")
    .bind(&mark.token)
    .bind(&mark.key)
    .bind(digest)
    .bind(mark.taken_at)
    .exec(tx)
    .await?;
    Ok(changed == 1)
}

pub async fn find(tx: &mut Tx, token: &TokenId, key: &str) -> Result<Option<Kept>> {
    sql("SELECT idempotency_key, digest, taken_at, status, media_type, body_sealed
         FROM idempotency_keys WHERE token_id = $1 AND idempotency_key = $2")
    .bind(token)
    .bind(key)
    .opt(tx)
    .await
}

/// The number of keys of one token.
pub async fn count(tx: &mut Tx, token: &TokenId) -> Result<i64> {
    let (count,): (i64,) = sql("SELECT COUNT(*) FROM idempotency_keys WHERE token_id = $1")
        .bind(token)
        .one(tx)
        .await?;
    Ok(count)
}

/// Takes the key from a call that never answered; 0 rows if somebody was
/// faster.
pub async fn take_over(tx: &mut Tx, mark: &Mark, from: Millis) -> Result<u64> {
    sql("UPDATE idempotency_keys SET taken_at = $3
         WHERE token_id = $1 AND idempotency_key = $2 AND taken_at = $4 AND status IS NULL")
    .bind(&mark.token)
    .bind(&mark.key)
    .bind(mark.taken_at)
    .bind(from)
    .exec(tx)
    .await
}

/// Keeps the answer of the call that holds the key.
pub async fn keep(
    tx: &mut Tx,
    mark: &Mark,
    status: i64,
    media_type: &str,
    body_sealed: &str,
) -> Result<u64> {
    sql("UPDATE idempotency_keys SET status = $4, media_type = $5, body_sealed = $6
         WHERE token_id = $1 AND idempotency_key = $2 AND taken_at = $3 AND status IS NULL")
    .bind(&mark.token)
    .bind(&mark.key)
    .bind(mark.taken_at)
    .bind(status)
    .bind(media_type)
    .bind(body_sealed)
    .exec(tx)
    .await
}

/// Frees the key of a call that failed, so that it can be repeated.
pub async fn release(tx: &mut Tx, mark: &Mark) -> Result<u64> {
    sql("DELETE FROM idempotency_keys
         WHERE token_id = $1 AND idempotency_key = $2 AND taken_at = $3 AND status IS NULL")
    .bind(&mark.token)
    .bind(&mark.key)
    .bind(mark.taken_at)
    .exec(tx)
    .await
}

pub async fn delete_older(tx: &mut Tx, before: Millis) -> Result<u64> {
    sql("DELETE FROM idempotency_keys WHERE taken_at < $1").bind(before).exec(tx).await
}
