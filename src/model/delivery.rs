//! A delivery of a webhook, as it is kept.

use crate::model::ids::{AppId, DeliveryId};
use crate::model::time::Millis;

/// Who delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Provider {
    Github,
    Gitlab,
    Bitbucket,
    BitbucketServer,
    /// Also Forgejo and Gogs.
    Gitea,
    Beanstalk,
    Gitolite,
    Kiln,
    Azure,
    /// The server's own look at the remote.
    Reconciliation,
}

impl Provider {
    pub const ALL: &'static [Self] = &[
        Self::Github,
        Self::Gitlab,
        Self::Bitbucket,
        Self::BitbucketServer,
        Self::Gitea,
        Self::Beanstalk,
        Self::Gitolite,
        Self::Kiln,
        Self::Azure,
        Self::Reconciliation,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Github => "github",
            Self::Gitlab => "gitlab",
            Self::Bitbucket => "bitbucket",
            Self::BitbucketServer => "bitbucket_server",
            Self::Gitea => "gitea",
            Self::Beanstalk => "beanstalk",
            Self::Gitolite => "gitolite",
            Self::Kiln => "kiln",
            Self::Azure => "azure",
            Self::Reconciliation => "reconciliation",
        }
    }
}

/// One delivery to one app, without its body.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Delivery {
    pub id: DeliveryId,
    pub app_id: AppId,
    /// A `Provider` as text.
    pub provider: String,
    /// As the provider names it; empty if it does not.
    pub event: String,
    pub received_at: Millis,
    /// JSON of [name, value] pairs: the headers that say who delivered what.
    pub headers: String,
    pub body_bytes: i64,
    /// JSON of a list of `model::git_event::GitEvent`.
    pub events: String,
    /// `pending` until it was evaluated, then `done`.
    pub state: String,
    /// What came of it, for a person.
    pub verdict: String,
    pub built: bool,
    pub evaluated_at: Option<Millis>,
}
