use super::*;

fn facts(format: PackageFormat) -> PackageFacts {
    PackageFacts {
        format,
        name: "Shop".into(),
        identifier: "org.example.shop".into(),
        version_name: "1.4.2".into(),
        version_code: "57".into(),
        min_os: String::new(),
        target_os: String::new(),
        permissions: Vec::new(),
        simulator: false,
        signing: Signing::default(),
    }
}

fn signed(schemes: &[&str]) -> Signing {
    Signing { schemes: schemes.iter().map(|s| (*s).to_owned()).collect(), ..Signing::default() }
}

fn profiled(kind: ProfileKind) -> Signing {
    let profile = Profile {
        name: "P".into(),
        team: String::new(),
        team_id: String::new(),
        kind,
        expires_at: None,
        devices: Vec::new(),
        entitlements: Vec::new(),
    };
    Signing { profile: Some(profile), ..Signing::default() }
}

#[test]
fn signed_and_installable_are_two_questions() {
    use PackageFormat::{Aab, Apk, Ipa};
    let cases = [
        (Apk, Signing::default(), false, false, false),
        (Apk, signed(&["v2"]), false, true, true),
        (Aab, Signing::default(), false, false, false),
        (Aab, signed(&["v1"]), false, true, false),
        (Ipa, Signing::default(), false, false, false),
        (Ipa, profiled(ProfileKind::Development), false, true, true),
        (Ipa, profiled(ProfileKind::AdHoc), false, true, true),
        (Ipa, profiled(ProfileKind::Enterprise), false, true, true),
        (Ipa, profiled(ProfileKind::AppStore), false, true, false),
        (Ipa, profiled(ProfileKind::AdHoc), true, false, false),
    ];
    for (format, signing, simulator, is_signed, is_installable) in cases {
        let facts = PackageFacts { signing, simulator, ..facts(format) };
        assert_eq!(facts.is_signed(), is_signed, "{facts:?}");
        assert_eq!(facts.is_installable(), is_installable, "{facts:?}");
    }
}

#[test]
fn versions_show_what_there_is() {
    let mut facts = facts(PackageFormat::Apk);
    assert_eq!(facts.version(), "1.4.2 (57)");
    facts.version_code.clear();
    assert_eq!(facts.version(), "1.4.2");
    facts = PackageFacts { version_name: String::new(), version_code: "57".into(), ..facts };
    assert_eq!(facts.version(), "(57)");
    facts.version_code.clear();
    assert_eq!(facts.version(), "");
}

#[test]
fn formats_are_told_by_name() {
    assert_eq!(PackageFormat::of_name("a.b.APK"), Some(PackageFormat::Apk));
    assert_eq!(PackageFormat::of_name("a.ipa"), Some(PackageFormat::Ipa));
    assert_eq!(PackageFormat::of_name("a.ipa.zip"), None);
    assert_eq!(PackageFormat::of_name("ipa"), None);
}

#[test]
fn facts_of_an_older_agent_have_defaults() {
    let read: PackageFacts = serde_json::from_str(r#"{"format":"apk","later":1}"#).unwrap();
    assert_eq!(read.signing, Signing::default());
    assert_eq!(read.name, "");
}
