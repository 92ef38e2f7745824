//! Feeds any bytes to the reader of mappings; the trace is before the first
//! NUL.

#![no_main]

use formats::Limits;
use formats::mapping::{MappingReader, wanted};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits { max_bytes: 64 * 1024, ..Limits::default() };
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    let trace = String::from_utf8_lossy(&bytes[..end]);
    let mut reader = MappingReader::new(wanted(&trace, &limits));
    for part in bytes[end..].chunks(100) {
        if reader.push(part).is_err() {
            return;
        }
    }
    if let Ok(mapping) = reader.finish() {
        let (text, _) = mapping.retrace(&trace, &limits);
        assert!(text.len() <= limits.max_bytes);
    }
});
