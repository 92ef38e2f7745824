//! The APIs of those who keep repositories, as far as commit statuses need
//! them: one plain request per provider, and one sender with bounded time and
//! size. Knows no rows and retries nothing.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use crate::model::secret::Secret;
use crate::model::status::{Provider, StatusState};

mod bitbucket;
mod bitbucket_server;
mod gitea;
mod github;
mod gitlab;

/// For the whole exchange.
const TIMEOUT: Duration = Duration::from_secs(15);
/// Answers are a few hundred bytes of JSON; the rest is not read.
const MAX_ANSWER: usize = 16 << 10;
/// Characters of an answer that are shown.
const MAX_REASON: usize = 200;
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

/// `owner/repo` of a repository's URL, without slashes around and `.git`.
fn repository(repo_url: &str) -> Option<&str> {
    let (_, path) = host_and_path(repo_url)?;
    let path = path.trim_matches('/');
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

/// The call that tells `provider` a status. `None` if the repository's URL has
/// no `owner/repo`.
pub fn call(provider: Provider, repo_url: &str, status: &Status<'_>) -> Option<Call> {
    let repo = repository(repo_url)?;
    Some(match provider {
        Provider::Github => github::call(repo, status),
        Provider::Gitlab => gitlab::call(repo, status),
        Provider::Bitbucket => bitbucket::call(repo, status),
        Provider::BitbucketServer => bitbucket_server::call(status),
        Provider::Gitea => gitea::call(repo, status),
    })
}

/// Header with the credential.
fn authorization(provider: Provider, token: &Secret) -> (&'static str, String) {
    let token = token.expose();
    match provider {
        Provider::Gitlab => ("private-token", token.to_owned()),
        Provider::Gitea => ("authorization", format!("token {token}")),
        // An app password comes with the name of its user.
        Provider::Bitbucket | Provider::BitbucketServer if token.contains(':') => {
            ("authorization", format!("Basic {}", STANDARD.encode(token)))
        }
        _ => ("authorization", format!("Bearer {token}")),
    }
}

/// Makes one call, once. Redirects are not followed, so that the token goes
/// nowhere else.
///
/// # Errors
/// See `SendError`; no text holds the token.
pub async fn send(
    provider: Provider,
    base_url: &str,
    token: &Secret,
    call: &Call,
) -> Result<(), SendError> {
    // Fails when somebody in this process installed one before: as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let later = |reason: String| SendError::Later { reason, after: None };
    let client = reqwest::Client::builder()
        .user_agent(concat!("shipmate/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .timeout(TIMEOUT)
        .build()
        .map_err(|error| later(format!("no HTTP client: {error}")))?;
    let (header, value) = authorization(provider, token);
    let request = client
        .post(format!("{base_url}{}", call.path))
        .header("accept", "application/json")
        .header(header, value)
        .json(&call.body);
    let gone = |error: reqwest::Error| {
        let what = if error.is_timeout() { "did not answer in time" } else { "cannot be reached" };
        later(format!("the provider {what}"))
    };
    let mut response = request.send().await.map_err(gone)?;
    let status = response.status();
    if status.is_success() {
        return Ok(());
    }
    let after = response
        .headers()
        .get("retry-after")
        .and_then(|value| value.to_str().ok()?.trim().parse().ok())
        .map(Duration::from_secs);
    // GitHub answers 403, not 429, where a limit of calls is used up.
    let is_limited = status.as_u16() == 429 || (status.as_u16() == 403 && after.is_some());
    let mut answer = Vec::new();
    while let Ok(Some(piece)) = response.chunk().await {
        answer.extend_from_slice(&piece);
        if answer.len() >= MAX_ANSWER {
            break;
        }
    }
    let text = String::from_utf8_lossy(&answer);
    // A state that it has already: GitLab refuses to be told twice.
    if provider == Provider::Gitlab && status == 400 && text.contains("Cannot transition status") {
        return Ok(());
    }
    // Some echo what they were called with.
    let shown = text.replace(token.expose(), "********").replace(char::is_control, " ");
    let shown = cut(&shown, MAX_REASON);
    let reason = format!("the provider answered {}: {shown}", status.as_u16());
    match status.as_u16() {
        408 | 425 | 500..=599 => Err(SendError::Later { reason, after }),
        _ if is_limited => Err(SendError::Later { reason, after }),
        _ => Err(SendError::Refused(reason)),
    }
}

#[cfg(test)]
mod tests;
