//! What an app package says of itself, and whether it can be handed out. Read
//! by the agent; the server has never opened the file.

use serde::{Deserialize, Serialize};

use crate::model::build::text_enum;
use crate::model::ids::ArtifactId;
use crate::model::time::Millis;

text_enum! {
    PackageFormat {
        Apk = "apk",
        /// Android App Bundle: for a store, no device installs it.
        Aab = "aab",
        Ipa = "ipa",
    }
}

impl PackageFormat {
    /// Told by the end of a file's name, in any case.
    pub fn of_name(name: &str) -> Option<Self> {
        let (_, ending) = name.rsplit_once('.')?;
        ending.to_ascii_lowercase().parse().ok()
    }
}

text_enum! {
    /// How an iOS provisioning profile lets an app onto devices.
    ProfileKind {
        /// Listed devices, with a debugger.
        Development = "development",
        /// Listed devices.
        AdHoc = "ad_hoc",
        /// Any device of the company.
        Enterprise = "enterprise",
        /// No device, only the store.
        AppStore = "app_store",
    }
}

impl ProfileKind {
    /// Only devices that the profile names run the app.
    pub fn lists_devices(self) -> bool {
        matches!(self, Self::Development | Self::AdHoc)
    }
}

/// The row of one package: facts, or why there are none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    pub artifact_id: ArtifactId,
    pub facts: Option<PackageFacts>,
    /// One sentence for a person.
    pub error: Option<String>,
    /// Where `blobs/` keeps the icon, a PNG.
    pub icon_key: Option<String>,
    pub created_at: Millis,
}

/// Texts are empty where the package does not say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackageFacts {
    pub format: PackageFormat,
    /// What the home screen shows.
    #[serde(default)]
    pub name: String,
    /// Application id or bundle id.
    #[serde(default)]
    pub identifier: String,
    /// `versionName` or `CFBundleShortVersionString`.
    #[serde(default)]
    pub version_name: String,
    /// `versionCode` or `CFBundleVersion`.
    #[serde(default)]
    pub version_code: String,
    /// Android: an API level such as `24`; iOS: a version such as `13.0`.
    #[serde(default)]
    pub min_os: String,
    /// Android only: an API level.
    #[serde(default)]
    pub target_os: String,
    /// Android only, as declared.
    #[serde(default)]
    pub permissions: Vec<String>,
    /// iOS only: built for the simulator, no device runs it.
    #[serde(default)]
    pub simulator: bool,
    #[serde(default)]
    pub signing: Signing,
}

/// Which signatures are there. Presence, not validity: nothing is verified.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signing {
    /// Android: of `v1`, `v2`, `v3`, those present.
    #[serde(default)]
    pub schemes: Vec<String>,
    /// Android: the signer's; iOS: the first that the profile allows.
    #[serde(default)]
    pub certificate: Option<Certificate>,
    /// iOS only.
    #[serde(default)]
    pub profile: Option<Profile>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// Such as `CN=Ann, O=Example`.
    pub subject: String,
    /// Of the certificate's DER, 64 lowercase hex.
    pub sha256: String,
    #[serde(default)]
    pub expires_at: Option<Millis>,
}

/// `embedded.mobileprovision`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    pub name: String,
    /// Name of the team.
    #[serde(default)]
    pub team: String,
    #[serde(default)]
    pub team_id: String,
    pub kind: ProfileKind,
    #[serde(default)]
    pub expires_at: Option<Millis>,
    /// UDIDs that may install it; empty where no list applies.
    #[serde(default)]
    pub devices: Vec<String>,
    /// Key and value as text, sorted by key; lists are joined with `, `.
    #[serde(default)]
    pub entitlements: Vec<(String, String)>,
}

impl PackageFacts {
    /// Somebody has signed it for devices or a store: it is worth downloading
    /// (api.md 2.1 `links.download`).
    pub fn is_signed(&self) -> bool {
        match self.format {
            PackageFormat::Apk | PackageFormat::Aab => !self.signing.schemes.is_empty(),
            PackageFormat::Ipa => self.signing.profile.is_some() && !self.simulator,
        }
    }

    /// A device can install it from an install page, if the profile allows the
    /// device (api.md 2.1 `links.install`).
    pub fn is_installable(&self) -> bool {
        let for_devices = match (self.format, &self.signing.profile) {
            (PackageFormat::Apk, _) => true,
            (PackageFormat::Aab, _) | (PackageFormat::Ipa, None) => false,
            (PackageFormat::Ipa, Some(profile)) => profile.kind != ProfileKind::AppStore,
        };
        for_devices && self.is_signed()
    }

    /// `1.4.2 (57)`, or what there is of it.
    pub fn version(&self) -> String {
        match (self.version_name.as_str(), self.version_code.as_str()) {
            (name, "") => name.to_owned(),
            ("", code) => format!("({code})"),
            (name, code) => format!("{name} ({code})"),
        }
    }
}

#[cfg(test)]
mod tests;
