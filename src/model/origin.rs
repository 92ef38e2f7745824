//! What a build was asked to build beyond the tip of a branch: a tag, a pull
//! request, without caches. Written once when the build is queued.

use serde::{Deserialize, Serialize};

/// Kept as JSON beside the build; `Default` is the plain tip of a branch and
/// is not kept at all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The tag whose commit is built (TRG-8).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pull_request: Option<PullRequest>,
    /// "Rebuild without cache" (TRG-14).
    #[serde(default, skip_serializing_if = "is_false")]
    pub without_cache: bool,
}

/// A pull request: what is built is the merge of its head with the current tip
/// of its base (TRG-9).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PullRequest {
    pub number: i64,
    #[serde(default)]
    pub title: String,
    /// Branch that the head is a commit of, without an owner.
    pub head_branch: String,
    /// 40 lowercase hex; commit statuses go here.
    pub head_sha: String,
    pub base_branch: String,
    /// Where the head comes from, if not from the app's own repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fork: Option<Fork>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fork {
    /// `owner/repo`.
    pub name: String,
    /// Clone URL, without credentials.
    pub url: String,
    /// Somebody has trusted this fork with the app's secrets (SEC-7).
    #[serde(default, skip_serializing_if = "is_false")]
    pub with_secrets: bool,
}

/// What a pull request was merged into, as the agent reports it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Base {
    pub branch: String,
    /// 40 lowercase hex.
    pub sha: String,
    pub author: String,
    pub message: String,
    pub merge_status: MergeStatus,
}

/// Whether head and base go together (api.md 2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MergeStatus {
    Mergeable,
    Conflicting,
    Unknown,
}

impl MergeStatus {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mergeable => "mergeable",
            Self::Conflicting => "conflicting",
            Self::Unknown => "unknown",
        }
    }
}

fn is_false(value: &bool) -> bool {
    !value
}

impl Origin {
    /// Builds of one lane replace each other (EVL-5).
    pub fn lane(&self, branch: &str) -> String {
        match (&self.pull_request, &self.tag) {
            (Some(pull), _) => format!("pull:{}", pull.number),
            (None, Some(tag)) => format!("tag:{tag}"),
            (None, None) => format!("branch:{branch}"),
        }
    }

    /// What `commit_info.branch` shows (api.md 2.2) for a build of `branch`.
    pub fn shown_branch(&self, branch: &str) -> String {
        match (&self.pull_request, &self.tag) {
            (Some(PullRequest { fork: Some(fork), head_branch, .. }), _) => {
                format!("{}:{head_branch}", fork.name)
            }
            (Some(pull), _) => pull.head_branch.clone(),
            (None, Some(tag)) => format!("tag:{tag}"),
            (None, None) => branch.to_owned(),
        }
    }

    /// False where the build must run without variables and secure files.
    pub fn may_see_secrets(&self) -> bool {
        let fork = self.pull_request.as_ref().and_then(|pull| pull.fork.as_ref());
        fork.is_none_or(|fork| fork.with_secrets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pull(fork: Option<Fork>) -> Origin {
        let pull_request = PullRequest {
            number: 12,
            title: "Add".into(),
            head_branch: "add".into(),
            head_sha: "a".repeat(40),
            base_branch: "main".into(),
            fork,
        };
        Origin { pull_request: Some(pull_request), ..Origin::default() }
    }

    #[test]
    fn lanes_and_branches_of_each_kind() {
        let plain = Origin::default();
        let tag = Origin { tag: Some("v1".into()), ..Origin::default() };
        let fork = Fork { name: "o/r".into(), url: "https://h/o/r".into(), with_secrets: false };
        let cases = [
            (plain, "branch:main", "main", true),
            (tag, "tag:v1", "tag:v1", true),
            (pull(None), "pull:12", "add", true),
            (pull(Some(fork.clone())), "pull:12", "o/r:add", false),
            (pull(Some(Fork { with_secrets: true, ..fork })), "pull:12", "o/r:add", true),
        ];
        for (origin, lane, branch, secrets) in cases {
            assert_eq!(origin.lane("main"), lane);
            assert_eq!(origin.shown_branch("main"), branch);
            assert_eq!(origin.may_see_secrets(), secrets);
            let json = serde_json::to_string(&origin).unwrap();
            assert_eq!(serde_json::from_str::<Origin>(&json).unwrap(), origin);
        }
        assert_eq!(serde_json::to_string(&Origin::default()).unwrap(), "{}");
    }
}
