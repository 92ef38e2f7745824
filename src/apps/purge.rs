//! The end of a deleted app, once nobody can bring it back: its blobs, then the
//! rows that name them, a build at a time. Every step may be done again.

use crate::app::App;
use crate::apps::manage::RESTORE_MS;
use crate::db::{self, Tx, purge as rows};
use crate::error::Result;
use crate::model::ids::{AppId, JobId};
use crate::model::time::Millis;

/// Kind of the job that purges the app that it names.
pub const PURGE_APP: &str = "purge_app";

/// Nothing is purged in the moment in which somebody could still restore it:
/// the clocks of two servers may differ.
const GRACE_MS: i64 = 3_600_000;
/// Builds that go in one run of the job, so that it ends long before another
/// server takes it for dead.
const BUILDS_AT_ONCE: usize = 200;
/// Blobs that go in one transaction.
const BLOBS_AT_ONCE: i64 = 100;

/// Plans the purge of an app that is deleted now.
pub(super) async fn plan(tx: &mut Tx, app: &AppId, now: Millis) -> Result<()> {
    let at = now.plus(RESTORE_MS + GRACE_MS);
    db::jobs::insert(tx, &JobId::generate(now), PURGE_APP, app.as_str(), at).await
}

/// Purges the app, if it is deleted for long enough. The answer is when to go
/// on, if there is more to do.
pub async fn purge(app: &App, id: &AppId) -> Result<Option<Millis>> {
    let mut tx = app.db.read().await?;
    // Restored meanwhile, or purged already.
    let Some(deleted) = db::apps::find_deleted(&mut tx, id).await? else { return Ok(None) };
    drop(tx);
    let due = deleted.deleted_at.plus(RESTORE_MS + GRACE_MS);
    if due > app.clock.now() {
        // Deleted, restored and deleted again: the later one counts.
        return Ok(Some(due));
    }
    for _ in 0..BUILDS_AT_ONCE {
        let mut tx = app.db.read().await?;
        let Some(build) = rows::find_build(&mut tx, id).await? else {
            drop(tx);
            return purge_rest(app, id).await;
        };
        let blobs = rows::list_build_blobs(&mut tx, &build).await?;
        drop(tx);
        delete_blobs(app, &blobs).await?;
        let mut tx = app.db.write().await?;
        rows::delete_build(&mut tx, &build).await?;
        tx.commit().await?;
    }
    Ok(Some(app.clock.now()))
}

/// What is left of an app without builds.
async fn purge_rest(app: &App, id: &AppId) -> Result<Option<Millis>> {
    loop {
        let mut tx = app.db.read().await?;
        let blobs = rows::list_app_blobs(&mut tx, id, BLOBS_AT_ONCE).await?;
        drop(tx);
        if blobs.is_empty() {
            break;
        }
        delete_blobs(app, &blobs).await?;
        let mut tx = app.db.write().await?;
        for key in &blobs {
            rows::delete_app_blob(&mut tx, key).await?;
        }
        tx.commit().await?;
    }
    let mut tx = app.db.write().await?;
    rows::delete_app(&mut tx, id).await?;
    tx.commit().await?;
    tracing::info!(app = %id, "a deleted app was purged");
    Ok(None)
}

async fn delete_blobs(app: &App, keys: &[String]) -> Result<()> {
    for key in keys {
        app.blobs.delete(key).await?;
    }
    Ok(())
}
