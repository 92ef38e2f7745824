//! Files at rest, encrypted while they stream: AES-256-GCM in chunks, under a
//! key of the file's own that is sealed beside it. The nonce is the chunk's
//! number and whether it is the last, so chunks can be neither cut off,
//! swapped nor taken from another file.

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt, stream};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

use crate::error::{Error, Result};

/// Plain bytes of one chunk.
const CHUNK: usize = 64 << 10;
/// What a chunk grows by.
const TAG: usize = 16;

/// The key of one file. Not `Debug`.
pub struct FileKey(LessSafeKey);

impl FileKey {
    pub(super) fn new(bytes: &[u8]) -> Result<Self> {
        let key = UnboundKey::new(&AES_256_GCM, bytes)
            .map_err(|_| Error::bug("opening a file key", "wrong length"))?;
        Ok(Self(LessSafeKey::new(key)))
    }

    /// `plain` encrypted.
    pub fn encrypt<S, E>(self, plain: S) -> impl Stream<Item = Result<Bytes, E>> + Unpin
    where
        S: Stream<Item = Result<Bytes, E>> + Unpin,
    {
        chunks(plain, CHUNK).map(move |chunk| {
            chunk.map(|(number, is_last, bytes)| {
                let mut bytes = bytes.to_vec();
                self.0
                    .seal_in_place_append_tag(nonce(number, is_last), Aad::empty(), &mut bytes)
                    .expect("a chunk is shorter than AES-GCM's limit");
                bytes.into()
            })
        })
    }

    /// What `encrypt` made, opened again; fails at the first chunk that is not
    /// as it was written.
    pub fn decrypt<S, E>(self, sealed: S) -> impl Stream<Item = Result<Bytes>> + Unpin
    where
        S: Stream<Item = Result<Bytes, E>> + Unpin,
        E: Into<Error>,
    {
        chunks(sealed, CHUNK + TAG).map(move |chunk| {
            let (number, is_last, bytes) = chunk.map_err(Into::into)?;
            let mut bytes = bytes.to_vec();
            let plain = self
                .0
                .open_in_place(nonce(number, is_last), Aad::empty(), &mut bytes)
                .map_err(|_| Error::bug("opening a secure file", "wrong key or damaged file"))?
                .len();
            bytes.truncate(plain);
            Ok(bytes.into())
        })
    }
}

fn nonce(number: u64, is_last: bool) -> Nonce {
    let mut bytes = [0; NONCE_LEN];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    bytes[8] = u8::from(is_last);
    Nonce::assume_unique_for_key(bytes)
}

struct Cutter<S> {
    from: S,
    held: BytesMut,
    number: u64,
    ended: bool,
    done: bool,
}

/// Cuts a stream into pieces of `size` bytes with their numbers; the last one
/// is shorter (perhaps empty) or as long, and says that it is the last.
fn chunks<S, E>(from: S, size: usize) -> impl Stream<Item = Result<(u64, bool, Bytes), E>> + Unpin
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
{
    let cutter = Cutter { from, held: BytesMut::new(), number: 0, ended: false, done: false };
    let cut = stream::try_unfold(cutter, move |mut cutter| async move {
        if cutter.done {
            return Ok(None);
        }
        // One byte more than a chunk tells that the chunk is not the last.
        while !cutter.ended && cutter.held.len() <= size {
            match cutter.from.next().await {
                Some(piece) => cutter.held.extend_from_slice(&piece?),
                None => cutter.ended = true,
            }
        }
        let is_last = cutter.ended && cutter.held.len() <= size;
        let length = cutter.held.len().min(size);
        let piece = cutter.held.split_to(length).freeze();
        let number = cutter.number;
        cutter.number += 1;
        cutter.done = is_last;
        Ok(Some(((number, is_last, piece), cutter)))
    });
    Box::pin(cut)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Pieces = Vec<Result<Bytes>>;

    fn pieces(bytes: &[u8], size: usize) -> impl Stream<Item = Result<Bytes>> + Unpin {
        let all: Pieces =
            bytes.chunks(size).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
        stream::iter(all)
    }

    async fn whole(stream: impl Stream<Item = Result<Bytes>> + Unpin) -> Result<Vec<u8>> {
        let pieces: Pieces = stream.collect().await;
        let mut whole = Vec::new();
        for piece in pieces {
            whole.extend_from_slice(&piece?);
        }
        Ok(whole)
    }

    fn key(byte: u8) -> FileKey {
        FileKey::new(&[byte; 32]).unwrap()
    }

    #[tokio::test]
    async fn every_size_comes_back_and_no_damage_does() {
        for size in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 3 * CHUNK + 5] {
            let plain: Vec<u8> = (0..size).map(|at| (at % 251) as u8).collect();
            let sealed = whole(key(1).encrypt(pieces(&plain, 10_007))).await.unwrap();
            assert!(size < 20 || !sealed.windows(20).any(|part| part == &plain[..20]));
            let opened = whole(key(1).decrypt(pieces(&sealed, 4_099))).await.unwrap();
            assert!(opened == plain, "{size} bytes");
            assert!(whole(key(2).decrypt(pieces(&sealed, 4_099))).await.is_err());
            let shorter = sealed.len().saturating_sub(1);
            assert!(whole(key(1).decrypt(pieces(&sealed[..shorter], 999))).await.is_err());
            let mut flipped = sealed.clone();
            flipped[size / 2] ^= 1;
            assert!(whole(key(1).decrypt(pieces(&flipped, 999))).await.is_err());
            if size > 2 * CHUNK {
                let one = CHUNK + TAG;
                // A whole chunk cut off, and two swapped.
                let cut = whole(key(1).decrypt(pieces(&sealed[..one], 999))).await;
                assert!(cut.is_err());
                let swapped = [&sealed[one..2 * one], &sealed[..one], &sealed[2 * one..]].concat();
                assert!(whole(key(1).decrypt(pieces(&swapped, 999))).await.is_err());
            }
        }
    }
}
