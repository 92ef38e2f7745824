//! The environment of a script: what the product promises (EXE-16), the user's
//! variables, and nothing of the agent's own. Pure, except that it looks for
//! an Android SDK and for packages that the build made.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::agent::workspace::Layout;
use crate::git::command::SEARCH_PATH;
use crate::git::remote::Remote;
use crate::model::app::Platform;
use crate::protocol::{Assignment, Variable};

/// Which part of a build a command belongs to, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    PostClone,
    PreBuild,
    Build,
    PostBuild,
    Finally,
}

/// Places where Debian and the usual images keep the Android SDK.
const ANDROID_SDKS: [&str; 3] = ["/opt/android-sdk", "/usr/lib/android-sdk", "/opt/android"];

/// Names whose values users cannot set, whatever the platform or stage.
const RESERVED: [&str; 28] = [
    "BASH_ENV",
    "BUDDYBUILD_ANDROID_HOME",
    "BUDDYBUILD_ANDROID_NDK_HOME",
    "BUDDYBUILD_APKS_DIR",
    "BUDDYBUILD_APP_ID",
    "BUDDYBUILD_APP_STORE_IPA_PATH",
    "BUDDYBUILD_BASE_BRANCH",
    "BUDDYBUILD_BRANCH",
    "BUDDYBUILD_BUILD_ID",
    "BUDDYBUILD_BUILD_NUMBER",
    "BUDDYBUILD_CUSTOM_TEST_RESULTS",
    "BUDDYBUILD_IPA_PATH",
    "BUDDYBUILD_PRODUCT_DIR",
    "BUDDYBUILD_PULL_REQUEST",
    "BUDDYBUILD_REPO_SLUG",
    "BUDDYBUILD_SCHEME",
    "BUDDYBUILD_SECURE_FILES",
    "BUDDYBUILD_TEST_DIR",
    "BUDDYBUILD_TRIGGERED_BY",
    "BUDDYBUILD_VARIANTS",
    "BUDDYBUILD_WORKSPACE",
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_NOSYSTEM",
    "GIT_TERMINAL_PROMPT",
    "HOME",
    "PWD",
    "SHIPMATE_DEVICE_VARIABLES",
    "TMPDIR",
];

/// True for a name that users cannot set (SEC-2).
pub fn is_reserved(name: &str) -> bool {
    RESERVED.binary_search(&name).is_ok()
}

/// True for a name that every shell can read.
pub fn is_well_formed(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// The variables of one build.
pub struct Environment {
    platform: Platform,
    all: BTreeMap<String, String>,
    products: PathBuf,
    /// User variables that were left out, and why.
    pub ignored: Vec<String>,
}

impl Environment {
    /// `branch` is the one that was checked out.
    pub fn new(
        assignment: &Assignment,
        layout: &Layout,
        branch: &str,
        remote: Option<&Remote>,
    ) -> Self {
        let mut all = BTreeMap::new();
        all.insert("LANG".to_owned(), "C.UTF-8".to_owned());
        all.insert("TERM".to_owned(), "dumb".to_owned());
        all.insert("PATH".to_owned(), SEARCH_PATH.to_owned());
        all.insert("CI".to_owned(), "true".to_owned());
        let ignored = add_user_variables(&mut all, &assignment.env);
        let path = format!("{}:{}", show(&layout.bin), all["PATH"]);
        all.insert("PATH".to_owned(), path);
        if assignment.platform == Platform::Android {
            add_android_sdk(&mut all);
        }
        let slug = remote.map(Remote::slug).unwrap_or_default();
        let set = of_machine(layout)
            .into_iter()
            .chain(of_build(assignment, layout, branch, slug))
            .chain(of_platform(assignment, layout))
            .chain(of_device(assignment, layout));
        all.extend(set.map(|(name, value)| (name.to_owned(), value)));
        Self { platform: assignment.platform, all, products: layout.products.clone(), ignored }
    }

    /// What a command of `stage` sees; `extra` comes from its step.
    pub fn of_stage(
        &self,
        stage: Stage,
        extra: &BTreeMap<String, String>,
    ) -> Vec<(String, String)> {
        let mut all = self.all.clone();
        if stage >= Stage::Build {
            all.insert("BUDDYBUILD_PRODUCT_DIR".to_owned(), show(&self.products));
        }
        if stage >= Stage::PostBuild
            && self.platform == Platform::Ios
            && let Some(package) = first_with_extension(&self.products, "ipa")
        {
            all.insert("BUDDYBUILD_IPA_PATH".to_owned(), show(&package));
        }
        for (name, value) in extra.iter().filter(|(name, _)| !is_reserved(name)) {
            all.insert(name.clone(), value.clone());
        }
        all.into_iter().collect()
    }
}

fn add_user_variables(all: &mut BTreeMap<String, String>, user: &[Variable]) -> Vec<String> {
    let mut ignored = Vec::new();
    for variable in user {
        let name = &variable.name;
        let value = variable.value.expose();
        if is_reserved(name) {
            ignored.push(format!("The variable {name} is set by Shipmate; yours is ignored."));
        } else if !is_well_formed(name) || value.contains('\0') {
            ignored.push(format!("The variable {name:?} has no usable name or value; ignored."));
        } else {
            all.insert(name.clone(), value.to_owned());
        }
    }
    ignored
}

fn of_machine(layout: &Layout) -> Vec<(&'static str, String)> {
    vec![
        ("HOME", show(&layout.home)),
        ("TMPDIR", show(&layout.tmp)),
        ("BASH_ENV", show(&layout.home.join(".bashrc"))),
        // git in a script is the git of the checkout (EXE-5).
        ("GIT_CONFIG_GLOBAL", show(&layout.home.join(".gitconfig"))),
        ("GIT_CONFIG_NOSYSTEM", "1".to_owned()),
        ("GIT_TERMINAL_PROMPT", "0".to_owned()),
    ]
}

fn of_build(
    assignment: &Assignment,
    layout: &Layout,
    branch: &str,
    slug: String,
) -> Vec<(&'static str, String)> {
    let pull = assignment.source.pull_request.as_ref();
    vec![
        ("BUDDYBUILD_BUILD_NUMBER", assignment.number.to_string()),
        ("BUDDYBUILD_BUILD_ID", assignment.build_id.to_string()),
        ("BUDDYBUILD_APP_ID", assignment.app_id.to_string()),
        ("BUDDYBUILD_BRANCH", branch.to_owned()),
        ("BUDDYBUILD_BASE_BRANCH", pull.map(|pull| pull.base_branch.clone()).unwrap_or_default()),
        ("BUDDYBUILD_PULL_REQUEST", pull.map(|pull| pull.number.to_string()).unwrap_or_default()),
        ("BUDDYBUILD_REPO_SLUG", slug),
        ("BUDDYBUILD_WORKSPACE", show(&layout.workspace_link)),
        ("BUDDYBUILD_SECURE_FILES", show(&layout.secure_files)),
        ("BUDDYBUILD_TRIGGERED_BY", assignment.triggered_by.as_str().to_owned()),
        (
            "BUDDYBUILD_CUSTOM_TEST_RESULTS",
            show(&layout.workspace_link.join("buddybuild_artifacts")),
        ),
    ]
}

/// Where the device variables are, if there are any (SEC-4).
fn of_device(assignment: &Assignment, layout: &Layout) -> Option<(&'static str, String)> {
    let place = || ("SHIPMATE_DEVICE_VARIABLES", show(&layout.device_variables));
    (!assignment.device.is_empty()).then(place)
}

fn of_platform(assignment: &Assignment, layout: &Layout) -> Vec<(&'static str, String)> {
    match assignment.platform {
        Platform::Ios => vec![
            ("BUDDYBUILD_SCHEME", assignment.scheme.clone()),
            ("BUDDYBUILD_TEST_DIR", show(&layout.test_products)),
        ],
        Platform::Android => vec![
            ("BUDDYBUILD_APKS_DIR", show(&layout.apks)),
            ("BUDDYBUILD_VARIANTS", assignment.scheme.clone()),
        ],
    }
}

/// Names the SDK of this machine; without one, the user's own value stays.
fn add_android_sdk(all: &mut BTreeMap<String, String>) {
    let found = ANDROID_SDKS.map(Path::new).into_iter().find(|folder| folder.is_dir());
    if let Some(sdk) = found {
        all.insert("ANDROID_HOME".to_owned(), show(sdk));
        if let Some(ndk) = newest_ndk(sdk) {
            all.insert("ANDROID_NDK_HOME".to_owned(), show(&ndk));
        }
    }
    for name in ["ANDROID_HOME", "ANDROID_NDK_HOME"] {
        if let Some(value) = all.get(name).cloned() {
            all.insert(format!("BUDDYBUILD_{name}"), value);
        }
    }
}

fn newest_ndk(sdk: &Path) -> Option<PathBuf> {
    let number = |folder: &PathBuf| {
        let name = folder.file_name().map(|name| name.to_string_lossy().into_owned());
        let parts = name.unwrap_or_default();
        parts.split('.').map(|part| part.parse::<u32>().unwrap_or(0)).collect::<Vec<_>>()
    };
    let versions = std::fs::read_dir(sdk.join("ndk")).into_iter().flatten().flatten();
    let newest = versions.map(|entry| entry.path()).filter(|path| path.is_dir()).max_by_key(number);
    newest.or_else(|| Some(sdk.join("ndk-bundle")).filter(|path| path.is_dir()))
}

fn first_with_extension(folder: &Path, extension: &str) -> Option<PathBuf> {
    let entries = std::fs::read_dir(folder).ok()?;
    let paths = entries.flatten().map(|entry| entry.path());
    paths.filter(|path| path.extension().is_some_and(|found| found == extension)).min()
}

fn show(path: &Path) -> String {
    path.display().to_string()
}

#[cfg(test)]
mod tests;
