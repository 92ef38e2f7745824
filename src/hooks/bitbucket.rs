//! Bitbucket Cloud.
//! Format: support.atlassian.com/bitbucket-cloud/docs/event-payloads.

use serde::Deserialize;

use crate::hooks::read::{Asked, Malformed, Moved, Parsed, Told, json, sha};
use crate::model::git_event::{GitEvent, PullAction};

#[derive(Debug, Default, Deserialize)]
struct Repository {
    full_name: Option<String>,
    links: Option<Links>,
}

#[derive(Debug, Deserialize)]
struct Links {
    html: Option<Link>,
}

#[derive(Debug, Deserialize)]
struct Link {
    href: Option<String>,
}

impl Repository {
    fn page(&self) -> Option<String> {
        self.links.as_ref()?.html.as_ref()?.href.clone()
    }

    fn told(&self, events: Vec<GitEvent>) -> Parsed {
        let by_name = self.full_name.as_ref().map(|name| format!("https://bitbucket.org/{name}"));
        Told::new(events, &[&self.page(), &by_name])
    }
}

#[derive(Debug, Deserialize)]
struct Pushed {
    push: Push,
    repository: Option<Repository>,
}

#[derive(Debug, Deserialize)]
struct Push {
    changes: Vec<Changed>,
}

#[derive(Debug, Deserialize)]
struct Changed {
    new: Option<Reference>,
    old: Option<Reference>,
}

#[derive(Debug, Deserialize)]
struct Reference {
    #[serde(rename = "type")]
    kind: Option<String>,
    name: Option<String>,
    target: Option<Target>,
}

#[derive(Debug, Deserialize)]
struct Target {
    hash: Option<String>,
    message: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Pulled {
    pullrequest: PullRequest,
    repository: Option<Repository>,
}

#[derive(Debug, Deserialize)]
struct PullRequest {
    id: i64,
    title: Option<String>,
    source: End,
    destination: End,
}

#[derive(Debug, Deserialize)]
struct End {
    branch: Option<Branch>,
    commit: Option<Target>,
    /// Null once the fork is deleted.
    repository: Option<Repository>,
}

#[derive(Debug, Deserialize)]
struct Branch {
    name: Option<String>,
}

pub fn parse(event: &str, payload: &str) -> Parsed {
    let action = match event {
        "repo:push" => return push(payload),
        "pullrequest:created" => PullAction::Opened,
        // New commits and edits look the same; the head commit tells.
        "pullrequest:updated" => PullAction::Updated,
        "pullrequest:fulfilled" | "pullrequest:rejected" => PullAction::Closed,
        _ => return Ok(Told::default()),
    };
    pull_request(action, payload)
}

fn push(payload: &str) -> Parsed {
    let Pushed { push, repository } = json(payload)?;
    let mut events = Vec::new();
    for Changed { new, old } in &push.changes {
        let Some(either) = new.as_ref().or(old.as_ref()) else { continue };
        let folder = match either.kind.as_deref() {
            Some("branch" | "named_branch") => "heads",
            Some("tag" | "annotated_tag") => "tags",
            // Mercurial bookmarks.
            _ => continue,
        };
        let hash = |reference: &Option<Reference>| {
            sha(reference.as_ref().and_then(|r| r.target.as_ref()?.hash.as_deref()), "hash")
        };
        let (old_sha, new_sha) = (hash(old)?, hash(new)?);
        if new.is_some() && new_sha.is_none() {
            return Err(Malformed::Member("new.target.hash"));
        }
        let moved = Moved {
            reference: &format!("refs/{folder}/{}", either.name.as_deref().unwrap_or_default()),
            old: old_sha,
            new: new_sha,
            object: None,
            tells_old: true,
            message: new.as_ref().and_then(|r| r.target.as_ref()?.message.as_deref()),
            files: None,
        };
        events.extend(moved.event()?);
    }
    repository.unwrap_or_default().told(events)
}

fn pull_request(action: PullAction, payload: &str) -> Parsed {
    let Pulled { pullrequest: pull, repository } = json(payload)?;
    let full = |repository: &Option<Repository>| repository.as_ref()?.full_name.clone();
    let (head, base) =
        (full(&pull.source.repository), full(&pull.destination.repository).or(full(&repository)));
    let commit = pull.source.commit.as_ref();
    let branch = |end: &End| end.branch.as_ref().and_then(|branch| branch.name.clone());
    let (head_branch, base_branch) = (branch(&pull.source), branch(&pull.destination));
    let page = pull.source.repository.as_ref().and_then(Repository::page);
    let asked = Asked {
        action,
        number: pull.id,
        title: pull.title.as_deref().unwrap_or_default(),
        head_branch: head_branch.as_deref(),
        head_sha: commit.and_then(|commit| commit.hash.as_deref()),
        base_branch: base_branch.as_deref(),
        head_repository: head.as_deref(),
        base_repository: base.as_deref(),
        head_url: page.as_deref(),
        message: commit.and_then(|commit| commit.message.as_deref()),
    };
    let event = asked.event()?;
    repository.unwrap_or_default().told(vec![event])
}
