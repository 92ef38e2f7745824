//! The build settings as fields of a form: one table for an app, for the
//! overrides of its branches and for an organisation's defaults. A field that
//! is left as it is sets nothing, so the level below decides.

use serde_json::{Map, Value};

use crate::dashboard::forms::{lines, text};
use crate::error::{Error, Result};
use crate::http::params::Params;
use crate::model::app::Platform;
use crate::model::settings::{Resolved, Settings};

/// What belongs together on a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    Triggers,
    Forks,
    Build,
    Tests,
    Versions,
    Agents,
    Selective,
}

impl Group {
    pub const ALL: [Self; 7] = [
        Self::Triggers,
        Self::Selective,
        Self::Forks,
        Self::Build,
        Self::Tests,
        Self::Versions,
        Self::Agents,
    ];

    fn title(self) -> &'static str {
        match self {
            Self::Triggers => "What builds",
            Self::Forks => "Pull requests from forks",
            Self::Build => "How it is built",
            Self::Tests => "Tests",
            Self::Versions => "Versions",
            Self::Agents => "Where it is built",
            Self::Selective => "Selective builds",
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Switch,
    Line,
    /// One entry a line.
    Lines,
    Choice(&'static [(&'static str, &'static str)]),
}

struct Field {
    /// As the API spells it; the part of a setting that has parts after a dot.
    name: &'static str,
    group: Group,
    kind: Kind,
    /// `None`: of both.
    platform: Option<Platform>,
    label: &'static str,
    hint: &'static str,
}

const fn field(
    name: &'static str,
    group: Group,
    kind: Kind,
    label: &'static str,
    hint: &'static str,
) -> Field {
    Field { name, group, kind, platform: None, label, hint }
}

const fn of(platform: Platform, field: Field) -> Field {
    Field { platform: Some(platform), ..field }
}

const FORK_RULES: Kind = Kind::Choice(&[
    ("none", "do not build"),
    ("all", "build all"),
    ("listed", "build those that are listed"),
]);
const MODES: Kind = Kind::Choice(&[
    ("off", "off: every change builds"),
    ("only", "build only if a changed file matches"),
    ("except", "do not build if every changed file matches"),
]);

use Group::{Agents, Build, Forks, Selective, Tests, Triggers, Versions};
use Kind::{Line, Lines, Switch};
use Platform::{Android, Ios};

const FIELDS: &[Field] = &[
    field("build_pushes", Triggers, Switch, "Build pushes", ""),
    field(
        "build_pull_requests",
        Triggers,
        Switch,
        "Build pull requests",
        "Instead of pushes to their branches, merged with the branch they aim at.",
    ),
    field("build_tags", Triggers, Switch, "Build tags", "Each pushed tag once."),
    field(
        "auto_cancel",
        Triggers,
        Switch,
        "Cancel older builds",
        "A newer push cancels builds of the same branch that still wait or run.",
    ),
    field("email_notifications", Triggers, Switch, "Mail when a build breaks", ""),
    field("selective.mode", Selective, MODES, "Mode", ""),
    field(
        "selective.patterns",
        Selective,
        Lines,
        "Patterns, one a line",
        "As in .gitignore, but from the root: README.md is only the file in the root, **/README.md any.",
    ),
    field("forks.build", Forks, FORK_RULES, "Pull requests from other repositories", ""),
    field(
        "forks.listed",
        Forks,
        Lines,
        "Forks that build, if listed",
        "owner/repo, or owner for all of theirs; one a line.",
    ),
    field(
        "forks.trusted",
        Forks,
        Lines,
        "Forks that get secrets",
        "Whoever can push to such a fork can read the app’s variables and secure files.",
    ),
    of(
        Ios,
        field(
            "schemes",
            Build,
            Lines,
            "Schemes",
            "Shared Xcode schemes, one a line: one build each.",
        ),
    ),
    of(
        Android,
        field(
            "variants",
            Build,
            Lines,
            "Variants",
            "One a line: one build each. debug,release on one line is one build of both.",
        ),
    ),
    of(
        Ios,
        field("archive", Build, Switch, "Build for archive", "A device archive for the store."),
    ),
    field(
        "incremental",
        Build,
        Switch,
        "Keep build products",
        "Between builds; faster, and “rebuild without cache” discards them.",
    ),
    field(
        "auto_versioning",
        Build,
        Switch,
        "Write the build number into the package",
        "CFBundleVersion or versionCode, while it builds; nothing is committed.",
    ),
    of(
        Ios,
        field(
            "version_format",
            Build,
            Line,
            "Format of the version",
            "Such as 1.2.[Build Number].",
        ),
    ),
    field("ionic_optimizations", Build, Switch, "Ionic: minify and compile ahead", ""),
    field("run_tests", Tests, Switch, "Run tests", ""),
    field(
        "only_run_tests",
        Tests,
        Switch,
        "Only run tests",
        "The build offers nothing to install.",
    ),
    field(
        "tests_as_warnings",
        Tests,
        Switch,
        "Failed tests are warnings",
        "They do not fail the build.",
    ),
    of(Ios, field("simulators", Tests, Lines, "Simulators", "One a line.")),
    of(Android, field("android_unit_tests", Tests, Switch, "Unit tests", "")),
    of(Android, field("android_lint", Tests, Switch, "Lint", "")),
    of(
        Android,
        field("android_ui_tests.virtual_devices", Tests, Switch, "UI tests on virtual devices", ""),
    ),
    of(
        Android,
        field("android_ui_tests.physical", Tests, Switch, "UI tests on physical devices", ""),
    ),
    of(
        Android,
        field(
            "android_ui_tests.variant",
            Tests,
            Line,
            "Variant for UI tests",
            "Empty: the one that is built.",
        ),
    ),
    of(
        Android,
        field("android_ui_tests.devices", Tests, Lines, "Devices for UI tests", "One a line."),
    ),
    of(
        Android,
        field("android_ui_tests_as_warnings", Tests, Switch, "Failed UI tests are warnings", ""),
    ),
    of(
        Ios,
        field(
            "xcode_version",
            Versions,
            Line,
            "Xcode",
            "A version, latest (with betas) or latest_stable. Empty, as everywhere here: what the agent has.",
        ),
    ),
    of(Ios, field("carthage_version", Versions, Line, "Carthage", "")),
    of(Android, field("java_version", Versions, Line, "Java", "")),
    field("node_version", Versions, Line, "Node.js", ""),
    field("cordova_version", Versions, Line, "Cordova", ""),
    of(Ios, field("cordova_ios_version", Versions, Line, "Cordova iOS", "")),
    of(Android, field("cordova_android_version", Versions, Line, "Cordova Android", "")),
    field("ionic_version", Versions, Line, "Ionic", ""),
    field(
        "required_labels",
        Agents,
        Lines,
        "Labels that an agent must have",
        "name=value, one a line.",
    ),
];

/// A group of fields as a page shows it.
#[derive(Debug)]
pub struct Section {
    pub title: &'static str,
    pub fields: Vec<Shown>,
}

/// One field. Exactly one of `options`, `is_long` and plain text.
#[derive(Debug)]
pub struct Shown {
    pub name: &'static str,
    /// For the label and for the problem: without dots.
    pub id: String,
    /// The setting that an error names.
    pub member: &'static str,
    pub label: &'static str,
    pub hint: &'static str,
    /// Value, text and whether it is chosen; empty where there is no choice.
    pub options: Vec<(String, String, bool)>,
    pub is_long: bool,
    /// A list that is set here to have no entry, whatever is inherited.
    pub is_none: bool,
    /// What is set here; empty if nothing is.
    pub value: String,
    /// What holds where nothing is set here.
    pub below: String,
}

/// Which fields: of these groups, and of this platform or of both.
#[derive(Debug, Clone, Copy)]
pub struct Choice<'a> {
    pub groups: &'a [Group],
    pub platform: Option<Platform>,
}

impl Choice<'_> {
    fn fields(self) -> impl Iterator<Item = &'static Field> {
        let Self { groups, platform } = self;
        let groups = groups.to_vec();
        FIELDS.iter().filter(move |field| {
            let fits = platform.is_none() || field.platform.is_none() || field.platform == platform;
            fits && groups.contains(&field.group)
        })
    }
}

fn members<T: serde::Serialize>(settings: &T) -> Result<Map<String, Value>> {
    match serde_json::to_value(settings) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) => Err(Error::bug("showing settings", "they are no object")),
        Err(error) => Err(Error::internal("showing settings", error)),
    }
}

/// Member and part of a name.
fn parts(name: &'static str) -> (&'static str, Option<&'static str>) {
    name.split_once('.').map_or((name, None), |(member, part)| (member, Some(part)))
}

fn look<'a>(members: &'a Map<String, Value>, name: &'static str) -> Option<&'a Value> {
    let (member, part) = parts(name);
    let value = members.get(member)?;
    part.map_or(Some(value), |part| value.get(part))
}

/// A value as a person types it.
fn written(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(entries) => {
            entries.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("\n")
        }
        other => other.to_string(),
    }
}

/// The fields with what `own` sets and what `below` gives otherwise.
pub fn show(choice: Choice<'_>, own: &Settings, below: &Resolved) -> Result<Vec<Section>> {
    let (own, below) = (members(own)?, members(below)?);
    let mut sections = Vec::new();
    for group in Group::ALL {
        let fields: Vec<_> = choice
            .fields()
            .filter(|field| field.group == group)
            .map(|field| shown(field, &own, &below))
            .collect();
        if !fields.is_empty() {
            sections.push(Section { title: group.title(), fields });
        }
    }
    Ok(sections)
}

fn shown(field: &Field, own: &Map<String, Value>, below: &Map<String, Value>) -> Shown {
    let value = look(own, field.name).map(written).unwrap_or_default();
    let beneath = look(below, field.name).map(written).unwrap_or_default();
    let named = |wanted: &str| match (field.kind, wanted) {
        (Switch, "true") => "on".to_owned(),
        (Switch, _) => "off".to_owned(),
        (Kind::Choice(all), wanted) => {
            let found = all.iter().find(|(name, _)| *name == wanted);
            found.map_or_else(|| wanted.to_owned(), |(_, label)| (*label).to_owned())
        }
        _ => wanted.to_owned(),
    };
    let inherit = (String::new(), format!("as inherited: {}", named(&beneath)), value.is_empty());
    let given: Vec<(&str, &str)> = match field.kind {
        Switch => vec![("true", "on"), ("false", "off")],
        Kind::Choice(all) => all.to_vec(),
        Line | Lines => Vec::new(),
    };
    let mut options: Vec<_> = given
        .iter()
        .map(|(name, label)| ((*name).to_owned(), (*label).to_owned(), value == *name))
        .collect();
    if !options.is_empty() {
        options.insert(0, inherit);
    }
    Shown {
        name: field.name,
        id: field.name.replace('.', "-"),
        member: parts(field.name).0,
        label: field.label,
        hint: field.hint,
        options,
        is_long: matches!(field.kind, Lines),
        // A part of a setting is empty as well where the whole was set with it.
        is_none: look(own, field.name).and_then(Value::as_array).is_some_and(Vec::is_empty)
            && (parts(field.name).1.is_none() || !beneath.is_empty()),
        value,
        below: beneath,
    }
}

/// `own` with what the form says about these fields. Other settings stay.
///
/// # Errors
/// `Invalid`, naming the field.
pub fn read(
    choice: Choice<'_>,
    params: &Params,
    own: &Settings,
    below: &Resolved,
) -> Result<Settings> {
    let mut members_of = members(own)?;
    let below = members(below)?;
    let mut reset: Vec<&str> = Vec::new();
    for field in choice.fields() {
        let (member, part) = parts(field.name);
        let given = given(field, params)?;
        let Some(part) = part else {
            match given {
                Some(value) => drop(members_of.insert(member.to_owned(), value)),
                None => drop(members_of.remove(member)),
            }
            continue;
        };
        // A setting of parts is set as a whole: parts that the form leaves
        // open are as below.
        if !reset.contains(&member) {
            reset.push(member);
            members_of.remove(member);
        }
        if let Some(value) = given {
            let whole = members_of
                .entry(member.to_owned())
                .or_insert_with(|| below.get(member).cloned().unwrap_or(Value::Null));
            if let Value::Object(whole) = whole {
                whole.insert(part.to_owned(), value);
            }
        }
    }
    serde_json::from_value(Value::Object(members_of))
        .map_err(|error| Error::Invalid(format!("A setting cannot be used: {error}")))
}

/// What the form says about one field; `None` = not set here.
fn given(field: &Field, params: &Params) -> Result<Option<Value>> {
    Ok(match field.kind {
        Switch => params.opt_bool(field.name)?.map(Value::Bool),
        Lines => {
            let entries = lines(params, field.name)?;
            let entries: Vec<Value> = entries.into_iter().map(Value::String).collect();
            let is_none = params.opt_bool(&format!("{}.none", field.name))?.unwrap_or(false);
            (is_none || !entries.is_empty()).then_some(Value::Array(entries))
        }
        Line => {
            let line = text(params, field.name)?.trim().to_owned();
            (!line.is_empty()).then_some(Value::String(line))
        }
        Kind::Choice(all) => {
            let chosen = text(params, field.name)?;
            if !chosen.is_empty() && !all.iter().any(|(name, _)| *name == chosen) {
                return Err(Error::invalid_parameter(parts(field.name).0));
            }
            (!chosen.is_empty()).then_some(Value::String(chosen))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_has_a_field() {
        let named: std::collections::BTreeSet<_> =
            FIELDS.iter().map(|field| parts(field.name).0).collect();
        let all: std::collections::BTreeSet<_> = Settings::MEMBERS.iter().copied().collect();
        assert_eq!(named, all);
        let whole = members(&Resolved::default()).unwrap();
        for field in FIELDS {
            assert!(look(&whole, field.name).is_some(), "{} is no setting", field.name);
        }
    }

    #[test]
    fn fields_show_what_is_set_and_what_is_inherited() {
        let own = Settings { build_pushes: Some(false), ..Settings::default() };
        let choice = Choice { groups: &[Triggers], platform: Some(Android) };
        let sections = show(choice, &own, &Resolved::default()).unwrap();
        let fields = &sections[0].fields;
        let pushes = &fields[0].options;
        assert_eq!(pushes[0].1, "as inherited: on");
        assert_eq!((pushes[2].0.as_str(), pushes[2].2), ("false", true));
        assert!(fields[1].options[0].2, "pull requests are not set here");
        let of_ios = Choice { groups: &[Build], platform: Some(Ios) };
        let shown = show(of_ios, &own, &Resolved::default()).unwrap();
        assert!(shown[0].fields.iter().all(|field| field.name != "variants"));
    }
}
