//! A blob as a file, for readers of formats that seek. Waits for the storage,
//! so it may be used on threads for blocking work only.

use std::io::{self, Read, Seek, SeekFrom};

use futures_util::TryStreamExt;
use tokio::runtime::Handle;

use super::Blobs;
use crate::error::Error;

/// Bytes that are fetched at once.
const WINDOW: u64 = 1 << 20;

/// Reads a part at a time.
pub struct BlobReader {
    blobs: Blobs,
    key: String,
    bytes: u64,
    at: u64,
    runtime: Handle,
    window: Vec<u8>,
    window_at: u64,
}

impl BlobReader {
    /// A reader of the blob `key` of `bytes` bytes; to be made where the
    /// runtime is.
    pub fn new(blobs: &Blobs, key: &str, bytes: u64) -> Self {
        Self {
            blobs: blobs.clone(),
            key: key.to_owned(),
            bytes,
            at: 0,
            runtime: Handle::current(),
            window: Vec::new(),
            window_at: 0,
        }
    }

    fn fetch(&mut self, wanted: u64) -> io::Result<()> {
        let end = self.at.saturating_add(wanted.max(WINDOW)).min(self.bytes);
        let range = self.at..end;
        let length = usize::try_from(end - self.at).map_err(io::Error::other)?;
        let window = self.runtime.block_on(async {
            let mut parts = self.blobs.read(&self.key, range).await?;
            let mut window = Vec::with_capacity(length);
            while let Some(part) = parts.try_next().await? {
                window.extend_from_slice(&part);
            }
            Ok::<_, Error>(window)
        });
        // The cause is for the log: what readers say of a file is shown.
        let window = window.map_err(|cause| {
            tracing::error!(key = self.key, %cause, "a blob cannot be read");
            io::Error::other("the storage does not give it")
        })?;
        if window.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        (self.window, self.window_at) = (window, self.at);
        Ok(())
    }
}

impl Read for BlobReader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.at >= self.bytes || out.is_empty() {
            return Ok(0);
        }
        let end = self.window_at + self.window.len() as u64;
        if !(self.window_at..end).contains(&self.at) {
            // Large parts at once, but no larger than asked for.
            self.fetch((out.len() as u64).min(16 * WINDOW))?;
        }
        let from = usize::try_from(self.at - self.window_at).map_err(io::Error::other)?;
        let length = out.len().min(self.window.len() - from);
        out[..length].copy_from_slice(&self.window[from..from + length]);
        self.at += length as u64;
        Ok(length)
    }
}

impl Seek for BlobReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.bytes.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}
