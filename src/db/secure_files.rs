//! What is known of secure files; their bytes are blobs.

use crate::db::sql::{Tx, sql};
use crate::error::Result;
use crate::model::ids::SecureFileId;
use crate::model::time::Millis;

#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct StoredFile {
    pub id: SecureFileId,
    /// An app or an organisation.
    pub owner_id: String,
    pub name: String,
    /// Of the plain file.
    pub bytes: i64,
    pub blob_key: String,
    pub key_sealed: String,
    pub created_at: Millis,
}

/// Fails with `Conflict` while `owner_id` has a file of that name.
pub async fn insert(tx: &mut Tx, file: &StoredFile) -> Result<()> {
    let StoredFile { id, owner_id, name, bytes, blob_key, key_sealed, created_at } = file;
    sql("INSERT INTO secure_files (id, owner_id, name, bytes, blob_key, key_sealed, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)")
    .bind(id)
    .bind(owner_id)
    .bind(name)
    .bind(*bytes)
    .bind(blob_key)
    .bind(key_sealed)
    .bind(*created_at)
    .exec(tx)
    .await?;
    Ok(())
}

pub async fn find(tx: &mut Tx, owner: &str, name: &str) -> Result<Option<StoredFile>> {
    sql("SELECT id, owner_id, name, bytes, blob_key, key_sealed, created_at
         FROM secure_files WHERE owner_id = $1 AND name = $2")
    .bind(owner)
    .bind(name)
    .opt(tx)
    .await
}

/// By name, bytewise.
pub async fn list(tx: &mut Tx, owner: &str) -> Result<Vec<StoredFile>> {
    let mut found: Vec<StoredFile> =
        sql("SELECT id, owner_id, name, bytes, blob_key, key_sealed, created_at
         FROM secure_files WHERE owner_id = $1")
        .bind(owner)
        .all(tx)
        .await?;
    // Sorted here: PostgreSQL's collation is not bytewise.
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

pub async fn delete(tx: &mut Tx, id: &SecureFileId) -> Result<()> {
    sql("DELETE FROM secure_files WHERE id = $1").bind(id).exec(tx).await?;
    Ok(())
}
