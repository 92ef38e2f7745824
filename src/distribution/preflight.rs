//! Whether a package will install on the device that looks at its page, and
//! what is in the way (DEP-9 to DEP-11). Pure: from the facts of the package,
//! what the browser says of itself, and the devices that were registered.

use crate::model::app::Platform;
use crate::model::distribution::Device;
use crate::model::package::{PackageFacts, PackageFormat, Profile, ProfileKind};
use crate::model::time::Millis;

use super::devices::lists;

/// So long before its end a profile is worth a word.
const SOON_MS: i64 = 7 * 24 * 3_600_000;
const DAY_MS: i64 = 24 * 3_600_000;

/// What a browser says of the device it runs on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visitor {
    pub system: System,
    /// Where the browser tells it truly.
    pub version: Option<[u32; 3]>,
    /// Safari itself: no other browser, no view inside an app.
    pub is_safari: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum System {
    Ios,
    Android,
    /// A computer, or an iPad that asks for desktop pages.
    Other,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// It will not install.
    Blocks,
    Warns,
    /// A doubt that is laid to rest.
    Fits,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub weight: Weight,
    pub text: String,
}

/// One package before one visitor.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    pub platform: Platform,
    pub facts: Option<&'a PackageFacts>,
    /// The server is reached over https.
    pub https: bool,
    pub visitor: &'a Visitor,
    /// UDID of the visiting device, if it was recognised.
    pub device: Option<&'a str>,
    /// Registered devices of whose link it is.
    pub devices: &'a [Device],
    pub now: Millis,
}

impl Visitor {
    /// Reads a `User-Agent`.
    pub fn of(user_agent: &str) -> Self {
        let is = |word: &str| user_agent.contains(word);
        if is("iPhone") || is("iPad") || is("iPod") {
            // Since iOS 26 Safari tells an old system, but its own version truly.
            let system = number_after(user_agent, " OS ");
            let version = system.max(number_after(user_agent, "Version/"));
            let is_other =
                ["CriOS", "FxiOS", "EdgiOS", "OPiOS", "GSA/", "FBAN", "Instagram", "Line/"]
                    .into_iter()
                    .any(is);
            let is_safari = is("Safari/") && is("Version/") && !is_other;
            return Self { system: System::Ios, version, is_safari };
        }
        if is("Android") {
            // Chrome says `Android 10; K` on every device (reduced user agent).
            let told = !is("Android 10; K)");
            let version = number_after(user_agent, "Android ").filter(|_| told);
            return Self { system: System::Android, version, is_safari: false };
        }
        Self { system: System::Other, version: None, is_safari: false }
    }
}

/// `16_5_1` or `16.5` behind the first `word`.
fn number_after(text: &str, word: &str) -> Option<[u32; 3]> {
    let (_, rest) = text.split_once(word)?;
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != '_' && c != '.');
    version(&rest[..end.unwrap_or(rest.len())])
}

/// `13`, `13.0`, `13_2_1`.
fn version(text: &str) -> Option<[u32; 3]> {
    let mut parts = text.split(['.', '_']).map(|part| part.parse::<u32>().ok());
    let first = parts.next()??;
    let mut next = || parts.next().flatten().unwrap_or(0);
    Some([first, next(), next()])
}

fn written(version: [u32; 3]) -> String {
    match version {
        [major, minor, 0] => format!("{major}.{minor}"),
        [major, minor, patch] => format!("{major}.{minor}.{patch}"),
    }
}

/// First version of Android with each API level.
const LEVELS: [(u32, [u32; 3]); 16] = [
    (21, [5, 0, 0]),
    (22, [5, 1, 0]),
    (23, [6, 0, 0]),
    (24, [7, 0, 0]),
    (25, [7, 1, 0]),
    (26, [8, 0, 0]),
    (27, [8, 1, 0]),
    (28, [9, 0, 0]),
    (29, [10, 0, 0]),
    (30, [11, 0, 0]),
    (31, [12, 0, 0]),
    (32, [12, 1, 0]),
    (33, [13, 0, 0]),
    (34, [14, 0, 0]),
    (35, [15, 0, 0]),
    (36, [16, 0, 0]),
];

/// Why no install link stands beside a package, whoever looks.
pub fn obstacle(
    platform: Platform,
    facts: Option<&PackageFacts>,
    https: bool,
) -> Option<&'static str> {
    match (facts, platform) {
        (None, Platform::Android) => None,
        (None, Platform::Ios) => Some(
            "Nothing could be read from this file, so iOS cannot be told how to install it. \
             Download it and install it from a computer.",
        ),
        (Some(facts), _) if facts.format == PackageFormat::Aab => {
            Some("This is a bundle for a store. No device installs it directly.")
        }
        (Some(facts), _) if !facts.is_signed() => {
            Some("This app is not signed for devices. Build it with a signing identity.")
        }
        (Some(facts), _) if !facts.is_installable() => {
            Some("This app is signed for the App Store only. No device installs it directly.")
        }
        (Some(_), Platform::Ios) if !https => Some(
            "iOS installs apps only from a server with https, and this one is reached over http. \
             Ask its administrator to set it up behind TLS.",
        ),
        (Some(_), _) => None,
    }
}

/// What stands in the way and what does not, the gravest first.
pub fn check(case: &Case<'_>) -> Vec<Finding> {
    if let Some(text) = obstacle(case.platform, case.facts, case.https) {
        return vec![Finding { weight: Weight::Blocks, text: text.to_owned() }];
    }
    let mut found = Vec::new();
    found.extend(wrong_system(case));
    if found.is_empty() {
        found.extend(too_old(case));
        if let Some(profile) = case.facts.and_then(|facts| facts.signing.profile.as_ref()) {
            found.extend(profile_end(case, profile));
            found.extend(device(case, profile));
        }
        found.extend(browser(case));
    }
    found.sort_by_key(|finding| match finding.weight {
        Weight::Blocks => 0,
        Weight::Warns => 1,
        Weight::Fits => 2,
    });
    found
}

/// Whether to offer the visiting device a profile that registers it.
pub fn wants_registration(case: &Case<'_>) -> bool {
    let profile = case.facts.and_then(|facts| facts.signing.profile.as_ref());
    let is_listed = profile.is_some_and(|profile| profile.kind.lists_devices());
    is_listed && case.https && case.device.is_none() && case.visitor.system == System::Ios
}

fn finding(weight: Weight, text: impl Into<String>) -> Option<Finding> {
    Some(Finding { weight, text: text.into() })
}

fn wrong_system(case: &Case<'_>) -> Option<Finding> {
    let text = match (case.platform, case.visitor.system) {
        (Platform::Ios, System::Android) => {
            "This is an app for iPhone and iPad. Open the link on one of those."
        }
        (Platform::Android, System::Ios) => {
            "This is an Android app. Open the link on such a device."
        }
        _ => return None,
    };
    finding(Weight::Blocks, text)
}

fn too_old(case: &Case<'_>) -> Option<Finding> {
    let needed = case.facts?.min_os.as_str();
    let has = case.visitor.version?;
    match (case.platform, case.visitor.system) {
        (Platform::Ios, System::Ios) => {
            let least = version(needed)?;
            let has_it = has >= least;
            (!has_it).then(|| Finding {
                weight: Weight::Blocks,
                text: format!("It needs iOS {}; this device has {}.", written(least), written(has)),
            })
        }
        (Platform::Android, System::Android) => {
            let level: u32 = needed.parse().ok()?;
            let (_, least) = LEVELS.iter().find(|(known, _)| *known == level)?;
            (has < *least).then(|| Finding {
                weight: Weight::Blocks,
                text: format!(
                    "It needs Android {}; this device has {}.",
                    written(*least),
                    written(has)
                ),
            })
        }
        _ => None,
    }
}

fn profile_end(case: &Case<'_>, profile: &Profile) -> Option<Finding> {
    let at = profile.expires_at?;
    let date = &at.to_iso()[..10];
    if at <= case.now {
        let text = format!("Its profile expired on {date}. Ask the team for a new build.");
        return finding(Weight::Blocks, text);
    }
    if at < case.now.plus(SOON_MS) {
        let days = at.since(case.now) / DAY_MS;
        let text =
            format!("Its profile expires on {date}, in {days} days. Then it stops starting.");
        return finding(Weight::Warns, text);
    }
    None
}

/// Is the device in the profile?
fn device(case: &Case<'_>, profile: &Profile) -> Option<Finding> {
    if profile.kind == ProfileKind::Enterprise {
        let text = "After installing, trust the organisation in Settings › General › VPN & Device \
            Management, or the app does not start.";
        return finding(Weight::Warns, text);
    }
    if !profile.kind.lists_devices() {
        return None;
    }
    if let Some(udid) = case.device {
        let kind = kind(case.devices.iter().find(|device| device.udid == udid));
        return if lists(profile, udid) {
            finding(Weight::Fits, format!("This {kind} is in the profile."))
        } else {
            let text = format!(
                "This {kind} is not in the profile. It is registered now: ask the team to add it \
                 and to build again."
            );
            finding(Weight::Blocks, text)
        };
    }
    let fitting: Vec<&Device> =
        case.devices.iter().filter(|device| lists(profile, &device.udid)).collect();
    match (fitting.as_slice(), case.devices) {
        ([], []) => finding(
            Weight::Warns,
            "It installs only on devices that are in its profile. Register yours, so that the team \
             can add it.",
        ),
        ([], [_, ..]) => {
            finding(Weight::Warns, "None of your registered devices is in its profile.")
        }
        (some, _) => {
            let names: Vec<_> = some.iter().map(|device| name(device)).collect();
            finding(Weight::Fits, format!("In its profile: {}.", names.join(", ")))
        }
    }
}

/// `iPhone`, of what the device calls itself.
fn kind(device: Option<&Device>) -> &str {
    let product = device.map_or("", |device| device.product.as_str());
    let end = product.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(product.len());
    if end == 0 { "device" } else { &product[..end] }
}

/// `iPhone14,2 (…801E)`: enough to tell one's own devices apart.
pub fn name(device: &Device) -> String {
    let product = if device.product.is_empty() { "device" } else { &device.product };
    let from = device.udid.len().saturating_sub(4);
    format!("{product} (…{})", device.udid.get(from..).unwrap_or_default())
}

fn browser(case: &Case<'_>) -> Option<Finding> {
    let elsewhere = case.visitor.system == System::Ios && !case.visitor.is_safari;
    if case.platform != Platform::Ios || !elsewhere {
        return None;
    }
    finding(
        Weight::Warns,
        "Open this page in Safari: other browsers can neither install nor register.",
    )
}

#[cfg(test)]
mod tests;
