//! App packages made by the platforms' own tools (`dev/make-packages`), read
//! through the public door and compared with what those tools say; and the
//! same packages broken in every way that is cheap to try.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::process::Command;

use formats::package::{
    Package, PackageError, PackageKind, PackageLimits, ProfileKind, read_package,
};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/packages")
}

fn bytes(folder: &Path, name: &str) -> Vec<u8> {
    std::fs::read(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn text(folder: &Path, name: &str) -> String {
    String::from_utf8(bytes(folder, name)).unwrap()
}

fn kind_of(name: &str) -> PackageKind {
    match name.rsplit_once('.').unwrap().1 {
        "apk" => PackageKind::Apk,
        "aab" => PackageKind::Aab,
        _ => PackageKind::Ipa,
    }
}

fn read(folder: &Path, name: &str) -> Result<Package, PackageError> {
    let file = Cursor::new(bytes(folder, name));
    read_package(kind_of(name), file, &PackageLimits::default())
}

/// The quoted value behind `key` in the output of aapt.
fn quoted<'t>(text: &'t str, key: &str) -> &'t str {
    let start = text.find(key).unwrap_or_else(|| panic!("no {key} in {text}")) + key.len();
    text[start..].split('\'').next().unwrap()
}

/// Seconds since the epoch of `notAfter=Feb 11 14:24:40 2035 GMT`.
fn end_of(text: &str) -> i64 {
    let date = text.split("notAfter=").nth(1).unwrap().lines().next().unwrap();
    let out = Command::new("date").args(["-u", "+%s", "-d", date]).output().unwrap();
    String::from_utf8(out.stdout).unwrap().trim().parse().unwrap()
}

fn assert_as_aapt_says(folder: &Path, name: &str) {
    let package = read(folder, name).unwrap();
    let said = text(folder, &name.replace(".apk", ".badging"));
    assert_eq!(package.identifier, quoted(&said, "package: name='"), "{name}");
    assert_eq!(package.version_code, quoted(&said, "versionCode='"), "{name}");
    assert_eq!(package.version_name, quoted(&said, "versionName='"), "{name}");
    assert_eq!(package.name, quoted(&said, "application-label:'"), "{name}");
    assert_eq!(package.min_os, quoted(&said, "sdkVersion:'"), "{name}");
    assert_eq!(package.target_os, quoted(&said, "targetSdkVersion:'"), "{name}");
    let permissions: Vec<_> = said
        .lines()
        .filter_map(|line| line.strip_prefix("uses-permission: name='"))
        .map(|line| line.trim_end_matches('\''))
        .collect();
    assert_eq!(package.permissions, permissions, "{name}");
    assert!(!package.name.is_empty() && !permissions.is_empty());
    assert_eq!(side(&package), Some(16), "{name}: the denser icon");
}

/// Width of the icon, from its header.
fn side(package: &Package) -> Option<u32> {
    let icon = package.icon.as_ref()?;
    assert!(icon.starts_with(b"\x89PNG\r\n\x1a\n"));
    let at = icon.windows(4).position(|kind| kind == b"IHDR")? + 4;
    Some(u32::from_be_bytes(icon[at..at + 4].try_into().unwrap()))
}

fn assert_signed_as_apksigner_says(folder: &Path, name: &str) {
    let package = read(folder, name).unwrap();
    let said = text(folder, &name.replace(".apk", ".signers"));
    for scheme in ["v1", "v2", "v3"] {
        let line = said.lines().find(|line| line.contains(&format!("using {scheme} scheme")));
        let is_there = line.unwrap().ends_with("true");
        assert_eq!(package.schemes.contains(&scheme), is_there, "{name} {scheme}");
    }
    let certificate = package.certificate.unwrap();
    assert!(
        said.contains(&format!("certificate DN: {}\n", certificate.subject)),
        "{certificate:?}"
    );
    assert_eq!(certificate.der, bytes(folder, "release.der"));
    assert_eq!(certificate.expires_at, Some(end_of(&text(folder, "release.txt")) * 1_000));
}

fn assert_ipa(folder: &Path, name: &str, kind: Option<ProfileKind>) {
    let package = read(folder, name).unwrap();
    assert_eq!(package.name, "Shop “Zoë”");
    assert_eq!(package.identifier, "org.example.shop");
    assert_eq!(package.version_name, "1.4.2");
    assert_eq!(package.version_code, "57");
    assert_eq!(package.min_os, "13.0");
    assert_eq!(package.simulator, name == "simulator.ipa");
    assert_eq!(side(&package), Some(18), "{name}: the larger icon");
    let icon = package.icon.unwrap();
    assert!(!icon.windows(4).any(|kind| kind == b"CgBI"), "{name}: the icon was converted");
    let Some(kind) = kind else {
        assert_eq!((package.profile, package.certificate), (None, None));
        return;
    };
    let profile = package.profile.unwrap();
    assert_eq!(profile.kind, kind);
    assert_eq!(profile.name, format!("Shop {}", name.trim_end_matches(".ipa")));
    assert_eq!((profile.team.as_str(), profile.team_id.as_str()), ("Example Ltd", "ABCDE12345"));
    // date -u -d '2030-02-28 23:59:59' +%s
    assert_eq!(profile.expires_at, Some(1_898_553_599_000));
    let lists_devices = matches!(kind, ProfileKind::Development | ProfileKind::AdHoc);
    let devices = ["00008030-000A1B2C3D4E5F60".to_owned(), "a".repeat(40)];
    assert_eq!(profile.devices, if lists_devices { devices.to_vec() } else { Vec::new() });
    let may_debug = (kind == ProfileKind::Development).to_string();
    let entitlements = [
        ("application-identifier", "ABCDE12345.org.example.shop"),
        ("get-task-allow", &may_debug),
        ("keychain-access-groups", "ABCDE12345.*, com.apple.token"),
    ];
    assert_eq!(
        profile.entitlements,
        entitlements.map(|(key, value)| (key.to_owned(), value.to_owned()))
    );
    let certificate = package.certificate.unwrap();
    let said = text(folder, "apple.txt");
    let subject = said.lines().next().unwrap().trim_start_matches("subject=");
    assert_eq!(certificate.subject.replace(", ", ","), subject);
    assert_eq!(certificate.expires_at, Some(end_of(&said) * 1_000));
    assert_eq!(certificate.der, bytes(folder, "apple.der"));
}

fn assert_all(folder: &Path) {
    for name in ["unsigned.apk", "utf16.apk", "signed.apk", "v3.apk"] {
        assert_as_aapt_says(folder, name);
    }
    assert_signed_as_apksigner_says(folder, "signed.apk");
    assert_signed_as_apksigner_says(folder, "v3.apk");
    for name in ["unsigned.apk", "utf16.apk", "bundle.aab"] {
        let package = read(folder, name).unwrap();
        assert!(package.schemes.is_empty() && package.certificate.is_none(), "{name}");
    }
    // The bundle was made of the same sources as the APKs.
    assert_eq!(read(folder, "bundle.aab"), read(folder, "unsigned.apk"));
    let kinds = [
        ("development.ipa", Some(ProfileKind::Development)),
        ("ad_hoc.ipa", Some(ProfileKind::AdHoc)),
        ("enterprise.ipa", Some(ProfileKind::Enterprise)),
        ("app_store.ipa", Some(ProfileKind::AppStore)),
        ("unsigned.ipa", None),
        ("simulator.ipa", None),
    ];
    for (name, kind) in kinds {
        assert_ipa(folder, name, kind);
    }
}

#[test]
fn facts_are_what_the_tools_say() {
    assert_all(&fixtures());
}

/// With the tools installed: the script still makes what is committed.
#[test]
fn packages_made_afresh_have_the_same_facts() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("packages-made-afresh");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../dev/make-packages");
    let made = Command::new(script).arg(&folder).output().unwrap();
    if made.status.code() == Some(3) {
        eprintln!("NOT RUN: {}", String::from_utf8_lossy(&made.stderr));
        return;
    }
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    assert_all(&folder);
    for name in NAMES {
        let shorn = |mut package: Package| {
            package.certificate = None;
            package
        };
        let (fresh, kept) = (read(&folder, name).unwrap(), read(&fixtures(), name).unwrap());
        assert_eq!(shorn(fresh), shorn(kept), "{name}");
    }
}

const NAMES: [&str; 11] = [
    "unsigned.apk",
    "utf16.apk",
    "signed.apk",
    "v3.apk",
    "bundle.aab",
    "development.ipa",
    "ad_hoc.ipa",
    "enterprise.ipa",
    "app_store.ipa",
    "unsigned.ipa",
    "simulator.ipa",
];

const TIGHT: PackageLimits = PackageLimits {
    max_entries: 50,
    max_entry_bytes: 32 << 10,
    max_total_bytes: 64 << 10,
    max_depth: 16,
    max_nodes: 5_000,
    max_text: 40,
    max_list: 3,
    max_icon_bytes: 4 << 10,
    max_icon_side: 64,
};

fn assert_bounded(result: Result<Package, PackageError>) {
    let package = match result {
        Ok(package) => package,
        Err(error) => {
            let line = error.to_string();
            assert!(line.len() < 400 && !line.contains(char::is_control), "{line}");
            return;
        }
    };
    let mut texts = vec![package.name, package.identifier, package.version_name];
    texts.extend([package.version_code, package.min_os, package.target_os]);
    assert!(package.permissions.len() <= TIGHT.max_list);
    texts.extend(package.permissions);
    if let Some(profile) = package.profile {
        assert!(profile.devices.len() <= TIGHT.max_list);
        assert!(profile.entitlements.len() <= TIGHT.max_list);
        texts.extend([profile.name, profile.team, profile.team_id]);
        texts.extend(profile.devices);
        texts.extend(profile.entitlements.into_iter().flat_map(|(key, value)| [key, value]));
    }
    for text in texts {
        assert!(text.len() <= TIGHT.max_text && !text.contains(char::is_control), "{text}");
    }
    assert!(package.icon.is_none_or(|icon| icon.len() <= TIGHT.max_icon_bytes));
}

#[test]
fn whatever_is_cut_off_is_an_error() {
    for name in NAMES {
        let whole = bytes(&fixtures(), name);
        for end in (0..whole.len()).step_by(7) {
            let cut = Cursor::new(&whole[..end]);
            let error = read_package(kind_of(name), cut, &TIGHT);
            assert!(error.is_err(), "{name} cut at {end}");
            assert_bounded(error);
        }
    }
}

#[test]
fn whatever_is_altered_stays_within_the_limits() {
    for name in NAMES {
        let whole = bytes(&fixtures(), name);
        for at in (0..whole.len()).step_by(3) {
            let mut altered = whole.clone();
            altered[at] ^= 1 << (at % 8);
            assert_bounded(read_package(kind_of(name), Cursor::new(altered), &TIGHT));
        }
    }
}

#[test]
fn a_package_of_another_kind_says_what_is_missing() {
    let read = |name, kind| {
        read_package(kind, Cursor::new(bytes(&fixtures(), name)), &PackageLimits::default())
    };
    let cases = [
        ("unsigned.ipa", PackageKind::Apk, "there is no AndroidManifest.xml in the archive"),
        ("signed.apk", PackageKind::Ipa, "there is no Payload/*.app/Info.plist in the archive"),
        ("signed.apk", PackageKind::Aab, "there is no AndroidManifest.xml in the archive"),
    ];
    for (name, kind, message) in cases {
        assert_eq!(read(name, kind).unwrap_err().to_string(), message);
    }
    let no_zip = read_package(PackageKind::Apk, Cursor::new(b"PK?"), &PackageLimits::default());
    assert!(matches!(no_zip, Err(PackageError::Archive(_))), "{no_zip:?}");
}

/// A ZIP archive of these files, deflated; the sizes in it are true.
fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut list = Vec::new();
    for (path, content) in files {
        let packed = miniz_oxide::deflate::compress_to_vec(content, 9);
        let offset = out.len() as u32;
        let mut fields = vec![20, 0, 0, 0, 8, 0, 0, 0, 0, 0];
        fields.extend(rawzip::crc32(content).to_le_bytes());
        fields.extend((packed.len() as u32).to_le_bytes());
        fields.extend((content.len() as u32).to_le_bytes());
        fields.extend((path.len() as u16).to_le_bytes());
        fields.extend([0, 0]);
        out.extend(b"PK\x03\x04");
        out.extend(&fields);
        out.extend(path.as_bytes());
        out.extend(packed);
        list.extend(b"PK\x01\x02\x14\x00");
        list.extend(&fields);
        list.extend([0; 10]);
        list.extend(offset.to_le_bytes());
        list.extend(path.as_bytes());
    }
    let (at, len, count) = (out.len() as u32, list.len() as u32, files.len() as u16);
    out.extend(list);
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend(count.to_le_bytes());
    out.extend(count.to_le_bytes());
    out.extend(len.to_le_bytes());
    out.extend(at.to_le_bytes());
    out.extend([0, 0]);
    out
}

#[test]
fn bombs_are_not_unpacked() {
    let zeros = vec![0; 80 << 20];
    let bomb = zip(&[("AndroidManifest.xml", &zeros)]);
    assert!(bomb.len() < 200 << 10, "80 MiB in {} bytes", bomb.len());
    let error = read_package(PackageKind::Apk, Cursor::new(bomb), &PackageLimits::default());
    let message = "the package has more than 67108864 bytes in one of its files";
    assert_eq!(error.unwrap_err().to_string(), message);

    let crowd: Vec<String> = (0..60).map(|number| format!("file{number}")).collect();
    let files: Vec<(&str, &[u8])> = crowd.iter().map(|path| (path.as_str(), &b"x"[..])).collect();
    let error = read_package(PackageKind::Apk, Cursor::new(zip(&files)), &TIGHT);
    assert_eq!(error.unwrap_err().to_string(), "the package has more than 50 files");
}

#[test]
fn empty_manifests_are_errors() {
    for content in [&b""[..], b"\x03\0\x08\0\x08\0\0\0", b"<manifest/>"] {
        for (kind, path) in [
            (PackageKind::Apk, "AndroidManifest.xml"),
            (PackageKind::Aab, "base/manifest/AndroidManifest.xml"),
            (PackageKind::Ipa, "Payload/A.app/Info.plist"),
        ] {
            let file = Cursor::new(zip(&[(path, content)]));
            let result = read_package(kind, file, &PackageLimits::default());
            assert!(matches!(result, Err(PackageError::Malformed { .. })), "{path}: {result:?}");
        }
    }
}
