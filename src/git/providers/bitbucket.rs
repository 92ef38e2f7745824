//! Bitbucket Cloud: developer.atlassian.com/cloud/bitbucket/rest, "Create a
//! build status for a commit".

use ring::digest;
use serde_json::{Value, json};

use super::{Call, Status, cut, encoded};
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
