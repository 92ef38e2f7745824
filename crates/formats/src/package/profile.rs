//! `embedded.mobileprovision`: a signed message around a property list. The
//! signature is Apple's and is not verified.

use std::io::{Read, Seek};

use super::archive::Archive;
use super::error::PackageError;
use super::plist::{Reading, Value};
use super::{Certificate, PackageLimits, Profile, ProfileKind, clean, der};

pub(super) const WHAT: &str = "embedded.mobileprovision";

/// Reads a profile, and the first certificate that may sign with it.
pub(super) fn read<R: Read + Seek>(
    bytes: &[u8],
    archive: &mut Archive<R>,
) -> Result<(Profile, Option<Certificate>), PackageError> {
    let content = der::signed_content(bytes, WHAT)?;
    let limits = archive.limits;
    let list = Reading::of(archive).read(&content, WHAT)?;
    let text = |key: &str| {
        list.get(key)
            .and_then(Value::text)
            .map_or(String::new(), |text| clean(text, limits.max_text))
    };
    let first = |key: &str| list.get(key).and_then(|value| value.list().first());
    let devices = list.get("ProvisionedDevices");
    let entitlements = list.get("Entitlements");
    let may_debug = entitlements
        .and_then(|entitlements| entitlements.get("get-task-allow"))
        .is_some_and(Value::is_true);
    let kind = match (list.get("ProvisionsAllDevices"), devices) {
        (Some(all), _) if all.is_true() => ProfileKind::Enterprise,
        (_, Some(_)) if may_debug => ProfileKind::Development,
        (_, Some(_)) => ProfileKind::AdHoc,
        (_, None) => ProfileKind::AppStore,
    };
    let certificate = match first("DeveloperCertificates") {
        Some(Value::Data(der)) => der::certificate(der).ok(),
        _ => None,
    };
    let profile = Profile {
        name: text("Name"),
        team: text("TeamName"),
        team_id: first("TeamIdentifier")
            .and_then(Value::text)
            .map_or(String::new(), |text| clean(text, limits.max_text)),
        kind,
        expires_at: match list.get("ExpirationDate") {
            Some(Value::Date(at)) => Some(*at),
            _ => None,
        },
        devices: devices
            .map(Value::list)
            .unwrap_or_default()
            .iter()
            .filter_map(Value::text)
            .take(limits.max_list)
            .map(|device| clean(device, limits.max_text))
            .collect(),
        entitlements: entitlements.map_or(Vec::new(), |list| shown(list, &limits)),
    };
    Ok((profile, certificate))
}

/// Entitlements as text, sorted by key.
fn shown(list: &Value, limits: &PackageLimits) -> Vec<(String, String)> {
    let Value::Dict(pairs) = list else { return Vec::new() };
    let mut shown: Vec<(String, String)> = pairs
        .iter()
        .take(limits.max_list)
        .map(|(key, value)| (clean(key, limits.max_text), clean(&as_text(value), limits.max_text)))
        .collect();
    shown.sort();
    shown
}

fn as_text(value: &Value) -> String {
    match value {
        Value::Bool(truth) => truth.to_string(),
        Value::Integer(number) => number.to_string(),
        Value::Real(number) => number.to_string(),
        Value::Text(text) => text.clone(),
        Value::List(list) => list.iter().filter_map(Value::text).collect::<Vec<_>>().join(", "),
        Value::Data(_) | Value::Date(_) | Value::Dict(_) | Value::Other => String::new(),
    }
}
