//! Lines that ran and the source they are in, as one body: how the agent packs
//! it, how the server reads one file of it without unpacking the rest.
//!
//! `SHPSRC1\n`, the length of the packed index in four bytes, little endian,
//! the index, then the files; index and files are zstd frames of JSON. Whoever
//! reads takes every byte for hostile.

use formats::LineCoverage;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Body of the call.
pub const MAX_SOURCES_BODY: u64 = 32 << 20;
/// A source file with more bytes, or that is no text, is sent without.
pub const MAX_SOURCE_BYTES: usize = 512 << 10;
/// Files in one body.
pub const MAX_SOURCE_FILES: usize = 10_000;
/// Lines of one file that are told of.
pub const MAX_SOURCE_LINES: usize = 100_000;

const MAGIC: &[u8; 8] = b"SHPSRC1\n";
/// Bytes before the index.
pub const HEAD: u64 = 12;
/// The index and one file, unpacked: JSON makes six bytes of a control
/// character, and a line takes at most 23.
const MAX_INDEX: usize = 16 << 20;
const MAX_FRAME: usize = 6 * MAX_SOURCE_BYTES + 23 * MAX_SOURCE_LINES + 1024;
/// Of a path in the index, in bytes.
const MAX_PATH: usize = 1_000;

/// What the index says of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceEntry {
    /// Position of its coverage target in the build.
    pub target: i64,
    /// As the report spells it.
    pub path: String,
    /// Where it is in the workspace; `None` if it was not found there.
    #[serde(default)]
    pub file: Option<String>,
    /// Its frame, from the end of the index.
    pub at: u64,
    pub bytes: u64,
}

/// One file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceFile {
    /// In order.
    pub lines: Vec<LineCoverage>,
    /// The source, with secrets masked.
    #[serde(default)]
    pub text: Option<String>,
}

/// The body is not what `Packer` makes.
#[derive(Debug, thiserror::Error)]
#[error("damaged sources: {0}")]
pub struct Damaged(&'static str);

/// Gathers files up to the limits.
#[derive(Debug, Default)]
pub struct Packer {
    index: Vec<SourceEntry>,
    /// Bytes of text in the index.
    named: usize,
    frames: Vec<u8>,
}

impl Packer {
    /// Adds a file; false if there is no room for it.
    pub fn add(
        &mut self,
        target: i64,
        path: &str,
        file: Option<String>,
        source: &SourceFile,
    ) -> bool {
        let named = path.len() + file.as_ref().map_or(0, String::len);
        let Ok(json) = serde_json::to_vec(source) else { return false };
        if self.index.len() == MAX_SOURCE_FILES || json.len() > MAX_FRAME || named > 2 * MAX_PATH {
            return false;
        }
        let Ok(frame) = zstd::bulk::compress(&json, 3) else { return false };
        // What the index may take is kept free: names are packed in it too.
        let taken = self.frames.len() + frame.len() + self.named + named;
        if taken + 128 * (self.index.len() + 1) > MAX_SOURCES_BODY as usize {
            return false;
        }
        self.index.push(SourceEntry {
            target,
            path: path.to_owned(),
            file,
            at: self.frames.len() as u64,
            bytes: frame.len() as u64,
        });
        self.named += named;
        self.frames.extend(frame);
        true
    }

    /// The body, unless there is nothing to send.
    pub fn finish(self) -> Option<Vec<u8>> {
        if self.index.is_empty() {
            return None;
        }
        let index = zstd::bulk::compress(&serde_json::to_vec(&self.index).ok()?, 3).ok()?;
        let mut body = MAGIC.to_vec();
        body.extend(u32::try_from(index.len()).ok()?.to_le_bytes());
        body.extend(index);
        body.extend(self.frames);
        Some(body)
    }
}

/// Where the index ends, from the first `HEAD` bytes of a body of `bytes`.
///
/// # Errors
/// `Damaged` if there is no room for it.
pub fn index_end(head: &[u8], bytes: u64) -> Result<u64, Damaged> {
    let rest = head.strip_prefix(MAGIC).ok_or(Damaged("it begins otherwise"))?;
    let length = rest.first_chunk().ok_or(Damaged("it ends too early"))?;
    let end = HEAD + u64::from(u32::from_le_bytes(*length));
    if end > bytes { Err(Damaged("the index ends too late")) } else { Ok(end) }
}

/// Reads the index; `frames` is how many bytes come after it.
///
/// # Errors
/// `Damaged` if it is too large, no index, or names what is not there.
pub fn read_index(packed: &[u8], frames: u64) -> Result<Vec<SourceEntry>, Damaged> {
    let index: Vec<SourceEntry> = unpack(packed, MAX_INDEX)?;
    if index.len() > MAX_SOURCE_FILES {
        return Err(Damaged("too many files"));
    }
    let is_inside =
        |entry: &SourceEntry| entry.at.checked_add(entry.bytes).is_some_and(|end| end <= frames);
    if !index.iter().all(is_inside) {
        return Err(Damaged("a file ends too late"));
    }
    Ok(index)
}

/// Reads one file.
///
/// # Errors
/// `Damaged` if it is too large or no file.
pub fn read_file(packed: &[u8]) -> Result<SourceFile, Damaged> {
    unpack(packed, MAX_FRAME)
}

fn unpack<T: DeserializeOwned>(packed: &[u8], limit: usize) -> Result<T, Damaged> {
    let json =
        zstd::bulk::decompress(packed, limit).map_err(|_| Damaged("it cannot be unpacked"))?;
    serde_json::from_slice(&json).map_err(|_| Damaged("it is not JSON of the right shape"))
}

#[cfg(test)]
mod tests {
    use formats::Ran;

    use super::*;

    fn source(text: &str) -> SourceFile {
        let line = |number, ran| LineCoverage { number, ran };
        let lines = [Ran::No, Ran::Partly, Ran::Fully, Ran::Times(7)];
        let lines = (1..).zip(lines).map(|(number, ran)| line(number, ran)).collect();
        SourceFile { lines, text: Some(text.to_owned()) }
    }

    fn read(body: &[u8]) -> Result<Vec<(SourceEntry, SourceFile)>, Damaged> {
        let head = &body[..body.len().min(HEAD as usize)];
        let end = index_end(head, body.len() as u64)? as usize;
        let (index, frames) = (&body[HEAD as usize..end], &body[end..]);
        let entries = read_index(index, frames.len() as u64)?;
        entries
            .into_iter()
            .map(|entry| {
                let frame = &frames[entry.at as usize..][..entry.bytes as usize];
                Ok((entry, read_file(frame)?))
            })
            .collect()
    }

    fn sample() -> Vec<u8> {
        let mut packer = Packer::default();
        assert!(packer.add(0, "a.kt", Some("src/a.kt".into()), &source("fun a() {\n}\n")));
        assert!(packer.add(3, "b.kt", None, &SourceFile::default()));
        packer.finish().unwrap()
    }

    #[test]
    fn what_is_packed_is_read_again() {
        let files = read(&sample()).unwrap();
        assert_eq!(files.len(), 2);
        let (entry, file) = &files[0];
        assert_eq!((entry.target, entry.path.as_str()), (0, "a.kt"));
        assert_eq!(entry.file.as_deref(), Some("src/a.kt"));
        assert_eq!(*file, source("fun a() {\n}\n"));
        assert_eq!(files[1].1, SourceFile::default());
        assert_eq!(Packer::default().finish(), None);
    }

    #[test]
    fn what_is_too_large_is_left_out() {
        let mut packer = Packer::default();
        let text = "\u{1}".repeat(MAX_SOURCE_BYTES);
        assert!(packer.add(0, "worst", None, &source(&text)), "the limits fit each other");
        assert!(!packer.add(0, "more", None, &source(&text.repeat(2))));
        assert!(!packer.add(0, &"n".repeat(3_000), None, &source("")));
        assert_eq!(read(&packer.finish().unwrap()).unwrap().len(), 1);
        let mut packer = Packer::default();
        let added = (0..=MAX_SOURCE_FILES)
            .filter(|_| packer.add(0, "f", None, &SourceFile::default()))
            .count();
        assert_eq!(added, MAX_SOURCE_FILES);
        assert!(packer.finish().unwrap().len() as u64 <= MAX_SOURCES_BODY);
    }

    #[test]
    fn damage_is_an_error_and_never_a_panic() {
        let body = sample();
        for end in 0..body.len() {
            assert!(read(&body[..end]).is_err(), "cut at {end}");
        }
        for at in 0..body.len() {
            for bit in 0..8 {
                let mut broken = body.clone();
                broken[at] ^= 1 << bit;
                // A flip in a text may be another text.
                let _ = read(&broken);
            }
        }
        let bomb = zstd::bulk::compress(&vec![b' '; MAX_FRAME + 1], 3).unwrap();
        assert!(bomb.len() < 10_000 && read_file(&bomb).is_err());
        let beyond = serde_json::json!([{ "target": 0, "path": "a", "at": u64::MAX, "bytes": 2 }]);
        let packed = zstd::bulk::compress(beyond.to_string().as_bytes(), 3).unwrap();
        assert!(read_index(&packed, 100).is_err());
    }
}
