//! Gitea and Forgejo: `POST /repos/{owner}/{repo}/statuses/{sha}`.

use serde_json::json;

use super::{Call, Status, encoded};

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
