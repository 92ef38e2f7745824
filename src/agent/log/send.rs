//! Sends spooled chunks in order, each until the server has it.

use std::io;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::agent::client::lease::Lease;
use crate::agent::log::Shared;
use crate::agent::log::chunk::{Chunk, Packer, Place};
use crate::agent::report::ReportError;
use crate::agent::spool::Spool;
use crate::model::log::Stream;

/// Runs until the spool is closed and empty, or the server does not want the
/// log. Returns what is wrong with the log, if the lease still holds.
pub async fn send(
    lease: Lease,
    spool: Arc<Spool>,
    shared: Arc<Shared>,
    stop: CancellationToken,
) -> Option<String> {
    let _end = End(&shared);
    let ended = stop.run_until_cancelled(send_all(&lease, &spool, &shared)).await;
    match ended {
        Some(Err(ReportError::Lost)) | Some(Ok(())) | None => None,
        Some(Err(error)) => {
            tracing::error!(build = %lease.build, %error, "The build's log cannot be stored");
            lease.cancel.cancel();
            Some(format!("the log cannot be stored: {error}"))
        }
    }
}

async fn send_all(lease: &Lease, spool: &Arc<Spool>, shared: &Shared) -> Result<(), ReportError> {
    while let Some(seq) = spool.next().await {
        let next = match blocking(spool, move |spool| spool.read(seq)).await {
            Ok(body) => match lease.put_log(seq, &body).await {
                Err(ReportError::Refused(reason)) => replace(lease, shared, seq, &reason).await?,
                result => result?,
            },
            Err(error) => replace(lease, shared, seq, &error.to_string()).await?,
        };
        if next <= seq {
            let reason = format!("chunk {seq} was sent, but the server has only {next}");
            return Err(ReportError::Refused(reason));
        }
        blocking(spool, move |spool| {
            spool.acknowledge(next);
            Ok(())
        })
        .await?;
        shared.readable.notify_one();
    }
    Ok(())
}

/// Says in the log that a part of it is missing, and why.
async fn replace(
    lease: &Lease,
    shared: &Shared,
    seq: i64,
    reason: &str,
) -> Result<i64, ReportError> {
    tracing::warn!(build = %lease.build, seq, reason, "A part of the log is lost");
    let now = shared.clock.now();
    let mut note = Chunk::default();
    let place = Place { at: now.at, stream: Stream::System, step: "" };
    note.append(&format!("[A part of the log is lost: {reason}]\n"), place, now.instant);
    let (body, _) = Packer::new()?.pack(note)?;
    lease.put_log(seq, &body).await
}

async fn blocking<T: Send + 'static>(
    spool: &Arc<Spool>,
    work: impl FnOnce(&Spool) -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let spool = spool.clone();
    tokio::task::spawn_blocking(move || work(&spool)).await.map_err(io::Error::other)?
}

struct End<'a>(&'a Shared);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.stop();
    }
}
