//! From a URL and a branch to a workspace at the branch's tip: an ordinary
//! shallow clone whose `origin` is the real remote, so that `git fetch` works
//! in scripts (EXE-5). Credentials live in one file outside of the workspace.

use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::git::command::{Git, GitError, Output};
use crate::git::mirror::Mirrors;
use crate::git::remote::{Remote, check_branch, check_commit};
use crate::protocol::Credential;

/// Longest commit message that is passed on, in bytes.
const MAX_MESSAGE: usize = 64 * 1024;

/// What to check out, and where.
#[derive(Debug, Clone)]
pub struct Checkout<'a> {
    pub remote: &'a Remote,
    /// Empty = the remote's default branch.
    pub branch: &'a str,
    /// Instead of the branch's tip.
    pub commit: Option<&'a str>,
    /// Must not exist yet, or be empty.
    pub workspace: &'a Path,
    pub mirrors: &'a Mirrors,
}

/// Where the workspace is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Empty when no branch is checked out.
    pub branch: String,
    /// 40 (or 64) lowercase hex.
    pub sha: String,
    /// Display name.
    pub author: String,
    pub message: String,
}

/// Writes the `.gitconfig` of the build's HOME; `credential` goes to
/// `credential_file`, readable by this user alone.
///
/// # Errors
/// When one of the files cannot be written.
pub fn configure_home(
    home: &Path,
    remote: Option<&Remote>,
    credential: Option<(&Credential, &Path)>,
) -> std::io::Result<()> {
    // ssh would ask on the terminal of whoever started the agent.
    let mut config = String::from("[core]\n\tsshCommand = ssh -o BatchMode=yes\n");
    config.push_str("[advice]\n\tdetachedHead = false\n[init]\n\tdefaultBranch = main\n");
    if remote.is_some_and(Remote::is_local) {
        // The repository may belong to another user of this machine, and its
        // submodules may be folders as well.
        config.push_str("[safe]\n\tdirectory = *\n[protocol \"file\"]\n\tallow = always\n");
    }
    if let (Some((credential, file)), Some((scheme, host))) =
        (credential, remote.and_then(Remote::http_host))
    {
        let encode = |text| utf8_percent_encode(text, NON_ALPHANUMERIC);
        let (user, password) = (encode(&credential.username), encode(credential.password.expose()));
        write_private(file, &format!("{scheme}://{user}:{password}@{host}\n"))?;
        // git hands this value to a shell.
        let quoted = file.display().to_string().replace('\'', r"'\''");
        let value = format!("store --file='{quoted}'").replace('\\', r"\\").replace('"', "\\\"");
        config.push_str(&format!("[credential]\n\thelper = \"{value}\"\n"));
    }
    std::fs::write(home.join(".gitconfig"), config)
}

fn write_private(file: &Path, text: &str) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.open(file)?.write_all(text.as_bytes())
}

/// Clones into the workspace. One git process for a local remote; a network
/// remote is fetched into its mirror first and cloned from there.
///
/// # Errors
/// git's own; `Refused` for names that are not given to git.
pub async fn check_out(git: &Git, wanted: &Checkout<'_>) -> Result<(), GitError> {
    if !wanted.branch.is_empty() {
        check_branch(wanted.branch)?;
    }
    wanted.commit.map_or(Ok(()), check_commit)?;
    if wanted.remote.is_local() {
        clone(git, wanted, wanted.branch, None).await?;
    } else {
        clone_through_mirror(git, wanted).await?;
    }
    if let Some(commit) = wanted.commit {
        return move_to_commit(git, wanted.workspace, commit).await;
    }
    // `--branch` also accepts a tag, which the same word in a push would not.
    if current_branch(wanted.workspace).is_none() {
        let text = format!("\"{}\" is not a branch of the repository", wanted.branch);
        return Err(GitError::Missing(text));
    }
    Ok(())
}

async fn clone_through_mirror(git: &Git, wanted: &Checkout<'_>) -> Result<(), GitError> {
    let default;
    let branch = if wanted.branch.is_empty() {
        default = default_branch(git, wanted.remote).await?;
        &default
    } else {
        wanted.branch
    };
    let fresh = wanted.mirrors.refresh(git, wanted.remote, branch).await?;
    match clone(git, wanted, branch, Some(&fresh.path)).await {
        Err(GitError::Failed { .. }) => {}
        other => return other,
    }
    // The fetch worked, so the mirror itself must be damaged.
    wanted.mirrors.discard(fresh).await?;
    let fresh = wanted.mirrors.refresh(git, wanted.remote, branch).await?;
    clone(git, wanted, branch, Some(&fresh.path)).await
}

async fn clone(
    git: &Git,
    wanted: &Checkout<'_>,
    branch: &str,
    mirror: Option<&Path>,
) -> Result<(), GitError> {
    let branch_option = format!("--branch={branch}");
    let mut args: Vec<&OsStr> =
        ["clone", "--quiet", "--depth=1", "--no-local"].iter().map(OsStr::new).collect();
    if !branch.is_empty() {
        args.push(OsStr::new(&branch_option));
    }
    args.extend([OsStr::new("--"), OsStr::new(wanted.remote.url()), wanted.workspace.as_os_str()]);
    // The clone reads the mirror but writes down the real URL.
    let mut config = Vec::new();
    let mut git = git.clone();
    if let Some(mirror) = mirror {
        let key = format!("url.{}.insteadOf", mirror.display());
        config.push((key, wanted.remote.url().to_owned()));
        git.protocols = "file";
    }
    let parent = wanted.workspace.parent().unwrap_or(wanted.workspace);
    git.run_with(parent, &args, &config).await.map(drop)
}

/// Asks the remote which branch its HEAD is.
async fn default_branch(git: &Git, remote: &Remote) -> Result<String, GitError> {
    let args = ["ls-remote", "--symref", "--end-of-options", remote.url(), "HEAD"];
    let output = git.run(&git.home, &args).await?;
    let text = String::from_utf8_lossy(&output.stdout);
    let name = text.lines().find_map(|line| {
        line.strip_prefix("ref: refs/heads/")?.split_once('\t').map(|(name, _)| name.to_owned())
    });
    let name =
        name.ok_or_else(|| GitError::Missing("the repository names no default branch".to_owned()))?;
    check_branch(&name)?;
    Ok(name)
}

/// Gets one commit although only the tip was cloned.
async fn move_to_commit(git: &Git, workspace: &Path, commit: &str) -> Result<(), GitError> {
    let by_name = ["fetch", "--quiet", "--depth=1", "--end-of-options", "origin", commit];
    if let Err(error) = git.run(workspace, &by_name).await {
        if !matches!(error, GitError::Failed { .. }) {
            return Err(error);
        }
        // The server gives no commits by name: get the branch's whole history.
        git.run(workspace, &["fetch", "--quiet", "--unshallow", "origin"]).await?;
    }
    let args: Vec<String> = match current_branch(workspace) {
        Some(branch) => ["checkout", "--quiet", "-B", &branch, commit, "--"].map(Into::into).into(),
        None => ["checkout", "--quiet", "--detach", commit, "--"].map(Into::into).into(),
    };
    git.run(workspace, &args).await.map(drop)
}

/// The branch that is checked out, without asking git.
fn current_branch(workspace: &Path) -> Option<String> {
    let head = std::fs::read_to_string(workspace.join(".git/HEAD")).ok()?;
    head.trim_end().strip_prefix("ref: refs/heads/").map(ToOwned::to_owned)
}

/// Reads where the workspace is.
///
/// # Errors
/// When the folder is no checkout or has no commit.
pub async fn head(git: &Git, workspace: &Path) -> Result<Head, GitError> {
    let args = ["log", "-1", "--no-show-signature", "--format=%H%x00%an%x00%B"];
    let output = git.run(workspace, &args).await?;
    let text = String::from_utf8_lossy(&output.stdout);
    let mut parts = text.splitn(3, '\0');
    let (sha, author) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let mut message = parts.next().unwrap_or_default().trim_end().to_owned();
    message.truncate(message.floor_char_boundary(MAX_MESSAGE));
    Ok(Head {
        branch: current_branch(workspace).unwrap_or_default(),
        sha: sha.to_owned(),
        author: author.to_owned(),
        message,
    })
}

/// Initialises submodules, recursively and shallow (EXE-8).
///
/// # Errors
/// git's own.
pub async fn update_submodules(git: &Git, workspace: &Path) -> Result<Output, GitError> {
    const UPDATE: [&str; 5] = ["submodule", "--quiet", "update", "--init", "--recursive"];
    let shallow = [&UPDATE[..], &["--depth=1"]].concat();
    match git.run(workspace, &shallow).await {
        Err(GitError::Failed { stderr, .. }) if is_too_shallow(&stderr) => {}
        other => return other,
    }
    // The server gives no commits by name: start over with whole histories.
    git.run(workspace, &["submodule", "--quiet", "deinit", "--force", "--all"]).await?;
    let modules: PathBuf = workspace.join(".git/modules");
    tokio::fs::remove_dir_all(&modules)
        .await
        .map_err(|source| GitError::Io { what: "submodules cannot start over", source })?;
    git.run(workspace, &UPDATE).await
}

fn is_too_shallow(stderr: &str) -> bool {
    ["did not contain", "not our ref", "unadvertised object", "shallow"]
        .iter()
        .any(|words| stderr.contains(words))
}

/// True when the checkout has files that git LFS keeps elsewhere.
///
/// # Errors
/// git's own.
pub async fn wants_lfs(git: &Git, workspace: &Path) -> Result<bool, GitError> {
    let mentions = |text: &[u8]| text.windows(10).any(|part| part == b"filter=lfs");
    let read = |path: &str| std::fs::read(workspace.join(path)).unwrap_or_default();
    if mentions(&read(".gitattributes")) {
        return Ok(true);
    }
    // Most repositories have no such file in a folder; the index tells
    // without starting a process.
    let index = read(".git/index");
    if !index.windows(15).any(|part| part == b"/.gitattributes") {
        return Ok(false);
    }
    let args = ["grep", "--quiet", "filter=lfs", "--", ":(glob)**/.gitattributes"];
    match git.run(workspace, &args).await {
        Ok(_) => Ok(true),
        Err(GitError::Failed { status, .. }) if status.code() == Some(1) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Replaces LFS pointers by their files; git-lfs must be installed.
///
/// # Errors
/// git's own.
pub async fn pull_lfs(git: &Git, workspace: &Path) -> Result<Output, GitError> {
    git.run(workspace, &["lfs", "install", "--local"]).await?;
    git.run(workspace, &["lfs", "pull"]).await
}

/// True when `git lfs` can be started.
pub fn has_lfs() -> bool {
    crate::git::command::SEARCH_PATH
        .split(':')
        .any(|folder| Path::new(folder).join("git-lfs").is_file())
}

#[cfg(test)]
mod tests;
