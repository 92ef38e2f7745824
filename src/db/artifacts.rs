//! Artifact rows; the bytes are in `blobs/`.

use crate::db::sql::{Tx, sql};
use crate::error::Result;
use crate::model::artifact::Artifact;
use crate::model::ids::{ArtifactId, BuildId};

/// Records a stored file; false if this upload was recorded before.
pub async fn insert(tx: &mut Tx, upload_id: &str, artifact: &Artifact) -> Result<bool> {
    let changed = sql("INSERT INTO artifacts (id, build_id, upload_id, kind, name, path, bytes,
           sha256, blob_key, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
         ON CONFLICT (build_id, upload_id) DO NOTHING")
    .bind(&artifact.id)
    .bind(&artifact.build_id)
    .bind(upload_id)
    .bind(artifact.kind.as_str())
    .bind(&artifact.name)
    .bind(&artifact.path)
    .bind(artifact.bytes)
    .bind(&artifact.sha256)
    .bind(&artifact.blob_key)
    .bind(artifact.created_at)
    .exec(tx)
    .await?;
    Ok(changed == 1)
}

pub async fn find_upload(
    tx: &mut Tx,
    build: &BuildId,
    upload_id: &str,
) -> Result<Option<Artifact>> {
    sql("SELECT id, build_id, kind, name, path, bytes, sha256, blob_key, created_at
         FROM artifacts WHERE build_id = $1 AND upload_id = $2")
    .bind(build)
    .bind(upload_id)
    .opt(tx)
    .await
}

pub async fn find(tx: &mut Tx, id: &ArtifactId) -> Result<Option<Artifact>> {
    sql("SELECT id, build_id, kind, name, path, bytes, sha256, blob_key, created_at
         FROM artifacts WHERE id = $1")
    .bind(id)
    .opt(tx)
    .await
}

/// Artifacts of a build, by kind and path.
pub async fn list(tx: &mut Tx, build: &BuildId) -> Result<Vec<Artifact>> {
    let mut artifacts: Vec<Artifact> =
        sql("SELECT id, build_id, kind, name, path, bytes, sha256, blob_key, created_at
         FROM artifacts WHERE build_id = $1")
        .bind(build)
        .all(tx)
        .await?;
    // Sorted here: PostgreSQL's collation is not bytewise.
    artifacts
        .sort_by(|a, b| (a.kind.as_str(), &a.path, &a.id).cmp(&(b.kind.as_str(), &b.path, &b.id)));
    Ok(artifacts)
}

pub async fn count(tx: &mut Tx, build: &BuildId) -> Result<i64> {
    let (count,): (i64,) =
        sql("SELECT COUNT(*) FROM artifacts WHERE build_id = $1").bind(build).one(tx).await?;
    Ok(count)
}

/// Forgets the artifacts of an attempt that will be repeated; the blobs stay
/// to be swept.
pub async fn clear(tx: &mut Tx, build: &BuildId) -> Result<u64> {
    sql("DELETE FROM artifacts WHERE build_id = $1").bind(build).exec(tx).await
}
