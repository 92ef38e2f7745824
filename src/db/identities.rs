//! People's accounts at identity providers, and sign-ins that are under way.

use crate::db::sql::{Tx, sql};
use crate::error::Result;
use crate::model::identity::{Flow, Identity};
use crate::model::ids::{IdentityId, IdentityProviderId, UserId};
use crate::model::time::Millis;

/// Fails with `Conflict` for a subject that is linked already.
pub async fn insert(tx: &mut Tx, identity: &Identity) -> Result<()> {
    sql("INSERT INTO identities
           (id, provider_id, subject, user_id, label, by_hand, linked_at, seen_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)")
    .bind(&identity.id)
    .bind(&identity.provider_id)
    .bind(&identity.subject)
    .bind(&identity.user_id)
    .bind(&identity.label)
    .bind(identity.by_hand)
    .bind(identity.linked_at)
    .bind(identity.seen_at)
    .exec(tx)
    .await?;
    Ok(())
}

pub async fn find(
    tx: &mut Tx,
    provider: &IdentityProviderId,
    subject: &str,
) -> Result<Option<Identity>> {
    sql("SELECT id, provider_id, subject, user_id, label, by_hand, linked_at, seen_at
         FROM identities WHERE provider_id = $1 AND subject = $2")
    .bind(provider)
    .bind(subject)
    .opt(tx)
    .await
}

/// The identities of `user`, oldest first.
pub async fn list(tx: &mut Tx, user: &UserId) -> Result<Vec<Identity>> {
    sql("SELECT id, provider_id, subject, user_id, label, by_hand, linked_at, seen_at
         FROM identities WHERE user_id = $1 ORDER BY linked_at, id")
    .bind(user)
    .all(tx)
    .await
}

/// How many identities each provider has; providers without any are left out.
pub async fn count_by_provider(tx: &mut Tx) -> Result<Vec<(IdentityProviderId, i64)>> {
    sql("SELECT provider_id, COUNT(*) FROM identities GROUP BY provider_id").all(tx).await
}

/// The identity was used; the provider calls it `label` now.
pub async fn touch(tx: &mut Tx, id: &IdentityId, label: &str, now: Millis) -> Result<()> {
    sql("UPDATE identities SET label = $2, seen_at = $3 WHERE id = $1")
        .bind(id)
        .bind(label)
        .bind(now)
        .exec(tx)
        .await?;
    Ok(())
}

/// Unlinks one identity of `user`; rows removed.
pub async fn delete(tx: &mut Tx, user: &UserId, id: &IdentityId) -> Result<u64> {
    sql("DELETE FROM identities WHERE user_id = $1 AND id = $2").bind(user).bind(id).exec(tx).await
}

pub async fn insert_flow(tx: &mut Tx, flow: &Flow, hash: &str) -> Result<()> {
    sql("INSERT INTO sign_in_flows (hash, provider_id, user_id, next, expires_at)
         VALUES ($1, $2, $3, $4, $5)")
    .bind(hash)
    .bind(&flow.provider_id)
    .bind(flow.user_id.as_ref())
    .bind(&flow.next)
    .bind(flow.expires_at)
    .exec(tx)
    .await?;
    Ok(())
}

/// Takes a sign-in that is under way, so that nobody takes it again; `None` for
/// one that is unknown, taken or too old.
pub async fn take_flow(tx: &mut Tx, hash: &str, now: Millis) -> Result<Option<Flow>> {
    sql("DELETE FROM sign_in_flows WHERE hash = $1 AND expires_at > $2
         RETURNING provider_id, user_id, next, expires_at")
    .bind(hash)
    .bind(now)
    .opt(tx)
    .await
}

/// Forgets sign-ins that nobody came back from; how many are under way.
pub async fn sweep_flows(tx: &mut Tx, now: Millis) -> Result<i64> {
    sql("DELETE FROM sign_in_flows WHERE expires_at <= $1").bind(now).exec(tx).await?;
    let (count,): (i64,) = sql("SELECT COUNT(*) FROM sign_in_flows").one(tx).await?;
    Ok(count)
}
