//! The merge of a pull request (TRG-9): from a workspace at the tip of the
//! base to one at the merge of base and head. Shallow first; history is
//! deepened until it is certain where the two parted.

use std::collections::HashSet;
use std::path::Path;

use crate::git::checkout::{Head, describe};
use crate::git::command::{Git, GitError};
use crate::git::remote::{Remote, check_branch, check_commit};

/// Where the head of the pull request is kept in the workspace.
const HEAD: &str = "refs/shipmate/head";
/// Commits to get from either side, try by try. The last is git's infinity.
const DEPTHS: [&str; 3] = ["50", "1000", "2147483647"];
/// Conflicting files that are named.
const MAX_NAMED: usize = 20;

/// What to merge into the branch that is checked out in `workspace`.
#[derive(Debug, Clone, Copy)]
pub struct PullRequest<'a> {
    pub workspace: &'a Path,
    pub number: i64,
    pub base_branch: &'a str,
    /// Where the head is: the workspace's own remote, or a fork.
    pub head: &'a Remote,
    pub head_branch: &'a str,
    /// Instead of the tip of the head's branch.
    pub commit: Option<&'a str>,
    /// The head is a branch of the base's own repository.
    pub is_own: bool,
}

/// How the two sides went together; `branch` is empty in both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merge {
    pub base: Head,
    pub head: Head,
    pub result: Result<(), Obstacle>,
}

/// Why base and head do not merge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Obstacle {
    /// Paths, in git's order.
    Conflict(Vec<String>),
    Unrelated,
}

impl std::fmt::Display for Obstacle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let files = match self {
            Self::Unrelated => return f.write_str("head and base have no common history"),
            Self::Conflict(files) => files,
        };
        let named: Vec<String> = files.iter().take(MAX_NAMED).map(|file| printable(file)).collect();
        write!(f, "conflicts in {}", named.join(", "))?;
        match files.len().saturating_sub(MAX_NAMED) {
            0 => Ok(()),
            more => write!(f, " and {more} more files"),
        }
    }
}

/// A path as one line of a log.
fn printable(path: &str) -> String {
    path.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// Gets the head and merges it; leaves the workspace on a branch of the head's
/// name, or at a conflict.
///
/// # Errors
/// git's own; `Missing` when the head is not there any more.
pub async fn merge(git: &Git, wanted: &PullRequest<'_>) -> Result<Merge, GitError> {
    check_branch(wanted.base_branch)?;
    check_branch(wanted.head_branch)?;
    wanted.commit.map_or(Ok(()), check_commit)?;
    let base = describe(git, wanted.workspace, "HEAD").await?;
    let related = get_history(git, wanted, &base.sha).await?;
    let head = describe(git, wanted.workspace, HEAD).await?;
    if wanted.is_own {
        let tracking = format!("refs/remotes/origin/{}", wanted.head_branch);
        if wanted.head_branch != wanted.base_branch {
            git.run(wanted.workspace, &["update-ref", &tracking, HEAD]).await?;
        }
    }
    let result = if related { join(git, wanted).await? } else { Err(Obstacle::Unrelated) };
    Ok(Merge { base, head, result })
}

/// Fetches both sides until their merge base is certain; false when they have
/// none.
async fn get_history(git: &Git, wanted: &PullRequest<'_>, base: &str) -> Result<bool, GitError> {
    let mut known = false;
    for depth in DEPTHS {
        fetch_head(git, wanted, depth).await?;
        known = is_base_certain(git, wanted.workspace).await?;
        if known {
            break;
        }
        let branch = format!("refs/heads/{}", wanted.base_branch);
        // By name first: the branch may have moved on meanwhile.
        if fetch(git, wanted.workspace, "origin", depth, base).await.is_err() {
            fetch(git, wanted.workspace, "origin", depth, &branch).await?;
        }
        known = is_base_certain(git, wanted.workspace).await?;
        if known {
            break;
        }
    }
    Ok(known)
}

async fn fetch_head(git: &Git, wanted: &PullRequest<'_>, depth: &str) -> Result<(), GitError> {
    let (workspace, url) = (wanted.workspace, wanted.head.url());
    if let Some(commit) = wanted.commit {
        match fetch(git, workspace, url, depth, &format!("+{commit}:{HEAD}")).await {
            Err(GitError::Failed { .. }) => {}
            other => return other,
        }
    }
    let branch = format!("+refs/heads/{}:{HEAD}", wanted.head_branch);
    // The server gives no commits by name: the commit is somewhere below the tip.
    let depth = if wanted.commit.is_some() { DEPTHS[DEPTHS.len() - 1] } else { depth };
    match fetch(git, workspace, url, depth, &branch).await {
        Err(GitError::Failed { stderr, .. }) if stderr.contains("find remote ref") => {
            let name = wanted.head_branch;
            let text = format!("the branch \"{name}\" of the pull request is not there any more");
            return Err(GitError::Missing(text));
        }
        other => other?,
    }
    let Some(commit) = wanted.commit else { return Ok(()) };
    let contained = ["merge-base", "--is-ancestor", commit, HEAD];
    if git.run(workspace, &contained).await.is_err() {
        let text = format!("the commit {commit} of the pull request is not there any more");
        return Err(GitError::Missing(text));
    }
    git.run(workspace, &["update-ref", HEAD, commit]).await.map(drop)
}

async fn fetch(
    git: &Git,
    workspace: &Path,
    from: &str,
    depth: &str,
    refspec: &str,
) -> Result<(), GitError> {
    let depth = format!("--depth={depth}");
    let args = [
        "fetch",
        "--quiet",
        "--no-tags",
        "--no-write-fetch-head",
        "--no-recurse-submodules",
        &depth,
        "--end-of-options",
        from,
        refspec,
    ];
    let no_housekeeping = [("gc.auto".to_owned(), "0".to_owned())];
    git.run_with(workspace, &args, &no_housekeeping).await.map(drop)
}

/// True when the best common ancestors are in the workspace for sure: there is
/// one, and no commit between it and the tips hides parents that were not
/// fetched, behind which a better one might be.
async fn is_base_certain(git: &Git, workspace: &Path) -> Result<bool, GitError> {
    let bases = match git.run(workspace, &["merge-base", "--all", "HEAD", HEAD]).await {
        Ok(output) => String::from_utf8_lossy(&output.stdout).into_owned(),
        Err(GitError::Failed { status, .. }) if status.code() == Some(1) => return Ok(false),
        Err(error) => return Err(error),
    };
    let cut = tokio::fs::read_to_string(workspace.join(".git/shallow")).await.unwrap_or_default();
    if cut.is_empty() {
        return Ok(true);
    }
    let cut: HashSet<&str> = cut.lines().collect();
    let mut args = vec!["rev-list", "HEAD", HEAD, "--not"];
    args.extend(bases.lines());
    args.push("--");
    let between = git.run(workspace, &args).await?;
    Ok(!String::from_utf8_lossy(&between.stdout).lines().any(|sha| cut.contains(sha)))
}

async fn join(git: &Git, wanted: &PullRequest<'_>) -> Result<Result<(), Obstacle>, GitError> {
    let PullRequest { workspace, number, base_branch, head_branch, .. } = *wanted;
    git.run(workspace, &["checkout", "--quiet", "--no-track", "-B", head_branch, "HEAD", "--"])
        .await?;
    let identity = [
        ("user.name", "Shipmate"),
        ("user.email", "shipmate@localhost"),
        ("commit.gpgSign", "false"),
        ("gc.auto", "0"),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()));
    let message = format!("Merge pull request #{number} from {head_branch} into {base_branch}");
    let args = ["merge", "--quiet", "--no-ff", "--no-verify", "--no-edit", "-m", &message, HEAD];
    let failed = match git.run_with(workspace, &args, &identity).await {
        Ok(_) => return Ok(Ok(())),
        Err(error @ GitError::Failed { .. }) => error,
        Err(error) => return Err(error),
    };
    let unmerged = ["diff", "--name-only", "--diff-filter=U", "-z"];
    let output = git.run(workspace, &unmerged).await?;
    let text = String::from_utf8_lossy(&output.stdout);
    let files: Vec<String> =
        text.split('\0').filter(|name| !name.is_empty()).map(str::to_owned).collect();
    if files.is_empty() { Err(failed) } else { Ok(Err(Obstacle::Conflict(files))) }
}
