//! The answers of the API as the verbs read them (api.md 2 and 4). Tolerant:
//! unknown members are ignored and members may be missing.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer};

#[derive(Debug, Deserialize)]
pub struct App {
    #[serde(rename = "_id")]
    pub id: String,
    pub app_name: String,
    #[serde(default)]
    pub platform: String,
}

#[derive(Debug, Deserialize)]
pub struct Branch {
    pub name: String,
}

#[derive(Debug, Deserialize)]
pub struct Build {
    #[serde(rename = "_id")]
    pub id: String,
    #[serde(default)]
    pub app_id: String,
    #[serde(default)]
    pub repo_url: String,
    pub build_status: String,
    #[serde(default)]
    pub finished: bool,
    #[serde(default)]
    pub commit_info: Commit,
    pub build_number: i64,
    /// The three times are absent where the server gives none.
    #[serde(default, deserialize_with = "moment")]
    pub created_at: Option<DateTime<Utc>>,
    #[serde(default, deserialize_with = "moment")]
    pub started_at: Option<DateTime<Utc>>,
    #[serde(default, deserialize_with = "moment")]
    pub finished_at: Option<DateTime<Utc>>,
    #[serde(default)]
    pub test_summary: TestSummary,
    #[serde(default)]
    pub links: Links,
    #[serde(default)]
    pub scheme_name: String,
    /// Why a queued build has not started.
    #[serde(default)]
    pub waiting_reason: String,
}

/// An ISO 8601 timestamp or null (api.md 1.4).
fn moment<'de, D: Deserializer<'de>>(from: D) -> Result<Option<DateTime<Utc>>, D::Error> {
    let text = Option::<String>::deserialize(from)?;
    let time = text.map(|text| DateTime::parse_from_rfc3339(&text)).transpose();
    Ok(time.map_err(serde::de::Error::custom)?.map(|time| time.to_utc()))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Commit {
    pub branch: String,
    pub commit_sha: String,
    pub author: String,
    pub message: String,
}

impl Commit {
    pub fn short_sha(&self) -> &str {
        self.commit_sha.get(..7).unwrap_or(&self.commit_sha)
    }

    pub fn subject(&self) -> &str {
        self.message.lines().next().unwrap_or_default()
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct TestSummary {
    /// Absent when no tests ran.
    pub tests_count: Option<u64>,
    pub tests_passed: Option<u64>,
    pub code_coverage_percentage: Option<f64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Links {
    pub download: Vec<Link>,
    pub install: Vec<Link>,
}

#[derive(Debug, Deserialize)]
pub struct Link {
    pub name: String,
    pub url: String,
}

#[derive(Debug, Deserialize)]
pub struct Queued {
    pub build_id: String,
}

#[derive(Debug, Deserialize)]
pub struct Tests {
    pub tests: Vec<Test>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Test {
    pub run: String,
    pub target: String,
    pub suite: String,
    pub name: String,
    pub status: String,
}

#[derive(Debug, Deserialize)]
pub struct Coverage {
    pub coverage: f64,
    pub targets: Vec<Target>,
}

#[derive(Debug, Deserialize)]
pub struct Target {
    pub name: String,
    pub coverage: f64,
    #[serde(default)]
    pub files: Vec<SourceFile>,
}

#[derive(Debug, Deserialize)]
pub struct SourceFile {
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub path: String,
    pub coverage: f64,
    #[serde(default)]
    pub functions: Vec<Function>,
}

#[derive(Debug, Deserialize)]
pub struct Function {
    pub name: String,
    pub coverage: f64,
}

/// `GET /v1/builds/:id/artifacts`.
#[derive(Debug, Clone, Deserialize)]
pub struct Artifact {
    #[serde(rename = "_id")]
    pub id: String,
    pub name: String,
    /// Relative to the folder it was collected from.
    pub path: String,
    #[serde(default)]
    pub kind: String,
    pub size: u64,
    /// 64 lowercase hex.
    pub sha256: String,
    /// Absolute and signed: it is a secret for as long as it works.
    pub url: String,
    #[serde(default)]
    pub package: Option<Package>,
}

/// What a server says of an app package.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Package {
    pub name: String,
    pub version_name: String,
    pub version_code: String,
    pub signed: bool,
    pub error: Option<String>,
}

impl Package {
    /// `Shop 1.4.2 (57)`, and what is wrong with it.
    pub fn summary(&self) -> String {
        if self.error.is_some() {
            return "not readable".to_owned();
        }
        let code = match self.version_code.as_str() {
            "" => String::new(),
            code => format!("({code})"),
        };
        let unsigned = if self.signed { "" } else { "not signed" };
        let parts = [self.name.as_str(), &self.version_name, &code, unsigned];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
    }
}

/// Data of a `log` event of `GET /v1/builds/:id/logs?follow=1`.
#[derive(Debug, Deserialize)]
pub struct LogText {
    pub text: String,
    /// Byte offset of its start in the whole log.
    pub offset: u64,
}

/// Data of the `end` event.
#[derive(Debug, Deserialize)]
pub struct LogEnd {
    pub status: String,
    /// False when some of the log was lost.
    #[serde(default)]
    pub complete: bool,
}
