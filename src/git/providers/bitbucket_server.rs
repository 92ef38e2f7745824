//! Bitbucket Data Center: `POST /rest/build-status/1.0/commits/{sha}`. It
//! knows commits without their repository, and no cancelled builds.
//! Repositories and webhooks: docs.atlassian.com/bitbucket-server/rest, "/repos"
//! and "/projects/{key}/repos/{slug}/webhooks".

use percent_encoding::utf8_percent_encode;
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::bitbucket::{body, word};
use super::client::{Account, Answer, AskError};
use super::hooks::{Calls, Existing, Hook, Number, items};
use super::repositories::{Batch, Found, PAGE, Wanted, get};
use super::{Call, SEGMENT, Status};

pub(super) fn call(status: &Status<'_>) -> Call {
    Call {
        path: format!("/rest/build-status/1.0/commits/{}", status.sha),
        body: body(word(status.state), status),
    }
}

/// Any call tells who makes it.
pub(super) const ANY: &str = "/rest/api/1.0/repos?limit=1";

/// It answers strangers as well, but names them not.
pub(super) fn account(answer: &Answer) -> Result<String, AskError> {
    let unknown = || AskError::Token("it answers, but names no account".into());
    answer.header("x-ausername").map(str::to_owned).ok_or_else(unknown)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    values: Vec<Item>,
    #[serde(default = "last")]
    is_last_page: bool,
}

fn last() -> bool {
    true
}

#[derive(Deserialize)]
struct Item {
    slug: String,
    project: Project,
    #[serde(default)]
    public: bool,
}

#[derive(Deserialize)]
struct Project {
    key: String,
}

/// By name: it has no order by time.
pub(super) async fn list(account: &Account<'_>, wanted: Wanted<'_>) -> Result<Batch, AskError> {
    let name = utf8_percent_encode(wanted.search, SEGMENT);
    let start = (wanted.page - 1) * PAGE;
    let path = format!("/rest/api/1.0/repos?name={name}&limit={PAGE}&start={start}");
    let found: Page = get(account, &path).await?.json()?;
    let has_more = !found.is_last_page;
    let found = found.values.into_iter().map(|item| Found {
        full_name: format!("{}/{}", item.project.key, item.slug),
        is_private: !item.public,
        changed: None,
    });
    Ok((found.collect(), has_more))
}

#[derive(Deserialize)]
struct Listed {
    id: Number,
    url: String,
}

fn listed(mut list: Value) -> Vec<Existing> {
    let values = list.get_mut("values").map(Value::take).unwrap_or_default();
    let found = items::<Listed>(values).into_iter();
    found.map(|hook| Existing { id: hook.id.segment(), url: hook.url }).collect()
}

/// `None` if the path of the repository has less than a project and a name.
pub(super) fn hooks(repo: &str, hook: &Hook<'_>) -> Option<Calls> {
    // Before them stand the context path and `scm`.
    let mut parts = repo.rsplit('/').filter(|part| !part.is_empty());
    let (slug, key) = (parts.next()?, parts.next()?);
    let encoded = |part| utf8_percent_encode(part, SEGMENT);
    Some(Calls {
        path: format!("/rest/api/1.0/projects/{}/repos/{}/webhooks", encoded(key), encoded(slug)),
        query: "?limit=100",
        change: Method::PUT,
        body: json!({
            "name": "Shipmate",
            "url": hook.url,
            "active": true,
            "configuration": { "secret": hook.secret.expose() },
            "events": [
                "repo:refs_changed",
                "pr:opened",
                "pr:from_ref_updated",
                "pr:modified",
                "pr:merged",
                "pr:declined",
                "pr:deleted",
            ],
        }),
        read: listed,
    })
}
