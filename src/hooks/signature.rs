//! Whether a delivery comes from who knows the app's webhook secret. Looks at
//! the raw bytes, before anything is parsed; every comparison takes the same
//! time whatever is wrong.

use axum::http::{HeaderMap, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;

use crate::hooks::recognise;
use crate::model::secret::Secret;

/// HMAC-SHA256 of the body in hex: GitHub and others; Gitea, Forgejo and Gogs.
const SHA256_HEADERS: [&str; 4] =
    ["x-hub-signature-256", "x-forgejo-signature", "x-gitea-signature", "x-gogs-signature"];

/// True if the delivery proves that its sender knows `secret`. The first proof
/// that it offers decides; a weaker one beside it is not looked at.
pub fn is_valid(headers: &HeaderMap, body: &[u8], secret: &Secret) -> bool {
    let secret = secret.expose().as_bytes();
    for name in SHA256_HEADERS {
        if headers.contains_key(name) {
            let Some(text) = recognise::header(headers, name) else { return false };
            let digest = text.strip_prefix("sha256=").unwrap_or(text);
            return signs(hmac::HMAC_SHA256, secret, body, digest);
        }
    }
    if let Some(text) = recognise::header(headers, "x-hub-signature") {
        // Bitbucket says sha256 here; sha1 is what old GitHub Enterprise sends.
        return match text.split_once('=') {
            Some(("sha256", digest)) => signs(hmac::HMAC_SHA256, secret, body, digest),
            Some(("sha1", digest)) => {
                signs(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret, body, digest)
            }
            _ => false,
        };
    }
    if let Some(value) = headers.get("x-gitlab-token") {
        return same(secret, value.as_bytes());
    }
    basic_password(headers).is_some_and(|password| same(secret, &password))
}

fn signs(algorithm: hmac::Algorithm, secret: &[u8], body: &[u8], digest: &str) -> bool {
    let key = hmac::Key::new(algorithm, secret);
    unhex(digest).is_some_and(|tag| hmac::verify(&key, body, &tag).is_ok())
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    if !text.len().is_multiple_of(2) {
        return None;
    }
    text.as_bytes()
        .chunks(2)
        .map(|pair| u8::try_from(digit(pair[0])? * 16 + digit(pair[1])?).ok())
        .collect()
}

/// Compares without telling by time how much is right.
fn same(secret: &[u8], given: &[u8]) -> bool {
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"comparison");
    hmac::verify(&key, given, hmac::sign(&key, secret).as_ref()).is_ok()
}

/// For providers that sign nothing but take `https://any:SECRET@host/..`.
fn basic_password(headers: &HeaderMap) -> Option<Vec<u8>> {
    let text = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = text.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = STANDARD.decode(encoded.trim()).ok()?;
    let colon = pair.iter().position(|byte| *byte == b':')?;
    Some(pair[colon + 1..].to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::hex::hex;

    fn headers(pairs: &[(&'static str, String)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn each_proof_right_and_wrong() {
        let secret = Secret::new("It's a Secret to Everybody");
        let body = b"Hello, World!";
        // The example of GitHub's documentation.
        let sha256 = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret.expose().as_bytes());
        let sha1 = hex(hmac::sign(&key, body).as_ref());
        let basic = |pair: &str| format!("Basic {}", STANDARD.encode(pair));
        let wrong = "0".repeat(64);
        let cases = [
            (vec![("x-hub-signature-256", format!("sha256={sha256}"))], true),
            (vec![("x-hub-signature-256", format!("sha256={}", sha256.to_uppercase()))], true),
            (vec![("x-hub-signature-256", format!("sha256={wrong}"))], false),
            (vec![("x-hub-signature-256", format!("sha256={}", &sha256[..62]))], false),
            (vec![("x-hub-signature-256", "sha256=".into())], false),
            (vec![("x-hub-signature-256", "sha256=zz".into())], false),
            (vec![("x-hub-signature", format!("sha256={sha256}"))], true),
            (vec![("x-hub-signature", format!("sha1={sha1}"))], true),
            (vec![("x-hub-signature", format!("sha1={sha256}"))], false),
            (vec![("x-hub-signature", format!("md5={sha256}"))], false),
            (vec![("x-gitea-signature", sha256.into())], true),
            (vec![("x-forgejo-signature", sha256.into())], true),
            (vec![("x-gogs-signature", wrong.clone())], false),
            (vec![("x-gitlab-token", secret.expose().into())], true),
            (vec![("x-gitlab-token", "It's a Secret to Everybod".into())], false),
            (vec![("x-gitlab-token", String::new())], false),
            (vec![("authorization", basic("any:It's a Secret to Everybody"))], true),
            (vec![("authorization", basic("any:other"))], false),
            (vec![("authorization", "Basic ?".into())], false),
            (vec![], false),
            // A right but weaker proof beside a wrong one does not help.
            (
                vec![
                    ("x-hub-signature-256", format!("sha256={wrong}")),
                    ("x-hub-signature", format!("sha1={sha1}")),
                ],
                false,
            ),
        ];
        for (pairs, valid) in cases {
            assert_eq!(is_valid(&headers(&pairs), body, &secret), valid, "{pairs:?}");
        }
    }
}
