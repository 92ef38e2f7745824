//! Building again what a build has built (TRG-14).

use crate::app::App;
use crate::db::{self, Tx};
use crate::error::Result;
use crate::model::app::App as AppRow;
use crate::model::build::{Build, Trigger};
use crate::model::ids::{BuildId, UserId};
use crate::model::origin::Origin;

use super::trigger::{self, Request};

/// Queues `build` once more, with all schemes of its number: the same commit
/// of the same branch, tag or pull request, with today's settings. A build that
/// never came to know its commit is tried again as it was asked for. The id of
/// the first.
pub async fn rebuild(
    app: &App,
    tx: &mut Tx,
    row: &AppRow,
    build: &Build,
    again: Again<'_>,
) -> Result<BuildId> {
    let siblings = db::builds::list_siblings(tx, &build.app_id, build.number).await?;
    let schemes: Vec<String> = siblings.into_iter().map(|sibling| sibling.scheme).collect();
    let origin = super::origin_of(build)?;
    let resolved = Some(build.commit_sha.as_str()).filter(|sha| !sha.is_empty());
    // Of a pull request a merge was built, which no remote has; its head is in
    // the origin.
    let resolved = resolved.filter(|_| origin.pull_request.is_none());
    let request = Request {
        app: row,
        branch: &build.branch,
        commit: resolved.or(build.wanted_commit.as_deref()),
        origin: Origin { without_cache: again.without_cache, ..origin },
        trigger: Trigger::Rebuild,
        user: Some(again.user),
    };
    trigger::trigger_schemes(app, tx, &request, &schemes).await
}

/// Who builds again, and how.
#[derive(Debug, Clone, Copy)]
pub struct Again<'a> {
    pub user: &'a UserId,
    pub without_cache: bool,
}
