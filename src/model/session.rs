//! A person's signed-in browser, and the links that lead to an account.

use crate::model::build::text_enum;
use crate::model::ids::{AppId, IdentityProviderId, InvitationId, OrgId, SessionId, UserId};
use crate::model::time::Millis;

text_enum! {
    /// How a session began.
    Began {
        /// Before this was noted.
        Unknown = "unknown",
        Password = "password",
        Token = "token",
        /// By a link that an administrator had printed on the server.
        Link = "link",
        /// By an identity provider.
        Provider = "provider",
    }
}

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
    #[sqlx(try_from = "String")]
    pub began: Began,
    /// Who vouched for its person, if somebody did.
    pub provider_id: Option<IdentityProviderId>,
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

/// A link that opens an account to somebody: mailed, or printed on the server.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Invitation {
    pub id: InvitationId,
    /// `invite`, `reset`, `first_run`, `sign_in`, `address` or `address_notice`.
    pub kind: String,
    pub email: String,
    /// Joins this organisation ..
    pub org_id: Option<OrgId>,
    /// .. or becomes a collaborator of this app.
    pub app_id: Option<AppId>,
    /// `owner`, `full` or `read`; empty for a reset.
    pub access: String,
    /// Also who changes their own address.
    pub invited_by: Option<UserId>,
    pub created_at: Millis,
    pub expires_at: Millis,
    pub used_at: Option<Millis>,
    /// When the mail with the link was taken.
    pub sent_at: Option<Millis>,
    /// Why it was not, for a person.
    pub send_error: Option<String>,
}
