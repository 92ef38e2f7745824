//! Gitea and Forgejo: docs.gitea.com/api, "Create a commit status", "Search for
//! repositories", "Create a hook".

use percent_encoding::utf8_percent_encode;
use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

use super::client::{Account, Answer, AskError};
use super::hooks::{Calls, Hook};
use super::repositories::{Batch, Found, PAGE, Wanted, get};
use super::{Call, SEGMENT, Status, encoded, github};

pub(super) fn call(repo: &str, status: &Status<'_>) -> Call {
    Call {
        path: format!("/api/v1/repos/{}/statuses/{}", encoded(repo), status.sha),
        body: json!({
            "state": status.state.as_str(),
            "context": status.context,
            "description": status.description,
            "target_url": status.url,
        }),
    }
}

#[derive(Deserialize)]
struct User {
    login: String,
}

pub(super) fn account(answer: &Answer) -> Result<String, AskError> {
    Ok(answer.json::<User>()?.login)
}

#[derive(Deserialize)]
struct Page {
    data: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    full_name: String,
    #[serde(default)]
    private: bool,
    updated_at: Option<String>,
}

pub(super) async fn list(account: &Account<'_>, wanted: Wanted<'_>) -> Result<Batch, AskError> {
    let search = utf8_percent_encode(wanted.search, SEGMENT);
    let path = format!(
        "/api/v1/repos/search?q={search}&sort=updated&order=desc&archived=false&limit={PAGE}&page={}",
        wanted.page
    );
    let found = get(account, &path).await?.json::<Page>()?.data;
    let has_more = found.len() >= PAGE;
    let found = found.into_iter().map(|item| Found {
        full_name: item.full_name,
        is_private: item.private,
        changed: item.updated_at,
    });
    Ok((found.collect(), has_more))
}

pub(super) fn hooks(repo: &str, hook: &Hook<'_>) -> Calls {
    Calls {
        path: format!("/api/v1/repos/{}/hooks", encoded(repo)),
        query: "?limit=50",
        change: Method::PATCH,
        body: json!({
            "type": "gitea",
            "active": true,
            "events": ["push", "create", "delete", "pull_request", "pull_request_sync"],
            "config": {
                "url": hook.url,
                "content_type": "json",
                "secret": hook.secret.expose(),
            },
        }),
        read: github::listed,
    }
}
