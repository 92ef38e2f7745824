//! Pictures, videos and device logs of feedback and crash reports; the bytes
//! are in `blobs/`.

use crate::db::sql::{Tx, sql};
use crate::error::Result;
use crate::model::feedback::{Media, MediaKind};

/// Records a stored file; false if its item has one of this kind.
pub async fn insert(tx: &mut Tx, media: &Media) -> Result<bool> {
    let changed =
        sql("INSERT INTO media (id, item_id, kind, token, name, media_type, bytes, sha256,
           blob_key, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
         ON CONFLICT (item_id, kind) DO NOTHING")
        .bind(&media.id)
        .bind(&media.item_id)
        .bind(media.kind.as_str())
        .bind(media.token.clone())
        .bind(&media.name)
        .bind(&media.media_type)
        .bind(media.bytes)
        .bind(&media.sha256)
        .bind(&media.blob_key)
        .bind(media.created_at)
        .exec(tx)
        .await?;
    Ok(changed == 1)
}

/// The file behind the unguessable part of a public path.
pub async fn find_public(tx: &mut Tx, token: &str) -> Result<Option<Media>> {
    sql("SELECT id, item_id, kind, token, name, media_type, bytes, sha256, blob_key, created_at
         FROM media WHERE token = $1")
    .bind(token)
    .opt(tx)
    .await
}

/// The file of this kind of a feedback or crash report.
pub async fn find(tx: &mut Tx, item_id: &str, kind: MediaKind) -> Result<Option<Media>> {
    sql("SELECT id, item_id, kind, token, name, media_type, bytes, sha256, blob_key, created_at
         FROM media WHERE item_id = $1 AND kind = $2")
    .bind(item_id)
    .bind(kind.as_str())
    .opt(tx)
    .await
}
