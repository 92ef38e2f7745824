//! App packages: APK, AAB and IPA. Tells what a package says of itself and
//! which signatures are there; verifies none of them. A package is read in
//! place, entry by entry, so its size costs nothing.

use std::io::{Read, Seek};

mod aab;
mod apk;
pub(crate) mod archive;
mod axml;
mod bytes;
mod der;
mod device;
mod error;
mod icon;
mod ipa;
mod manifest;
mod plist;
mod profile;
mod protobuf;
mod resources;
mod signing;
mod strings;

pub use device::{DeviceAnswer, read_device};
pub use error::PackageError;

use archive::Archive;

/// Ceilings for one package. Memory stays within a small multiple of
/// `max_entry_bytes`; time within what it takes to inflate `max_total_bytes`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PackageLimits {
    /// Files in the archive.
    pub max_entries: usize,
    /// Bytes of one file in it, packed and unpacked.
    pub max_entry_bytes: usize,
    /// Unpacked bytes of all files that are read.
    pub max_total_bytes: usize,
    /// Nesting of XML, property lists, DER and protocol buffers.
    pub max_depth: usize,
    /// Elements, attributes, objects and chunks looked at, all told.
    pub max_nodes: usize,
    /// Bytes of one text of the result; longer ones are cut.
    pub max_text: usize,
    /// Members of one list of the result; more are left out.
    pub max_list: usize,
    /// Bytes of the icon; larger ones are passed over.
    pub max_icon_bytes: usize,
    /// Width and height of the icon in pixels.
    pub max_icon_side: u32,
}

impl Default for PackageLimits {
    /// Above what the largest store apps need: their resource tables have some
    /// 30 MB.
    fn default() -> Self {
        Self {
            max_entries: 200_000,
            max_entry_bytes: 64 << 20,
            max_total_bytes: 192 << 20,
            max_depth: 64,
            max_nodes: 2_000_000,
            max_text: 1_000,
            max_list: 1_000,
            max_icon_bytes: 512 << 10,
            max_icon_side: 2_048,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PackageKind {
    Apk,
    Aab,
    Ipa,
}

/// What a package says of itself. Texts are empty where it is silent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Package {
    /// What the home screen shows, in the default language.
    pub name: String,
    pub identifier: String,
    pub version_name: String,
    pub version_code: String,
    pub min_os: String,
    pub target_os: String,
    pub permissions: Vec<String>,
    pub simulator: bool,
    /// PNG or WebP, the densest that fits the limits. `None` for an icon that
    /// exists as a drawing (XML) or in an asset catalogue only.
    pub icon: Option<Vec<u8>>,
    /// Of `v1`, `v2`, `v3`.
    pub schemes: Vec<&'static str>,
    pub certificate: Option<Certificate>,
    pub profile: Option<Profile>,
}

/// An X.509 certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// In the order of RFC 4514: `CN=Ann, O=Example, C=CA`.
    pub subject: String,
    /// Milliseconds since the Unix epoch.
    pub expires_at: Option<i64>,
    pub der: Vec<u8>,
}

/// `embedded.mobileprovision`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    pub name: String,
    pub team: String,
    pub team_id: String,
    pub kind: ProfileKind,
    /// Milliseconds since the Unix epoch.
    pub expires_at: Option<i64>,
    pub devices: Vec<String>,
    /// Sorted by key; lists are joined with `, `.
    pub entitlements: Vec<(String, String)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProfileKind {
    Development,
    AdHoc,
    Enterprise,
    AppStore,
}

/// Reads the package that begins at the start of `file`.
///
/// # Errors
/// See [`PackageError`]: a broken archive, a missing or broken manifest, a
/// passed limit. A broken icon is no error; neither is a broken signature,
/// which counts as none.
pub fn read_package<R: Read + Seek>(
    kind: PackageKind,
    file: R,
    limits: &PackageLimits,
) -> Result<Package, PackageError> {
    let mut archive = Archive::open(file, limits)?;
    match kind {
        PackageKind::Apk => apk::read(&mut archive),
        PackageKind::Aab => aab::read(&mut archive),
        PackageKind::Ipa => ipa::read(&mut archive),
    }
}

/// Text of a package for a person: one line, cut at `limit` bytes.
fn clean(text: &str, limit: usize) -> String {
    crate::text::clip(text.trim(), limit).replace(char::is_control, " ")
}
