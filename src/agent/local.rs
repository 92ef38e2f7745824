//! `shipmate build PATH`: the same phases on a local checkout, in place, with
//! output on the terminal and no server. HOME and all other folders are of the
//! build's own and vanish after it; the checkout stays as the scripts left it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use crate::agent::collect::packages::summary;
use crate::agent::collect::size;
use crate::agent::phases::{StepRecord, seconds};
use crate::agent::report::Report;
use crate::agent::report::local::{LocalReport, LocalResults, Sink};
use crate::agent::run::{RunContext, RunResult, run_on};
use crate::agent::scripts::FINALLY;
use crate::agent::workspace::WorkDirs;
use crate::git::checkout::{Access, configure_home, head};
use crate::git::command::Git;
use crate::git::remote::Remote;
use crate::model::app::Platform;
use crate::model::build::{Outcome, Trigger};
use crate::model::ids::{AppId, BuildId};
use crate::model::report::mean_coverage;
use crate::model::time::Millis;
use crate::protocol::{Assignment, Failure, Limits, Source, Variable};

/// A day: somebody is looking on and can stop it.
const LONGEST: Duration = Duration::from_secs(86_400);
const GRACE: Duration = Duration::from_secs(10);
/// For questions to the git of the checkout.
const GIT_LIMIT: Duration = Duration::from_secs(10);
/// Failed tests that a summary names.
const MAX_LISTED: usize = 50;

/// What to build.
pub struct LocalBuild {
    /// A folder with the repository's files.
    pub path: PathBuf,
    pub scheme: String,
    pub platform: Platform,
    pub env: Vec<Variable>,
    /// Copies artifacts here; without, they are only listed.
    pub artifacts_dir: Option<PathBuf>,
    /// Stops the build, for instance at Ctrl-C.
    pub cancel: CancellationToken,
    /// Where output goes.
    pub stdout: Sink,
    pub stderr: Sink,
    /// The moment that ids are made of.
    pub now: Millis,
}

/// How a local build went.
#[derive(Debug, Clone)]
pub struct LocalSummary {
    pub outcome: Outcome,
    pub failure: Option<Failure>,
    pub took: Duration,
    pub steps: Vec<StepRecord>,
    pub results: LocalResults,
}

/// Runs the plan of a checkout.
///
/// # Errors
/// When `path` is no folder, or no folder for the build can be made.
pub async fn build(options: LocalBuild) -> std::io::Result<LocalSummary> {
    let begin = Instant::now();
    let path = options.path.canonicalize()?;
    if !path.is_dir() {
        return Err(std::io::Error::other(format!("{} is not a folder", path.display())));
    }
    let build_id = BuildId::generate(options.now);
    let place = std::env::temp_dir().join(format!("shipmate-build-{build_id}"));
    make_private(&place)?;
    let source = source_of(&path, &place).await;
    let report = Arc::new(LocalReport::new(options.stdout, options.stderr, options.artifacts_dir));
    let folder = path.file_name().map(|name| name.to_string_lossy().into_owned());
    let context = RunContext {
        assignment: Assignment {
            app_id: AppId::generate(options.now),
            build_id,
            app_name: folder.unwrap_or_default(),
            platform: options.platform,
            number: 1,
            attempt: 1,
            source,
            scheme: options.scheme,
            triggered_by: Trigger::Ui,
            env: options.env,
            device: Vec::new(),
            secure_files: Vec::new(),
            without_cache: false,
            limits: Limits {
                lease_ms: crate::protocol::DEFAULT_LEASE_MS,
                max_duration_ms: LONGEST.as_millis() as u64,
                kill_grace_ms: GRACE.as_millis() as u64,
            },
        },
        dirs: WorkDirs { root: place.join("run"), cache: place.join("mirrors"), keep: false },
        report: Report::Local(report.clone()),
        cancel: options.cancel,
    };
    let RunResult { outcome, failure, steps } = run_on(context, Some(path)).await;
    let results = report.take_results();
    // Nobody waits any more: processes and folders go before the command ends.
    crate::agent::executor::orphans::sweep(&place).await;
    crate::agent::workspace::remove(place).await;
    Ok(LocalSummary { outcome, failure, took: begin.elapsed(), steps, results })
}

fn make_private(place: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().mode(0o700).create(place)
}

/// Branch and origin of the checkout, as far as it is one.
async fn source_of(path: &Path, place: &Path) -> Source {
    let mut source = Source::default();
    let configured = || configure_home(place, place, None, Access::default());
    if !path.join(".git").exists() || configured().is_err() {
        return source;
    }
    let git = Git {
        home: place.to_owned(),
        protocols: "",
        timeout: GIT_LIMIT,
        cancel: CancellationToken::new(),
    };
    if let Ok(at) = head(&git, path).await {
        source.branch = at.branch;
        source.commit = Some(at.sha);
    }
    if let Ok(output) = git.run(path, &["remote", "get-url", "origin"]).await {
        let url = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        if Remote::parse(&url).is_ok() {
            source.repo_url = url;
        }
    }
    source
}

impl LocalSummary {
    /// 0 for success, the failed command's own code where it has one, 130 when
    /// cancelled, else 1.
    pub fn exit_code(&self) -> i32 {
        // The exit code of the finally script never counts (EXE-12).
        let counting = self.steps.iter().filter(|step| step.name != FINALLY);
        let own = || counting.rev().find_map(|step| step.exit_code.filter(|code| *code != 0));
        match self.outcome {
            Outcome::Success => 0,
            Outcome::Cancelled => 130,
            Outcome::Failed => own().unwrap_or(1),
        }
    }
}

impl std::fmt::Display for LocalSummary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "Build {} after {}", self.outcome, seconds(self.took))?;
        if let Some(failure) = &self.failure {
            writeln!(f, "  {}", failure.message)?;
        }
        for step in &self.steps {
            let code =
                step.exit_code.map_or("stopped".to_owned(), |code| format!("exit code {code}"));
            writeln!(f, "  {:<32} {:>10}  {code}", step.name, seconds(step.took))?;
        }
        self.results.fmt(f)
    }
}

impl std::fmt::Display for LocalResults {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let failed: Vec<_> = self.tests.iter().filter(|test| !test.passed).collect();
        if !self.tests.is_empty() {
            let passed = self.tests.len() - failed.len();
            writeln!(f, "Tests: {passed} passed, {} failed", failed.len())?;
        }
        for test in failed.iter().take(MAX_LISTED) {
            let message = test.message.as_deref().and_then(|text| text.lines().next());
            let message = message.map(|text| format!(": {text}")).unwrap_or_default();
            writeln!(f, "  {}/{} {}{message}", test.target, test.suite, test.name)?;
        }
        if failed.len() > MAX_LISTED {
            writeln!(f, "  and {} more", failed.len() - MAX_LISTED)?;
        }
        if !self.coverage.is_empty() {
            let figures: Vec<f64> = self.coverage.iter().map(|target| target.coverage).collect();
            writeln!(f, "Coverage: {:.1} %", mean_coverage(&figures) * 100.0)?;
        }
        if !self.artifacts.is_empty() {
            writeln!(f, "Artifacts:")?;
        }
        for artifact in &self.artifacts {
            let kept = artifact.kept.as_ref();
            let kept = kept.map(|path| format!(" -> {}", path.display())).unwrap_or_default();
            writeln!(f, "  {} ({}){kept}", artifact.path, size(artifact.bytes))?;
            if let Some(package) = &artifact.package {
                writeln!(f, "    {}", summary(package))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
