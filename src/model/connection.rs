//! Accounts of an organisation at those who keep its repositories (ACC-4).

use crate::model::ids::{ConnectionId, OrgId};
use crate::model::status::Provider;
use crate::model::time::Millis;

/// An account that all apps of an organisation share.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Connection {
    pub id: ConnectionId,
    pub org_id: OrgId,
    /// What people call it; no two of an organisation are called alike.
    pub name: String,
    #[sqlx(try_from = "String")]
    pub provider: Provider,
    /// Of the API, without a slash at the end.
    pub base_url: String,
    pub token_sealed: String,
    pub token_set_at: Millis,
    /// Whose token it is, as the last good check found; empty before.
    pub account: String,
    pub checked_at: Option<Millis>,
    /// Why the last check failed, for a person.
    pub check_error: Option<String>,
    pub created_at: Millis,
}

/// What the token of a connection is sealed for.
pub fn token_place(id: &ConnectionId) -> String {
    format!("provider_connections/{id}/token")
}
