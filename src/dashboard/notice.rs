//! Addresses that old links and guides point at, where a page is still to come:
//! each says plainly what works today.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;

use crate::dashboard::page::{self, PageFault, Shell};

#[derive(Template)]
#[template(path = "notice.html")]
struct Notice {
    shell: Shell,
    title: &'static str,
    text: &'static str,
    /// What to call or to run; may be empty.
    command: String,
}

fn notice(
    status: StatusCode,
    title: &'static str,
    text: &'static str,
    command: String,
) -> Result<Response, PageFault> {
    page::show(status, &Notice { shell: Shell::public(), title, text, command })
}

pub async fn sign_up() -> Result<Response, PageFault> {
    let text = "Accounts are not opened here: ask an owner of your organisation for an invitation.";
    notice(StatusCode::OK, "Accounts", text, String::new())
}

/// Where Jira leads back to after an OAuth 1.0a connection.
pub async fn jira() -> Result<Response, PageFault> {
    let text = "This server connects to no Jira, so no connection could be made.";
    notice(StatusCode::NOT_FOUND, "Jira", text, String::new())
}

pub async fn github_migration() -> Result<Response, PageFault> {
    let text = "There is nothing to migrate: this server keeps the repository address of each app.";
    notice(StatusCode::OK, "GitHub migration", text, String::new())
}
