//! Apps and branches.

use crate::db::sql::{Tx, sql};
use crate::error::{Error, Result};
use crate::model::account::Actor;
use crate::model::app::{App, Branch};
use crate::model::ids::{AppId, OrgId};
use crate::model::time::Millis;

/// The columns of `model::app::App`.
macro_rules! app_columns {
    () => {
        "a.id, a.org_id, a.name, a.platform, a.repo_url, a.default_branch, a.branches_read_at,
         a.is_public, a.created_at"
    };
}

pub async fn insert(tx: &mut Tx, app: &App, sealed_credential: Option<&str>) -> Result<()> {
    sql("INSERT INTO apps (id, org_id, name, platform, repo_url,
           repo_credential_sealed, default_branch, branches_read_at, is_public,
           created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)")
    .bind(&app.id)
    .bind(&app.org_id)
    .bind(&app.name)
    .bind(app.platform.as_str())
    .bind(&app.repo_url)
    .bind(sealed_credential)
    .bind(app.default_branch.clone())
    .bind(app.branches_read_at)
    .bind(app.is_public)
    .bind(app.created_at)
    .exec(tx)
    .await?;
    Ok(())
}

pub async fn find(tx: &mut Tx, id: &AppId) -> Result<Option<App>> {
    sql(concat!("SELECT ", app_columns!(), " FROM apps a WHERE a.id = $1 AND a.deleted_at IS NULL"))
        .bind(id)
        .opt(tx)
        .await
}

pub async fn list(tx: &mut Tx) -> Result<Vec<App>> {
    sql(concat!(
        "SELECT ",
        app_columns!(),
        " FROM apps a WHERE a.deleted_at IS NULL ORDER BY a.created_at, a.id"
    ))
    .all(tx)
    .await
}

/// Every app that `actor` may see, in no particular order.
pub async fn list_visible(tx: &mut Tx, actor: &Actor) -> Result<Vec<App>> {
    sql(concat!(
        "SELECT ",
        app_columns!(),
        " FROM apps a
         WHERE a.deleted_at IS NULL AND ($2
           OR EXISTS (SELECT 1 FROM app_members m WHERE m.app_id = a.id AND m.user_id = $1)
           OR EXISTS (SELECT 1 FROM org_members m WHERE m.org_id = a.org_id AND m.user_id = $1))"
    ))
    .bind(&actor.user_id)
    .bind(actor.is_admin)
    .all(tx)
    .await
}

/// The sealed credential of the app's repository, if it has one.
pub async fn find_credential(tx: &mut Tx, id: &AppId) -> Result<Option<String>> {
    let row: Option<(Option<String>,)> =
        sql("SELECT repo_credential_sealed FROM apps WHERE id = $1").bind(id).opt(tx).await?;
    Ok(row.and_then(|r| r.0))
}

/// The next build number of the app, taken for good. `NotFound` for a deleted
/// app: on PostgreSQL this waits for a deletion under way, so that no build of
/// it is queued after its builds were cancelled.
pub async fn take_build_number(tx: &mut Tx, id: &AppId) -> Result<i64> {
    let row: Option<(i64,)> = sql("UPDATE apps SET next_build_number = next_build_number + 1
         WHERE id = $1 AND deleted_at IS NULL RETURNING next_build_number - 1")
    .bind(id)
    .opt(tx)
    .await?;
    row.map(|(number,)| number).ok_or_else(Error::not_found)
}

pub async fn find_next_build_number(tx: &mut Tx, id: &AppId) -> Result<i64> {
    let (number,): (i64,) =
        sql("SELECT next_build_number FROM apps WHERE id = $1").bind(id).one(tx).await?;
    Ok(number)
}

/// Raises the next build number; 0 rows if it is higher already (VER-1).
pub async fn raise_build_number(tx: &mut Tx, id: &AppId, number: i64) -> Result<u64> {
    sql("UPDATE apps SET next_build_number = $2 WHERE id = $1 AND next_build_number <= $2")
        .bind(id)
        .bind(number)
        .exec(tx)
        .await
}

pub async fn rename(tx: &mut Tx, id: &AppId, name: &str) -> Result<()> {
    sql("UPDATE apps SET name = $2 WHERE id = $1").bind(id).bind(name).exec(tx).await?;
    Ok(())
}

/// Another repository: what was known of the old one's branches is forgotten.
pub async fn set_repository(
    tx: &mut Tx,
    id: &AppId,
    url: &str,
    sealed_credential: Option<&str>,
) -> Result<()> {
    sql("UPDATE apps SET repo_url = $2, repo_credential_sealed = $3, default_branch = NULL,
           branches_read_at = NULL WHERE id = $1")
    .bind(id)
    .bind(url)
    .bind(sealed_credential)
    .exec(tx)
    .await?;
    Ok(())
}

pub async fn set_public(tx: &mut Tx, id: &AppId, is_public: bool) -> Result<()> {
    sql("UPDATE apps SET is_public = $2 WHERE id = $1").bind(id).bind(is_public).exec(tx).await?;
    Ok(())
}

pub async fn set_organisation(tx: &mut Tx, id: &AppId, org: &OrgId) -> Result<()> {
    sql("UPDATE apps SET org_id = $2 WHERE id = $1").bind(id).bind(org).exec(tx).await?;
    Ok(())
}

/// Deletes the app, or brings it back with `None`.
pub async fn set_deleted_at(tx: &mut Tx, id: &AppId, at: Option<Millis>) -> Result<u64> {
    sql("UPDATE apps SET deleted_at = $2
         WHERE id = $1 AND (deleted_at IS NULL) = (CAST($2 AS BIGINT) IS NOT NULL)")
    .bind(id)
    .bind(at)
    .exec(tx)
    .await
}

/// An app that was deleted, and when.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct DeletedApp {
    #[sqlx(flatten)]
    pub app: App,
    pub deleted_at: Millis,
}

pub async fn find_deleted(tx: &mut Tx, id: &AppId) -> Result<Option<DeletedApp>> {
    sql(concat!(
        "SELECT ",
        app_columns!(),
        ", a.deleted_at FROM apps a WHERE a.id = $1 AND a.deleted_at IS NOT NULL"
    ))
    .bind(id)
    .opt(tx)
    .await
}

pub async fn set_default_branch(tx: &mut Tx, id: &AppId, branch: &str) -> Result<()> {
    sql("UPDATE apps SET default_branch = $2 WHERE id = $1").bind(id).bind(branch).exec(tx).await?;
    Ok(())
}

pub async fn set_branches_read_at(tx: &mut Tx, id: &AppId, at: Millis) -> Result<()> {
    sql("UPDATE apps SET branches_read_at = $2 WHERE id = $1").bind(id).bind(at).exec(tx).await?;
    Ok(())
}

/// Branches by name, bytewise ascending.
pub async fn list_branches(tx: &mut Tx, id: &AppId) -> Result<Vec<Branch>> {
    let mut branches: Vec<Branch> =
        sql("SELECT name, deleted_at FROM branches WHERE app_id = $1").bind(id).all(tx).await?;
    // Sorted here: PostgreSQL's collation is not bytewise.
    branches.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(branches)
}

pub async fn find_branch(tx: &mut Tx, id: &AppId, name: &str) -> Result<Option<Branch>> {
    sql("SELECT name, deleted_at FROM branches WHERE app_id = $1 AND name = $2")
        .bind(id)
        .bind(name)
        .opt(tx)
        .await
}

/// Records that the branch exists now.
pub async fn upsert_branch(tx: &mut Tx, id: &AppId, name: &str) -> Result<()> {
    sql("INSERT INTO branches (app_id, name) VALUES ($1, $2)
         ON CONFLICT (app_id, name) DO UPDATE SET deleted_at = NULL
         WHERE branches.deleted_at IS NOT NULL")
    .bind(id)
    .bind(name)
    .exec(tx)
    .await?;
    Ok(())
}

pub async fn mark_branch_deleted(tx: &mut Tx, id: &AppId, name: &str, at: Millis) -> Result<()> {
    sql("UPDATE branches SET deleted_at = $3 WHERE app_id = $1 AND name = $2 AND deleted_at IS NULL")
        .bind(id)
        .bind(name)
        .bind(at)
        .exec(tx)
        .await?;
    Ok(())
}
