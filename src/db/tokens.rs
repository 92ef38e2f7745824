//! Personal and named tokens, found by their hash.

use crate::db::sql::{Tx, sql};
use crate::error::Result;
use crate::model::account::{Scope, Token};
use crate::model::ids::{TokenId, UserId};
use crate::model::time::Millis;

/// Fails with `Conflict` for a second live token of the same name, and for a
/// second one without a name.
pub async fn insert(tx: &mut Tx, token: &Token, hash: &str) -> Result<()> {
    sql("INSERT INTO tokens (id, user_id, hash, name, scope, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)")
    .bind(&token.id)
    .bind(&token.user_id)
    .bind(hash)
    .bind(token.name.as_deref())
    .bind(token.scope.as_str())
    .bind(token.created_at)
    .bind(token.expires_at)
    .exec(tx)
    .await?;
    Ok(())
}

/// The owner of a token that is not revoked. It may have expired: the answer
/// is remembered, so whoever asks compares the time.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct TokenOwner {
    pub token_id: TokenId,
    pub user_id: UserId,
    pub is_admin: bool,
    #[sqlx(try_from = "String")]
    pub scope: Scope,
    pub expires_at: Option<Millis>,
    pub last_used_at: Option<Millis>,
}

pub async fn find_owner(tx: &mut Tx, hash: &str) -> Result<Option<TokenOwner>> {
    sql("SELECT t.id AS token_id, u.id AS user_id, u.is_admin, t.scope, t.expires_at,
           t.last_used_at
         FROM tokens t JOIN users u ON u.id = t.user_id
         WHERE t.hash = $1 AND t.revoked_at IS NULL")
    .bind(hash)
    .opt(tx)
    .await
}

/// The tokens of `user` that are not revoked, newest first.
pub async fn list(tx: &mut Tx, user: &UserId) -> Result<Vec<Token>> {
    sql("SELECT id, user_id, name, scope, created_at, expires_at, last_used_at
         FROM tokens WHERE user_id = $1 AND revoked_at IS NULL ORDER BY created_at DESC, id DESC")
    .bind(user)
    .all(tx)
    .await
}

/// Notes that the token was used; no effect within `apart` milliseconds of the
/// use that is noted already.
pub async fn touch(tx: &mut Tx, id: &TokenId, now: Millis, apart: i64) -> Result<u64> {
    sql("UPDATE tokens SET last_used_at = $2
         WHERE id = $1 AND (last_used_at IS NULL OR last_used_at <= $3)")
    .bind(id)
    .bind(now)
    .bind(now.plus(-apart))
    .exec(tx)
    .await
}

/// Revokes one live token of `user`; the name it had, `None` if there is none.
pub async fn revoke(
    tx: &mut Tx,
    user: &UserId,
    id: &TokenId,
    now: Millis,
) -> Result<Option<Option<String>>> {
    let row: Option<(Option<String>,)> =
        sql("UPDATE tokens SET revoked_at = $3, copy_sealed = NULL
         WHERE user_id = $1 AND id = $2 AND revoked_at IS NULL RETURNING name")
        .bind(user)
        .bind(id)
        .bind(now)
        .opt(tx)
        .await?;
    Ok(row.map(|(name,)| name))
}

/// Revokes the token of `user` that has no name; the number revoked.
pub async fn revoke_personal(tx: &mut Tx, user: &UserId, now: Millis) -> Result<u64> {
    sql("UPDATE tokens SET revoked_at = $2, copy_sealed = NULL
         WHERE user_id = $1 AND name IS NULL AND revoked_at IS NULL")
    .bind(user)
    .bind(now)
    .exec(tx)
    .await
}

/// Revokes every live token of `user`; the number revoked.
pub async fn revoke_all(tx: &mut Tx, user: &UserId, now: Millis) -> Result<u64> {
    sql("UPDATE tokens SET revoked_at = $2, copy_sealed = NULL WHERE user_id = $1 AND revoked_at IS NULL")
        .bind(user)
        .bind(now)
        .exec(tx)
        .await
}

/// Keeps a sealed copy of a token, to be shown to its owner again.
pub async fn set_copy(tx: &mut Tx, id: &TokenId, sealed: &str) -> Result<()> {
    sql("UPDATE tokens SET copy_sealed = $2 WHERE id = $1 AND revoked_at IS NULL")
        .bind(id)
        .bind(sealed)
        .exec(tx)
        .await?;
    Ok(())
}

/// The sealed copy of a live token of `user`.
pub async fn find_copy(tx: &mut Tx, user: &UserId, id: &TokenId) -> Result<Option<String>> {
    let row: Option<(Option<String>,)> =
        sql("SELECT copy_sealed FROM tokens WHERE user_id = $1 AND id = $2 AND revoked_at IS NULL")
            .bind(user)
            .bind(id)
            .opt(tx)
            .await?;
    Ok(row.and_then(|(sealed,)| sealed))
}
