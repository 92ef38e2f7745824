//! One git process: what it may see, how long it may take, how much it may
//! say. Knows no repository and no order of steps.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

use crate::git::remote::Refused;

/// What a git process may write to stdout and to stderr, each, before it is
/// cut; we ask for no more than a commit message or a list of references.
pub(super) const MAX_OUTPUT: usize = 4 << 20;

/// Where programs are looked for; the caller's own PATH is not inherited.
pub const SEARCH_PATH: &str =
    "/opt/homebrew/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The surroundings of all git calls of one build.
#[derive(Debug, Clone)]
pub struct Git {
    /// The build's HOME; git reads its `.gitconfig` and no other.
    pub home: PathBuf,
    /// Value of `GIT_ALLOW_PROTOCOL`.
    pub protocols: &'static str,
    /// Longest time for one call.
    pub timeout: Duration,
    pub cancel: CancellationToken,
}

/// What git said before it ended well.
#[derive(Debug, Clone, Default)]
pub struct Output {
    pub stdout: Vec<u8>,
    pub stderr: String,
}

/// Why a git call gave no result.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    #[error("git cannot be started: {0}")]
    NotStarted(#[source] std::io::Error),
    /// git's own words are for the log of the build.
    #[error("git {verb} failed ({status})")]
    Failed { verb: String, status: ExitStatus, stderr: String },
    #[error("git {verb} took longer than {} s", .limit.as_secs())]
    TimedOut { verb: String, limit: Duration },
    #[error("git was stopped")]
    Cancelled,
    #[error(transparent)]
    Refused(#[from] Refused),
    #[error("{what}: {source}")]
    Io { what: &'static str, source: std::io::Error },
    /// The remote answered, but what was asked for is not there.
    #[error("{0}")]
    Missing(String),
}

impl GitError {
    /// git's own words, where it said any.
    pub fn stderr(&self) -> &str {
        match self {
            Self::Failed { stderr, .. } => stderr,
            _ => "",
        }
    }
}

impl Git {
    /// Runs `git <args>` in `dir` and waits for it.
    ///
    /// # Errors
    /// `Failed` for every exit code but 0.
    pub async fn run<S: AsRef<OsStr>>(&self, dir: &Path, args: &[S]) -> Result<Output, GitError> {
        self.run_with(dir, args, &[]).await
    }

    /// As `run`, with configuration for this one call that must not appear
    /// among the arguments or may hold any character.
    ///
    /// # Errors
    /// As `run`.
    pub async fn run_with<S: AsRef<OsStr>>(
        &self,
        dir: &Path,
        args: &[S],
        config: &[(String, String)],
    ) -> Result<Output, GitError> {
        let mut command = Command::new("git");
        command
            .args(args)
            .current_dir(dir)
            .env_clear()
            .envs(self.variables())
            .env("GIT_CONFIG_COUNT", config.len().to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        for (index, (key, value)) in config.iter().enumerate() {
            command.env(format!("GIT_CONFIG_KEY_{index}"), key);
            command.env(format!("GIT_CONFIG_VALUE_{index}"), value);
        }
        let verb = args
            .iter()
            .map(|arg| arg.as_ref().to_string_lossy())
            .find(|arg| !arg.starts_with('-'))
            .unwrap_or_default()
            .into_owned();
        self.wait(command, verb).await
    }

    /// What a git process sees; also part of every script's environment, so
    /// that git behaves there as it did in the checkout.
    fn variables(&self) -> Vec<(&'static str, std::ffi::OsString)> {
        vec![
            ("PATH", SEARCH_PATH.into()),
            ("HOME", self.home.clone().into()),
            ("LC_ALL", "C".into()),
            ("GIT_CONFIG_GLOBAL", self.home.join(".gitconfig").into()),
            ("GIT_CONFIG_NOSYSTEM", "1".into()),
            ("GIT_TERMINAL_PROMPT", "0".into()),
            ("GIT_ALLOW_PROTOCOL", self.protocols.into()),
        ]
    }

    async fn wait(&self, mut command: Command, verb: String) -> Result<Output, GitError> {
        let mut child = command.spawn().map_err(GitError::NotStarted)?;
        let group = Group::of(&child);
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let work = async {
            let (stdout, stderr) = tokio::join!(read_bounded(stdout), read_bounded(stderr));
            child.wait().await.map(|status| (status, stdout, stderr))
        };
        let ended = tokio::select! {
            ended = tokio::time::timeout(self.timeout, work) => ended,
            () = self.cancel.cancelled() => return Err(GitError::Cancelled),
        };
        let (status, stdout, stderr) = ended
            .map_err(|_| GitError::TimedOut { verb: verb.clone(), limit: self.timeout })?
            .map_err(|source| GitError::Io { what: "git was lost", source })?;
        group.forget();
        let stderr = String::from_utf8_lossy(&stderr).into_owned();
        if !status.success() {
            return Err(GitError::Failed { verb, status, stderr });
        }
        Ok(Output { stdout, stderr })
    }
}

/// Kills git and its transport helpers unless the call ended by itself.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &tokio::process::Child) -> Self {
        Self(child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw))
    }

    fn forget(mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(leader) = self.0 {
            // Fails only when the group is gone already.
            let _ = kill_process_group(leader, Signal::KILL);
        }
    }
}

/// Reads to the end, keeps the first `MAX_OUTPUT` bytes: a process that is not
/// read from would stop for ever.
async fn read_bounded(from: Option<impl AsyncRead + Unpin>) -> Vec<u8> {
    let Some(mut from) = from else { return Vec::new() };
    let mut kept = Vec::new();
    let mut buffer = [0; 8192];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        let room = MAX_OUTPUT.saturating_sub(kept.len()).min(count);
        kept.extend_from_slice(&buffer[..room]);
    }
    kept
}
