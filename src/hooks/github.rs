//! GitHub and GitHub Enterprise, and what speaks its push format: Gitea's and
//! Gitolite's notify-webhook among them.
//! Format: docs.github.com/webhooks/webhook-events-and-payloads.

use serde::Deserialize;

use crate::hooks::read::{Asked, Malformed, Moved, Parsed, Told, files, json, name, sha};
use crate::model::git_event::{GitEvent, PullAction};

/// GitHub has cut the list of commits at 20 in some versions (Enterprise
/// among them) and says nowhere that it did.
const WHOLE_COMMITS: usize = 20;

#[derive(Debug, Deserialize)]
pub struct Push {
    #[serde(rename = "ref")]
    pub reference: String,
    pub before: Option<String>,
    pub after: Option<String>,
    #[serde(default)]
    pub forced: Option<bool>,
    pub head_commit: Option<Commit>,
    pub commits: Option<Vec<Commit>>,
    /// Gitea and Forgejo: how many there are, listed or not.
    pub total_commits: Option<usize>,
    pub repository: Option<Repository>,
}

#[derive(Debug, Deserialize)]
pub struct Commit {
    pub id: Option<String>,
    pub message: Option<String>,
    added: Option<Vec<String>>,
    removed: Option<Vec<String>>,
    modified: Option<Vec<String>>,
}

#[derive(Debug, Default, Deserialize)]
pub struct Repository {
    pub full_name: Option<String>,
    pub clone_url: Option<String>,
    pub ssh_url: Option<String>,
    pub html_url: Option<String>,
    pub git_url: Option<String>,
    pub url: Option<String>,
}

impl Repository {
    pub fn told(&self, events: Vec<GitEvent>) -> Parsed {
        let Self { full_name: _, clone_url, ssh_url, html_url, git_url, url } = self;
        Told::new(events, &[clone_url, ssh_url, html_url, git_url, url])
    }
}

#[derive(Debug, Deserialize)]
struct Pull {
    action: String,
    number: i64,
    pull_request: PullRequest,
    repository: Option<Repository>,
}

#[derive(Debug, Deserialize)]
struct PullRequest {
    title: Option<String>,
    state: Option<String>,
    head: End,
    base: End,
}

#[derive(Debug, Deserialize)]
struct End {
    #[serde(rename = "ref")]
    branch: Option<String>,
    sha: Option<String>,
    repo: Option<Repository>,
}

#[derive(Debug, Deserialize)]
struct Named {
    #[serde(rename = "ref")]
    name: Option<String>,
    ref_type: Option<String>,
    repository: Option<Repository>,
}

pub fn parse(event: &str, payload: &str) -> Parsed {
    match event {
        "ping" => ping(payload),
        "push" => push(payload),
        "pull_request" => pull_request(payload),
        "create" | "delete" => named(event == "create", payload),
        _ => Ok(Told::default()),
    }
}

fn ping(payload: &str) -> Parsed {
    #[derive(Deserialize)]
    struct Ping {
        repository: Option<Repository>,
    }
    json::<Ping>(payload)?.repository.unwrap_or_default().told(vec![GitEvent::Ping])
}

pub fn push(payload: &str) -> Parsed {
    let push: Push = json(payload)?;
    let is_whole = push.commits.as_ref().is_some_and(|commits| match push.total_commits {
        Some(total) => total == commits.len(),
        None => commits.len() < WHOLE_COMMITS,
    });
    push.told(is_whole)
}

impl Push {
    /// `is_whole`: the list of commits is known to be complete.
    pub fn told(self, is_whole: bool) -> Parsed {
        let commits = self.commits.unwrap_or_default();
        let after = sha(self.after.as_deref(), "after")?;
        let head = self
            .head_commit
            .as_ref()
            .or_else(|| commits.iter().find(|commit| commit.id.is_some() && commit.id == after));
        // Of an annotated tag `after` is the tag's object.
        let commit = sha(head.and_then(|commit| commit.id.as_deref()), "head_commit.id")?;
        let is_tag = self.reference.starts_with("refs/tags/");
        let new = if is_tag && after.is_some() { commit.or(after.clone()) } else { after.clone() };
        let lists = |commit: &Commit| {
            commit.added.is_some() && commit.removed.is_some() && commit.modified.is_some()
        };
        // After a forced push the commits are not the difference.
        let known = is_whole
            && self.forced != Some(true)
            && commits.iter().all(lists)
            && !commits.is_empty();
        let all = commits.iter().flat_map(|c| [&c.added, &c.removed, &c.modified]).flatten();
        let moved = Moved {
            reference: &self.reference,
            old: sha(self.before.as_deref(), "before")?,
            new,
            object: after,
            tells_old: self.before.is_some(),
            message: head.and_then(|commit| commit.message.as_deref()),
            files: if known { files(all) } else { None },
        };
        let events = moved.event()?.into_iter().collect();
        self.repository.unwrap_or_default().told(events)
    }
}

pub fn pull_request(payload: &str) -> Parsed {
    let Pull { action, number, pull_request, repository } = json(payload)?;
    let PullRequest { title, state, head, base } = pull_request;
    let action = match action.as_str() {
        "opened" | "reopened" => PullAction::Opened,
        // The second is Gitea's and Forgejo's word.
        "synchronize" | "synchronized" => PullAction::Updated,
        "closed" => PullAction::Closed,
        _ if state.as_deref().is_some_and(|state| state != "open") => PullAction::Closed,
        _ => PullAction::Edited,
    };
    let full = |repository: &Option<Repository>| repository.as_ref()?.full_name.clone();
    let (head_name, base_name) = (full(&head.repo), full(&base.repo).or(full(&repository)));
    let asked = Asked {
        action,
        number,
        title: title.as_deref().unwrap_or_default(),
        head_branch: head.branch.as_deref(),
        head_sha: head.sha.as_deref(),
        base_branch: base.branch.as_deref(),
        head_repository: head_name.as_deref(),
        base_repository: base_name.as_deref(),
        head_url: head.repo.as_ref().and_then(|repo| repo.clone_url.as_deref()),
        message: None,
    };
    let event = asked.event()?;
    repository.or(base.repo).unwrap_or_default().told(vec![event])
}

fn named(created: bool, payload: &str) -> Parsed {
    let Named { name: given, ref_type, repository } = json(payload)?;
    let name = name(given.as_deref(), "ref")?;
    let event = match (created, ref_type.as_deref()) {
        (true, Some("branch")) => Some(GitEvent::BranchCreated { name }),
        // The push that comes with it tells the commit.
        (true, Some("tag")) => None,
        (false, Some("branch")) => Some(GitEvent::BranchDeleted { name }),
        (false, Some("tag")) => Some(GitEvent::TagDeleted { name }),
        (true, Some("repository")) => None,
        _ => return Err(Malformed::Member("ref_type")),
    };
    repository.unwrap_or_default().told(event.into_iter().collect())
}
