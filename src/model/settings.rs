//! Build settings (CFG-1, CFG-2): what is set at each level, and what a build
//! of a branch gets. Pure; the levels are read and written by `apps::settings`.
//!
//! Four levels, each of which replaces single settings of the one before:
//! the product's default, what the app took from its organisation (ALL-1), what
//! is set at the app, and the overrides of the branch.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::model::app::Platform;
use crate::model::evaluation::Patterns;

/// Entries of one list: patterns, schemes, forks.
const MAX_ENTRIES: usize = 100;
/// Longest entry or version, in bytes.
const MAX_TEXT: usize = 500;

/// Which pushes build, by the files they change (EVL-6).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SelectiveMode {
    #[default]
    Off,
    /// Build if at least one changed file matches.
    Only,
    /// Do not build if every changed file matches.
    Except,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Selective {
    pub mode: SelectiveMode,
    /// In list order; the syntax is EVL-8.
    pub patterns: Vec<String>,
}

impl Selective {
    pub fn is_on(&self) -> bool {
        self.mode != SelectiveMode::Off
    }
}

/// Which cross-repository pull requests build (TRG-12).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ForkRule {
    #[default]
    None,
    All,
    Listed,
}

/// Names are `owner/repo` or `owner` for all of an owner's forks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Forks {
    pub build: ForkRule,
    /// Which forks build, if `build` is `listed`.
    pub listed: Vec<String>,
    /// Forks whose builds get variables and secure files (SEC-7). Being here
    /// does not make a fork build.
    pub trusted: Vec<String>,
}

impl Forks {
    /// Does a pull request from `owner/repo` build?
    pub fn builds(&self, fork: &str) -> bool {
        match self.build {
            ForkRule::None => false,
            ForkRule::All => true,
            ForkRule::Listed => names(&self.listed, fork),
        }
    }

    /// May builds of `owner/repo` see the app's secrets?
    pub fn trusts(&self, fork: &str) -> bool {
        names(&self.trusted, fork)
    }
}

/// Hosts compare names without regard to case.
fn names(list: &[String], fork: &str) -> bool {
    let owner = fork.split('/').next().unwrap_or_default();
    list.iter().any(|entry| entry.eq_ignore_ascii_case(fork) || entry.eq_ignore_ascii_case(owner))
}

/// Android UI tests on devices (CFG-2, tab Test).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct UiTests {
    pub physical: bool,
    pub virtual_devices: bool,
    /// Empty: the variant that is built.
    pub variant: String,
    pub devices: Vec<String>,
}

/// A value that cannot be set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{member}: {reason}")]
pub struct Refused {
    pub member: &'static str,
    pub reason: Cow<'static, str>,
}

fn refused(member: &'static str, reason: &'static str) -> Refused {
    Refused { member, reason: reason.into() }
}

macro_rules! settings {
    ($($(#[$doc:meta])* $member:ident: $kind:ty = $default:expr),+ $(,)?) => {
        /// What is set at one level; `None` is "not set here".
        // Unknown members are ignored when reading what is stored, because an
        // older server may run beside a newer one; the API refuses them.
        #[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(default)]
        pub struct Settings {
            $($(#[$doc])* #[serde(skip_serializing_if = "Option::is_none")]
            pub $member: Option<$kind>,)+
        }

        /// What a build gets: every setting with a value.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(default)]
        pub struct Resolved {
            $($(#[$doc])* pub $member: $kind,)+
        }

        impl Default for Resolved {
            fn default() -> Self {
                Self { $($member: $default,)+ }
            }
        }

        impl Settings {
            /// Every member's name, as the API spells it.
            pub const MEMBERS: &'static [&'static str] = &[$(stringify!($member)),+];

            /// Copies one member, set or not; false for a name that is none.
            pub fn copy(&mut self, from: &Self, member: &str) -> bool {
                match member {
                    $(stringify!($member) => self.$member.clone_from(&from.$member),)+
                    _ => return false,
                }
                true
            }

            fn lay_over(&self, below: &mut Resolved) {
                $(if let Some(value) = &self.$member {
                    below.$member.clone_from(value);
                })+
            }
        }
    };
}

settings! {
    /// Every push builds (TRG-8).
    build_pushes: bool = true,
    /// Pull requests build instead of pushes to their branches (TRG-9, TRG-10).
    build_pull_requests: bool = true,
    /// Each pushed tag builds once.
    build_tags: bool = true,
    /// A newer webhook build cancels the older ones of its lane (EVL-5).
    auto_cancel: bool = true,
    selective: Selective = Selective::default(),
    forks: Forks = Forks::default(),
    /// Mail when a build breaks.
    email_notifications: bool = true,
    /// Device archive for iTunes Connect (iOS).
    archive: bool = false,
    /// Keep build products between builds.
    incremental: bool = true,
    /// Schemes (iOS): one build each, in this order (CFG-4). Empty: one build
    /// of what is detected.
    schemes: Vec<String> = Vec::new(),
    /// Variants (Android), likewise; `debug,release` is one build of both.
    variants: Vec<String> = Vec::new(),
    run_tests: bool = false,
    simulators: Vec<String> = Vec::new(),
    /// Nothing to install comes out of the build.
    only_run_tests: bool = false,
    /// Failed tests do not fail the build.
    tests_as_warnings: bool = false,
    /// Empty here and below: the default of the agent, which floats.
    /// `latest` (with betas) and `latest_stable` follow releases (VER-6).
    xcode_version: String = String::new(),
    node_version: String = String::new(),
    java_version: String = String::new(),
    cordova_version: String = String::new(),
    cordova_ios_version: String = String::new(),
    cordova_android_version: String = String::new(),
    ionic_version: String = String::new(),
    carthage_version: String = String::new(),
    /// Minify and compile ahead of time.
    ionic_optimizations: bool = false,
    android_lint: bool = false,
    android_unit_tests: bool = false,
    android_ui_tests: UiTests = UiTests::default(),
    android_ui_tests_as_warnings: bool = false,
    /// Put the build number into the package (VER-2, VER-3).
    auto_versioning: bool = false,
    /// E.g. `1.2.[Build Number]` (VER-2).
    version_format: String = String::from("[Build Number]"),
    /// `name=value` labels that an agent must have to be given the build.
    required_labels: Vec<String> = Vec::new(),
}

impl Settings {
    /// Whether every value can be used.
    ///
    /// # Errors
    /// `Refused`, naming the member.
    pub fn check(&self) -> Result<(), Refused> {
        let Self { selective, forks, android_ui_tests, .. } = self;
        let lists = [
            ("selective", selective.as_ref().map(|s| &s.patterns)),
            ("forks", forks.as_ref().map(|f| &f.listed)),
            ("forks", forks.as_ref().map(|f| &f.trusted)),
            ("schemes", self.schemes.as_ref()),
            ("variants", self.variants.as_ref()),
            ("simulators", self.simulators.as_ref()),
            ("required_labels", self.required_labels.as_ref()),
            ("android_ui_tests", android_ui_tests.as_ref().map(|t| &t.devices)),
        ];
        for (member, list) in lists.into_iter().filter_map(|(m, list)| list.map(|l| (m, l))) {
            check_list(member, list)?;
        }
        self.check_texts()?;
        if let Some(Err(wrong)) = selective.as_ref().map(|s| Patterns::parse(&s.patterns)) {
            return Err(Refused { member: "selective", reason: wrong.to_string().into() });
        }
        let labels = self.required_labels.iter().flatten();
        for label in labels {
            let whole = label.split_once('=').is_some_and(|(n, v)| !n.is_empty() && !v.is_empty());
            if !whole {
                let reason = "each label is written name=value";
                return Err(refused("required_labels", reason));
            }
        }
        for fork in forks.iter().flat_map(|f| f.listed.iter().chain(&f.trusted)) {
            let parts: Vec<_> = fork.split('/').collect();
            if parts.len() > 2 || parts.iter().any(|part| part.is_empty()) {
                return Err(refused("forks", "each fork is owner/repo or owner"));
            }
        }
        Ok(())
    }

    fn check_texts(&self) -> Result<(), Refused> {
        let texts = [
            ("xcode_version", self.xcode_version.as_ref()),
            ("node_version", self.node_version.as_ref()),
            ("java_version", self.java_version.as_ref()),
            ("cordova_version", self.cordova_version.as_ref()),
            ("cordova_ios_version", self.cordova_ios_version.as_ref()),
            ("cordova_android_version", self.cordova_android_version.as_ref()),
            ("ionic_version", self.ionic_version.as_ref()),
            ("carthage_version", self.carthage_version.as_ref()),
            ("version_format", self.version_format.as_ref()),
            ("android_ui_tests", self.android_ui_tests.as_ref().map(|t| &t.variant)),
        ];
        for (member, text) in texts {
            if text.is_some_and(|text| text.len() > MAX_TEXT || text.chars().any(char::is_control))
            {
                let reason = "at most 500 bytes without control characters";
                return Err(refused(member, reason));
            }
        }
        Ok(())
    }

    /// What differs from `before`, for the activity log: `archive: not set -> true`.
    pub fn changes(&self, before: &Self) -> Vec<String> {
        let (old, new) = (members(before), members(self));
        Self::MEMBERS
            .iter()
            .filter(|member| old.get(**member) != new.get(**member))
            .map(|member| {
                let show = |value: Option<&Value>| {
                    value.map_or_else(|| "not set".to_owned(), ToString::to_string)
                };
                format!("{member}: {} -> {}", show(old.get(*member)), show(new.get(*member)))
            })
            .collect()
    }

    /// As it is stored.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("plain data is JSON")
    }
}

impl TryFrom<String> for Settings {
    type Error = serde_json::Error;
    fn try_from(stored: String) -> Result<Self, serde_json::Error> {
        serde_json::from_str(&stored)
    }
}

fn members(settings: &Settings) -> serde_json::Map<String, Value> {
    match serde_json::to_value(settings) {
        Ok(Value::Object(members)) => members,
        _ => serde_json::Map::new(),
    }
}

fn check_list(member: &'static str, list: &[String]) -> Result<(), Refused> {
    if list.len() > MAX_ENTRIES {
        return Err(refused(member, "at most 100 entries"));
    }
    for (index, entry) in list.iter().enumerate() {
        if entry.trim().is_empty() || entry.len() > MAX_TEXT || entry.chars().any(char::is_control)
        {
            let reason = "entries are 1 to 500 bytes of printable text";
            return Err(refused(member, reason));
        }
        if list[..index].contains(entry) {
            return Err(refused(member, "an entry occurs twice"));
        }
    }
    Ok(())
}

/// Which branches an override is for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    Branch(String),
    /// Every branch whose name starts like this, e.g. `release/`.
    Prefix(String),
}

impl Scope {
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Branch(_) => "branch",
            Self::Prefix(_) => "prefix",
        }
    }

    /// The branch, or the prefix.
    pub fn name(&self) -> &str {
        match self {
            Self::Branch(name) | Self::Prefix(name) => name,
        }
    }

    /// How specific it is for `branch`: longer prefixes come later, the branch
    /// itself last. `None` if it is for other branches.
    fn rank(&self, branch: &str) -> Option<usize> {
        match self {
            Self::Branch(name) => (name == branch).then_some(usize::MAX),
            Self::Prefix(prefix) => branch.starts_with(prefix.as_str()).then_some(prefix.len()),
        }
    }
}

/// The settings of some branches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    pub scope: Scope,
    pub settings: Settings,
}

/// Everything that is set for one app.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Levels {
    /// What the app took from its organisation when it was added, or what was
    /// applied to it later (ALL-1, ALL-2).
    pub inherited: Settings,
    pub own: Settings,
    pub overrides: Vec<Override>,
}

impl Levels {
    /// What a build of `branch` gets.
    pub fn resolve(&self, branch: &str) -> Resolved {
        resolve(&self.inherited, &self.own, &self.overrides, branch)
    }

    /// Where each setting of `branch` that is set anywhere comes from.
    pub fn sources(&self, branch: &str) -> BTreeMap<&'static str, String> {
        let mut sources = BTreeMap::new();
        let mut note = |settings: &Settings, source: String| {
            let set = members(settings);
            for member in Settings::MEMBERS.iter().filter(|member| set.contains_key(**member)) {
                sources.insert(*member, source.clone());
            }
        };
        note(&self.inherited, "organisation".into());
        note(&self.own, "app".into());
        for Override { scope, settings } in ranked(&self.overrides, branch) {
            note(settings, format!("{} {}", scope.kind(), scope.name()));
        }
        sources
    }
}

/// What a build of `branch` gets (CFG-1). Each override replaces the single
/// settings it sets: those of a longer prefix win over a shorter one's, those
/// of the branch itself over all.
pub fn resolve(
    organisation: &Settings,
    app: &Settings,
    overrides: &[Override],
    branch: &str,
) -> Resolved {
    let mut resolved = Resolved::default();
    organisation.lay_over(&mut resolved);
    app.lay_over(&mut resolved);
    for Override { scope: _, settings } in ranked(overrides, branch) {
        settings.lay_over(&mut resolved);
    }
    resolved
}

/// The overrides of `branch`, the one that wins last.
fn ranked<'a>(overrides: &'a [Override], branch: &str) -> impl Iterator<Item = &'a Override> {
    let mut ranked: Vec<_> =
        overrides.iter().filter_map(|o| o.scope.rank(branch).map(|rank| (rank, o))).collect();
    ranked.sort_by_key(|(rank, _)| *rank);
    ranked.into_iter().map(|(_, found)| found)
}

impl Resolved {
    /// The schemes or variants to build, one build each (CFG-4); one without a
    /// name where none was chosen.
    pub fn targets(&self, platform: Platform) -> Vec<String> {
        let chosen = match platform {
            Platform::Ios => &self.schemes,
            Platform::Android => &self.variants,
        };
        if chosen.is_empty() { vec![String::new()] } else { chosen.clone() }
    }

    /// `(name, value)` labels that an agent must have to run the build. An iOS
    /// build that asks for something of Xcode's needs a Mac; scripts alone run
    /// anywhere (EXE-20).
    pub fn agent_labels(&self, platform: Platform) -> BTreeSet<(String, String)> {
        let mut labels: BTreeSet<_> = self
            .required_labels
            .iter()
            .filter_map(|label| label.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let needs_xcode =
            self.archive || !self.xcode_version.is_empty() || !self.simulators.is_empty();
        if platform == Platform::Ios && needs_xcode {
            labels.insert(("platform".into(), "ios".into()));
        }
        labels
    }

    /// As it is frozen with a build.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("plain data is JSON")
    }
}

impl TryFrom<String> for Resolved {
    type Error = serde_json::Error;
    fn try_from(stored: String) -> Result<Self, serde_json::Error> {
        serde_json::from_str(&stored)
    }
}

#[cfg(test)]
mod tests;
