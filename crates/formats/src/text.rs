//! Cutting and cleaning of text from reports, shared by the readers. Knows no
//! format.

use std::borrow::Cow;

use crate::error::{Position, ReadError};

const ELLIPSIS: &str = "…";

/// Bytes of a hostile file that may appear in an error message.
const QUOTE_LIMIT: usize = 120;

/// Text collected piece by piece and cut at a limit, so that a long message
/// costs no more memory than what is kept of it.
#[derive(Debug)]
pub(crate) struct Excerpt {
    text: String,
    limit: usize,
    is_cut: bool,
}

impl Excerpt {
    /// `limit` in bytes of UTF-8.
    pub(crate) fn new(limit: usize) -> Self {
        Self { text: String::new(), limit, is_cut: false }
    }

    pub(crate) fn push(&mut self, piece: &str) {
        if self.is_cut {
            return;
        }
        let room = self.limit - self.text.len();
        if piece.len() <= room {
            self.text.push_str(piece);
        } else {
            self.text.push_str(&piece[..piece.floor_char_boundary(room)]);
            self.is_cut = true;
        }
    }

    /// Adds a paragraph of its own: apart from what is there by `separator`,
    /// without white space at its ends, not at all if nothing is left.
    pub(crate) fn push_part(&mut self, separator: &str, part: &str) {
        let part = part.trim();
        if part.is_empty() {
            return;
        }
        if !self.text.is_empty() {
            self.push(separator);
        }
        self.push(part);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    pub(crate) fn finish(mut self) -> String {
        if self.is_cut && self.limit >= ELLIPSIS.len() {
            let end = self.text.floor_char_boundary(self.limit - ELLIPSIS.len());
            self.text.truncate(end);
            self.text.push_str(ELLIPSIS);
        }
        self.text
    }

    /// `None` instead of an empty text.
    pub(crate) fn finish_some(self) -> Option<String> {
        Some(self.finish()).filter(|text| !text.is_empty())
    }
}

/// `text`, at most `limit` bytes of it.
pub(crate) fn clip(text: &str, limit: usize) -> String {
    let mut excerpt = Excerpt::new(limit);
    excerpt.push(text);
    excerpt.finish()
}

/// Text of a hostile file for an error message: one short line, and nothing
/// that moves a terminal's cursor.
pub(crate) fn quote(text: &str) -> String {
    // Clipped after cleaning: what stands for one byte has three.
    let clean = |c: char| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c };
    clip(&text.chars().take(QUOTE_LIMIT + 1).map(clean).collect::<String>(), QUOTE_LIMIT)
}

/// Last part of a path from either kind of system.
pub(crate) fn base_name(path: &str) -> &str {
    let trimmed = path.trim_end_matches(['/', '\\']);
    trimmed.rsplit(['/', '\\']).next().unwrap_or(trimmed)
}

/// Line and column of a byte offset.
pub(crate) fn locate(text: &str, offset: usize) -> Position {
    let before = &text[..text.floor_char_boundary(offset)];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    Position {
        line: before.bytes().filter(|&byte| byte == b'\n').count() + 1,
        column: before[line_start..].chars().count() + 1,
    }
}

/// The text of a file in UTF-8 or in UTF-16 of either byte order.
#[derive(Debug)]
pub(crate) struct Decoded<'b> {
    pub(crate) text: Cow<'b, str>,
    /// Set if the file is longer than `text` because its next byte is not
    /// text. Kept apart, so that a reader may find out first that the file is
    /// none of its business.
    pub(crate) broken: Option<ReadError>,
}

/// Decodes up to the first fault; a byte order mark is not part of the text.
pub(crate) fn decode(bytes: &[u8]) -> Decoded<'_> {
    match bytes {
        [0xff, 0xfe, rest @ ..] => decode_utf16(rest, 2, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => decode_utf16(rest, 2, u16::from_be_bytes),
        [b'<', 0, ..] => decode_utf16(bytes, 0, u16::from_le_bytes),
        [0, b'<', ..] => decode_utf16(bytes, 0, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => decode_utf8(rest, 3),
        _ => decode_utf8(bytes, 0),
    }
}

fn decode_utf8(bytes: &[u8], skipped: usize) -> Decoded<'_> {
    let mut chunks = bytes.utf8_chunks();
    let text = chunks.next().map_or("", |chunk| chunk.valid());
    let broken = (text.len() < bytes.len())
        .then(|| ReadError::Encoding { expected: "UTF-8", offset: skipped + text.len() });
    Decoded { text: Cow::Borrowed(text), broken }
}

fn decode_utf16(bytes: &[u8], skipped: usize, unit: fn([u8; 2]) -> u16) -> Decoded<'_> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let mut text = String::with_capacity(bytes.len());
    let mut offset = skipped;
    for decoded in char::decode_utf16(pairs.iter().map(|pair| unit(*pair))) {
        let Ok(character) = decoded else {
            let broken = Some(ReadError::Encoding { expected: "UTF-16", offset });
            return Decoded { text: Cow::Owned(text), broken };
        };
        offset += 2 * character.len_utf16();
        text.push(character);
    }
    let broken = (!rest.is_empty()).then_some(ReadError::Encoding { expected: "UTF-16", offset });
    Decoded { text: Cow::Owned(text), broken }
}

#[cfg(test)]
mod tests;
