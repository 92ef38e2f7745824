//! Bitbucket Data Center: `POST /rest/build-status/1.0/commits/{sha}`. It
//! knows commits without their repository, and no cancelled builds.

use super::bitbucket::{body, word};
use super::{Call, Status};

pub(super) fn call(status: &Status<'_>) -> Call {
    Call {
        path: format!("/rest/build-status/1.0/commits/{}", status.sha),
        body: body(word(status.state), status),
    }
}
