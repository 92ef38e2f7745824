//! Queueing a build. No git call here: the caller resolved the branch, the
//! agent reports the commit.

use crate::app::App;
use crate::db::builds::NewBuild;
use crate::db::wake::Topic;
use crate::db::{self, Tx};
use crate::error::Result;
use crate::model::app::App as AppRow;
use crate::model::build::Trigger;
use crate::model::ids::{BuildId, UserId};

/// What to build, and why.
#[derive(Debug)]
pub struct Request<'a> {
    pub app: &'a AppRow,
    /// Empty = the remote's default branch, not known yet.
    pub branch: &'a str,
    pub trigger: Trigger,
    pub user: Option<&'a UserId>,
}

/// Queues a build under the app's next number.
pub async fn trigger(app: &App, tx: &mut Tx, request: &Request<'_>) -> Result<BuildId> {
    let now = app.clock.now();
    let id = BuildId::generate(now);
    let number = db::apps::take_build_number(tx, &request.app.id).await?;
    let new = NewBuild {
        id: &id,
        app_id: &request.app.id,
        number,
        scheme: "",
        repo_url: &request.app.repo_url,
        branch: request.branch,
        commit: None,
        triggered_by: request.trigger.as_str(),
        user: request.user,
        created_at: now,
    };
    db::builds::insert(tx, &new).await?;
    db::logs::insert_head(tx, &id).await?;
    if !request.branch.is_empty() {
        db::apps::upsert_branch(tx, &request.app.id, request.branch).await?;
    }
    tx.wake_on_commit(Topic::Queue);
    Ok(id)
}
