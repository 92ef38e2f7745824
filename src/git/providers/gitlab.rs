//! GitLab, hosted and self-managed: docs.gitlab.com/api, "Set the pipeline status
//! of a commit", "List all projects", "Project webhooks".

use percent_encoding::utf8_percent_encode;
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::client::{Account, Answer, AskError};
use super::hooks::{Calls, Existing, Hook, Number, items};
use super::repositories::{Batch, Found, PAGE, Wanted, get};
use super::{Call, SEGMENT, Status};
use crate::model::status::StatusState;

pub(super) fn call(repo: &str, status: &Status<'_>) -> Call {
    let state = match status.state {
        StatusState::Pending => "pending",
        StatusState::Success => "success",
        StatusState::Failure => "failed",
        StatusState::Error => "canceled",
    };
    // The whole path is one segment.
    let project = utf8_percent_encode(repo, SEGMENT);
    Call {
        path: format!("/api/v4/projects/{project}/statuses/{}", status.sha),
        body: json!({
            "state": state,
            "name": status.context,
            "description": status.description,
            "target_url": status.url,
        }),
    }
}

#[derive(Deserialize)]
struct User {
    username: String,
}

pub(super) fn account(answer: &Answer) -> Result<String, AskError> {
    Ok(answer.json::<User>()?.username)
}

#[derive(Deserialize)]
struct Project {
    path_with_namespace: String,
    /// `private`, `internal` or `public`.
    visibility: Option<String>,
    last_activity_at: Option<String>,
}

pub(super) async fn list(account: &Account<'_>, wanted: Wanted<'_>) -> Result<Batch, AskError> {
    let search = utf8_percent_encode(wanted.search, SEGMENT);
    let path = format!(
        "/api/v4/projects?membership=true&archived=false&order_by=last_activity_at&sort=desc\
         &search_namespaces=true&search={search}&per_page={PAGE}&page={}",
        wanted.page
    );
    let answer = get(account, &path).await?;
    let has_more = answer.header("x-next-page").is_some_and(|page| !page.trim().is_empty());
    let found = answer.json::<Vec<Project>>()?.into_iter().map(|project| Found {
        full_name: project.path_with_namespace,
        is_private: project.visibility.as_deref() != Some("public"),
        changed: project.last_activity_at,
    });
    Ok((found.collect(), has_more))
}

#[derive(Deserialize)]
struct Listed {
    id: Number,
    url: String,
}

fn listed(list: Value) -> Vec<Existing> {
    let found = items::<Listed>(list).into_iter();
    found.map(|hook| Existing { id: hook.id.segment(), url: hook.url }).collect()
}

pub(super) fn hooks(repo: &str, hook: &Hook<'_>) -> Calls {
    Calls {
        path: format!("/api/v4/projects/{}/hooks", utf8_percent_encode(repo, SEGMENT)),
        query: "?per_page=100",
        change: Method::PUT,
        body: json!({
            "url": hook.url,
            "token": hook.secret.expose(),
            "push_events": true,
            "tag_push_events": true,
            "merge_requests_events": true,
            "enable_ssl_verification": true,
        }),
        read: listed,
    }
}
