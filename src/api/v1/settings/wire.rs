//! Settings as JSON: the same names at every level. Unknown members are
//! refused here, because a misspelt setting would silently do nothing.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::{Error, Result};
use crate::http::json::only_from_objects;
use crate::model::settings as model;

macro_rules! settings {
    ($($(#[$doc:meta])* $member:ident: $kind:ty),+ $(,)?) => {
        /// What is set at one level. A member that is left out, or null, is not
        /// set there: the level below decides.
        #[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
        #[serde(default, deny_unknown_fields, remote = "Self")]
        pub struct Settings {
            $($(#[$doc])* #[serde(skip_serializing_if = "Option::is_none")]
            pub $member: Option<$kind>,)+
        }

        /// Every setting with the value that a build gets.
        #[derive(Debug, Serialize, Deserialize, ToSchema)]
        pub struct ResolvedSettings {
            $($(#[$doc])* pub $member: $kind,)+
        }
    };
}

settings! {
    /// Every push builds. On unless set.
    build_pushes: bool,
    /// Pull requests build, instead of pushes to their branches. On unless set.
    build_pull_requests: bool,
    /// Each pushed tag builds once. On unless set.
    build_tags: bool,
    /// A newer build from a webhook cancels older ones of the same branch. On
    /// unless set.
    auto_cancel: bool,
    /// Which pushes build, by the files they change.
    selective: Selective,
    /// Which pull requests from other repositories build.
    forks: Forks,
    /// Mail when a build breaks. On unless set.
    email_notifications: bool,
    /// Device archive for iTunes Connect (iOS).
    archive: bool,
    /// Keep build products between builds. On unless set.
    incremental: bool,
    /// Schemes (iOS): one build each.
    schemes: Vec<String>,
    /// Variants (Android): one build each; `debug,release` is one of both.
    variants: Vec<String>,
    run_tests: bool,
    simulators: Vec<String>,
    /// The build offers nothing to install.
    only_run_tests: bool,
    /// Failed tests do not fail the build.
    tests_as_warnings: bool,
    /// A version, `latest` or `latest_stable`; empty: the agent's default.
    xcode_version: String,
    /// Empty, as with every tool: the agent's default.
    node_version: String,
    java_version: String,
    cordova_version: String,
    cordova_ios_version: String,
    cordova_android_version: String,
    ionic_version: String,
    carthage_version: String,
    ionic_optimizations: bool,
    android_lint: bool,
    android_unit_tests: bool,
    android_ui_tests: UiTests,
    android_ui_tests_as_warnings: bool,
    /// Put the build number into the package.
    auto_versioning: bool,
    /// Such as `1.2.[Build Number]`.
    version_format: String,
    /// `name=value` labels that an agent must have to be given the build.
    required_labels: Vec<String>,
}

#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields, remote = "Self")]
pub struct Selective {
    pub mode: SelectiveMode,
    /// As in a `.gitignore`, but anchored at the repository's root.
    pub patterns: Vec<String>,
}

#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SelectiveMode {
    #[default]
    Off,
    /// Build if at least one changed file matches.
    Only,
    /// Do not build if every changed file matches.
    Except,
}

#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields, remote = "Self")]
pub struct Forks {
    pub build: ForkRule,
    /// `owner/repo`, or `owner`: these build if `build` is `listed`.
    pub listed: Vec<String>,
    /// These get variables and secure files. Whoever can push to such a fork
    /// can read them.
    pub trusted: Vec<String>,
}

#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ForkRule {
    #[default]
    None,
    All,
    Listed,
}

/// Android UI tests on devices.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields, remote = "Self")]
pub struct UiTests {
    pub physical: bool,
    pub virtual_devices: bool,
    /// Empty: the variant that is built.
    pub variant: String,
    pub devices: Vec<String>,
}

only_from_objects!(Settings, Selective, Forks, UiTests);

/// What a build of one branch gets.
#[derive(Debug, Serialize, ToSchema)]
pub struct Resolved<'a> {
    pub branch: &'a str,
    pub settings: ResolvedSettings,
    /// Where each setting that is set anywhere comes from: `organisation`,
    /// `app`, `prefix <prefix>` or `branch <branch>`.
    pub sources: BTreeMap<&'static str, String>,
}

/// The settings of one branch, or of each branch with a prefix.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Override {
    /// Either this, a whole name ..
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// .. or this, how names start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    pub settings: Settings,
}

/// The settings that a build was queued with.
#[derive(Debug, Serialize, ToSchema)]
pub struct BuildSettings<'a> {
    pub build_id: &'a str,
    /// Null for a build from before the server kept them.
    #[schema(required)]
    pub settings: Option<ResolvedSettings>,
}

/// The same members as other types: both sides are listed, and a test holds
/// them together.
fn same<T: DeserializeOwned>(value: &impl Serialize) -> Result<T> {
    serde_json::to_value(value)
        .and_then(serde_json::from_value)
        .map_err(|e| Error::internal("shaping settings", e))
}

impl Settings {
    pub fn of(settings: &model::Settings) -> Result<Self> {
        same(settings)
    }

    pub fn read(&self) -> Result<model::Settings> {
        same(self)
    }
}

impl ResolvedSettings {
    pub fn of(settings: &model::Resolved) -> Result<Self> {
        same(settings)
    }
}

impl Override {
    pub fn of(given: &model::Override) -> Result<Self> {
        let settings = Settings::of(&given.settings)?;
        let name = || Some(given.scope.name().to_owned());
        Ok(match given.scope {
            model::Scope::Branch(_) => Self { branch: name(), prefix: None, settings },
            model::Scope::Prefix(_) => Self { branch: None, prefix: name(), settings },
        })
    }

    pub fn read(self) -> Result<model::Override> {
        let scope = scope(self.branch, self.prefix)?;
        Ok(model::Override { scope, settings: self.settings.read()? })
    }
}

/// # Errors
/// `Invalid` unless exactly one of both is given.
pub fn scope(branch: Option<String>, prefix: Option<String>) -> Result<model::Scope> {
    match (branch, prefix) {
        (Some(branch), None) => Ok(model::Scope::Branch(branch)),
        (None, Some(prefix)) => Ok(model::Scope::Prefix(prefix)),
        (None, None) => Err(Error::Invalid("Missing parameter \"branch\" or \"prefix\"".into())),
        (Some(_), Some(_)) => {
            Err(Error::Invalid("Either \"branch\" or \"prefix\", not both".into()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_have_the_same_members() {
        let whole = serde_json::to_value(model::Resolved::default()).unwrap();
        let shown: ResolvedSettings = same(&model::Resolved::default()).unwrap();
        assert_eq!(serde_json::to_value(shown).unwrap(), whole);
        let every: Settings = serde_json::from_value(whole.clone()).unwrap();
        assert_eq!(serde_json::to_value(&every).unwrap(), whole);
        let read = every.read().unwrap();
        assert_eq!(serde_json::to_value(&read).unwrap(), whole);
        assert_eq!(whole.as_object().unwrap().len(), model::Settings::MEMBERS.len());
        assert!(serde_json::from_str::<Settings>(r#"{"archiv":true}"#).is_err());
        assert!(serde_json::from_str::<Settings>(r#"{"forks":{"all":true}}"#).is_err());
    }
}
