//! Key pairs of organisations, and the host keys they trust.

use crate::db::sql::{Tx, sql};
use crate::error::Result;
use crate::model::ids::OrgId;
use crate::model::time::Millis;

#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct StoredKey {
    /// A line of `authorized_keys`.
    pub public_key: String,
    pub private_sealed: String,
    pub created_at: Millis,
}

#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct StoredHost {
    /// `name:port`.
    pub host: String,
    /// One `type base64` a line.
    pub keys: String,
    pub recorded_at: Millis,
}

pub async fn find_key(tx: &mut Tx, org: &OrgId) -> Result<Option<StoredKey>> {
    sql("SELECT public_key, private_sealed, created_at FROM ssh_keys WHERE org_id = $1")
        .bind(org)
        .opt(tx)
        .await
}

/// Replaces the key pair of `org`.
pub async fn set_key(tx: &mut Tx, org: &OrgId, key: &StoredKey) -> Result<()> {
    sql("INSERT INTO ssh_keys (org_id, public_key, private_sealed, created_at)
         VALUES ($1, $2, $3, $4)
         ON CONFLICT (org_id) DO UPDATE SET public_key = excluded.public_key,
           private_sealed = excluded.private_sealed, created_at = excluded.created_at")
    .bind(org)
    .bind(&key.public_key)
    .bind(&key.private_sealed)
    .bind(key.created_at)
    .exec(tx)
    .await?;
    Ok(())
}

/// By host, bytewise.
pub async fn list_hosts(tx: &mut Tx, org: &OrgId) -> Result<Vec<StoredHost>> {
    let mut found: Vec<StoredHost> =
        sql("SELECT host, keys, recorded_at FROM ssh_hosts WHERE org_id = $1")
            .bind(org)
            .all(tx)
            .await?;
    // Sorted here: PostgreSQL's collation is not bytewise.
    found.sort_by(|a, b| a.host.cmp(&b.host));
    Ok(found)
}

/// Records the keys of a host; keys that are there already stay (first use).
pub async fn insert_host(tx: &mut Tx, org: &OrgId, host: &StoredHost) -> Result<()> {
    sql("INSERT INTO ssh_hosts (org_id, host, keys, recorded_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (org_id, host) DO NOTHING")
    .bind(org)
    .bind(&host.host)
    .bind(&host.keys)
    .bind(host.recorded_at)
    .exec(tx)
    .await?;
    Ok(())
}

/// False if there was none.
pub async fn delete_host(tx: &mut Tx, org: &OrgId, host: &str) -> Result<bool> {
    let rows = sql("DELETE FROM ssh_hosts WHERE org_id = $1 AND host = $2")
        .bind(org)
        .bind(host)
        .exec(tx)
        .await?;
    Ok(rows > 0)
}
