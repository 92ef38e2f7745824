//! Who vouches for people when they sign in (SSO), and the accounts that they
//! have there.

use crate::model::build::text_enum;
use crate::model::ids::{IdentityId, IdentityProviderId, UserId};
use crate::model::time::Millis;

text_enum! {
    /// How a provider is spoken to.
    ProviderKind {
        /// OpenID Connect; everything else is asked of its issuer.
        Oidc = "oidc",
        /// OpenID Connect of gitlab.com or of a GitLab of one's own.
        Gitlab = "gitlab",
        /// OAuth 2 of github.com or of GitHub Enterprise, and its API.
        Github = "github",
    }
}

impl ProviderKind {
    /// Where it is unless somebody says otherwise.
    pub fn home(self) -> Option<&'static str> {
        match self {
            Self::Oidc => None,
            Self::Gitlab => Some("https://gitlab.com"),
            Self::Github => Some("https://github.com"),
        }
    }
}

/// A provider, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct IdentityProvider {
    pub id: IdentityProviderId,
    #[sqlx(try_from = "String")]
    pub kind: ProviderKind,
    /// On the button.
    pub name: String,
    /// The issuer of OIDC, to the letter; where the pages of GitHub and GitLab
    /// are, without a slash at the end. Never changes: a subject means somebody
    /// else elsewhere.
    pub base_url: String,
    pub client_id: String,
    /// People of its domains sign in here and nowhere else.
    pub require_sso: bool,
    /// An address of which it does not say whether it is verified counts as
    /// verified.
    pub trusts_emails: bool,
    pub enabled: bool,
    pub created_at: Millis,
    /// The mail domains whose people it may vouch for, lowercased and sorted.
    #[sqlx(skip)]
    pub domains: Vec<String>,
}

impl IdentityProvider {
    /// Whether it may vouch for people of this domain.
    pub fn covers(&self, domain: &str) -> bool {
        self.domains.iter().any(|own| own == domain)
    }
}

/// Somebody's account at a provider.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Identity {
    pub id: IdentityId,
    pub provider_id: IdentityProviderId,
    /// What the provider calls them for ever.
    pub subject: String,
    pub user_id: UserId,
    /// Address or name at the provider when it was last used.
    pub label: String,
    /// Linked by its signed-in owner, not by the address.
    pub by_hand: bool,
    pub linked_at: Millis,
    pub seen_at: Millis,
}

/// A sign-in between leaving for the provider and coming back.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Flow {
    pub provider_id: IdentityProviderId,
    /// Whose account it shall be linked to; `None`: signs in.
    pub user_id: Option<UserId>,
    /// Path to go to afterwards.
    pub next: String,
    pub expires_at: Millis,
}

/// What stands after the `@` of an address as it is kept.
pub fn domain_of(email: &str) -> &str {
    email.rsplit_once('@').map_or("", |(_, domain)| domain)
}
