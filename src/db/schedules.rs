//! Schedules (TRG-13). Whoever moves `next_at` on runs the schedule: that is
//! what keeps two servers from building twice.

use crate::db::sql::{Tx, sql};
use crate::error::Result;
use crate::model::ids::{AppId, BuildId, ScheduleId};
use crate::model::schedule::Schedule;
use crate::model::time::Millis;

pub async fn insert(tx: &mut Tx, schedule: &Schedule) -> Result<()> {
    sql("INSERT INTO schedules (id, app_id, branch, weekly, next_at, last_at, last_result,
           last_build_id, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)")
    .bind(&schedule.id)
    .bind(&schedule.app_id)
    .bind(&schedule.branch)
    .bind(schedule.weekly.to_json())
    .bind(schedule.next_at)
    .bind(schedule.last_at)
    .bind(&schedule.last_result)
    .bind(schedule.last_build_id.as_ref())
    .bind(schedule.created_at)
    .exec(tx)
    .await?;
    Ok(())
}

pub async fn find(tx: &mut Tx, id: &ScheduleId) -> Result<Option<Schedule>> {
    sql("SELECT id, app_id, branch, weekly, next_at, last_at, last_result, last_build_id, created_at
         FROM schedules WHERE id = $1")
    .bind(id)
    .opt(tx)
    .await
}

/// Oldest first.
pub async fn list(tx: &mut Tx, app: &AppId) -> Result<Vec<Schedule>> {
    sql("SELECT id, app_id, branch, weekly, next_at, last_at, last_result, last_build_id, created_at
         FROM schedules WHERE app_id = $1 ORDER BY created_at, id")
    .bind(app)
    .all(tx)
    .await
}

/// Replaces what is built and when; what happened last stays.
pub async fn update(tx: &mut Tx, schedule: &Schedule) -> Result<u64> {
    sql("UPDATE schedules SET branch = $2, weekly = $3, next_at = $4 WHERE id = $1")
        .bind(&schedule.id)
        .bind(&schedule.branch)
        .bind(schedule.weekly.to_json())
        .bind(schedule.next_at)
        .exec(tx)
        .await
}

pub async fn delete(tx: &mut Tx, id: &ScheduleId) -> Result<u64> {
    sql("DELETE FROM schedules WHERE id = $1").bind(id).exec(tx).await
}

/// Schedules of living apps that are due, the one that waits longest first.
pub async fn list_due(tx: &mut Tx, now: Millis, limit: i64) -> Result<Vec<Schedule>> {
    sql("SELECT s.id, s.app_id, s.branch, s.weekly, s.next_at, s.last_at, s.last_result,
           s.last_build_id, s.created_at
         FROM schedules s JOIN apps a ON a.id = s.app_id
         WHERE s.next_at <= $1 AND a.deleted_at IS NULL ORDER BY s.next_at, s.id LIMIT CAST($2 AS BIGINT)")
    .bind(now)
    .bind(limit)
    .all(tx)
    .await
}

/// Moves the schedule from one moment to the next; 0 rows if somebody else has.
pub async fn claim(tx: &mut Tx, id: &ScheduleId, from: Millis, to: Millis) -> Result<u64> {
    sql("UPDATE schedules SET next_at = $3 WHERE id = $1 AND next_at = $2")
        .bind(id)
        .bind(from)
        .bind(to)
        .exec(tx)
        .await
}

/// What came of the last run.
pub async fn set_last(
    tx: &mut Tx,
    id: &ScheduleId,
    at: Millis,
    result: &str,
    build: Option<&BuildId>,
) -> Result<()> {
    sql("UPDATE schedules SET last_at = $2, last_result = $3, last_build_id = $4 WHERE id = $1")
        .bind(id)
        .bind(at)
        .bind(result)
        .bind(build)
        .exec(tx)
        .await?;
    Ok(())
}
