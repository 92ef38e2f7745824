//! What the clone resolved to: branch and commit of a running build.

use crate::app::App;
use crate::db;
use crate::db::builds::Commit;
use crate::db::wake::Topic;
use crate::error::{Error, Result};
use crate::model::build::Build;
use crate::model::origin::Base;
use crate::protocol::{CommitReport, MAX_NOTES_BYTES};

use super::{Holder, hold, statuses};

/// Longest commit message that is kept, in bytes.
const MAX_MESSAGE: usize = 64 << 10;
/// Longest author or branch name, in bytes.
const MAX_NAME: usize = 1_000;

/// Records the commit, and the branch where the default was asked for.
///
/// # Errors
/// `Invalid` for a malformed report, `Conflict` when the agent no longer holds
/// the build.
pub async fn record(app: &App, holder: Holder<'_>, report: &CommitReport) -> Result<()> {
    let CommitReport { attempt: _, branch, sha, author, message, base, release_notes } = report;
    if !is_sha(sha) {
        return Err(Error::invalid_parameter("sha"));
    }
    let fits = branch.len() <= MAX_NAME && author.len() <= MAX_NAME && message.len() <= MAX_MESSAGE;
    let notes = release_notes.as_deref().unwrap_or_default();
    let has_nul = [branch, author, message].iter().any(|text| text.contains('\0'));
    if notes.len() > MAX_NOTES_BYTES || notes.contains('\0') {
        return Err(Error::invalid_parameter("release_notes"));
    }
    if !fits || has_nul {
        return Err(Error::invalid_parameter("commit"));
    }
    let base = base.as_ref().map(written).transpose()?;
    let mut tx = app.db.write().await?;
    let build = hold(&mut tx, holder).await?;
    // The branch that was asked for stays what the build is about.
    let branch = if build.branch.is_empty() { branch } else { &build.branch };
    let commit = Commit { branch, sha, author, message, base: base.as_deref() };
    db::builds::set_commit(&mut tx, &build.id, holder.attempt, &commit).await?;
    // The scheme that is first to know the commit decides for the others
    // (CFG-4). Of a pull request a merge is built, which no remote has.
    if !build.status.is_finished() && super::origin_of(&build)?.pull_request.is_none() {
        db::builds::pin_siblings(&mut tx, &build.app_id, build.number, sha).await?;
    }
    if build.branch.is_empty() && !branch.is_empty() {
        db::apps::upsert_branch(&mut tx, &build.app_id, branch).await?;
    }
    if !notes.is_empty() {
        db::deployments::set_build_notes(&mut tx, &build.id, notes).await?;
    }
    let build = Build { commit_sha: sha.clone(), ..build };
    statuses::tell(app, &mut tx, &build, build.status).await?;
    // Other schemes of the build were waiting for this commit.
    tx.wake_on_commit(Topic::Queue);
    tx.wake_on_commit(Topic::Build(build.id));
    tx.commit().await
}

fn is_sha(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// The base of a pull request as it is kept.
fn written(base: &Base) -> Result<String> {
    let Base { branch, sha, author, message, merge_status: _ } = base;
    let fits = branch.len() <= MAX_NAME && author.len() <= MAX_NAME && message.len() <= MAX_MESSAGE;
    if !is_sha(sha) || !fits {
        return Err(Error::invalid_parameter("base"));
    }
    serde_json::to_string(base).map_err(|e| Error::internal("writing a build's base", e))
}
