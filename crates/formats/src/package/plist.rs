//! Property lists, binary and XML, as dictionaries of values. Objects of the
//! binary form may be shared, so each visit counts: a small file cannot grow
//! into a large tree.

use std::io::{Read, Seek};

use super::PackageLimits;
use super::archive::Archive;
use super::bytes::{Budget, Bytes};
use super::der::moment;
use super::error::PackageError;
use crate::limits::Limits;
use crate::text;
use crate::xml::{Doctype, Node, Xml};

/// Seconds from the Unix epoch to 2001, where Apple's dates begin.
const APPLE_EPOCH: f64 = 978_307_200.0;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Bool(bool),
    Integer(i64),
    Real(f64),
    Text(String),
    Data(Vec<u8>),
    /// Milliseconds since the Unix epoch.
    Date(i64),
    List(Vec<Value>),
    Dict(Vec<(String, Value)>),
    Other,
}

impl Value {
    /// The value of a key; the first if a key is there twice.
    pub(super) fn get(&self, key: &str) -> Option<&Value> {
        let Self::Dict(pairs) = self else { return None };
        pairs.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    pub(super) fn list(&self) -> &[Value] {
        if let Self::List(list) = self { list } else { &[] }
    }

    pub(super) fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    pub(super) fn is_true(&self) -> bool {
        *self == Self::Bool(true)
    }
}

/// Limits and meters of one property list.
pub(super) struct Reading<'n> {
    max_depth: usize,
    max_bytes: usize,
    nodes: &'n mut Budget,
    /// Bytes of all texts and data: shared objects are copied.
    bytes: Budget,
}

impl<'n> Reading<'n> {
    pub(super) fn new(limits: &PackageLimits, nodes: &'n mut Budget) -> Self {
        Self {
            max_depth: limits.max_depth,
            max_bytes: limits.max_entry_bytes,
            nodes,
            bytes: Budget::new("bytes in a property list", limits.max_entry_bytes),
        }
    }

    pub(super) fn of<R: Read + Seek>(archive: &'n mut Archive<R>) -> Self {
        Self::new(&archive.limits, &mut archive.nodes)
    }

    /// Reads a property list of either form; the answer is a dictionary.
    pub(super) fn read(mut self, bytes: &[u8], what: &'static str) -> Result<Value, PackageError> {
        let file = Bytes::new(bytes, what);
        let value = if bytes.starts_with(b"bplist0") {
            Binary::new(file)?.read_top(&mut self)?
        } else {
            self.read_xml(bytes, what)?
        };
        match value {
            Value::Dict(_) => Ok(value),
            _ => Err(file.fault("it is no dictionary")),
        }
    }

    fn read_xml(&mut self, bytes: &[u8], what: &'static str) -> Result<Value, PackageError> {
        let fault = |reason| PackageError::Malformed { what, reason };
        let broken = |_| fault("it is not well-formed XML");
        let limits =
            Limits { max_bytes: self.max_bytes, max_depth: self.max_depth, ..Limits::default() };
        let decoded = text::decode(bytes);
        let mut xml = Xml::new(&decoded, &limits);
        if xml.root().map_err(broken)?.name() != "plist" {
            return Err(fault("it is no property list"));
        }
        xml.allow(Doctype::External).map_err(broken)?;
        let mut top = Value::Other;
        // What is open, from the outside in.
        let mut open: Vec<Open> = Vec::new();
        loop {
            match xml.next().map_err(broken)? {
                Node::Open(element) => {
                    self.nodes.take(1)?;
                    open.push(Open::new(element.name()));
                }
                Node::Text(text) => {
                    if let Some(Open { text: known, .. }) = open.last_mut() {
                        self.bytes.take(text.len())?;
                        known.push_str(&text);
                    }
                }
                Node::Close => {
                    // The root itself.
                    let Some(closed) = open.pop() else { continue };
                    match (open.last_mut(), closed) {
                        (None, closed) => top = closed.value(),
                        (Some(parent), closed) if closed.name == "key" => {
                            parent.key = Some(closed.text);
                        }
                        (Some(parent), closed) => parent.add(closed.value()),
                    }
                }
                Node::End => return Ok(top),
            }
        }
    }
}

/// An XML element that is open.
struct Open {
    name: String,
    text: String,
    key: Option<String>,
    pairs: Vec<(String, Value)>,
    list: Vec<Value>,
}

impl Open {
    fn new(name: &str) -> Self {
        let (text, key) = (String::new(), None);
        Self { name: name.to_owned(), text, key, pairs: Vec::new(), list: Vec::new() }
    }

    fn add(&mut self, value: Value) {
        match self.key.take() {
            Some(key) => self.pairs.push((key, value)),
            None => self.list.push(value),
        }
    }

    fn value(self) -> Value {
        match self.name.as_str() {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            "integer" => self.text.trim().parse().map_or(Value::Other, Value::Integer),
            "real" => self.text.trim().parse().map_or(Value::Other, Value::Real),
            "string" => Value::Text(self.text),
            "data" => base64(&self.text).map_or(Value::Other, Value::Data),
            "date" => iso(self.text.trim()).map_or(Value::Other, Value::Date),
            "array" => Value::List(self.list),
            "dict" => Value::Dict(self.pairs),
            _ => Value::Other,
        }
    }
}

/// Base64 with white space anywhere.
fn base64(text: &str) -> Option<Vec<u8>> {
    let (mut bytes, mut bits, mut count) = (Vec::with_capacity(text.len() / 4 * 3), 0_u32, 0);
    for byte in text.bytes().filter(|byte| !byte.is_ascii_whitespace() && *byte != b'=') {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(six);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    Some(bytes)
}

/// `2026-11-24T13:57:13Z`
fn iso(text: &str) -> Option<i64> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    moment(three(date, '-')?, three(time, ':')?)
}

fn three(text: &str, separator: char) -> Option<[i64; 3]> {
    let parts: Option<Vec<i64>> =
        text.split(separator).map(|part| part.parse::<u16>().ok().map(i64::from)).collect();
    parts?.try_into().ok()
}

/// `bplist00`: header, objects, offsets of the objects, trailer.
struct Binary<'b> {
    file: Bytes<'b>,
    offsets: Bytes<'b>,
    offset_size: usize,
    reference_size: usize,
    top: u64,
}

impl<'b> Binary<'b> {
    fn new(file: Bytes<'b>) -> Result<Self, PackageError> {
        let at = file.len().checked_sub(32).ok_or_else(|| file.fault("it ends too early"))?;
        let trailer = file.part(at, 32)?;
        let (offset_size, reference_size) =
            (usize::from(trailer.u8(6)?), usize::from(trailer.u8(7)?));
        let count = to_size(trailer.big_endian(8, 8)?);
        let table = to_size(trailer.big_endian(24, 8)?);
        if !(1..=8).contains(&offset_size) || !(1..=8).contains(&reference_size) {
            return Err(file.fault("its trailer makes no sense"));
        }
        Ok(Self {
            file,
            offsets: file.part(table, count.saturating_mul(offset_size))?,
            offset_size,
            reference_size,
            top: trailer.big_endian(16, 8)?,
        })
    }

    fn read_top(&self, reading: &mut Reading<'_>) -> Result<Value, PackageError> {
        self.object(self.top, 1, reading)
    }

    fn object(
        &self,
        index: u64,
        depth: usize,
        reading: &mut Reading<'_>,
    ) -> Result<Value, PackageError> {
        reading.nodes.take(1)?;
        if depth > reading.max_depth {
            return Err(self.file.fault("it is nested too deep"));
        }
        let place = to_size(index).saturating_mul(self.offset_size);
        let at = to_size(self.offsets.big_endian(place, self.offset_size)?);
        let marker = self.file.u8(at)?;
        let (kind, low) = (marker >> 4, usize::from(marker & 0x0f));
        let body = at + 1;
        Ok(match kind {
            0x0 => match low {
                8 => Value::Bool(false),
                9 => Value::Bool(true),
                _ => Value::Other,
            },
            // 16-byte integers hold unsigned 64 bits; none matters here.
            0x1 if low <= 3 => self.integer(body, 1 << low)?,
            0x2 if low == 2 || low == 3 => self.real(body, 1 << low).map(Value::Real)?,
            0x3 if low == 3 => {
                let seconds = self.real(body, 8)?;
                Value::Date(((seconds + APPLE_EPOCH) * 1_000.0) as i64)
            }
            0x4..=0x6 => self.string(kind, body, low, reading)?,
            0xa | 0xc => {
                let (count, body) = self.count(body, low)?;
                let mut list = Vec::new();
                for at in 0..count {
                    list.push(self.object(self.reference(body, at)?, depth + 1, reading)?);
                }
                Value::List(list)
            }
            0xd => {
                let (count, body) = self.count(body, low)?;
                let mut pairs = Vec::new();
                for at in 0..count {
                    let key = self.object(self.reference(body, at)?, depth + 1, reading)?;
                    let at = at.saturating_add(count);
                    let value = self.object(self.reference(body, at)?, depth + 1, reading)?;
                    if let Value::Text(key) = key {
                        pairs.push((key, value));
                    }
                }
                Value::Dict(pairs)
            }
            _ => Value::Other,
        })
    }

    fn integer(&self, at: usize, len: usize) -> Result<Value, PackageError> {
        // Of these only the 8-byte ones are signed.
        Ok(Value::Integer(self.file.big_endian(at, len)?.cast_signed()))
    }

    fn real(&self, at: usize, len: usize) -> Result<f64, PackageError> {
        let bits = self.file.big_endian(at, len)?;
        Ok(if len == 4 { f64::from(f32::from_bits(bits as u32)) } else { f64::from_bits(bits) })
    }

    /// Data, ASCII or UTF-16.
    fn string(
        &self,
        kind: u8,
        body: usize,
        low: usize,
        reading: &mut Reading<'_>,
    ) -> Result<Value, PackageError> {
        let (count, body) = self.count(body, low)?;
        let len = if kind == 0x6 { count.saturating_mul(2) } else { count };
        let bytes = self.file.part(body, len)?.all();
        reading.bytes.take(len)?;
        Ok(match kind {
            0x4 => Value::Data(bytes.to_vec()),
            0x5 => Value::Text(String::from_utf8_lossy(bytes).into_owned()),
            _ => {
                let (units, _) = bytes.as_chunks::<2>();
                let units: Vec<u16> = units.iter().map(|unit| u16::from_be_bytes(*unit)).collect();
                Value::Text(String::from_utf16_lossy(&units))
            }
        })
    }

    /// A count of 15 and more stands in an integer of its own.
    fn count(&self, body: usize, low: usize) -> Result<(usize, usize), PackageError> {
        if low != 0x0f {
            return Ok((low, body));
        }
        let marker = self.file.u8(body)?;
        let len = 1_usize << (marker & 0x0f);
        if marker >> 4 != 0x1 || len > 8 {
            return Err(self.file.fault("a count is no number"));
        }
        Ok((to_size(self.file.big_endian(body + 1, len)?), body + 1 + len))
    }

    fn reference(&self, body: usize, at: usize) -> Result<u64, PackageError> {
        let place = body.saturating_add(at.saturating_mul(self.reference_size));
        self.file.big_endian(place, self.reference_size)
    }
}

fn to_size(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests;
