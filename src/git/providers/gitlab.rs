//! GitLab, hosted and self-managed: docs.gitlab.com/api/commits, "Set the
//! pipeline status of a commit".

use percent_encoding::utf8_percent_encode;
use serde_json::json;

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
