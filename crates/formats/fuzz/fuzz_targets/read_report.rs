//! Feeds any bytes to `read_report`. Begin with the fixtures as corpus:
//! `cargo +nightly fuzz run read_report fuzz/corpus/read_report fixtures`.

#![no_main]

use formats::{Limits, Report, read_report};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    // Low, so that the fuzzer reaches them with small inputs.
    let limits = Limits {
        max_bytes: 64 * 1024,
        max_depth: 16,
        max_cases: 64,
        max_files: 32,
        max_functions: 64,
        max_text: 256,
    };
    for name in ["report", "report.xml", "report.json"] {
        match read_report(name, bytes, &limits) {
            Ok(Report::Tests(tests)) => assert!(tests.cases.len() <= limits.max_cases),
            Ok(Report::Coverage(coverage)) => {
                for target in &coverage.targets {
                    assert!((0.0..=1.0).contains(&target.coverage));
                }
            }
            Ok(Report::Other) => {}
            Err(error) => assert!(error.to_string().len() < 400),
        }
    }
});
