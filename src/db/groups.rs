//! Deployment groups and their testers.

use crate::db::sql::{Tx, sql};
use crate::error::Result;
use crate::model::distribution::{Group, Tester};
use crate::model::email::Email;
use crate::model::ids::{AppId, GroupId};
use crate::model::time::Millis;

/// Notes that the app gets its first group now; false if it had one before.
pub async fn take_team(tx: &mut Tx, app: &AppId) -> Result<bool> {
    let changed = sql("UPDATE apps SET has_team = TRUE WHERE id = $1 AND NOT has_team")
        .bind(app)
        .exec(tx)
        .await?;
    Ok(changed == 1)
}

pub async fn has_team(tx: &mut Tx, app: &AppId) -> Result<bool> {
    let row: Option<(bool,)> =
        sql("SELECT has_team FROM apps WHERE id = $1").bind(app).opt(tx).await?;
    Ok(row.is_some_and(|(has,)| has))
}

/// Addresses of those who own the app's organisation, oldest account first.
pub async fn list_owner_emails(tx: &mut Tx, app: &AppId) -> Result<Vec<String>> {
    let rows: Vec<(String,)> = sql("SELECT u.email FROM apps a
         JOIN org_members m ON m.org_id = a.org_id AND m.role = 'owner'
         JOIN users u ON u.id = m.user_id
         WHERE a.id = $1 ORDER BY u.created_at, u.id")
    .bind(app)
    .all(tx)
    .await?;
    Ok(rows.into_iter().map(|(email,)| email).collect())
}

/// `rules` is JSON of the group's rules.
pub async fn insert(tx: &mut Tx, group: &Group, rules: &str) -> Result<()> {
    sql("INSERT INTO deployment_groups
           (id, app_id, name, frequency, rules, schedule, next_run_at, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)")
    .bind(&group.id)
    .bind(&group.app_id)
    .bind(&group.name)
    .bind(group.frequency.as_str())
    .bind(rules)
    .bind(group.schedule.as_deref())
    .bind(group.next_run_at)
    .bind(group.created_at)
    .exec(tx)
    .await?;
    Ok(())
}

/// Writes everything that can be changed.
pub async fn update(tx: &mut Tx, group: &Group, rules: &str) -> Result<()> {
    sql("UPDATE deployment_groups
         SET name = $2, frequency = $3, rules = $4, schedule = $5, next_run_at = $6
         WHERE id = $1")
    .bind(&group.id)
    .bind(&group.name)
    .bind(group.frequency.as_str())
    .bind(rules)
    .bind(group.schedule.as_deref())
    .bind(group.next_run_at)
    .exec(tx)
    .await?;
    Ok(())
}

pub async fn find(tx: &mut Tx, id: &GroupId) -> Result<Option<Group>> {
    sql("SELECT id, app_id, name, frequency, rules, schedule, next_run_at, created_at
         FROM deployment_groups WHERE id = $1 AND deleted_at IS NULL")
    .bind(id)
    .opt(tx)
    .await
}

/// Groups of an app, oldest first.
pub async fn list(tx: &mut Tx, app: &AppId) -> Result<Vec<Group>> {
    sql("SELECT id, app_id, name, frequency, rules, schedule, next_run_at, created_at
         FROM deployment_groups WHERE app_id = $1 AND deleted_at IS NULL
         ORDER BY created_at, id")
    .bind(app)
    .all(tx)
    .await
}

/// Scheduled groups that are due, longest first.
pub async fn list_due(tx: &mut Tx, now: Millis, limit: i64) -> Result<Vec<Group>> {
    sql("SELECT g.id, g.app_id, g.name, g.frequency, g.rules, g.schedule, g.next_run_at,
           g.created_at
         FROM deployment_groups g JOIN apps a ON a.id = g.app_id AND a.deleted_at IS NULL
         WHERE g.next_run_at <= $1 AND g.deleted_at IS NULL ORDER BY g.next_run_at, g.id LIMIT CAST($2 AS BIGINT)")
    .bind(now)
    .bind(limit)
    .all(tx)
    .await
}

/// Moves a schedule on from `was`; false if somebody else has.
pub async fn set_next_run(
    tx: &mut Tx,
    id: &GroupId,
    was: Option<Millis>,
    next: Option<Millis>,
) -> Result<bool> {
    let changed = sql("UPDATE deployment_groups SET next_run_at = $3
         WHERE id = $1 AND next_run_at IS NOT DISTINCT FROM $2")
    .bind(id)
    .bind(was)
    .bind(next)
    .exec(tx)
    .await?;
    Ok(changed == 1)
}

/// A group that was deleted and can still be brought back.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct DeletedGroup {
    pub id: GroupId,
    pub app_id: AppId,
    pub name: String,
    pub deleted_at: Millis,
}

/// Deletes the group at `at`, or brings it back, due next at `next`. 0 rows if
/// it is so already.
pub async fn set_deleted_at(
    tx: &mut Tx,
    id: &GroupId,
    at: Option<Millis>,
    next: Option<Millis>,
) -> Result<u64> {
    sql("UPDATE deployment_groups SET deleted_at = $2, next_run_at = $3
         WHERE id = $1 AND (deleted_at IS NULL) <> (CAST($2 AS BIGINT) IS NULL)")
    .bind(id)
    .bind(at)
    .bind(next)
    .exec(tx)
    .await
}

/// As it was when it was deleted.
pub async fn find_deleted(tx: &mut Tx, id: &GroupId) -> Result<Option<(Group, Millis)>> {
    let deleted: Option<(Millis,)> = sql("SELECT deleted_at FROM deployment_groups
         WHERE id = $1 AND deleted_at IS NOT NULL")
    .bind(id)
    .opt(tx)
    .await?;
    let Some((at,)) = deleted else { return Ok(None) };
    let group: Option<Group> =
        sql("SELECT id, app_id, name, frequency, rules, schedule, next_run_at, created_at
             FROM deployment_groups WHERE id = $1")
        .bind(id)
        .opt(tx)
        .await?;
    Ok(group.map(|group| (group, at)))
}

/// The deleted groups of an app, the last deleted first.
pub async fn list_deleted(tx: &mut Tx, app: &AppId) -> Result<Vec<DeletedGroup>> {
    sql("SELECT id, app_id, name, deleted_at FROM deployment_groups
         WHERE app_id = $1 AND deleted_at IS NOT NULL ORDER BY deleted_at DESC, id")
    .bind(app)
    .all(tx)
    .await
}

/// Forgets groups that were deleted before `before`, with their testers; their
/// deployments stay.
pub async fn delete_before(tx: &mut Tx, before: Millis) -> Result<u64> {
    sql("DELETE FROM group_testers WHERE group_id IN
           (SELECT id FROM deployment_groups WHERE deleted_at < $1)")
    .bind(before)
    .exec(tx)
    .await?;
    sql("DELETE FROM deployment_groups WHERE deleted_at < $1").bind(before).exec(tx).await
}

/// Adds an address at the end, or subscribes it again; false if it was
/// subscribed already.
pub async fn add_tester(tx: &mut Tx, id: &GroupId, email: &Email, at: Millis) -> Result<bool> {
    let changed = sql("INSERT INTO group_testers (group_id, email, address, ordinal, added_at)
         VALUES ($1, $2, $3,
           (SELECT COALESCE(MAX(t.ordinal), 0) + 1 FROM group_testers t WHERE t.group_id = $1), $4)
         ON CONFLICT (group_id, email) DO UPDATE
         SET unsubscribed_at = NULL, address = excluded.address, ordinal = excluded.ordinal,
           added_at = excluded.added_at
         WHERE group_testers.unsubscribed_at IS NOT NULL")
    .bind(id)
    .bind(email.key())
    .bind(email.typed())
    .bind(at)
    .exec(tx)
    .await?;
    Ok(changed == 1)
}

/// Forgets an address; false if it was not subscribed.
pub async fn remove_tester(tx: &mut Tx, id: &GroupId, email: &str) -> Result<bool> {
    let changed = sql("DELETE FROM group_testers
         WHERE group_id = $1 AND email = $2 AND unsubscribed_at IS NULL")
    .bind(id)
    .bind(email)
    .exec(tx)
    .await?;
    Ok(changed == 1)
}

/// Keeps the address, but sends it nothing more; false if it was not subscribed.
pub async fn unsubscribe(tx: &mut Tx, id: &GroupId, email: &str, at: Millis) -> Result<bool> {
    let changed = sql("UPDATE group_testers SET unsubscribed_at = $3
         WHERE group_id = $1 AND email = $2 AND unsubscribed_at IS NULL")
    .bind(id)
    .bind(email)
    .bind(at)
    .exec(tx)
    .await?;
    Ok(changed == 1)
}

pub async fn is_subscribed(tx: &mut Tx, id: &GroupId, email: &str) -> Result<bool> {
    let (found,): (bool,) = sql("SELECT EXISTS (SELECT 1 FROM group_testers t
         JOIN deployment_groups g ON g.id = t.group_id AND g.deleted_at IS NULL
         WHERE t.group_id = $1 AND t.email = $2 AND t.unsubscribed_at IS NULL) AS found")
    .bind(id)
    .bind(email)
    .one(tx)
    .await?;
    Ok(found)
}

/// Testers of all groups of an app, also those who unsubscribed, by group and
/// in the order added.
pub async fn list_testers(tx: &mut Tx, app: &AppId) -> Result<Vec<Tester>> {
    sql("SELECT t.group_id, t.email, t.address, t.added_at, t.unsubscribed_at
         FROM group_testers t JOIN deployment_groups g ON g.id = t.group_id
         WHERE g.app_id = $1 AND g.deleted_at IS NULL ORDER BY t.group_id, t.ordinal, t.email")
    .bind(app)
    .all(tx)
    .await
}
