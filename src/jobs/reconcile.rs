//! Looks at every app's remote from time to time, for what no webhook told:
//! pushes, new and deleted branches, new tags. What it finds is delivered like
//! a webhook, so the same decisions and the same rule against repeats apply.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use ring::rand::{SecureRandom, SystemRandom};
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::apps;
use crate::builds::deliveries::{self, Received};
use crate::builds::evaluate;
use crate::db::remotes::Listing as Turn;
use crate::db::{self, Tx};
use crate::error::Result;
use crate::git::command::GitError;
use crate::git::refs::{self, Listing};
use crate::git::remote::Remote;
use crate::model::app::App as AppRow;
use crate::model::delivery::Provider;
use crate::model::git_event::{Change, GitEvent};
use crate::model::origin::Origin;

/// How often it is asked whose turn it is.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// Remotes asked at once.
const AT_ONCE: usize = 4;
/// Turns taken in one pass.
const BATCH: i64 = 50;
/// Longest pause of a remote that fails.
const MAX_PAUSE_MS: i64 = 6 * 3_600_000;
/// Events of one delivery.
const EVENTS: usize = 50;
/// References written in one transaction of a first listing.
const CHUNK: usize = 500;
/// A delivery that waits for longer than this has lost its job.
const LOST_AFTER_MS: i64 = 120_000;
/// Folders of jobs that were cut off are this old at least.
const STALE_SCRATCH: Duration = Duration::from_secs(3_600);

/// Makes its rounds until `shutdown`.
pub async fn run(app: Arc<App>, shutdown: CancellationToken) {
    clear_scratch(&app);
    loop {
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            () = shutdown.cancelled() => return,
        }
        if let Err(error) = pass(&app).await {
            tracing::error!(%error, "reconciling with remotes failed");
        }
    }
}

/// Deletes what jobs left behind that were cut off by a crash.
fn clear_scratch(app: &App) {
    let Ok(entries) = std::fs::read_dir(&app.settings.scratch_dir) else { return };
    for entry in entries.flatten() {
        let age = entry.metadata().and_then(|data| data.modified()).map(|at| at.elapsed());
        if matches!(age, Ok(Ok(age)) if age > STALE_SCRATCH) {
            // Tried again at the next start.
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

/// Lists the remotes whose turn it is; the number of turns taken.
pub async fn pass(app: &App) -> Result<usize> {
    wake_lost(app).await?;
    let interval = app.settings.reconcile_ms;
    if interval == 0 {
        return Ok(0);
    }
    let now = app.clock.now();
    let mut tx = app.db.read().await?;
    let missing = db::remotes::has_missing_listings(&mut tx).await?;
    drop(tx);
    if missing {
        let mut tx = app.db.write().await?;
        // New apps at once: until the first listing a lost webhook stays lost.
        db::remotes::insert_missing_listings(&mut tx, now).await?;
        tx.commit().await?;
    }
    let mut tx = app.db.read().await?;
    let due = db::remotes::list_due(&mut tx, now, BATCH).await?;
    drop(tx);
    let taken = futures_util::stream::iter(due)
        .map(|turn| async move { take_turn(app, &turn, interval).await })
        .buffer_unordered(AT_ONCE)
        .filter_map(|taken| async {
            taken.unwrap_or_else(|error| {
                tracing::error!(%error, "reconciling with a remote failed");
                None
            })
        })
        .count()
        .await;
    Ok(taken)
}

/// Gives deliveries that wait for nothing a job again.
async fn wake_lost(app: &App) -> Result<()> {
    let before = app.clock.now().plus(-LOST_AFTER_MS);
    let mut tx = app.db.read().await?;
    let lost = db::deliveries::list_waiting(&mut tx, before, BATCH).await?;
    drop(tx);
    if lost.is_empty() {
        return Ok(());
    }
    let mut tx = app.db.write().await?;
    for delivery in &lost {
        deliveries::enqueue(app, &mut tx, &delivery.id).await?;
    }
    tx.commit().await
}

/// `interval` give or take a tenth, so that apps added together spread out.
fn jittered(interval: i64) -> i64 {
    let mut bytes = [0; 2];
    // Without randomness the rounds are merely in step.
    let _ = SystemRandom::new().fill(&mut bytes);
    let share = i64::from(u16::from_be_bytes(bytes));
    interval - interval / 10 + interval / 5 * share / 65_536
}

/// `None` if another server was faster.
async fn take_turn(app: &App, turn: &Turn, interval: i64) -> Result<Option<()>> {
    let mut tx = app.db.write().await?;
    let next_at = app.clock.now().plus(jittered(interval));
    if db::remotes::take(&mut tx, turn, next_at).await? == 0 {
        return Ok(None);
    }
    tx.commit().await?;
    let mut tx = app.db.read().await?;
    let Some(row) = db::apps::find(&mut tx, &turn.app_id).await? else { return Ok(None) };
    let known = refs_of(&mut tx, &row).await?;
    drop(tx);
    let listed = match Remote::parse(&row.repo_url) {
        Ok(remote) => {
            let keys = apps::pulls::Keys::of(app, &row, &remote).await?;
            refs::list(&remote, keys.access(&remote, &remote)).await
        }
        Err(refused) => Err(refused.into()),
    };
    let listed = listed.and_then(|listing| match listing.refs.is_empty() && !known.is_empty() {
        // A host in trouble must not look like a hundred deleted branches.
        true => Err(GitError::Missing("the remote lists nothing any more".into())),
        false => Ok(listing),
    });
    match listed {
        Err(error) => put_off(app, turn, interval, &error).await?,
        Ok(listing) if turn.listed_at.is_none() => record(app, &row, &listing).await?,
        Ok(listing) => compare(app, &row, &known, &listing).await?,
    }
    Ok(Some(()))
}

async fn refs_of(tx: &mut Tx, row: &AppRow) -> Result<BTreeMap<String, String>> {
    let refs = db::remotes::list_refs(tx, &row.id).await?;
    Ok(refs.into_iter().map(|known| (known.name, known.sha)).collect())
}

async fn put_off(app: &App, turn: &Turn, interval: i64, error: &GitError) -> Result<()> {
    tracing::info!(app = %turn.app_id, %error, "the remote cannot be listed");
    let doublings = u32::try_from(turn.failures.clamp(0, 16)).unwrap_or(0);
    let pause = interval.saturating_mul(1 << doublings).min(MAX_PAUSE_MS.max(interval));
    let next_at = app.clock.now().plus(jittered(pause));
    let mut tx = app.db.write().await?;
    db::remotes::set_failed(&mut tx, &turn.app_id, next_at, &error.to_string()).await?;
    tx.commit().await
}

/// The first listing: everything there is was there before us.
async fn record(app: &App, row: &AppRow, listing: &Listing) -> Result<()> {
    let refs: Vec<_> = listing.refs.iter().collect();
    for chunk in refs.chunks(CHUNK) {
        let mut tx = app.db.write().await?;
        for (name, sha) in chunk {
            db::remotes::upsert_ref(&mut tx, &row.id, name, sha).await?;
            if let Some(branch) = name.strip_prefix("refs/heads/") {
                db::apps::upsert_branch(&mut tx, &row.id, branch).await?;
            }
        }
        tx.commit().await?;
    }
    let mut tx = app.db.write().await?;
    finish(app, &mut tx, row, listing).await?;
    tx.commit().await
}

async fn finish(app: &App, tx: &mut Tx, row: &AppRow, listing: &Listing) -> Result<()> {
    if let Some(default) = &listing.default_branch
        && row.default_branch.as_ref() != Some(default)
    {
        db::apps::set_default_branch(tx, &row.id, default).await?;
    }
    db::remotes::set_listed(tx, &row.id, app.clock.now()).await
}

/// Delivers what differs from `known`, unless a webhook changed it meanwhile.
async fn compare(
    app: &App,
    row: &AppRow,
    known: &BTreeMap<String, String>,
    listing: &Listing,
) -> Result<()> {
    let names: BTreeSet<&String> = known.keys().chain(listing.refs.keys()).collect();
    let changed: Vec<&String> =
        names.into_iter().filter(|name| known.get(*name) != listing.refs.get(*name)).collect();
    for chunk in changed.chunks(EVENTS) {
        let mut tx = app.db.write().await?;
        let mut events = Vec::new();
        for name in chunk {
            // A push that was told while git was asked is newer than the list.
            if db::remotes::find_ref(&mut tx, &row.id, name).await?.as_ref() != known.get(*name) {
                continue;
            }
            match listing.refs.get(*name) {
                Some(sha) => {
                    db::remotes::upsert_ref(&mut tx, &row.id, name, sha).await?;
                    came_back(&mut tx, row, name, known.get(*name), listing).await?;
                }
                None => db::remotes::delete_ref(&mut tx, &row.id, name).await?,
            }
            events.extend(event(name, known.get(*name), listing));
        }
        if !events.is_empty() {
            deliveries::store(app, &mut tx, &row.id, &found(events)).await?;
        }
        tx.commit().await?;
    }
    let mut tx = app.db.write().await?;
    finish(app, &mut tx, row, listing).await?;
    tx.commit().await
}

/// A reference that has left a commit for another builds it again when it
/// comes back. In the transaction that notes where it is: whoever delivers the
/// same move later finds nothing to forget.
async fn came_back(
    tx: &mut Tx,
    row: &AppRow,
    name: &str,
    old: Option<&String>,
    listing: &Listing,
) -> Result<()> {
    if old.is_none() {
        return Ok(());
    }
    let lanes = match (name.strip_prefix("refs/heads/"), name.strip_prefix("refs/tags/")) {
        (Some(branch), _) => {
            let pulls = db::pulls::list_open_of_branch(tx, &row.id, branch).await?;
            let new = listing.refs.get(name).map_or("", String::as_str);
            evaluate::lanes_of_branch(branch, new, &pulls)
        }
        (_, Some(tag)) => {
            let origin = Origin { tag: Some(tag.to_owned()), ..Origin::default() };
            vec![origin.lane("")]
        }
        _ => return Ok(()),
    };
    let shas: Vec<&str> = [listing.refs.get(name), listing.peeled.get(name)]
        .into_iter()
        .flatten()
        .map(String::as_str)
        .collect();
    for lane in lanes {
        evaluate::forget(tx, &row.id, &lane, &shas).await?;
    }
    Ok(())
}

fn event(name: &str, old: Option<&String>, listing: &Listing) -> Option<GitEvent> {
    let (is_tag, short) = match (name.strip_prefix("refs/heads/"), name.strip_prefix("refs/tags/"))
    {
        (Some(short), _) => (false, short.to_owned()),
        (_, Some(short)) => (true, short.to_owned()),
        _ => return None,
    };
    let Some(sha) = listing.refs.get(name) else {
        return Some(match is_tag {
            true => GitEvent::TagDeleted { name: short },
            false => GitEvent::BranchDeleted { name: short },
        });
    };
    let commit = listing.peeled.get(name).unwrap_or(sha);
    let change = Change {
        name: short,
        old: old.cloned(),
        new: commit.clone(),
        object: (commit != sha).then(|| sha.clone()),
        created: old.is_none(),
        ..Change::default()
    };
    Some(if is_tag { GitEvent::Tag(change) } else { GitEvent::Push(change) })
}

fn found(events: Vec<GitEvent>) -> Received {
    Received {
        provider: Provider::Reconciliation,
        event: String::new(),
        repeat_id: None,
        headers: "[]".into(),
        body: None,
        body_bytes: 0,
        events,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_are_a_tenth_around_the_interval() {
        for _ in 0..1_000 {
            let next = jittered(300_000);
            assert!((270_000..=330_000).contains(&next), "{next}");
        }
    }
}
