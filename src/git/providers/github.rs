//! GitHub and GitHub Enterprise Server: docs.github.com/rest, "Commit statuses",
//! "Repositories for the authenticated user", "Repository webhooks".

use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::client::{Account, Answer, AskError};
use super::hooks::{Calls, Existing, Hook, Number, items};
use super::repositories::{Batch, Found, PAGE, Wanted, get};
use super::{Call, Status, cut, encoded};

/// Longer descriptions are refused.
const MAX_DESCRIPTION: usize = 140;

pub(super) fn call(repo: &str, status: &Status<'_>) -> Call {
    Call {
        path: format!("/repos/{}/statuses/{}", encoded(repo), status.sha),
        body: json!({
            "state": status.state.as_str(),
            "context": status.context,
            "description": cut(status.description, MAX_DESCRIPTION),
            "target_url": status.url,
        }),
    }
}

/// Repositories of one page of a search, as many as it gives.
const SEARCH_PAGE: usize = 100;
/// Pages that a search looks through: there is none that sees only what the
/// token may read.
const SEARCH_PAGES: usize = 5;

#[derive(Deserialize)]
struct User {
    login: String,
}

pub(super) fn account(answer: &Answer) -> Result<String, AskError> {
    Ok(answer.json::<User>()?.login)
}

#[derive(Deserialize)]
struct Item {
    full_name: String,
    #[serde(default)]
    private: bool,
    pushed_at: Option<String>,
    /// Nobody pushes there any more.
    #[serde(default)]
    archived: bool,
}

async fn page(account: &Account<'_>, size: usize, page: usize) -> Result<Batch, AskError> {
    let path = format!("/user/repos?sort=pushed&direction=desc&per_page={size}&page={page}");
    let answer = get(account, &path).await?;
    let has_more = answer.header("link").is_some_and(|link| link.contains("rel=\"next\""));
    let found = answer.json::<Vec<Item>>()?.into_iter().filter(|item| !item.archived);
    let found = found.map(|item| Found {
        full_name: item.full_name,
        is_private: item.private,
        changed: item.pushed_at,
    });
    Ok((found.collect(), has_more))
}

/// With how many were looked at, if a search has left some out.
pub(super) async fn list(
    account: &Account<'_>,
    wanted: Wanted<'_>,
) -> Result<(Batch, Option<usize>), AskError> {
    if wanted.search.is_empty() {
        return Ok((page(account, PAGE, wanted.page).await?, None));
    }
    let search = wanted.search.to_lowercase();
    let mut matching = Vec::new();
    for number in 1..=SEARCH_PAGES {
        let (found, has_more) = page(account, SEARCH_PAGE, number).await?;
        let fits = |found: &Found| found.full_name.to_lowercase().contains(&search);
        matching.extend(found.into_iter().filter(fits));
        if !has_more {
            return Ok(((matching, false), None));
        }
    }
    Ok(((matching, false), Some(SEARCH_PAGE * SEARCH_PAGES)))
}

#[derive(Deserialize)]
struct Listed {
    id: Number,
    config: Config,
}

#[derive(Deserialize)]
struct Config {
    url: String,
}

/// GitHub's list, which Gitea has too.
pub(super) fn listed(list: Value) -> Vec<Existing> {
    let found = items::<Listed>(list).into_iter();
    found.map(|hook| Existing { id: hook.id.segment(), url: hook.config.url }).collect()
}

pub(super) fn hooks(repo: &str, hook: &Hook<'_>) -> Calls {
    Calls {
        path: format!("/repos/{}/hooks", encoded(repo)),
        query: "?per_page=100",
        change: Method::PATCH,
        body: json!({
            "name": "web",
            "active": true,
            "events": ["push", "pull_request"],
            "config": {
                "url": hook.url,
                "content_type": "json",
                "secret": hook.secret.expose(),
                "insecure_ssl": "0",
            },
        }),
        read: listed,
    }
}
