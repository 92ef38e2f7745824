//! Real repositories and real runs for the tests of this room.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::agent::report::Report;
use crate::agent::report::local::{LocalReport, LocalResults};
use crate::agent::run::{RunContext, run};
use crate::agent::workspace::WorkDirs;
use crate::model::app::Platform;
use crate::model::build::{FailureKind, Outcome, Trigger};
use crate::model::ids::{AppId, BuildId};
use crate::model::secret::Secret;
use crate::model::time::Millis;
use crate::protocol::{Assignment, Failure, Limits, Source, Variable};

pub mod remote;

/// A repository with one author, in a folder that vanishes.
pub struct Repo {
    pub dir: tempfile::TempDir,
}

impl Repo {
    pub fn new(files: &[(&str, &str)]) -> Self {
        let repo = Self { dir: tempfile::tempdir().unwrap() };
        repo.git(&["init", "--quiet", "--initial-branch=main"]);
        repo.commit("first", files);
        repo
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    pub fn url(&self) -> String {
        format!("file://{}", self.path().display())
    }

    /// Writes `files`, commits them, and returns the new commit.
    pub fn commit(&self, message: &str, files: &[(&str, &str)]) -> String {
        for (name, text) in files {
            write(&self.path().join(name), text);
        }
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message", message]);
        self.git(&["rev-parse", "HEAD"])
    }

    pub fn git(&self, args: &[&str]) -> String {
        git(self.path(), args)
    }
}

/// Writes a file and the folders above it.
pub fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

pub fn make_executable(path: &Path) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

pub fn git(dir: &Path, args: &[&str]) -> String {
    let output = Command::new("git")
        .args(["-c", "user.name=Ada Lovelace", "-c", "user.email=ada@example.com"])
        .args(["-c", "protocol.file.allow=always", "-c", "commit.gpgSign=false"])
        .args(args)
        .current_dir(dir)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "git {args:?} in {}: {said}", dir.display());
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// Where a run prints.
#[derive(Clone, Default)]
pub struct Screen(Arc<Mutex<Vec<u8>>>);

impl Screen {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }

    /// Waits until `words` are shown.
    pub async fn shows(&self, words: &str) {
        eventually(words, || self.text().contains(words)).await;
    }
}

impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Polls until `condition` holds; fails after 20 s.
pub async fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(Instant::now() < deadline, "never came true: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A machine that runs builds of one app.
pub struct Scene {
    pub work: tempfile::TempDir,
    pub assignment: Assignment,
    pub screen: Screen,
    pub cancel: CancellationToken,
    builds: i64,
}

/// How a run ended; its folder is still there.
pub struct Done {
    pub outcome: Outcome,
    pub failure: Option<Failure>,
    pub log: String,
    pub results: LocalResults,
    pub root: PathBuf,
}

impl Scene {
    pub fn new(url: &str) -> Self {
        let now = Millis(1_700_000_000_000);
        let assignment = Assignment {
            build_id: BuildId::generate(now),
            app_id: AppId::generate(now),
            app_name: "Example".to_owned(),
            platform: Platform::Ios,
            number: 7,
            attempt: 1,
            source: Source {
                repo_url: url.to_owned(),
                branch: "main".to_owned(),
                ..Source::default()
            },
            scheme: "Example - Release".to_owned(),
            triggered_by: Trigger::Api,
            env: Vec::new(),
            device: Vec::new(),
            secure_files: Vec::new(),
            without_cache: false,
            limits: Limits { max_duration_ms: 60_000, kill_grace_ms: 5_000, lease_ms: 60_000 },
        };
        Self {
            work: tempfile::tempdir().unwrap(),
            assignment,
            screen: Screen::default(),
            cancel: CancellationToken::new(),
            builds: 0,
        }
    }

    /// A repository with `files` on `main`, built by this machine.
    pub fn of(files: &[(&str, &str)]) -> (Repo, Self) {
        let repo = Repo::new(files);
        let scene = Self::new(&repo.url());
        (repo, scene)
    }

    pub fn variable(&mut self, name: &str, value: &str, secret: bool) {
        let value = Secret::new(value);
        self.assignment.env.push(Variable { name: name.to_owned(), value, secret });
    }

    /// Runs a build to its end. Its folder stays, so that a test can look.
    pub async fn run(&mut self) -> Done {
        self.builds += 1;
        self.assignment.attempt = self.builds;
        let mut dirs = WorkDirs::of_run(self.work.path(), &self.assignment.build_id, self.builds);
        dirs.keep = true;
        let root = dirs.root.clone();
        let screen = Box::new(self.screen.clone());
        let local = Arc::new(LocalReport::new(screen.clone(), screen, None));
        let context = RunContext {
            assignment: self.assignment.clone(),
            dirs,
            report: Report::Local(local.clone()),
            cancel: self.cancel.clone(),
        };
        let (outcome, failure) = run(context).await;
        Done { outcome, failure, log: self.screen.text(), results: local.take_results(), root }
    }
}

impl Done {
    #[track_caller]
    pub fn succeeded(self) -> Self {
        assert_eq!(self.outcome, Outcome::Success, "{}", self.log);
        assert_eq!(self.failure, None);
        self
    }

    #[track_caller]
    pub fn failed(self, kind: FailureKind, words: &str) -> Self {
        assert_eq!(self.outcome, Outcome::Failed, "{}", self.log);
        let failure = self.failure.as_ref().unwrap();
        assert_eq!(failure.kind, kind, "{}", self.log);
        assert!(failure.message.contains(words), "{words:?} is not in {:?}", failure.message);
        self
    }

    pub fn workspace(&self) -> PathBuf {
        self.root.join("sandbox/workspace")
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.workspace().join(name))
            .unwrap_or_else(|error| panic!("{name}: {error}\n{}", self.log))
    }

    /// `name=value` lines of a file that a script wrote with `env`.
    pub fn variables(&self, name: &str) -> BTreeMap<String, String> {
        let text = self.read(name);
        let pairs = text.lines().filter_map(|line| line.split_once('='));
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    #[track_caller]
    pub fn shows(&self, words: &str) {
        assert!(self.log.contains(words), "{words:?} is not in:\n{}", self.log);
    }
}
