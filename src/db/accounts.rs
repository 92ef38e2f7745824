//! Users, organisations and memberships.

use crate::db::sql::{Tx, sql};
use crate::error::Result;
use crate::model::account::{Access, Organisation, User};
use crate::model::ids::{AppId, OrgId, UserId};

pub async fn insert_user(tx: &mut Tx, user: &User) -> Result<()> {
    sql("INSERT INTO users (id, email, name, is_admin, created_at) VALUES ($1, $2, $3, $4, $5)")
        .bind(&user.id)
        .bind(&user.email)
        .bind(&user.name)
        .bind(user.is_admin)
        .bind(user.created_at)
        .exec(tx)
        .await?;
    Ok(())
}

pub async fn find_user_by_email(tx: &mut Tx, email: &str) -> Result<Option<User>> {
    sql("SELECT id, email, name, is_admin, created_at FROM users WHERE email = $1")
        .bind(email)
        .opt(tx)
        .await
}

pub async fn find_user(tx: &mut Tx, id: &UserId) -> Result<Option<User>> {
    sql("SELECT id, email, name, is_admin, created_at FROM users WHERE id = $1")
        .bind(id)
        .opt(tx)
        .await
}

/// Sets address and name. Fails with `Conflict` for an address that is taken.
pub async fn set_profile(tx: &mut Tx, id: &UserId, email: &str, name: &str) -> Result<()> {
    sql("UPDATE users SET email = $2, name = $3 WHERE id = $1")
        .bind(id)
        .bind(email)
        .bind(name)
        .exec(tx)
        .await?;
    Ok(())
}

pub async fn list_users(tx: &mut Tx) -> Result<Vec<User>> {
    let mut users: Vec<User> =
        sql("SELECT id, email, name, is_admin, created_at FROM users").all(tx).await?;
    // Sorted here: PostgreSQL's collation is not bytewise.
    users.sort_by(|a, b| a.email.cmp(&b.email));
    Ok(users)
}

pub async fn has_users(tx: &mut Tx) -> Result<bool> {
    let row: (bool,) = sql("SELECT EXISTS (SELECT 1 FROM users) AS found").one(tx).await?;
    Ok(row.0)
}

pub async fn insert_organisation(tx: &mut Tx, org: &Organisation) -> Result<()> {
    sql("INSERT INTO organisations (id, name, created_at) VALUES ($1, $2, $3)")
        .bind(&org.id)
        .bind(&org.name)
        .bind(org.created_at)
        .exec(tx)
        .await?;
    Ok(())
}

/// Makes `user` a member; `role` is `owner`, `full` or `read`.
pub async fn insert_member(tx: &mut Tx, org: &OrgId, user: &UserId, role: &str) -> Result<()> {
    sql("INSERT INTO org_members (org_id, user_id, role) VALUES ($1, $2, $3)")
        .bind(org)
        .bind(user)
        .bind(role)
        .exec(tx)
        .await?;
    Ok(())
}

/// `insert_member` for whom is not one yet.
pub async fn insert_member_if_absent(
    tx: &mut Tx,
    org: &OrgId,
    user: &UserId,
    role: &str,
) -> Result<()> {
    sql("INSERT INTO org_members (org_id, user_id, role) VALUES ($1, $2, $3)
         ON CONFLICT (org_id, user_id) DO NOTHING")
    .bind(org)
    .bind(user)
    .bind(role)
    .exec(tx)
    .await?;
    Ok(())
}

/// The oldest organisation that `user` owns.
pub async fn find_owned_organisation(tx: &mut Tx, user: &UserId) -> Result<Option<Organisation>> {
    sql("SELECT o.id, o.name, o.created_at FROM organisations o
         JOIN org_members m ON m.org_id = o.id
         WHERE m.user_id = $1 AND m.role = 'owner' ORDER BY o.created_at, o.id LIMIT 1")
    .bind(user)
    .opt(tx)
    .await
}

/// Sets what `user` may do with one app, whatever the organisation says.
pub async fn set_app_access(tx: &mut Tx, app: &AppId, user: &UserId, access: Access) -> Result<()> {
    sql("INSERT INTO app_members (app_id, user_id, access) VALUES ($1, $2, $3)
         ON CONFLICT (app_id, user_id) DO UPDATE SET access = excluded.access")
    .bind(app)
    .bind(user)
    .bind(access.as_str())
    .exec(tx)
    .await?;
    Ok(())
}

/// What the app's own list and the organisation's list say about `user`.
#[derive(Debug, Clone, Default, sqlx::FromRow)]
pub struct AccessRow {
    /// `read` or `full`.
    pub app_access: Option<String>,
    /// `owner`, `full` or `read`.
    pub org_role: Option<String>,
}

pub async fn find_access(tx: &mut Tx, app: &AppId, user: &UserId) -> Result<AccessRow> {
    Ok(sql("SELECT am.access AS app_access, om.role AS org_role
         FROM apps a
         LEFT JOIN app_members am ON am.app_id = a.id AND am.user_id = $2
         LEFT JOIN org_members om ON om.org_id = a.org_id AND om.user_id = $2
         WHERE a.id = $1")
    .bind(app)
    .bind(user)
    .opt(tx)
    .await?
    .unwrap_or_default())
}
