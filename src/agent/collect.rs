//! What a build leaves behind: test reports, coverage, artifacts. Everything
//! here was written by the build, so links, sizes, counts and contents are
//! held to limits, and what cannot be used is one line in the log (TST-8).

use std::fs;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use crate::agent::collect::files::{Found, Sweep};
use crate::agent::collect::lines::{Covered, Lines};
use crate::agent::collect::snippets::Snippets;
use crate::agent::collect::sources::Sources;
use crate::agent::plan::Plan;
use crate::agent::report::{Report, ReportError};
use crate::agent::workspace::Layout;
use crate::model::artifact::ArtifactKind;
use crate::model::ids::ArtifactId;
use crate::model::log::Stream;
use crate::model::report::{FileCoverage, FunctionCoverage, TargetCoverage, TestResult};
use crate::protocol::{
    MAX_ARTIFACT_BYTES, MAX_ARTIFACTS, MAX_JSON_BODY, MAX_TESTS_PER_BATCH, MAX_TESTS_PER_BUILD,
};

mod files;
mod lines;
pub mod packages;
mod snippets;
mod sources;

/// Step name of all lines of this room.
pub const STEP: &str = "collect";

/// Folder of custom reports in the workspace's root (TST-5).
const REPORTS: &str = "buddybuild_artifacts";

/// Report files read for one build.
const MAX_REPORTS: usize = 5_000;

/// Results in one call, in bytes of JSON; leaves room for the rest of the body.
const MAX_BATCH_BYTES: usize = MAX_JSON_BODY / 2;

/// A file that may be a report.
struct Candidate {
    file: Found,
    /// Run label of its tests (TST-3).
    run: String,
    tests: bool,
    coverage: bool,
    /// Asked for by name, so that a file of another kind is worth a line.
    by_glob: bool,
}

/// Collects everything once.
///
/// # Errors
/// `Lost` only: whatever else goes wrong is a line in the log.
pub async fn collect(layout: &Layout, plan: &Plan, report: &Report) -> Result<(), ReportError> {
    collect_reports(layout, plan, report).await?;
    collect_artifacts(layout, plan, report).await
}

async fn collect_reports(layout: &Layout, plan: &Plan, report: &Report) -> Result<(), ReportError> {
    let (workspace, plan) = (layout.workspace.clone(), plan.clone());
    let searched = tokio::task::spawn_blocking(move || find_reports(&workspace, &plan)).await;
    let (candidates, notes) = searched.unwrap_or_default();
    for note in notes {
        report.system(STEP, &note).await;
    }
    let mut stored = 0;
    let sources = Arc::new(Sources::new(&layout.workspace));
    let mut snippets = Snippets::new(sources.clone(), report.clone());
    let mut lines = Lines::new(sources, report.clone());
    for candidate in candidates {
        let path = candidate.file.path.clone();
        let name = candidate.file.relative.clone();
        let read = tokio::task::spawn_blocking(move || read_report(&path, &name)).await;
        match read.unwrap_or_else(|_| Err("the reader gave up".to_owned())) {
            Ok(formats::Report::Tests(tests)) if candidate.tests => {
                let mut results = to_results(tests, &candidate);
                (snippets, results) = blocking(snippets, results, |snippets, results| {
                    snippets.add(results);
                })
                .await?;
                send_tests(results, &candidate, &mut stored, report).await?;
            }
            Ok(formats::Report::Coverage(coverage)) if candidate.coverage => {
                for (target, files) in send_coverage(coverage, &candidate, report).await? {
                    (lines, _) = blocking(lines, files, move |lines, files| {
                        lines.add(target, std::mem::take(files));
                    })
                    .await?;
                }
            }
            Ok(found) if candidate.by_glob => {
                let what = match found {
                    formats::Report::Tests(_) => "is a test report, not coverage",
                    formats::Report::Coverage(_) => "is a coverage report, not tests",
                    formats::Report::Other => "is not a report in a known format",
                };
                report.system(STEP, &format!("{} {what}.", candidate.file.relative)).await;
            }
            Ok(_) => {}
            Err(fault) => {
                let line = format!("{} cannot be read: {fault}", candidate.file.relative);
                report.system(STEP, &line).await;
            }
        }
    }
    send_lines(lines, report).await
}

/// Works on files away from the threads that serve.
async fn blocking<A: Send + 'static, B: Send + 'static>(
    mut tool: A,
    mut thing: B,
    work: impl FnOnce(&mut A, &mut B) + Send + 'static,
) -> Result<(A, B), ReportError> {
    tokio::task::spawn_blocking(move || {
        work(&mut tool, &mut thing);
        (tool, thing)
    })
    .await
    .map_err(|error| ReportError::Io(std::io::Error::other(error)))
}

/// The lines of all covered files, in one call.
async fn send_lines(lines: Lines, report: &Report) -> Result<(), ReportError> {
    let (body, left_out) = lines.finish();
    if left_out > 0 {
        let line = format!("The lines of {left_out} covered files are left out: too much.");
        report.system(STEP, &line).await;
    }
    let Some(body) = body else { return Ok(()) };
    let sent = report.sources(body).await;
    tell(sent, "The source of covered files", report).await
}

/// Reports by folder, then by pattern; each file once.
fn find_reports(workspace: &Path, plan: &Plan) -> (Vec<Candidate>, Vec<String>) {
    let mut sweep = Sweep::new(workspace, MAX_REPORTS);
    let mut candidates = Vec::new();
    let folder = workspace.join(REPORTS);
    for file in sweep.files_below(&folder, &[]) {
        let mut parts = file.relative.split('/');
        let (first, nested) = (parts.next().unwrap_or_default(), parts.next().is_some());
        // A file beside the folders has no tab to be shown under.
        let run = if nested { first.to_owned() } else { String::new() };
        candidates.push(Candidate { file, run, tests: nested, coverage: true, by_glob: false });
    }
    if !(plan.tests.is_empty() && plan.coverage.is_empty()) {
        for file in sweep.files_below(workspace, &[&plan.tests, &plan.coverage]) {
            let relative = Path::new(&file.relative);
            if relative.starts_with(REPORTS) {
                continue;
            }
            let (tests, coverage) = (plan.tests.matches(relative), plan.coverage.matches(relative));
            let parent = relative.parent().and_then(Path::file_name);
            let run = parent.map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            candidates.push(Candidate { file, run, tests, coverage, by_glob: true });
        }
    }
    for candidate in candidates.iter_mut().filter(|candidate| !candidate.by_glob) {
        candidate.file.relative = format!("{REPORTS}/{}", candidate.file.relative);
    }
    (candidates, sweep.notes)
}

fn read_report(path: &Path, name: &str) -> Result<formats::Report, String> {
    let limits = formats::Limits::default();
    let mut bytes = Vec::new();
    // One byte more, so that the reader sees that the file is too large.
    let most = limits.max_bytes as u64 + 1;
    let file = fs::File::open(path).map_err(|error| error.to_string())?;
    file.take(most).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    formats::read_report(name, &bytes, &limits).map_err(|error| error.to_string())
}

fn to_results(tests: formats::TestReport, candidate: &Candidate) -> Vec<TestResult> {
    let stem = Path::new(&candidate.file.relative).file_stem();
    let target = stem.map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let executed = tests.cases.into_iter().filter(|case| case.outcome != formats::Outcome::Skipped);
    executed
        .map(|case| TestResult {
            run: candidate.run.clone(),
            target: target.clone(),
            suite: case.suite,
            name: case.name,
            passed: case.outcome == formats::Outcome::Passed,
            duration_ms: case.duration_ms.and_then(|ms| i64::try_from(ms).ok()),
            message: case.message,
            file: case.file,
            line: case.line.map(i64::from),
            snippet: None,
        })
        .collect()
}

async fn send_tests(
    mut results: Vec<TestResult>,
    candidate: &Candidate,
    stored: &mut usize,
    report: &Report,
) -> Result<(), ReportError> {
    let room = MAX_TESTS_PER_BUILD.saturating_sub(*stored);
    let left_out = results.len().saturating_sub(room);
    results.truncate(room);
    *stored += results.len();
    let failed = results.iter().filter(|test| !test.passed).count();
    let name = &candidate.file.relative;
    let line = format!("{name}: {} tests, {failed} failed.", results.len());
    report.system(STEP, &line).await;
    if left_out > 0 {
        let line = format!(
            "{name}: {left_out} more tests are left out; a build stores {MAX_TESTS_PER_BUILD}."
        );
        report.system(STEP, &line).await;
    }
    for batch in into_batches(results) {
        let sent = report.tests(batch).await;
        tell(sent, name, report).await?;
    }
    Ok(())
}

/// Parts that each fit into one call.
fn into_batches(results: Vec<TestResult>) -> Vec<Vec<TestResult>> {
    let mut batches = vec![Vec::new()];
    let mut bytes = 0;
    for test in results {
        // A result always serialises; 0 would only make a batch larger.
        let size = serde_json::to_vec(&test).map_or(0, |json| json.len() + 1);
        let full = batches.last().is_none_or(|batch| batch.len() >= MAX_TESTS_PER_BATCH);
        if full || (bytes > 0 && bytes + size > MAX_BATCH_BYTES) {
            batches.push(Vec::new());
            bytes = 0;
        }
        bytes += size;
        if let Some(batch) = batches.last_mut() {
            batch.push(test);
        }
    }
    batches.retain(|batch: &Vec<TestResult>| !batch.is_empty());
    batches
}

/// The answer is what is known of lines, by the target's position in the build.
async fn send_coverage(
    coverage: formats::CoverageReport,
    candidate: &Candidate,
    report: &Report,
) -> Result<Vec<(i64, Vec<Covered>)>, ReportError> {
    let mut lines = Vec::new();
    let name = &candidate.file.relative;
    report.system(STEP, &format!("{name}: coverage of {} targets.", coverage.targets.len())).await;
    for mut target in coverage.targets {
        let take =
            |file: &mut formats::FileCoverage| (file.path.clone(), std::mem::take(&mut file.lines));
        let covered = target.files.iter_mut().map(take).collect();
        let mut target = to_target(target);
        if !fits(&target) {
            target.files.iter_mut().for_each(|file| file.functions.clear());
            let line = format!("{name}: {:?} is too large; functions left out.", target.name);
            report.system(STEP, &line).await;
        }
        if !fits(&target) {
            target.files.clear();
            let line = format!("{name}: {:?} is too large; files left out.", target.name);
            report.system(STEP, &line).await;
        }
        match report.coverage(target).await {
            Ok(Some(ordinal)) => lines.push((ordinal, covered)),
            Ok(None) => {}
            Err(error) => tell(Err(error), name, report).await?,
        }
    }
    Ok(lines)
}

fn fits(target: &TargetCoverage) -> bool {
    serde_json::to_vec(target).is_ok_and(|json| json.len() <= MAX_BATCH_BYTES)
}

fn to_target(target: formats::TargetCoverage) -> TargetCoverage {
    let function = |function: formats::FunctionCoverage| FunctionCoverage {
        name: function.name,
        coverage: function.coverage,
    };
    let file = |file: formats::FileCoverage| FileCoverage {
        name: file.name,
        path: file.path,
        coverage: file.coverage,
        functions: file.functions.into_iter().map(function).collect(),
    };
    TargetCoverage {
        name: target.name,
        coverage: target.coverage,
        files: target.files.into_iter().map(file).collect(),
    }
}

async fn collect_artifacts(
    layout: &Layout,
    plan: &Plan,
    report: &Report,
) -> Result<(), ReportError> {
    let (layout, plan) = (layout.clone(), plan.clone());
    let searched = tokio::task::spawn_blocking(move || find_artifacts(&layout, &plan)).await;
    let (files, notes) = searched.unwrap_or_default();
    for note in notes {
        report.system(STEP, &note).await;
    }
    for (kind, file) in files {
        let line = format!("Storing {} ({})", file.relative, size(file.bytes));
        report.system(STEP, &line).await;
        let sent = report.artifact(kind, &file.relative, &file.path).await;
        let (id, sent) = match sent {
            Ok(id) => (id, Ok(())),
            Err(error) => (None, Err(error)),
        };
        let is_stored = sent.is_ok();
        tell(sent, &file.relative, report).await?;
        if is_stored {
            collect_package(id.as_ref(), &file, report).await?;
        }
    }
    Ok(())
}

/// Tells in the log and to the server what an app package is.
async fn collect_package(
    artifact: Option<&ArtifactId>,
    file: &Found,
    report: &Report,
) -> Result<(), ReportError> {
    let Some(read) = packages::read(&file.relative, &file.path).await else { return Ok(()) };
    report.system(STEP, &packages::describe(&file.relative, &read)).await;
    let sent = report.package(artifact, &file.relative, read).await;
    tell(sent, &file.relative, report).await
}

fn find_artifacts(layout: &Layout, plan: &Plan) -> (Vec<(ArtifactKind, Found)>, Vec<String>) {
    let mut sweep = Sweep::new(&layout.workspace, MAX_ARTIFACTS);
    let mut files = Vec::new();
    let mut add = |kind, found: Vec<Found>| files.extend(found.into_iter().map(|f| (kind, f)));
    add(ArtifactKind::Product, sweep.files_below(&layout.products, &[]));
    add(ArtifactKind::Apk, sweep.files_below(&layout.apks, &[]));
    if !plan.artifacts.is_empty() {
        add(ArtifactKind::File, sweep.files_below(&layout.workspace, &[&plan.artifacts]));
    }
    let mut notes = sweep.notes;
    files.retain(|(_, file)| {
        let fits = file.bytes <= MAX_ARTIFACT_BYTES;
        if !fits {
            let limit = size(MAX_ARTIFACT_BYTES);
            notes.push(format!("{} is left out: larger than {limit}.", file.relative));
        }
        fits
    });
    (files, notes)
}

/// A refused result is a line in the log; a lost run ends the collection.
async fn tell(
    sent: Result<(), ReportError>,
    name: &str,
    report: &Report,
) -> Result<(), ReportError> {
    match sent {
        Err(ReportError::Lost) => Err(ReportError::Lost),
        Err(error) => {
            let line = format!("{name} could not be stored: {error}\n");
            report.write(STEP, Stream::Stderr, line.as_bytes()).await;
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}

/// Bytes for a person.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 3] = ["kB", "MB", "GB"];
    if bytes < 1_000 {
        return format!("{bytes} bytes");
    }
    let mut figure = bytes as f64 / 1_000.0;
    let mut unit = 0;
    while figure >= 999.95 && unit + 1 < UNITS.len() {
        figure /= 1_000.0;
        unit += 1;
    }
    format!("{figure:.1} {}", UNITS[unit])
}

#[cfg(test)]
mod tests;
