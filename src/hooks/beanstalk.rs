//! Beanstalk's modular webhooks.
//! Format: support.beanstalkapp.com/article/958-modular-webhooks-json-examples.

use serde::Deserialize;

use crate::hooks::read::{Malformed, Moved, Parsed, Told, files, json, name, sha};
use crate::model::git_event::GitEvent;

#[derive(Debug, Deserialize)]
struct Delivery {
    trigger: String,
    payload: Payload,
}

#[derive(Debug, Deserialize)]
struct Payload {
    #[serde(rename = "ref")]
    reference: Option<String>,
    before: Option<String>,
    after: Option<String>,
    branch: Option<String>,
    tag: Option<String>,
    name: Option<String>,
    commits: Option<Vec<Commit>>,
    repository: Option<Repository>,
}

#[derive(Debug, Default, Deserialize)]
struct Repository {
    repository_url: Option<String>,
    url: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Commit {
    id: Option<String>,
    message: Option<String>,
    changed_files: Option<Changed>,
}

#[derive(Debug, Deserialize)]
struct Changed {
    added: Option<Vec<String>>,
    deleted: Option<Vec<String>>,
    modified: Option<Vec<String>>,
}

pub fn parse(payload: &str) -> Parsed {
    let Delivery { trigger, payload } = json(payload)?;
    let event = match trigger.as_str() {
        "push" => payload.push()?,
        "create_branch" => Some(GitEvent::BranchCreated { name: payload.named("refs/heads/")? }),
        "delete_branch" => Some(GitEvent::BranchDeleted { name: payload.named("refs/heads/")? }),
        "create_tag" => payload.created_tag()?,
        "delete_tag" => Some(GitEvent::TagDeleted { name: payload.named("refs/tags/")? }),
        // Deployments, comments, Subversion.
        _ => None,
    };
    let Repository { repository_url, url } = payload.repository.unwrap_or_default();
    Told::new(event.into_iter().collect(), &[&repository_url, &url])
}

impl Payload {
    fn push(&self) -> Parsed<Option<GitEvent>> {
        let commits = self.commits.as_deref().unwrap_or_default();
        let new = sha(self.after.as_deref(), "after")?;
        let head = commits.iter().find(|commit| commit.id.is_some() && commit.id == new);
        let moved = Moved {
            reference: self.reference.as_deref().ok_or(Malformed::Member("ref"))?,
            old: sha(self.before.as_deref(), "before")?,
            new: new.clone(),
            object: None,
            tells_old: self.before.is_some(),
            message: head.and_then(|commit| commit.message.as_deref()),
            files: self.files(),
        };
        moved.event()
    }

    /// Whether long lists of commits are cut is nowhere said: believed while
    /// short, and only if they reach back to the old commit is not checked.
    fn files(&self) -> Option<Vec<String>> {
        const BELIEVED: usize = 10;
        let commits = self.commits.as_ref().filter(|list| (1..BELIEVED).contains(&list.len()))?;
        let changed: Vec<_> =
            commits.iter().map(|commit| commit.changed_files.as_ref()).collect::<Option<_>>()?;
        let lists = changed.iter().flat_map(|c| [&c.added, &c.deleted, &c.modified]);
        files(lists.collect::<Vec<_>>().into_iter().flatten())
    }

    fn named(&self, folder: &str) -> Parsed<String> {
        let given = [&self.branch, &self.tag, &self.name, &self.reference];
        let given = given.into_iter().flatten().next().map(String::as_str);
        name(given.map(|text| text.strip_prefix(folder).unwrap_or(text)), "name")
    }

    /// A tag whose commit is told is as good as pushed.
    fn created_tag(&self) -> Parsed<Option<GitEvent>> {
        let reference = format!("refs/tags/{}", self.named("refs/tags/")?);
        let Some(new) = sha(self.after.as_deref(), "after")? else { return Ok(None) };
        let moved =
            Moved { reference: &reference, new: Some(new), tells_old: true, ..Moved::default() };
        moved.event()
    }
}
