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
