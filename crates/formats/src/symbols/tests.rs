use std::io::Cursor;

use super::*;

const ZIP: &[u8] = include_bytes!("../../fixtures/symbols/Shop.app.dSYM.zip");
const ARM64: &str = "4c4c44b755553144a173b0369d6cfc64";

fn dwarf() -> Vec<u8> {
    let mut dsyms = Dsyms::open(Cursor::new(ZIP)).unwrap();
    let names: Vec<(usize, String)> =
        dsyms.names().map(|(number, name)| (number, name.to_owned())).collect();
    assert_eq!(names, [(0, "Shop".to_owned())]);
    dsyms.read(0).unwrap()
}

fn shown(frames: &[SourceFrame]) -> Vec<String> {
    let show = |frame: &SourceFrame| {
        let file = frame.file.as_deref().unwrap_or("-");
        format!("{} {file}:{}", frame.function, frame.line.unwrap_or(0))
    };
    frames.iter().map(show).collect()
}

#[test]
fn addresses_become_functions_files_and_lines() {
    let bytes = dwarf();
    let images = images(&bytes);
    assert_eq!(images.len(), 2, "a universal binary");
    let arm64 = images.iter().find(|image| image.uuid == ARM64).unwrap();
    let found = arm64.look_up(&[0x304, 0x317, 0x32c, 0x10, 0x9_0000, u64::MAX], || true);
    let found: Vec<Vec<String>> = found.iter().map(|frames| shown(frames)).collect();
    assert_eq!(
        found[..3],
        [
            vec!["check /work/Shop/cart.c:3".to_owned(), "pay /work/Shop/cart.c:8".to_owned()],
            vec!["main /work/Shop/cart.c:13".to_owned()],
            vec!["shop::Cart::add /work/Shop/Cart.cpp:7".to_owned()],
        ]
    );
    // Outside of the code there is at most the name of the header.
    assert!(found[4].is_empty() && found[5].is_empty(), "{found:?}");
    let other = images.iter().find(|image| image.uuid != ARM64).unwrap();
    assert_ne!(shown(&other.look_up(&[0x304], || true)[0]), found[0]);
    assert_eq!(arm64.look_up(&[0x304], || false), [Vec::new()], "told to stop");
}

#[test]
fn names_for_people() {
    for (raw, plain, expected) in [
        ("pay", None, "pay"),
        ("-[Cart pay]", Some("-[Cart pay]"), "-[Cart pay]"),
        ("$s4Shop4CartC3payyyF", Some("pay()"), "Shop.Cart.pay"),
        ("_$s4Shop4CartC3payyyF", None, "Shop.Cart.pay"),
        (
            "$s4Shop4CartC3payyyFyycfU_",
            Some("closure #1 in Cart.pay()"),
            "Shop.Cart.pay.closure #1 in Cart.pay()",
        ),
        ("$sSo8NSObjectC", Some("init"), "init"),
        ("_ZN4shop4Cart3addEi", Some("add"), "shop::Cart::add"),
        ("_ZNK4shop4Cart3addEi", Some("add"), "shop::Cart::add"),
        ("_Z3payi", Some("pay"), "pay"),
        ("_ZN4shop4CartIiE3addEi", Some("add"), "add"),
        ("_ZN99999999999999999999999shop", None, "_ZN99999999999999999999999shop"),
        ("$s9", None, "$s9"),
        ("", Some("lambda"), "lambda"),
        ("", None, ""),
    ] {
        assert_eq!(readable(raw, plain), expected, "{raw}");
    }
}

/// Xorshift: the same bytes in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % sides as u64) as usize
    }
}

#[test]
fn damaged_symbols_never_panic() {
    let bytes = dwarf();
    // The last is the largest address of an image that begins at 0.
    let offsets: Vec<u64> = (0..0x400).step_by(0x20).chain([u64::MAX]).collect();
    let probe = |bytes: &[u8]| {
        for image in images(bytes) {
            for frames in image.look_up(&offsets, || true) {
                assert!(frames.len() <= MAX_INLINED);
                assert!(frames.iter().all(|frame| frame.function.len() <= MAX_NAME));
            }
        }
    };
    for end in (0..bytes.len()).step_by(211) {
        probe(&bytes[..end]);
    }
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    for _ in 0..1_500 {
        let mut broken = bytes.clone();
        for _ in 0..=dice.roll(8) {
            let at = dice.roll(broken.len());
            broken[at] = match dice.roll(3) {
                0 => 0xff,
                1 => 0,
                _ => dice.roll(256) as u8,
            };
        }
        probe(&broken);
    }
}

#[test]
fn damaged_archives_never_panic() {
    let mut dice = Dice(0x2545_f491_4f6c_dd1d);
    for _ in 0..500 {
        let mut broken = ZIP.to_vec();
        for _ in 0..=dice.roll(4) {
            let at = dice.roll(broken.len());
            broken[at] = dice.roll(256) as u8;
        }
        let Ok(mut dsyms) = Dsyms::open(Cursor::new(broken)) else { continue };
        for number in 0..dsyms.names().count() {
            let _ = dsyms.read(number);
        }
    }
    assert!(Dsyms::open(Cursor::new(b"no archive")).is_err());
    let mut dsyms = Dsyms::open(Cursor::new(ZIP)).unwrap();
    assert!(dsyms.read(7).is_err());
}
