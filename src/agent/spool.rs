//! Packed log chunks on disk, from the moment they are made until the server
//! has them: one file a chunk, and only numbers in memory. A spool serves one
//! attempt and dies with it; it is there so that an outage of the server costs
//! disk, not memory and not a byte of log.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::Notify;

/// The waiting chunks of one attempt.
pub struct Spool {
    folder: PathBuf,
    /// Packed bytes on disk above which `is_full` says so.
    limit: u64,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    /// Number of the oldest waiting chunk.
    first: i64,
    /// Packed bytes of each waiting chunk.
    sizes: VecDeque<u64>,
    /// Their sum.
    bytes: u64,
    /// A chunk that is next to be sent, or could not be written.
    in_memory: Option<(i64, Bytes)>,
    /// The chunk in memory is nowhere else.
    only_in_memory: bool,
    closed: bool,
}

impl State {
    fn end(&self) -> i64 {
        self.first + self.sizes.len() as i64
    }
}

impl Spool {
    /// An empty spool in `folder`, which is emptied.
    pub fn create(folder: PathBuf, limit: u64) -> io::Result<Self> {
        remove(&folder)?;
        std::fs::create_dir_all(&folder)?;
        Ok(Self { folder, limit, state: Mutex::default(), changed: Notify::new() })
    }

    /// Keeps the next chunk. If the disk refuses, the chunk stays in memory
    /// and the spool counts as full until it was sent. Blocks; one caller.
    pub fn push(&self, body: Bytes) {
        let seq = self.lock().end();
        let written = self.write(seq, &body);
        let mut state = self.lock();
        state.sizes.push_back(body.len() as u64);
        state.bytes += body.len() as u64;
        if let Err(error) = &written {
            tracing::warn!(%error, "The log cannot be kept on disk; the build waits for the server");
            state.only_in_memory = true;
        }
        if state.first == seq || written.is_err() {
            state.in_memory = Some((seq, body));
        }
        drop(state);
        self.changed.notify_one();
    }

    /// Written under another name first, so that a chunk is whole or absent.
    fn write(&self, seq: i64, body: &[u8]) -> io::Result<()> {
        let unfinished = self.folder.join("unfinished");
        let mut file = std::fs::File::create(&unfinished)?;
        file.write_all(body)?;
        std::fs::rename(unfinished, self.file(seq))
    }

    /// True when the build should wait for the server.
    pub fn is_full(&self) -> bool {
        let state = self.lock();
        state.only_in_memory || state.bytes >= self.limit
    }

    /// Chunks that the server has not acknowledged.
    pub fn waiting(&self) -> usize {
        self.lock().sizes.len()
    }

    /// Number of chunks that were kept so far.
    pub fn count(&self) -> i64 {
        self.lock().end()
    }

    /// Number of the oldest waiting chunk, as soon as there is one; `None`
    /// after `close` when all are gone. One caller.
    pub async fn next(&self) -> Option<i64> {
        loop {
            {
                let state = self.lock();
                if !state.sizes.is_empty() {
                    return Some(state.first);
                }
                if state.closed {
                    return None;
                }
            }
            self.changed.notified().await;
        }
    }

    /// The body of a waiting chunk. Blocks unless it is the newest.
    pub fn read(&self, seq: i64) -> io::Result<Bytes> {
        if let Some((held, body)) = &self.lock().in_memory
            && *held == seq
        {
            return Ok(body.clone());
        }
        Ok(std::fs::read(self.file(seq))?.into())
    }

    /// The server has all chunks below `next`. Blocks.
    pub fn acknowledge(&self, next: i64) {
        let gone = {
            let mut state = self.lock();
            let gone = state.first..next.min(state.end());
            for seq in gone.clone() {
                state.bytes -= state.sizes.pop_front().unwrap_or(0);
                state.first = seq + 1;
            }
            if state.in_memory.as_ref().is_some_and(|(held, _)| *held < state.first) {
                state.in_memory = None;
                state.only_in_memory = false;
            }
            gone
        };
        for seq in gone {
            // A leftover goes with the folder.
            let _ = std::fs::remove_file(self.file(seq));
        }
    }

    /// No more chunks will come.
    pub fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_one();
    }

    fn file(&self, seq: i64) -> PathBuf {
        self.folder.join(seq.to_string())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        if let Err(error) = remove(&self.folder) {
            tracing::warn!(%error, "A folder of spooled log could not be removed");
        }
    }
}

/// Removes a folder that may not exist.
pub fn remove(folder: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

#[cfg(test)]
mod tests;
