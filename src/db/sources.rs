//! Where the lines and sources of a build's covered files are.

use crate::db::sql::{Tx, sql};
use crate::error::Result;
use crate::model::ids::BuildId;
use crate::model::time::Millis;

/// The blob of one build.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct StoredSources {
    pub attempt: i64,
    pub blob_key: String,
    pub bytes: i64,
    pub created_at: Millis,
}

pub async fn find(tx: &mut Tx, build: &BuildId) -> Result<Option<StoredSources>> {
    sql("SELECT attempt, blob_key, bytes, created_at FROM build_sources WHERE build_id = $1")
        .bind(build)
        .opt(tx)
        .await
}

/// Puts the sources in the place of those of an earlier attempt.
pub async fn replace(tx: &mut Tx, build: &BuildId, stored: &StoredSources) -> Result<()> {
    sql("INSERT INTO build_sources (build_id, attempt, blob_key, bytes, created_at)
         VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (build_id) DO UPDATE SET attempt = $2, blob_key = $3, bytes = $4,
           created_at = $5")
    .bind(build)
    .bind(stored.attempt)
    .bind(&stored.blob_key)
    .bind(stored.bytes)
    .bind(stored.created_at)
    .exec(tx)
    .await?;
    Ok(())
}
