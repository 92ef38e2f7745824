//! Crash reports as far as their symbols go, and the files that may hold these.

use crate::db::sql::{Tx, sql};
use crate::error::Result;
use crate::model::artifact::Artifact;
use crate::model::ids::{AppId, BuildId, CrashGroupId, CrashReportId};
use crate::model::time::Millis;

/// A report as it came, whatever was looked up since.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct RawCrash {
    pub id: CrashReportId,
    pub app_id: AppId,
    pub build_id: BuildId,
    pub build_number: i64,
    pub group_id: CrashGroupId,
    pub created_at: Millis,
    pub scheme: String,
    pub bundle_id: String,
    pub resolved: String,
    pub resolved_text: String,
}

pub async fn find(tx: &mut Tx, id: &CrashReportId) -> Result<Option<RawCrash>> {
    sql("SELECT id, app_id, build_id, build_number, group_id, created_at, scheme, bundle_id,
           COALESCE(original, resolved) AS resolved,
           COALESCE(original_text, resolved_text) AS resolved_text
         FROM crash_reports WHERE id = $1")
    .bind(id)
    .opt(tx)
    .await
}

/// JSON of `Symbols`; `None` if nobody has looked for any.
pub async fn find_state(tx: &mut Tx, id: &CrashReportId) -> Result<Option<String>> {
    let row: Option<(Option<String>,)> =
        sql("SELECT symbols FROM crash_reports WHERE id = $1").bind(id).opt(tx).await?;
    Ok(row.and_then(|(state,)| state))
}

/// Notes what was looked for; the report stays as it is.
pub async fn note(tx: &mut Tx, id: &CrashReportId, symbols: &str, wants: bool) -> Result<()> {
    sql("UPDATE crash_reports SET symbols = $2, wants_symbols = $3 WHERE id = $1")
        .bind(id)
        .bind(symbols)
        .bind(wants)
        .exec(tx)
        .await?;
    Ok(())
}

/// Puts a report with its symbols into the place of the one that came, which is
/// kept, and into `group`, which must be there.
pub async fn resolve(
    tx: &mut Tx,
    id: &CrashReportId,
    group: &CrashGroupId,
    resolved: &str,
    text: &str,
) -> Result<()> {
    sql("UPDATE crash_reports SET original = COALESCE(original, resolved),
           original_text = COALESCE(original_text, resolved_text), group_id = $2, resolved = $3,
           resolved_text = $4 WHERE id = $1")
    .bind(id)
    .bind(group)
    .bind(resolved)
    .bind(text)
    .exec(tx)
    .await?;
    Ok(())
}

/// A report has left this group: counts what is left, and deletes an empty one.
pub async fn leave_group(tx: &mut Tx, app: &AppId, group: &CrashGroupId) -> Result<()> {
    sql("DELETE FROM crash_groups WHERE app_id = $1 AND id = $2 AND NOT EXISTS
           (SELECT 1 FROM crash_reports WHERE app_id = $1 AND group_id = $2)")
    .bind(app)
    .bind(group)
    .exec(tx)
    .await?;
    sql("UPDATE crash_groups SET reports = reports - 1,
           first_seen = (SELECT MIN(created_at) FROM crash_reports
             WHERE app_id = $1 AND group_id = $2),
           last_seen = (SELECT MAX(created_at) FROM crash_reports
             WHERE app_id = $1 AND group_id = $2),
           last_build_number = (SELECT MAX(build_number) FROM crash_reports
             WHERE app_id = $1 AND group_id = $2)
         WHERE app_id = $1 AND id = $2")
    .bind(app)
    .bind(group)
    .exec(tx)
    .await?;
    Ok(())
}

/// Reports about `build`, or about another build of its commit, that symbols
/// would help; the newest first.
pub async fn list_wanting(tx: &mut Tx, build: &BuildId, limit: i64) -> Result<Vec<CrashReportId>> {
    let rows: Vec<(CrashReportId,)> = sql("SELECT id FROM crash_reports
         WHERE wants_symbols AND build_id IN (SELECT s.id FROM builds b
           JOIN builds s ON s.app_id = b.app_id
             AND (s.id = b.id OR (s.commit_sha = b.commit_sha AND b.commit_sha <> ''))
           WHERE b.id = $1)
         ORDER BY created_at DESC, id DESC LIMIT CAST($2 AS BIGINT)")
    .bind(build)
    .bind(limit)
    .all(tx)
    .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Files that may hold symbols, of `build` and of other builds of its commit;
/// its own first, then the newest.
pub async fn list_files(tx: &mut Tx, build: &BuildId, limit: i64) -> Result<Vec<Artifact>> {
    sql("SELECT a.id, a.build_id, a.kind, a.name, a.path, a.bytes, a.sha256, a.blob_key,
           a.created_at
         FROM builds b JOIN builds s ON s.app_id = b.app_id
           AND (s.id = b.id OR (s.commit_sha = b.commit_sha AND b.commit_sha <> ''))
         JOIN artifacts a ON a.build_id = s.id
         WHERE b.id = $1 AND (LOWER(a.name) LIKE '%mapping%.txt' OR LOWER(a.name) LIKE '%.zip')
         ORDER BY CASE WHEN s.id = b.id THEN 0 ELSE 1 END, a.created_at DESC, a.id
         LIMIT CAST($2 AS BIGINT)")
    .bind(build)
    .bind(limit)
    .all(tx)
    .await
}
