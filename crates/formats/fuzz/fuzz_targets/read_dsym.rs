//! Feeds any bytes to the reader of dSYMs, as an archive and as a Mach-O file.
//! Begin with `fixtures/symbols` as corpus.

#![no_main]

use std::io::Cursor;

use formats::symbols::{Dsyms, images};
use libfuzzer_sys::fuzz_target;

fn look(bytes: &[u8]) {
    for image in images(bytes) {
        assert_eq!(image.uuid.len(), 32);
        for frames in image.look_up(&[0, 0x304, 0x317, u64::MAX], || true) {
            assert!(frames.iter().all(|frame| frame.function.len() <= 1_000));
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    look(bytes);
    let Ok(mut dsyms) = Dsyms::open(Cursor::new(bytes)) else { return };
    for number in 0..dsyms.names().count().min(4) {
        if let Ok(file) = dsyms.read(number) {
            look(&file);
        }
    }
});
