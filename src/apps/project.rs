//! What a repository holds to build, read off the names of its files. Pure: it
//! runs nothing and reads no file, so it says what it saw and not more.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::app::Platform;

/// Folders of other people's code and of products.
const SKIPPED: [&str; 7] =
    ["Carthage", "DerivedData", "Pods", "build", "node_modules", "target", "vendor"];
/// Reasons and schemes that are shown of one platform.
const MAX_SHOWN: usize = 20;

/// What can be built of a repository.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Project {
    pub targets: Vec<Target>,
    /// Files that say how to build: `shipmate.yml`, scripts.
    pub instructions: Vec<String>,
}

/// One platform that something was found for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub platform: Platform,
    /// For a person, such as ``Gradle project `android` with the module `app` ``.
    pub reasons: Vec<String>,
    /// Shared schemes (CFG-5).
    pub schemes: Vec<String>,
}

impl Project {
    /// Reads the paths of all files, from the root, `/` between folders.
    pub fn of<S: AsRef<str>>(paths: &[S]) -> Self {
        let own: Vec<&str> = paths.iter().map(AsRef::as_ref).filter(|path| is_own(path)).collect();
        let (mut ios, mut android) = (Vec::new(), Vec::new());
        frameworks(&own, &mut ios, &mut android);
        let schemes = xcode(&own, &mut ios);
        gradle(&own, &mut android);
        let mut targets = Vec::new();
        for (platform, mut reasons, schemes) in
            [(Platform::Ios, ios, schemes), (Platform::Android, android, Vec::new())]
        {
            reasons.truncate(MAX_SHOWN);
            if !reasons.is_empty() {
                targets.push(Target { platform, reasons, schemes });
            }
        }
        Self { targets, instructions: instructions(&own) }
    }
}

fn is_own(path: &str) -> bool {
    let mut folders = path.split('/');
    folders.next_back();
    !folders.any(|folder| folder.starts_with('.') || SKIPPED.contains(&folder))
}

/// Folder (empty for the root) and name.
fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

fn shown(folder: &str) -> String {
    if folder.is_empty() { "the root".into() } else { format!("{folder}/") }
}

/// Tools that make both kinds of app of one source.
fn frameworks(paths: &[&str], ios: &mut Vec<String>, android: &mut Vec<String>) {
    let has = |path: &str| paths.contains(&path);
    let below = |folder: &str| paths.iter().any(|path| path.starts_with(folder));
    let (has_ios, has_android) = (below("ios/"), below("android/"));
    for (marker, what) in [
        ("pubspec.yaml", "Flutter (pubspec.yaml)"),
        ("capacitor.config.json", "Capacitor (capacitor.config.json)"),
        ("capacitor.config.ts", "Capacitor (capacitor.config.ts)"),
        ("react-native.config.js", "React Native (react-native.config.js)"),
    ] {
        if has(marker) && has_ios {
            ios.push(format!("{what} with a folder ios/"));
        }
        if has(marker) && has_android {
            android.push(format!("{what} with a folder android/"));
        }
    }
    // Cordova makes the native projects while it builds.
    if has("config.xml") && has("package.json") {
        let what = if has("ionic.config.json") { "Ionic" } else { "Cordova" };
        for reasons in [ios, android] {
            reasons.push(format!("{what} (config.xml and package.json)"));
        }
    }
}

/// Xcode projects; the names of their shared schemes.
fn xcode(paths: &[&str], reasons: &mut Vec<String>) -> Vec<String> {
    let mut schemes = BTreeSet::new();
    for path in paths {
        let (folder, name) = split(path);
        if name == "project.pbxproj" && folder.ends_with(".xcodeproj") {
            reasons.push(format!("Xcode project {folder}"));
        } else if name == "Podfile" {
            reasons.push(format!("CocoaPods ({path})"));
        }
        let shared = folder.ends_with(".xcodeproj/xcshareddata/xcschemes")
            || folder.ends_with(".xcworkspace/xcshareddata/xcschemes");
        if shared && let Some(scheme) = name.strip_suffix(".xcscheme") {
            schemes.insert(scheme.to_owned());
        }
    }
    schemes.into_iter().take(MAX_SHOWN).collect()
}

/// Gradle projects with an Android manifest; others build no app.
fn gradle(paths: &[&str], reasons: &mut Vec<String>) {
    let scripts: BTreeSet<&str> = paths
        .iter()
        .map(|path| split(path))
        .filter(|(_, name)| matches!(*name, "build.gradle" | "build.gradle.kts"))
        .map(|(folder, _)| folder)
        .collect();
    let settings: BTreeSet<&str> = paths
        .iter()
        .map(|path| split(path))
        .filter(|(_, name)| matches!(*name, "settings.gradle" | "settings.gradle.kts"))
        .map(|(folder, _)| folder)
        .collect();
    let mut projects: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for path in paths {
        let Some(module) = path.strip_suffix("src/main/AndroidManifest.xml") else { continue };
        let module = module.trim_end_matches('/');
        if !scripts.contains(module) {
            continue;
        }
        let within = |root: &&&str| {
            root.is_empty() || module.starts_with(&format!("{root}/")) || module == **root
        };
        let root = settings.iter().filter(within).max_by_key(|root| root.len());
        projects.entry(root.copied().unwrap_or(module)).or_default().insert(module);
    }
    for (root, modules) in projects {
        let names: Vec<&str> =
            modules.iter().map(|module| split(module).1).filter(|name| !name.is_empty()).collect();
        let with = match names.is_empty() {
            true => String::new(),
            false => format!(" with an Android manifest in {}", names.join(", ")),
        };
        reasons.push(format!("Gradle project in {}{with}", shown(root)));
    }
}

/// Files that Shipmate runs or reads, beside a project or in the root.
fn instructions(paths: &[&str]) -> Vec<String> {
    let is_one = |name: &str| {
        matches!(
            name,
            "shipmate.yml"
                | "buddybuild_postclone.sh"
                | "buddybuild_prebuild.sh"
                | "buddybuild_postbuild.sh"
                | "buddybuild_carthage_prebuild.sh"
                | "buddybuild_carthage_postbuild.sh"
        )
    };
    let found = paths.iter().filter(|path| is_one(split(path).1));
    found.take(MAX_SHOWN).map(|path| (*path).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(paths: &[&str]) -> Vec<(Platform, Vec<String>, Vec<String>)> {
        let targets = Project::of(paths).targets.into_iter();
        targets.map(|target| (target.platform, target.reasons, target.schemes)).collect()
    }

    #[test]
    fn native_projects_are_found_where_they_are() {
        let one = |platform, reason: &str, schemes: &[&str]| {
            let schemes = schemes.iter().map(|s| (*s).to_owned()).collect();
            vec![(platform, vec![reason.to_owned()], schemes)]
        };
        let ios = [
            "App.xcodeproj/project.pbxproj",
            "App.xcodeproj/xcshareddata/xcschemes/Shop.xcscheme",
            "App.xcodeproj/xcuserdata/ann.xcuserdatad/xcschemes/Mine.xcscheme",
            "Pods/Pods.xcodeproj/project.pbxproj",
        ];
        assert_eq!(found(&ios), one(Platform::Ios, "Xcode project App.xcodeproj", &["Shop"]));
        let android = [
            "settings.gradle.kts",
            "build.gradle.kts",
            "app/build.gradle.kts",
            "app/src/main/AndroidManifest.xml",
            "app/build/src/main/AndroidManifest.xml",
            "docs/src/main/AndroidManifest.xml",
        ];
        let reason = "Gradle project in the root with an Android manifest in app";
        assert_eq!(found(&android), one(Platform::Android, reason, &[]));
        // A server that Gradle builds is no app.
        assert_eq!(found(&["settings.gradle", "build.gradle", "src/main/java/A.java"]), []);
        assert_eq!(found(&[]), []);
    }

    #[test]
    fn both_platforms_of_one_source() {
        let native = [
            "pubspec.yaml",
            "ios/Runner.xcodeproj/project.pbxproj",
            "android/settings.gradle",
            "android/app/build.gradle",
            "android/app/src/main/AndroidManifest.xml",
        ];
        let project = Project::of(&native);
        assert_eq!(project.targets.len(), 2);
        assert_eq!(
            project.targets[0].reasons,
            ["Flutter (pubspec.yaml) with a folder ios/", "Xcode project ios/Runner.xcodeproj"]
        );
        assert_eq!(
            project.targets[1].reasons[1],
            "Gradle project in android/ with an Android manifest in app"
        );
        let cordova = Project::of(&["config.xml", "package.json", "ionic.config.json"]);
        assert_eq!(cordova.targets.len(), 2);
        assert_eq!(cordova.targets[0].reasons, ["Ionic (config.xml and package.json)"]);
    }

    #[test]
    fn instructions_are_named() {
        let project =
            Project::of(&["a/buddybuild_postclone.sh", "shipmate.yml", ".x/shipmate.yml"]);
        assert_eq!(project.instructions, ["a/buddybuild_postclone.sh", "shipmate.yml"]);
        assert_eq!(project.targets, []);
    }
}
