//! One file out of the packed sources of a build (`protocol::sources`), read
//! without the rest.

use futures_util::TryStreamExt;

use super::Blobs;
use crate::error::{Error, Result};
use crate::protocol::sources::{HEAD, SourceEntry, SourceFile, index_end, read_file, read_index};

/// The packed sources of a build.
pub struct PackedSources {
    blobs: Blobs,
    key: String,
    bytes: u64,
    frames_at: u64,
    index: Vec<SourceEntry>,
}

impl PackedSources {
    /// Reads the index of the blob `key` of `bytes` bytes.
    ///
    /// # Errors
    /// `Invalid` if it is damaged.
    pub async fn open(blobs: &Blobs, key: &str, bytes: u64) -> Result<Self> {
        let mut sources = Self {
            blobs: blobs.clone(),
            key: key.to_owned(),
            bytes,
            frames_at: 0,
            index: Vec::new(),
        };
        let head = sources.read(0, HEAD.min(bytes)).await?;
        let end = index_end(&head, bytes).map_err(damaged)?;
        let packed = sources.read(HEAD, end - HEAD).await?;
        sources.index = read_index(&packed, bytes - end).map_err(damaged)?;
        sources.frames_at = end;
        Ok(sources)
    }

    pub fn index(&self) -> &[SourceEntry] {
        &self.index
    }

    /// One file.
    ///
    /// # Errors
    /// `Invalid` if it is damaged.
    pub async fn file(&self, entry: &SourceEntry) -> Result<SourceFile> {
        let packed = self.read(self.frames_at + entry.at, entry.bytes).await?;
        read_file(&packed).map_err(damaged)
    }

    async fn read(&self, from: u64, bytes: u64) -> Result<Vec<u8>> {
        let end = from.saturating_add(bytes).min(self.bytes);
        let mut stream = self.blobs.read(&self.key, from..end).await?;
        let mut all = Vec::new();
        while let Some(part) = stream.try_next().await? {
            all.extend_from_slice(&part);
        }
        Ok(all)
    }
}

fn damaged(cause: impl std::fmt::Display) -> Error {
    Error::Invalid(cause.to_string())
}
