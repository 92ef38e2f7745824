//! Organisations, their members, and the collaborators of single apps.

use crate::db::sql::{Tx, sql};
use crate::error::Result;
use crate::model::account::{Organisation, Role};
use crate::model::ids::{AppId, OrgId, UserId};
use crate::model::time::Millis;

/// An organisation and what one user is in it.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct SeenOrganisation {
    pub id: OrgId,
    pub name: String,
    pub created_at: Millis,
    /// `owner`, `full` or `read`; `None` if the user is no member.
    pub role: Option<String>,
}

pub async fn find(tx: &mut Tx, id: &OrgId) -> Result<Option<Organisation>> {
    sql("SELECT id, name, created_at FROM organisations WHERE id = $1").bind(id).opt(tx).await
}

pub async fn find_seen(tx: &mut Tx, id: &OrgId, user: &UserId) -> Result<Option<SeenOrganisation>> {
    sql("SELECT o.id, o.name, o.created_at, m.role FROM organisations o
         LEFT JOIN org_members m ON m.org_id = o.id AND m.user_id = $2 WHERE o.id = $1")
    .bind(id)
    .bind(user)
    .opt(tx)
    .await
}

/// The organisations that `user` is a member of, or all, oldest first.
pub async fn list_seen(tx: &mut Tx, user: &UserId, all: bool) -> Result<Vec<SeenOrganisation>> {
    sql("SELECT o.id, o.name, o.created_at, m.role FROM organisations o
         LEFT JOIN org_members m ON m.org_id = o.id AND m.user_id = $1
         WHERE $2 OR m.role IS NOT NULL ORDER BY o.created_at, o.id")
    .bind(user)
    .bind(all)
    .all(tx)
    .await
}

pub async fn rename(tx: &mut Tx, id: &OrgId, name: &str) -> Result<u64> {
    sql("UPDATE organisations SET name = $2 WHERE id = $1").bind(id).bind(name).exec(tx).await
}

/// Somebody on a list: of an organisation with their role, of an app with
/// their access.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Member {
    pub user_id: UserId,
    pub email: String,
    pub name: String,
    pub role: String,
}

/// Members by address, bytewise.
pub async fn list_members(tx: &mut Tx, id: &OrgId) -> Result<Vec<Member>> {
    let members = sql("SELECT u.id AS user_id, u.email, u.name, m.role
         FROM org_members m JOIN users u ON u.id = m.user_id WHERE m.org_id = $1")
    .bind(id)
    .all(tx)
    .await?;
    Ok(by_email(members))
}

/// Makes `user` a member, or changes what they are.
pub async fn set_member(tx: &mut Tx, id: &OrgId, user: &UserId, role: Role) -> Result<()> {
    sql("INSERT INTO org_members (org_id, user_id, role) VALUES ($1, $2, $3)
         ON CONFLICT (org_id, user_id) DO UPDATE SET role = excluded.role")
    .bind(id)
    .bind(user)
    .bind(role.as_str())
    .exec(tx)
    .await?;
    Ok(())
}

pub async fn remove_member(tx: &mut Tx, id: &OrgId, user: &UserId) -> Result<u64> {
    sql("DELETE FROM org_members WHERE org_id = $1 AND user_id = $2")
        .bind(id)
        .bind(user)
        .exec(tx)
        .await
}

/// Takes the row lock of the organisation on PostgreSQL, where two changes of
/// its members could otherwise both believe that an owner is left; then counts
/// its owners.
pub async fn count_owners(tx: &mut Tx, id: &OrgId) -> Result<i64> {
    sql("UPDATE organisations SET name = name WHERE id = $1").bind(id).exec(tx).await?;
    let (count,): (i64,) =
        sql("SELECT COUNT(*) FROM org_members WHERE org_id = $1 AND role = 'owner'")
            .bind(id)
            .one(tx)
            .await?;
    Ok(count)
}

/// Collaborators of one app by address, bytewise; `role` is their access.
pub async fn list_collaborators(tx: &mut Tx, app: &AppId) -> Result<Vec<Member>> {
    let members = sql("SELECT u.id AS user_id, u.email, u.name, m.access AS role
         FROM app_members m JOIN users u ON u.id = m.user_id WHERE m.app_id = $1")
    .bind(app)
    .all(tx)
    .await?;
    Ok(by_email(members))
}

pub async fn remove_collaborator(tx: &mut Tx, app: &AppId, user: &UserId) -> Result<u64> {
    sql("DELETE FROM app_members WHERE app_id = $1 AND user_id = $2")
        .bind(app)
        .bind(user)
        .exec(tx)
        .await
}

/// Sorted here: PostgreSQL's collation is not bytewise.
fn by_email(mut members: Vec<Member>) -> Vec<Member> {
    members.sort_by(|a, b| a.email.cmp(&b.email));
    members
}
