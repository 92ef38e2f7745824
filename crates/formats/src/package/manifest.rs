//! What of an Android manifest matters here, whichever way it is encoded: the
//! elements of two levels, and how their values become the facts.

use super::error::{PackageError, malformed};
use super::{Package, PackageLimits, clean};

pub(super) const WHAT: &str = "AndroidManifest.xml";

/// An attribute or resource value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Text(String),
    Number(i64),
    Bool(bool),
    /// Id of a resource.
    Reference(u32),
    Other,
}

/// Attributes of the framework, by their resource id (`public.xml` of AOSP).
pub(super) mod attribute {
    pub const LABEL: u32 = 0x0101_0001;
    pub const ICON: u32 = 0x0101_0002;
    pub const NAME: u32 = 0x0101_0003;
    pub const MIN_SDK: u32 = 0x0101_020c;
    pub const VERSION_CODE: u32 = 0x0101_021b;
    pub const VERSION_NAME: u32 = 0x0101_021c;
    pub const TARGET_SDK: u32 = 0x0101_0270;
}

#[derive(Debug)]
pub(super) struct Attribute {
    /// 0 for one that is not the framework's.
    pub id: u32,
    pub name: String,
    pub value: Value,
}

/// Collects while a reader walks the document.
#[derive(Debug)]
pub(super) struct Manifest {
    limits: PackageLimits,
    is_manifest: bool,
    pub package: Package,
    pub label: Option<Value>,
    pub version_name: Option<Value>,
    pub icon: Option<u32>,
}

impl Manifest {
    pub(super) fn new(limits: &PackageLimits) -> Self {
        Self {
            limits: *limits,
            is_manifest: false,
            package: Package::default(),
            label: None,
            version_name: None,
            icon: None,
        }
    }

    /// Whether an element at this depth, from 1, is worth its attributes.
    pub(super) fn wants(depth: usize, name: &str) -> bool {
        match depth {
            1 => name == "manifest",
            2 => matches!(
                name,
                "application" | "uses-sdk" | "uses-permission" | "uses-permission-sdk-23"
            ),
            _ => false,
        }
    }

    pub(super) fn element(&mut self, name: &str, attributes: Vec<Attribute>) {
        for Attribute { id, name: attribute, value } in attributes {
            match (name, id) {
                ("manifest", 0) if attribute == "package" => {
                    self.is_manifest = true;
                    self.package.identifier = self.text(&value);
                }
                ("manifest", attribute::VERSION_CODE) => {
                    self.package.version_code = self.text(&value);
                }
                ("manifest", attribute::VERSION_NAME) => self.version_name = Some(value),
                ("uses-sdk", attribute::MIN_SDK) => self.package.min_os = self.text(&value),
                ("uses-sdk", attribute::TARGET_SDK) => self.package.target_os = self.text(&value),
                ("application", attribute::LABEL) => self.label = Some(value),
                ("application", attribute::ICON) => {
                    if let Value::Reference(icon) = value {
                        self.icon = Some(icon);
                    }
                }
                ("uses-permission" | "uses-permission-sdk-23", attribute::NAME) => {
                    let permission = self.text(&value);
                    let known = &mut self.package.permissions;
                    if !permission.is_empty()
                        && known.len() < self.limits.max_list
                        && !known.contains(&permission)
                    {
                        known.push(permission);
                    }
                }
                _ => {}
            }
        }
    }

    /// A value as text; empty for a reference that is not resolved.
    pub(super) fn text(&self, value: &Value) -> String {
        match value {
            Value::Text(text) => clean(text, self.limits.max_text),
            Value::Number(number) => number.to_string(),
            Value::Bool(truth) => truth.to_string(),
            Value::Reference(_) | Value::Other => String::new(),
        }
    }

    /// The document has ended.
    pub(super) fn check(&self) -> Result<(), PackageError> {
        if self.is_manifest && !self.package.identifier.is_empty() {
            return Ok(());
        }
        Err(malformed(WHAT)("it names no application id"))
    }
}
