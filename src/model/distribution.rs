//! Who gets which builds: deployment groups with their rules, deployments with
//! their recipients (product.md 13).

use serde::{Deserialize, Serialize};

use crate::model::app::App;
use crate::model::build::{Build, text_enum};
use crate::model::ids::{AppId, BuildId, DeploymentId, GroupId, RecipientId, UserId};
use crate::model::schedule::Weekly;
use crate::model::time::Millis;

text_enum! {
    /// When a group gets builds without being asked (DEP-2).
    Frequency {
        /// After every successful build that matches.
        EachBuild = "each_build",
        Scheduled = "scheduled",
        Manual = "manual",
    }
}

text_enum! {
    /// Why a deployment was made.
    Cause {
        EachBuild = "each_build",
        Schedule = "schedule",
        /// A person chose the build.
        Manual = "manual",
        /// Sent only to testers that were just added (api.md 4.11).
        TestersAdded = "testers_added",
    }
}

text_enum! {
    /// How far a build has come to one recipient (DEP-14), by what was heard last.
    Progress {
        /// The mail waits to be sent, or to be tried again.
        Pending = "pending",
        /// The mail was refused for good.
        NotSent = "not_sent",
        Sent = "sent",
        Downloaded = "downloaded",
        InstallFailed = "install_failed",
        Launched = "launched",
    }
}

/// Which builds a group gets. All lists empty = any branch (api.md 2.4), tags
/// only where they are named. Kept as JSON beside the group.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// Follows the app's default branch, also when that changes (DEP-1).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub default_branch: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub branches: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prefixes: Vec<Prefix>,
    /// As displayed, or the part before ` - <configuration>`; empty = any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub schemes: Vec<String>,
}

/// Branches and tags that start with `name`; both false = both kinds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prefix {
    pub name: String,
    #[serde(default)]
    pub branch_only: bool,
    #[serde(default)]
    pub tag_only: bool,
}

impl TryFrom<String> for Rules {
    type Error = serde_json::Error;
    fn try_from(text: String) -> Result<Self, serde_json::Error> {
        serde_json::from_str(&text)
    }
}

/// What a build was made from, as far as rules look at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source<'a> {
    Branch(&'a str),
    Tag(&'a str),
    /// A pull request from a fork: somebody else's code reaches testers only
    /// when a person sends it.
    Fork,
}

impl Rules {
    /// The branches as a client sees them: the default branch by its name.
    pub fn shown_branches<'a>(&'a self, app: &'a App) -> Vec<&'a str> {
        let default = app.default_branch.as_deref().filter(|_| self.default_branch);
        let named = self.branches.iter().map(String::as_str).filter(|name| Some(*name) != default);
        default.into_iter().chain(named).collect()
    }

    /// Does a group of `app` with these rules get a build of `scheme` from
    /// `source`?
    pub fn matches(&self, app: &App, source: Source<'_>, scheme: &str) -> bool {
        let prefixed = |name: &str, is_tag: bool| {
            self.prefixes.iter().any(|prefix| {
                let kind = if is_tag { !prefix.branch_only } else { !prefix.tag_only };
                kind && name.starts_with(&prefix.name)
            })
        };
        let comes_from = match source {
            Source::Fork => false,
            Source::Tag(name) => self.tags.iter().any(|tag| tag == name) || prefixed(name, true),
            Source::Branch(name) => {
                let branches = self.shown_branches(app);
                let any = branches.is_empty() && self.tags.is_empty() && self.prefixes.is_empty();
                any || branches.contains(&name) || prefixed(name, false)
            }
        };
        comes_from && (self.schemes.is_empty() || self.schemes.iter().any(|s| is_scheme(scheme, s)))
    }
}

/// Is `scheme`, as displayed, what `wanted` names (api.md 4.3)?
pub fn is_scheme(scheme: &str, wanted: &str) -> bool {
    scheme == wanted || scheme.rsplit_once(" - ").is_some_and(|(bare, _)| bare == wanted)
}

/// One group of an app.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Group {
    pub id: GroupId,
    pub app_id: AppId,
    pub name: String,
    #[sqlx(try_from = "String")]
    pub frequency: Frequency,
    #[sqlx(try_from = "String")]
    pub rules: Rules,
    /// JSON of `model::schedule::Weekly`; see `weekly()`.
    pub schedule: Option<String>,
    /// When the schedule sends next; only while `frequency` is `scheduled`.
    pub next_run_at: Option<Millis>,
    pub created_at: Millis,
}

impl Group {
    /// When a scheduled group sends. Fails for a row that was damaged.
    pub fn weekly(&self) -> Result<Option<Weekly>, serde_json::Error> {
        self.schedule.as_deref().map(serde_json::from_str).transpose()
    }
}

/// One address of a group.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Tester {
    pub group_id: GroupId,
    /// Lowercased.
    pub email: String,
    /// As it was typed.
    pub address: String,
    pub added_at: Millis,
    pub unsubscribed_at: Option<Millis>,
}

/// A build that was sent to a group or to single addresses.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Deployment {
    pub id: DeploymentId,
    pub build_id: BuildId,
    /// `None` = single addresses; the group may be gone.
    pub group_id: Option<GroupId>,
    /// As the group was called then.
    pub group_name: String,
    #[sqlx(try_from = "String")]
    pub cause: Cause,
    /// What was entered; empty = see `distribution::notes`.
    pub notes: String,
    /// Who sent it.
    pub user_id: Option<UserId>,
    pub created_at: Millis,
}

/// What became of a deployment at one address.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Recipient {
    pub id: RecipientId,
    pub deployment_id: DeploymentId,
    /// Lowercased.
    pub email: String,
    /// As it was typed.
    pub address: String,
    pub sent_at: Option<Millis>,
    /// When the install page was first opened.
    pub opened_at: Option<Millis>,
    pub downloaded_at: Option<Millis>,
    pub launched_at: Option<Millis>,
    /// When the tester last said that it does not install, and what they said.
    pub failed_at: Option<Millis>,
    pub failure: Option<String>,
    /// When sending was given up.
    pub refused_at: Option<Millis>,
    /// The last fault of sending, for a person.
    pub error: Option<String>,
}

impl Recipient {
    pub fn progress(&self) -> Progress {
        let heard = [
            (self.sent_at, Progress::Sent),
            (self.refused_at, Progress::NotSent),
            (self.downloaded_at, Progress::Downloaded),
            (self.failed_at, Progress::InstallFailed),
            (self.launched_at, Progress::Launched),
        ];
        // Of facts heard at the same moment the later step counts.
        let last = heard.into_iter().filter_map(|(at, what)| at.map(|at| (at, what)));
        last.max_by_key(|(at, _)| *at).map_or(Progress::Pending, |(_, what)| what)
    }
}

/// An iOS device that a tester has registered (DEP-10).
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Device {
    pub udid: String,
    /// Lowercased.
    pub email: String,
    /// As it was typed.
    pub address: String,
    /// Such as `iPhone14,2`; empty if the device did not say.
    pub product: String,
    /// Such as `21F90`.
    pub os_build: String,
    /// Such as `17.5`, where known.
    pub os_version: String,
    pub registered_at: Millis,
    pub seen_at: Millis,
}

/// What rules look at in `build`. Fails for a row that was damaged.
pub fn source_of<'a>(build: &'a Build, origin: &'a crate::model::origin::Origin) -> Source<'a> {
    match (&origin.pull_request, &origin.tag) {
        (Some(pull), _) if pull.fork.is_some() => Source::Fork,
        (Some(_), _) | (None, None) => Source::Branch(&build.branch),
        (None, Some(tag)) => Source::Tag(tag),
    }
}

#[cfg(test)]
mod tests;
