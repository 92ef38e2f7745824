//! Android's binary XML (`ResXMLTree` of `androidfw/ResourceTypes.h`), as it
//! stands in an APK.

use super::PackageLimits;
use super::bytes::{Budget, Bytes};
use super::error::PackageError;
use super::manifest::{Attribute, Manifest, Value, WHAT};
use super::strings::{self, Strings};

const DOCUMENT: u16 = 0x0003;
const RESOURCE_MAP: u16 = 0x0180;
const START: u16 = 0x0102;
const END: u16 = 0x0103;

/// Reads a manifest.
pub(super) fn read(
    bytes: &[u8],
    limits: &PackageLimits,
    nodes: &mut Budget,
) -> Result<Manifest, PackageError> {
    let file = Bytes::new(bytes, WHAT);
    if file.u16(0)? != DOCUMENT {
        return Err(file.fault("it is not binary XML"));
    }
    let mut document = Document { strings: None, ids: Bytes::new(&[], WHAT), limits };
    let mut manifest = Manifest::new(limits);
    let mut depth = 0_usize;
    let mut at = usize::from(file.u16(2)?);
    while at < file.len() {
        nodes.take(1)?;
        let (kind, size) = (file.u16(at)?, file.size(at + 4)?);
        if size < 8 {
            return Err(file.fault("a chunk has no size"));
        }
        let chunk = file.part(at, size)?;
        match kind {
            strings::CHUNK => document.strings = Some(Strings::new(chunk)?),
            RESOURCE_MAP => document.ids = chunk.from(usize::from(chunk.u16(2)?))?,
            START => {
                depth += 1;
                if depth > limits.max_depth {
                    return Err(file.fault("its elements are nested too deep"));
                }
                document.start(chunk, depth, &mut manifest, nodes)?;
            }
            END => depth = depth.saturating_sub(1),
            _ => {}
        }
        at += size;
    }
    manifest.check()?;
    Ok(manifest)
}

struct Document<'b> {
    strings: Option<Strings<'b>>,
    /// Resource ids of the first strings, which are names of attributes.
    ids: Bytes<'b>,
    limits: &'b PackageLimits,
}

impl Document<'_> {
    fn start(
        &self,
        chunk: Bytes<'_>,
        depth: usize,
        manifest: &mut Manifest,
        nodes: &mut Budget,
    ) -> Result<(), PackageError> {
        let body = chunk.from(usize::from(chunk.u16(2)?))?;
        let name = self.string(body.u32(4)?, &chunk)?;
        if !Manifest::wants(depth, &name) {
            return Ok(());
        }
        let (first, size, count) =
            (usize::from(body.u16(8)?), usize::from(body.u16(10)?), usize::from(body.u16(12)?));
        nodes.take(count)?;
        let mut attributes = Vec::with_capacity(count.min(64));
        for index in 0..count {
            attributes.push(self.attribute(body.part(first + index * size, 20)?)?);
        }
        manifest.element(&name, attributes);
        Ok(())
    }

    fn attribute(&self, raw: Bytes<'_>) -> Result<Attribute, PackageError> {
        let name = raw.u32(4)?;
        let id = self.ids.u32((name as usize).saturating_mul(4)).unwrap_or(0);
        let value = match (raw.u8(15)?, raw.u32(16)?) {
            (0x01, reference) => Value::Reference(reference),
            (0x03, string) => Value::Text(self.string(string, &raw)?),
            (0x10 | 0x11, number) => Value::Number(i64::from(number.cast_signed())),
            (0x12, truth) => Value::Bool(truth != 0),
            _ => Value::Other,
        };
        Ok(Attribute { id, name: self.string(name, &raw)?, value })
    }

    fn string(&self, index: u32, place: &Bytes<'_>) -> Result<String, PackageError> {
        let strings = self.strings.ok_or_else(|| place.fault("its strings are missing"))?;
        strings.get(index, self.limits.max_text)
    }
}
