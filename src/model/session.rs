//! A person's signed-in browser, and the links that lead to an account.

use crate::model::ids::{AppId, InvitationId, OrgId, SessionId, UserId};
use crate::model::time::Millis;

/// One signed-in browser.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Session {
    pub id: SessionId,
    pub user_id: UserId,
    pub created_at: Millis,
    /// Written at most once a minute.
    pub seen_at: Millis,
    pub expires_at: Millis,
    /// The `User-Agent` it signed in with, cut.
    pub browser: String,
    /// Where it signed in from.
    pub address: String,
}

/// What a person's account has for signing in.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Credentials {
    pub user_id: UserId,
    /// Argon2id in PHC format.
    pub password_hash: Option<String>,
    pub totp_sealed: Option<String>,
    pub totp_confirmed_at: Option<Millis>,
    /// The last time step whose code was accepted.
    pub totp_step: i64,
}

/// A link that was mailed to somebody.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Invitation {
    pub id: InvitationId,
    /// `invite`, `reset` or `first_run`.
    pub kind: String,
    pub email: String,
    /// Joins this organisation ..
    pub org_id: Option<OrgId>,
    /// .. or becomes a collaborator of this app.
    pub app_id: Option<AppId>,
    /// `owner`, `full` or `read`; empty for a reset.
    pub access: String,
    pub invited_by: Option<UserId>,
    pub created_at: Millis,
    pub expires_at: Millis,
    pub used_at: Option<Millis>,
    /// When the mail with the link was taken.
    pub sent_at: Option<Millis>,
    /// Why it was not, for a person.
    pub send_error: Option<String>,
}
