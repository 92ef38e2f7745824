//! GitHub and GitHub Enterprise Server: docs.github.com/rest/commits/statuses.

use serde_json::json;

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
