//! Masking: whatever the output is and however it comes in pieces, the plain
//! secret is never shown. The first byte is the length of the secret, the
//! second of the pieces.

#![no_main]

use std::time::Instant;

use libfuzzer_sys::fuzz_target;
use shipmate::agent::log::lane::Lane;
use shipmate::agent::log::mask::{MASK, MIN_SECRET_BYTES, Masks};
use shipmate::model::secret::Secret;

fuzz_target!(|bytes: &[u8]| {
    let [length, piece, rest @ ..] = bytes else { return };
    let at = usize::from(*length).min(rest.len());
    let (secret, text) = rest.split_at(at);
    let Ok(secret) = std::str::from_utf8(secret) else { return };
    let mut masks = Masks::default();
    masks.add(&Secret::new(secret));
    let mut lane = Lane::default();
    let now = Instant::now();
    let mut shown = String::new();
    for (index, part) in text.chunks(usize::from(*piece).max(1)).enumerate() {
        lane.push(part, now, &mut masks, &mut |text| shown.push_str(text));
        if index % 3 == 0 {
            lane.release(&mut masks, &mut |text| shown.push_str(text));
        }
    }
    lane.finish(&mut masks, &mut |text| shown.push_str(text));
    let secret = secret.trim();
    // A secret of stars could stand in the masks themselves.
    if secret.len() >= MIN_SECRET_BYTES && !secret.contains('*') && !MASK.contains(secret) {
        assert!(!shown.contains(secret), "{secret:?} is in {shown:?}");
    }
});
