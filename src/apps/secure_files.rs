//! Secure files (SEC-3): of an organisation or an app, encrypted at rest from
//! the first byte on, opened for the agents of their builds alone.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use futures_util::{Stream, StreamExt};

use crate::app::App;
use crate::blobs::BlobKey;
use crate::db::Tx;
use crate::db::secure_files::{self as rows, StoredFile};
use crate::error::{Error, Result};
use crate::model::app::App as AppRow;
use crate::model::ids::SecureFileId;
use crate::protocol::MAX_SECURE_FILE_BYTES;

/// Longest name, in bytes: what file systems hold.
const MAX_NAME: usize = 255;
/// Files of one owner.
const MAX_COUNT: usize = 100;
/// What encryption adds at most: 16 bytes for each chunk of 64 KiB.
const MAX_GROWTH: u64 = 64 << 10;

/// What seals the key of a file to its row.
pub fn sealing_place(id: &SecureFileId) -> String {
    format!("secure_files/{id}")
}

/// Stores the bytes of a file that is not recorded yet. `None`: it is larger
/// than 50 MiB, and nothing of it is kept.
///
/// # Errors
/// `Invalid`, naming the parameter, for a name that is no plain file name.
pub async fn store<S, E>(app: &App, owner: &str, name: &str, body: S) -> Result<Option<StoredFile>>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
    E: std::fmt::Display,
{
    check_name(name)?;
    let id = SecureFileId::generate(app.clock.now());
    let (key, key_sealed) = app.keys.new_file_key(&sealing_place(&id))?;
    let blob = BlobKey::SecureFile(id.clone());
    let plain = Arc::new(AtomicU64::new(0));
    let count = plain.clone();
    let measured = body.map(move |piece| {
        let piece = piece.map_err(|cause| cause.to_string())?;
        let so_far = count.fetch_add(piece.len() as u64, Ordering::Relaxed) + piece.len() as u64;
        if so_far > MAX_SECURE_FILE_BYTES {
            return Err("it is too large".to_owned());
        }
        Ok(piece)
    });
    let limit = MAX_SECURE_FILE_BYTES + MAX_GROWTH;
    let written = app.blobs.write(&blob, key.encrypt(measured), limit).await;
    let bytes = plain.load(Ordering::Relaxed);
    if bytes > MAX_SECURE_FILE_BYTES {
        return Ok(None);
    }
    written?;
    // An upload may take long; the master key may have changed meanwhile.
    let key_sealed = app.keys.reseal(&sealing_place(&id), &key_sealed)?;
    Ok(Some(StoredFile {
        id,
        owner_id: owner.to_owned(),
        name: name.to_owned(),
        bytes: i64::try_from(bytes).unwrap_or(i64::MAX),
        blob_key: blob.to_string(),
        key_sealed,
        created_at: app.clock.now(),
    }))
}

fn check_name(name: &str) -> Result<()> {
    let plain = !name.is_empty()
        && name.len() <= MAX_NAME
        && !matches!(name, "." | "..")
        && !name.chars().any(|c| c.is_control() || matches!(c, '/' | '\\'));
    if plain { Ok(()) } else { Err(Error::invalid_parameter("name")) }
}

/// Records a stored file in place of the one of its name, whose blob is
/// returned: it can go once this is committed.
///
/// # Errors
/// `Invalid` for one file too many.
pub async fn record(tx: &mut Tx, file: &StoredFile) -> Result<Option<String>> {
    let old = rows::find(tx, &file.owner_id, &file.name).await?;
    match &old {
        Some(old) => rows::delete(tx, &old.id).await?,
        None if rows::list(tx, &file.owner_id).await?.len() >= MAX_COUNT => {
            return Err(Error::Invalid(format!("name: there are {MAX_COUNT} files already")));
        }
        None => {}
    }
    rows::insert(tx, file).await?;
    Ok(old.map(|old| old.blob_key))
}

/// Removes a file; its blob is returned as by `record`.
///
/// # Errors
/// `NotFound` if there is none.
pub async fn remove(tx: &mut Tx, owner: &str, name: &str) -> Result<String> {
    let file = rows::find(tx, owner, name).await?.ok_or_else(Error::not_found)?;
    rows::delete(tx, &file.id).await?;
    Ok(file.blob_key)
}

/// Deletes a blob that nothing refers to. A failure leaves an encrypted file
/// whose key is gone.
pub async fn discard(app: &App, blob_key: &str) {
    if let Err(error) = app.blobs.delete(blob_key).await {
        tracing::warn!(%error, blob_key, "the blob of a secure file is left behind");
    }
}

/// What an owner has, by name.
pub async fn list(tx: &mut Tx, owner: &str) -> Result<Vec<StoredFile>> {
    rows::list(tx, owner).await
}

/// What the builds of an app get: its own files beat those of the organisation.
pub async fn of_app(tx: &mut Tx, row: &AppRow) -> Result<Vec<StoredFile>> {
    let mut chosen = BTreeMap::new();
    for owner in [row.org_id.as_str(), row.id.as_str()] {
        for file in rows::list(tx, owner).await? {
            chosen.insert(file.name.clone(), file);
        }
    }
    Ok(chosen.into_values().collect())
}

/// The plain bytes of a file.
pub async fn read(
    app: &App,
    file: &StoredFile,
) -> Result<impl Stream<Item = Result<Bytes>> + use<>> {
    let key = app.keys.open_file_key(&sealing_place(&file.id), &file.key_sealed)?;
    let sealed = app.blobs.read_whole(&file.blob_key).await?;
    Ok(key.decrypt(sealed))
}
