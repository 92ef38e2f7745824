//! What the server wants to know of a commit without a checkout: its message,
//! and which files differ from where it came from. Fetches commits and trees,
//! no file contents where the remote can leave them out, into a folder that is
//! gone afterwards.

use std::path::Path;
use std::time::Duration;

use crate::git::checkout::Access;
use crate::git::command::{Git, GitError, MAX_OUTPUT};
use crate::git::refs::{ServerGit, server_git};
use crate::git::remote::{Remote, check_branch, check_commit};
use crate::model::git_event::{MAX_FILES, MAX_MESSAGE};

/// For one call of git; a look makes at most six that use the network.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Commits to get from either side until they meet, try by try.
const DEPTHS: [&str; 2] = ["--depth=100", "--depth=2000"];

const HEAD: &str = "refs/look/head";
const BASE: &str = "refs/look/base";

/// Where a commit is.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    pub remote: &'a Remote,
    pub access: Access<'a>,
}

/// What the changed files are counted from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since<'a> {
    /// This commit.
    Commit(&'a str),
    /// Where the history parted from a branch of the base.
    Branch(&'a str),
}

/// What was found out; `None` where it was not asked for or is not known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    pub message: Option<String>,
    pub files: Option<Vec<String>>,
}

/// Looks at the commit `sha` of `head`, in the folder `dir`, which is made and
/// deleted. `since` is of `base`, the app's own repository.
///
/// # Errors
/// When not even the commit can be had.
pub async fn look(
    dir: &Path,
    head: Place<'_>,
    sha: &str,
    base: Place<'_>,
    since: Option<Since<'_>>,
) -> Result<Seen, GitError> {
    let io = |source| GitError::Io { what: "a folder for git", source };
    check_commit(sha)?;
    tokio::fs::create_dir_all(dir).await.map_err(io)?;
    let folder = Folder(dir);
    let ServerGit { git, config, .. } = server_git(head.remote, Access::default(), TIMEOUT)?;
    git.run_with(dir, &["init", "--quiet", "--bare"], &config).await?;
    fetch(dir, head, sha, HEAD, "--depth=1").await?;
    let shown = git.run_with(dir, &["log", "-1", "--format=%B", HEAD, "--"], &config).await?;
    let text = String::from_utf8_lossy(&shown.stdout);
    let mut seen = Seen {
        message: Some(text[..text.floor_char_boundary(MAX_MESSAGE)].to_owned()),
        files: None,
    };
    if let Some(since) = since {
        seen.files = changed(dir, head, sha, base, since).await.unwrap_or_else(|error| {
            tracing::info!(%error, "the changed files are not known");
            None
        });
    }
    drop(folder);
    Ok(seen)
}

/// The paths of all files of a branch, from the root; without a branch of what
/// the remote's HEAD points at. More than can be read are cut off. `dir` is
/// made and deleted.
///
/// # Errors
/// When the branch cannot be had.
pub async fn paths(
    dir: &Path,
    place: Place<'_>,
    branch: Option<&str>,
) -> Result<Vec<String>, GitError> {
    let io = |source| GitError::Io { what: "a folder for git", source };
    tokio::fs::create_dir_all(dir).await.map_err(io)?;
    let folder = Folder(dir);
    let what = match branch {
        None => "HEAD".to_owned(),
        Some(branch) => {
            check_branch(branch)?;
            format!("refs/heads/{branch}")
        }
    };
    let ServerGit { git, config, .. } = server_git(place.remote, Access::default(), TIMEOUT)?;
    git.run_with(dir, &["init", "--quiet", "--bare"], &config).await?;
    fetch(dir, place, &what, HEAD, "--depth=1").await?;
    let args = ["ls-tree", "-r", "-z", "--name-only", HEAD];
    let output = git.run_with(dir, &args, &config).await?;
    let mut names: Vec<_> = output.stdout.split(|byte| *byte == 0).collect();
    if output.stdout.len() >= MAX_OUTPUT {
        names.pop();
    }
    drop(folder);
    let names = names.into_iter().filter(|name| !name.is_empty());
    Ok(names.map(|name| String::from_utf8_lossy(name).into_owned()).collect())
}

/// Deletes the folder, whatever happened.
struct Folder<'a>(&'a Path);

impl Drop for Folder<'_> {
    fn drop(&mut self) {
        // What is left is deleted by whoever clears the folder above.
        let _ = std::fs::remove_dir_all(self.0);
    }
}

async fn changed(
    dir: &Path,
    head: Place<'_>,
    sha: &str,
    base: Place<'_>,
    since: Since<'_>,
) -> Result<Option<Vec<String>>, GitError> {
    let ServerGit { git, config, .. } = server_git(base.remote, Access::default(), TIMEOUT)?;
    match since {
        Since::Commit(old) => {
            check_commit(old)?;
            fetch(dir, base, old, BASE, "--depth=1").await?;
            differing(&git, dir, BASE, &config).await
        }
        Since::Branch(branch) => {
            check_branch(branch)?;
            for depth in DEPTHS {
                fetch(dir, head, sha, HEAD, depth).await?;
                fetch(dir, base, &format!("refs/heads/{branch}"), BASE, depth).await?;
                let parted = git.run_with(dir, &["merge-base", HEAD, BASE], &config).await;
                if let Ok(output) = parted {
                    let parted = String::from_utf8_lossy(&output.stdout).trim().to_owned();
                    return differing(&git, dir, &parted, &config).await;
                }
            }
            Ok(None)
        }
    }
}

async fn fetch(
    dir: &Path,
    place: Place<'_>,
    what: &str,
    name: &str,
    depth: &str,
) -> Result<(), GitError> {
    let server = server_git(place.remote, place.access, TIMEOUT)?;
    let refspec = format!("+{what}:{name}");
    let args = [
        "-c",
        "gc.auto=0",
        "-c",
        "maintenance.auto=false",
        "fetch",
        "--quiet",
        "--no-tags",
        "--no-recurse-submodules",
        "--no-write-fetch-head",
        "--filter=blob:none",
        depth,
        "--end-of-options",
        place.remote.url(),
        &refspec,
    ];
    server.git.run_with(dir, &args, &server.config).await.map(drop)
}

/// Files that differ between `from` and the head, by trees alone. `None` if
/// there are too many to read.
async fn differing(
    git: &Git,
    dir: &Path,
    from: &str,
    config: &[(String, String)],
) -> Result<Option<Vec<String>>, GitError> {
    let args = ["diff-tree", "-r", "-z", "--name-only", "--no-renames", from, HEAD, "--"];
    let output = git.run_with(dir, &args, config).await?;
    if output.stdout.len() >= MAX_OUTPUT {
        return Ok(None);
    }
    let names = output.stdout.split(|byte| *byte == 0).filter(|name| !name.is_empty());
    let files: Vec<_> =
        names.take(MAX_FILES + 1).map(|name| String::from_utf8_lossy(name).into_owned()).collect();
    Ok((files.len() <= MAX_FILES).then_some(files))
}
