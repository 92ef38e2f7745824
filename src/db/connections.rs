//! Accounts of organisations at providers of repositories.

use crate::db::sql::{Tx, sql};
use crate::error::Result;
use crate::model::connection::Connection;
use crate::model::ids::{AppId, ConnectionId, OrgId};
use crate::model::time::Millis;

macro_rules! columns {
    () => {
        "id, org_id, name, provider, base_url, token_sealed, token_set_at, account, checked_at,
         check_error, created_at"
    };
}

/// Adds it; false if the organisation has one of this name.
pub async fn insert(tx: &mut Tx, connection: &Connection) -> Result<bool> {
    let Connection {
        id,
        org_id,
        name,
        provider,
        base_url,
        token_sealed,
        token_set_at,
        account,
        checked_at,
        check_error,
        created_at,
    } = connection;
    let added = sql(concat!(
        "INSERT INTO provider_connections (",
        columns!(),
        ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
         ON CONFLICT (org_id, name) DO NOTHING"
    ))
    .bind(id)
    .bind(org_id)
    .bind(name)
    .bind(provider.as_str())
    .bind(base_url)
    .bind(token_sealed)
    .bind(*token_set_at)
    .bind(account)
    .bind(*checked_at)
    .bind(check_error.clone())
    .bind(*created_at)
    .exec(tx)
    .await?;
    Ok(added == 1)
}

/// Oldest first.
pub async fn list(tx: &mut Tx, org: &OrgId) -> Result<Vec<Connection>> {
    sql(concat!(
        "SELECT ",
        columns!(),
        " FROM provider_connections WHERE org_id = $1 ORDER BY created_at, id"
    ))
    .bind(org)
    .all(tx)
    .await
}

/// Those of the organisation of an app, oldest first.
pub async fn list_of_app(tx: &mut Tx, app: &AppId) -> Result<Vec<Connection>> {
    sql(concat!(
        "SELECT ",
        columns!(),
        " FROM provider_connections WHERE org_id = (SELECT org_id FROM apps WHERE id = $1)
         ORDER BY created_at, id"
    ))
    .bind(app)
    .all(tx)
    .await
}

/// The connection, if it is one of `org`.
pub async fn find(tx: &mut Tx, org: &OrgId, id: &ConnectionId) -> Result<Option<Connection>> {
    sql(concat!("SELECT ", columns!(), " FROM provider_connections WHERE id = $1 AND org_id = $2"))
        .bind(id)
        .bind(org)
        .opt(tx)
        .await
}

/// Gives it another token; what was found with the old one is forgotten.
pub async fn set_token(tx: &mut Tx, id: &ConnectionId, sealed: &str, now: Millis) -> Result<u64> {
    sql("UPDATE provider_connections SET token_sealed = $2, token_set_at = $3, account = '',
           checked_at = NULL, check_error = NULL
         WHERE id = $1")
    .bind(id)
    .bind(sealed)
    .bind(now)
    .exec(tx)
    .await
}

/// What a check of the token `sealed` has found: whose it is, or why not. A
/// name that was found before stays. 0 rows if the token was replaced meanwhile.
pub async fn set_checked(
    tx: &mut Tx,
    (id, sealed): (&ConnectionId, &str),
    found: Result<&str, &str>,
    now: Millis,
) -> Result<u64> {
    let (account, error) = match found {
        Ok(account) => (account, None),
        Err(error) => ("", Some(error.to_owned())),
    };
    sql("UPDATE provider_connections SET checked_at = $3, check_error = $4,
           account = CASE WHEN $5 = '' THEN account ELSE $5 END
         WHERE id = $1 AND token_sealed = $2")
    .bind(id)
    .bind(sealed)
    .bind(now)
    .bind(error)
    .bind(account)
    .exec(tx)
    .await
}

/// Rows deleted.
pub async fn delete(tx: &mut Tx, id: &ConnectionId) -> Result<u64> {
    sql("DELETE FROM provider_connections WHERE id = $1").bind(id).exec(tx).await
}

/// The repositories of all apps of an organisation, one for each app.
pub async fn list_repositories(tx: &mut Tx, org: &OrgId) -> Result<Vec<String>> {
    let rows: Vec<(String,)> =
        sql("SELECT repo_url FROM apps WHERE org_id = $1 AND deleted_at IS NULL")
            .bind(org)
            .all(tx)
            .await?;
    Ok(rows.into_iter().map(|(url,)| url).collect())
}
