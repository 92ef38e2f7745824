//! Which lines of covered files ran, and their source (COV-1): one blob a
//! build, packed by the agent as `protocol::sources` says. Its index is looked
//! at before it is kept; a file is unpacked when somebody opens it.

use bytes::Bytes;
use futures_util::{Stream, TryStreamExt};

use crate::app::App;
use crate::blobs::BlobKey;
use crate::db;
use crate::db::sources::StoredSources;
use crate::error::{Error, Result};
use crate::model::build::Build;
use crate::protocol::sources::{
    HEAD, MAX_SOURCES_BODY, SourceEntry, SourceFile, index_end, read_file, read_index,
};

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
    let (end, index) = index(app, stored).await?;
    let Some(entry) = index.into_iter().find(wanted) else { return Ok(None) };
    let packed = read(app, stored, end + entry.at, entry.bytes).await?;
    let file = read_file(&packed).map_err(damaged)?;
    Ok(Some((entry, file)))
}

/// Where the index ends, and what is in it.
async fn index(app: &App, stored: &StoredSources) -> Result<(u64, Vec<SourceEntry>)> {
    let bytes = stored.bytes.unsigned_abs();
    let head = read(app, stored, 0, HEAD.min(bytes)).await?;
    let end = index_end(&head, bytes).map_err(damaged)?;
    let packed = read(app, stored, HEAD, end - HEAD).await?;
    Ok((end, read_index(&packed, bytes - end).map_err(damaged)?))
}

async fn read(app: &App, stored: &StoredSources, from: u64, bytes: u64) -> Result<Vec<u8>> {
    let mut stream = app.blobs.read(&stored.blob_key, from..from + bytes).await?;
    let mut all = Vec::new();
    while let Some(part) = stream.try_next().await? {
        all.extend_from_slice(&part);
    }
    Ok(all)
}

fn damaged(cause: impl std::fmt::Display) -> Error {
    Error::Invalid(cause.to_string())
}
