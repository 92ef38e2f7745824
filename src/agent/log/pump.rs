//! Takes chunks when they are worth sending, packs them and puts them into the
//! spool, on a blocking thread.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use crate::agent::log::chunk::{Chunk, Packer};
use crate::agent::log::{Next, Shared};
use crate::agent::spool::Spool;

/// Runs until the log is closed and empty, or nobody wants it. Returns what
/// went wrong.
pub async fn pump(shared: Arc<Shared>, spool: Arc<Spool>) -> Option<String> {
    // Whatever ends this task, writers and the sender must not wait for it.
    let _end = End(&shared, &spool);
    let mut packer = None;
    let mut last = None;
    let mut told = false;
    loop {
        if spool.is_full() && !shared.lock().stopped {
            if !std::mem::replace(&mut told, true) {
                tracing::warn!("The log spool is full; the build waits for the server");
            }
            shared.readable.notified().await;
            continue;
        }
        match shared.next(spool.waiting(), last) {
            Next::Done => return None,
            Next::Wait(None) => shared.readable.notified().await,
            Next::Wait(Some(due)) => {
                // Early or late is harmless: the next round looks again.
                let _ = tokio::time::timeout_at(due.into(), shared.readable.notified()).await;
            }
            Next::Pack(chunk) => {
                told = false;
                last = Some(Instant::now());
                shared.lock().chunks += 1;
                shared.writable.notify_waiters();
                match pack(packer.take(), chunk, &spool).await {
                    Ok((again, buffer)) => {
                        packer = Some(again);
                        shared.lock().assembler.recycle(buffer);
                    }
                    Err(error) => {
                        tracing::error!(%error, "A log chunk could not be packed");
                        return Some(format!("a part of the log could not be packed: {error}"));
                    }
                }
            }
        }
    }
}

/// Gives back what the next call can reuse.
async fn pack(
    packer: Option<Packer>,
    chunk: Chunk,
    spool: &Arc<Spool>,
) -> io::Result<(Packer, String)> {
    let spool = spool.clone();
    let packed = tokio::task::spawn_blocking(move || {
        let mut packer = packer.map_or_else(Packer::new, Ok)?;
        let (body, buffer) = packer.pack(chunk)?;
        spool.push(body);
        Ok((packer, buffer))
    });
    packed.await.map_err(io::Error::other)?
}

struct End<'a>(&'a Shared, &'a Spool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.stop();
        self.1.close();
    }
}
