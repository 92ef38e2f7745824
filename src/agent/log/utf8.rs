//! Makes text of bytes that may be split anywhere: every maximal invalid part
//! becomes one U+FFFD, exactly as `String::from_utf8_lossy` would have it for
//! the whole stream. Pure; knows nothing of lines or secrets.

use std::borrow::Cow;
use std::str::from_utf8;

/// The state of one stream between two reads.
#[derive(Debug, Default)]
pub struct Repair {
    /// Start of a character whose rest has not arrived: at most 3 bytes, and
    /// one more while it is decided.
    partial: [u8; 4],
    held: usize,
}

impl Repair {
    /// Text of `bytes`, borrowed when nothing had to be repaired. An
    /// incomplete character at the end waits for the next call.
    pub fn push<'a>(&mut self, bytes: &'a [u8]) -> Cow<'a, str> {
        if self.held == 0
            && let Ok(text) = from_utf8(bytes)
        {
            return Cow::Borrowed(text);
        }
        let mut text = String::with_capacity(bytes.len() + 4);
        let rest = self.complete(bytes, &mut text);
        self.append(rest, &mut text);
        Cow::Owned(text)
    }

    /// The stream has ended: an incomplete character is an invalid one.
    pub fn finish(&mut self) -> &'static str {
        if std::mem::take(&mut self.held) == 0 { "" } else { "\u{FFFD}" }
    }

    /// Decides the held start of a character; returns the bytes after it.
    fn complete<'a>(&mut self, mut bytes: &'a [u8], text: &mut String) -> &'a [u8] {
        while self.held > 0 {
            let Some((&byte, rest)) = bytes.split_first() else { break };
            self.partial[self.held] = byte;
            match from_utf8(&self.partial[..=self.held]) {
                Ok(character) => {
                    text.push_str(character);
                    self.held = 0;
                    bytes = rest;
                }
                Err(error) if error.error_len().is_none() => {
                    self.held += 1;
                    bytes = rest;
                }
                // The byte does not belong to this character; it starts anew.
                Err(_) => {
                    text.push(char::REPLACEMENT_CHARACTER);
                    self.held = 0;
                }
            }
        }
        bytes
    }

    fn append(&mut self, bytes: &[u8], text: &mut String) {
        let mut chunks = bytes.utf8_chunks().peekable();
        while let Some(chunk) = chunks.next() {
            text.push_str(chunk.valid());
            let invalid = chunk.invalid();
            if invalid.is_empty() {
                continue;
            }
            let incomplete = from_utf8(invalid).is_err_and(|error| error.error_len().is_none());
            if incomplete && chunks.peek().is_none() {
                self.partial[..invalid.len()].copy_from_slice(invalid);
                self.held = invalid.len();
            } else {
                text.push(char::REPLACEMENT_CHARACTER);
            }
        }
    }
}

#[cfg(test)]
mod tests;
