//! What an iOS device answers to a profile service: a signed message around a
//! property list. The signature is the device's; it is not verified, because
//! that would need Apple's certificates. Whoever sent the profile puts a
//! challenge into it, which comes back and can be verified.

use super::bytes::Budget;
use super::error::{PackageError, malformed};
use super::plist::{Reading, Value};
use super::{PackageLimits, clean, der};

const WHAT: &str = "the device's answer";
/// Answers have two or three kilobytes, mostly certificates.
const MAX_BYTES: usize = 64 << 10;
const MAX_NODES: usize = 200;
const MAX_TEXT: usize = 200;
/// A challenge is a signed text of ours.
const MAX_CHALLENGE: usize = 1_000;

/// What a device says of itself. Texts are empty where it is silent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceAnswer {
    pub udid: String,
    /// Such as `iPhone14,2`.
    pub product: String,
    /// Such as `21F90`.
    pub os_build: String,
    /// As it was in the profile.
    pub challenge: String,
}

/// Reads the answer of a device.
///
/// # Errors
/// [`PackageError`] for anything that is no signed property list with a `UDID`
/// and a `CHALLENGE`, and for more than 64 KiB.
pub fn read_device(bytes: &[u8]) -> Result<DeviceAnswer, PackageError> {
    if bytes.len() > MAX_BYTES {
        return Err(PackageError::TooMany { what: "bytes in a device's answer", limit: MAX_BYTES });
    }
    let content = der::signed_content(bytes, WHAT)?;
    let limits = PackageLimits {
        max_entry_bytes: MAX_BYTES,
        max_depth: 8,
        max_nodes: MAX_NODES,
        ..PackageLimits::default()
    };
    let mut nodes = Budget::new("objects in a device's answer", limits.max_nodes);
    let list = Reading::new(&limits, &mut nodes).read(&content, WHAT)?;
    let text = |key: &str, limit| {
        list.get(key).and_then(Value::text).map_or(String::new(), |text| clean(text, limit))
    };
    let answer = DeviceAnswer {
        udid: text("UDID", MAX_TEXT),
        product: text("PRODUCT", MAX_TEXT),
        os_build: text("VERSION", MAX_TEXT),
        challenge: text("CHALLENGE", MAX_CHALLENGE),
    };
    if answer.udid.is_empty() || answer.challenge.is_empty() {
        return Err(malformed(WHAT)("it has no UDID or no challenge"));
    }
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// DER with lengths of at most two bytes.
    fn element(tag: u8, content: &[u8]) -> Vec<u8> {
        let mut out = vec![tag, 0x82, (content.len() >> 8) as u8, content.len() as u8];
        out.extend_from_slice(content);
        out
    }

    fn signed(plist: &str) -> Vec<u8> {
        let oid = [0x06, 0x01, 0x2a];
        let content = element(0xa0, &element(0x04, plist.as_bytes()));
        let inner = element(0x30, &[&oid[..], &content].concat());
        let data = element(0x30, &[&[0x02, 0x01, 0x01][..], &element(0x31, &[]), &inner].concat());
        element(0x30, &[&oid[..], &element(0xa0, &data)].concat())
    }

    fn plist(inside: &str) -> String {
        format!("<?xml version=\"1.0\"?><plist version=\"1.0\"><dict>{inside}</dict></plist>")
    }

    #[test]
    fn an_answer_is_read() {
        let text = plist(
            "<key>CHALLENGE</key><string>abc.1.x</string><key>PRODUCT</key>\
             <string>iPhone14,2</string><key>UDID</key><string>00008110-000A35C23C62801E</string>\
             <key>VERSION</key><string>21F90</string>",
        );
        let answer = read_device(&signed(&text)).unwrap();
        assert_eq!(answer.udid, "00008110-000A35C23C62801E");
        assert_eq!((answer.product.as_str(), answer.os_build.as_str()), ("iPhone14,2", "21F90"));
        assert_eq!(answer.challenge, "abc.1.x");
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        let many = plist(&"<key>a</key><string>b</string>".repeat(MAX_NODES));
        let deep = plist(&format!("<key>a</key>{}{}", "<array>".repeat(99), "</array>".repeat(99)));
        let whole = signed(&plist("<key>UDID</key><string>a</string>"));
        let cases = [
            Vec::new(),
            b"<plist/>".to_vec(),
            signed("no list"),
            signed(&plist("")),
            whole.clone(),
            signed(&many),
            signed(&deep),
            vec![0x30; MAX_BYTES + 1],
        ];
        for bytes in cases {
            assert!(read_device(&bytes).is_err(), "{:?}", bytes.get(..8));
        }
        for cut in 0..whole.len() {
            assert!(read_device(&whole[..cut]).is_err(), "{cut}");
        }
    }
}
