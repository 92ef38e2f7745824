//! Codes of the second factor: TOTP (RFC 6238) with SHA-1, six digits and steps
//! of thirty seconds, which is what every authenticator app speaks. Pure.

use ring::hmac;

use crate::model::time::Millis;

const STEP_MS: i64 = 30_000;
/// Bytes of a shared secret (RFC 4226 recommends 160 bits).
pub const SECRET_BYTES: usize = 20;
/// A phone's clock may be off by this many steps.
const LENIENCY: i64 = 1;

/// The code of one step.
fn code(secret: &[u8], step: i64) -> u32 {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret);
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let tag = tag.as_ref();
    let offset = usize::from(tag[tag.len() - 1] & 0xf);
    let word = [tag[offset], tag[offset + 1], tag[offset + 2], tag[offset + 3]];
    (u32::from_be_bytes(word) & 0x7fff_ffff) % 1_000_000
}

/// The step whose code this is, if it is one of the current ones.
pub fn matching_step(secret: &[u8], given: &str, now: Millis) -> Option<i64> {
    let digits: String = given.chars().filter(|c| !c.is_whitespace()).collect();
    let is_code = digits.len() == 6 && digits.bytes().all(|b| b.is_ascii_digit());
    let given: u32 = is_code.then(|| digits.parse().ok()).flatten()?;
    let current = now.0.div_euclid(STEP_MS);
    (current - LENIENCY..=current + LENIENCY).find(|step| code(secret, *step) == given)
}

/// The code of this moment, for tests and for nobody else.
pub fn code_at(secret: &[u8], now: Millis) -> String {
    format!("{:06}", code(secret, now.0.div_euclid(STEP_MS)))
}

/// RFC 4648 base32 without padding: how a secret is typed by hand.
pub fn base32(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut text = String::with_capacity(bytes.len().div_ceil(5) * 8);
    let (mut bits, mut count) = (0u32, 0);
    for byte in bytes {
        bits = (bits << 8) | u32::from(*byte);
        count += 8;
        while count >= 5 {
            count -= 5;
            text.push(char::from(ALPHABET[(bits >> count) as usize & 31]));
        }
        bits &= (1 << count) - 1;
    }
    if count > 0 {
        text.push(char::from(ALPHABET[(bits << (5 - count)) as usize & 31]));
    }
    text
}

/// What an authenticator app reads from a QR code.
pub fn uri(secret: &[u8], email: &str) -> String {
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    let account = utf8_percent_encode(email, NON_ALPHANUMERIC);
    let secret = base32(secret);
    format!("otpauth://totp/Shipmate:{account}?secret={secret}&issuer=Shipmate&digits=6&period=30")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238 appendix B, cut to six digits.
    #[test]
    fn codes_of_the_standard() {
        let secret = b"12345678901234567890";
        for (seconds, expected) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(code_at(secret, Millis(seconds * 1000)), expected);
        }
    }

    #[test]
    fn a_code_counts_one_step_early_or_late() {
        let secret = [7; SECRET_BYTES];
        let now = Millis(1_710_000_000_000);
        let code = code_at(&secret, now);
        let step = now.0 / STEP_MS;
        for shift in [-STEP_MS, 0, STEP_MS] {
            assert_eq!(matching_step(&secret, &code, now.plus(shift)), Some(step));
        }
        assert_eq!(matching_step(&secret, &code, now.plus(2 * STEP_MS)), None);
        let spaced = format!("{} {}", &code[..3], &code[3..]);
        assert_eq!(matching_step(&secret, &spaced, now), Some(step));
        for wrong in ["", "12345", "1234567", "abcdef", "+12345"] {
            assert_eq!(matching_step(&secret, wrong, now), None);
        }
    }

    /// RFC 4648 section 10.
    #[test]
    fn base32_of_the_standard() {
        for (plain, encoded) in [
            ("", ""),
            ("f", "MY"),
            ("fo", "MZXQ"),
            ("foo", "MZXW6"),
            ("foob", "MZXW6YQ"),
            ("fooba", "MZXW6YTB"),
            ("foobar", "MZXW6YTBOI"),
        ] {
            assert_eq!(base32(plain.as_bytes()), encoded);
        }
        assert!(uri(b"foobar", "a@b.c").contains("Shipmate:a%40b%2Ec?secret=MZXW6YTBOI&"));
    }
}
