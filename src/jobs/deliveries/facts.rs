//! What a provider did not tell, asked of git: no transaction is open here. A
//! remote that does not answer leaves a fact unknown, which is never a reason
//! not to build (EVL-7).

use crate::app::App;
use crate::apps;
use crate::db;
use crate::error::Result;
use crate::git::look::{self, Place};
use crate::git::refs;
use crate::git::remote::Remote;
use crate::model::app::App as AppRow;
use crate::model::evaluation::Known;
use crate::model::ids::JobId;
use crate::model::origin::PullRequest;

use super::event::{Candidate, Since};

/// Fills in what the candidate lacks.
pub async fn ask_git(
    app: &App,
    row: &AppRow,
    candidate: &mut Candidate,
    needs_files: bool,
) -> Result<()> {
    let seen = see(app, row, candidate, needs_files).await?;
    if candidate.message == Known::NotAsked {
        candidate.message = seen.message.map_or(Known::Unknown, Known::Is);
    }
    if candidate.files == Known::NotAsked {
        candidate.files = seen.files.map_or(Known::Unknown, Known::Is);
    }
    Ok(())
}

async fn see(
    app: &App,
    row: &AppRow,
    candidate: &Candidate,
    needs_files: bool,
) -> Result<look::Seen> {
    let Some(own) = remote(&row.repo_url) else { return Ok(look::Seen::default()) };
    let keys = apps::pulls::Keys::of(app, row, &own).await?;
    let pull = candidate.wanted.origin.pull_request.as_ref();
    let fork = pull.and_then(|pull| pull.fork.as_ref());
    let head = match fork.map(|fork| remote(&fork.url)) {
        None => own.clone(),
        Some(Some(remote)) => remote,
        Some(None) => return Ok(look::Seen::default()),
    };
    let default = row.default_branch.as_deref();
    let wants_files = needs_files && candidate.files == Known::NotAsked;
    let since = match &candidate.since {
        _ if !wants_files => None,
        Since::Unknown => None,
        Since::Commit(old) => Some(look::Since::Commit(old)),
        Since::Branch(Some(branch)) => Some(look::Since::Branch(branch)),
        Since::Branch(None) => default.map(look::Since::Branch),
    };
    // A new branch of an app whose default branch nobody has asked for yet.
    let found;
    let since = match (&candidate.since, since) {
        (Since::Branch(None), None) if wants_files => {
            found =
                refs::read(&own, keys.access(&own, &own)).await.ok().and_then(|r| r.default_branch);
            found.as_deref().map(look::Since::Branch)
        }
        (_, since) => since,
    };
    let dir = app.settings.scratch_dir.join(format!("look-{}", JobId::generate(app.clock.now())));
    let head = Place { remote: &head, access: keys.access(&own, &head) };
    let base = Place { remote: &own, access: keys.access(&own, &own) };
    let looked = look::look(&dir, head, &candidate.sha, base, since).await;
    Ok(looked.unwrap_or_else(|error| {
        tracing::info!(app = %row.id, %error, "the commit cannot be looked at");
        look::Seen::default()
    }))
}

fn remote(url: &str) -> Option<Remote> {
    Remote::parse(url).ok()
}

/// Makes a shortened head commit whole: from what is known of its branch, else
/// from the remote. What cannot be found out stays as it is.
pub async fn complete_head(app: &App, row: &AppRow, pull: &mut PullRequest) -> Result<()> {
    if pull.head_sha.len() == 40 {
        return Ok(());
    }
    let mut tx = app.db.read().await?;
    let name = format!("refs/heads/{}", pull.head_branch);
    let known = match pull.fork {
        None => db::remotes::find_ref(&mut tx, &row.id, &name).await?,
        Some(_) => None,
    };
    drop(tx);
    if let Some(known) = known.filter(|sha| sha.starts_with(&pull.head_sha)) {
        pull.head_sha = known;
        return Ok(());
    }
    if let Some(tip) = apps::pulls::latest_head(app, row, pull).await?
        && tip.starts_with(&pull.head_sha)
    {
        pull.head_sha = tip;
    }
    Ok(())
}
