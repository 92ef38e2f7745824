//! Azure DevOps, formerly Visual Studio Online and Team Foundation Server.
//! Format: learn.microsoft.com/azure/devops/service-hooks/events.

use serde::Deserialize;

use crate::hooks::read::{Asked, Moved, Parsed, Told, json, sha};
use crate::model::git_event::{GitEvent, PullAction};

#[derive(Debug, Deserialize)]
struct Kind {
    #[serde(rename = "eventType")]
    event_type: String,
}

#[derive(Debug, Deserialize)]
struct Delivery<T> {
    resource: T,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Repository {
    name: Option<String>,
    remote_url: Option<String>,
    ssh_url: Option<String>,
}

impl Repository {
    fn told(&self, events: Vec<GitEvent>) -> Parsed {
        Told::new(events, &[&self.remote_url, &self.ssh_url])
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Push {
    ref_updates: Vec<RefUpdate>,
    commits: Option<Vec<Commit>>,
    repository: Option<Repository>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RefUpdate {
    name: Option<String>,
    old_object_id: Option<String>,
    new_object_id: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Commit {
    commit_id: Option<String>,
    comment: Option<String>,
    /// Long comments are cut.
    comment_truncated: Option<bool>,
}

impl Commit {
    fn message(&self) -> Option<&str> {
        self.comment.as_deref().filter(|_| self.comment_truncated != Some(true))
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PullRequest {
    pull_request_id: i64,
    status: Option<String>,
    title: Option<String>,
    source_ref_name: Option<String>,
    target_ref_name: Option<String>,
    last_merge_source_commit: Option<Commit>,
    repository: Option<Repository>,
    fork_source: Option<ForkSource>,
}

#[derive(Debug, Deserialize)]
struct ForkSource {
    repository: Option<Repository>,
}

pub fn parse(payload: &str) -> Parsed {
    let Kind { event_type } = json(payload)?;
    match event_type.as_str() {
        "git.push" => push(payload),
        "git.pullrequest.created" => pull_request(PullAction::Opened, payload),
        "git.pullrequest.updated" => pull_request(PullAction::Updated, payload),
        _ => Ok(Told::default()),
    }
}

fn push(payload: &str) -> Parsed {
    let Delivery { resource: Push { ref_updates, commits, repository } } = json(payload)?;
    let commits = commits.unwrap_or_default();
    let mut events = Vec::new();
    for RefUpdate { name, old_object_id, new_object_id } in &ref_updates {
        let new = sha(new_object_id.as_deref(), "newObjectId")?;
        let head = commits.iter().find(|c| c.commit_id.is_some() && c.commit_id == new);
        let moved = Moved {
            reference: name.as_deref().unwrap_or_default(),
            old: sha(old_object_id.as_deref(), "oldObjectId")?,
            new: new.clone(),
            object: None,
            tells_old: old_object_id.is_some(),
            message: head.and_then(Commit::message),
            files: None,
        };
        events.extend(moved.event()?);
    }
    repository.unwrap_or_default().told(events)
}

fn pull_request(action: PullAction, payload: &str) -> Parsed {
    let Delivery { resource: pull } = json::<Delivery<PullRequest>>(payload)?;
    let action = match pull.status.as_deref() {
        Some("completed" | "abandoned") => PullAction::Closed,
        _ => action,
    };
    let short = |name: &Option<String>| {
        let name = name.as_deref()?;
        Some(name.strip_prefix("refs/heads/").unwrap_or(name).to_owned())
    };
    let base_name = pull.repository.as_ref().and_then(|r| r.name.clone());
    let fork = pull.fork_source.as_ref().map(|fork| fork.repository.as_ref());
    let head_name = match fork {
        None => base_name.clone(),
        Some(repository) => repository.and_then(|r| r.name.clone()),
    };
    let commit = pull.last_merge_source_commit.as_ref();
    let asked = Asked {
        action,
        number: pull.pull_request_id,
        title: pull.title.as_deref().unwrap_or_default(),
        head_branch: short(&pull.source_ref_name).as_deref(),
        head_sha: commit.and_then(|commit| commit.commit_id.as_deref()),
        base_branch: short(&pull.target_ref_name).as_deref(),
        head_repository: head_name.as_deref(),
        base_repository: base_name.as_deref(),
        head_url: fork.flatten().and_then(|repository| repository.remote_url.as_deref()),
        message: commit.and_then(Commit::message),
    }
    .event()?;
    pull.repository.unwrap_or_default().told(vec![asked])
}
