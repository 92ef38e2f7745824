//! Puts the streams of a build together in the order of their arrival, as a
//! row of chunks. Pure: time is given, and waiting is the caller's.

use std::collections::VecDeque;
use std::time::Instant;

use crate::agent::log::chunk::{Chunk, Place};
use crate::agent::log::lane::Lane;
use crate::agent::log::mask::Masks;
use crate::model::log::Stream;

/// Full chunks that may wait to be packed; then writers wait.
const MAX_FULL: usize = 2;

/// One moment on both clocks.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    /// Milliseconds since the Unix epoch, for the log.
    pub at: i64,
    /// For deadlines.
    pub instant: Instant,
}

/// The log of one build between the pipes and the packer.
#[derive(Default)]
pub struct Assembler {
    pub masks: Masks,
    stdout: Output,
    stderr: Output,
    row: Row,
}

#[derive(Default)]
struct Output {
    lane: Lane,
    step: String,
}

/// The chunks: full ones, and the one that is being filled.
#[derive(Default)]
struct Row {
    full: VecDeque<Chunk>,
    open: Chunk,
    spare: Option<String>,
    /// Who wrote the last line, while it has no end.
    unfinished: Option<(Stream, String)>,
}

impl Assembler {
    /// Takes output of a step, split anywhere.
    pub fn write(&mut self, step: &str, stream: Stream, bytes: &[u8], now: Now) {
        let (lane, other) = match stream {
            Stream::Stdout => (&mut self.stdout, &mut self.stderr),
            Stream::Stderr => (&mut self.stderr, &mut self.stdout),
            Stream::System => return self.system(step, &String::from_utf8_lossy(bytes), now),
        };
        let (masks, row) = (&mut self.masks, &mut self.row);
        let other_stream = if stream == Stream::Stdout { Stream::Stderr } else { Stream::Stdout };
        if other.step != step {
            other.release(other_stream, masks, row, now);
        }
        if lane.step != step {
            // The earlier step's pipe is closed.
            lane.finish(stream, masks, row, now);
            step.clone_into(&mut lane.step);
        }
        let place = Place { at: now.at, stream, step };
        lane.lane.push(bytes, now.instant, masks, &mut |text| row.append(text, place, now));
    }

    /// Adds a line of Shipmate's own; it always starts a line.
    pub fn system(&mut self, step: &str, line: &str, now: Now) {
        let (masks, row) = (&mut self.masks, &mut self.row);
        self.stdout.release(Stream::Stdout, masks, row, now);
        self.stderr.release(Stream::Stderr, masks, row, now);
        if let Some((stream, unfinished)) = row.unfinished.take() {
            row.append("\n", Place { at: now.at, stream, step: &unfinished }, now);
        }
        let place = Place { at: now.at, stream: Stream::System, step };
        row.append(&masks.clean(line), place, now);
        if !line.ends_with('\n') {
            row.append("\n", place, now);
        }
    }

    /// Shows unfinished lines whose time has come.
    pub fn release_due(&mut self, now: Now) {
        for (output, stream) in
            [(&mut self.stdout, Stream::Stdout), (&mut self.stderr, Stream::Stderr)]
        {
            if output.lane.due().is_some_and(|due| due <= now.instant) {
                output.release(stream, &mut self.masks, &mut self.row, now);
            }
        }
    }

    /// The next moment for `release_due`.
    pub fn next_due(&self) -> Option<Instant> {
        let dues = [self.stdout.lane.due(), self.stderr.lane.due()];
        dues.into_iter().flatten().min()
    }

    /// All streams have ended: nothing stays behind.
    pub fn finish(&mut self, now: Now) {
        self.stdout.finish(Stream::Stdout, &mut self.masks, &mut self.row, now);
        self.stderr.finish(Stream::Stderr, &mut self.masks, &mut self.row, now);
    }

    /// False when writers should wait for `take_full`.
    pub fn has_room(&self) -> bool {
        self.row.full.len() < MAX_FULL
    }

    pub fn take_full(&mut self) -> Option<Chunk> {
        self.row.full.pop_front()
    }

    /// The chunk that is being filled, as it is, unless it is empty. Only
    /// right while there is no full one.
    pub fn take_open(&mut self) -> Option<Chunk> {
        (!self.row.open.is_empty()).then(|| self.row.turn())
    }

    /// When the chunk that is being filled got its first text.
    pub fn open_since(&self) -> Option<Instant> {
        self.row.open.since()
    }

    /// Gives back the buffer of a packed chunk.
    pub fn recycle(&mut self, buffer: String) {
        self.row.spare.get_or_insert(buffer);
    }
}

impl Output {
    fn release(&mut self, stream: Stream, masks: &mut Masks, row: &mut Row, now: Now) {
        let place = Place { at: now.at, stream, step: &self.step };
        self.lane.release(masks, &mut |text| row.append(text, place, now));
    }

    fn finish(&mut self, stream: Stream, masks: &mut Masks, row: &mut Row, now: Now) {
        let place = Place { at: now.at, stream, step: &self.step };
        self.lane.finish(masks, &mut |text| row.append(text, place, now));
    }
}

impl Row {
    fn append(&mut self, text: &str, place: Place<'_>, now: Now) {
        let mut rest = text;
        while !rest.is_empty() {
            let taken = self.open.append(rest, place, now.instant);
            rest = &rest[taken..];
            if taken == 0 {
                let full = self.turn();
                self.full.push_back(full);
            }
        }
        match &mut self.unfinished {
            _ if text.is_empty() => {}
            unfinished if text.ends_with('\n') => *unfinished = None,
            Some((stream, step)) if *stream == place.stream && step == place.step => {}
            unfinished => *unfinished = Some((place.stream, place.step.to_owned())),
        }
    }

    /// Starts a new chunk and hands out the old one.
    fn turn(&mut self) -> Chunk {
        let next = Chunk::reusing(self.spare.take().unwrap_or_default());
        std::mem::replace(&mut self.open, next)
    }
}

#[cfg(test)]
mod tests;
