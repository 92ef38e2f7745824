//! A log as numbered lines: windows of it for a viewer, and search. Lines are
//! counted from 0. The work of one call is bounded, however long the log or a
//! line of it is.

use memchr::{memchr, memchr_iter, memmem};

use crate::app::App;
use crate::db;
use crate::error::{Error, Result};
use crate::model::ansi;
use crate::model::ids::BuildId;
use crate::model::log::{ChunkMeta, Run, Stream};
use crate::model::outline::Outline;

use super::logs::{self, Piece};

/// Most lines of one window.
pub const MAX_LINES: u64 = 2_000;
/// Text of one window, in bytes; the rest is the next window's.
const MAX_WINDOW: usize = 1 << 20;
/// Text of one line, in bytes; the rest is only in the plain download.
const MAX_LINE: usize = 4 << 10;
/// Text that one call of `search` looks at.
const MAX_SCAN: u64 = 32 << 20;
/// Lines that one call of `search` names; all are counted.
const MAX_HITS: usize = 5_000;
/// Longest text to search for, in bytes.
const MAX_NEEDLE: usize = 200;
/// Longest line that is searched where chunks meet.
const MAX_CARRY: usize = 64 << 10;

/// One line as it was written, without its newline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub number: u64,
    /// By the agent's clock, in milliseconds since the Unix epoch.
    pub at: i64,
    pub stream: Stream,
    pub text: String,
    /// The line is longer than what is here.
    pub cut: bool,
}

/// Consecutive lines.
#[derive(Debug, Default)]
pub struct Window {
    pub lines: Vec<Line>,
    /// Lines of the whole log, with a last one that is not ended yet if this
    /// window reaches it.
    pub total: u64,
}

/// At most `count` lines from line `first` on.
pub async fn window(app: &App, id: &BuildId, first: u64, count: u64) -> Result<Window> {
    let head = logs::head(app, id).await?;
    let mut taker = Taker::new(first, count.min(MAX_LINES));
    let mut from = find_start(app, id, first).await?;
    while let Some(at) = from {
        let Some(piece) = logs::read_piece(app, id, at).await? else { break };
        let end = piece.head.first_byte.unsigned_abs() + piece.text.len() as u64;
        taker.take(&piece)?;
        from = match taker.is_full() {
            true => None,
            // The rest of a line of megabytes is not read.
            false if taker.cut => find_start(app, id, taker.number + 1).await?.max(Some(end)),
            false => Some(end),
        };
    }
    let mut total = head.lines.unsigned_abs();
    if !taker.is_full() {
        taker.end_unfinished();
        total = total.max(taker.lines.last().map_or(0, |line| line.number + 1));
    }
    Ok(Window { lines: taker.lines, total })
}

/// Byte of the chunk to begin with.
async fn find_start(app: &App, id: &BuildId, line: u64) -> Result<Option<u64>> {
    let mut tx = app.db.read().await?;
    let line = i64::try_from(line).unwrap_or(i64::MAX);
    let chunk = db::logs::find_chunk_before(&mut tx, id, line).await?;
    Ok(chunk.map(|chunk| chunk.first_byte.unsigned_abs()))
}

/// Takes the wanted lines out of pieces.
struct Taker {
    first: u64,
    count: u64,
    lines: Vec<Line>,
    bytes: usize,
    /// The line that the next byte belongs to.
    number: u64,
    /// What is taken of that line already.
    text: Vec<u8>,
    cut: bool,
    mark: (i64, Stream),
}

impl Taker {
    fn new(first: u64, count: u64) -> Self {
        let mark = (0, Stream::Stdout);
        Self {
            first,
            count,
            lines: Vec::new(),
            bytes: 0,
            number: 0,
            text: Vec::new(),
            cut: false,
            mark,
        }
    }

    fn is_full(&self) -> bool {
        self.lines.len() as u64 >= self.count || self.bytes >= MAX_WINDOW
    }

    fn take(&mut self, piece: &Piece) -> Result<()> {
        let meta: ChunkMeta = serde_json::from_str(&piece.head.meta)
            .map_err(|cause| Error::internal("reading chunk meta", cause))?;
        let mut runs = Runs { runs: meta.runs.iter(), left: 0, last: self.mark };
        self.number = piece.head.first_line.unsigned_abs();
        let mut rest = &piece.text[..];
        while let Some(end) = memchr(b'\n', rest) {
            self.mark = runs.next_line();
            if self.number >= self.first {
                self.add(&rest[..end]);
                self.end_line();
            }
            self.number += 1;
            rest = &rest[end + 1..];
            if self.is_full() {
                return Ok(());
            }
        }
        if !rest.is_empty() && self.number >= self.first {
            self.mark = runs.next_line();
            self.add(rest);
        }
        Ok(())
    }

    fn add(&mut self, text: &[u8]) {
        let room = MAX_LINE - self.text.len();
        self.cut |= text.len() > room;
        self.text.extend_from_slice(&text[..text.len().min(room)]);
    }

    fn end_line(&mut self) {
        let mut text = String::from_utf8_lossy(&self.text).into_owned();
        if self.cut {
            // Half a character at the cut.
            text.truncate(text.trim_end_matches('\u{fffd}').len());
        }
        self.bytes += text.len() + 64;
        let (at, stream) = self.mark;
        self.lines.push(Line { number: self.number, at, stream, text, cut: self.cut });
        self.text.clear();
        self.cut = false;
    }

    fn end_unfinished(&mut self) {
        if !self.text.is_empty() {
            self.end_line();
        }
    }
}

/// Which run each line of a chunk belongs to.
struct Runs<'a> {
    runs: std::slice::Iter<'a, Run>,
    /// Lines of the current run still to come.
    left: u32,
    last: (i64, Stream),
}

impl Runs<'_> {
    fn next_line(&mut self) -> (i64, Stream) {
        while self.left == 0 {
            let Some(run) = self.runs.next() else { return self.last };
            self.left = run.lines;
            self.last = (run.at, run.stream);
            if run.lines == 0 && self.runs.as_slice().is_empty() {
                return self.last;
            }
        }
        self.left -= 1;
        self.last
    }
}

/// What one call of `search` found.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Hits {
    /// Lines that hold the text.
    pub count: u64,
    /// The first of them, ascending.
    pub lines: Vec<u64>,
    /// Byte of the log to go on from; `None` at the end.
    pub next: Option<u64>,
}

/// Looks for `needle` in the text as it shows, without regard to ASCII case,
/// from byte `from` on: 0, or what an earlier call said is next.
///
/// # Errors
/// `Invalid` for an empty or overlong text.
pub async fn search(app: &App, id: &BuildId, needle: &str, from: u64) -> Result<Hits> {
    if needle.is_empty() || needle.len() > MAX_NEEDLE || needle.contains('\n') {
        return Err(Error::invalid_parameter("q"));
    }
    let mut scan = Scan { needle: needle.to_ascii_lowercase(), ..Scan::default() };
    let mut at = from;
    loop {
        let Some(piece) = logs::read_piece(app, id, at).await? else { break };
        at = piece.head.first_byte.unsigned_abs() + piece.text.len() as u64;
        scan = tokio::task::spawn_blocking(move || scan.take(&piece))
            .await
            .map_err(|cause| Error::internal("searching a log", cause))?;
        // A line that is cut in two by the end of a chunk is searched whole.
        if at - from >= MAX_SCAN && scan.carry.is_empty() || at - from >= 2 * MAX_SCAN {
            scan.hits.next = Some(at);
            return Ok(scan.hits);
        }
    }
    let last = std::mem::take(&mut scan.carry);
    scan.look(&last);
    Ok(scan.hits)
}

#[derive(Default)]
struct Scan {
    needle: String,
    hits: Hits,
    /// The beginning of a line whose end is in the next chunk, and its number.
    carry: Vec<u8>,
    line: u64,
}

impl Scan {
    fn take(mut self, piece: &Piece) -> Self {
        if self.carry.is_empty() {
            self.line = piece.head.first_line.unsigned_abs();
        }
        let text = &piece.text[..];
        let Some(last) = memchr::memrchr(b'\n', text) else {
            self.keep(text);
            return self;
        };
        let (whole, rest) = text.split_at(last + 1);
        if self.carry.is_empty() {
            self.look(whole);
        } else {
            let mut joined = std::mem::take(&mut self.carry);
            joined.extend_from_slice(whole);
            self.look(&joined);
        }
        self.line = (piece.head.first_line + piece.head.lines).unsigned_abs();
        self.keep(rest);
        self
    }

    fn keep(&mut self, text: &[u8]) {
        let room = MAX_CARRY.saturating_sub(self.carry.len());
        self.carry.extend_from_slice(&text[..text.len().min(room)]);
    }

    /// Looks through lines of which the first is `self.line`.
    fn look(&mut self, lines: &[u8]) {
        let mut text = match memchr(0x1b, lines) {
            Some(_) => ansi::plain(&String::from_utf8_lossy(lines)).into_bytes(),
            None => lines.to_vec(),
        };
        text.make_ascii_lowercase();
        let finder = memmem::Finder::new(self.needle.as_bytes());
        let (mut line, mut at) = (self.line, 0);
        while let Some(found) = finder.find(&text[at..]) {
            line += memchr_iter(b'\n', &text[at..at + found]).count() as u64;
            self.hits.count += 1;
            if self.hits.lines.len() < MAX_HITS {
                self.hits.lines.push(line);
            }
            let Some(end) = memchr(b'\n', &text[at + found..]) else { return };
            at += found + end + 1;
            line += 1;
        }
    }
}

/// The steps and errors of a log; an empty outline for a log from before these
/// were kept.
pub async fn outline(app: &App, id: &BuildId) -> Result<Outline> {
    let mut tx = app.db.read().await?;
    read_outline(&mut tx, id).await
}

pub(super) async fn read_outline(tx: &mut db::Tx, id: &BuildId) -> Result<Outline> {
    let Some(stored) = db::logs::find_outline(tx, id).await? else {
        return Ok(Outline::default());
    };
    serde_json::from_str(&stored).map_err(|cause| Error::internal("reading an outline", cause))
}

#[cfg(test)]
mod tests;
