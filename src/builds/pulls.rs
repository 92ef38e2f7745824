//! Building an open pull request because a person asks for it (TRG-9): no
//! switch and no marker keeps it from being built (EVL-4).

use crate::app::App;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::model::app::App as AppRow;
use crate::model::build::Trigger;
use crate::model::ids::{BuildId, UserId};
use crate::model::origin::{Origin, PullRequest};

use super::{evaluate, trigger};

/// What builds of it show as their branch.
pub fn shown_branch(pull: &PullRequest) -> String {
    origin_of(pull.clone()).shown_branch("")
}

fn origin_of(pull_request: PullRequest) -> Origin {
    Origin { pull_request: Some(pull_request), ..Origin::default() }
}

/// Queues a build of the merge of its head with the tip of its base. A fork
/// that nobody trusts gets no secrets whoever asks (SEC-7).
///
/// # Errors
/// `NotFound` if the fork that it comes from is gone.
pub async fn build_now(
    app: &App,
    tx: &mut Tx,
    row: &AppRow,
    mut pull: PullRequest,
    (why, user): (Trigger, Option<&UserId>),
) -> Result<BuildId> {
    let branch = shown_branch(&pull);
    if let Some(fork) = &mut pull.fork {
        if fork.url.is_empty() {
            return Err(Error::NotFound("The pull request's fork is gone".into()));
        }
        let settings = evaluate::settings(tx, &row.id, &branch).await?;
        fork.with_secrets = settings.forks.trusts(&fork.name);
    }
    let commit = Some(pull.head_sha.clone()).filter(|sha| sha.len() == 40);
    if commit.is_none() {
        // The agent takes the tip of the head's branch.
        pull.head_sha.clear();
    }
    let request = trigger::Request {
        app: row,
        branch: &branch,
        commit: commit.as_deref(),
        origin: origin_of(pull),
        trigger: why,
        user,
    };
    trigger::trigger(app, tx, &request).await
}
