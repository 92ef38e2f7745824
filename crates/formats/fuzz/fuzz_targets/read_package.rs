//! Feeds any bytes to `read_package`, as each kind of package. Begin with the
//! fixtures as corpus: `cargo +nightly fuzz run read_package
//! fuzz/corpus/read_package fixtures/packages`.

#![no_main]

use std::io::Cursor;

use formats::package::{PackageKind, PackageLimits, read_package};
use libfuzzer_sys::fuzz_target;

/// Low, so that the fuzzer reaches them with small inputs.
const LIMITS: PackageLimits = PackageLimits {
    max_entries: 64,
    max_entry_bytes: 64 << 10,
    max_total_bytes: 128 << 10,
    max_depth: 16,
    max_nodes: 20_000,
    max_text: 100,
    max_list: 8,
    max_icon_bytes: 16 << 10,
    max_icon_side: 64,
};

fuzz_target!(|bytes: &[u8]| {
    for kind in [PackageKind::Apk, PackageKind::Aab, PackageKind::Ipa] {
        match read_package(kind, Cursor::new(bytes), &LIMITS) {
            Ok(package) => {
                assert!(!package.identifier.is_empty() && package.name.len() <= LIMITS.max_text);
                assert!(package.icon.is_none_or(|icon| icon.len() <= LIMITS.max_icon_bytes));
            }
            Err(error) => assert!(error.to_string().len() < 400),
        }
    }
});
