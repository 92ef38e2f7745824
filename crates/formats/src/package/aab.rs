//! Android App Bundles: the base module's manifest and resources are protocol
//! buffers (`Resources.proto` and `Configuration.proto` of aapt2).

use std::io::{Read, Seek};

use super::archive::Archive;
use super::bytes::Budget;
use super::error::PackageError;
use super::manifest::{self, Attribute, Manifest, Value};
use super::protobuf::{Field, Message};
use super::resources::{Configured, files_through, text_through};
use super::{Package, PackageLimits, apk, icon, signing};

const TABLE: &str = "resources.pb";
/// Values of one resource that are looked at.
const MAX_VALUES: usize = 1_000;

pub(super) fn read<R: Read + Seek>(archive: &mut Archive<R>) -> Result<Package, PackageError> {
    let bytes = archive.read("base/manifest/AndroidManifest.xml", manifest::WHAT)?;
    let limits = archive.limits;
    let mut manifest = read_manifest(&bytes, &limits, &mut archive.nodes)?;
    let table = match archive.read("base/resources.pb", TABLE) {
        Ok(table) => table,
        Err(PackageError::Missing(_)) => Vec::new(),
        Err(error) => return Err(error),
    };
    let table = Message::new(&table, TABLE);
    let text = |value: &Option<Value>, nodes: &mut Budget| match value {
        Some(Value::Reference(id)) => text_through(*id, |id| values(table, id, nodes)),
        Some(value) => Ok(manifest.text(value)),
        None => Ok(String::new()),
    };
    let name = text(&manifest.label, &mut archive.nodes)?;
    let version_name = text(&manifest.version_name, &mut archive.nodes)?;
    let files = match manifest.icon {
        Some(id) => files_through(id, |id| values(table, id, &mut archive.nodes))?,
        None => Vec::new(),
    };
    let files = files.into_iter().map(|(density, path)| (density, format!("base/{path}")));
    manifest.package.icon = icon::densest(archive, files.collect());
    manifest.package.name = super::clean(&name, limits.max_text);
    manifest.package.version_name = super::clean(&version_name, limits.max_text);
    let signing = signing::of_jar(archive);
    apk::add_signing(&mut manifest.package, signing);
    Ok(manifest.package)
}

fn read_manifest(
    bytes: &[u8],
    limits: &PackageLimits,
    nodes: &mut Budget,
) -> Result<Manifest, PackageError> {
    let root = Message::new(bytes, manifest::WHAT);
    let mut found = Manifest::new(limits);
    if let Some(element) = root.message(1, nodes)? {
        read_element(element, 1, &mut found, nodes)?;
    }
    found.check()?;
    Ok(found)
}

/// `XmlElement`, and its children if it is the root. Deeper ones do not count,
/// so the nesting of the document costs nothing.
fn read_element(
    mut element: Message<'_>,
    depth: usize,
    manifest: &mut Manifest,
    nodes: &mut Budget,
) -> Result<(), PackageError> {
    let name = element.bytes(3, nodes)?.map(String::from_utf8_lossy).unwrap_or_default();
    if !Manifest::wants(depth, &name) {
        return Ok(());
    }
    let (mut attributes, mut children) = (Vec::new(), Vec::new());
    while let Some((number, field)) = element.next(nodes)? {
        match (number, field) {
            (4, Field::Bytes(bytes)) => {
                attributes.push(read_attribute(Message::new(bytes, manifest::WHAT), nodes)?);
            }
            (5, Field::Bytes(bytes)) if depth == 1 => children.push(bytes),
            _ => {}
        }
    }
    manifest.element(&name, attributes);
    for child in children {
        if let Some(element) = Message::new(child, manifest::WHAT).message(1, nodes)? {
            read_element(element, depth + 1, manifest, nodes)?;
        }
    }
    Ok(())
}

fn read_attribute(
    mut attribute: Message<'_>,
    nodes: &mut Budget,
) -> Result<Attribute, PackageError> {
    let mut read = Attribute { id: 0, name: String::new(), value: Value::Other };
    let mut item = None;
    while let Some((number, field)) = attribute.next(nodes)? {
        match (number, field) {
            (2, Field::Bytes(name)) => read.name = String::from_utf8_lossy(name).into_owned(),
            (3, Field::Bytes(text)) => {
                read.value = Value::Text(String::from_utf8_lossy(text).into_owned());
            }
            (5, Field::Number(id)) => read.id = u32::try_from(id).unwrap_or(0),
            (6, Field::Bytes(bytes)) => item = Some(Message::new(bytes, manifest::WHAT)),
            _ => {}
        }
    }
    if let Some(item) = item {
        match read_item(item, nodes)? {
            Value::Other => {}
            value => read.value = value,
        }
    }
    Ok(read)
}

/// `Item`
fn read_item(mut item: Message<'_>, nodes: &mut Budget) -> Result<Value, PackageError> {
    let mut value = Value::Other;
    while let Some((number, field)) = item.next(nodes)? {
        let Field::Bytes(bytes) = field else { continue };
        let inner = Message::new(bytes, TABLE);
        let text = |text: Option<&[u8]>| {
            text.map(|text| Value::Text(String::from_utf8_lossy(text).into_owned()))
        };
        value = match number {
            1 => Value::Reference(u32::try_from(inner.number(2, nodes)?).unwrap_or(0)),
            2 | 3 | 5 => text(inner.bytes(1, nodes)?).unwrap_or(Value::Text(String::new())),
            7 => read_primitive(inner, nodes)?,
            _ => value,
        };
    }
    Ok(value)
}

/// `Primitive`: decimal and hexadecimal integers, booleans.
fn read_primitive(mut primitive: Message<'_>, nodes: &mut Budget) -> Result<Value, PackageError> {
    let mut value = Value::Other;
    while let Some((number, field)) = primitive.next(nodes)? {
        value = match (number, field) {
            (6 | 7, Field::Number(number)) => Value::Number(number.cast_signed()),
            (8, Field::Number(truth)) => Value::Bool(truth != 0),
            _ => value,
        };
    }
    Ok(value)
}

/// All values of a resource: `ResourceTable.package.type.entry.config_value`.
fn values(
    table: Message<'_>,
    id: u32,
    nodes: &mut Budget,
) -> Result<Vec<Configured>, PackageError> {
    let wanted = [(2, id >> 24), (3, id >> 16 & 0xff), (3, id & 0xffff)];
    let mut level = vec![table];
    for (field, number) in wanted {
        let mut below = Vec::new();
        for mut message in level {
            while let Some((at, found)) = message.next(nodes)? {
                let (true, Field::Bytes(bytes)) = (at == field, found) else { continue };
                let inner = Message::new(bytes, TABLE);
                // PackageId, TypeId and EntryId alike: {uint32 id = 1}.
                let own = match inner.message(1, nodes)? {
                    Some(own) => own.number(1, nodes)?,
                    None => 0,
                };
                if own == u64::from(number) {
                    below.push(inner);
                }
            }
        }
        level = below;
    }
    let mut found = Vec::new();
    for mut entry in level {
        while let Some((at, field)) = entry.next(nodes)? {
            let (6, Field::Bytes(bytes), true) = (at, field, found.len() < MAX_VALUES) else {
                continue;
            };
            found.extend(read_configured(Message::new(bytes, TABLE), nodes)?);
        }
    }
    Ok(found)
}

/// `ConfigValue`
fn read_configured(
    message: Message<'_>,
    nodes: &mut Budget,
) -> Result<Option<Configured>, PackageError> {
    let Some(value) = message.message(2, nodes)? else { return Ok(None) };
    let Some(item) = value.message(4, nodes)? else { return Ok(None) };
    let config = message.message(1, nodes)?.unwrap_or(Message::new(&[], TABLE));
    let is_default =
        config.bytes(3, nodes)?.is_none_or(<[u8]>::is_empty) && config.number(1, nodes)? == 0;
    let density = u32::try_from(config.number(18, nodes)?).unwrap_or(0);
    Ok(Some(Configured { is_default, density, value: read_item(item, nodes)? }))
}
