//! Looks up resources of an APK in `resources.arsc` (`ResTable` of
//! `androidfw/ResourceTypes.h`), in the default language. One pass over the
//! table per lookup; nothing is built.

use super::PackageLimits;
use super::bytes::{Budget, Bytes};
use super::error::PackageError;
use super::manifest::Value;
use super::strings::{self, Strings};

pub(super) const WHAT: &str = "resources.arsc";

const TABLE: u16 = 0x0002;
const PACKAGE: u16 = 0x0200;
const TYPE: u16 = 0x0201;

/// `flags` of a type chunk.
const SPARSE: u8 = 0x01;
const OFFSET16: u8 = 0x02;
/// `flags` of an entry.
const COMPLEX: u16 = 0x0001;
const COMPACT: u16 = 0x0008;

/// References may point at references this often.
const MAX_HOPS: usize = 8;
/// Values of one resource that are looked at.
const MAX_VALUES: usize = 1_000;

/// One value of a resource and what it is for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Configured {
    /// For no particular language.
    pub is_default: bool,
    /// Dots per inch; 0 if it does not matter.
    pub density: u32,
    pub value: Value,
}

#[derive(Debug)]
pub(super) struct Resources<'b> {
    file: Bytes<'b>,
    strings: Option<Strings<'b>>,
    max_text: usize,
}

impl<'b> Resources<'b> {
    pub(super) fn new(bytes: &'b [u8], limits: &PackageLimits) -> Result<Self, PackageError> {
        let file = Bytes::new(bytes, WHAT);
        if file.u16(0)? != TABLE {
            return Err(file.fault("it is no resource table"));
        }
        let at = usize::from(file.u16(2)?);
        let is_pool = file.u16(at).is_ok_and(|kind| kind == strings::CHUNK);
        let strings =
            is_pool.then(|| Strings::new(file.part(at, file.size(at + 4)?)?)).transpose()?;
        Ok(Self { file, strings, max_text: limits.max_text })
    }

    /// All values of a resource.
    pub(super) fn values(
        &self,
        id: u32,
        nodes: &mut Budget,
    ) -> Result<Vec<Configured>, PackageError> {
        let mut found = Vec::new();
        for chunk in chunks(self.file, nodes)? {
            if chunk.u16(0)? != PACKAGE || chunk.u32(8)? != id >> 24 {
                continue;
            }
            for part in chunks(chunk, nodes)? {
                let is_ours = part.u16(0)? == TYPE && u32::from(part.u8(8)?) == id >> 16 & 0xff;
                if is_ours && found.len() < MAX_VALUES {
                    found.extend(self.entry(part, id & 0xffff)?);
                }
            }
        }
        Ok(found)
    }

    /// Text of a resource, see `text_through`.
    pub(super) fn text(&self, id: u32, nodes: &mut Budget) -> Result<String, PackageError> {
        text_through(id, |id| self.values(id, nodes))
    }

    /// Files of a drawable, see `files_through`.
    pub(super) fn files(
        &self,
        id: u32,
        nodes: &mut Budget,
    ) -> Result<Vec<(u32, String)>, PackageError> {
        files_through(id, |id| self.values(id, nodes))
    }

    fn entry(&self, chunk: Bytes<'b>, index: u32) -> Result<Option<Configured>, PackageError> {
        let Some(offset) = offset_of(chunk, index as usize)? else { return Ok(None) };
        let entry = chunk.from(chunk.size(16)?.saturating_add(offset))?;
        let flags = entry.u16(2)?;
        let (kind, data) = if flags & COMPACT != 0 {
            ((flags >> 8) as u8, entry.u32(4)?)
        } else if flags & COMPLEX != 0 {
            return Ok(None);
        } else {
            let value = entry.from(usize::from(entry.u16(0)?))?;
            (value.u8(3)?, value.u32(4)?)
        };
        let value = match kind {
            0x01 => Value::Reference(data),
            0x03 => match self.strings {
                Some(strings) => Value::Text(strings.get(data, self.max_text)?),
                None => Value::Other,
            },
            0x10 | 0x11 => Value::Number(i64::from(data.cast_signed())),
            _ => Value::Other,
        };
        // ResTable_config, from byte 20: size, mcc and mnc, language and
        // country, orientation and touch screen, density.
        let is_default = chunk.u32(24)? == 0 && chunk.u32(28)? == 0;
        let density = u32::from(chunk.u16(34)?);
        Ok(Some(Configured { is_default, density, value }))
    }
}

/// Text of a resource in the default language, through references.
pub(super) fn text_through(
    id: u32,
    mut values: impl FnMut(u32) -> Result<Vec<Configured>, PackageError>,
) -> Result<String, PackageError> {
    let mut id = id;
    for _ in 0..MAX_HOPS {
        match pick_default(values(id)?) {
            Some(Value::Text(text)) => return Ok(text),
            Some(Value::Number(number)) => return Ok(number.to_string()),
            Some(Value::Reference(next)) => id = next,
            _ => break,
        }
    }
    Ok(String::new())
}

/// Paths of a drawable with their densities, through references.
pub(super) fn files_through(
    id: u32,
    mut values: impl FnMut(u32) -> Result<Vec<Configured>, PackageError>,
) -> Result<Vec<(u32, String)>, PackageError> {
    let (mut files, mut next) = (Vec::new(), vec![id]);
    for _ in 0..MAX_HOPS {
        let Some(id) = next.pop() else { break };
        for Configured { density, value, .. } in values(id)? {
            match value {
                Value::Text(path) => files.push((density, path)),
                Value::Reference(id) => next.push(id),
                _ => {}
            }
        }
    }
    Ok(files)
}

/// The value for no particular language, else the first.
fn pick_default(values: Vec<Configured>) -> Option<Value> {
    let at = values.iter().position(|configured| configured.is_default).unwrap_or(0);
    values.into_iter().nth(at).map(|configured| configured.value)
}

/// The chunks inside of `parent`.
fn chunks<'b>(parent: Bytes<'b>, nodes: &mut Budget) -> Result<Vec<Bytes<'b>>, PackageError> {
    let mut found = Vec::new();
    let mut at = usize::from(parent.u16(2)?);
    while at + 8 <= parent.len() {
        nodes.take(1)?;
        let size = parent.size(at + 4)?;
        if size < 8 {
            return Err(parent.fault("a chunk has no size"));
        }
        found.push(parent.part(at, size)?);
        at += size;
    }
    Ok(found)
}

/// Where the entry `index` of a type chunk stands, from `entriesStart`.
fn offset_of(chunk: Bytes<'_>, index: usize) -> Result<Option<usize>, PackageError> {
    let (flags, count) = (chunk.u8(9)?, chunk.size(12)?);
    let table = chunk.from(usize::from(chunk.u16(2)?))?;
    if flags & SPARSE != 0 {
        let list = table.part(0, count.saturating_mul(4))?.all();
        let (pairs, _) = list.as_chunks::<4>();
        let found = pairs.binary_search_by_key(&index, |pair| {
            usize::from(u16::from_le_bytes([pair[0], pair[1]]))
        });
        return Ok(found.ok().map(|at| {
            let pair = pairs[at];
            4 * usize::from(u16::from_le_bytes([pair[2], pair[3]]))
        }));
    }
    if index >= count {
        return Ok(None);
    }
    if flags & OFFSET16 != 0 {
        let offset = table.u16(2 * index)?;
        return Ok((offset != u16::MAX).then(|| 4 * usize::from(offset)));
    }
    let offset = table.u32(4 * index)?;
    Ok((offset != u32::MAX).then_some(offset as usize))
}
