//! Who acts, and what they may do.

use crate::model::ids::{OrgId, TokenId, UserId};
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
