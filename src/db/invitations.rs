//! Links that were mailed to somebody: invitations and password resets.

use crate::db::sql::{Tx, sql};
use crate::error::Result;
use crate::model::ids::{AppId, InvitationId, OrgId, UserId};
use crate::model::session::Invitation;
use crate::model::time::Millis;

/// The columns of `model::session::Invitation`.
macro_rules! invitation_columns {
    () => {
        "id, kind, email, org_id, app_id, access, invited_by, created_at, expires_at, used_at,
         sent_at, send_error"
    };
}

pub async fn insert(tx: &mut Tx, invitation: &Invitation, hash: &str) -> Result<()> {
    sql("INSERT INTO invitations (id, kind, email, org_id, app_id, access, hash, invited_by,
           created_at, expires_at, used_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)")
    .bind(&invitation.id)
    .bind(&invitation.kind)
    .bind(&invitation.email)
    .bind(invitation.org_id.as_ref())
    .bind(invitation.app_id.as_ref())
    .bind(&invitation.access)
    .bind(hash)
    .bind(invitation.invited_by.as_ref())
    .bind(invitation.created_at)
    .bind(invitation.expires_at)
    .bind(invitation.used_at)
    .exec(tx)
    .await?;
    Ok(())
}

/// One that was neither used nor has expired.
pub async fn find(tx: &mut Tx, kind: &str, hash: &str, now: Millis) -> Result<Option<Invitation>> {
    sql(concat!(
        "SELECT ",
        invitation_columns!(),
        " FROM invitations
         WHERE kind = $1 AND hash = $2 AND used_at IS NULL AND expires_at > $3"
    ))
    .bind(kind)
    .bind(hash)
    .bind(now)
    .opt(tx)
    .await
}

/// Open invitations into an organisation, oldest first.
pub async fn list(tx: &mut Tx, org: &OrgId, now: Millis) -> Result<Vec<Invitation>> {
    sql(concat!(
        "SELECT ",
        invitation_columns!(),
        " FROM invitations
         WHERE org_id = $1 AND used_at IS NULL AND expires_at > $2 ORDER BY created_at, id"
    ))
    .bind(org)
    .bind(now)
    .all(tx)
    .await
}

/// Uses a link up; 0 if somebody was faster.
pub async fn take(tx: &mut Tx, id: &InvitationId, now: Millis) -> Result<u64> {
    sql("UPDATE invitations SET used_at = $2 WHERE id = $1 AND used_at IS NULL")
        .bind(id)
        .bind(now)
        .exec(tx)
        .await
}

/// Uses up all open links of one kind to `email`; rows changed.
pub async fn take_all(tx: &mut Tx, kind: &str, email: &str, now: Millis) -> Result<u64> {
    sql("UPDATE invitations SET used_at = $3
         WHERE kind = $1 AND email = $2 AND used_at IS NULL")
    .bind(kind)
    .bind(email)
    .bind(now)
    .exec(tx)
    .await
}

/// Uses up all open links of one kind that `user` asked for, and forgets their
/// keys; rows changed.
pub async fn take_of(tx: &mut Tx, kind: &str, user: &UserId, now: Millis) -> Result<u64> {
    sql("UPDATE invitations SET used_at = $3, key_sealed = NULL
         WHERE kind = $1 AND invited_by = $2 AND used_at IS NULL")
    .bind(kind)
    .bind(user)
    .bind(now)
    .exec(tx)
    .await
}

/// Open invitations to one app, oldest first.
pub async fn list_of_app(tx: &mut Tx, app: &AppId, now: Millis) -> Result<Vec<Invitation>> {
    sql(concat!(
        "SELECT ",
        invitation_columns!(),
        " FROM invitations
         WHERE app_id = $1 AND used_at IS NULL AND expires_at > $2 ORDER BY created_at, id"
    ))
    .bind(app)
    .bind(now)
    .all(tx)
    .await
}

pub async fn find_by_id(tx: &mut Tx, id: &InvitationId) -> Result<Option<Invitation>> {
    sql(concat!("SELECT ", invitation_columns!(), " FROM invitations WHERE id = $1"))
        .bind(id)
        .opt(tx)
        .await
}

/// Uses up what `email` was sent into this organisation or app before; rows
/// changed.
pub async fn take_same(tx: &mut Tx, new: &Invitation, now: Millis) -> Result<u64> {
    sql("UPDATE invitations SET used_at = $5
         WHERE kind = $1 AND email = $2 AND (org_id = $3 OR app_id = $4) AND used_at IS NULL")
    .bind(&new.kind)
    .bind(&new.email)
    .bind(new.org_id.as_ref())
    .bind(new.app_id.as_ref())
    .bind(now)
    .exec(tx)
    .await
}

/// Keeps the sealed key of a link until its mail is out, or forgets it.
pub async fn set_key(tx: &mut Tx, id: &InvitationId, sealed: Option<&str>) -> Result<()> {
    sql("UPDATE invitations SET key_sealed = $2 WHERE id = $1")
        .bind(id)
        .bind(sealed)
        .exec(tx)
        .await?;
    Ok(())
}

pub async fn find_key(tx: &mut Tx, id: &InvitationId) -> Result<Option<String>> {
    let row: Option<(Option<String>,)> =
        sql("SELECT key_sealed FROM invitations WHERE id = $1").bind(id).opt(tx).await?;
    Ok(row.and_then(|(sealed,)| sealed))
}

/// What became of the mail.
pub async fn set_sent(
    tx: &mut Tx,
    id: &InvitationId,
    sent_at: Option<Millis>,
    error: Option<&str>,
) -> Result<()> {
    sql("UPDATE invitations SET sent_at = $2, send_error = $3 WHERE id = $1")
        .bind(id)
        .bind(sent_at)
        .bind(error)
        .exec(tx)
        .await?;
    Ok(())
}
