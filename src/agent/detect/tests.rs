use std::fs;

use super::*;

fn folders(paths: &[&str], platform: Platform) -> Vec<String> {
    let root = tempfile::tempdir().unwrap();
    for path in paths {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        if path.extension().is_some_and(|end| end == "xcodeproj") {
            fs::create_dir(&path).unwrap();
        } else {
            fs::write(&path, "").unwrap();
        }
    }
    let found = project_folders(root.path(), platform);
    let show = |path: PathBuf| path.strip_prefix(root.path()).unwrap().display().to_string();
    found.into_iter().map(show).collect()
}

#[test]
fn the_project_nearest_to_the_root_comes_first() {
    let paths = ["z/build.gradle", "a/deep/build.gradle.kts", "build.gradle", "a/build.gradle"];
    assert_eq!(folders(&paths, Platform::Android), ["", "a", "z", "a/deep"]);
}

#[test]
fn the_other_platform_counts_only_alone() {
    let both = ["ios/App.xcodeproj", "android/app/build.gradle"];
    assert_eq!(folders(&both, Platform::Ios), ["ios"]);
    assert_eq!(folders(&both, Platform::Android), ["android/app"]);
    assert_eq!(folders(&["app/build.gradle"], Platform::Ios), ["app"]);
}

#[test]
fn foreign_code_is_not_searched() {
    let paths = [
        "node_modules/x/build.gradle",
        "Pods/Pods.xcodeproj",
        ".git/build.gradle",
        "build/build.gradle",
    ];
    assert!(folders(&paths, Platform::Android).is_empty());
    assert!(folders(&["1/2/3/4/5/6/7/build.gradle"], Platform::Android).is_empty());
}
