//! Kiln's custom hook: commits without references, so the last commit of each
//! branch in the list is its tip.
//! Format: support.fogbugz.com "Web Hooks: Integrating Kiln with Other Services".

use serde::Deserialize;

use crate::hooks::read::{Moved, Parsed, Told, json, whole_sha};

#[derive(Debug, Deserialize)]
struct Delivery {
    commits: Vec<Commit>,
    repository: Option<Repository>,
}

#[derive(Debug, Default, Deserialize)]
struct Repository {
    url: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Commit {
    id: Option<String>,
    message: Option<String>,
    branch: Option<String>,
    tags: Option<Vec<String>>,
}

pub fn parse(payload: &str) -> Parsed {
    let Delivery { commits, repository } = json(payload)?;
    let mut tips: Vec<(String, &Commit)> = Vec::new();
    for commit in &commits {
        let branch = commit.branch.iter().filter(|name| !name.is_empty());
        let branches = branch.map(|name| {
            let name = name.strip_prefix("refs/heads/").unwrap_or(name);
            format!("refs/heads/{name}")
        });
        // `tip` is Mercurial's name for the newest commit, not a tag.
        let tags = commit.tags.iter().flatten().filter(|tag| *tag != "tip" && !tag.is_empty());
        let tags = tags.map(|name| format!("refs/tags/{name}"));
        for reference in branches.chain(tags) {
            tips.retain(|(known, _)| *known != reference);
            tips.push((reference, commit));
        }
    }
    let mut events = Vec::new();
    for (reference, commit) in &tips {
        let moved = Moved {
            reference,
            new: Some(whole_sha(commit.id.as_deref(), "commits.id")?),
            message: commit.message.as_deref(),
            ..Moved::default()
        };
        events.extend(moved.event()?);
    }
    Told::new(events, &[&repository.unwrap_or_default().url])
}
