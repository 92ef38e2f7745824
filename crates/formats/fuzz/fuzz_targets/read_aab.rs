//! Fuzzes the readers behind the archive: the protocol buffers of a bundle. The
//! input is cut in two, and the parts become files of a sound archive, so that
//! no checksum stands in the fuzzer's way.

#![no_main]

use formats::package::PackageKind;
use libfuzzer_sys::fuzz_target;

mod archive;

fuzz_target!(|bytes: &[u8]| {
    let (first, second) = archive::halves(bytes);
    archive::read(
        PackageKind::Aab,
        &[("base/manifest/AndroidManifest.xml", first), ("base/resources.pb", second)],
    );
});
