//! App packages among the artifacts: read here, on the build machine, because
//! the server opens no hostile file. Whatever is wrong with one is a line in
//! the log, never a failed build.

use std::path::Path;

use formats::package::{Package, PackageKind, PackageLimits, read_package};

use crate::model::hex::hex;
use crate::model::package::{
    Certificate, PackageFacts, PackageFormat, Profile, ProfileKind, Signing,
};
use crate::model::time::Millis;
use crate::protocol::MAX_ICON_BYTES;

/// What a package says of itself, or why it cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageRead {
    pub facts: Result<PackageFacts, String>,
    pub icon: Option<Vec<u8>>,
}

/// Reads `file` if its name is that of an app package.
pub async fn read(name: &str, file: &Path) -> Option<PackageRead> {
    let format = PackageFormat::of_name(name)?;
    let file = file.to_owned();
    let read = tokio::task::spawn_blocking(move || open(format, &file)).await;
    let (facts, icon) = match read.unwrap_or_else(|_| Err("the reader gave up".to_owned())) {
        Ok(mut package) => {
            let icon = package.icon.take();
            (Ok(to_facts(format, package)), icon)
        }
        Err(reason) => (Err(reason), None),
    };
    Some(PackageRead { facts, icon })
}

fn open(format: PackageFormat, file: &Path) -> Result<Package, String> {
    let kind = match format {
        PackageFormat::Apk => PackageKind::Apk,
        PackageFormat::Aab => PackageKind::Aab,
        PackageFormat::Ipa => PackageKind::Ipa,
    };
    let limits = PackageLimits { max_icon_bytes: MAX_ICON_BYTES, ..PackageLimits::default() };
    let file = std::fs::File::open(file).map_err(|error| error.to_string())?;
    read_package(kind, file, &limits).map_err(|error| error.to_string())
}

fn to_facts(format: PackageFormat, package: Package) -> PackageFacts {
    let certificate = package.certificate.map(|certificate| Certificate {
        subject: certificate.subject,
        sha256: hex(ring::digest::digest(&ring::digest::SHA256, &certificate.der).as_ref()),
        expires_at: certificate.expires_at.map(Millis),
    });
    let profile = package.profile.map(|profile| Profile {
        name: profile.name,
        team: profile.team,
        team_id: profile.team_id,
        kind: match profile.kind {
            formats::package::ProfileKind::Development => ProfileKind::Development,
            formats::package::ProfileKind::AdHoc => ProfileKind::AdHoc,
            formats::package::ProfileKind::Enterprise => ProfileKind::Enterprise,
            formats::package::ProfileKind::AppStore => ProfileKind::AppStore,
        },
        expires_at: profile.expires_at.map(Millis),
        devices: profile.devices,
        entitlements: profile.entitlements,
    });
    let schemes = package.schemes.into_iter().map(str::to_owned).collect();
    PackageFacts {
        format,
        name: package.name,
        identifier: package.identifier,
        version_name: package.version_name,
        version_code: package.version_code,
        min_os: package.min_os,
        target_os: package.target_os,
        permissions: package.permissions,
        simulator: package.simulator,
        signing: Signing { schemes, certificate, profile },
    }
}

/// One line for the log.
pub fn describe(name: &str, read: &PackageRead) -> String {
    match &read.facts {
        Ok(facts) => format!("{name}: {}", summary(facts)),
        Err(reason) => format!("{name} cannot be read as an app package: {reason}."),
    }
}

/// `Shop, org.example.shop, 1.4.2 (57), signed v1+v2 by CN=Ann`
pub fn summary(facts: &PackageFacts) -> String {
    let version = facts.version();
    let parts = [facts.name.as_str(), &facts.identifier, &version];
    let mut line: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    let signing = signing(facts);
    line.push(&signing);
    line.join(", ")
}

fn signing(facts: &PackageFacts) -> String {
    let Signing { schemes, certificate, profile } = &facts.signing;
    let by = certificate.as_ref().map(|c| format!(" by {}", c.subject)).unwrap_or_default();
    if facts.simulator {
        return "for the simulator".to_owned();
    }
    if let Some(profile) = profile {
        let devices = match profile.devices.len() {
            0 => String::new(),
            count => format!(" for {count} devices"),
        };
        let until = profile.expires_at.map(|at| format!(" until {}", at.to_iso()));
        return format!(
            "{} profile \"{}\"{devices}{}{by}",
            profile.kind,
            profile.name,
            until.unwrap_or_default()
        );
    }
    if schemes.is_empty() {
        "not signed".to_owned()
    } else {
        format!("signed {}{by}", schemes.join("+"))
    }
}

#[cfg(test)]
mod tests;
