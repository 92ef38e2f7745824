//! The activity log (ORG-7): entries are added and read, never
//! changed, and go when they are old.

use crate::db::sql::{Tx, sql};
use crate::error::Result;
use crate::model::account::AuditEntry;
use crate::model::ids::{AppId, OrgId, UserId};
use crate::model::time::Millis;

pub async fn insert(tx: &mut Tx, entry: &AuditEntry) -> Result<()> {
    sql("INSERT INTO audit_entries
           (id, at, user_id, user_email, org_id, app_id, action, subject, detail)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)")
    .bind(&entry.id)
    .bind(entry.at)
    .bind(entry.user_id.as_ref())
    .bind(&entry.user_email)
    .bind(entry.org_id.as_ref())
    .bind(entry.app_id.as_ref())
    .bind(&entry.action)
    .bind(&entry.subject)
    .bind(&entry.detail)
    .exec(tx)
    .await?;
    Ok(())
}

/// Which entries to list; `None` = any.
#[derive(Debug, Default)]
pub struct Filter<'a> {
    pub org: Option<&'a OrgId>,
    pub app: Option<&'a AppId>,
    /// Only entries of organisations that this user owns.
    pub owner: Option<&'a UserId>,
    /// Only actions that start so, such as `group.`.
    pub action: Option<&'a str>,
    /// Only what this address did; lowercased.
    pub email: Option<&'a str>,
    /// Only entries older than this one, in list order.
    pub before: Option<(Millis, &'a str)>,
}

/// Newest first by (`at`, `id`).
pub async fn list(tx: &mut Tx, filter: &Filter<'_>, limit: i64) -> Result<Vec<AuditEntry>> {
    // Above every id: `g` sorts after all hex digits.
    let (before_at, before_id) = filter.before.map_or((i64::MAX, "g"), |(at, id)| (at.0, id));
    sql("SELECT id, at, user_id, user_email, org_id, app_id, action, subject, detail
         FROM audit_entries
         WHERE (CAST($1 AS TEXT) IS NULL OR org_id = $1)
           AND (CAST($2 AS TEXT) IS NULL OR app_id = $2)
           AND (CAST($3 AS TEXT) IS NULL OR EXISTS (SELECT 1 FROM org_members m
             WHERE m.org_id = audit_entries.org_id AND m.user_id = $3 AND m.role = 'owner'))
           AND (at < $4 OR (at = $4 AND id < $5))
           AND (CAST($7 AS TEXT) IS NULL OR SUBSTR(action, 1, LENGTH($7)) = $7)
           AND (CAST($8 AS TEXT) IS NULL OR user_email = $8)
         ORDER BY at DESC, id DESC LIMIT CAST($6 AS BIGINT)")
    .bind(filter.org)
    .bind(filter.app)
    .bind(filter.owner)
    .bind(before_at)
    .bind(before_id)
    .bind(limit)
    .bind(filter.action)
    .bind(filter.email)
    .all(tx)
    .await
}

/// Deletes what is older than `at`; rows removed.
pub async fn delete_before(tx: &mut Tx, at: Millis) -> Result<u64> {
    sql("DELETE FROM audit_entries WHERE at < $1").bind(at).exec(tx).await
}
