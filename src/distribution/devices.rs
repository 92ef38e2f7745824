//! iOS devices of testers (DEP-10, DEP-11): a device answers to a profile that
//! carries a challenge of ours, and is tied to the address that the profile was
//! made for. What is verified is the challenge: that the answer belongs to a
//! profile of this tester, and is fresh. The device's own signature is not,
//! because that would need Apple's certificates; so a tester could name a
//! device that they do not have, but only as their own.

use formats::package::DeviceAnswer;

use crate::app::App;
use crate::db::{self, Tx};
use crate::error::{Error, Result};
use crate::model::app::App as AppRow;
use crate::model::build::Build;
use crate::model::distribution::{Device, Recipient, Rules};
use crate::model::package::Profile;

use super::{deploy, install};

/// Devices of one address.
const MAX_DEVICES: usize = 50;
/// In bytes: old identifiers have 40, new ones 25.
const UDID_BYTES: std::ops::RangeInclusive<usize> = 20..=40;
const MAX_WORD: usize = 32;

fn is_udid(text: &str) -> bool {
    UDID_BYTES.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-')
}

/// A word that a device says of itself; nothing else gets into a list.
fn word(text: &str) -> String {
    let plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, ',' | '.' | ' ' | '-');
    text.chars().filter(plain).take(MAX_WORD).collect()
}

/// Ties the device that answered to `recipient`'s address.
///
/// # Errors
/// `Invalid` for what is no identifier; `Conflict` for one device too many.
pub async fn register(
    app: &App,
    tx: &mut Tx,
    recipient: &Recipient,
    answer: &DeviceAnswer,
) -> Result<Device> {
    if !is_udid(&answer.udid) {
        return Err(Error::invalid_parameter("UDID"));
    }
    let known = db::devices::list_of(tx, &recipient.email).await?;
    let is_new = !known.iter().any(|device| device.udid == answer.udid);
    if is_new && known.len() >= MAX_DEVICES {
        return Err(Error::Conflict(format!("an address has at most {MAX_DEVICES} devices")));
    }
    let now = app.clock.now();
    let device = Device {
        udid: answer.udid.clone(),
        email: recipient.email.clone(),
        address: recipient.address.clone(),
        product: word(&answer.product),
        os_build: word(&answer.os_build),
        os_version: String::new(),
        registered_at: now,
        seen_at: now,
    };
    db::devices::upsert(tx, &device).await?;
    Ok(device)
}

/// Notes which version of iOS a registered device has come with.
pub async fn seen(app: &App, tx: &mut Tx, udid: &str, os_version: &str) -> Result<()> {
    let Some(device) = db::devices::find(tx, udid).await? else { return Ok(()) };
    let device = Device { os_version: word(os_version), seen_at: app.clock.now(), ..device };
    db::devices::upsert(tx, &device).await
}

/// The newest build of the app that devices can install, and its profile.
pub async fn newest_profile(tx: &mut Tx, row: &AppRow) -> Result<Option<(Build, Profile)>> {
    let Some(build) = deploy::newest(tx, row, &Rules::default(), None).await? else {
        return Ok(None);
    };
    let packages = install::packages(tx, &build).await?;
    let profile = packages.into_iter().find_map(|package| package.facts?.signing.profile);
    Ok(profile.map(|profile| (build, profile)))
}

/// Whether `profile` names the device, however it writes it.
pub fn lists(profile: &Profile, udid: &str) -> bool {
    profile.devices.iter().any(|listed| listed.eq_ignore_ascii_case(udid))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_and_words_are_plain() {
        for good in ["00008110-000A35C23C62801E", &"a1".repeat(20)] {
            assert!(is_udid(good), "{good}");
        }
        for bad in [
            "",
            "00008110",
            &"a1".repeat(21),
            "00008110-000A35C23C62801G",
            "00008110 000A35C23C62801E",
        ] {
            assert!(!is_udid(bad), "{bad}");
        }
        assert_eq!(word("iPhone14,2\t<b>é"), "iPhone14,2b");
        assert_eq!(word(&"x".repeat(99)).len(), MAX_WORD);
    }
}
