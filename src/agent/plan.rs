//! `shipmate.yml`: what a repository wants beside its scripts. Reads hostile
//! text with limits, and answers a wrong file with the place and what was
//! expected there. `docs/shipmate.schema.json` is made of these types.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use globset::{Glob, GlobBuilder, GlobSet, GlobSetBuilder};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de::Error as _};

use crate::agent::environment::{is_reserved, is_well_formed};

/// Name of the file in the repository's root.
pub const FILE: &str = "shipmate.yml";

/// Size of the file, in bytes.
const MAX_BYTES: usize = 256 * 1024;
const MAX_STEPS: usize = 100;
const MAX_GLOBS: usize = 100;
const MAX_NAME: usize = 100;

/// What a repository wants to be done and kept.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "shipmate.yml")]
pub struct Plan {
    /// Commands, run in this order after the pre-build script and before the
    /// post-build script. The first that fails fails the build.
    #[serde(default)]
    #[schemars(length(max = 100))]
    pub steps: Vec<Step>,
    /// Schemes or variants of this repository.
    #[serde(default)]
    pub schemes: Vec<Text>,
    /// Files to keep.
    #[serde(default)]
    pub artifacts: Globs,
    /// Test reports: JUnit XML, or JSON of Jest.
    #[serde(default)]
    pub tests: Globs,
    /// Coverage reports: lcov, Cobertura or JaCoCo.
    #[serde(default)]
    pub coverage: Globs,
}

/// One command.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Shown in the log.
    #[serde(default)]
    pub name: Option<Text>,
    /// Run by `bash -e -o pipefail`, or `sh -e` where there is no bash.
    pub run: String,
    /// A folder below the root of the repository.
    #[serde(default)]
    pub working_directory: Folder,
    /// Variables for this step alone.
    #[serde(default)]
    pub env: BTreeMap<VariableName, Scalar>,
    /// Seconds, or a number with `s`, `m` or `h`.
    #[serde(default)]
    pub timeout: Option<Timeout>,
}

/// One line of text, up to 100 bytes.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema)]
pub struct Text(#[schemars(length(min = 1, max = 100))] pub String);

/// A path below the root of the repository.
#[derive(Debug, Clone, Default, PartialEq, Eq, JsonSchema)]
pub struct Folder(#[schemars(with = "String")] pub PathBuf);

/// The name of a variable that Shipmate does not set itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, JsonSchema)]
pub struct VariableName(#[schemars(regex(pattern = r"^[A-Za-z_][A-Za-z0-9_]*$"))] pub String);

/// Text, number, or yes and no; all become text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scalar(pub String);

/// How long a step may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeout(pub Duration);

/// Patterns of paths below the root: `*` stays in a folder, `**` does not.
#[derive(Debug, Clone, Default)]
pub struct Globs(GlobSet);

/// A wrong `shipmate.yml`, in one line for the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PlanError(String);

impl Plan {
    /// Reads the file of a workspace; `None` when there is none.
    ///
    /// # Errors
    /// The text names file, line, column and what was expected.
    pub fn of_workspace(workspace: &Path) -> Result<Option<Self>, PlanError> {
        let path = workspace.join(FILE);
        let Ok(real) = path.canonicalize() else {
            return if path.symlink_metadata().is_ok() {
                Err(PlanError(format!("{FILE} is a link that leads nowhere")))
            } else {
                Ok(None)
            };
        };
        if !real.starts_with(workspace) || !real.is_file() {
            return Err(PlanError(format!("{FILE} is not a file of the repository")));
        }
        let broken = |error| PlanError(format!("{FILE} cannot be read: {error}"));
        let size = real.metadata().map_err(broken)?.len();
        if size > MAX_BYTES as u64 {
            return Err(PlanError(format!("{FILE} has {size} bytes, the limit is {MAX_BYTES}")));
        }
        let text = std::fs::read(&real).map_err(broken)?;
        let text = std::str::from_utf8(&text).map_err(|error| {
            PlanError(format!("{FILE} is not UTF-8 text at byte {}", error.valid_up_to()))
        })?;
        Self::parse(text).map(Some)
    }

    /// Reads the text of the file.
    ///
    /// # Errors
    /// As `of_workspace`.
    pub fn parse(text: &str) -> Result<Self, PlanError> {
        // A file of comments alone asks for nothing.
        if text.lines().all(|line| {
            let line = line.trim();
            line.is_empty() || line.starts_with('#') || line == "---"
        }) {
            return Ok(Self::default());
        }
        let plan: Self = serde_saphyr::from_str_with_options(text, limits()).map_err(explain)?;
        plan.check()?;
        Ok(plan)
    }

    fn check(&self) -> Result<(), PlanError> {
        if self.steps.len() > MAX_STEPS {
            return Err(PlanError(format!(
                "{FILE}: {} steps, the limit is {MAX_STEPS}",
                self.steps.len()
            )));
        }
        let mut names = BTreeSet::new();
        for step in &self.steps {
            if let Some(name) = &step.name
                && !names.insert(&name.0)
            {
                return Err(PlanError(format!("{FILE}: two steps are called {:?}", name.0)));
            }
            if step.run.trim().is_empty() || step.run.contains('\0') {
                return Err(PlanError(format!("{FILE}: a step has nothing to run")));
            }
        }
        Ok(())
    }
}

fn limits() -> serde_saphyr::Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_reader_input_bytes: Some(MAX_BYTES),
            max_events: 20_000,
            max_nodes: 10_000,
            max_depth: 16,
            max_documents: 1,
            max_anchors: 100,
            max_aliases: 200,
            max_total_scalar_bytes: 2 * MAX_BYTES,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: 10_000,
            max_replay_stack_depth: 8,
            max_alias_expansions_per_anchor: 100,
        },
    }
}

fn explain(error: serde_saphyr::Error) -> PlanError {
    let (mut place, mut spelled) = (String::new(), String::new());
    if let Some(at) = error.location() {
        place = format!(":{}:{}", at.line(), at.column());
        spelled = format!(" at line {}, column {}", at.line(), at.column());
    }
    let options = serde_saphyr::render_options! { snippets: serde_saphyr::SnippetMode::Off };
    let text = error.render_with_options(options);
    let text: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let text = text.strip_suffix(&spelled).unwrap_or(&text);
    PlanError(format!("{FILE}{place}: {text}"))
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let usable = !text.trim().is_empty() && text.len() <= MAX_NAME;
        if !usable || text.chars().any(char::is_control) {
            return Err(D::Error::custom("expected one line of 1 to 100 bytes"));
        }
        Ok(Self(text))
    }
}

impl<'de> Deserialize<'de> for Folder {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let path = PathBuf::from(&text);
        if text.contains('\0') || !stays_below(&path) {
            return Err(D::Error::custom("expected a folder below the root of the repository"));
        }
        Ok(Self(path))
    }
}

fn stays_below(path: &Path) -> bool {
    path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
}

impl<'de> Deserialize<'de> for VariableName {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let name = String::deserialize(from)?;
        if !is_well_formed(&name) {
            return Err(D::Error::custom(
                "expected a variable name of letters, digits and underscores",
            ));
        }
        if is_reserved(&name) {
            return Err(D::Error::custom(format!("{name} is set by Shipmate and stays so")));
        }
        Ok(Self(name))
    }
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        if text.contains('\0') {
            return Err(D::Error::custom("expected text without NUL"));
        }
        Ok(Self(text))
    }
}

impl JsonSchema for Scalar {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Scalar".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": ["string", "number", "boolean"] })
    }
}

impl<'de> Deserialize<'de> for Timeout {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        read_duration(&text).map(Self).ok_or_else(|| {
            D::Error::custom("expected seconds, or a number with s, m or h, such as 90s or 10m")
        })
    }
}

fn read_duration(text: &str) -> Option<Duration> {
    let (number, unit) = match text.char_indices().last()? {
        (at, 's') => (&text[..at], 1),
        (at, 'm') => (&text[..at], 60),
        (at, 'h') => (&text[..at], 3_600),
        _ => (text, 1),
    };
    let plain = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let seconds = number.parse::<u64>().ok().filter(|_| plain)?.checked_mul(unit)?;
    // A day is beyond every build.
    (1..=86_400).contains(&seconds).then(|| Duration::from_secs(seconds))
}

impl JsonSchema for Timeout {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Timeout".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "Seconds, or a number with `s`, `m` or `h`: `90`, `90s`, `10m`, `2h`.",
            "anyOf": [
                { "type": "integer", "minimum": 1, "maximum": 86_400 },
                { "type": "string", "pattern": "^[0-9]+[smh]?$" }
            ]
        })
    }
}

impl<'de> Deserialize<'de> for Globs {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let patterns = Vec::<Pattern>::deserialize(from)?;
        if patterns.len() > MAX_GLOBS {
            return Err(D::Error::custom(format!("expected at most {MAX_GLOBS} patterns")));
        }
        let mut builder = GlobSetBuilder::new();
        patterns.into_iter().for_each(|pattern| {
            builder.add(pattern.0);
        });
        builder.build().map(Self).map_err(D::Error::custom)
    }
}

/// One pattern, judged by itself so that an error has its place.
struct Pattern(Glob);

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let text = text.strip_prefix("./").unwrap_or(&text);
        if text.is_empty() || text.len() > 1_024 || !stays_below(Path::new(text)) {
            return Err(D::Error::custom(
                "expected a pattern of paths below the root of the repository",
            ));
        }
        GlobBuilder::new(text)
            .literal_separator(true)
            .build()
            .map(Self)
            .map_err(|error| D::Error::custom(format!("expected a pattern: {}", error.kind())))
    }
}

impl JsonSchema for Globs {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Globs".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "Paths below the root: `*` and `?` stay in a folder, `**` does not.",
            "type": "array",
            "items": { "type": "string", "minLength": 1, "maxLength": 1_024 },
            "maxItems": MAX_GLOBS
        })
    }
}

impl Globs {
    pub fn matches(&self, relative: &Path) -> bool {
        self.0.is_match(relative)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The JSON Schema of the file, for editors.
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(Plan)
}

#[cfg(test)]
mod tests;
