//! GitLab. Format: docs.gitlab.com/user/project/integrations/webhook_events.

use serde::Deserialize;

use crate::hooks::read::{Asked, Malformed, Moved, Parsed, Told, files, json, sha};
use crate::model::git_event::{GitEvent, PullAction};

#[derive(Debug, Deserialize)]
struct Kind {
    object_kind: Option<String>,
    event_name: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
struct Project {
    path_with_namespace: Option<String>,
    git_http_url: Option<String>,
    git_ssh_url: Option<String>,
    web_url: Option<String>,
}

impl Project {
    fn told(&self, events: Vec<GitEvent>) -> Parsed {
        let Self { path_with_namespace: _, git_http_url, git_ssh_url, web_url } = self;
        Told::new(events, &[git_http_url, git_ssh_url, web_url])
    }
}

#[derive(Debug, Deserialize)]
struct Push {
    #[serde(rename = "ref")]
    reference: String,
    before: Option<String>,
    after: Option<String>,
    /// Of an annotated tag: the commit, where `after` is the tag object.
    checkout_sha: Option<String>,
    project: Option<Project>,
    #[serde(default)]
    commits: Option<Vec<Commit>>,
    total_commits_count: Option<usize>,
}

#[derive(Debug, Deserialize)]
struct Commit {
    id: Option<String>,
    message: Option<String>,
    added: Option<Vec<String>>,
    modified: Option<Vec<String>>,
    removed: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
struct Merge {
    project: Option<Project>,
    object_attributes: MergeRequest,
}

#[derive(Debug, Deserialize)]
struct MergeRequest {
    action: Option<String>,
    state: Option<String>,
    iid: i64,
    title: Option<String>,
    source_branch: Option<String>,
    target_branch: Option<String>,
    /// Only on an update that brought commits.
    oldrev: Option<String>,
    last_commit: Option<Commit>,
    source: Option<Project>,
    target: Option<Project>,
}

pub fn parse(payload: &str) -> Parsed {
    let Kind { object_kind, event_name } = json(payload)?;
    match object_kind.or(event_name).as_deref() {
        Some("push" | "tag_push") => push(payload),
        Some("merge_request") => merge_request(payload),
        Some(_) => Ok(Told::default()),
        None => Err(Malformed::Member("object_kind")),
    }
}

fn push(payload: &str) -> Parsed {
    let push: Push = json(payload)?;
    let commits = push.commits.unwrap_or_default();
    let after = sha(push.after.as_deref(), "after")?;
    let checkout = sha(push.checkout_sha.as_deref(), "checkout_sha")?;
    // A deleted reference has no checkout.
    let new = after.clone().and_then(|after| checkout.or(Some(after)));
    let head = commits.iter().find(|commit| commit.id.is_some() && commit.id == new);
    let is_whole = push.total_commits_count == Some(commits.len()) && !commits.is_empty();
    let lists = |c: &Commit| c.added.is_some() && c.modified.is_some() && c.removed.is_some();
    let all = commits.iter().flat_map(|c| [&c.added, &c.modified, &c.removed]).flatten();
    let moved = Moved {
        reference: &push.reference,
        old: sha(push.before.as_deref(), "before")?,
        new,
        object: after,
        tells_old: push.before.is_some(),
        message: head.and_then(|commit| commit.message.as_deref()),
        files: if is_whole && commits.iter().all(lists) { files(all) } else { None },
    };
    let events = moved.event()?.into_iter().collect();
    push.project.unwrap_or_default().told(events)
}

fn merge_request(payload: &str) -> Parsed {
    let Merge { project, object_attributes: merge } = json(payload)?;
    let action = match merge.action.as_deref() {
        Some("open" | "reopen") => PullAction::Opened,
        Some("update") if merge.oldrev.is_some() => PullAction::Updated,
        Some("close" | "merge") => PullAction::Closed,
        _ if matches!(merge.state.as_deref(), Some("closed" | "merged")) => PullAction::Closed,
        _ => PullAction::Edited,
    };
    let path = |project: &Option<Project>| project.as_ref()?.path_with_namespace.clone();
    let (source, target) = (path(&merge.source), path(&merge.target).or(path(&project)));
    let commit = merge.last_commit.as_ref();
    let asked = Asked {
        action,
        number: merge.iid,
        title: merge.title.as_deref().unwrap_or_default(),
        head_branch: merge.source_branch.as_deref(),
        head_sha: commit.and_then(|commit| commit.id.as_deref()),
        base_branch: merge.target_branch.as_deref(),
        head_repository: source.as_deref(),
        base_repository: target.as_deref(),
        head_url: merge.source.as_ref().and_then(|source| source.git_http_url.as_deref()),
        message: commit.and_then(|commit| commit.message.as_deref()),
    };
    let event = asked.event()?;
    project.or(merge.target).unwrap_or_default().told(vec![event])
}
