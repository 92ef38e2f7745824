//! The log of a build: appending chunks, and reading them back as plain text.
//!
//! Chunks are zstd frames. While a build runs they are rows; a finished log is
//! one blob of the same frames, so reading never depends on which it is.

use std::io::Read;

use futures_util::TryStreamExt;

use crate::app::App;
use crate::db::logs::{ChunkHead, LogHead, NewChunk};
use crate::db::wake::Topic;
use crate::db::{self, Tx};
use crate::error::{Error, Result};
use crate::model::ids::BuildId;
use crate::model::log::{ChunkMeta, Run, Stream};
use crate::protocol::{LogReply, MAX_CHUNK_BYTES};

use super::{Holder, hold, log_lines, lost};

/// Step name of lines that the server writes itself.
const SERVER_STEP: &str = "shipmate";
/// Longest description of one chunk; 1 MiB of text has at most 2^20 lines.
const MAX_META_BYTES: usize = 2 << 20;
/// Steps named by one chunk.
const MAX_STEPS: usize = 1_000;

/// Stores chunk `seq` of the holder's attempt. A chunk that is stored already
/// is acknowledged again and changes nothing.
///
/// # Errors
/// `Invalid` when the body is not what `protocol` says, `Conflict` when the
/// agent no longer holds the build or a chunk before this one is missing.
pub async fn append(
    app: &App,
    holder: Holder<'_>,
    seq: i64,
    body: bytes::Bytes,
) -> Result<LogReply> {
    let mut tx = app.db.read().await?;
    let head = held_head(&mut tx, holder).await?;
    drop(tx);
    if seq < head.next_seq {
        return Ok(LogReply { next_seq: head.next_seq });
    }
    let checked = tokio::task::spawn_blocking(move || check_chunk(&body))
        .await
        .map_err(|cause| Error::internal("checking a log chunk", cause))??;
    let mut tx = app.db.write().await?;
    // A cancel writes a line of its own, at any moment.
    db::logs::lock(&mut tx, holder.build).await?;
    let head = held_head(&mut tx, holder).await?;
    if seq < head.next_seq {
        return Ok(LogReply { next_seq: head.next_seq });
    }
    if seq > head.next_seq {
        return Err(Error::Invalid(format!("seq: expected {}", head.next_seq)));
    }
    let Checked { meta, text, frame } = checked;
    store(&mut tx, &head, (holder.attempt, seq), Body { meta: &meta, text: &text, frame }).await?;
    tx.wake_on_commit(Topic::Build(holder.build.clone()));
    tx.commit().await?;
    Ok(LogReply { next_seq: seq + 1 })
}

/// A chunk that is what it says.
struct Body<'a> {
    meta: &'a ChunkMeta,
    text: &'a [u8],
    frame: Vec<u8>,
}

/// Appends a chunk to the log and to its outline.
async fn store(
    tx: &mut Tx,
    head: &LogHead,
    (attempt, seq): (i64, i64),
    body: Body<'_>,
) -> Result<()> {
    let Body { meta, text, frame } = body;
    let mut outline = log_lines::read_outline(tx, &head.build_id).await?;
    outline.extend(head.lines.unsigned_abs(), meta, text);
    let outline = serde_json::to_string(&outline)
        .map_err(|cause| Error::internal("writing an outline", cause))?;
    db::logs::set_outline(tx, &head.build_id, &outline).await?;
    let chunk = NewChunk {
        attempt,
        seq,
        bytes: text.len() as i64,
        lines: meta.lines as i64,
        meta: serde_json::to_string(meta)
            .map_err(|cause| Error::internal("writing chunk meta", cause))?,
        data: frame,
    };
    db::logs::append(tx, head, chunk).await
}

async fn held_head(tx: &mut Tx, holder: Holder<'_>) -> Result<LogHead> {
    let build = hold(tx, holder).await?;
    let head = db::logs::find_head(tx, &build.id).await?.ok_or_else(lost)?;
    if head.state != "live" || head.attempt != holder.attempt {
        return Err(lost());
    }
    Ok(head)
}

/// A well-formed chunk.
struct Checked {
    meta: ChunkMeta,
    text: Vec<u8>,
    frame: Vec<u8>,
}

/// Holds a chunk to what it says of itself: nothing of it is believed.
fn check_chunk(body: &[u8]) -> Result<Checked> {
    let wrong = |what: &str| Error::Invalid(format!("log chunk: {what}"));
    let end = body.iter().position(|b| *b == b'\n').ok_or_else(|| wrong("no meta line"))?;
    let (meta, frame) = (&body[..end], &body[end + 1..]);
    if meta.len() > MAX_META_BYTES {
        return Err(wrong("meta too long"));
    }
    let meta: ChunkMeta = serde_json::from_slice(meta).map_err(|_| wrong("malformed meta"))?;
    let text = unpack(frame).map_err(|_| wrong("not one zstd frame of at most 1 MiB"))?;
    let lines = text.iter().filter(|b| **b == b'\n').count() as u64;
    let named: u64 = meta.runs.iter().map(|run| u64::from(run.lines)).sum();
    if meta.bytes != text.len() as u64 || meta.lines != lines || named != lines {
        return Err(wrong("meta does not match the text"));
    }
    if std::str::from_utf8(&text).is_err() {
        return Err(wrong("not UTF-8"));
    }
    let steps = meta.steps.len();
    if steps > MAX_STEPS || meta.runs.iter().any(|run| usize::from(run.step) >= steps) {
        return Err(wrong("unknown step"));
    }
    Ok(Checked { meta, text, frame: frame.to_vec() })
}

/// The plain text of one frame, never more than a chunk may hold.
fn unpack(frame: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut text = Vec::new();
    let decoder = zstd::stream::read::Decoder::new(frame)?;
    decoder.take(MAX_CHUNK_BYTES as u64 + 1).read_to_end(&mut text)?;
    if text.len() > MAX_CHUNK_BYTES {
        return Err(std::io::Error::other("too much text"));
    }
    Ok(text)
}

/// Adds a line of the server's own to a log that is still open.
pub(super) async fn write_line(app: &App, tx: &mut Tx, id: &BuildId, line: &str) -> Result<()> {
    db::logs::lock(tx, id).await?;
    let Some(head) = db::logs::find_head(tx, id).await? else { return Ok(()) };
    if head.state != "live" {
        return Ok(());
    }
    let text = format!("{line}\n");
    let meta = ChunkMeta {
        bytes: text.len() as u64,
        lines: 1,
        steps: vec![SERVER_STEP.into()],
        runs: vec![Run {
            lines: 1,
            partial: false,
            at: app.clock.now().0,
            stream: Stream::System,
            step: 0,
        }],
    };
    let data = zstd::bulk::compress(text.as_bytes(), 1)
        .map_err(|cause| Error::internal("compressing a log line", cause))?;
    let body = Body { meta: &meta, text: text.as_bytes(), frame: data };
    store(tx, &head, (head.attempt, -1), body).await
}

/// The state of a build's log.
pub async fn head(app: &App, id: &BuildId) -> Result<LogHead> {
    let mut tx = app.db.read().await?;
    db::logs::find_head(&mut tx, id).await?.ok_or_else(Error::not_found)
}

/// One stored chunk: its description and its plain text.
#[derive(Debug)]
pub struct Piece {
    pub head: ChunkHead,
    pub text: bytes::Bytes,
}

/// The chunk that holds byte `from`, or the first one after it; `None` at the
/// end of what is stored.
pub async fn read_piece(app: &App, id: &BuildId, from: u64) -> Result<Option<Piece>> {
    let mut tx = app.db.read().await?;
    let from = i64::try_from(from).unwrap_or(i64::MAX);
    let Some(head) = db::logs::list_chunks(&mut tx, id, from, 1).await?.pop() else {
        return Ok(None);
    };
    let frame = match db::logs::find_data(&mut tx, id, head.ordinal).await? {
        Some(data) => data,
        None => {
            // Folded between the two reads, or before: read where it is now.
            let chunk = db::logs::list_chunks(&mut tx, id, from, 1).await?.pop();
            let log = db::logs::find_head(&mut tx, id).await?;
            drop(tx);
            let place = chunk.and_then(|c| c.blob_offset).zip(log.and_then(|l| l.blob_key));
            let (offset, key) =
                place.ok_or_else(|| Error::bug("reading a log", "a chunk is nowhere"))?;
            let range = offset as u64..(offset + head.blob_bytes) as u64;
            let parts: Vec<bytes::Bytes> = app.blobs.read(&key, range).await?.try_collect().await?;
            parts.concat()
        }
    };
    let text = tokio::task::spawn_blocking(move || unpack(&frame))
        .await
        .map_err(|cause| Error::internal("reading a log", cause))?
        .map_err(|cause| Error::internal("reading a log", cause))?;
    Ok(Some(Piece { head, text: text.into() }))
}

#[cfg(test)]
mod tests;
