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
    /// What the token lets its owner do; no more than the owner may.
    pub scope: Scope,
}

/// How much of its owner's power a token carries, weakest first.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Look at everything.
    Read,
    /// Also start, cancel and repeat builds.
    Trigger,
    /// Everything.
    Admin,
}

impl Scope {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Trigger => "trigger",
            Self::Admin => "admin",
        }
    }

    /// Whether a token of this scope may do what needs `access`.
    pub fn reaches(self, access: Access) -> bool {
        match access {
            Access::Read => true,
            Access::Build => self >= Self::Trigger,
            Access::Full => self >= Self::Admin,
        }
    }
}

impl std::str::FromStr for Scope {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "read" => Ok(Self::Read),
            "trigger" => Ok(Self::Trigger),
            "admin" => Ok(Self::Admin),
            other => Err(format!("scope is \"read\", \"trigger\" or \"admin\", not \"{other}\"")),
        }
    }
}

impl TryFrom<String> for Scope {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

/// A live token, without anything that would open a door.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Token {
    pub id: TokenId,
    pub user_id: UserId,
    /// `None` is the personal token, of which each user has one (ACC-2).
    pub name: Option<String>,
    #[sqlx(try_from = "String")]
    pub scope: Scope,
    pub created_at: Millis,
    pub expires_at: Option<Millis>,
    /// At most a minute old.
    pub last_used_at: Option<Millis>,
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

/// What a caller may do with one app (ORG-5), weakest first. The roles that are
/// given to people are `Read` and `Full`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    Read,
    /// Start, cancel and repeat builds. Needs the role `Full`, but only a token
    /// of scope `trigger`.
    Build,
    Full,
}

impl Access {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Build => "build",
            Self::Full => "full",
        }
    }
}

/// What a member of an organisation is (ORG-1), weakest first.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    Read,
    Full,
    Owner,
}

impl Role {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Full => "full",
            Self::Owner => "owner",
        }
    }
}

impl std::str::FromStr for Role {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "read" => Ok(Self::Read),
            "full" => Ok(Self::Full),
            "owner" => Ok(Self::Owner),
            other => Err(format!("role is \"read\", \"full\" or \"owner\", not \"{other}\"")),
        }
    }
}

impl TryFrom<String> for Role {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
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
