//! DER, and the indefinite lengths of BER, as far as certificates (RFC 5280)
//! and signed messages (CMS, RFC 5652) need it.

use super::Certificate;
use super::bytes::Bytes;
use super::error::PackageError;

const WHAT: &str = "the certificate";
const MAX_DEPTH: usize = 16;
/// Names of one certificate that are shown.
const MAX_NAMES: usize = 32;
const MAX_NAME: usize = 200;

const INTEGER: u8 = 0x02;
const OCTETS: u8 = 0x04;
const OID: u8 = 0x06;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const CONSTRUCTED: u8 = 0x20;
/// Context-specific, constructed: `[0]`.
const CONTEXT_0: u8 = 0xa0;

/// One element.
#[derive(Debug, Clone, Copy)]
struct Element<'b> {
    tag: u8,
    content: Bytes<'b>,
    /// With tag and length.
    whole: Bytes<'b>,
}

/// The elements of a content, one by one.
#[derive(Debug, Clone, Copy)]
struct Elements<'b> {
    rest: Bytes<'b>,
    depth: usize,
}

impl<'b> Elements<'b> {
    fn new(bytes: Bytes<'b>) -> Self {
        Self { rest: bytes, depth: 0 }
    }

    fn inside(&self, element: Element<'b>) -> Self {
        Self { rest: element.content, depth: self.depth + 1 }
    }

    fn next(&mut self) -> Result<Option<Element<'b>>, PackageError> {
        if self.rest.len() == 0 {
            return Ok(None);
        }
        let (tag, first) = (self.rest.u8(0)?, self.rest.u8(1)?);
        if tag & 0x1f == 0x1f {
            return Err(self.rest.fault("a tag of several bytes"));
        }
        let (start, content, end) = match first {
            0x80 => {
                let content = self.indefinite()?;
                (2, content, content + 2)
            }
            0x81.. => {
                let bytes = usize::from(first & 0x7f);
                let len = self.rest.big_endian(2, bytes)?;
                let len = usize::try_from(len).unwrap_or(usize::MAX);
                (2 + bytes, len, len)
            }
            short => (2, usize::from(short), usize::from(short)),
        };
        let whole = self.rest.part(0, start.saturating_add(end))?;
        let element = Element { tag, content: self.rest.part(start, content)?, whole };
        self.rest = self.rest.from(whole.len())?;
        Ok(Some(element))
    }

    /// Length of a content that ends with two zero bytes.
    fn indefinite(&self) -> Result<usize, PackageError> {
        if self.depth >= MAX_DEPTH {
            return Err(self.rest.fault("it is nested too deep"));
        }
        let mut inner = Self { rest: self.rest.from(2)?, depth: self.depth + 1 };
        let len = inner.rest.len();
        loop {
            if inner.rest.u16(0)? == 0 {
                return Ok(len - inner.rest.len());
            }
            inner.next()?;
        }
    }

    fn expect(&mut self, tag: u8) -> Result<Element<'b>, PackageError> {
        match self.next()? {
            Some(element) if element.tag == tag => Ok(element),
            _ => Err(self.rest.fault("another part was expected")),
        }
    }

    /// The next element if it has this tag; else nothing is taken.
    fn optional(&mut self, tag: u8) -> Result<Option<Element<'b>>, PackageError> {
        let is_there = self.rest.len() > 0 && self.rest.u8(0)? == tag;
        if is_there { self.next() } else { Ok(None) }
    }
}

/// The parts of a `ContentInfo` with `SignedData`: what is signed, and the
/// first certificate that goes with it.
struct Signed<'b> {
    content: Option<Element<'b>>,
    certificate: Option<Element<'b>>,
}

fn signed<'b>(bytes: &'b [u8], what: &'static str) -> Result<Signed<'b>, PackageError> {
    let mut outer = Elements::new(Bytes::new(bytes, what));
    let sequence = outer.expect(SEQUENCE)?;
    let mut info = outer.inside(sequence);
    info.expect(OID)?;
    let explicit = info.expect(CONTEXT_0)?;
    let mut explicit = info.inside(explicit);
    let sequence = explicit.expect(SEQUENCE)?;
    let mut data = explicit.inside(sequence);
    data.expect(INTEGER)?;
    data.expect(SET)?;
    let encapsulated = data.expect(SEQUENCE)?;
    let mut inner = data.inside(encapsulated);
    inner.expect(OID)?;
    let content = match inner.optional(CONTEXT_0)? {
        Some(explicit) => inner.inside(explicit).next()?,
        None => None,
    };
    let certificate = match data.optional(CONTEXT_0)? {
        Some(certificates) => data.inside(certificates).next()?,
        None => None,
    };
    Ok(Signed { content, certificate })
}

/// The bytes that a signed message carries.
pub(super) fn signed_content(bytes: &[u8], what: &'static str) -> Result<Vec<u8>, PackageError> {
    let missing = PackageError::Malformed { what, reason: "nothing is signed" };
    let content = signed(bytes, what)?.content.ok_or(missing)?;
    let mut joined = Vec::new();
    join(content, 0, &mut joined)?;
    Ok(joined)
}

/// An octet string, in one piece or in several.
fn join(element: Element<'_>, depth: usize, joined: &mut Vec<u8>) -> Result<(), PackageError> {
    if element.tag == OCTETS {
        joined.extend_from_slice(element.content.all());
        return Ok(());
    }
    if element.tag != OCTETS | CONSTRUCTED || depth > MAX_DEPTH {
        return Err(element.content.fault("its content is no string of bytes"));
    }
    let mut pieces = Elements { rest: element.content, depth };
    while let Some(piece) = pieces.next()? {
        join(piece, depth + 1, joined)?;
    }
    Ok(())
}

/// DER of the first certificate in a signed message, usually the signer's.
pub(super) fn signed_certificate(
    bytes: &[u8],
    what: &'static str,
) -> Result<Option<Vec<u8>>, PackageError> {
    Ok(signed(bytes, what)?.certificate.map(|element| element.whole.all().to_vec()))
}

/// Subject and end of a certificate.
pub(super) fn certificate(der: &[u8]) -> Result<Certificate, PackageError> {
    let mut outer = Elements::new(Bytes::new(der, WHAT));
    let sequence = outer.expect(SEQUENCE)?;
    let mut certificate = outer.inside(sequence);
    let signed = certificate.expect(SEQUENCE)?;
    let mut signed = certificate.inside(signed);
    signed.optional(CONTEXT_0)?;
    signed.expect(INTEGER)?;
    signed.expect(SEQUENCE)?;
    signed.expect(SEQUENCE)?;
    let validity = signed.expect(SEQUENCE)?;
    let mut validity = signed.inside(validity);
    validity.next()?;
    let end = validity.next()?;
    let subject = signed.expect(SEQUENCE)?;
    Ok(Certificate {
        subject: name(signed.inside(subject))?,
        expires_at: end.and_then(time),
        der: sequence.whole.all().to_vec(),
    })
}

/// A distinguished name, the most specific part first (RFC 4514).
fn name(mut parts: Elements<'_>) -> Result<String, PackageError> {
    let mut names = Vec::new();
    while let Some(set) = parts.next()? {
        let mut set = parts.inside(set);
        while let Some(pair) = set.next()? {
            let mut pair = set.inside(pair);
            let key = pair.expect(OID)?;
            let value = pair.next()?.ok_or_else(|| key.content.fault("a name without value"))?;
            if names.len() < MAX_NAMES {
                names.push(format!("{}={}", key_of(key.content.all()), text_of(&value)));
            }
        }
    }
    names.reverse();
    Ok(names.join(", "))
}

fn text_of(value: &Element<'_>) -> String {
    /// BMPString: UTF-16, big-endian.
    const BMP: u8 = 0x1e;
    let bytes = value.content.all();
    let text = if value.tag == BMP {
        let (units, _) = bytes.as_chunks::<2>();
        let units: Vec<u16> = units.iter().map(|unit| u16::from_be_bytes(*unit)).collect();
        String::from_utf16_lossy(&units)
    } else {
        String::from_utf8_lossy(bytes).into_owned()
    };
    super::clean(&text, MAX_NAME)
}

/// The short names of RFC 4514 and those that Apple and others use.
fn key_of(oid: &[u8]) -> String {
    let short = match oid {
        [0x55, 4, 3] => "CN",
        [0x55, 4, 5] => "SERIALNUMBER",
        [0x55, 4, 6] => "C",
        [0x55, 4, 7] => "L",
        [0x55, 4, 8] => "ST",
        [0x55, 4, 10] => "O",
        [0x55, 4, 11] => "OU",
        [0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 1] => "UID",
        [0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 25] => "DC",
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 1] => "EMAILADDRESS",
        other => return dotted(other),
    };
    short.to_owned()
}

fn dotted(oid: &[u8]) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut number = 0_u64;
    for byte in oid.iter().take(64) {
        number = (number & u64::MAX >> 7) << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            if parts.is_empty() {
                let first = (number / 40).min(2);
                parts.extend([first.to_string(), (number - 40 * first).to_string()]);
            } else {
                parts.push(number.to_string());
            }
            number = 0;
        }
    }
    parts.join(".")
}

/// `YYMMDDHHMMSSZ` or `YYYYMMDDHHMMSSZ` in milliseconds since the epoch.
fn time(element: Element<'_>) -> Option<i64> {
    let text = std::str::from_utf8(element.content.all()).ok()?.strip_suffix('Z')?;
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (year, rest) = match (element.tag, text.len()) {
        (UTC_TIME, 12) => {
            let year: i64 = text[..2].parse().ok()?;
            (if year < 50 { 2000 + year } else { 1900 + year }, &text[2..])
        }
        (GENERALIZED_TIME, 14) => (text[..4].parse().ok()?, &text[4..]),
        _ => return None,
    };
    let part = |at: usize| rest[at..at + 2].parse::<i64>().ok();
    moment([year, part(0)?, part(2)?], [part(4)?, part(6)?, part(8)?])
}

/// Milliseconds since the Unix epoch of a date and time in UTC; `None` if they
/// are out of range.
pub(super) fn moment(
    [year, month, day]: [i64; 3],
    [hour, minute, second]: [i64; 3],
) -> Option<i64> {
    let in_range = (0..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && (0..24).contains(&hour)
        && (0..60).contains(&minute)
        && (0..=60).contains(&second);
    if !in_range {
        return None;
    }
    // Days from civil, with years that begin in March (H. Hinnant, "chrono-
    // Compatible Low-Level Date Algorithms").
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    Some((days * 86_400 + hour * 3_600 + minute * 60 + second) * 1_000)
}

#[cfg(test)]
mod tests;
