//! Sessions, passwords, second factors and failed sign-ins.

use crate::db::sql::{Tx, sql};
use crate::error::Result;
use crate::model::account::User;
use crate::model::ids::{IdentityProviderId, SessionId, UserId};
use crate::model::session::{Credentials, Session};
use crate::model::time::Millis;

pub async fn insert(tx: &mut Tx, session: &Session, hash: &str) -> Result<()> {
    sql("INSERT INTO sessions
           (id, user_id, hash, created_at, seen_at, expires_at, browser, address, began,
            provider_id)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)")
    .bind(&session.id)
    .bind(&session.user_id)
    .bind(hash)
    .bind(session.created_at)
    .bind(session.seen_at)
    .bind(session.expires_at)
    .bind(&session.browser)
    .bind(&session.address)
    .bind(session.began.as_str())
    .bind(session.provider_id.as_ref())
    .exec(tx)
    .await?;
    Ok(())
}

/// A live session beside its user.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct SignedIn {
    pub session_id: SessionId,
    pub seen_at: Millis,
    #[sqlx(flatten)]
    pub user: User,
}

pub async fn find(tx: &mut Tx, hash: &str, now: Millis) -> Result<Option<SignedIn>> {
    sql("SELECT s.id AS session_id, s.seen_at, u.id, u.email, u.name, u.is_admin, u.created_at
         FROM sessions s JOIN users u ON u.id = s.user_id
         WHERE s.hash = $1 AND s.expires_at > $2")
    .bind(hash)
    .bind(now)
    .opt(tx)
    .await
}

/// The live sessions of `user`, last seen first.
pub async fn list(tx: &mut Tx, user: &UserId, now: Millis) -> Result<Vec<Session>> {
    sql("SELECT id, user_id, created_at, seen_at, expires_at, browser, address, began, provider_id
         FROM sessions WHERE user_id = $1 AND expires_at > $2 ORDER BY seen_at DESC, id DESC")
    .bind(user)
    .bind(now)
    .all(tx)
    .await
}

/// The session was used; it now lives until `expires_at`.
pub async fn touch(tx: &mut Tx, id: &SessionId, now: Millis, expires_at: Millis) -> Result<()> {
    sql("UPDATE sessions SET seen_at = $2, expires_at = $3 WHERE id = $1")
        .bind(id)
        .bind(now)
        .bind(expires_at)
        .exec(tx)
        .await?;
    Ok(())
}

/// Ends one session of `user`; rows removed.
pub async fn delete(tx: &mut Tx, user: &UserId, id: &SessionId) -> Result<u64> {
    sql("DELETE FROM sessions WHERE user_id = $1 AND id = $2").bind(user).bind(id).exec(tx).await
}

/// Ends the sessions of `user`, all but `kept`; rows removed.
pub async fn delete_all(tx: &mut Tx, user: &UserId, kept: Option<&SessionId>) -> Result<u64> {
    sql("DELETE FROM sessions WHERE user_id = $1 AND (CAST($2 AS TEXT) IS NULL OR id <> $2)")
        .bind(user)
        .bind(kept)
        .exec(tx)
        .await
}

/// Ends the sessions that a provider vouched for; rows removed.
pub async fn delete_of_provider(tx: &mut Tx, provider: &IdentityProviderId) -> Result<u64> {
    sql("DELETE FROM sessions WHERE provider_id = $1").bind(provider).exec(tx).await
}

/// Ends the sessions that a provider vouched for, of people of one mail domain;
/// rows removed. Domains have no character that LIKE knows.
pub async fn delete_of_domain(
    tx: &mut Tx,
    provider: &IdentityProviderId,
    domain: &str,
) -> Result<u64> {
    sql("DELETE FROM sessions WHERE provider_id = $1
           AND user_id IN (SELECT id FROM users WHERE email LIKE $2)")
    .bind(provider)
    .bind(format!("%@{domain}"))
    .exec(tx)
    .await
}

/// Ends the sessions of people of one mail domain that none of the providers
/// vouched for which they must use; administrators keep theirs. Rows removed.
pub async fn delete_unvouched(tx: &mut Tx, domain: &str) -> Result<u64> {
    sql("DELETE FROM sessions
         WHERE user_id IN (SELECT id FROM users WHERE email LIKE $1 AND NOT is_admin)
           AND (provider_id IS NULL OR provider_id NOT IN (
             SELECT p.id FROM identity_providers p
             JOIN identity_domains d ON d.provider_id = p.id
             WHERE d.domain = $2 AND p.enabled AND p.require_sso))")
    .bind(format!("%@{domain}"))
    .bind(domain)
    .exec(tx)
    .await
}

pub async fn find_credentials(tx: &mut Tx, user: &UserId) -> Result<Option<Credentials>> {
    sql("SELECT id AS user_id, password_hash, totp_sealed, totp_confirmed_at, totp_step
         FROM users WHERE id = $1")
    .bind(user)
    .opt(tx)
    .await
}

pub async fn set_password(tx: &mut Tx, user: &UserId, hash: &str) -> Result<()> {
    sql("UPDATE users SET password_hash = $2 WHERE id = $1").bind(user).bind(hash).exec(tx).await?;
    Ok(())
}

/// Sets or, with `None`, removes the shared secret; it is not confirmed yet.
pub async fn set_totp(tx: &mut Tx, user: &UserId, sealed: Option<&str>) -> Result<()> {
    sql("UPDATE users SET totp_sealed = $2, totp_confirmed_at = NULL, totp_step = 0 WHERE id = $1")
        .bind(user)
        .bind(sealed)
        .exec(tx)
        .await?;
    sql("DELETE FROM recovery_codes WHERE user_id = $1").bind(user).exec(tx).await?;
    Ok(())
}

pub async fn confirm_totp(tx: &mut Tx, user: &UserId, at: Millis) -> Result<()> {
    sql("UPDATE users SET totp_confirmed_at = $2 WHERE id = $1")
        .bind(user)
        .bind(at)
        .exec(tx)
        .await?;
    Ok(())
}

/// Takes a time step; 0 if it, or a later one, was taken before.
pub async fn take_totp_step(tx: &mut Tx, user: &UserId, step: i64) -> Result<u64> {
    sql("UPDATE users SET totp_step = $2 WHERE id = $1 AND totp_step < $2")
        .bind(user)
        .bind(step)
        .exec(tx)
        .await
}

pub async fn insert_recovery_code(tx: &mut Tx, user: &UserId, hash: &str) -> Result<()> {
    sql("INSERT INTO recovery_codes (user_id, hash) VALUES ($1, $2)")
        .bind(user)
        .bind(hash)
        .exec(tx)
        .await?;
    Ok(())
}

/// Uses a recovery code up; 0 if there is none like it.
pub async fn take_recovery_code(tx: &mut Tx, user: &UserId, hash: &str) -> Result<u64> {
    sql("DELETE FROM recovery_codes WHERE user_id = $1 AND hash = $2")
        .bind(user)
        .bind(hash)
        .exec(tx)
        .await
}

pub async fn delete_recovery_codes(tx: &mut Tx, user: &UserId) -> Result<()> {
    sql("DELETE FROM recovery_codes WHERE user_id = $1").bind(user).exec(tx).await?;
    Ok(())
}

pub async fn count_recovery_codes(tx: &mut Tx, user: &UserId) -> Result<i64> {
    let (count,): (i64,) =
        sql("SELECT COUNT(*) FROM recovery_codes WHERE user_id = $1").bind(user).one(tx).await?;
    Ok(count)
}

pub async fn insert_failure(tx: &mut Tx, subject: &str, at: Millis) -> Result<()> {
    sql("INSERT INTO sign_in_failures (subject, at) VALUES ($1, $2)")
        .bind(subject)
        .bind(at)
        .exec(tx)
        .await?;
    Ok(())
}

/// Failures of `subject` after `since`.
pub async fn count_failures(tx: &mut Tx, subject: &str, since: Millis) -> Result<i64> {
    let (count,): (i64,) =
        sql("SELECT COUNT(*) FROM sign_in_failures WHERE subject = $1 AND at > $2")
            .bind(subject)
            .bind(since)
            .one(tx)
            .await?;
    Ok(count)
}

pub async fn clear_failures(tx: &mut Tx, subject: &str) -> Result<()> {
    sql("DELETE FROM sign_in_failures WHERE subject = $1").bind(subject).exec(tx).await?;
    Ok(())
}

/// Forgets sessions that expired before `now` and failures before `failures`.
pub async fn sweep(tx: &mut Tx, now: Millis, failures: Millis) -> Result<()> {
    sql("DELETE FROM sessions WHERE expires_at <= $1").bind(now).exec(tx).await?;
    sql("DELETE FROM sign_in_failures WHERE at <= $1").bind(failures).exec(tx).await?;
    Ok(())
}
