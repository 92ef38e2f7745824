//! The log of a build: one head row, and chunks of compressed text.

use crate::db::sql::{Tx, sql};
use crate::error::Result;
use crate::model::ids::BuildId;

/// Head of a build's log.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct LogHead {
    pub build_id: BuildId,
    /// `live`, `closed` (no more chunks) or `folded` (in one blob).
    pub state: String,
    pub attempt: i64,
    /// Chunks of the current attempt that are stored.
    pub next_seq: i64,
    pub chunks: i64,
    /// Plain bytes and newlines so far.
    pub bytes: i64,
    pub lines: i64,
    /// False when the agent wrote chunks that never arrived.
    pub complete: bool,
    pub blob_key: Option<String>,
    pub blob_bytes: Option<i64>,
    /// Of the plain text, once folded.
    pub sha256: Option<String>,
}

/// A chunk without its text.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct ChunkHead {
    pub ordinal: i64,
    pub attempt: i64,
    pub seq: i64,
    pub first_byte: i64,
    pub first_line: i64,
    pub bytes: i64,
    pub lines: i64,
    /// JSON of `model::log::ChunkMeta`.
    pub meta: String,
    pub blob_offset: Option<i64>,
    pub blob_bytes: i64,
}

pub async fn insert_head(tx: &mut Tx, id: &BuildId) -> Result<()> {
    sql("INSERT INTO build_logs (build_id, state, attempt, next_seq, chunks, bytes, lines)
         VALUES ($1, 'live', 0, 0, 0, 0, 0)")
    .bind(id)
    .exec(tx)
    .await?;
    Ok(())
}

pub async fn find_head(tx: &mut Tx, id: &BuildId) -> Result<Option<LogHead>> {
    sql("SELECT build_id, state, attempt, next_seq, chunks, bytes, lines, complete, blob_key,
           blob_bytes, sha256
         FROM build_logs WHERE build_id = $1")
    .bind(id)
    .opt(tx)
    .await
}

/// Starts the sequence of a new attempt.
pub async fn start_attempt(tx: &mut Tx, id: &BuildId, attempt: i64) -> Result<u64> {
    sql("UPDATE build_logs SET attempt = $2, next_seq = 0 WHERE build_id = $1 AND state = 'live'")
        .bind(id)
        .bind(attempt)
        .exec(tx)
        .await
}

/// Makes other writers of this log wait until the transaction ends: what
/// `find_head` says from here on stays true. SQLite has one writer anyway.
pub async fn lock(tx: &mut Tx, id: &BuildId) -> Result<()> {
    if tx.is_postgres() {
        sql("UPDATE build_logs SET next_seq = next_seq WHERE build_id = $1")
            .bind(id)
            .exec(tx)
            .await?;
    }
    Ok(())
}

/// A chunk to store; `seq` is negative for lines the server itself writes.
#[derive(Debug)]
pub struct NewChunk {
    pub attempt: i64,
    pub seq: i64,
    pub bytes: i64,
    pub lines: i64,
    pub meta: String,
    pub data: Vec<u8>,
}

/// Appends `chunk` after what `head` says is there; call `lock` before reading
/// the head.
pub async fn append(tx: &mut Tx, head: &LogHead, chunk: NewChunk) -> Result<()> {
    let NewChunk { attempt, seq, bytes, lines, meta, data } = chunk;
    let blob_bytes = data.len() as i64;
    sql("INSERT INTO log_chunks (build_id, ordinal, attempt, seq, first_byte, first_line, bytes,
           lines, meta, data, blob_bytes)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)")
    .bind(&head.build_id)
    .bind(head.chunks)
    .bind(attempt)
    .bind(seq)
    .bind(head.bytes)
    .bind(head.lines)
    .bind(bytes)
    .bind(lines)
    .bind(meta)
    .bind(data)
    .bind(blob_bytes)
    .exec(tx)
    .await?;
    sql("UPDATE build_logs SET chunks = chunks + 1, bytes = bytes + $2, lines = lines + $3,
           next_seq = next_seq + $4
         WHERE build_id = $1 AND chunks = $5")
    .bind(&head.build_id)
    .bind(bytes)
    .bind(lines)
    .bind(i64::from(seq >= 0))
    .bind(head.chunks)
    .exec(tx)
    .await?;
    Ok(())
}

/// No more chunks will be accepted.
pub async fn close(tx: &mut Tx, id: &BuildId, complete: bool) -> Result<u64> {
    sql("UPDATE build_logs SET state = 'closed', complete = $2
         WHERE build_id = $1 AND state = 'live'")
    .bind(id)
    .bind(complete)
    .exec(tx)
    .await
}

/// Chunks that hold bytes at or after `from_byte`, in order.
pub async fn list_chunks(
    tx: &mut Tx,
    id: &BuildId,
    from_byte: i64,
    limit: i64,
) -> Result<Vec<ChunkHead>> {
    sql("SELECT ordinal, attempt, seq, first_byte, first_line, bytes, lines, meta, blob_offset,
           blob_bytes
         FROM log_chunks WHERE build_id = $1 AND first_byte + bytes > $2
         ORDER BY ordinal LIMIT CAST($3 AS BIGINT)")
    .bind(id)
    .bind(from_byte)
    .bind(limit)
    .all(tx)
    .await
}

/// The chunk to start with when line `line` is sought, counted from 0: the last
/// one that begins in an earlier line, because a chunk may begin in mid-line.
pub async fn find_chunk_before(tx: &mut Tx, id: &BuildId, line: i64) -> Result<Option<ChunkHead>> {
    sql("SELECT ordinal, attempt, seq, first_byte, first_line, bytes, lines, meta, blob_offset,
           blob_bytes
         FROM log_chunks WHERE build_id = $1 AND (first_line < $2 OR ordinal = 0)
         ORDER BY first_line DESC, ordinal DESC LIMIT 1")
    .bind(id)
    .bind(line)
    .opt(tx)
    .await
}

/// JSON of `model::outline::Outline`; `None` for an empty log and for logs
/// from before outlines were kept.
pub async fn find_outline(tx: &mut Tx, id: &BuildId) -> Result<Option<String>> {
    let row: Option<(String,)> =
        sql("SELECT outline FROM log_outlines WHERE build_id = $1").bind(id).opt(tx).await?;
    Ok(row.map(|r| r.0))
}

/// Keeps what the log is made of, so far.
pub async fn set_outline(tx: &mut Tx, id: &BuildId, outline: &str) -> Result<()> {
    sql("INSERT INTO log_outlines (build_id, outline) VALUES ($1, $2)
         ON CONFLICT (build_id) DO UPDATE SET outline = excluded.outline")
    .bind(id)
    .bind(outline)
    .exec(tx)
    .await?;
    Ok(())
}

/// The compressed text of a chunk that is not folded yet.
pub async fn find_data(tx: &mut Tx, id: &BuildId, ordinal: i64) -> Result<Option<Vec<u8>>> {
    let row: Option<(Option<Vec<u8>>,)> =
        sql("SELECT data FROM log_chunks WHERE build_id = $1 AND ordinal = $2")
            .bind(id)
            .bind(ordinal)
            .opt(tx)
            .await?;
    Ok(row.and_then(|r| r.0))
}

/// Where a chunk's frame stands in the blob.
pub async fn set_offset(tx: &mut Tx, id: &BuildId, ordinal: i64, offset: i64) -> Result<()> {
    sql("UPDATE log_chunks SET data = NULL, blob_offset = $3 WHERE build_id = $1 AND ordinal = $2")
        .bind(id)
        .bind(ordinal)
        .bind(offset)
        .exec(tx)
        .await?;
    Ok(())
}

/// The one blob that holds a finished log.
#[derive(Debug)]
pub struct Folded<'a> {
    pub blob_key: &'a str,
    pub blob_bytes: i64,
    /// Of the plain text, lowercase hex.
    pub sha256: &'a str,
}

/// Marks the log folded; rows changed.
pub async fn set_folded(tx: &mut Tx, id: &BuildId, folded: &Folded<'_>) -> Result<u64> {
    sql("UPDATE build_logs SET state = 'folded', blob_key = $2, blob_bytes = $3, sha256 = $4
         WHERE build_id = $1 AND state = 'closed'")
    .bind(id)
    .bind(folded.blob_key)
    .bind(folded.blob_bytes)
    .bind(folded.sha256)
    .exec(tx)
    .await
}
