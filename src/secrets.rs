//! Sealing, token hashes and signed links: the only user of the
//! installation's keys.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use ring::{digest, hkdf, hmac};

use crate::error::{Error, Result};
use crate::model::hex::hex;
use crate::model::secret::Secret;
use crate::model::time::Millis;

/// Prefix of a person's token, so that a leaked one is recognised by scanners.
pub const PERSONAL_PREFIX: &str = "smp_";
/// Prefix of an agent's token.
pub const AGENT_PREFIX: &str = "sma_";
/// Names the key that sealed a value, so that keys can be rotated later.
const KEY_ID: &str = "k1";
const NONCE_BYTES: usize = 12;

/// The installation's keys, derived from one master key.
pub struct Keys {
    seal: LessSafeKey,
    sign: hmac::Key,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys")
    }
}

struct Length(usize);

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

impl Keys {
    /// Derives all keys from 32 master bytes.
    pub fn derive(master: &[u8; 32]) -> Self {
        let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, b"shipmate").extract(master);
        let derive = |purpose: &'static [u8]| {
            let mut out = [0; 32];
            let info = [purpose];
            prk.expand(&info, Length(32))
                .and_then(|okm| okm.fill(&mut out))
                .expect("32 bytes are within HKDF's limit");
            out
        };
        let seal = UnboundKey::new(&AES_256_GCM, &derive(b"seal"))
            .expect("AES-256-GCM takes keys of 32 bytes");
        Self {
            seal: LessSafeKey::new(seal),
            sign: hmac::Key::new(hmac::HMAC_SHA256, &derive(b"sign")),
        }
    }

    /// Reads the master key of `data_dir`, making it (mode 0600) if missing.
    pub fn open(data_dir: &Path) -> Result<Self> {
        let path = data_dir.join("master.key");
        match std::fs::read(&path) {
            Ok(bytes) => {
                let master: [u8; 32] = bytes
                    .try_into()
                    .map_err(|_| Error::bug("reading master.key", "it is not 32 bytes long"))?;
                Ok(Self::derive(&master))
            }
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => {
                let master = random::<32>();
                write_private(&path, &master)
                    .map_err(|cause| Error::internal("writing master.key", cause))?;
                // Two processes may start at once: whoever wrote first wins.
                Self::open(data_dir)
            }
            Err(cause) => Err(Error::internal("reading master.key", cause)),
        }
    }

    /// Seals `secret` for storage, bound to `place` (table and row), so that a
    /// sealed value copied to another row does not open there.
    pub fn seal(&self, place: &str, secret: &Secret) -> String {
        let nonce = random::<NONCE_BYTES>();
        let mut bytes = secret.expose().as_bytes().to_vec();
        self.seal
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(place.as_bytes()),
                &mut bytes,
            )
            .expect("a stored secret is shorter than AES-GCM's limit");
        let mut out = nonce.to_vec();
        out.append(&mut bytes);
        format!("{KEY_ID}.{}", URL_SAFE_NO_PAD.encode(out))
    }

    /// Opens what `seal` made for the same `place`.
    pub fn open_sealed(&self, place: &str, sealed: &str) -> Result<Secret> {
        let refuse = || Error::bug("opening a sealed value", "wrong key or damaged value");
        let encoded = sealed
            .strip_prefix(KEY_ID)
            .and_then(|rest| rest.strip_prefix('.'))
            .ok_or_else(refuse)?;
        let mut bytes = URL_SAFE_NO_PAD.decode(encoded).map_err(|_| refuse())?;
        if bytes.len() < NONCE_BYTES {
            return Err(refuse());
        }
        let mut sealed = bytes.split_off(NONCE_BYTES);
        let nonce = Nonce::try_assume_unique_for_key(&bytes).map_err(|_| refuse())?;
        let plain = self
            .seal
            .open_in_place(nonce, Aad::from(place.as_bytes()), &mut sealed)
            .map_err(|_| refuse())?;
        String::from_utf8(plain.to_vec()).map(Secret::new).map_err(|_| refuse())
    }

    /// A key for a link to `subject` that works until `expires`.
    pub fn sign_link(&self, subject: &str, expires: Millis) -> String {
        let tag = hmac::sign(&self.sign, link_message(subject, expires).as_bytes());
        format!("{subject}.{}.{}", expires.0, URL_SAFE_NO_PAD.encode(tag))
    }

    /// The subject of a key made by `sign_link`, if it is genuine and alive.
    pub fn verify_link<'a>(&self, key: &'a str, now: Millis) -> Option<&'a str> {
        let (rest, tag) = key.rsplit_once('.')?;
        let (subject, expires) = rest.rsplit_once('.')?;
        let expires = Millis(expires.parse().ok()?);
        let tag = URL_SAFE_NO_PAD.decode(tag).ok()?;
        hmac::verify(&self.sign, link_message(subject, expires).as_bytes(), &tag).ok()?;
        (now <= expires).then_some(subject)
    }
}

fn link_message(subject: &str, expires: Millis) -> String {
    format!("link:{subject}:{}", expires.0)
}

/// Fresh bytes that nobody can guess.
pub fn random<const N: usize>() -> [u8; N] {
    let mut out = [0; N];
    SystemRandom::new().fill(&mut out).expect("the operating system provides random bytes");
    out
}

/// A new file that only its owner can read; complete or absent, never half.
fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let temporary = path.with_extension(format!("new-{}", std::process::id()));
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    let linked = std::fs::hard_link(&temporary, path);
    std::fs::remove_file(&temporary)?;
    match linked {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}

/// Random characters of a token: 43 of 62 kinds are 256 bits.
const TOKEN_CHARS: usize = 43;
/// Characters of the checksum behind them: 32 bits.
const CHECK_CHARS: usize = 6;
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A fresh token: the prefix, 43 random characters of base 62, and a checksum
/// of all that in six more.
pub fn generate_token(prefix: &str) -> Secret {
    let mut token = String::with_capacity(prefix.len() + TOKEN_CHARS + CHECK_CHARS);
    token.push_str(prefix);
    while token.len() < prefix.len() + TOKEN_CHARS {
        // A byte from 248 on would make the first characters more likely.
        let fair = random::<64>().into_iter().filter(|byte| *byte < 248);
        let missing = prefix.len() + TOKEN_CHARS - token.len();
        token.extend(fair.take(missing).map(|byte| char::from(BASE62[usize::from(byte % 62)])));
    }
    let check = token_check(&token);
    token.push_str(&check);
    Secret::new(token)
}

/// The first four bytes of the SHA-256 of `text` in base 62, most significant
/// digit first, so that scanners can tell a token from noise.
fn token_check(text: &str) -> String {
    let digest = digest::digest(&digest::SHA256, text.as_bytes());
    let head: [u8; 4] = digest.as_ref()[..4].try_into().expect("SHA-256 has 32 bytes");
    let mut rest = u32::from_be_bytes(head);
    let mut digits = ['0'; CHECK_CHARS];
    for digit in digits.iter_mut().rev() {
        *digit = char::from(BASE62[(rest % 62) as usize]);
        rest /= 62;
    }
    digits.iter().collect()
}

/// Whether `token` can be one of ours: its checksum is right, or it has the
/// length of those made before there was one (43 characters of base64url).
pub fn is_plausible_token(prefix: &str, token: &str) -> bool {
    let Some(rest) = token.strip_prefix(prefix) else { return false };
    if rest.len() == TOKEN_CHARS {
        return true;
    }
    let has_length = rest.len() == TOKEN_CHARS + CHECK_CHARS && rest.is_ascii();
    has_length && {
        let (text, check) = token.split_at(token.len() - CHECK_CHARS);
        token_check(text) == check
    }
}

/// What is stored of a token. It has 256 random bits, so a plain hash is
/// enough: there is nothing to guess.
pub fn hash_token(token: &str) -> String {
    hex(digest::digest(&digest::SHA256, token.as_bytes()).as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_value_opens_only_in_its_place() {
        let keys = Keys::derive(&[7; 32]);
        let sealed = keys.seal("apps/1", &Secret::new("hunter2"));
        assert!(!sealed.contains("hunter2"));
        assert_eq!(keys.open_sealed("apps/1", &sealed).unwrap().expose(), "hunter2");
        assert!(keys.open_sealed("apps/2", &sealed).is_err());
        assert!(Keys::derive(&[8; 32]).open_sealed("apps/1", &sealed).is_err());
        assert!(keys.open_sealed("apps/1", "k1.AAAA").is_err());
        assert!(keys.open_sealed("apps/1", "").is_err());
    }

    #[test]
    fn a_signed_link_expires_and_cannot_be_changed() {
        let keys = Keys::derive(&[7; 32]);
        let key = keys.sign_link("abc", Millis(1000));
        assert_eq!(keys.verify_link(&key, Millis(1000)), Some("abc"));
        assert_eq!(keys.verify_link(&key, Millis(1001)), None);
        assert_eq!(keys.verify_link(&key.replace("abc", "abd"), Millis(1)), None);
        assert_eq!(keys.verify_link(&key.replace("1000", "9000"), Millis(1)), None);
        assert_eq!(keys.verify_link("", Millis(1)), None);
    }

    #[test]
    fn the_master_key_is_made_once_and_private() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let sealed = Keys::open(dir.path()).unwrap().seal("x", &Secret::new("v"));
        let again = Keys::open(dir.path()).unwrap();
        assert_eq!(again.open_sealed("x", &sealed).unwrap().expose(), "v");
        let mode = std::fs::metadata(dir.path().join("master.key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_mistyped_token_is_recognised() {
        let token = generate_token("smp_");
        let token = token.expose();
        assert!(is_plausible_token("smp_", token));
        assert!(!is_plausible_token("sma_", token));
        for at in 4..token.len() {
            let mut typed = token.as_bytes().to_vec();
            typed[at] = if typed[at] == b'x' { b'y' } else { b'x' };
            assert!(!is_plausible_token("smp_", std::str::from_utf8(&typed).unwrap()), "{at}");
        }
        assert!(!is_plausible_token("smp_", &token[..52]));
        assert!(!is_plausible_token("smp_", &format!("smp_{}", "é".repeat(24))));
        assert!(is_plausible_token("smp_", &format!("smp_{}", "a".repeat(43))), "an old one");
        // For those who write a scanner: the text and its checksum.
        let text = format!("smp_{}", "a".repeat(43));
        assert_eq!(token_check(&text), "1jjgXr");
    }

    #[test]
    fn tokens_differ_and_hashes_are_sha256() {
        assert_ne!(generate_token("smp_").expose(), generate_token("smp_").expose());
        assert_eq!(generate_token("smp_").expose().len(), 53);
        assert_eq!(
            hash_token("abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
