//! Whose a token is, and which repositories it sees, newest first where the
//! provider can tell.

use std::time::Duration;

use reqwest::Method;

use super::client::{self, Account, Answer, AskError};
use super::place::clone_url;
use super::{bitbucket, bitbucket_server, gitea, github, gitlab};
use crate::model::status::Provider;
use crate::model::time::Millis;

/// Repositories of one page.
pub(super) const PAGE: usize = 30;
/// Pages that are shown; further ones are for the search.
const MAX_PAGES: usize = 100;
/// For all calls of one page together.
const TIMEOUT: Duration = Duration::from_secs(25);
/// Characters of a name that are kept: an account's, a repository's.
const MAX_NAME: usize = 300;

/// A repository as the provider lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    /// `owner/repo`, as clone URLs end.
    pub full_name: String,
    pub clone_url: String,
    pub is_private: bool,
    /// The last push or change, if the provider tells.
    pub changed_at: Option<Millis>,
}

/// One page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    pub repositories: Vec<Repository>,
    /// There is a next page.
    pub has_more: bool,
    /// A search that did not look at everything: how many it did.
    pub searched: Option<usize>,
}

/// What a provider's file reads off its answer.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub full_name: String,
    pub is_private: bool,
    pub changed: Option<String>,
}

/// Items of one answer, and whether more follow.
pub(super) type Batch = (Vec<Found>, bool);

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'a> {
    /// Part of a name; empty = all.
    pub search: &'a str,
    /// From 1.
    pub page: usize,
}

pub(super) async fn get(account: &Account<'_>, path: &str) -> Result<Answer, AskError> {
    client::ask(account, Method::GET, path, None).await
}

/// Whose token it is, by the name that people know there.
///
/// # Errors
/// See `AskError`.
pub async fn account_name(account: &Account<'_>) -> Result<String, AskError> {
    let name = match account.provider {
        Provider::Github => github::account(&get(account, "/user").await?)?,
        Provider::Gitlab => gitlab::account(&get(account, "/api/v4/user").await?)?,
        Provider::Bitbucket => bitbucket::account(&get(account, "/2.0/user").await?)?,
        Provider::BitbucketServer => {
            bitbucket_server::account(&get(account, bitbucket_server::ANY).await?)?
        }
        Provider::Gitea => gitea::account(&get(account, "/api/v1/user").await?)?,
    };
    let plain = |c: char| !c.is_control();
    let name: String = name.trim().chars().filter(|c| plain(*c)).take(MAX_NAME).collect();
    if name.is_empty() {
        return Err(AskError::Odd("the answer names no account".into()));
    }
    Ok(name)
}

/// A page of the repositories that the token sees and whose name holds
/// `search`. `page` counts from 1.
///
/// # Errors
/// See `AskError`.
pub async fn list(account: &Account<'_>, search: &str, page: usize) -> Result<Listing, AskError> {
    let wanted = Wanted { search: search.trim(), page: page.clamp(1, MAX_PAGES) };
    let work = async {
        match account.provider {
            Provider::Github => github::list(account, wanted).await,
            Provider::Gitlab => gitlab::list(account, wanted).await.map(whole),
            Provider::Bitbucket => bitbucket::list(account, wanted).await.map(whole),
            Provider::BitbucketServer => bitbucket_server::list(account, wanted).await.map(whole),
            Provider::Gitea => gitea::list(account, wanted).await.map(whole),
        }
    };
    let late = |_| AskError::Away("the provider did not answer in time".into());
    let ((found, has_more), searched) =
        tokio::time::timeout(TIMEOUT, work).await.map_err(late)??;
    let repositories = found.into_iter().filter_map(|found| {
        let fits = found.full_name.chars().count() <= MAX_NAME;
        let url = clone_url(account.provider, account.base_url, &found.full_name);
        let clone_url = url.filter(|_| fits)?;
        Some(Repository {
            full_name: found.full_name,
            clone_url,
            is_private: found.is_private,
            changed_at: found.changed.as_deref().and_then(Millis::from_iso),
        })
    });
    let repositories = repositories.collect();
    Ok(Listing { repositories, has_more: has_more && wanted.page < MAX_PAGES, searched })
}

fn whole(batch: Batch) -> (Batch, Option<usize>) {
    (batch, None)
}
