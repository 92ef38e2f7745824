//! Feeds any bytes to the readers of crash reports: ACRA in its encodings, and
//! the stack trace inside. `cargo +nightly fuzz run read_acra`.

#![no_main]

use formats::acra::{self, Encoding};
use formats::{Limits, java};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    // Low, so that the fuzzer reaches them with small inputs.
    let limits = Limits { max_bytes: 64 * 1024, max_text: 256, ..Limits::default() };
    for encoding in [Encoding::guess(bytes), Encoding::Json, Encoding::Form, Encoding::Properties] {
        match acra::read(bytes, encoding, &limits) {
            Ok(report) => {
                let trace = java::read_stack_trace(report.field("STACK_TRACE"), &limits);
                assert!(trace.iter().all(|t| t.message.len() <= limits.max_text));
            }
            Err(error) => assert!(error.to_string().len() < 400),
        }
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        let trace = java::read_stack_trace(text, &limits);
        let frames: usize = trace.iter().map(|t| t.frames.len()).sum();
        assert!(frames <= text.lines().count());
    }
});
