//! Which lines of covered files ran, and their source (COV-1): one blob a
//! build, packed by the agent as `protocol::sources` says. Its index is looked
//! at before it is kept; a file is unpacked when somebody opens it.

use bytes::Bytes;
use futures_util::Stream;

use crate::app::App;
use crate::blobs::BlobKey;
use crate::blobs::sources::PackedSources;
use crate::db;
use crate::db::sources::StoredSources;
use crate::error::{Error, Result};
use crate::model::build::Build;
use crate::protocol::sources::{MAX_SOURCES_BODY, SourceEntry, SourceFile};

use super::{Holder, hold};

/// Stores the sources of a build; repeating it changes nothing.
///
/// # Errors
/// `Invalid` for a body that is too large, shorter than announced or not
/// packed as it should be; `Conflict` when the agent no longer holds the build.
pub async fn store<S, E>(app: &App, holder: Holder<'_>, bytes: u64, body: S) -> Result<()>
where
    S: Stream<Item = std::result::Result<Bytes, E>> + Unpin,
    E: std::fmt::Display,
{
    if bytes > MAX_SOURCES_BODY {
        return Err(Error::invalid_parameter("bytes"));
    }
    let mut tx = app.db.read().await?;
    let is_finished = hold(&mut tx, holder).await?.status.is_finished();
    let known = db::sources::find(&mut tx, holder.build).await?;
    if is_finished || known.is_some_and(|known| known.attempt == holder.attempt) {
        return Ok(());
    }
    drop(tx);
    let key = BlobKey::Sources(holder.build.clone(), holder.attempt);
    let written = app.blobs.write(&key, body, bytes).await?.bytes;
    let stored = StoredSources {
        attempt: holder.attempt,
        blob_key: key.to_string(),
        bytes: bytes as i64,
        created_at: app.clock.now(),
    };
    let checked = match written == bytes {
        true => index(app, &stored).await.map(drop),
        false => Err(Error::invalid_parameter("bytes")),
    };
    if let Err(error) = checked {
        app.blobs.delete(&stored.blob_key).await?;
        return Err(error);
    }
    let mut tx = app.db.write().await?;
    let held = hold(&mut tx, holder).await;
    if !held.as_ref().is_ok_and(|build| !build.status.is_finished()) {
        drop(tx);
        app.blobs.delete(&stored.blob_key).await?;
        return held.map(drop);
    }
    let earlier = db::sources::find(&mut tx, holder.build).await?;
    db::sources::replace(&mut tx, holder.build, &stored).await?;
    tx.commit().await?;
    match earlier.filter(|earlier| earlier.blob_key != stored.blob_key) {
        Some(earlier) => app.blobs.delete(&earlier.blob_key).await,
        None => Ok(()),
    }
}

/// The sources of `build`, unless none were sent in its last attempt.
pub async fn find(tx: &mut db::Tx, build: &Build) -> Result<Option<StoredSources>> {
    let stored = db::sources::find(tx, &build.id).await?;
    Ok(stored.filter(|stored| stored.attempt == build.attempt))
}

/// The first file that `wanted` picks, and what the index says of it.
///
/// # Errors
/// `Invalid` if what is stored is damaged.
pub async fn open(
    app: &App,
    stored: &StoredSources,
    wanted: impl Fn(&SourceEntry) -> bool,
) -> Result<Option<(SourceEntry, SourceFile)>> {
    let packed = index(app, stored).await?;
    let Some(entry) = packed.index().iter().find(|entry| wanted(entry)) else { return Ok(None) };
    Ok(Some((entry.clone(), packed.file(entry).await?)))
}

async fn index(app: &App, stored: &StoredSources) -> Result<PackedSources> {
    PackedSources::open(&app.blobs, &stored.blob_key, stored.bytes.unsigned_abs()).await
}
