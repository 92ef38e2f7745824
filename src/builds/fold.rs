//! Folding a finished log: its chunks become one blob of the same zstd frames
//! (which is itself a valid zstd file), with a digest of the plain text.

use bytes::Bytes;
use ring::digest;

use crate::app::App;
use crate::blobs::BlobKey;
use crate::db;
use crate::db::logs::{ChunkHead, Folded};
use crate::error::{Error, Result};
use crate::model::hex::hex;
use crate::model::ids::BuildId;

use super::logs::{self, Piece};

/// No log is larger than this when compressed; a bound for the blob writer.
const MAX_BLOB_BYTES: u64 = 64 << 30;

/// Folds the log of `id`. May run twice, or again after a crash at any point.
pub async fn fold(app: &App, id: &BuildId) -> Result<()> {
    let mut tx = app.db.read().await?;
    let Some(head) = db::logs::find_head(&mut tx, id).await? else { return Ok(()) };
    drop(tx);
    if head.state != "closed" {
        return Ok(());
    }
    let mut hash = digest::Context::new(&digest::SHA256);
    let mut places: Vec<(i64, i64)> = Vec::new();
    let frames = futures_util::stream::try_unfold(0_u64, |from| read_frame(app, id, from));
    let mut offset = 0;
    let frames = futures_util::TryStreamExt::map_ok(frames, |(frame, piece): (Bytes, Piece)| {
        hash.update(&piece.text);
        places.push((piece.head.ordinal, offset));
        offset += frame.len() as i64;
        frame
    });
    let key = BlobKey::Log(id.clone());
    let stored = app.blobs.write(&key, Box::pin(frames), MAX_BLOB_BYTES).await?;
    let folded = Folded {
        blob_key: &key.to_string(),
        blob_bytes: stored.bytes as i64,
        sha256: &hex(hash.finish().as_ref()),
    };
    let mut tx = app.db.write().await?;
    if db::logs::set_folded(&mut tx, id, &folded).await? == 1 {
        for (ordinal, offset) in places {
            db::logs::set_offset(&mut tx, id, ordinal, offset).await?;
        }
    }
    tx.commit().await
}

type Step = Option<((Bytes, Piece), u64)>;

/// The frame at byte `from` of the text, and where the next one starts.
async fn read_frame(app: &App, id: &BuildId, from: u64) -> Result<Step> {
    let Some(piece) = logs::read_piece(app, id, from).await? else { return Ok(None) };
    let ChunkHead { ordinal, first_byte, bytes, .. } = piece.head;
    let mut tx = app.db.read().await?;
    let frame = db::logs::find_data(&mut tx, id, ordinal)
        .await?
        .ok_or_else(|| Error::bug("folding a log", "a chunk is folded already"))?;
    let next = (first_byte + bytes) as u64;
    Ok(Some(((Bytes::from(frame), piece), next)))
}
