//! The clone phase: from the assignment's source to a workspace, with git's
//! words in the log and its credential out of it.

use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::time::Instant;

use crate::agent::phases::{Course, Halt, failed, seconds};
use crate::agent::report::ReportError;
use crate::agent::workspace::Layout;
use crate::git::checkout::{
    Access, Checkout, Head, Wanted, check_out, configure_home, disarm_home, forget_access, has_lfs,
    head, pull_lfs, update_submodules, wants_lfs,
};
use crate::git::command::{Git, GitError};
use crate::git::merge::{Merge, PullRequest, merge};
use crate::git::mirror::Mirrors;
use crate::git::remote::Remote;
use crate::git::ssh;
use crate::model::build::{FailureKind, Phase};
use crate::model::log::Stream;
use crate::model::origin::{Base, MergeStatus};
use crate::model::secret::Secret;
use crate::protocol::{Credential, MAX_NOTES_BYTES, PullSource, Source};

const STEP: &str = "checkout";
/// What testers read, if the repository's root has it (DEP-8).
const NOTES: &str = "buddybuild_release_notes.txt";

impl Course<'_> {
    /// Returns the branch as scripts know it (see `shown_branch`), and where
    /// it was checked out from.
    pub(super) async fn check_out(&self) -> Result<(String, Option<Remote>), Halt> {
        self.report.phase(Phase::Cloning);
        self.title(STEP, "Checking out your Source Code").await;
        let source = &self.assignment.source;
        let remote = match Remote::parse(&source.repo_url) {
            Ok(remote) => remote,
            Err(error) => return Err(self.git_failed(error.into()).await),
        };
        if remote.ssh_host().is_some() && !ssh::is_installed() {
            return Err(self.git_failed(GitError::Missing(ssh::MISSING.to_owned())).await);
        }
        self.configure(&remote)?;
        let git = Git {
            home: self.layout.home.clone(),
            protocols: remote.allowed_protocols(),
            timeout: self.stop.deadline.saturating_duration_since(Instant::now()),
            cancel: self.stop.cancel.clone(),
        };
        let wanted = Checkout {
            remote: &remote,
            wanted: wanted_of(source),
            // That of a pull request is its head's.
            commit: source.commit.as_deref().filter(|_| source.pull_request.is_none()),
            workspace: &self.layout.workspace,
            mirrors: &Mirrors::new(self.cache),
        };
        let (branch, pull) = self.get(&git, &wanted).await?;
        if pull.is_some_and(|pull| pull.head_url.is_some() && !pull.trusted) {
            // From here on the fork's own files decide what git reaches.
            self.disarm(&remote).await?;
        }
        self.complete(&git).await?;
        if source.for_checkout_only {
            self.withdraw(&remote).await?;
        }
        Ok((branch, Some(remote)))
    }

    /// Clones, merges where there is something to merge, and reports both.
    async fn get(
        &self,
        git: &Git,
        wanted: &Checkout<'_>,
    ) -> Result<(String, Option<&PullSource>), Halt> {
        let source = &self.assignment.source;
        let pull = source.pull_request.as_ref();
        self.announce(wanted).await;
        let begin = Instant::now();
        let cloned = async {
            if self.assignment.without_cache {
                wanted.mirrors.forget(git, wanted.remote).await?;
            }
            check_out(git, wanted).await?;
            head(git, wanted.workspace).await
        };
        let at = match cloned.await {
            Ok(at) => at,
            Err(error) => return Err(self.git_failed(about_base(error, pull)).await),
        };
        let Some(pull) = pull else {
            let branch = shown_branch(source, &at.branch);
            self.found(&Head { branch: branch.clone(), ..at }, None, begin).await?;
            return Ok((branch, None));
        };
        self.say(STEP, &format!("Base: {}", line_of(&at))).await;
        let merged = match self.merge(git, wanted, pull).await {
            Ok(merged) => merged,
            Err(error) => return Err(self.git_failed(error).await),
        };
        let branch = shown_branch(source, &source.branch);
        let merge_status = match merged.result {
            Ok(()) => MergeStatus::Mergeable,
            Err(_) => MergeStatus::Conflicting,
        };
        let Head { sha, author, message, .. } = merged.base;
        let base = Base { branch: pull.base_branch.clone(), sha, author, message, merge_status };
        self.found(&Head { branch: branch.clone(), ..merged.head }, Some(base), begin).await?;
        if let Err(obstacle) = merged.result {
            let base = &pull.base_branch;
            let line = format!("The pull request cannot be merged into {base}: {obstacle}");
            self.say(STEP, &line).await;
            return Err(failed(FailureKind::MergeConflict, line));
        }
        Ok((branch, Some(pull)))
    }

    async fn merge(
        &self,
        git: &Git,
        wanted: &Checkout<'_>,
        pull: &PullSource,
    ) -> Result<Merge, GitError> {
        let source = &self.assignment.source;
        let fork = pull.head_url.as_deref().map(Remote::parse).transpose()?;
        let from = fork.as_ref().map(|fork| format!(" of {}", fork.url())).unwrap_or_default();
        let line = format!("Merging {}{from} into {}", source.branch, pull.base_branch);
        self.say(STEP, &line).await;
        let request = PullRequest {
            workspace: wanted.workspace,
            number: pull.number,
            base_branch: &pull.base_branch,
            head: fork.as_ref().unwrap_or(wanted.remote),
            head_branch: &source.branch,
            commit: source.commit.as_deref(),
            is_own: fork.is_none(),
        };
        merge(git, &request).await
    }

    /// Tells log and server what will be built.
    async fn found(&self, head: &Head, base: Option<Base>, begin: Instant) -> Result<(), Halt> {
        let line = format!("{}, after {}", line_of(head), seconds(begin.elapsed()));
        self.say(STEP, &line).await;
        let notes = release_notes(&self.layout.workspace);
        match self.report.commit(head, base, notes).await {
            Err(ReportError::Lost) => return Err(Halt::Cancelled),
            Err(error) => self.say(STEP, &format!("The commit is not recorded: {error}")).await,
            Ok(()) => {}
        }
        Ok(())
    }

    async fn announce(&self, wanted: &Checkout<'_>) {
        let name = match wanted.wanted {
            Wanted::Branch("") => "the default branch".to_owned(),
            Wanted::Branch(name) => name.to_owned(),
            Wanted::Tag(name) => format!("tag {name}"),
        };
        let commit = wanted.commit.map(|sha| format!(", commit {sha}")).unwrap_or_default();
        let cache = if self.assignment.without_cache { ", without cache" } else { "" };
        let line = format!("Cloning {} ({name}{commit}{cache})", wanted.remote.url());
        self.say(STEP, &line).await;
    }

    /// Puts what opens the remote where git finds it and the log does not.
    fn configure(&self, remote: &Remote) -> Result<(), Halt> {
        let Source { credential, ssh, .. } = &self.assignment.source;
        for shape in credential.as_ref().map(shapes).unwrap_or_default() {
            self.report.mask(&shape);
        }
        if let Some(identity) = ssh {
            self.report.mask(&identity.private_key);
        }
        let access = Access { credential: credential.as_ref(), ssh: ssh.as_ref() };
        let Layout { home, private, .. } = self.layout;
        configure_home(home, private, Some(remote), access).map_err(not_configured)
    }

    /// Takes back a credential that the repository's scripts must not have.
    async fn withdraw(&self, remote: &Remote) -> Result<(), Halt> {
        let Source { credential, ssh, pull_request, .. } = &self.assignment.source;
        let is_disarmed =
            pull_request.as_ref().is_some_and(|pull| pull.head_url.is_some() && !pull.trusted);
        if credential.is_none() || is_disarmed {
            return Ok(());
        }
        let line = "The organisation’s account was for the checkout: scripts run without it.";
        self.say(STEP, line).await;
        let Layout { home, private, .. } = self.layout;
        forget_access(private);
        let access = Access { credential: None, ssh: ssh.as_ref() };
        configure_home(home, private, Some(remote), access).map_err(not_configured)
    }

    async fn disarm(&self, remote: &Remote) -> Result<(), Halt> {
        let line = "This fork is not trusted: its scripts run without variables, secure files \
                    and the access to the repository.";
        self.say(STEP, line).await;
        let Layout { home, private, .. } = self.layout;
        disarm_home(home, private, Some(remote)).map_err(not_configured)
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
        let reason = ssh_advice(&said).map(ToOwned::to_owned).unwrap_or_else(|| {
            let fatal = said.lines().find_map(|line| line.strip_prefix("fatal: "));
            fatal.map_or_else(|| error.to_string(), ToOwned::to_owned)
        });
        let line = match ssh_advice(&said) {
            Some(advice) => format!("The checkout failed: {advice}"),
            None => format!("The checkout failed: {error}"),
        };
        self.say(STEP, &line).await;
        let kind = match error {
            GitError::NotStarted(_) | GitError::Io { .. } => FailureKind::AgentError,
            _ => FailureKind::CloneFailed,
        };
        failed(kind, format!("The source code could not be checked out: {reason}"))
    }
}

/// What to do about ssh's own words.
fn ssh_advice(said: &str) -> Option<&'static str> {
    if said.contains("IDENTIFICATION HAS CHANGED") {
        return Some(
            "the SSH host shows another key than the one that is known. Compare it with the \
             host's own; if it was really replaced, enter the new one among the SSH hosts of the \
             organisation (PUT /v1/organisations/:id/ssh-hosts/HOST, see docs/secrets.md)",
        );
    }
    if said.contains("Host key verification failed") {
        return Some(
            "no key of the SSH host is known. Enter it among the SSH hosts of the organisation \
             (PUT /v1/organisations/:id/ssh-hosts/HOST, see docs/secrets.md)",
        );
    }
    said.contains("Permission denied (publickey").then_some(
        "the SSH host does not take the key of the organisation. Add its public half \
         (GET /v1/organisations/:id/ssh-key, see docs/secrets.md) to the repository",
    )
}

fn not_configured(error: std::io::Error) -> Halt {
    failed(FailureKind::AgentError, format!("git cannot be configured: {error}"))
}

/// What is cloned: the base of a pull request, a tag, or a branch.
fn wanted_of(source: &Source) -> Wanted<'_> {
    match (&source.pull_request, &source.tag) {
        (Some(pull), _) => Wanted::Branch(&pull.base_branch),
        (None, Some(tag)) => Wanted::Tag(tag),
        (None, None) => Wanted::Branch(&source.branch),
    }
}

/// The value of `BUDDYBUILD_BRANCH`, which the API shows as well: neither a
/// tag nor a fork's branch may pass for a branch of the repository in a script
/// that deploys what is on `master`.
fn shown_branch(source: &Source, checked_out: &str) -> String {
    let Source { branch, tag, pull_request, .. } = source;
    match (pull_request, tag) {
        (Some(PullSource { head_url: Some(url), fork, .. }), _) => {
            let slug = || Remote::parse(url).map(|remote| remote.slug()).unwrap_or_default();
            format!("{}:{branch}", fork.clone().unwrap_or_else(slug))
        }
        (None, Some(tag)) => format!("tag:{tag}"),
        _ if checked_out.is_empty() => branch.clone(),
        _ => checked_out.to_owned(),
    }
}

/// A base that is gone is told as such.
fn about_base(error: GitError, pull: Option<&PullSource>) -> GitError {
    let Some(pull) = pull else { return error };
    let words = ["find remote ref", "Remote branch", "is not a branch"];
    let text = format!("{error} {}", error.stderr());
    if words.iter().any(|words| text.contains(words)) {
        let base = &pull.base_branch;
        return GitError::Missing(format!(
            "the branch \"{base}\", the base of the pull request, is not there any more"
        ));
    }
    error
}

fn line_of(at: &Head) -> String {
    let subject = at.message.lines().next().unwrap_or_default();
    format!("{} {subject} ({})", at.sha, at.author)
}

/// All the forms in which a credential may appear in output.
fn shapes(credential: &Credential) -> Vec<Secret> {
    let Credential { username, password } = credential;
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let (username, plain) = (username.expose(), password.expose());
    let basic = STANDARD.encode(format!("{username}:{plain}"));
    let mut shapes = vec![plain.to_owned(), encoded(plain), basic];
    // A token may stand in place of the name (APP-5).
    if plain.is_empty() || plain == "x-oauth-basic" {
        shapes.extend([username.to_owned(), encoded(username)]);
    }
    shapes.retain(|shape| !shape.is_empty() && shape != "x-oauth-basic");
    shapes.into_iter().map(Secret::new).collect()
}

/// The release notes of a checkout, cut to what a report carries. Only a plain
/// file counts: a link could lead out of the repository.
fn release_notes(workspace: &Path) -> Option<String> {
    let path = workspace.join(NOTES);
    if !std::fs::symlink_metadata(&path).ok()?.is_file() {
        return None;
    }
    let mut bytes = Vec::new();
    let file = std::fs::File::open(&path).ok()?;
    file.take(MAX_NOTES_BYTES as u64).read_to_end(&mut bytes).ok()?;
    let mut text = String::from_utf8_lossy(&bytes).replace('\0', "");
    // A character that was cut in two has become three bytes.
    text.truncate(text.floor_char_boundary(MAX_NOTES_BYTES));
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}
