//! The order of a build (EXE-1) and what its result is (EXE-19). Each phase
//! has a title in the log; each command leaves its duration and exit code.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::agent::environment::{Environment, Stage};
use crate::agent::executor::host::{self, Ended, Program, Stop};
use crate::agent::plan::{Plan, Step};
use crate::agent::report::{Report, ReportError};
use crate::agent::run::RunResult;
use crate::agent::workspace::Layout;
use crate::agent::{collect, detect, scripts};
use crate::git::remote::Remote;
use crate::model::build::{FailureKind, Outcome, Phase};
use crate::protocol::{Assignment, Failure};

mod checkout;
mod secrets;

/// For reports and artifacts of a build that has used up its time.
const COLLECT_LATE: Duration = Duration::from_secs(60);

/// One script or step that ran.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepRecord {
    pub name: String,
    pub took: Duration,
    /// `None` when it did not end by itself with a code.
    pub exit_code: Option<i32>,
}

/// Why a build does not go on.
#[derive(Debug)]
pub(super) enum Halt {
    Failed(Failure),
    /// By a person, or because the server counts on it no longer.
    Cancelled,
}

/// A build on its way.
pub(super) struct Course<'a> {
    assignment: &'a Assignment,
    layout: &'a Layout,
    cache: &'a Path,
    report: &'a Report,
    stop: Stop,
    environment: Option<Environment>,
    plan: Plan,
    projects: Vec<PathBuf>,
    steps: Vec<StepRecord>,
}

/// A command as a phase sees it.
struct Command<'a> {
    /// Name in the log.
    name: &'a str,
    stage: Stage,
    kind: FailureKind,
    program: PathBuf,
    args: Vec<std::ffi::OsString>,
    dir: PathBuf,
    extra: BTreeMap<String, String>,
    /// Of this command alone.
    limit: Option<Duration>,
}

pub(super) fn failed(kind: FailureKind, message: impl Into<String>) -> Halt {
    Halt::Failed(Failure { kind, message: message.into() })
}

impl<'a> Course<'a> {
    pub fn new(
        assignment: &'a Assignment,
        layout: &'a Layout,
        cache: &'a Path,
        report: &'a Report,
        cancel: CancellationToken,
    ) -> Self {
        let longest = Duration::from_millis(assignment.limits.max_duration_ms);
        let now = Instant::now();
        // A limit beyond the clock's range is none.
        let deadline = now.checked_add(longest).unwrap_or(now + Duration::from_secs(86_400 * 365));
        let grace = Duration::from_millis(assignment.limits.kill_grace_ms);
        Self {
            assignment,
            layout,
            cache,
            report,
            stop: Stop { cancel, deadline, grace },
            environment: None,
            plan: Plan::default(),
            projects: Vec::new(),
            steps: Vec::new(),
        }
    }

    /// From the checkout to `finally`; `in_place`: the workspace is there.
    pub async fn run(mut self, in_place: bool) -> RunResult {
        let mut end = self.work(in_place).await;
        // Without a checkout there is nothing to collect and nobody to tell.
        if self.environment.is_some() && !matches!(end, Err(Halt::Cancelled)) {
            if let Err(late) = self.collect().await {
                end = end.and(Err(late));
            }
            match &end {
                Err(Halt::Failed(Failure { kind: FailureKind::TimedOut, .. })) => {
                    self.say("finally", "No time is left for the finally script.").await;
                }
                Err(Halt::Cancelled) => {}
                _ => self.finally().await,
            }
        }
        self.forget_secrets();
        if self.stop.cancel.is_cancelled() {
            end = Err(Halt::Cancelled);
        }
        let (outcome, failure) = match end {
            Ok(()) => (Outcome::Success, None),
            Err(Halt::Failed(failure)) => (Outcome::Failed, Some(failure)),
            Err(Halt::Cancelled) => (Outcome::Cancelled, None),
        };
        self.conclude(outcome, failure.as_ref()).await;
        RunResult { outcome, failure, steps: self.steps }
    }

    async fn work(&mut self, in_place: bool) -> Result<(), Halt> {
        self.prepare().await;
        let (branch, remote) = if in_place {
            (self.assignment.source.branch.clone(), None)
        } else {
            self.check_out().await?
        };
        self.fetch_secrets().await?;
        self.make_environment(&branch, remote.as_ref()).await;
        let mut ran = self.script(scripts::POST_CLONE, Phase::PostClone).await?;
        self.analyse().await?;
        ran |= self.script(scripts::PRE_BUILD, Phase::PreBuild).await?;
        ran |= self.build().await?;
        ran |= self.script(scripts::POST_BUILD, Phase::PostBuild).await?;
        if !ran {
            let line = "Nothing was found to run: no custom script and no steps in shipmate.yml.";
            self.say("build", line).await;
        }
        Ok(())
    }

    async fn prepare(&self) {
        let variables = self.assignment.env.iter().chain(&self.assignment.device);
        for variable in variables.filter(|variable| variable.secret) {
            self.report.mask(&variable.value);
        }
        self.title("prepare", "Preparing the Build Environment").await;
        let Assignment { number, app_name, platform, .. } = self.assignment;
        let line = format!(
            "Shipmate {}, build {number} of {app_name} ({})",
            env!("CARGO_PKG_VERSION"),
            platform.as_str()
        );
        self.say("prepare", &line).await;
    }

    async fn make_environment(&mut self, branch: &str, remote: Option<&Remote>) {
        let parsed = Remote::parse(&self.assignment.source.repo_url).ok();
        let remote = remote.or(parsed.as_ref());
        let environment = Environment::new(self.assignment, self.layout, branch, remote);
        for line in &environment.ignored {
            self.say("prepare", line).await;
        }
        self.environment = Some(environment);
    }

    async fn analyse(&mut self) -> Result<(), Halt> {
        const STEP: &str = "analyse";
        self.report.phase(Phase::Analysing);
        self.title(STEP, "Analysing the Repository").await;
        let (workspace, platform) = (self.layout.workspace.clone(), self.assignment.platform);
        let found = tokio::task::spawn_blocking(move || {
            (detect::project_folders(&workspace, platform), Plan::of_workspace(&workspace))
        });
        let (projects, plan) = found
            .await
            .map_err(|_| failed(FailureKind::AgentError, "The repository could not be analysed"))?;
        self.projects = projects;
        match plan {
            Ok(Some(plan)) => {
                self.say(STEP, &format!("shipmate.yml has {} steps.", plan.steps.len())).await;
                self.plan = plan;
            }
            Ok(None) => self.say(STEP, "There is no shipmate.yml; custom scripts decide.").await,
            Err(error) => {
                self.say(STEP, &error.to_string()).await;
                return Err(failed(FailureKind::InvalidPlan, error.to_string()));
            }
        }
        let scheme = &self.assignment.scheme;
        let unknown = !self.plan.schemes.is_empty()
            && !scheme.is_empty()
            && !self.plan.schemes.iter().any(|known| known.0 == *scheme);
        if unknown {
            let line = format!("The scheme {scheme:?} is not listed in shipmate.yml.");
            self.say(STEP, &line).await;
        }
        Ok(())
    }

    async fn build(&mut self) -> Result<bool, Halt> {
        self.report.phase(Phase::Building);
        let steps = std::mem::take(&mut self.plan.steps);
        for (index, step) in steps.iter().enumerate() {
            self.step(index, step).await?;
        }
        Ok(!steps.is_empty())
    }

    async fn step(&mut self, index: usize, step: &Step) -> Result<(), Halt> {
        let unnamed = format!("Step {}", index + 1);
        let name = step.name.as_ref().map_or(&unnamed, |name| &name.0);
        self.title(name, name).await;
        let wanted = self.layout.workspace.join(&step.working_directory.0);
        let dir = wanted
            .canonicalize()
            .ok()
            .filter(|dir| dir.is_dir() && dir.starts_with(&self.layout.workspace));
        let Some(dir) = dir else {
            let folder = step.working_directory.0.display();
            let line = format!("{name}: {folder} is not a folder of the workspace");
            self.say(name, &line).await;
            return Err(failed(FailureKind::StepFailed, line));
        };
        // A file, because an argument is limited in size and shows in `ps`.
        let file = self.layout.private.join(format!("step-{}.sh", index + 1));
        if let Err(error) = tokio::fs::write(&file, &step.run).await {
            let line = format!("{name} cannot be prepared: {error}");
            return Err(failed(FailureKind::AgentError, line));
        }
        let (program, options) = scripts::shell();
        let mut args: Vec<_> = options.iter().map(Into::into).collect();
        args.push(file.into_os_string());
        let extra = step.env.iter().map(|(name, value)| (name.0.clone(), value.0.clone()));
        let command = Command {
            name,
            stage: Stage::Build,
            kind: FailureKind::StepFailed,
            program,
            args,
            dir,
            extra: extra.collect(),
            limit: step.timeout.map(|timeout| timeout.0),
        };
        self.command(command, "bash").await
    }

    /// Runs a custom script, if there is one; says whether there was.
    async fn script(&mut self, name: &'static str, phase: Phase) -> Result<bool, Halt> {
        self.report.phase(phase);
        let (stage, projects): (_, &[PathBuf]) = match phase {
            Phase::PostClone => (Stage::PostClone, &[]),
            Phase::PreBuild => (Stage::PreBuild, &self.projects),
            Phase::PostBuild => (Stage::PostBuild, &self.projects),
            _ => (Stage::Finally, &[]),
        };
        let Some(path) = scripts::find(name, &self.layout.workspace, projects) else {
            return Ok(false);
        };
        self.title(name, &format!("Running {name}")).await;
        let script = match scripts::prepare(&path, &self.layout.workspace) {
            Ok(script) => script,
            Err(error) => {
                let line = format!("{name} cannot be started: {error}");
                self.say(name, &line).await;
                return Err(failed(FailureKind::ScriptFailed, line));
            }
        };
        let command = Command {
            name,
            stage,
            kind: FailureKind::ScriptFailed,
            program: script.program,
            args: script.args,
            dir: script.dir,
            extra: BTreeMap::new(),
            limit: None,
        };
        self.command(command, &script.interpreter).await.map(|()| true)
    }

    async fn command(&mut self, command: Command<'_>, interpreter: &str) -> Result<(), Halt> {
        let Command { name, kind, .. } = command;
        if self.stop.cancel.is_cancelled() {
            return Err(Halt::Cancelled);
        }
        let environment = self.environment.as_ref();
        let env = environment.map(|all| all.of_stage(command.stage, &command.extra));
        let record = self.layout.process_record();
        let program = Program {
            path: &command.program,
            args: command.args,
            dir: &command.dir,
            env: &env.unwrap_or_default(),
            record: &record,
        };
        let begin = Instant::now();
        let own_end = command.limit.map(|limit| begin + limit);
        let mut stop = self.stop.clone();
        stop.deadline = own_end.map_or(stop.deadline, |end| end.min(stop.deadline));
        let ended = host::execute(&program, name, self.report, &stop).await;
        let took = begin.elapsed();
        let out_of_time = stop.deadline == self.stop.deadline;
        let exit_code = match ended {
            Ok(Ended::Exited(code)) => Some(code),
            _ => None,
        };
        self.steps.push(StepRecord { name: name.to_owned(), took, exit_code });
        let line = match &ended {
            Err(error) => format!("{name} cannot be started ({interpreter}): {error}"),
            Ok(Ended::Exited(0)) => {
                let line = format!("{name} finished after {}, exit code 0", seconds(took));
                self.say(name, &line).await;
                return Ok(());
            }
            Ok(Ended::Exited(code)) => format!("{name} ended with exit code {code}"),
            Ok(Ended::Killed(signal)) => format!("{name} was killed by signal {signal}"),
            Ok(Ended::Cancelled) => format!("{name} was cancelled"),
            Ok(Ended::TimedOut) if !out_of_time => {
                format!("{name} took longer than its timeout of {}", seconds(stop.deadline - begin))
            }
            Ok(Ended::TimedOut) => self.out_of_time(),
        };
        self.say(name, &format!("{line} (after {})", seconds(took))).await;
        Err(match ended {
            Ok(Ended::Cancelled) => Halt::Cancelled,
            Ok(Ended::TimedOut) if out_of_time => failed(FailureKind::TimedOut, line),
            _ => failed(kind, line),
        })
    }

    async fn collect(&self) -> Result<(), Halt> {
        self.report.phase(Phase::Collecting);
        self.title(collect::STEP, "Collecting Test Results and Artifacts").await;
        let end = self.stop.deadline.max(Instant::now() + COLLECT_LATE);
        tokio::select! {
            collected = collect::collect(self.layout, &self.plan, self.report) => match collected {
                Err(ReportError::Lost) => Err(Halt::Cancelled),
                _ => Ok(()),
            },
            () = self.stop.cancel.cancelled() => Err(Halt::Cancelled),
            () = tokio::time::sleep_until(end) => {
                let line = self.out_of_time();
                self.say(collect::STEP, &line).await;
                Err(failed(FailureKind::TimedOut, line))
            }
        }
    }

    /// Last, success or not; its own end changes nothing (EXE-19).
    async fn finally(&mut self) {
        if let Err(Halt::Failed(_)) = self.script(scripts::FINALLY, Phase::Finally).await {
            self.say(scripts::FINALLY, "This does not change the result of the build.").await;
        }
    }

    fn out_of_time(&self) -> String {
        let longest = Duration::from_millis(self.assignment.limits.max_duration_ms);
        format!("The build took longer than {}, its maximum duration", seconds(longest))
    }

    async fn conclude(&self, outcome: Outcome, failure: Option<&Failure>) {
        let line = match (outcome, failure) {
            (Outcome::Failed, Some(failure)) => {
                format!("=== Build failed: {} ===", failure.message)
            }
            (Outcome::Cancelled, _) => "=== Build cancelled ===".to_owned(),
            _ => "=== Build succeeded ===".to_owned(),
        };
        self.say("finish", &line).await;
    }

    async fn title(&self, step: &str, text: &str) {
        self.say(step, &format!("=== {text} ===")).await;
    }

    async fn say(&self, step: &str, line: &str) {
        self.report.system(step, line).await;
    }
}

/// A duration for a person.
pub(super) fn seconds(took: Duration) -> String {
    match took.as_secs() {
        0 => format!("{} ms", took.as_millis()),
        1..60 => format!("{:.1} s", took.as_secs_f64()),
        more => format!("{} min {} s", more / 60, more % 60),
    }
}
