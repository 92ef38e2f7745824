//! Sealing, token hashes and signed links: the only user of the
//! installation's keys.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::aead::{Aad, NONCE_LEN, Nonce};
use ring::rand::{SecureRandom, SystemRandom};
use ring::{digest, hmac};

use crate::error::{Error, Result};
use crate::model::hex::hex;
use crate::model::secret::Secret;
use crate::model::time::Millis;

mod keyring;
pub mod openssh;
pub mod stream;

use keyring::{KEY_BYTES, Key, Ring};
use stream::FileKey;

/// Prefix of a person's token, so that a leaked one is recognised by scanners.
pub const PERSONAL_PREFIX: &str = "smp_";
/// Prefix of an agent's token.
pub const AGENT_PREFIX: &str = "sma_";
/// How old the known keys may be where links are signed.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// The installation's keys.
pub struct Keys {
    ring: RwLock<Arc<Ring>>,
    /// `None` in tests: one key, never another.
    dir: Option<PathBuf>,
    /// When the folder was last looked at.
    looked: Mutex<Instant>,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys")
    }
}

impl Keys {
    /// Derives all keys from 32 master bytes.
    pub fn derive(master: &[u8; KEY_BYTES]) -> Self {
        let ring = RwLock::new(Arc::new(Ring::of_one(master)));
        Self { ring, dir: None, looked: Mutex::new(Instant::now()) }
    }

    /// Reads the master keys of `data_dir`, making the first (mode 0600) if
    /// there is none.
    pub fn open(data_dir: &Path) -> Result<Self> {
        let ring = RwLock::new(Arc::new(Ring::open(data_dir)?));
        Ok(Self { ring, dir: Some(data_dir.to_owned()), looked: Mutex::new(Instant::now()) })
    }

    /// The keys as they were a few seconds ago, for what happens often.
    fn known(&self) -> Arc<Ring> {
        let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        if looked.elapsed() >= LOOK_EVERY {
            *looked = Instant::now();
            drop(looked);
            return self.ring();
        }
        drop(looked);
        self.held()
    }

    fn held(&self) -> Arc<Ring> {
        self.ring.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The keys as they are now: another process may have added one.
    fn ring(&self) -> Arc<Ring> {
        let known = self.held();
        let Some(dir) = self.dir.as_deref().filter(|dir| !known.is_of(dir)) else { return known };
        match Ring::open(dir) {
            Ok(ring) => {
                let ring = Arc::new(ring);
                *self.ring.write().unwrap_or_else(PoisonError::into_inner) = ring.clone();
                ring
            }
            Err(error) => {
                tracing::error!(%error, "the master keys cannot be read again");
                known
            }
        }
    }

    /// Seals `secret` for storage, bound to `place` (table and row), so that a
    /// sealed value copied to another row does not open there.
    pub fn seal(&self, place: &str, secret: &Secret) -> String {
        let ring = self.ring();
        let key = ring.newest();
        let nonce = random::<NONCE_LEN>();
        let mut bytes = secret.expose().as_bytes().to_vec();
        key.seal
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(place.as_bytes()),
                &mut bytes,
            )
            .expect("a stored secret is shorter than AES-GCM's limit");
        let mut out = nonce.to_vec();
        out.append(&mut bytes);
        format!("{}.{}", key.id(), URL_SAFE_NO_PAD.encode(out))
    }

    /// Opens what `seal` made for the same `place`.
    pub fn open_sealed(&self, place: &str, sealed: &str) -> Result<Secret> {
        let refuse = || Error::bug("opening a sealed value", "wrong key or damaged value");
        let (id, encoded) = sealed.split_once('.').ok_or_else(refuse)?;
        let known = self.known();
        let ring = if known.find(id).is_some() { known } else { self.ring() };
        let key = ring.find(id).ok_or_else(refuse)?;
        let mut bytes = URL_SAFE_NO_PAD.decode(encoded).map_err(|_| refuse())?;
        if bytes.len() < NONCE_LEN {
            return Err(refuse());
        }
        let mut sealed = bytes.split_off(NONCE_LEN);
        let nonce = Nonce::try_assume_unique_for_key(&bytes).map_err(|_| refuse())?;
        let plain = key
            .seal
            .open_in_place(nonce, Aad::from(place.as_bytes()), &mut sealed)
            .map_err(|_| refuse())?;
        String::from_utf8(plain.to_vec()).map(Secret::new).map_err(|_| refuse())
    }

    /// A key for one file, and the same sealed for `place`.
    pub fn new_file_key(&self, place: &str) -> Result<(FileKey, String)> {
        let bytes = random::<KEY_BYTES>();
        let sealed = self.seal(place, &Secret::new(URL_SAFE_NO_PAD.encode(bytes)));
        Ok((FileKey::new(&bytes)?, sealed))
    }

    /// The key that `new_file_key` sealed for the same `place`.
    pub fn open_file_key(&self, place: &str, sealed: &str) -> Result<FileKey> {
        let text = self.open_sealed(place, sealed)?;
        let bytes = URL_SAFE_NO_PAD
            .decode(text.expose())
            .map_err(|_| Error::bug("opening a file key", "not base64"))?;
        FileKey::new(&bytes)
    }

    /// What starts every value that the newest key sealed.
    pub fn newest_prefix(&self) -> String {
        format!("{}.", self.ring().newest().id())
    }

    /// `sealed` as the newest key would have sealed it.
    pub fn reseal(&self, place: &str, sealed: &str) -> Result<String> {
        self.open_sealed(place, sealed).map(|secret| self.seal(place, &secret))
    }

    /// Makes a newer key, which seals from now on in every process.
    pub fn add(&self) -> Result<String> {
        let dir = self.folder()?;
        self.ring().add(dir)?;
        Ok(self.ring().newest().id())
    }

    /// Deletes all keys but the newest; returns their names. Whatever they
    /// sealed can never be opened again.
    pub fn forget_old(&self) -> Result<Vec<String>> {
        let dir = self.folder()?;
        let ring = self.ring();
        let old = &ring.keys()[..ring.keys().len() - 1];
        for key in old {
            keyring::remove(dir, key)?;
        }
        Ok(old.iter().map(Key::id).collect())
    }

    /// How many keys there are.
    pub fn count(&self) -> usize {
        self.ring().keys().len()
    }

    /// When the newest key was made.
    pub fn newest_since(&self) -> Result<Millis> {
        keyring::made_at(self.folder()?, self.ring().newest())
    }

    fn folder(&self) -> Result<&Path> {
        self.dir.as_deref().ok_or_else(|| Error::bug("changing master keys", "they are not files"))
    }

    /// A key for a link to `subject` that works until `expires`.
    pub fn sign_link(&self, subject: &str, expires: Millis) -> String {
        let ring = self.known();
        let tag = hmac::sign(&ring.newest().sign, link_message(subject, expires).as_bytes());
        format!("{subject}.{}.{}", expires.0, URL_SAFE_NO_PAD.encode(tag))
    }

    /// The subject of a key made by `sign_link`, if it is genuine and alive.
    pub fn verify_link<'a>(&self, key: &'a str, now: Millis) -> Option<&'a str> {
        let (rest, tag) = key.rsplit_once('.')?;
        let (subject, expires) = rest.rsplit_once('.')?;
        let expires = Millis(expires.parse().ok()?);
        let tag = URL_SAFE_NO_PAD.decode(tag).ok()?;
        let message = link_message(subject, expires);
        let genuine = |key: &Key| hmac::verify(&key.sign, message.as_bytes(), &tag).is_ok();
        let is_known = self.known().keys().iter().any(genuine);
        // Another server may have signed it with a key that is new.
        (is_known || self.ring().keys().iter().any(genuine)).then_some(())?;
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

/// A random UUID (version 4, RFC 9562), for file names that clients expect.
pub fn random_uuid() -> String {
    let mut bytes = random::<16>();
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let text = hex(&bytes);
    format!("{}-{}-{}-{}-{}", &text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..])
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
    fn a_newer_key_seals_in_every_process_and_older_ones_open() {
        let dir = tempfile::tempdir().unwrap();
        let (server, admin) = (Keys::open(dir.path()).unwrap(), Keys::open(dir.path()).unwrap());
        let old = server.seal("x", &Secret::new("v"));
        let link = server.sign_link("abc", Millis(1000));
        assert_eq!(server.newest_prefix(), "k1.");
        assert_eq!(admin.add().unwrap(), "k2");
        assert_eq!(server.newest_prefix(), "k2.");
        let new = admin.reseal("x", &old).unwrap();
        assert!(new.starts_with("k2."));
        for sealed in [&old, &new] {
            assert_eq!(server.open_sealed("x", sealed).unwrap().expose(), "v");
        }
        assert_eq!(server.verify_link(&link, Millis(1)), Some("abc"));
        assert_eq!((admin.count(), admin.forget_old().unwrap()), (2, vec!["k1".to_owned()]));
        let later = Keys::open(dir.path()).unwrap();
        assert_eq!(later.open_sealed("x", &new).unwrap().expose(), "v");
        assert!(later.open_sealed("x", &old).is_err());
        assert_eq!(later.add().unwrap(), "k3");
    }

    #[test]
    fn a_file_key_opens_in_its_place() {
        let keys = Keys::derive(&[7; 32]);
        let (_, sealed) = keys.new_file_key("a").unwrap();
        assert!(keys.open_file_key("a", &sealed).is_ok());
        assert!(keys.open_file_key("b", &sealed).is_err());
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
    fn uuids_are_of_version_4() {
        let uuid = random_uuid();
        assert_eq!(uuid.split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
        assert_eq!(&uuid[14..15], "4");
        assert!("89ab".contains(&uuid[19..20]));
        assert_ne!(uuid, random_uuid());
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
