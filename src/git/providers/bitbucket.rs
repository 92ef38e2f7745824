//! Bitbucket Cloud: developer.atlassian.com/cloud/bitbucket/rest, "Create a
//! build status for a commit", "List repositories in a workspace", "Create a
//! webhook for a repository". A list over all workspaces was taken away in 2026
//! (its change log, CHANGE-2770), so each is asked by itself.

use percent_encoding::utf8_percent_encode;
use reqwest::Method;
use ring::digest;
use serde::Deserialize;
use serde_json::{Value, json};

use super::client::{Account, Answer, AskError};
use super::hooks::{Calls, Existing, Hook, Number, items};
use super::repositories::{Batch, Found, PAGE, Wanted, get};
use super::{Call, SEGMENT, Status, cut, encoded};
use crate::model::hex::hex;
use crate::model::status::StatusState;

/// Longer keys are refused; the name says the rest.
const MAX_KEY: usize = 40;

pub(super) fn call(repo: &str, status: &Status<'_>) -> Call {
    let state = match status.state {
        StatusState::Error => "STOPPED",
        other => word(other),
    };
    Call {
        path: format!("/2.0/repositories/{}/commit/{}/statuses/build", encoded(repo), status.sha),
        body: body(state, status),
    }
}

pub(super) fn word(state: StatusState) -> &'static str {
    match state {
        StatusState::Pending => "INPROGRESS",
        StatusState::Success => "SUCCESSFUL",
        StatusState::Failure | StatusState::Error => "FAILED",
    }
}

/// A context that is too long is cut, and told from others that begin alike.
fn key_of(context: &str) -> String {
    if context.chars().count() <= MAX_KEY {
        return context.to_owned();
    }
    let digest = digest::digest(&digest::SHA256, context.as_bytes());
    let tail = hex(&digest.as_ref()[..4]);
    format!("{}~{tail}", cut(context, MAX_KEY - 1 - tail.len()))
}

/// The same for both Bitbuckets.
pub(super) fn body(state: &str, status: &Status<'_>) -> Value {
    json!({
        "state": state,
        "key": key_of(status.context),
        "name": status.context,
        "description": status.description,
        "url": status.url,
    })
}

/// Workspaces that are asked for one page.
const MAX_WORKSPACES: usize = 10;

#[derive(Deserialize)]
struct User {
    username: Option<String>,
    nickname: Option<String>,
    display_name: Option<String>,
}

pub(super) fn account(answer: &Answer) -> Result<String, AskError> {
    let user: User = answer.json()?;
    Ok(user.username.or(user.nickname).or(user.display_name).unwrap_or_default())
}

#[derive(Deserialize)]
struct Page<T> {
    values: Vec<T>,
    next: Option<String>,
}

/// Of `GET /2.0/user/workspaces`.
#[derive(Deserialize)]
struct Membership {
    workspace: Workspace,
}

#[derive(Deserialize)]
struct Workspace {
    slug: String,
}

#[derive(Deserialize)]
struct Item {
    full_name: String,
    #[serde(default)]
    is_private: bool,
    updated_on: Option<String>,
}

/// Page `n` of the list is page `n` of every workspace. A search for
/// `workspace/name` asks that workspace alone, also where the token may not
/// list workspaces, as those of a repository may not.
pub(super) async fn list(account: &Account<'_>, wanted: Wanted<'_>) -> Result<Batch, AskError> {
    if let Some((workspace, name)) = wanted.search.split_once('/') {
        return page(account, workspace.trim(), Wanted { search: name.trim(), ..wanted }).await;
    }
    let answer = get(account, "/2.0/user/workspaces?pagelen=100").await?;
    let workspaces: Page<Membership> = answer.json()?;
    let (mut all, mut has_more) = (Vec::new(), false);
    for membership in workspaces.values.into_iter().take(MAX_WORKSPACES) {
        let (found, more) = page(account, &membership.workspace.slug, wanted).await?;
        all.extend(found);
        has_more |= more;
    }
    // All are written alike, so they sort as text.
    all.sort_by(|a, b| b.changed.cmp(&a.changed));
    Ok((all, has_more))
}

async fn page(
    account: &Account<'_>,
    workspace: &str,
    wanted: Wanted<'_>,
) -> Result<Batch, AskError> {
    let workspace = utf8_percent_encode(workspace, SEGMENT);
    let mut path = format!(
        "/2.0/repositories/{workspace}?role=member&sort=-updated_on&pagelen={PAGE}&page={}",
        wanted.page
    );
    if !wanted.search.is_empty() {
        // Within the quotes of its query language.
        let name = wanted.search.replace(['"', '\\'], "");
        let query = format!("name~\"{name}\"");
        path.push_str(&format!("&q={}", utf8_percent_encode(&query, SEGMENT)));
    }
    let found: Page<Item> = get(account, &path).await?.json()?;
    let has_more = found.next.is_some();
    let found = found.values.into_iter().map(|item| Found {
        full_name: item.full_name,
        is_private: item.is_private,
        changed: item.updated_on,
    });
    Ok((found.collect(), has_more))
}

#[derive(Deserialize)]
struct Listed {
    /// In braces.
    uuid: Number,
    url: String,
}

fn listed(mut list: Value) -> Vec<Existing> {
    let values = list.get_mut("values").map(Value::take).unwrap_or_default();
    let found = items::<Listed>(values).into_iter();
    found.map(|hook| Existing { id: hook.uuid.segment(), url: hook.url }).collect()
}

pub(super) fn hooks(repo: &str, hook: &Hook<'_>) -> Calls {
    Calls {
        path: format!("/2.0/repositories/{}/hooks", encoded(repo)),
        query: "?pagelen=100",
        change: Method::PUT,
        body: json!({
            "description": "Shipmate",
            "url": hook.url,
            "active": true,
            "secret": hook.secret.expose(),
            "events": [
                "repo:push",
                "pullrequest:created",
                "pullrequest:updated",
                "pullrequest:fulfilled",
                "pullrequest:rejected",
            ],
        }),
        read: listed,
    }
}
