//! Commit statuses: what a provider is told of a commit (STA-1).

use crate::model::build::{BuildStatus, text_enum};
use crate::model::ids::{AppId, BuildId, StatusId};
use crate::model::time::Millis;

text_enum! {
    /// Providers have words of their own for these.
    StatusState {
        Pending = "pending",
        Success = "success",
        Failure = "failure",
        Error = "error",
    }
}

impl StatusState {
    /// Queued and running are one state, and cancelled is an error (STA-1).
    pub fn of(status: BuildStatus) -> Self {
        match status {
            BuildStatus::Queued | BuildStatus::Running => Self::Pending,
            BuildStatus::Success => Self::Success,
            BuildStatus::Failed => Self::Failure,
            BuildStatus::Cancelled => Self::Error,
        }
    }
}

text_enum! {
    /// Who keeps the repository.
    Provider {
        Github = "github",
        Gitlab = "gitlab",
        Bitbucket = "bitbucket",
        /// Bitbucket Data Center, and Bitbucket Server before it.
        BitbucketServer = "bitbucket_server",
        /// Gitea and Forgejo.
        Gitea = "gitea",
    }
}

text_enum! {
    /// How the sending of a status ended.
    SendOutcome {
        Sent = "sent",
        /// For good: the provider refused it, or did not take it for a day.
        Failed = "failed",
    }
}

/// Where the statuses of an app go.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct ProviderAccount {
    pub app_id: AppId,
    #[sqlx(try_from = "String")]
    pub provider: Provider,
    /// Of the API, without a slash at the end.
    pub base_url: String,
    pub token_sealed: String,
    pub created_at: Millis,
}

/// One state of one build, to be told once.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct CommitStatus {
    pub id: StatusId,
    pub app_id: AppId,
    pub build_id: BuildId,
    /// 40 lowercase hex.
    pub sha: String,
    #[sqlx(try_from = "String")]
    pub state: StatusState,
    pub description: String,
    pub created_at: Millis,
    /// A `SendOutcome`; `None` while it waits.
    pub outcome: Option<String>,
    pub tries: i64,
    pub next_try_at: Millis,
    pub sent_at: Option<Millis>,
    /// One sentence for a person.
    pub last_error: Option<String>,
}
