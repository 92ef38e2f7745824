//! What expires when: profiles and certificates of the newest packages of each
//! app. Pure.

use std::collections::HashSet;

use crate::db::packages::Signed;
use crate::model::ids::{AppId, BuildId};
use crate::model::package::ProfileKind;
use crate::model::time::Millis;

const DAY_MS: i64 = 24 * 3_600_000;
/// So long before its end something is worth a look.
const SOON_MS: i64 = 30 * DAY_MS;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Item {
    Profile(ProfileKind),
    Certificate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    Expired,
    Soon,
    Fine,
    /// The package does not say.
    Unknown,
}

/// One thing that ends, as the newest build shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expiry {
    pub item: Item,
    pub name: String,
    /// Devices that the profile lists.
    pub devices: usize,
    pub app_id: AppId,
    pub app_name: String,
    pub build_id: BuildId,
    pub number: i64,
    pub expires_at: Option<Millis>,
    pub standing: Standing,
}

/// What ends first comes first. Of an app's profiles of one name, and of its
/// uses of one certificate, only the newest build's counts; `packages` has the
/// newest first.
pub fn horizon(packages: &[Signed], now: Millis) -> Vec<Expiry> {
    let mut known = HashSet::new();
    let mut found = Vec::new();
    for signed in packages {
        for (item, name, devices, expires_at) in items(signed) {
            let key = match item {
                Item::Profile(_) => format!("profile {name}"),
                Item::Certificate => format!("certificate {}", fingerprint(signed)),
            };
            if known.insert((signed.app_id.clone(), key)) {
                found.push(Expiry {
                    item,
                    name,
                    devices,
                    app_id: signed.app_id.clone(),
                    app_name: signed.app_name.clone(),
                    build_id: signed.build_id.clone(),
                    number: signed.number,
                    expires_at,
                    standing: standing(expires_at, now),
                });
            }
        }
    }
    found.sort_by_key(|one| (one.expires_at.unwrap_or(Millis(i64::MAX)), one.name.clone()));
    found
}

fn items(signed: &Signed) -> Vec<(Item, String, usize, Option<Millis>)> {
    let signing = &signed.facts.signing;
    let mut items = Vec::new();
    if let Some(profile) = &signing.profile {
        let name = match profile.team.as_str() {
            "" => profile.name.clone(),
            team => format!("{} ({team})", profile.name),
        };
        items.push((Item::Profile(profile.kind), name, profile.devices.len(), profile.expires_at));
    }
    if let Some(certificate) = &signing.certificate {
        items.push((Item::Certificate, certificate.subject.clone(), 0, certificate.expires_at));
    }
    items
}

fn fingerprint(signed: &Signed) -> &str {
    signed.facts.signing.certificate.as_ref().map_or("", |found| found.sha256.as_str())
}

fn standing(expires_at: Option<Millis>, now: Millis) -> Standing {
    match expires_at {
        None => Standing::Unknown,
        Some(at) if at <= now => Standing::Expired,
        Some(at) if at < now.plus(SOON_MS) => Standing::Soon,
        Some(_) => Standing::Fine,
    }
}

impl Expiry {
    /// Whole days until the end; negative after it.
    pub fn days_left(&self, now: Millis) -> Option<i64> {
        self.expires_at.map(|at| (at.0 - now.0).div_euclid(DAY_MS))
    }
}

impl Item {
    /// For a person.
    pub fn as_words(self) -> &'static str {
        match self {
            Self::Certificate => "certificate",
            Self::Profile(ProfileKind::Development) => "development profile",
            Self::Profile(ProfileKind::AdHoc) => "ad hoc profile",
            Self::Profile(ProfileKind::Enterprise) => "enterprise profile",
            Self::Profile(ProfileKind::AppStore) => "App Store profile",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::package::{Certificate, PackageFacts, PackageFormat, Profile, Signing};

    const NOW: Millis = Millis(1_710_000_000_000);

    fn signed(
        app: &AppId,
        number: i64,
        profile_ends: i64,
        certificate_ends: Option<i64>,
    ) -> Signed {
        let profile = Profile {
            name: "Team".into(),
            team: String::new(),
            team_id: String::new(),
            kind: ProfileKind::AdHoc,
            expires_at: Some(NOW.plus(profile_ends)),
            devices: vec!["a".into(), "b".into()],
            entitlements: Vec::new(),
        };
        let certificate = Certificate {
            subject: "CN=Ann".into(),
            sha256: "00".repeat(32),
            expires_at: certificate_ends.map(|ms| NOW.plus(ms)),
        };
        let facts = PackageFacts {
            format: PackageFormat::Ipa,
            name: String::new(),
            identifier: String::new(),
            version_name: String::new(),
            version_code: String::new(),
            min_os: String::new(),
            target_os: String::new(),
            permissions: Vec::new(),
            simulator: false,
            signing: Signing {
                schemes: Vec::new(),
                certificate: Some(certificate),
                profile: Some(profile),
            },
        };
        Signed {
            app_id: app.clone(),
            app_name: "Shop".into(),
            build_id: BuildId::generate(NOW),
            number,
            facts,
        }
    }

    #[test]
    fn the_newest_build_counts_and_the_first_end_comes_first() {
        let (one, two) = (AppId::generate(NOW), AppId::generate(NOW));
        let packages = [
            signed(&one, 9, 40 * DAY_MS, None),
            signed(&one, 8, -DAY_MS, Some(DAY_MS)),
            signed(&two, 3, -DAY_MS / 2, Some(29 * DAY_MS)),
        ];
        let found = horizon(&packages, NOW);
        let said: Vec<_> = found
            .iter()
            .map(|one| (one.number, one.item.as_words(), one.standing, one.days_left(NOW)))
            .collect();
        assert_eq!(
            said,
            [
                (3, "ad hoc profile", Standing::Expired, Some(-1)),
                (3, "certificate", Standing::Soon, Some(29)),
                (9, "ad hoc profile", Standing::Fine, Some(40)),
                (9, "certificate", Standing::Unknown, None),
            ]
        );
        assert_eq!((found[0].devices, found[1].devices), (2, 0));
    }
}
