//! How much is stored, and of what.

use crate::db::sql::{Tx, sql};
use crate::error::Result;
use crate::model::ids::AppId;

/// Files of one kind of one app.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Usage {
    pub app_id: AppId,
    pub app_name: String,
    pub deleted: bool,
    /// `product`, `apk` and `file` are artifacts; `log`, `source`,
    /// `media`, `secure file`.
    pub kind: String,
    pub files: i64,
    pub bytes: i64,
}

/// What is in the blobs, by app and kind. Secure files of organisations are
/// nobody's and left out.
pub async fn list_usage(tx: &mut Tx) -> Result<Vec<Usage>> {
    sql("SELECT u.app_id, a.name AS app_name, (a.deleted_at IS NOT NULL) AS deleted, u.kind,
           u.files, CAST(u.bytes AS BIGINT) AS bytes
         FROM (
           SELECT b.app_id, x.kind, COUNT(*) AS files, SUM(x.bytes) AS bytes
             FROM artifacts x JOIN builds b ON b.id = x.build_id GROUP BY b.app_id, x.kind
           UNION ALL
           SELECT b.app_id, 'log' AS kind, COUNT(*) AS files, SUM(l.blob_bytes) AS bytes
             FROM build_logs l JOIN builds b ON b.id = l.build_id
             WHERE l.blob_bytes IS NOT NULL GROUP BY b.app_id
           UNION ALL
           SELECT b.app_id, 'source' AS kind, COUNT(*) AS files, SUM(s.bytes) AS bytes
             FROM build_sources s JOIN builds b ON b.id = s.build_id GROUP BY b.app_id
           UNION ALL
           SELECT i.app_id, 'media' AS kind, COUNT(*) AS files, SUM(m.bytes) AS bytes
             FROM media m JOIN (SELECT id, app_id FROM feedbacks
               UNION ALL SELECT id, app_id FROM crash_reports) i ON i.id = m.item_id
             GROUP BY i.app_id
           UNION ALL
           SELECT o.id AS app_id, 'secure file' AS kind, COUNT(*) AS files, SUM(s.bytes) AS bytes
             FROM secure_files s JOIN apps o ON o.id = s.owner_id GROUP BY o.id
         ) u JOIN apps a ON a.id = u.app_id
         ORDER BY u.bytes DESC, u.app_id, u.kind")
    .all(tx)
    .await
}

/// Bytes of the database itself. The only question that each database is asked
/// in its own words.
pub async fn database_bytes(tx: &mut Tx) -> Result<i64> {
    let (bytes,): (i64,) = if tx.is_postgres() {
        sql("SELECT pg_database_size(current_database())").one(tx).await?
    } else {
        sql("SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()")
            .one(tx)
            .await?
    };
    Ok(bytes)
}
