//! Which signatures an Android package carries, and whose. Nothing is
//! verified, and what is broken counts as absent.
//!
//! v1: the JAR specification; v2 and v3: source.android.com, "APK Signature
//! Scheme".

use std::io::{Read, Seek};

use super::Certificate;
use super::archive::Archive;
use super::bytes::Bytes;
use super::der;
use super::error::PackageError;

const WHAT: &str = "the signature";
/// A signature file of one signer.
const MAX_SIGNATURE: usize = 1 << 20;
/// The signing block: certificates and digests, sometimes padding and a list
/// of dependencies.
const MAX_BLOCK: usize = 8 << 20;
const MAGIC: &[u8] = b"APK Sig Block 42";
const V2: u32 = 0x7109_871a;
const V3: u32 = 0xf053_68c0;
/// v3.1: v3 for newer Androids only.
const V31: u32 = 0x1b93_ad61;

#[derive(Debug, Default)]
pub(super) struct Signing {
    pub schemes: Vec<&'static str>,
    pub certificate: Option<Certificate>,
}

/// The JAR signature of an APK or a bundle.
pub(super) fn of_jar<R: Read + Seek>(archive: &mut Archive<R>) -> Signing {
    let in_folder = |path: &&str| path.starts_with("META-INF/") && path.matches('/').count() == 1;
    let ending = |path: &str| path.rsplit_once('.').map(|(_, end)| end.to_ascii_uppercase());
    let has_list =
        archive.paths().filter(in_folder).any(|path| ending(path).as_deref() == Some("SF"));
    let block = archive
        .paths()
        .filter(in_folder)
        .find(|path| matches!(ending(path).as_deref(), Some("RSA" | "DSA" | "EC")))
        .map(str::to_owned);
    let (true, Some(path)) = (has_list, block) else { return Signing::default() };
    let signed = archive.read_up_to(&path, WHAT, MAX_SIGNATURE);
    let certificate = signed.and_then(|bytes| {
        der::signed_certificate(&bytes, WHAT)?.map(|der| der::certificate(&der)).transpose()
    });
    match certificate {
        Ok(Some(certificate)) => Signing { schemes: vec!["v1"], certificate: Some(certificate) },
        Ok(None) | Err(_) => Signing::default(),
    }
}

/// The block in front of an APK's central directory.
pub(super) fn of_block<R: Read + Seek>(archive: &mut Archive<R>) -> Signing {
    read_block(archive).unwrap_or_default()
}

fn read_block<R: Read + Seek>(archive: &Archive<R>) -> Option<Signing> {
    // uint64 size, pairs, uint64 size again, magic; neither counts the first.
    let footer = archive.before_directory(0, 24)?;
    if !footer.ends_with(MAGIC) {
        return None;
    }
    let size = Bytes::new(&footer, WHAT).u64(0).ok()?;
    let len = usize::try_from(size).ok()?.checked_sub(24).filter(|len| *len <= MAX_BLOCK)?;
    let pairs = archive.before_directory(24, len)?;
    let mut rest = Bytes::new(&pairs, WHAT);
    let mut signing = Signing::default();
    let mut newest = None;
    while rest.len() >= 12 {
        let size = usize::try_from(rest.u64(0).ok()?).ok()?;
        let (id, value) = (rest.u32(8).ok()?, rest.part(12, size.checked_sub(4)?).ok()?);
        rest = rest.from(size.checked_add(8)?).ok()?;
        let scheme = match id {
            V2 => "v2",
            V3 | V31 => "v3",
            _ => continue,
        };
        let Ok(certificate) = first_certificate(value) else { continue };
        if !signing.schemes.contains(&scheme) {
            signing.schemes.push(scheme);
        }
        // v3.1 names the key for newer Androids; every device knows v3's.
        if newest.is_none_or(|newest| newest < scheme) && id != V31 {
            newest = Some(scheme);
            signing.certificate = Some(certificate);
        }
    }
    signing.schemes.sort_unstable();
    Some(signing)
}

/// Signers, each: signed data, each: digests, certificates, ...
fn first_certificate(mut value: Bytes<'_>) -> Result<Certificate, PackageError> {
    let mut signers = value.take_prefixed()?;
    let mut signer = signers.take_prefixed()?;
    let mut data = signer.take_prefixed()?;
    data.take_prefixed()?;
    let mut certificates = data.take_prefixed()?;
    der::certificate(certificates.take_prefixed()?.all())
}
