//! What happened in a repository, in one vocabulary for every provider and for
//! the server's own look at a remote. Plain data; kept as JSON with a delivery.

use serde::{Deserialize, Serialize};

use crate::model::origin::PullRequest;

/// Longest commit message that is kept, in bytes; a skip marker may stand
/// anywhere in it.
pub const MAX_MESSAGE: usize = 64 << 10;
/// Longer lists of changed files count as unknown.
pub const MAX_FILES: usize = 10_000;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum GitEvent {
    /// The provider tries whether we are there.
    Ping,
    /// A branch points at another commit, or is new.
    Push(Change),
    /// A tag points at another commit, or is new.
    Tag(Change),
    /// A branch exists; its commit was not told (a push tells it).
    BranchCreated {
        name: String,
    },
    BranchDeleted {
        name: String,
    },
    TagDeleted {
        name: String,
    },
    PullRequest(PullEvent),
}

/// Where a branch or tag points now.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Without `refs/heads/` or `refs/tags/`.
    pub name: String,
    /// 40 lowercase hex; `None` if it is new, or where the provider does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old: Option<String>,
    /// 40 lowercase hex.
    pub new: String,
    /// Of an annotated tag: its own object, where `new` is the commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// The reference did not exist before.
    #[serde(default)]
    pub created: bool,
    /// Message of the commit `new`; `None` if it was not told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Every file that differs between `old` and `new`; `None` if the list was
    /// not told or may be cut.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files: Option<Vec<String>>,
}

/// What happened to a pull request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PullEvent {
    pub action: PullAction,
    /// `head_sha` may be shortened to 12 digits or more (Bitbucket), and
    /// `fork.url` empty, until the event is evaluated.
    pub pull: PullRequest,
    /// Full name of the repository that it wants to merge into, such as
    /// `owner/repo`; empty if it was not told.
    #[serde(default)]
    pub base_repository: String,
    /// Message of the head commit; `None` if it was not told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PullAction {
    /// Or reopened (TRG-9).
    Opened,
    /// The head has new commits, or the provider cannot tell that from an edit.
    Updated,
    /// Title, base, labels, ..: known, never built.
    Edited,
    /// Or merged.
    Closed,
}

impl GitEvent {
    /// In a few words, for a list.
    pub fn summary(&self) -> String {
        match self {
            Self::Ping => "ping".into(),
            Self::Push(change) => format!("push to {}", change.name),
            Self::Tag(change) => format!("tag {}", change.name),
            Self::BranchCreated { name } => format!("branch {name} created"),
            Self::BranchDeleted { name } => format!("branch {name} deleted"),
            Self::TagDeleted { name } => format!("tag {name} deleted"),
            Self::PullRequest(PullEvent { action, pull, .. }) => {
                let what = match action {
                    PullAction::Opened => "opened",
                    PullAction::Updated => "updated",
                    PullAction::Edited => "edited",
                    PullAction::Closed => "closed",
                };
                format!("pull request {} {what}", pull.number)
            }
        }
    }
}
