//! Feeds any text to `find_places`.

#![no_main]

use formats::{Limits, find_places};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let limits = Limits::default();
    for place in find_places(text, &limits) {
        assert!(place.line > 0 && !place.path.is_empty());
        assert!(place.path.len() <= 1024);
    }
});
