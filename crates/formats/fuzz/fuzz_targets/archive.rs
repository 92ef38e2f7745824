//! A stored ZIP archive around what a fuzzer makes.

use std::io::Cursor;

use formats::package::{PackageKind, PackageLimits, read_package};

/// Low, so that the fuzzer reaches them with small inputs.
const LIMITS: PackageLimits = PackageLimits {
    max_entries: 64,
    max_entry_bytes: 64 << 10,
    max_total_bytes: 256 << 10,
    max_depth: 16,
    max_nodes: 20_000,
    max_text: 100,
    max_list: 8,
    max_icon_bytes: 16 << 10,
    max_icon_side: 64,
};

/// Two bytes say where the rest is cut.
pub fn halves(bytes: &[u8]) -> (&[u8], &[u8]) {
    let Some((at, rest)) = bytes.split_first_chunk::<2>() else { return (bytes, &[]) };
    rest.split_at(usize::from(u16::from_le_bytes(*at)).min(rest.len()))
}

pub fn read(kind: PackageKind, files: &[(&str, &[u8])]) {
    let archive = Cursor::new(stored(files));
    match read_package(kind, archive, &LIMITS) {
        Ok(package) => {
            assert!(!package.identifier.is_empty() && package.name.len() <= LIMITS.max_text);
            assert!(package.icon.is_none_or(|icon| icon.len() <= LIMITS.max_icon_bytes));
        }
        Err(error) => assert!(error.to_string().len() < 400),
    }
}

fn stored(files: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut out, mut list) = (Vec::new(), Vec::new());
    for (path, content) in files {
        let offset = out.len() as u32;
        let mut fields = vec![20, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        fields.extend(rawzip::crc32(content).to_le_bytes());
        fields.extend((content.len() as u32).to_le_bytes());
        fields.extend((content.len() as u32).to_le_bytes());
        fields.extend((path.len() as u16).to_le_bytes());
        fields.extend([0, 0]);
        out.extend(b"PK\x03\x04");
        out.extend(&fields);
        out.extend(path.as_bytes());
        out.extend(*content);
        list.extend(b"PK\x01\x02\x14\x00");
        list.extend(&fields);
        list.extend([0; 10]);
        list.extend(offset.to_le_bytes());
        list.extend(path.as_bytes());
    }
    let (at, len, count) = (out.len() as u32, list.len() as u32, files.len() as u16);
    out.extend(list);
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend(count.to_le_bytes());
    out.extend(count.to_le_bytes());
    out.extend(len.to_le_bytes());
    out.extend(at.to_le_bytes());
    out.extend([0, 0]);
    out
}
