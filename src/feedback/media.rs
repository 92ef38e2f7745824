//! Files that come with feedback and crashes. Bytes are looked at before they
//! are stored: what is served to browsers later is a picture or a video.

use bytes::Bytes;

use crate::app::App;
use crate::blobs::BlobKey;
use crate::db::{self, Tx};
use crate::error::{Error, Result};
use crate::model::feedback::{Media, MediaKind};
use crate::model::ids::MediaId;
use crate::secrets;

/// Largest picture; the screens of tablets stay far below as PNG.
const MAX_IMAGE: usize = 18 << 20;
/// Largest video: 15 seconds of a large screen (SDK-3).
pub const MAX_REPLAY: usize = 64 << 20;
/// Largest device log; the rest is cut.
pub const MAX_LOG: usize = 4 << 20;
/// Longest file name that is kept.
const MAX_NAME: usize = 128;

/// A file to store.
#[derive(Debug, Clone)]
pub struct File {
    pub kind: MediaKind,
    /// Kept if it is plain; a random one otherwise.
    pub name: Option<String>,
    pub bytes: Bytes,
}

impl File {
    pub fn new(kind: MediaKind, bytes: impl Into<Bytes>) -> Self {
        Self { kind, name: None, bytes: bytes.into() }
    }
}

impl File {
    /// Whether it may be stored.
    ///
    /// # Errors
    /// `Invalid`, with the reason.
    pub fn check(&self) -> Result<()> {
        check(self).map(drop)
    }
}

/// What the first bytes of a file say it is: media type and extension.
fn sniff(bytes: &[u8]) -> Option<(&'static str, &'static str)> {
    match bytes {
        [0xff, 0xd8, 0xff, ..] => Some(("image/jpeg", "jpg")),
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some(("image/png", "png")),
        [_, _, _, _, b'f', b't', b'y', b'p', b'q', b't', ..] => Some(("video/quicktime", "mov")),
        [_, _, _, _, b'f', b't', b'y', b'p', ..] => Some(("video/mp4", "mp4")),
        _ => None,
    }
}

/// Media type and extension, if the file is what its kind asks for.
fn check(file: &File) -> Result<(&'static str, &'static str)> {
    let (largest, wanted, what) = match file.kind {
        MediaKind::Image => (MAX_IMAGE, "image/", "the picture is neither JPEG nor PNG"),
        MediaKind::Replay => (MAX_REPLAY, "video/", "the video is neither MP4 nor QuickTime"),
        MediaKind::Log => return Ok(("text/plain; charset=utf-8", "txt")),
    };
    if file.bytes.len() > largest {
        return Err(Error::Invalid(format!("the {} is larger than {largest} bytes", file.kind)));
    }
    sniff(&file.bytes)
        .filter(|(media_type, _)| media_type.starts_with(wanted))
        .ok_or_else(|| Error::Invalid(what.into()))
}

/// A name that needs no escaping in a path and hides nothing in a folder.
fn is_plain(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= MAX_NAME
        && !name.starts_with('.')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
}

/// The text of a log: valid UTF-8 without NUL, of bounded size.
fn log_text(bytes: &[u8]) -> Bytes {
    let bytes = &bytes[..bytes.len().min(MAX_LOG)];
    String::from_utf8_lossy(bytes).replace('\0', "\u{fffd}").into()
}

/// Blobs that are written and wait for their rows.
#[derive(Debug)]
pub(super) struct Stored(Vec<Media>);

/// Writes the blobs of `files`, which belong to `item`. All are checked first.
pub(super) async fn store(app: &App, item: &str, files: Vec<File>) -> Result<Stored> {
    let checked = files.iter().map(check).collect::<Result<Vec<_>>>()?;
    let mut stored = Stored(Vec::new());
    // A replay and its still image share a name.
    let stem = secrets::random_uuid();
    let has_replay = files.iter().any(|file| file.kind == MediaKind::Replay);
    for (file, (media_type, extension)) in files.into_iter().zip(checked) {
        let bytes = match file.kind {
            MediaKind::Log => log_text(&file.bytes),
            MediaKind::Image | MediaKind::Replay => file.bytes,
        };
        let name = file.name.filter(|name| is_plain(name)).unwrap_or_else(|| match file.kind {
            MediaKind::Image if has_replay => format!("{stem}.mp4-thumbnail.{extension}"),
            _ => format!("{stem}.{extension}"),
        });
        let now = app.clock.now();
        let id = MediaId::generate(now);
        let key = BlobKey::Media(id.clone());
        let limit = bytes.len() as u64;
        let body = futures_util::stream::iter([Ok::<_, std::convert::Infallible>(bytes)]);
        let written = app.blobs.write(&key, body, limit).await?;
        let is_public = file.kind != MediaKind::Log;
        stored.0.push(Media {
            id,
            item_id: item.to_owned(),
            kind: file.kind,
            token: is_public.then(|| secrets::generate_token("").expose().to_owned()),
            name,
            media_type: media_type.to_owned(),
            bytes: written.bytes as i64,
            sha256: written.sha256,
            blob_key: key.to_string(),
            created_at: now,
        });
    }
    Ok(stored)
}

impl Stored {
    /// Adds the rows, in the transaction of their item.
    pub(super) async fn record(&self, tx: &mut Tx) -> Result<()> {
        for media in &self.0 {
            db::media::insert(tx, media).await?;
        }
        Ok(())
    }

    /// Removes the blobs, for an item that was stored before. Not after an
    /// error: a commit that broke off may have happened.
    pub(super) async fn discard(self, app: &App) -> Result<()> {
        for media in &self.0 {
            app.blobs.delete(&media.blob_key).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
