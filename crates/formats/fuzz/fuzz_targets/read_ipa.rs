//! Fuzzes the readers behind the archive: property lists, profiles and the PNGs of Xcode. The
//! input is cut in two, and the parts become files of a sound archive, so that
//! no checksum stands in the fuzzer's way.

#![no_main]

use formats::package::PackageKind;
use libfuzzer_sys::fuzz_target;

mod archive;

fuzz_target!(|bytes: &[u8]| {
    let (first, second) = archive::halves(bytes);
    archive::read(
        PackageKind::Ipa,
        &[
            ("Payload/A.app/Info.plist", first),
            ("Payload/A.app/embedded.mobileprovision", second),
            ("Payload/A.app/AppIcon60x60@3x.png", second),
        ],
    );
});
