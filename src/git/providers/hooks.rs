//! Webhooks, made at the provider in our place (TRG-4).

use reqwest::Method;
use serde::Deserialize;
use serde_json::Value;

use super::client::{self, Account, AskError};
use super::{bitbucket, bitbucket_server, gitea, github, gitlab, repository};
use crate::model::secret::Secret;
use crate::model::status::Provider;

/// A webhook as it shall be.
#[derive(Debug, Clone, Copy)]
pub struct Hook<'a> {
    /// Where deliveries go.
    pub url: &'a str,
    /// What they are signed with.
    pub secret: &'a Secret,
}

/// What it took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Made {
    New,
    /// One with this URL was there, and has our events and secret now.
    Mended,
}

/// A webhook that is there already.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Existing {
    /// As it stands in a path.
    pub id: String,
    pub url: String,
}

/// The calls of one provider for one repository.
pub(super) struct Calls {
    /// Lists them, up to a hundred; creates one by `POST`.
    pub path: String,
    /// The list's own parameters.
    pub query: &'static str,
    /// How one is changed.
    pub change: Method,
    pub body: Value,
    pub read: fn(Value) -> Vec<Existing>,
}

/// `{"id": 7}` and `{"id": "7"}`.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Number {
    Int(u64),
    Text(String),
}

impl Number {
    pub(super) fn segment(self) -> String {
        match self {
            Self::Int(number) => number.to_string(),
            Self::Text(text) => {
                percent_encoding::utf8_percent_encode(&text, super::SEGMENT).to_string()
            }
        }
    }
}

/// The items of a list that can be read.
pub(super) fn items<T: for<'de> Deserialize<'de>>(list: Value) -> Vec<T> {
    let Value::Array(items) = list else { return Vec::new() };
    items.into_iter().filter_map(|item| serde_json::from_value(item).ok()).collect()
}

/// Makes the webhook of the repository, or mends the one with its URL: asked
/// twice, there is one.
///
/// # Errors
/// See `AskError`; `Odd` also for a URL that names no repository.
pub async fn make_hook(
    account: &Account<'_>,
    repo_url: &str,
    hook: &Hook<'_>,
) -> Result<Made, AskError> {
    let nameless = || AskError::Odd("the repository’s URL names no owner and repository".into());
    let repo = repository(account.base_url, repo_url).ok_or_else(nameless)?;
    let calls = match account.provider {
        Provider::Github => github::hooks(repo, hook),
        Provider::Gitlab => gitlab::hooks(repo, hook),
        Provider::Bitbucket => bitbucket::hooks(repo, hook),
        Provider::BitbucketServer => bitbucket_server::hooks(repo, hook).ok_or_else(nameless)?,
        Provider::Gitea => gitea::hooks(repo, hook),
    };
    let list = format!("{}{}", calls.path, calls.query);
    let found = client::ask(account, Method::GET, &list, None).await?;
    let existing = (calls.read)(found.json()?).into_iter().find(|found| found.url == hook.url);
    let (method, path, made) = match existing {
        None => (Method::POST, calls.path, Made::New),
        Some(found) => (calls.change, format!("{}/{}", calls.path, found.id), Made::Mended),
    };
    client::ask(account, method, &path, Some(&calls.body)).await?;
    Ok(made)
}
