//! The life of builds, and the only writer of their status. Every move is a
//! compare-and-set on (status, attempt). Touches `db`, `blobs`, `secrets`;
//! never HTTP, never a notifier.

pub mod artifacts;
pub mod cancel;
pub mod deliveries;
pub mod evaluate;
pub mod finish;
pub mod fold;
pub mod import;
pub mod links;
pub mod log_lines;
pub mod logs;
pub mod packages;
pub mod pulls;
pub mod queue;
pub mod reap;
pub mod rebuild;
pub mod results;
pub mod schedule;
pub mod source;
pub mod sources;
pub mod statuses;
pub mod trends;
pub mod trigger;
pub mod waiting;

pub use crate::db::builds::origin_of;
use crate::db::{self, Tx};
use crate::error::{Error, Result};
use crate::model::build::Build;
use crate::model::ids::{BuildId, TokenId};
use crate::model::origin::{Base, MergeStatus};

/// Who reports on a build: the agent's token and the attempt it believes in.
#[derive(Debug, Clone, Copy)]
pub struct Holder<'a> {
    pub token: &'a TokenId,
    pub build: &'a BuildId,
    pub attempt: i64,
}

/// What the pull request of `build` was merged into.
pub fn base_of(build: &Build) -> Result<Option<Base>> {
    build.base().map_err(|cause| Error::internal("reading a build's base", cause))
}

/// What `build`'s pull request wants to merge into (api.md 2.1): as the agent
/// found it, before that no more than the branch. `None` for other builds.
pub fn destination_of(build: &Build) -> Result<Option<Base>> {
    if build.origin.is_none() {
        return Ok(None);
    }
    let Some(pull) = origin_of(build)?.pull_request else { return Ok(None) };
    let unmerged = || Base {
        branch: pull.base_branch,
        sha: String::new(),
        author: String::new(),
        message: String::new(),
        merge_status: MergeStatus::Unknown,
    };
    Ok(Some(base_of(build)?.unwrap_or_else(unmerged)))
}

/// The answer to an agent that no longer holds the build.
fn lost() -> Error {
    Error::Conflict("this agent does not hold the build any more".into())
}

/// The running build that `holder` holds.
///
/// # Errors
/// `Conflict` when it does not hold it any more or the build has ended.
pub async fn held(tx: &mut Tx, holder: Holder<'_>) -> Result<Build> {
    let build = hold(tx, holder).await?;
    if build.status.is_finished() { Err(lost()) } else { Ok(build) }
}

/// The build, if `holder` still holds it: same attempt, its own agent, and the
/// lease neither expired-and-reaped nor given back. The status may be final
/// already: a cancelled build is held until its agent has stopped it.
async fn hold(tx: &mut Tx, holder: Holder<'_>) -> Result<Build> {
    let build = db::builds::find(tx, holder.build).await?.ok_or_else(lost)?;
    let (Some(agent), Some(_)) = (&build.agent_id, build.lease_until) else { return Err(lost()) };
    if build.attempt != holder.attempt || !db::agents::belongs_to(tx, agent, holder.token).await? {
        return Err(lost());
    }
    Ok(build)
}
