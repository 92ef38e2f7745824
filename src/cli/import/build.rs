//! A build of an export: `buildInfo.json` (api.md 2.1), `testResult.json` (4.7)
//! and `testCoverage.json` (4.8).

use serde::Deserialize;

use super::app::read_json;
use super::item::read_time;
use super::tree::Tree;
use crate::builds::import::PastBuild;
use crate::model::app::Platform;
use crate::model::build::BuildStatus;
use crate::model::ids::{AppId, BuildId};
use crate::model::report::{FileCoverage, FunctionCoverage, TargetCoverage, TestResult};
use crate::model::time::Millis;

/// Largest `buildInfo.json`.
const MAX_INFO: usize = 1 << 20;
/// Largest list of tests or coverage.
const MAX_RESULTS: usize = 64 << 20;

/// A build, and what could not be read of it.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) past: PastBuild,
    pub(super) platform: Option<Platform>,
    pub(super) left_out: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Info {
    _id: BuildId,
    app_id: AppId,
    #[serde(default)]
    repo_url: String,
    build_status: BuildStatus,
    build_number: i64,
    created_at: String,
    started_at: Option<String>,
    finished_at: Option<String>,
    #[serde(default)]
    commit_info: CommitInfo,
    #[serde(default)]
    test_summary: TestSummary,
    #[serde(default)]
    links: Links,
    scheme_name: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct CommitInfo {
    branch: Option<String>,
    commit_sha: Option<String>,
    author: Option<String>,
    message: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct TestSummary {
    tests_count: Option<i64>,
    tests_passed: Option<i64>,
    code_coverage_percentage: Option<f64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Links {
    download: Vec<Link>,
    install: Vec<Link>,
}

#[derive(Debug, Deserialize)]
struct Link {
    url: String,
}

#[derive(Debug, Deserialize)]
struct Tests {
    #[serde(default)]
    tests: Vec<Test>,
}

#[derive(Debug, Deserialize)]
struct Test {
    #[serde(default)]
    run: String,
    #[serde(default)]
    target: String,
    #[serde(default)]
    suite: String,
    /// Two clients say that the old server's member was `test`.
    name: Option<String>,
    test: Option<String>,
    status: String,
}

#[derive(Debug, Deserialize)]
struct Coverage {
    #[serde(default)]
    targets: Vec<Target>,
}

#[derive(Debug, Deserialize)]
struct Target {
    name: String,
    coverage: f64,
    #[serde(default)]
    files: Vec<CoveredFile>,
}

#[derive(Debug, Deserialize)]
struct CoveredFile {
    name: String,
    #[serde(default)]
    path: String,
    coverage: f64,
    #[serde(default)]
    functions: Vec<CoveredFunction>,
}

#[derive(Debug, Deserialize)]
struct CoveredFunction {
    name: String,
    coverage: f64,
}

/// Reads a build's folder, or says why not. Tests and coverage that cannot be
/// read are left out.
pub(super) fn read(folder: &Tree) -> Result<Read, String> {
    let info: Info = read_json(folder, "buildInfo.json", MAX_INFO)?;
    let mut left_out = Vec::new();
    let results = read_tests(folder).unwrap_or_else(|reason| {
        left_out.push(reason);
        Vec::new()
    });
    let targets = read_coverage(folder).unwrap_or_else(|reason| {
        left_out.push(reason);
        Vec::new()
    });
    let platform = platform(&info.links);
    let past = past(info, results, targets)?;
    Ok(Read { past, platform, left_out })
}

fn past(
    info: Info,
    results: Vec<TestResult>,
    targets: Vec<TargetCoverage>,
) -> Result<PastBuild, String> {
    let created_at = read_time(&info.created_at).ok_or("created_at is no time")?;
    let time = |text: &Option<String>, name: &str| -> Result<Option<Millis>, String> {
        match text {
            None => Ok(None),
            Some(text) => read_time(text).map(Some).ok_or(format!("{name} is no time")),
        }
    };
    let started_at = time(&info.started_at, "started_at")?;
    let finished_at = time(&info.finished_at, "finished_at")?;
    // One that was cancelled in the queue has neither.
    let finished_at = finished_at.or(started_at).unwrap_or(created_at);
    let summary = info.test_summary;
    let commit = info.commit_info;
    Ok(PastBuild {
        id: info._id,
        app_id: info.app_id,
        number: info.build_number,
        status: info.build_status,
        scheme: info.scheme_name.unwrap_or_default(),
        repo_url: info.repo_url,
        branch: commit.branch.unwrap_or_default(),
        commit_sha: commit.commit_sha.unwrap_or_default(),
        commit_author: commit.author.unwrap_or_default(),
        commit_message: commit.message.unwrap_or_default(),
        created_at,
        started_at: started_at.unwrap_or(finished_at),
        finished_at,
        tests: summary.tests_count.filter(|count| *count > 0).zip(summary.tests_passed),
        coverage: summary.code_coverage_percentage.filter(|figure| *figure > 0.0),
        results,
        targets,
    })
}

/// Links say for which platform they are.
fn platform(links: &Links) -> Option<Platform> {
    links.install.iter().chain(&links.download).find_map(|link| {
        let is = |part: &str| link.url.contains(part);
        if is("/download/ios") || is("download-ipa") {
            Some(Platform::Ios)
        } else if is("/download/android") || is("download-apk") {
            Some(Platform::Android)
        } else {
            None
        }
    })
}

fn read_tests(folder: &Tree) -> Result<Vec<TestResult>, String> {
    let Some(Tests { tests }) = optional(folder, "testResult.json")? else { return Ok(Vec::new()) };
    Ok(tests
        .into_iter()
        .map(|test| TestResult {
            run: test.run,
            target: test.target,
            suite: test.suite,
            name: test.name.or(test.test).unwrap_or_default(),
            passed: test.status == "success",
            duration_ms: None,
            message: None,
            file: None,
            line: None,
            snippet: None,
        })
        .collect())
}

fn read_coverage(folder: &Tree) -> Result<Vec<TargetCoverage>, String> {
    let coverage = optional::<Coverage>(folder, "testCoverage.json")?;
    let function = |function: CoveredFunction| FunctionCoverage {
        name: function.name,
        coverage: function.coverage,
    };
    let file = |file: CoveredFile| FileCoverage {
        name: file.name,
        path: file.path,
        coverage: file.coverage,
        functions: file.functions.into_iter().map(function).collect(),
    };
    let targets = coverage.map(|coverage| coverage.targets).unwrap_or_default();
    Ok(targets
        .into_iter()
        .map(|target| TargetCoverage {
            name: target.name,
            coverage: target.coverage,
            files: target.files.into_iter().map(file).collect(),
        })
        .collect())
}

/// A file that the tool writes on request only.
fn optional<T: serde::de::DeserializeOwned>(
    folder: &Tree,
    name: &str,
) -> Result<Option<T>, String> {
    if folder.has(name) { read_json(folder, name, MAX_RESULTS).map(Some) } else { Ok(None) }
}
