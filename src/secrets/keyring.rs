//! The master keys of an installation, as files of its data folder: the first
//! is `master.key`, later ones `master-k2.key` and so on. The newest seals;
//! older ones open what they sealed until nothing is left of it.

use std::path::{Path, PathBuf};

use ring::aead::{AES_256_GCM, LessSafeKey, UnboundKey};
use ring::{hkdf, hmac};

use crate::error::{Error, Result};
use crate::model::time::Millis;

/// Length of a master key, in bytes.
pub const KEY_BYTES: usize = 32;
/// The name of the first key in what it sealed.
const FIRST: u32 = 1;

/// What is derived from one master key.
pub struct Key {
    number: u32,
    pub seal: LessSafeKey,
    pub sign: hmac::Key,
}

/// All keys, oldest first; never empty.
pub struct Ring(Vec<Key>);

struct Length(usize);

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

impl Key {
    pub fn derive(number: u32, master: &[u8; KEY_BYTES]) -> Self {
        let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, b"shipmate").extract(master);
        let derive = |purpose: &'static [u8]| {
            let mut out = [0; KEY_BYTES];
            let info = [purpose];
            prk.expand(&info, Length(KEY_BYTES))
                .and_then(|okm| okm.fill(&mut out))
                .expect("32 bytes are within HKDF's limit");
            out
        };
        let seal = UnboundKey::new(&AES_256_GCM, &derive(b"seal"))
            .expect("AES-256-GCM takes keys of 32 bytes");
        Self {
            number,
            seal: LessSafeKey::new(seal),
            sign: hmac::Key::new(hmac::HMAC_SHA256, &derive(b"sign")),
        }
    }

    /// Names the key in what it sealed.
    pub fn id(&self) -> String {
        format!("k{}", self.number)
    }
}

impl Ring {
    pub fn of_one(master: &[u8; KEY_BYTES]) -> Self {
        Self(vec![Key::derive(FIRST, master)])
    }

    /// Reads the keys of `dir`, making the first one if there is none.
    pub fn open(dir: &Path) -> Result<Self> {
        let mut numbers = numbers(dir)?;
        if numbers.is_empty() {
            create(&file(dir, FIRST))?;
            numbers.push(FIRST);
        }
        numbers.into_iter().map(|number| read(dir, number)).collect::<Result<_>>().map(Self)
    }

    /// True when the files of `dir` are these keys.
    pub fn is_of(&self, dir: &Path) -> bool {
        // A folder that cannot be read now changes nothing.
        numbers(dir).map_or(true, |numbers| self.0.iter().map(|key| key.number).eq(numbers))
    }

    /// The key that seals.
    pub fn newest(&self) -> &Key {
        self.0.last().expect("a ring is never empty")
    }

    pub fn find(&self, id: &str) -> Option<&Key> {
        self.0.iter().find(|key| key.id() == id)
    }

    pub fn keys(&self) -> &[Key] {
        &self.0
    }

    /// Makes a key that is newer than these, as a file of `dir`.
    pub fn add(&self, dir: &Path) -> Result<()> {
        create(&file(dir, self.newest().number + 1))
    }
}

/// Deletes the file of the key `id`.
pub fn remove(dir: &Path, key: &Key) -> Result<()> {
    std::fs::remove_file(file(dir, key.number))
        .map_err(|cause| Error::internal("deleting a master key", cause))
}

/// When the file of `key` was written.
pub fn made_at(dir: &Path, key: &Key) -> Result<Millis> {
    let failed = |cause| Error::internal("reading the age of a master key", cause);
    let written = std::fs::metadata(file(dir, key.number)).and_then(|file| file.modified());
    let since = written.map_err(failed)?.duration_since(std::time::UNIX_EPOCH);
    // A file from before 1970 is old enough for anything.
    Ok(Millis(since.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))))
}

fn file(dir: &Path, number: u32) -> PathBuf {
    match number {
        FIRST => dir.join("master.key"),
        later => dir.join(format!("master-k{later}.key")),
    }
}

/// The keys of `dir`, oldest first.
fn numbers(dir: &Path) -> Result<Vec<u32>> {
    let entries = std::fs::read_dir(dir)
        .map_err(|cause| Error::internal("reading the data folder", cause))?;
    let mut numbers: Vec<u32> = entries
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name();
            let name = name.to_str()?.strip_suffix(".key")?.strip_prefix("master")?;
            match name.strip_prefix("-k") {
                None => name.is_empty().then_some(FIRST),
                Some(number) => number.parse().ok().filter(|number| *number > FIRST),
            }
        })
        .collect();
    numbers.sort_unstable();
    Ok(numbers)
}

fn read(dir: &Path, number: u32) -> Result<Key> {
    let bytes = std::fs::read(file(dir, number))
        .map_err(|cause| Error::internal("reading a master key", cause))?;
    let master: [u8; KEY_BYTES] = bytes
        .try_into()
        .map_err(|_| Error::bug("reading a master key", "it is not 32 bytes long"))?;
    Ok(Key::derive(number, &master))
}

fn create(path: &Path) -> Result<()> {
    write_private(path, &super::random::<KEY_BYTES>())
        .map_err(|cause| Error::internal("writing a master key", cause))
}

/// A new file that only its owner can read; complete or absent, never half.
/// Two processes may start at once: whoever wrote first wins.
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
