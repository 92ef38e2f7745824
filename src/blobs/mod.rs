//! Bytes that are too large for rows: artifacts and finished logs. Streams
//! only, hashed while they are written; knows keys, not builds. The
//! `object_store` crate's trait is the seam, we write none.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt};
use object_store::local::LocalFileSystem;
use object_store::{GetOptions, GetRange, ObjectStore, ObjectStoreExt, WriteMultipart};
use ring::digest;

use crate::error::{Error, Result};
use crate::model::hex::hex;

pub mod key;
pub mod reader;
pub mod sources;

pub use key::BlobKey;

/// Buffered per upload; the smallest part that S3 accepts.
const PART_BYTES: usize = 5 << 20;

/// Where this installation keeps its blobs.
#[derive(Clone, Debug)]
pub struct Blobs {
    store: Arc<dyn ObjectStore>,
    dir: PathBuf,
}

/// The file system that the blobs are on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disk {
    pub total_bytes: u64,
    /// For us, not for the superuser.
    pub free_bytes: u64,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    pub bytes: u64,
    /// Lowercase hex.
    pub sha256: String,
}

impl Blobs {
    /// Blobs as files below `dir`, which is created.
    pub fn open_local(dir: &Path) -> Result<Self> {
        std::fs::create_dir_all(dir)
            .map_err(|cause| Error::internal("creating the blob folder", cause))?;
        let store = LocalFileSystem::new_with_prefix(dir)?.with_automatic_cleanup(true);
        Ok(Self { store: Arc::new(store), dir: dir.to_owned() })
    }

    /// How full the disk is.
    ///
    /// # Errors
    /// `Unavailable` if the folder cannot be reached.
    pub fn disk(&self) -> Result<Disk> {
        let asked = rustix::fs::statvfs(&self.dir)
            .map_err(|cause| Error::Unavailable(format!("the blob folder: {cause}")))?;
        let bytes = |blocks: u64| blocks.saturating_mul(asked.f_frsize);
        Ok(Disk { total_bytes: bytes(asked.f_blocks), free_bytes: bytes(asked.f_bavail) })
    }

    /// Writes `body` under `key`. More than `limit` bytes are `Invalid`, and
    /// nothing is kept; the blob appears whole or not at all.
    pub async fn write<S, E>(&self, key: &BlobKey, mut body: S, limit: u64) -> Result<Stored>
    where
        S: Stream<Item = std::result::Result<Bytes, E>> + Unpin,
        E: std::fmt::Display,
    {
        let upload = self.store.put_multipart(&key.path()).await?;
        let mut writer = WriteMultipart::new_with_chunk_size(upload, PART_BYTES);
        let mut hash = digest::Context::new(&digest::SHA256);
        let mut bytes = 0_u64;
        loop {
            let refusal = match body.next().await {
                None => break,
                Some(Ok(part)) => {
                    bytes += part.len() as u64;
                    if bytes <= limit {
                        hash.update(&part);
                        writer.wait_for_capacity(1).await?;
                        writer.put(part);
                        continue;
                    }
                    Error::Invalid(format!("larger than {limit} bytes"))
                }
                Some(Err(cause)) => Error::Invalid(format!("the upload broke off: {cause}")),
            };
            writer.abort().await?;
            return Err(refusal);
        }
        writer.finish().await?;
        Ok(Stored { bytes, sha256: hex(hash.finish().as_ref()) })
    }

    /// The bytes `range` of a blob as a stream.
    pub async fn read(
        &self,
        key: &str,
        range: std::ops::Range<u64>,
    ) -> Result<BoxStream<'static, object_store::Result<Bytes>>> {
        if range.is_empty() {
            return Ok(futures_util::stream::empty().boxed());
        }
        let options = GetOptions { range: Some(GetRange::Bounded(range)), ..GetOptions::default() };
        Ok(self.store.get_opts(&object_store::path::Path::from(key), options).await?.into_stream())
    }

    /// A whole blob as a stream.
    pub async fn read_whole(
        &self,
        key: &str,
    ) -> Result<BoxStream<'static, object_store::Result<Bytes>>> {
        let key = object_store::path::Path::from(key);
        Ok(self.store.get_opts(&key, GetOptions::default()).await?.into_stream())
    }

    /// Removes a blob; one that is not there is no error.
    pub async fn delete(&self, key: &str) -> Result<()> {
        match self.store.delete(&object_store::path::Path::from(key)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(cause) => Err(cause.into()),
        }
    }
}

impl From<object_store::Error> for Error {
    fn from(cause: object_store::Error) -> Self {
        match cause {
            object_store::Error::NotFound { .. } => Error::bug("reading a blob", cause),
            cause => Error::internal("blob storage", cause),
        }
    }
}

#[cfg(test)]
mod tests;
