//! The clone phase: from the assignment's source to a workspace, with git's
//! words in the log and its credential out of it.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::time::Instant;

use crate::agent::phases::{Course, Halt, failed, seconds};
use crate::agent::report::ReportError;
use crate::git::checkout::{
    Checkout, check_out, configure_home, has_lfs, head, pull_lfs, update_submodules, wants_lfs,
};
use crate::git::command::{Git, GitError};
use crate::git::mirror::Mirrors;
use crate::git::remote::Remote;
use crate::model::build::{FailureKind, Phase};
use crate::model::log::Stream;
use crate::model::secret::Secret;
use crate::protocol::Credential;

const STEP: &str = "checkout";

impl Course<'_> {
    /// Returns the branch that was checked out, and where from.
    pub(super) async fn check_out(&self) -> Result<(String, Option<Remote>), Halt> {
        self.report.phase(Phase::Cloning);
        self.title(STEP, "Checking out your Source Code").await;
        let source = &self.assignment.source;
        let remote = match Remote::parse(&source.repo_url) {
            Ok(remote) => remote,
            Err(error) => return Err(self.git_failed(error.into()).await),
        };
        self.configure(&remote)?;
        let git = Git {
            home: self.layout.home.clone(),
            protocols: remote.allowed_protocols(),
            timeout: self.stop.deadline.saturating_duration_since(Instant::now()),
            cancel: self.stop.cancel.clone(),
        };
        let wanted = Checkout {
            remote: &remote,
            branch: &source.branch,
            commit: source.commit.as_deref(),
            workspace: &self.layout.workspace,
            mirrors: &Mirrors::new(self.cache),
        };
        self.announce(&wanted).await;
        let begin = Instant::now();
        let cloned = async {
            check_out(&git, &wanted).await?;
            head(&git, &self.layout.workspace).await
        };
        let at = match cloned.await {
            Ok(at) => at,
            Err(error) => return Err(self.git_failed(error).await),
        };
        let subject = at.message.lines().next().unwrap_or_default();
        let line =
            format!("{} {subject} ({}), after {}", at.sha, at.author, seconds(begin.elapsed()));
        self.say(STEP, &line).await;
        let branch = if at.branch.is_empty() { source.branch.clone() } else { at.branch };
        let told = self.report.commit(&branch, &at.sha, &at.author, &at.message).await;
        match told {
            Err(ReportError::Lost) => return Err(Halt::Cancelled),
            Err(error) => self.say(STEP, &format!("The commit is not recorded: {error}")).await,
            Ok(()) => {}
        }
        self.complete(&git).await?;
        Ok((branch, Some(remote)))
    }

    async fn announce(&self, wanted: &Checkout<'_>) {
        let branch = match wanted.branch {
            "" => "the default branch",
            name => name,
        };
        let commit = wanted.commit.map(|sha| format!(", commit {sha}")).unwrap_or_default();
        let line = format!("Cloning {} ({branch}{commit})", wanted.remote.url());
        self.say(STEP, &line).await;
    }

    /// Puts the credential where git finds it and the log does not.
    fn configure(&self, remote: &Remote) -> Result<(), Halt> {
        let credential = self.assignment.source.credential.as_ref();
        for shape in credential.map(shapes).unwrap_or_default() {
            self.report.mask(&shape);
        }
        let file = self.layout.credential_file();
        let with_file = credential.map(|credential| (credential, file.as_path()));
        configure_home(&self.layout.home, Some(remote), with_file).map_err(|error| {
            failed(FailureKind::AgentError, format!("git cannot be configured: {error}"))
        })
    }

    /// Submodules and large files.
    async fn complete(&self, git: &Git) -> Result<(), Halt> {
        let workspace = &self.layout.workspace;
        if workspace.join(".gitmodules").exists() {
            self.say(STEP, "Updating submodules").await;
            if let Err(error) = update_submodules(git, workspace).await {
                return Err(self.git_failed(error).await);
            }
        }
        match wants_lfs(git, workspace).await {
            Ok(false) => return Ok(()),
            Ok(true) if !has_lfs() => {
                let line = "This repository uses git LFS, which is not installed on this \
                            machine: large files are left as pointers.";
                self.say(STEP, line).await;
                return Ok(());
            }
            Ok(true) => {}
            Err(error) => return Err(self.git_failed(error).await),
        }
        self.say(STEP, "Getting large files with git LFS").await;
        match pull_lfs(git, workspace).await {
            Ok(_) => Ok(()),
            Err(error) => Err(self.git_failed(error).await),
        }
    }

    /// git's own words go to the log, its reason into the result.
    async fn git_failed(&self, error: GitError) -> Halt {
        if matches!(error, GitError::Cancelled) {
            return Halt::Cancelled;
        }
        let said = error.stderr().trim_end().to_owned();
        if !said.is_empty() {
            self.report.write(STEP, Stream::Stderr, format!("{said}\n").as_bytes()).await;
        }
        if matches!(error, GitError::TimedOut { limit, .. } if limit > Duration::ZERO) {
            let line = self.out_of_time();
            self.say(STEP, &line).await;
            return failed(FailureKind::TimedOut, line);
        }
        let reason = said
            .lines()
            .find_map(|line| line.strip_prefix("fatal: "))
            .map_or_else(|| error.to_string(), ToOwned::to_owned);
        self.say(STEP, &format!("The checkout failed: {error}")).await;
        let kind = match error {
            GitError::NotStarted(_) | GitError::Io { .. } => FailureKind::AgentError,
            _ => FailureKind::CloneFailed,
        };
        failed(kind, format!("The source code could not be checked out: {reason}"))
    }
}

/// All the forms in which a credential may appear in output.
fn shapes(credential: &Credential) -> Vec<Secret> {
    let Credential { username, password } = credential;
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let plain = password.expose();
    let basic = STANDARD.encode(format!("{username}:{plain}"));
    let mut shapes = vec![plain.to_owned(), encoded(plain), basic];
    // A token may stand in place of the name (APP-5).
    if plain.is_empty() || plain == "x-oauth-basic" {
        shapes.extend([username.clone(), encoded(username)]);
    }
    shapes.retain(|shape| !shape.is_empty() && shape != "x-oauth-basic");
    shapes.into_iter().map(Secret::new).collect()
}
