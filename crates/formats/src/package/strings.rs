//! The string pool of Android's binary files (`ResStringPool` of
//! `androidfw/ResourceTypes.h`). Strings are decoded when they are asked for,
//! so a pool of a million costs nothing.

use super::bytes::Bytes;
use super::error::PackageError;

/// `RES_STRING_POOL_TYPE`
pub(super) const CHUNK: u16 = 0x0001;
const UTF8: u32 = 1 << 8;

#[derive(Debug, Clone, Copy)]
pub(super) struct Strings<'b> {
    offsets: Bytes<'b>,
    data: Bytes<'b>,
    count: usize,
    utf8: bool,
}

impl<'b> Strings<'b> {
    /// `chunk` begins with the chunk's header.
    pub(super) fn new(chunk: Bytes<'b>) -> Result<Self, PackageError> {
        let header = usize::from(chunk.u16(2)?);
        let count = chunk.size(8)?;
        let utf8 = chunk.u32(16)? & UTF8 != 0;
        let offsets = count.checked_mul(4).ok_or_else(|| chunk.fault("too many strings"))?;
        Ok(Self {
            offsets: chunk.part(header, offsets)?,
            data: chunk.from(chunk.size(20)?)?,
            count,
            utf8,
        })
    }

    /// A string, cut at `limit` bytes; broken characters are replaced.
    pub(super) fn get(&self, index: u32, limit: usize) -> Result<String, PackageError> {
        let index = index as usize;
        if index >= self.count {
            return Err(self.data.fault("a string that is not there"));
        }
        let text = self.data.from(self.offsets.size(4 * index)?)?;
        if self.utf8 {
            let (_, at) = length8(&text, 0)?;
            let (len, at) = length8(&text, at)?;
            let bytes = text.part(at, len)?.all();
            let decoded = String::from_utf8_lossy(&bytes[..len.min(limit)]);
            return Ok(crate::text::clip(&decoded, limit));
        }
        let (len, at) = length16(&text)?;
        let bytes = text.part(at, 2 * len)?.all();
        let (units, _) = bytes[..bytes.len().min(2 * limit)].as_chunks::<2>();
        let units: Vec<u16> = units.iter().map(|unit| u16::from_le_bytes(*unit)).collect();
        Ok(crate::text::clip(&String::from_utf16_lossy(&units), limit))
    }
}

/// A length of one or two bytes, and where it ends.
fn length8(text: &Bytes<'_>, at: usize) -> Result<(usize, usize), PackageError> {
    let first = usize::from(text.u8(at)?);
    if first & 0x80 == 0 {
        return Ok((first, at + 1));
    }
    Ok(((first & 0x7f) << 8 | usize::from(text.u8(at + 1)?), at + 2))
}

/// A length of one or two 16-bit units, and where it ends.
fn length16(text: &Bytes<'_>) -> Result<(usize, usize), PackageError> {
    let first = usize::from(text.u16(0)?);
    if first & 0x8000 == 0 {
        return Ok((first, 2));
    }
    Ok(((first & 0x7fff) << 16 | usize::from(text.u16(2)?), 4))
}
