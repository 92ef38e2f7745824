//! IPAs: `Payload/<name>.app` with its `Info.plist`, profile and icons.

use std::io::{Read, Seek};

use super::archive::Archive;
use super::error::{PackageError, malformed};
use super::plist::{Reading, Value};
use super::{Package, clean, icon, profile};

const INFO: &str = "Info.plist";
/// A profile lists at most some hundreds of devices and certificates.
const MAX_PROFILE: usize = 4 << 20;

pub(super) fn read<R: Read + Seek>(archive: &mut Archive<R>) -> Result<Package, PackageError> {
    let folder = archive
        .paths()
        .find_map(|path| {
            let folder = path.strip_suffix(INFO)?;
            let name = folder.strip_prefix("Payload/")?.strip_suffix(".app/")?;
            (!name.contains('/')).then(|| folder.to_owned())
        })
        .ok_or(PackageError::Missing("Payload/*.app/Info.plist"))?;
    let bytes = archive.read(&format!("{folder}{INFO}"), INFO)?;
    let info = Reading::of(archive).read(&bytes, INFO)?;
    let max_text = archive.limits.max_text;
    let text = |key: &str| info.get(key).and_then(Value::text).map(|text| clean(text, max_text));
    let identifier = text("CFBundleIdentifier").unwrap_or_default();
    if identifier.is_empty() {
        return Err(malformed(INFO)("it names no bundle id"));
    }
    let mut package = Package {
        name: text("CFBundleDisplayName")
            .filter(|name| !name.is_empty())
            .or_else(|| text("CFBundleName"))
            .unwrap_or_default(),
        identifier,
        version_name: text("CFBundleShortVersionString").unwrap_or_default(),
        version_code: text("CFBundleVersion").unwrap_or_default(),
        min_os: text("MinimumOSVersion").unwrap_or_default(),
        simulator: is_for_simulator(&info),
        ..Package::default()
    };
    package.icon = icon::of_ios(archive, &folder, &icon_names(&info));
    match archive.read_up_to(&format!("{folder}{}", profile::WHAT), profile::WHAT, MAX_PROFILE) {
        Ok(bytes) => {
            let (profile, certificate) = profile::read(&bytes, archive)?;
            package.profile = Some(profile);
            package.certificate = certificate;
        }
        Err(PackageError::Missing(_)) => {}
        Err(error) => return Err(error),
    }
    Ok(package)
}

fn is_for_simulator(info: &Value) -> bool {
    let platforms = info.get("CFBundleSupportedPlatforms").map(Value::list).unwrap_or_default();
    let by_name = info.get("DTPlatformName").and_then(Value::text).unwrap_or_default();
    by_name.ends_with("simulator")
        || platforms.iter().filter_map(Value::text).any(|name| name.ends_with("Simulator"))
}

/// Names of the icon's files, without density and ending, of all devices.
fn icon_names(info: &Value) -> Vec<String> {
    let mut lists = vec![info.get("CFBundleIconFiles")];
    for key in ["CFBundleIcons", "CFBundleIcons~ipad"] {
        let primary = info.get(key).and_then(|icons| icons.get("CFBundlePrimaryIcon"));
        lists.push(primary.and_then(|icon| icon.get("CFBundleIconFiles")));
    }
    let listed = lists.into_iter().flatten().flat_map(Value::list);
    let single = info.get("CFBundleIconFile");
    let mut names: Vec<String> = listed
        .chain(single)
        .filter_map(Value::text)
        .map(|name| name.strip_suffix(".png").unwrap_or(name).to_owned())
        .filter(|name| !name.is_empty() && !name.contains('/'))
        .collect();
    names.sort();
    names.dedup();
    names
}
