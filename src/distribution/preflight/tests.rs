use super::*;
use crate::model::package::Signing;

const NOW: Millis = Millis(1_710_000_000_000);
const UDID: &str = "00008110-000A35C23C62801E";
const SAFARI: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 16_5_1 like Mac OS X) AppleWebKit/605.1.15 \
    (KHTML, like Gecko) Version/16.5 Mobile/15E148 Safari/604.1";
const SAFARI_26: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 \
    (KHTML, like Gecko) Version/26.0 Mobile/15E148 Safari/604.1";
const CHROME_IOS: &str = "Mozilla/5.0 (iPad; CPU OS 17_0 like Mac OS X) AppleWebKit/605.1.15 \
    (KHTML, like Gecko) CriOS/120.0.0.0 Mobile/15E148 Safari/604.1";
const CHROME: &str = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) \
    Chrome/120.0.0.0 Mobile Safari/537.36";
const FIREFOX: &str = "Mozilla/5.0 (Android 8.1.0; Mobile; rv:120.0) Gecko/120.0 Firefox/120.0";
const DESKTOP: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Gecko/20100101 Firefox/120.0";

fn facts(format: PackageFormat, min_os: &str, profile: Option<Profile>) -> PackageFacts {
    let schemes = if format == PackageFormat::Apk { vec!["v2".into()] } else { Vec::new() };
    PackageFacts {
        format,
        name: String::new(),
        identifier: String::new(),
        version_name: String::new(),
        version_code: String::new(),
        min_os: min_os.into(),
        target_os: String::new(),
        permissions: Vec::new(),
        simulator: false,
        signing: Signing { schemes, certificate: None, profile },
    }
}

fn profile(kind: ProfileKind, devices: &[&str], expires_in: i64) -> Profile {
    Profile {
        name: "Team".into(),
        team: String::new(),
        team_id: String::new(),
        kind,
        expires_at: Some(NOW.plus(expires_in)),
        devices: devices.iter().map(|device| (*device).to_owned()).collect(),
        entitlements: Vec::new(),
    }
}

fn registered(udid: &str) -> Device {
    Device {
        udid: udid.into(),
        email: "eve@example.org".into(),
        address: "eve@example.org".into(),
        product: "iPhone14,2".into(),
        os_build: String::new(),
        os_version: String::new(),
        registered_at: NOW,
        seen_at: NOW,
    }
}

/// Weights and texts of an iOS package before Safari.
fn said(
    facts: &PackageFacts,
    agent: &str,
    device: Option<&str>,
    devices: &[Device],
) -> Vec<String> {
    let visitor = Visitor::of(agent);
    let platform = match facts.format {
        PackageFormat::Ipa => Platform::Ios,
        PackageFormat::Apk | PackageFormat::Aab => Platform::Android,
    };
    let facts = Some(facts);
    let case = Case { platform, facts, https: true, visitor: &visitor, device, devices, now: NOW };
    check(&case).into_iter().map(|one| format!("{:?}: {}", one.weight, one.text)).collect()
}

#[test]
fn browsers_say_what_they_run_on() {
    let cases = [
        (SAFARI, System::Ios, Some([16, 5, 1]), true),
        (SAFARI_26, System::Ios, Some([26, 0, 0]), true),
        (CHROME_IOS, System::Ios, Some([17, 0, 0]), false),
        (CHROME, System::Android, None, false),
        (FIREFOX, System::Android, Some([8, 1, 0]), false),
        (DESKTOP, System::Other, None, false),
        ("", System::Other, None, false),
        ("iPhone OS 99999999999_1", System::Ios, None, false),
    ];
    for (agent, system, version, is_safari) in cases {
        assert_eq!(Visitor::of(agent), Visitor { system, version, is_safari }, "{agent}");
    }
}

#[test]
fn a_package_that_nobody_can_install_says_so_and_no_more() {
    let store = facts(PackageFormat::Ipa, "99", Some(profile(ProfileKind::AppStore, &[], 0)));
    let found = said(&store, CHROME, None, &[]);
    assert!(
        found.len() == 1 && found[0].starts_with("Blocks: This app is signed for the App Store")
    );
    let ad_hoc =
        facts(PackageFormat::Ipa, "13.0", Some(profile(ProfileKind::AdHoc, &[UDID], DAY_MS)));
    let visitor = Visitor::of(SAFARI);
    let over_http = Case {
        platform: Platform::Ios,
        facts: Some(&ad_hoc),
        https: false,
        visitor: &visitor,
        device: None,
        devices: &[],
        now: NOW,
    };
    assert!(check(&over_http)[0].text.contains("only from a server with https"));
    assert!(!wants_registration(&over_http));
    assert!(wants_registration(&Case { https: true, ..over_http }));
    assert!(!wants_registration(&Case { https: true, device: Some(UDID), ..over_http }));
    assert!(obstacle(Platform::Ios, None, true).is_some());
    assert_eq!(obstacle(Platform::Android, None, false), None);
}

#[test]
fn the_device_must_be_in_the_profile() {
    let far = 100 * DAY_MS;
    let lower = UDID.to_lowercase();
    let package = |devices: &[&str]| {
        facts(PackageFormat::Ipa, "16.0", Some(profile(ProfileKind::AdHoc, devices, far)))
    };
    let (with, without) = (package(&["x", &lower]), package(&["x"]));
    let mine = [registered(UDID)];
    assert_eq!(said(&with, SAFARI, Some(UDID), &mine), ["Fits: This iPhone is in the profile."]);
    let found = said(&without, SAFARI, Some(UDID), &mine);
    assert!(found[0].starts_with("Blocks: This iPhone is not in the profile."), "{found:?}");
    assert_eq!(said(&with, DESKTOP, None, &mine), ["Fits: In its profile: iPhone14,2 (…801E)."]);
    assert_eq!(
        said(&without, DESKTOP, None, &mine),
        ["Warns: None of your registered devices is in its profile."]
    );
    assert!(said(&with, SAFARI, None, &[])[0].contains("Register yours"));
    let company = facts(PackageFormat::Ipa, "", Some(profile(ProfileKind::Enterprise, &[], far)));
    let found = said(&company, SAFARI, None, &[]);
    assert!(found.len() == 1 && found[0].contains("trust the organisation"), "{found:?}");
}

#[test]
fn systems_versions_profiles_and_browsers_are_checked() {
    let far = 100 * DAY_MS;
    let of = |min_os: &str, ends: i64| {
        facts(PackageFormat::Ipa, min_os, Some(profile(ProfileKind::AdHoc, &[UDID], ends)))
    };
    let fits = "Fits: This device is in the profile.";
    assert_eq!(
        said(&of("16.6", far), SAFARI, Some(UDID), &[]),
        ["Blocks: It needs iOS 16.6; this device has 16.5.1.", fits]
    );
    assert_eq!(said(&of("26.0", far), SAFARI_26, Some(UDID), &[]), [fits]);
    let found = said(&of("16.0", -1), SAFARI, Some(UDID), &[]);
    assert!(found[0].starts_with("Blocks: Its profile expired on 2024-03-09"), "{found:?}");
    let found = said(&of("16.0", 3 * DAY_MS), SAFARI, Some(UDID), &[]);
    assert!(
        found[0].starts_with("Warns: Its profile expires on 2024-03-12, in 3 days"),
        "{found:?}"
    );
    assert!(said(&of("16.0", far), CHROME_IOS, Some(UDID), &[])[0].contains("in Safari"));
    assert!(said(&of("16.0", far), CHROME, None, &[])[0].contains("for iPhone and iPad"));
    let apk = |level: &str| facts(PackageFormat::Apk, level, None);
    assert!(said(&apk("24"), SAFARI, None, &[])[0].contains("an Android app"));
    assert_eq!(said(&apk("27"), FIREFOX, None, &[]), [""; 0]);
    assert_eq!(
        said(&apk("28"), FIREFOX, None, &[]),
        ["Blocks: It needs Android 9.0; this device has 8.1."]
    );
    // What is not known is not guessed.
    assert_eq!(said(&apk("36"), CHROME, None, &[]), [""; 0]);
    assert_eq!(said(&apk("999"), FIREFOX, None, &[]), [""; 0]);
    assert_eq!(said(&apk("36"), DESKTOP, None, &[]), [""; 0]);
}
