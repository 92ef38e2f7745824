//! Crash reports and the groups they fall into.

use crate::db::sql::{Tx, sql};
use crate::error::Result;
use crate::model::feedback::{CrashGroup, CrashReport, ItemState};
use crate::model::ids::{AppId, BuildId, CrashGroupId, CrashReportId};
use crate::model::time::Millis;

/// A report beside its group's state and the public paths (`<token>/<name>`)
/// of its files.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct ShownCrash {
    #[sqlx(flatten)]
    pub report: CrashReport,
    #[sqlx(try_from = "String")]
    pub state: ItemState,
    pub thumbnail: Option<String>,
    pub replay: Option<String>,
    pub has_logs: bool,
}

/// The columns of `ShownCrash`, up to the condition.
macro_rules! shown_crash {
    () => {
        "SELECT c.id, c.app_id, c.build_id, c.build_number, c.group_id, c.created_at, c.scheme,
           c.tester_email, c.identifier_for_vendor, c.bundle_id, c.short_version, c.version,
           c.metadata, c.system, c.resolved, c.resolved_text, g.state,
           i.token || '/' || i.name AS thumbnail, r.token || '/' || r.name AS replay,
           l.id IS NOT NULL AS has_logs
         FROM crash_reports c
         JOIN crash_groups g ON g.app_id = c.app_id AND g.id = c.group_id
         LEFT JOIN media i ON i.item_id = c.id AND i.kind = 'image'
         LEFT JOIN media r ON r.item_id = c.id AND r.kind = 'replay'
         LEFT JOIN media l ON l.item_id = c.id AND l.kind = 'log' "
    };
}

/// Adds a report to its group, which must be there; false if this id is there
/// already.
pub async fn insert(tx: &mut Tx, report: &CrashReport) -> Result<bool> {
    let CrashReport { id, origin, group_id, created_at, .. } = report;
    let changed = sql("INSERT INTO crash_reports (id, app_id, build_id, build_number, group_id,
           created_at, scheme, tester_email, identifier_for_vendor, bundle_id, short_version,
           version, metadata, system, resolved, resolved_text)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
         ON CONFLICT (id) DO NOTHING")
    .bind(id)
    .bind(&origin.app_id)
    .bind(&origin.build_id)
    .bind(origin.build_number)
    .bind(group_id)
    .bind(*created_at)
    .bind(&report.scheme)
    .bind(report.tester_email.clone())
    .bind(&report.identifier_for_vendor)
    .bind(&origin.bundle_id)
    .bind(&origin.short_version)
    .bind(&origin.version)
    .bind(report.metadata.as_str())
    .bind(report.system.as_str())
    .bind(report.resolved.as_str())
    .bind(&report.resolved_text)
    .exec(tx)
    .await?;
    Ok(changed == 1)
}

/// The report of this app.
pub async fn find(tx: &mut Tx, app: &AppId, id: &CrashReportId) -> Result<Option<ShownCrash>> {
    sql(concat!(shown_crash!(), "WHERE c.id = $2 AND c.app_id = $1"))
        .bind(app)
        .bind(id)
        .opt(tx)
        .await
}

/// Which reports of an app to list; `None` = any.
#[derive(Debug, Default)]
pub struct Filter<'a> {
    /// Of the group.
    pub state: Option<ItemState>,
    pub group: Option<&'a CrashGroupId>,
    pub build: Option<&'a BuildId>,
    /// Only items older than this one, in list order.
    pub before: Option<(Millis, &'a str)>,
}

/// Newest first by (`created_at`, `id`).
pub async fn list(
    tx: &mut Tx,
    app: &AppId,
    filter: &Filter<'_>,
    limit: i64,
) -> Result<Vec<ShownCrash>> {
    // Above every id: `g` sorts after all hex digits.
    let (before_at, before_id) = filter.before.map_or((i64::MAX, "g"), |(at, id)| (at.0, id));
    sql(concat!(
        shown_crash!(),
        "WHERE c.app_id = $1
           AND (CAST($2 AS TEXT) IS NULL OR g.state = $2)
           AND (CAST($3 AS TEXT) IS NULL OR c.group_id = $3)
           AND (CAST($4 AS TEXT) IS NULL OR c.build_id = $4)
           AND (c.created_at, c.id) < ($5, $6)
         ORDER BY c.created_at DESC, c.id DESC LIMIT CAST($7 AS BIGINT)"
    ))
    .bind(app)
    .bind(filter.state.map(ItemState::as_str))
    .bind(filter.group)
    .bind(filter.build)
    .bind(before_at)
    .bind(before_id)
    .bind(limit)
    .all(tx)
    .await
}

/// Adds a group unless it is there, and answers what is there now. Its row is
/// locked by this transaction: what the answer says holds until the end of it.
pub async fn upsert_group(tx: &mut Tx, group: &CrashGroup) -> Result<CrashGroup> {
    sql("INSERT INTO crash_groups (app_id, id, state, exception_type, title, reports, first_seen,
           last_seen, last_build_number)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         ON CONFLICT (app_id, id) DO UPDATE SET title = crash_groups.title
         RETURNING app_id, id, state, exception_type, title, reports, first_seen, last_seen,
           last_build_number")
    .bind(&group.app_id)
    .bind(&group.id)
    .bind(group.state.as_str())
    .bind(&group.exception_type)
    .bind(&group.title)
    .bind(group.reports)
    .bind(group.first_seen)
    .bind(group.last_seen)
    .bind(group.last_build_number)
    .one(tx)
    .await
}

/// Counts a report of `build_number`, made at `at`; its group is then `state`.
pub async fn count_report(
    tx: &mut Tx,
    group: &CrashGroup,
    state: ItemState,
    build_number: i64,
    at: Millis,
) -> Result<()> {
    sql("UPDATE crash_groups SET reports = reports + 1, state = $3,
           first_seen = CASE WHEN first_seen > $4 THEN $4 ELSE first_seen END,
           last_seen = CASE WHEN last_seen < $4 THEN $4 ELSE last_seen END,
           last_build_number =
             CASE WHEN last_build_number < $5 THEN $5 ELSE last_build_number END
         WHERE app_id = $1 AND id = $2")
    .bind(&group.app_id)
    .bind(&group.id)
    .bind(state.as_str())
    .bind(at)
    .bind(build_number)
    .exec(tx)
    .await?;
    Ok(())
}

/// A group of this app.
pub async fn find_group(tx: &mut Tx, app: &AppId, id: &CrashGroupId) -> Result<Option<CrashGroup>> {
    sql("SELECT app_id, id, state, exception_type, title, reports, first_seen, last_seen,
           last_build_number
         FROM crash_groups WHERE app_id = $1 AND id = $2")
    .bind(app)
    .bind(id)
    .opt(tx)
    .await
}

/// Groups by (`first_seen`, `id`), newest first: unlike the last report, the
/// first one hardly moves, so that pages neither repeat nor skip.
pub async fn list_groups(
    tx: &mut Tx,
    app: &AppId,
    state: Option<ItemState>,
    before: Option<(Millis, &str)>,
    limit: i64,
) -> Result<Vec<CrashGroup>> {
    // Above every id: `g` sorts after all hex digits.
    let (before_at, before_id) = before.map_or((i64::MAX, "g"), |(at, id)| (at.0, id));
    sql("SELECT app_id, id, state, exception_type, title, reports, first_seen, last_seen,
           last_build_number
         FROM crash_groups
         WHERE app_id = $1 AND (CAST($2 AS TEXT) IS NULL OR state = $2)
           AND (first_seen, id) < ($3, $4)
         ORDER BY first_seen DESC, id DESC LIMIT CAST($5 AS BIGINT)")
    .bind(app)
    .bind(state.map(ItemState::as_str))
    .bind(before_at)
    .bind(before_id)
    .bind(limit)
    .all(tx)
    .await
}

/// Opens or closes a group; rows changed, 0 if it was like that already.
pub async fn set_group_state(
    tx: &mut Tx,
    app: &AppId,
    id: &CrashGroupId,
    state: ItemState,
) -> Result<u64> {
    sql("UPDATE crash_groups SET state = $3 WHERE app_id = $1 AND id = $2 AND state <> $3")
        .bind(app)
        .bind(id)
        .bind(state.as_str())
        .exec(tx)
        .await
}
