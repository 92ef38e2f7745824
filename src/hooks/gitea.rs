//! Gitea, Forgejo and Gogs: GitHub's formats with a few words of their own.
//! Format: docs.gitea.com/usage/webhooks.

use crate::hooks::github;
use crate::hooks::read::{Parsed, Told};

pub fn parse(event: &str, payload: &str) -> Parsed {
    match event {
        // Without `total_commits` (before Gitea 1.15) the list may be cut at any
        // length, five by default.
        "push" => {
            let push: github::Push = crate::hooks::read::json(payload)?;
            let listed = push.commits.as_ref().map(Vec::len);
            let is_whole = push.total_commits.is_some() && push.total_commits == listed;
            push.told(is_whole)
        }
        // Newer versions name new commits in the event.
        "pull_request" | "pull_request_sync" => github::pull_request(payload),
        "create" | "delete" | "ping" => github::parse(event, payload),
        _ => Ok(Told::default()),
    }
}
