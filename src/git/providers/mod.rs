//! The APIs of those who keep repositories: commit statuses, whose token it is,
//! which repositories it sees, and webhooks. One file for each provider's words,
//! and one caller with bounded time and size. Knows no rows and retries nothing.

use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;
use serde_json::Value;

use crate::model::status::{Provider, StatusState};

mod bitbucket;
mod bitbucket_server;
mod client;
mod gitea;
mod github;
mod gitlab;
mod hooks;
mod place;
mod repositories;

pub use client::{Account, AskError};
pub use hooks::{Hook, Made, make_hook};
pub use place::{checked_base, clone_url, default_base, git_login, is_token, opens, serves};
pub use repositories::{Listing, Repository, account_name, list};

/// Answers are a few hundred bytes of JSON; the rest is not read.
const MAX_ANSWER: usize = 16 << 10;
/// What a path segment may hold.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A status as all providers understand it.
#[derive(Debug, Clone)]
pub struct Status<'a> {
    /// 40 lowercase hex.
    pub sha: &'a str,
    pub state: StatusState,
    /// Names the series of states that replace each other.
    pub context: &'a str,
    pub description: &'a str,
    /// Page of the build.
    pub url: &'a str,
}

/// A call to make, without its credential.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// Path below the base URL of the API.
    pub path: String,
    pub body: Value,
}

/// How a call failed, by what the caller does next.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Trying again will not help: the token, the repository or the call.
    #[error("{0}")]
    Refused(String),
    /// May work later, at earliest after this long.
    #[error("{reason}")]
    Later { reason: String, after: Option<Duration> },
}

/// Where the API of a hosted provider is, by the host of a repository.
pub fn hosted(repo_url: &str) -> Option<(Provider, &'static str)> {
    match host_and_path(repo_url)?.0 {
        "github.com" => Some((Provider::Github, "https://api.github.com")),
        "gitlab.com" => Some((Provider::Gitlab, "https://gitlab.com")),
        "bitbucket.org" => Some((Provider::Bitbucket, "https://api.bitbucket.org")),
        _ => None,
    }
}

/// Host and path of `https://host/o/r.git`, `ssh://git@host/o/r.git` and
/// `git@host:o/r.git`.
pub fn host_and_path(url: &str) -> Option<(&str, &str)> {
    let (authority, path) = match url.split_once("://") {
        Some((_, rest)) => rest.split_once('/')?,
        None => url.split_once(':')?,
    };
    let host = authority.rsplit('@').next()?;
    Some((host.split(':').next()?, path))
}

/// `owner/repo` of a repository's URL, without slashes around and `.git`, and
/// without the path that its provider stands under.
fn repository<'a>(base_url: &str, repo_url: &'a str) -> Option<&'a str> {
    let (_, path) = host_and_path(repo_url)?;
    let mut path = path.trim_matches('/');
    if repo_url.starts_with("http") {
        let below = host_and_path(base_url).map_or("", |(_, path)| path.trim_matches('/'));
        let inside = path.strip_prefix(below).and_then(|rest| rest.strip_prefix('/'));
        path = inside.filter(|_| !below.is_empty()).unwrap_or(path);
    }
    let path = path.strip_suffix(".git").unwrap_or(path);
    path.contains('/').then_some(path)
}

/// The parts of a path, encoded.
fn encoded(path: &str) -> String {
    let parts = path.split('/').map(|part| utf8_percent_encode(part, SEGMENT).to_string());
    parts.collect::<Vec<_>>().join("/")
}

/// Text cut to `max` characters.
fn cut(text: &str, max: usize) -> String {
    text.chars().take(max).collect()
}

/// The call that tells a provider a status. `None` if the repository's URL has
/// no `owner/repo`.
pub fn call(account: &Account<'_>, repo_url: &str, status: &Status<'_>) -> Option<Call> {
    let repo = repository(account.base_url, repo_url)?;
    Some(match account.provider {
        Provider::Github => github::call(repo, status),
        Provider::Gitlab => gitlab::call(repo, status),
        Provider::Bitbucket => bitbucket::call(repo, status),
        Provider::BitbucketServer => bitbucket_server::call(status),
        Provider::Gitea => gitea::call(repo, status),
    })
}

/// Tells a status, once.
///
/// # Errors
/// See `SendError`; no text holds the token.
pub async fn send(account: &Account<'_>, call: &Call) -> Result<(), SendError> {
    let later = |reason| SendError::Later { reason, after: None };
    let target = (Method::POST, call.path.as_str());
    let answer =
        client::exchange(account, target, Some(&call.body), MAX_ANSWER).await.map_err(later)?;
    let status = answer.status;
    if (200..300).contains(&status) {
        return Ok(());
    }
    let after =
        answer.header("retry-after").and_then(|v| v.trim().parse().ok()).map(Duration::from_secs);
    // GitHub answers 403, not 429, where a limit of calls is used up.
    let is_limited = status == 429 || (status == 403 && after.is_some());
    // A state that it has already: GitLab refuses to be told twice.
    if account.provider == Provider::Gitlab
        && status == 400
        && String::from_utf8_lossy(&answer.body).contains("Cannot transition status")
    {
        return Ok(());
    }
    let reason = format!("the provider answered {status}: {}", answer.shown(account.token));
    match status {
        408 | 425 | 500..=599 => Err(SendError::Later { reason, after }),
        _ if is_limited => Err(SendError::Later { reason, after }),
        _ => Err(SendError::Refused(reason)),
    }
}

#[cfg(test)]
mod tests;
