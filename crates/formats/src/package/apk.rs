//! APKs: binary XML, the resource table, and the signatures of all schemes.

use std::io::{Read, Seek};

use super::archive::Archive;
use super::error::PackageError;
use super::manifest::{self, Value};
use super::resources::{self, Resources};
use super::signing::Signing;
use super::{Package, axml, icon, signing};

pub(super) fn read<R: Read + Seek>(archive: &mut Archive<R>) -> Result<Package, PackageError> {
    let bytes = archive.read("AndroidManifest.xml", manifest::WHAT)?;
    let limits = archive.limits;
    let mut manifest = axml::read(&bytes, &limits, &mut archive.nodes)?;
    let table = match archive.read("resources.arsc", resources::WHAT) {
        Ok(table) => table,
        // An app without resources has none.
        Err(PackageError::Missing(_)) => Vec::new(),
        Err(error) => return Err(error),
    };
    let table = (!table.is_empty()).then(|| Resources::new(&table, &limits)).transpose()?;
    let mut text = |value: &Option<Value>| match (value, &table) {
        (Some(Value::Reference(id)), Some(table)) => table.text(*id, &mut archive.nodes),
        (Some(value), _) => Ok(manifest.text(value)),
        (None, _) => Ok(String::new()),
    };
    let (name, version_name) = (text(&manifest.label)?, text(&manifest.version_name)?);
    let files = match (manifest.icon, &table) {
        (Some(id), Some(table)) => table.files(id, &mut archive.nodes)?,
        _ => Vec::new(),
    };
    manifest.package.icon = icon::densest(archive, files);
    manifest.package.name = super::clean(&name, limits.max_text);
    manifest.package.version_name = super::clean(&version_name, limits.max_text);
    let jar = signing::of_jar(archive);
    let block = signing::of_block(archive);
    add_signing(&mut manifest.package, jar);
    add_signing(&mut manifest.package, block);
    Ok(manifest.package)
}

/// The newest scheme's certificate counts, as it does for Android.
pub(super) fn add_signing(package: &mut Package, signing: Signing) {
    let Signing { schemes, certificate } = signing;
    package.schemes.extend(schemes);
    package.certificate = certificate.or(package.certificate.take());
}
