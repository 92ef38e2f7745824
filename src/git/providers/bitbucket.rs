//! Bitbucket Cloud: developer.atlassian.com/cloud/bitbucket/rest, "Create a
//! build status for a commit".

use serde_json::{Value, json};

use super::{Call, Status, cut, encoded};
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

/// The same for both Bitbuckets.
pub(super) fn body(state: &str, status: &Status<'_>) -> Value {
    json!({
        "state": state,
        "key": cut(status.context, MAX_KEY),
        "name": status.context,
        "description": status.description,
        "url": status.url,
    })
}
