//! What looking up the symbols of a crash came to (SDK-2), and which files hold
//! symbols.

use serde::{Deserialize, Serialize};

use crate::model::time::Millis;

/// The state of one crash's symbols; all lists are words for people.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Symbols {
    /// Files that were used.
    #[serde(default)]
    pub found: Vec<String>,
    /// What would have to be stored with the build.
    #[serde(default)]
    pub wanted: Vec<String>,
    /// Why files could not be used.
    #[serde(default)]
    pub trouble: Vec<String>,
    pub looked_at: Millis,
}

/// What a file with symbols is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SymbolFile {
    /// Of R8 or ProGuard.
    Mapping,
    /// A ZIP archive that may hold dSYMs.
    Dsyms,
}

impl SymbolFile {
    /// Told by the name of an artifact: `mapping.txt`, `free-mapping.txt`,
    /// `Shop.app.dSYM.zip`, `Shop.xcarchive.zip`, `dsyms.zip`.
    pub fn of(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        let stem = name.strip_suffix(".txt").unwrap_or_default();
        if stem.starts_with("mapping") || stem.ends_with("mapping") {
            return Some(Self::Mapping);
        }
        let archive = name.strip_suffix(".zip")?;
        (archive.contains("dsym") || archive.contains("xcarchive")).then_some(Self::Dsyms)
    }
}

#[cfg(test)]
mod tests {
    use super::SymbolFile::{self, Dsyms, Mapping};

    #[test]
    fn symbols_are_known_by_their_names() {
        for (name, kind) in [
            ("mapping.txt", Some(Mapping)),
            ("mapping-free.txt", Some(Mapping)),
            ("paidRelease-mapping.txt", Some(Mapping)),
            ("Shop.app.dSYM.zip", Some(Dsyms)),
            ("Shop.xcarchive.zip", Some(Dsyms)),
            ("dSYMs.zip", Some(Dsyms)),
            ("notes.txt", None),
            ("Shop.zip", None),
            ("mapping", None),
        ] {
            assert_eq!(SymbolFile::of(name), kind, "{name}");
        }
    }
}
