//! Deployments, what became of them at each recipient, and release notes.

use crate::db::build_row::build_columns;
use crate::db::sql::{Tx, sql};
use crate::error::Result;
use crate::model::build::Build;
use crate::model::distribution::{Cause, Deployment, Recipient};
use crate::model::email::Email;
use crate::model::ids::{AppId, BuildId, DeploymentId, GroupId, RecipientId};
use crate::model::time::Millis;

/// The columns of `model::distribution::Recipient`.
macro_rules! recipient_columns {
    () => {
        "r.id, r.deployment_id, r.email, r.address, r.sent_at, r.opened_at, r.downloaded_at,
         r.launched_at, r.failed_at, r.failure, r.refused_at, r.error"
    };
}

/// Records a deployment. `by_itself`: nobody asked for it, so that a second
/// one of the same build to the same group is refused with false (DEP-3).
pub async fn insert(tx: &mut Tx, deployment: &Deployment, by_itself: bool) -> Result<bool> {
    let changed = sql("INSERT INTO deployments
           (id, build_id, group_id, group_name, cause, by_itself, notes, user_id, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         ON CONFLICT DO NOTHING")
    .bind(&deployment.id)
    .bind(&deployment.build_id)
    .bind(deployment.group_id.as_ref())
    .bind(&deployment.group_name)
    .bind(deployment.cause.as_str())
    .bind(by_itself)
    .bind(&deployment.notes)
    .bind(deployment.user_id.as_ref())
    .bind(deployment.created_at)
    .exec(tx)
    .await?;
    Ok(changed == 1)
}

pub async fn find(tx: &mut Tx, id: &DeploymentId) -> Result<Option<Deployment>> {
    sql("SELECT id, build_id, group_id, group_name, cause, notes, user_id, created_at
         FROM deployments WHERE id = $1")
    .bind(id)
    .opt(tx)
    .await
}

/// Deployments of a build, newest first.
pub async fn list(tx: &mut Tx, build: &BuildId) -> Result<Vec<Deployment>> {
    sql("SELECT id, build_id, group_id, group_name, cause, notes, user_id, created_at
         FROM deployments WHERE build_id = $1 ORDER BY created_at DESC, id DESC")
    .bind(build)
    .all(tx)
    .await
}

/// Was the build sent to the group as a whole, by whomever?
pub async fn has_reached(tx: &mut Tx, build: &BuildId, group: &GroupId) -> Result<bool> {
    let (found,): (bool,) = sql("SELECT EXISTS (SELECT 1 FROM deployments
         WHERE build_id = $1 AND group_id = $2 AND cause <> 'testers_added') AS found")
    .bind(build)
    .bind(group)
    .one(tx)
    .await?;
    Ok(found)
}

/// The last build that a group got.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct LastOfGroup {
    pub group_id: GroupId,
    pub build_id: BuildId,
    pub number: i64,
    pub created_at: Millis,
}

/// Of each group of the app that has got one.
pub async fn list_last(tx: &mut Tx, app: &AppId) -> Result<Vec<LastOfGroup>> {
    sql("SELECT d.group_id, d.build_id, b.number, d.created_at
         FROM deployments d JOIN builds b ON b.id = d.build_id
         JOIN deployment_groups g ON g.id = d.group_id
         WHERE g.app_id = $1 AND d.cause <> 'testers_added'
           AND NOT EXISTS (SELECT 1 FROM deployments e
             WHERE e.group_id = d.group_id AND e.cause <> 'testers_added'
               AND (e.created_at, e.id) > (d.created_at, d.id))")
    .bind(app)
    .all(tx)
    .await
}

/// One deployment to a group, with how many of its recipients came how far.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct SentToGroup {
    pub id: DeploymentId,
    pub build_id: BuildId,
    pub number: i64,
    pub branch: String,
    #[sqlx(try_from = "String")]
    pub cause: Cause,
    /// What was entered; may be empty.
    pub notes: String,
    /// Address of who sent it.
    pub sender: Option<String>,
    pub created_at: Millis,
    pub recipients: i64,
    pub sent: i64,
    pub downloaded: i64,
    pub launched: i64,
    pub failed: i64,
    /// Mail that was given up.
    pub refused: i64,
}

/// What was sent to a group, newest first.
pub async fn list_of_group(tx: &mut Tx, group: &GroupId, limit: i64) -> Result<Vec<SentToGroup>> {
    sql("SELECT d.id, d.build_id, b.number, b.branch, d.cause, d.notes, u.email AS sender,
           d.created_at, COUNT(r.id) AS recipients, COUNT(r.sent_at) AS sent,
           COUNT(r.downloaded_at) AS downloaded, COUNT(r.launched_at) AS launched,
           COUNT(r.failed_at) AS failed, COUNT(r.refused_at) AS refused
         FROM deployments d JOIN builds b ON b.id = d.build_id
         LEFT JOIN users u ON u.id = d.user_id
         LEFT JOIN deployment_recipients r ON r.deployment_id = d.id
         WHERE d.group_id = $1
         GROUP BY d.id, b.id, u.email
         ORDER BY d.created_at DESC, d.id DESC LIMIT CAST($2 AS BIGINT)")
    .bind(group)
    .bind(limit)
    .all(tx)
    .await
}

/// The last build that one tester of a group got through it.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct LastOfTester {
    pub build_id: BuildId,
    pub number: i64,
    #[sqlx(flatten)]
    pub recipient: Recipient,
}

/// Of each tester who has got one.
pub async fn list_last_of_testers(tx: &mut Tx, group: &GroupId) -> Result<Vec<LastOfTester>> {
    sql(concat!(
        "SELECT r.build_id, r.number, ",
        recipient_columns!(),
        " FROM (SELECT x.*, d.build_id, b.number, ROW_NUMBER() OVER
             (PARTITION BY x.email ORDER BY d.created_at DESC, d.id DESC) AS place
           FROM deployment_recipients x JOIN deployments d ON d.id = x.deployment_id
           JOIN builds b ON b.id = d.build_id
           WHERE d.group_id = $1) r
         WHERE r.place = 1"
    ))
    .bind(group)
    .all(tx)
    .await
}

/// Adds a recipient; an address is in a deployment at most once.
pub async fn insert_recipient(
    tx: &mut Tx,
    id: &RecipientId,
    deployment: &DeploymentId,
    email: &Email,
) -> Result<()> {
    sql("INSERT INTO deployment_recipients (id, deployment_id, email, address)
         VALUES ($1, $2, $3, $4)")
    .bind(id)
    .bind(deployment)
    .bind(email.key())
    .bind(email.typed())
    .exec(tx)
    .await?;
    Ok(())
}

pub async fn find_recipient(tx: &mut Tx, id: &RecipientId) -> Result<Option<Recipient>> {
    sql(concat!("SELECT ", recipient_columns!(), " FROM deployment_recipients r WHERE r.id = $1"))
        .bind(id)
        .opt(tx)
        .await
}

/// Recipients of all deployments of a build, by deployment and address.
pub async fn list_recipients(tx: &mut Tx, build: &BuildId) -> Result<Vec<Recipient>> {
    sql(concat!(
        "SELECT ",
        recipient_columns!(),
        " FROM deployment_recipients r JOIN deployments d ON d.id = r.deployment_id
         WHERE d.build_id = $1 ORDER BY r.deployment_id, r.id"
    ))
    .bind(build)
    .all(tx)
    .await
}

/// The latest deployment of the build to this address.
pub async fn find_recipient_of(
    tx: &mut Tx,
    build: &BuildId,
    email: &str,
) -> Result<Option<Recipient>> {
    sql(concat!(
        "SELECT ",
        recipient_columns!(),
        " FROM deployment_recipients r JOIN deployments d ON d.id = r.deployment_id
         WHERE d.build_id = $1 AND r.email = $2 ORDER BY d.created_at DESC, d.id DESC LIMIT 1"
    ))
    .bind(build)
    .bind(email)
    .opt(tx)
    .await
}

pub async fn set_sent(tx: &mut Tx, id: &RecipientId, at: Millis) -> Result<()> {
    sql("UPDATE deployment_recipients SET sent_at = $2, error = NULL WHERE id = $1")
        .bind(id)
        .bind(at)
        .exec(tx)
        .await?;
    Ok(())
}

/// Notes a fault of sending; with `refused_at`, sending is given up.
pub async fn set_error(
    tx: &mut Tx,
    id: &RecipientId,
    error: &str,
    refused_at: Option<Millis>,
) -> Result<()> {
    sql("UPDATE deployment_recipients SET error = $2, refused_at = $3 WHERE id = $1")
        .bind(id)
        .bind(error)
        .bind(refused_at)
        .exec(tx)
        .await?;
    Ok(())
}

/// The first time counts, here and below.
pub async fn set_opened(tx: &mut Tx, id: &RecipientId, at: Millis) -> Result<()> {
    sql("UPDATE deployment_recipients SET opened_at = $2 WHERE id = $1 AND opened_at IS NULL")
        .bind(id)
        .bind(at)
        .exec(tx)
        .await?;
    Ok(())
}

pub async fn set_downloaded(tx: &mut Tx, id: &RecipientId, at: Millis) -> Result<()> {
    sql("UPDATE deployment_recipients SET downloaded_at = $2
         WHERE id = $1 AND downloaded_at IS NULL")
    .bind(id)
    .bind(at)
    .exec(tx)
    .await?;
    Ok(())
}

/// The build was started by whom it was sent to; recipients changed.
pub async fn set_launched(tx: &mut Tx, build: &BuildId, email: &str, at: Millis) -> Result<u64> {
    sql("UPDATE deployment_recipients SET launched_at = $3
         WHERE email = $2 AND launched_at IS NULL
           AND deployment_id IN (SELECT id FROM deployments WHERE build_id = $1)")
    .bind(build)
    .bind(email)
    .bind(at)
    .exec(tx)
    .await
}

/// The last time counts: a tester may try again.
pub async fn set_failed(tx: &mut Tx, id: &RecipientId, failure: &str, at: Millis) -> Result<()> {
    sql("UPDATE deployment_recipients SET failed_at = $3, failure = $2 WHERE id = $1")
        .bind(id)
        .bind(failure)
        .bind(at)
        .exec(tx)
        .await?;
    Ok(())
}

/// The newest build that was sent to `email`, can be installed, and is newer
/// than `build` of the same scheme, with the recipient it was sent to.
pub async fn find_newer(
    tx: &mut Tx,
    build: &Build,
    email: &str,
) -> Result<Option<(BuildId, RecipientId)>> {
    sql("SELECT b.id, r.id FROM deployment_recipients r
         JOIN deployments d ON d.id = r.deployment_id
         JOIN builds b ON b.id = d.build_id
         WHERE r.email = $1 AND b.app_id = $2 AND b.scheme = $3 AND NOT b.disabled
           AND (b.created_at, b.id) > ($4, $5)
         ORDER BY b.created_at DESC, b.id DESC, d.created_at DESC, d.id DESC LIMIT 1")
    .bind(email)
    .bind(&build.app_id)
    .bind(&build.scheme)
    .bind(build.created_at)
    .bind(&build.id)
    .opt(tx)
    .await
}

/// Builds of an app that testers can install, newest first, older than
/// `before` in that order; of one branch if it is named.
pub async fn list_installable(
    tx: &mut Tx,
    app: &AppId,
    branch: Option<&str>,
    before: Option<&Build>,
    limit: i64,
) -> Result<Vec<Build>> {
    // Above every id: `g` sorts after all hex digits.
    let (before_at, before_id) =
        before.map_or((i64::MAX, "g"), |build| (build.created_at.0, build.id.as_str()));
    sql(concat!(
        "SELECT ",
        build_columns!(),
        " FROM builds b
         WHERE b.app_id = $1 AND b.status = 'success' AND NOT b.disabled
           AND b.downloads LIKE '%\"installable\":true%'
           AND (CAST($2 AS TEXT) IS NULL OR b.branch = $2)
           AND (b.created_at, b.id) < ($3, $4)
         ORDER BY b.created_at DESC, b.id DESC LIMIT CAST($5 AS BIGINT)"
    ))
    .bind(app)
    .bind(branch)
    .bind(before_at)
    .bind(before_id)
    .bind(limit)
    .all(tx)
    .await
}

/// Keeps what the build's repository says about it.
pub async fn set_build_notes(tx: &mut Tx, build: &BuildId, notes: &str) -> Result<()> {
    sql("INSERT INTO build_notes (build_id, notes) VALUES ($1, $2)
         ON CONFLICT (build_id) DO UPDATE SET notes = excluded.notes")
    .bind(build)
    .bind(notes)
    .exec(tx)
    .await?;
    Ok(())
}

pub async fn find_build_notes(tx: &mut Tx, build: &BuildId) -> Result<Option<String>> {
    let row: Option<(String,)> =
        sql("SELECT notes FROM build_notes WHERE build_id = $1").bind(build).opt(tx).await?;
    Ok(row.map(|(notes,)| notes))
}

/// What was entered with the latest deployment of the build that has a text.
pub async fn find_entered_notes(tx: &mut Tx, build: &BuildId) -> Result<Option<String>> {
    let row: Option<(String,)> = sql("SELECT notes FROM deployments
         WHERE build_id = $1 AND notes <> '' ORDER BY created_at DESC, id DESC LIMIT 1")
    .bind(build)
    .opt(tx)
    .await?;
    Ok(row.map(|(notes,)| notes))
}
