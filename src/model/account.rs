//! Who acts, and what they may do.

use crate::model::ids::{AppId, AuditId, OrgId, TokenId, UserId};
use crate::model::time::Millis;

/// A person with an account.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct User {
    pub id: UserId,
    /// Lowercased; unique.
    pub email: String,
    pub name: String,
    /// Administrator of this installation: sees and may do everything.
    pub is_admin: bool,
    pub created_at: Millis,
}

/// A group of apps and members (ORG-1).
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Organisation {
    pub id: OrgId,
    pub name: String,
    pub created_at: Millis,
}

/// The signed-in caller of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    pub user_id: UserId,
    pub token_id: TokenId,
    pub is_admin: bool,
}

/// One line of the activity log (ORG-7).
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct AuditEntry {
    pub id: AuditId,
    pub at: Millis,
    /// `None` for the server itself and for its command line.
    pub user_id: Option<UserId>,
    /// Who it was then; `system` for the server itself.
    pub user_email: String,
    pub org_id: Option<OrgId>,
    pub app_id: Option<AppId>,
    /// Dotted, such as `app.rename` or `group.testers.add`.
    pub action: String,
    /// What was changed, by the name it had then.
    pub subject: String,
    /// More for a person, never a secret value.
    pub detail: String,
}

/// What a caller may do with one app (ORG-5), weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    Read,
    Full,
}

impl Access {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Full => "full",
        }
    }
}

impl std::str::FromStr for Access {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "read" => Ok(Self::Read),
            "full" => Ok(Self::Full),
            other => Err(format!("access is \"read\" or \"full\", not \"{other}\"")),
        }
    }
}
