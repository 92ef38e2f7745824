//! Apps and their branches (APP-1, APP-12).

use crate::model::ids::{AppId, OrgId};
use crate::model::time::Millis;

/// What an app is built for. tvOS and watchOS apps are `Ios` (api.md 2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Platform {
    Ios,
    Android,
}

impl Platform {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ios => "ios",
            Self::Android => "android",
        }
    }
}

impl std::str::FromStr for Platform {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "ios" => Ok(Self::Ios),
            "android" => Ok(Self::Android),
            other => Err(format!("platform is \"ios\" or \"android\", not \"{other}\"")),
        }
    }
}

impl TryFrom<String> for Platform {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

/// A repository + platform + build target.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct App {
    pub id: AppId,
    pub org_id: OrgId,
    pub name: String,
    #[sqlx(try_from = "String")]
    pub platform: Platform,
    /// Clone URL without credentials; those are sealed in their own column.
    pub repo_url: String,
    /// Unknown until the remote was asked once.
    pub default_branch: Option<String>,
    /// When the branches were last read from the remote.
    pub branches_read_at: Option<Millis>,
    /// Its build pages are open to everybody (STA-3).
    pub is_public: bool,
    pub created_at: Millis,
}

/// A branch that was seen in a build or on the remote.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Branch {
    pub name: String,
    pub deleted_at: Option<Millis>,
}
