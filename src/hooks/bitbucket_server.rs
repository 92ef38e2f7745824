//! Bitbucket Server and Data Center: its own webhooks, and the older plug-in
//! "Post-Receive WebHooks", which sends no event header.
//! Format: confluence.atlassian.com/bitbucketserver/event-payload-938025882.html
//! and .../post-service-webhook-for-bitbucket-server-776640367.html.

use serde::Deserialize;

use crate::hooks::read::{Asked, Moved, Parsed, Told, json, sha};
use crate::model::git_event::{GitEvent, PullAction};

#[derive(Debug, Default, Deserialize)]
struct Repository {
    slug: Option<String>,
    project: Option<Project>,
    links: Option<Links>,
}

#[derive(Debug, Deserialize)]
struct Project {
    key: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Links {
    clone: Option<Vec<Link>>,
}

#[derive(Debug, Deserialize)]
struct Link {
    href: Option<String>,
    name: Option<String>,
}

impl Repository {
    /// `KEY/slug`, as clone URLs end.
    fn full_name(&self) -> Option<String> {
        Some(format!("{}/{}", self.project.as_ref()?.key.as_ref()?, self.slug.as_ref()?))
    }

    fn clones(&self) -> impl Iterator<Item = &Link> {
        self.links.iter().flat_map(|links| &links.clone).flatten()
    }

    fn told(&self, events: Vec<GitEvent>) -> Parsed {
        let urls: Vec<_> = self.clones().map(|link| &link.href).collect();
        Told::new(events, &urls)
    }
}

#[derive(Debug, Deserialize)]
struct Pushed {
    repository: Option<Repository>,
    #[serde(alias = "refChanges")]
    changes: Vec<Changed>,
    changesets: Option<Page>,
    #[serde(rename = "toCommit")]
    to_commit: Option<Commit>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Changed {
    ref_id: Option<String>,
    from_hash: Option<String>,
    to_hash: Option<String>,
}

/// The plug-in's list of commits.
#[derive(Debug, Deserialize)]
struct Page {
    values: Option<Vec<Changeset>>,
}

#[derive(Debug, Deserialize)]
struct Changeset {
    #[serde(rename = "toCommit")]
    to_commit: Option<Commit>,
}

#[derive(Debug, Deserialize)]
struct Commit {
    id: Option<String>,
    message: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Pulled {
    #[serde(rename = "pullRequest")]
    pull_request: PullRequest,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PullRequest {
    id: i64,
    title: Option<String>,
    from_ref: End,
    to_ref: End,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct End {
    id: Option<String>,
    display_id: Option<String>,
    latest_commit: Option<String>,
    repository: Option<Repository>,
}

impl End {
    fn branch(&self) -> Option<&str> {
        let long = self.id.as_deref().and_then(|id| id.strip_prefix("refs/heads/"));
        long.or(self.display_id.as_deref())
    }
}

pub fn parse(event: &str, payload: &str) -> Parsed {
    let action = match event {
        "diagnostics:ping" => return Ok(Told { events: vec![GitEvent::Ping], ..Told::default() }),
        "repo:refs_changed" => return push(payload),
        "pr:opened" => PullAction::Opened,
        "pr:from_ref_updated" => PullAction::Updated,
        "pr:modified" => PullAction::Edited,
        "pr:merged" | "pr:declined" | "pr:deleted" => PullAction::Closed,
        _ => return Ok(Told::default()),
    };
    pull_request(action, payload)
}

/// Both formats; the plug-in's has `refChanges` and `changesets`.
pub fn push(payload: &str) -> Parsed {
    let Pushed { repository, changes, changesets, to_commit } = json(payload)?;
    let sets = changesets.and_then(|page| page.values).unwrap_or_default();
    let commits: Vec<_> =
        sets.into_iter().filter_map(|set| set.to_commit).chain(to_commit).collect();
    let mut events = Vec::new();
    for Changed { ref_id, from_hash, to_hash } in &changes {
        let new = sha(to_hash.as_deref(), "toHash")?;
        let head = commits.iter().find(|commit| commit.id.is_some() && commit.id == new);
        let moved = Moved {
            reference: ref_id.as_deref().unwrap_or_default(),
            old: sha(from_hash.as_deref(), "fromHash")?,
            new: new.clone(),
            object: None,
            tells_old: from_hash.is_some(),
            message: head.and_then(|commit| commit.message.as_deref()),
            files: None,
        };
        events.extend(moved.event()?);
    }
    repository.unwrap_or_default().told(events)
}

fn pull_request(action: PullAction, payload: &str) -> Parsed {
    let Pulled { pull_request: pull } = json(payload)?;
    let full = |end: &End| end.repository.as_ref().and_then(Repository::full_name);
    let (head, base) = (full(&pull.from_ref), full(&pull.to_ref));
    let http = |link: &&Link| link.name.as_deref().is_some_and(|name| name.starts_with("http"));
    let source = pull.from_ref.repository.as_ref();
    let asked = Asked {
        action,
        number: pull.id,
        title: pull.title.as_deref().unwrap_or_default(),
        head_branch: pull.from_ref.branch(),
        head_sha: pull.from_ref.latest_commit.as_deref(),
        base_branch: pull.to_ref.branch(),
        head_repository: head.as_deref(),
        base_repository: base.as_deref(),
        head_url: source.and_then(|source| source.clones().find(http)?.href.as_deref()),
        message: None,
    };
    let event = asked.event()?;
    pull.to_ref.repository.unwrap_or_default().told(vec![event])
}
