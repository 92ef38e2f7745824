//! Test results and coverage of a build, as stored and shown (TST-3, COV-1).

use serde::{Deserialize, Serialize};

/// One executed test. Skipped tests are not stored (TST-8).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, sqlx::FromRow)]
pub struct TestResult {
    /// Device or run label; custom reports: the artifact folder's name.
    pub run: String,
    /// Test bundle; custom reports: the report's file stem.
    pub target: String,
    pub suite: String,
    pub name: String,
    pub passed: bool,
    pub duration_ms: Option<i64>,
    pub message: Option<String>,
    pub file: Option<String>,
    pub line: Option<i64>,
    /// Where a failed test failed, with the source around it (TST-4).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snippet: Option<Snippet>,
}

/// A few lines of a file of the workspace, with secrets masked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snippet {
    /// Below the workspace.
    pub path: String,
    /// The line that failed, from 1.
    pub line: u32,
    /// Number of the first line of `text`.
    pub first: u32,
    /// The lines, with `\n` between them.
    pub text: String,
}

impl<D: sqlx::Database> sqlx::Type<D> for Snippet
where
    String: sqlx::Type<D>,
{
    fn type_info() -> D::TypeInfo {
        String::type_info()
    }

    fn compatible(ty: &D::TypeInfo) -> bool {
        String::compatible(ty)
    }
}

/// Stored as JSON.
impl<'r, D: sqlx::Database> sqlx::Decode<'r, D> for Snippet
where
    String: sqlx::Decode<'r, D>,
{
    fn decode(value: D::ValueRef<'r>) -> Result<Self, sqlx::error::BoxDynError> {
        Ok(serde_json::from_str(&String::decode(value)?)?)
    }
}

/// Coverage of one target; figures are fractions 0..1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TargetCoverage {
    pub name: String,
    pub coverage: f64,
    pub files: Vec<FileCoverage>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FileCoverage {
    pub name: String,
    pub path: String,
    pub coverage: f64,
    pub functions: Vec<FunctionCoverage>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FunctionCoverage {
    pub name: String,
    pub coverage: f64,
}

/// The plain mean of the targets' figures, not weighted by lines (api.md 4.8).
pub fn mean_coverage(figures: &[f64]) -> f64 {
    if figures.is_empty() {
        return 0.0;
    }
    figures.iter().sum::<f64>() / figures.len() as f64
}
