//! What a report says, whatever format it came in. Plain data: it travels
//! from the agent to the server as JSON, so names of fields are a contract.

use serde::{Deserialize, Serialize};

/// What [`crate::read_report`] found in a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Report {
    Tests(TestReport),
    Coverage(CoverageReport),
    /// Not a report we know: a picture, a log, somebody else's JSON.
    Other,
}

/// The cases of a test report in the order of the file, which is the order
/// they ran in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestReport {
    pub cases: Vec<TestCase>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestCase {
    /// Class or describe block; empty if the report names none.
    pub suite: String,
    pub name: String,
    pub outcome: Outcome,
    /// Milliseconds, rounded.
    #[serde(default)]
    pub duration_ms: Option<u64>,
    /// Why it failed or was skipped; may be cut, see
    /// [`crate::Limits::max_text`].
    #[serde(default)]
    pub message: Option<String>,
    /// Source file as the report spells it.
    #[serde(default)]
    pub file: Option<String>,
    /// Line in `file` as the report gives it. Most writers count from 1,
    /// pytest from 0.
    #[serde(default)]
    pub line: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Passed,
    Failed,
    Skipped,
}

/// Line coverage. All figures are fractions from 0 to 1: lines that ran over
/// lines that can run. Where there is no line that can run the figure is 0.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct CoverageReport {
    pub targets: Vec<TargetCoverage>,
}

/// A module or package. Its figure counts the lines of all its files, it is
/// not the mean of their figures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TargetCoverage {
    pub name: String,
    pub coverage: f64,
    pub files: Vec<FileCoverage>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FileCoverage {
    /// Last part of `path`.
    pub name: String,
    /// As in the report; absolute or relative to wherever its writer ran.
    pub path: String,
    pub coverage: f64,
    pub functions: Vec<FunctionCoverage>,
    /// Lines that can run, in order; empty where the report lists none.
    #[serde(default)]
    pub lines: Vec<LineCoverage>,
}

/// A line that can run. Travels as `[number, code]`, because a report has
/// millions: the code is how often it ran, `-1` for fully, `-2` for partly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(u32, i64)", into = "(u32, i64)")]
pub struct LineCoverage {
    pub number: u32,
    pub ran: Ran,
}

/// Whether a line ran, the better the later.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ran {
    #[default]
    No,
    /// Some of its instructions or branches. JaCoCo does not count how often.
    Partly,
    /// All of them.
    Fully,
    Times(u32),
}

impl Ran {
    /// Of a count that may have overflowed what its writer counts with.
    pub(crate) fn of_count(count: f64) -> Self {
        // Casts saturate; a fraction of a run is one.
        if count > 0.0 { Self::Times((count as u32).max(1)) } else { Self::No }
    }
}

impl From<(u32, i64)> for LineCoverage {
    fn from((number, code): (u32, i64)) -> Self {
        let ran = match code {
            0 => Ran::No,
            -1 => Ran::Fully,
            1.. => Ran::Times(u32::try_from(code).unwrap_or(u32::MAX)),
            _ => Ran::Partly,
        };
        Self { number, ran }
    }
}

impl From<LineCoverage> for (u32, i64) {
    fn from(line: LineCoverage) -> Self {
        let code = match line.ran {
            Ran::No => 0,
            Ran::Partly => -2,
            Ran::Fully => -1,
            Ran::Times(count) => i64::from(count),
        };
        (line.number, code)
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FunctionCoverage {
    pub name: String,
    pub coverage: f64,
}
