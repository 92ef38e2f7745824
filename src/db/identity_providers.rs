//! Identity providers and the mail domains that they vouch for.

use crate::db::sql::{Tx, sql};
use crate::error::Result;
use crate::model::identity::IdentityProvider;
use crate::model::ids::IdentityProviderId;

/// The columns of `model::identity::IdentityProvider`.
macro_rules! provider_columns {
    () => {
        "p.id, p.kind, p.name, p.base_url, p.client_id, p.require_sso, p.trusts_emails,
         p.enabled, p.created_at"
    };
}

/// Adds a provider with its domains.
pub async fn insert(tx: &mut Tx, provider: &IdentityProvider, secret_sealed: &str) -> Result<()> {
    sql("INSERT INTO identity_providers (id, kind, name, base_url, client_id,
           client_secret_sealed, require_sso, trusts_emails, enabled, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)")
    .bind(&provider.id)
    .bind(provider.kind.as_str())
    .bind(&provider.name)
    .bind(&provider.base_url)
    .bind(&provider.client_id)
    .bind(secret_sealed)
    .bind(provider.require_sso)
    .bind(provider.trusts_emails)
    .bind(provider.enabled)
    .bind(provider.created_at)
    .exec(tx)
    .await?;
    insert_domains(tx, provider).await
}

async fn insert_domains(tx: &mut Tx, provider: &IdentityProvider) -> Result<()> {
    for domain in &provider.domains {
        sql("INSERT INTO identity_domains (provider_id, domain) VALUES ($1, $2)")
            .bind(&provider.id)
            .bind(domain)
            .exec(tx)
            .await?;
    }
    Ok(())
}

/// Writes what may change of a provider, and its domains.
pub async fn update(tx: &mut Tx, provider: &IdentityProvider) -> Result<()> {
    sql("UPDATE identity_providers SET name = $2, client_id = $3, require_sso = $4,
           trusts_emails = $5, enabled = $6 WHERE id = $1")
    .bind(&provider.id)
    .bind(&provider.name)
    .bind(&provider.client_id)
    .bind(provider.require_sso)
    .bind(provider.trusts_emails)
    .bind(provider.enabled)
    .exec(tx)
    .await?;
    sql("DELETE FROM identity_domains WHERE provider_id = $1").bind(&provider.id).exec(tx).await?;
    insert_domains(tx, provider).await
}

pub async fn set_secret(tx: &mut Tx, id: &IdentityProviderId, sealed: &str) -> Result<()> {
    sql("UPDATE identity_providers SET client_secret_sealed = $2 WHERE id = $1")
        .bind(id)
        .bind(sealed)
        .exec(tx)
        .await?;
    Ok(())
}

pub async fn find_secret(tx: &mut Tx, id: &IdentityProviderId) -> Result<Option<String>> {
    let row: Option<(String,)> =
        sql("SELECT client_secret_sealed FROM identity_providers WHERE id = $1")
            .bind(id)
            .opt(tx)
            .await?;
    Ok(row.map(|row| row.0))
}

pub async fn find(tx: &mut Tx, id: &IdentityProviderId) -> Result<Option<IdentityProvider>> {
    let found: Option<IdentityProvider> =
        sql(concat!("SELECT ", provider_columns!(), " FROM identity_providers p WHERE p.id = $1"))
            .bind(id)
            .opt(tx)
            .await?;
    let found = with_domains(tx, found.into_iter().collect()).await?;
    Ok(found.into_iter().next())
}

/// All providers, oldest first.
pub async fn list(tx: &mut Tx) -> Result<Vec<IdentityProvider>> {
    let found = sql(concat!(
        "SELECT ",
        provider_columns!(),
        " FROM identity_providers p ORDER BY p.created_at, p.id"
    ))
    .all(tx)
    .await?;
    with_domains(tx, found).await
}

/// The enabled providers that people of this domain must use, oldest first.
pub async fn list_required(tx: &mut Tx, domain: &str) -> Result<Vec<IdentityProvider>> {
    let found = sql(concat!(
        "SELECT ",
        provider_columns!(),
        " FROM identity_providers p JOIN identity_domains d ON d.provider_id = p.id
         WHERE d.domain = $1 AND p.enabled AND p.require_sso ORDER BY p.created_at, p.id"
    ))
    .bind(domain)
    .all(tx)
    .await?;
    with_domains(tx, found).await
}

/// Takes the row lock of a provider on PostgreSQL, where somebody could
/// otherwise come in by it while it is disabled; 0 if it is gone.
pub async fn hold(tx: &mut Tx, id: &IdentityProviderId) -> Result<u64> {
    sql("UPDATE identity_providers SET name = name WHERE id = $1").bind(id).exec(tx).await
}

async fn with_domains(
    tx: &mut Tx,
    mut providers: Vec<IdentityProvider>,
) -> Result<Vec<IdentityProvider>> {
    for provider in &mut providers {
        let rows: Vec<(String,)> =
            sql("SELECT domain FROM identity_domains WHERE provider_id = $1")
                .bind(&provider.id)
                .all(tx)
                .await?;
        provider.domains = rows.into_iter().map(|row| row.0).collect();
        // Sorted here: PostgreSQL's collation is not bytewise.
        provider.domains.sort();
    }
    Ok(providers)
}

/// Removes a provider and all that hangs on it; its sessions end.
pub async fn delete(tx: &mut Tx, id: &IdentityProviderId) -> Result<u64> {
    for statement in [
        "DELETE FROM sessions WHERE provider_id = $1",
        "DELETE FROM sign_in_flows WHERE provider_id = $1",
        "DELETE FROM identities WHERE provider_id = $1",
        "DELETE FROM identity_domains WHERE provider_id = $1",
    ] {
        sql(statement).bind(id).exec(tx).await?;
    }
    sql("DELETE FROM identity_providers WHERE id = $1").bind(id).exec(tx).await
}
