//! One chunk of the log: filled with text, then packed as the server stores
//! it. Knows the bounds of `protocol.rs`; knows no files and no network.

use std::io;
use std::time::Instant;

use bytes::Bytes;
use zstd::bulk::Compressor;
use zstd::zstd_safe::compress_bound;

use crate::model::log::{ChunkMeta, Run, Stream};
use crate::protocol::MAX_CHUNK_BYTES;

/// A run is at most about 60 bytes of JSON, so that a chunk of very short
/// lines stays far below `MAX_CHUNK_BODY`.
const MAX_RUNS: usize = 16_384;

/// Step names in one chunk, each at most `MAX_STEP_BYTES`.
const MAX_STEPS: usize = 256;

/// Longer step names are cut.
pub const MAX_STEP_BYTES: usize = 256;

/// Where the time goes when a build prints fast; level 1 keeps up with a pipe.
const ZSTD_LEVEL: i32 = 1;

/// When, where and in which step a text was written.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// Milliseconds since the Unix epoch.
    pub at: i64,
    pub stream: Stream,
    pub step: &'a str,
}

/// A chunk that is being filled. Not `Debug`: it is a build's output.
#[derive(Default)]
pub struct Chunk {
    text: String,
    meta: ChunkMeta,
    since: Option<Instant>,
}

impl Chunk {
    /// An empty chunk that fills `buffer`.
    pub fn reusing(mut buffer: String) -> Self {
        buffer.clear();
        Self { text: buffer, ..Self::default() }
    }

    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// When the first text arrived.
    pub fn since(&self) -> Option<Instant> {
        self.since
    }

    /// Adds what fits of `text`, cut after a line where possible, and returns
    /// how many bytes that was; 0 = full. An empty chunk always takes some.
    pub fn append(&mut self, text: &str, place: Place<'_>, now: Instant) -> usize {
        let cut = self.room_for(text);
        let text = &text[..cut];
        if text.is_empty() || !self.note(text, place) {
            return 0;
        }
        self.text.push_str(text);
        self.since.get_or_insert(now);
        cut
    }

    fn room_for(&self, text: &str) -> usize {
        let room = MAX_CHUNK_BYTES - self.text.len();
        if text.len() <= room {
            return text.len();
        }
        match memchr::memrchr(b'\n', &text.as_bytes()[..room]) {
            Some(newline) => newline + 1,
            None if self.is_empty() => text.floor_char_boundary(room),
            None => 0,
        }
    }

    /// Extends the list of runs by `text`; false when the list is full.
    fn note(&mut self, text: &str, place: Place<'_>) -> bool {
        let newlines = memchr::memchr_iter(b'\n', text.as_bytes()).count();
        let lines = u32::try_from(newlines).unwrap_or(u32::MAX);
        let partial = !text.ends_with('\n');
        let Some(step) = self.step(place.step) else { return false };
        let is_full = self.meta.runs.len() == MAX_RUNS;
        match self.meta.runs.last_mut() {
            Some(run) if (run.at, run.stream, run.step) == (place.at, place.stream, step) => {
                run.lines += lines;
                run.partial = partial;
            }
            _ if is_full => return false,
            _ => {
                let Place { at, stream, .. } = place;
                self.meta.runs.push(Run { lines, partial, at, stream, step });
            }
        }
        self.meta.lines += u64::from(lines);
        self.meta.bytes += text.len() as u64;
        true
    }

    /// Index of a step's name; `None` when there are too many.
    fn step(&mut self, name: &str) -> Option<u16> {
        let name = &name[..name.floor_char_boundary(MAX_STEP_BYTES)];
        let steps = &mut self.meta.steps;
        // Nearly always the last one.
        let at = steps.iter().rposition(|step| step == name).or_else(|| {
            (steps.len() < MAX_STEPS).then(|| {
                steps.push(name.to_owned());
                steps.len() - 1
            })
        })?;
        u16::try_from(at).ok()
    }
}

/// Packs chunks; keeps its buffers between them.
pub struct Packer {
    zstd: Compressor<'static>,
    buffer: Vec<u8>,
}

impl Packer {
    pub fn new() -> io::Result<Self> {
        Ok(Self { zstd: Compressor::new(ZSTD_LEVEL)?, buffer: Vec::new() })
    }

    /// The body of a log call (see `protocol.rs`), and the chunk's buffer for
    /// the next one.
    pub fn pack(&mut self, chunk: Chunk) -> io::Result<(Bytes, String)> {
        self.buffer.clear();
        serde_json::to_writer(&mut self.buffer, &chunk.meta)?;
        self.buffer.push(b'\n');
        self.buffer.reserve(compress_bound(chunk.text.len()));
        let mut tail = io::Cursor::new(std::mem::take(&mut self.buffer));
        tail.set_position(tail.get_ref().len() as u64);
        let packed = self.zstd.compress_to_buffer(chunk.text.as_bytes(), &mut tail);
        self.buffer = tail.into_inner();
        packed?;
        Ok((Bytes::copy_from_slice(&self.buffer), chunk.text))
    }
}

#[cfg(test)]
mod tests;
