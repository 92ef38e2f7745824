//! What agents read in app packages: bounded here and stored. The server opens
//! no package itself (ADR 1).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use crate::app::App;
use crate::blobs::BlobKey;
use crate::db;
use crate::error::{Error, Result};
use crate::model::artifact::Artifact;
use crate::model::ids::ArtifactId;
use crate::model::package::{Certificate, Package, PackageFacts, Profile, Signing};
use crate::model::text::cut;
use crate::protocol::{MAX_ICON_BYTES, PackageReport};

use super::{Holder, hold};

/// Longest text, in bytes; the rest is cut.
const MAX_TEXT: usize = 1_000;
/// Permissions, devices or entitlements; the rest is left out.
const MAX_LIST: usize = 1_000;
/// When links to icons end: they show in mails, which are kept for long.
const ICON_LINKS_END: crate::model::time::Millis = crate::model::time::Millis(4_102_444_800_000);

/// Records what was read in a package; repeating it changes nothing.
///
/// # Errors
/// `Invalid` for a report with neither facts nor error, or an icon that is no
/// picture; `NotFound` for an artifact of another build; `Conflict` when the
/// agent no longer holds the build.
pub async fn record(
    app: &App,
    holder: Holder<'_>,
    artifact: &ArtifactId,
    report: &PackageReport,
) -> Result<()> {
    if report.facts.is_none() == report.error.is_none() {
        return Err(Error::invalid_parameter("facts"));
    }
    let icon = report.icon.as_deref().map(decode_icon).transpose()?;
    let mut tx = app.db.read().await?;
    let is_finished = hold(&mut tx, holder).await?.status.is_finished();
    let known = db::artifacts::find(&mut tx, artifact).await?;
    if known.is_none_or(|known| known.build_id != *holder.build) {
        return Err(Error::not_found());
    }
    if is_finished || db::packages::find(&mut tx, artifact).await?.is_some() {
        return Ok(());
    }
    drop(tx);
    let icon_key = match icon {
        Some(bytes) => {
            let key = BlobKey::Icon(holder.build.clone(), artifact.clone());
            let body = futures_util::stream::iter([Ok::<_, std::io::Error>(Bytes::from(bytes))]);
            app.blobs.write(&key, body, MAX_ICON_BYTES as u64).await?;
            Some(key.to_string())
        }
        None => None,
    };
    let package = Package {
        artifact_id: artifact.clone(),
        facts: report.facts.as_ref().map(bounded),
        error: report.error.as_deref().map(|error| cut(error, MAX_TEXT)),
        icon_key,
        created_at: app.clock.now(),
    };
    let mut tx = app.db.write().await?;
    if !hold(&mut tx, holder).await?.status.is_finished() {
        db::packages::insert(&mut tx, &package).await?;
    }
    tx.commit().await
}

fn decode_icon(text: &str) -> Result<Vec<u8>> {
    let refused = || Error::invalid_parameter("icon");
    if text.len() > MAX_ICON_BYTES.div_ceil(3) * 4 {
        return Err(refused());
    }
    let bytes = STANDARD.decode(text).map_err(|_| refused())?;
    if icon_type(&bytes).is_none() {
        return Err(refused());
    }
    Ok(bytes)
}

/// Content type of an icon, by its first bytes.
pub fn icon_type(bytes: &[u8]) -> Option<&'static str> {
    if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        Some("image/png")
    } else if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
        Some("image/webp")
    } else {
        None
    }
}

fn bounded(facts: &PackageFacts) -> PackageFacts {
    let PackageFacts {
        format,
        name,
        identifier,
        version_name,
        version_code,
        min_os,
        target_os,
        permissions,
        simulator,
        signing,
    } = facts;
    let Signing { schemes, certificate, profile } = signing;
    PackageFacts {
        format: *format,
        name: text(name),
        identifier: text(identifier),
        version_name: text(version_name),
        version_code: text(version_code),
        min_os: text(min_os),
        target_os: text(target_os),
        permissions: list(permissions),
        simulator: *simulator,
        signing: Signing {
            schemes: list(schemes),
            certificate: certificate.as_ref().map(bounded_certificate),
            profile: profile.as_ref().map(bounded_profile),
        },
    }
}

fn bounded_certificate(certificate: &Certificate) -> Certificate {
    let Certificate { subject, sha256, expires_at } = certificate;
    Certificate { subject: text(subject), sha256: text(sha256), expires_at: *expires_at }
}

fn bounded_profile(profile: &Profile) -> Profile {
    let Profile { name, team, team_id, kind, expires_at, devices, entitlements } = profile;
    Profile {
        name: text(name),
        team: text(team),
        team_id: text(team_id),
        kind: *kind,
        expires_at: *expires_at,
        devices: list(devices),
        entitlements: entitlements
            .iter()
            .take(MAX_LIST)
            .map(|(key, value)| (text(key), text(value)))
            .collect(),
    }
}

fn text(text: &str) -> String {
    cut(text, MAX_TEXT)
}

fn list(list: &[String]) -> Vec<String> {
    list.iter().take(MAX_LIST).map(|one| text(one)).collect()
}

/// The path segment behind which the icon of a package is, for everybody who
/// has it.
pub fn icon_link(app: &App, artifact: &ArtifactId) -> String {
    app.keys.sign_link(&format!("icon-{artifact}"), ICON_LINKS_END)
}

/// The blob behind a link of `icon_link`.
///
/// # Errors
/// `NotFound` for a forged link or a package without icon.
pub async fn open_icon(app: &App, link: &str) -> Result<String> {
    let subject = app.keys.verify_link(link, app.clock.now()).ok_or_else(Error::not_found)?;
    let id = subject.strip_prefix("icon-").ok_or_else(Error::not_found)?;
    let id: ArtifactId = id.parse().map_err(|_| Error::not_found())?;
    let mut tx = app.db.read().await?;
    let package = db::packages::find(&mut tx, &id).await?.ok_or_else(Error::not_found)?;
    package.icon_key.ok_or_else(Error::not_found)
}

/// Whether a file of a build may be offered, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offer {
    /// The platform's package: signed for devices, or nothing is known of it.
    Package { installable: bool },
    /// The platform's package, but not signed or not readable.
    Nothing,
    /// Any other file.
    File,
}

/// Judges a file by its name and what was read in it. `package_ending` is that
/// of the platform, such as `.apk`.
pub fn offer(artifact: &Artifact, package: Option<&Package>, package_ending: &str) -> Offer {
    if !artifact.name.to_lowercase().ends_with(package_ending) {
        return Offer::File;
    }
    match package {
        // Of an agent that does not read packages.
        None => Offer::Package { installable: true },
        Some(Package { facts: Some(facts), .. }) if facts.is_signed() => {
            Offer::Package { installable: facts.is_installable() }
        }
        Some(_) => Offer::Nothing,
    }
}
