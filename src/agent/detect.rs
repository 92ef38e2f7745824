//! What kind of project a workspace holds. The one place for recognising
//! Gradle, Xcode, CocoaPods and their like. For now it finds where the project
//! files are, which decides where a custom script is looked for (EXE-13), and
//! derives no build from them: a plan comes from scripts and `shipmate.yml`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

use crate::model::app::Platform;

/// How deep below the root projects are looked for.
const MAX_DEPTH: usize = 6;
/// Entries looked at before the search ends with what it has.
const MAX_ENTRIES: usize = 50_000;
/// Folders of other people's code and of products.
const SKIPPED: [&str; 8] = [
    "Carthage",
    "DerivedData",
    "Pods",
    "buddybuild_artifacts",
    "build",
    "node_modules",
    "target",
    "vendor",
];

/// Folders with a project file of the platform, nearest to the root first. A
/// repository without any gets those of the other platform.
pub fn project_folders(workspace: &Path, platform: Platform) -> Vec<PathBuf> {
    let (mut xcode, mut gradle) = (BTreeSet::new(), BTreeSet::new());
    let walk = WalkDir::new(workspace)
        .min_depth(1)
        .max_depth(MAX_DEPTH)
        .into_iter()
        .filter_entry(is_of_the_project);
    for entry in walk.take(MAX_ENTRIES).flatten() {
        let name = entry.file_name().to_string_lossy();
        let found = match &*name {
            "build.gradle" | "build.gradle.kts" if entry.file_type().is_file() => &mut gradle,
            _ if name.ends_with(".xcodeproj") && entry.file_type().is_dir() => &mut xcode,
            _ => continue,
        };
        if let Some(folder) = entry.path().parent() {
            found.insert((entry.depth(), folder.to_owned()));
        }
    }
    let (own, other) = match platform {
        Platform::Ios => (xcode, gradle),
        Platform::Android => (gradle, xcode),
    };
    let chosen = if own.is_empty() { other } else { own };
    chosen.into_iter().map(|(_, folder)| folder).collect()
}

fn is_of_the_project(entry: &DirEntry) -> bool {
    let name = entry.file_name().to_string_lossy();
    let inside_bundle = entry
        .path()
        .parent()
        .is_some_and(|parent| parent.extension().is_some_and(|end| end == "xcodeproj"));
    let skipped = name.starts_with('.') || SKIPPED.contains(&&*name) || inside_bundle;
    !(entry.file_type().is_dir() && skipped)
}

#[cfg(test)]
mod tests;
