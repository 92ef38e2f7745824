//! Size and digest of an artifact before it is sent.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use ring::digest::{Context, SHA256};

use crate::agent::client::Upload;
use crate::model::artifact::ArtifactKind;

const BUFFER: usize = 256 << 10;

/// What a file held when it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measured {
    pub bytes: u64,
    /// 64 lowercase hex.
    pub sha256: String,
}

/// Reads `file` once, on a blocking thread.
pub async fn measure(file: &Path) -> io::Result<Measured> {
    let file = file.to_owned();
    tokio::task::spawn_blocking(move || read(&file)).await.map_err(io::Error::other)?
}

fn read(path: &Path) -> io::Result<Measured> {
    // Opening a pipe or device could block for ever.
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let mut file = File::open(path)?;
    let mut context = Context::new(&SHA256);
    let mut buffer = vec![0; BUFFER];
    let mut bytes = 0;
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            return Ok(Measured { bytes, sha256: hex(context.finish().as_ref()) });
        }
        context.update(&buffer[..count]);
        bytes += count as u64;
    }
}

impl Measured {
    /// The upload of this file; its id depends on the place alone, so that a
    /// repeated upload replaces nothing and doubles nothing.
    pub fn upload(self, attempt: i64, kind: ArtifactKind, path: &str) -> Upload {
        let place = format!("{attempt}\0{}\0{path}", kind.as_str());
        let mut id = hex(ring::digest::digest(&SHA256, place.as_bytes()).as_ref());
        id.truncate(32);
        let Self { bytes, sha256 } = self;
        Upload { id, attempt, kind, path: path.to_owned(), bytes, sha256 }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
