//! From a URL and a branch to a workspace at the branch's tip: an ordinary
//! shallow clone whose `origin` is the real remote, so that `git fetch` works
//! in scripts (EXE-5). Credentials live in one file outside of the workspace.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::git::command::{Git, GitError, Output};
use crate::git::mirror::Mirrors;
use crate::git::remote::{Remote, check_branch, check_commit, check_tag};
use crate::git::ssh::{self, SshFiles};
use crate::protocol::{Credential, SshIdentity};

/// Longest commit message that is passed on, in bytes.
const MAX_MESSAGE: usize = 64 * 1024;

/// Packs from this size on are worth a mirror, in bytes; below, a second git
/// process takes longer than the download.
const MIN_MIRRORED: u64 = 4 << 20;

/// What to check out, and where.
#[derive(Debug, Clone)]
pub struct Checkout<'a> {
    pub remote: &'a Remote,
    pub wanted: Wanted<'a>,
    /// Instead of the tip.
    pub commit: Option<&'a str>,
    /// Must not exist yet, or be empty.
    pub workspace: &'a Path,
    pub mirrors: &'a Mirrors,
}

/// A name in the remote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted<'a> {
    /// Empty = the remote's default branch.
    Branch(&'a str),
    Tag(&'a str),
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

/// What a checkout may use to reach its remote.
#[derive(Debug, Clone, Copy, Default)]
pub struct Access<'a> {
    pub credential: Option<&'a Credential>,
    pub ssh: Option<&'a SshIdentity>,
}

/// Writes the `.gitconfig` of the build's HOME; `access` goes to files in
/// `private`, readable by this user alone.
///
/// # Errors
/// When one of the files cannot be written.
pub fn configure_home(
    home: &Path,
    private: &Path,
    remote: Option<&Remote>,
    access: Access<'_>,
) -> std::io::Result<()> {
    let ssh = match access.ssh {
        None => ssh::plain_command(),
        Some(identity) => {
            let files = SshFiles::below(private);
            files.write(identity)?;
            files.command()
        }
    };
    let mut config = common_config(remote, &ssh);
    if let (Some(credential), Some((scheme, host))) =
        (access.credential, remote.and_then(Remote::http_host))
    {
        let encode = |text| utf8_percent_encode(text, NON_ALPHANUMERIC);
        let (user, password) =
            (encode(credential.username.expose()), encode(credential.password.expose()));
        let file = credential_file(private);
        ssh::write_private(&file, &format!("{scheme}://{user}:{password}@{host}\n"))?;
        // git hands this value to a shell.
        let value = format!("store --file={}", ssh::quote(&file.display().to_string()));
        config.push_str(&format!("[credential]\n\thelper = {}\n", config_value(&value)));
    }
    std::fs::write(home.join(".gitconfig"), config)
}

/// Takes back what `configure_home` gave: git in `home` can reach public
/// remotes only.
///
/// # Errors
/// When the `.gitconfig` cannot be written.
pub fn disarm_home(home: &Path, private: &Path, remote: Option<&Remote>) -> std::io::Result<()> {
    forget_access(private);
    std::fs::write(home.join(".gitconfig"), common_config(remote, &ssh::powerless_command()))
}

/// Deletes the files of `configure_home`.
pub fn forget_access(private: &Path) {
    // Deleted with their folder at latest.
    let _ = std::fs::remove_file(credential_file(private));
    SshFiles::below(private).remove();
}

fn credential_file(private: &Path) -> PathBuf {
    private.join("git-credentials")
}

fn common_config(remote: Option<&Remote>, ssh: &str) -> String {
    let mut config = format!("[core]\n\tsshCommand = {}\n", config_value(ssh));
    config.push_str("[advice]\n\tdetachedHead = false\n[init]\n\tdefaultBranch = main\n");
    if remote.is_some_and(Remote::is_local) {
        // The repository may belong to another user of this machine, and its
        // submodules may be folders as well.
        config.push_str("[safe]\n\tdirectory = *\n[protocol \"file\"]\n\tallow = always\n");
    }
    config
}

/// A value as git's configuration files quote it.
fn config_value(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', r"\\").replace('"', "\\\""))
}

/// Clones into the workspace, in one git process. A large network remote is
/// fetched into its mirror first and cloned from there, from its second build
/// on: for a small one, the mirror costs more time than it saves.
///
/// # Errors
/// git's own; `Refused` for names that are not given to git.
pub async fn check_out(git: &Git, wanted: &Checkout<'_>) -> Result<(), GitError> {
    match wanted.wanted {
        Wanted::Branch("") => {}
        Wanted::Branch(name) => check_branch(name)?,
        Wanted::Tag(name) => check_tag(name)?,
    }
    wanted.commit.map_or(Ok(()), check_commit)?;
    if wanted.mirrors.has(wanted.remote) {
        get_through_mirror(git, wanted).await?;
    } else {
        get(git, wanted, wanted.wanted, None).await?;
        if !wanted.remote.is_local() && weight(wanted.workspace) >= MIN_MIRRORED {
            begin_mirror(git, wanted).await;
        }
    }
    if let Some(commit) = wanted.commit {
        return move_to_commit(git, wanted.workspace, commit).await;
    }
    // `--branch` also accepts a tag, which the same word in a push would not.
    if let Wanted::Branch(name) = wanted.wanted
        && current_branch(wanted.workspace).is_none()
    {
        return Err(GitError::Missing(format!("\"{name}\" is not a branch of the repository")));
    }
    Ok(())
}

/// Fills a mirror from the fresh clone, without the network.
async fn begin_mirror(git: &Git, wanted: &Checkout<'_>) {
    let Some(branch) = current_branch(wanted.workspace) else { return };
    let git = Git { protocols: "file", ..git.clone() };
    let reference = format!("refs/heads/{branch}");
    let made = wanted.mirrors.begin(&git, wanted.remote, wanted.workspace, &reference).await;
    // Only the next build would be faster with it.
    if let Err(error) = made {
        tracing::info!(url = wanted.remote.url(), %error, "no mirror was made");
    }
}

/// Bytes of the packs in a checkout.
fn weight(workspace: &Path) -> u64 {
    let packs = std::fs::read_dir(workspace.join(".git/objects/pack"));
    let packs = packs.into_iter().flatten().flatten();
    packs.filter_map(|entry| entry.metadata().ok()).map(|meta| meta.len()).sum()
}

async fn get_through_mirror(git: &Git, wanted: &Checkout<'_>) -> Result<(), GitError> {
    let default;
    let name = match wanted.wanted {
        Wanted::Branch("") => {
            default = default_branch(git, wanted.remote).await?;
            Wanted::Branch(&default)
        }
        named => named,
    };
    let reference = match name {
        Wanted::Branch(branch) => format!("refs/heads/{branch}"),
        Wanted::Tag(tag) => format!("refs/tags/{tag}"),
    };
    let fresh = wanted.mirrors.refresh(git, wanted.remote, &reference).await?;
    match get(git, wanted, name, Some(&fresh.path)).await {
        Err(GitError::Failed { .. }) => {}
        other => return other,
    }
    // The fetch worked, so the mirror itself must be damaged.
    wanted.mirrors.discard(fresh).await?;
    let fresh = wanted.mirrors.refresh(git, wanted.remote, &reference).await?;
    get(git, wanted, name, Some(&fresh.path)).await
}

/// Fills the workspace with `name`, read from `mirror` where there is one.
async fn get(
    git: &Git,
    wanted: &Checkout<'_>,
    name: Wanted<'_>,
    mirror: Option<&Path>,
) -> Result<(), GitError> {
    // Reads the mirror but writes down the real URL.
    let mut config = Vec::new();
    let mut git = git.clone();
    if let Some(mirror) = mirror {
        let key = format!("url.{}.insteadOf", mirror.display());
        config.push((key, wanted.remote.url().to_owned()));
        git.protocols = "file";
    }
    match name {
        Wanted::Branch(branch) => clone(&git, wanted, branch, &config).await,
        Wanted::Tag(tag) => get_tag(&git, wanted, tag, &config).await,
    }
}

/// What `git clone --branch` does for a tag, without looking for a branch of
/// that name first.
async fn get_tag(
    git: &Git,
    wanted: &Checkout<'_>,
    tag: &str,
    config: &[(String, String)],
) -> Result<(), GitError> {
    let workspace = wanted.workspace;
    // A second try after a damaged mirror begins again.
    if workspace.join(".git").exists() {
        let io = |source| GitError::Io { what: "the workspace cannot start over", source };
        tokio::fs::remove_dir_all(workspace.join(".git")).await.map_err(io)?;
    }
    tokio::fs::create_dir_all(workspace)
        .await
        .map_err(|source| GitError::Io { what: "the workspace cannot be made", source })?;
    let reference = format!("refs/tags/{tag}");
    let refspec = format!("+{reference}:{reference}");
    git.run(workspace, &["init", "--quiet"]).await?;
    git.run(workspace, &["config", "remote.origin.url", wanted.remote.url()]).await?;
    git.run(workspace, &["config", "remote.origin.fetch", &refspec]).await?;
    let fetch = ["fetch", "--quiet", "--depth=1", "--no-tags", "--end-of-options", "origin"];
    git.run_with(workspace, &[&fetch[..], &[&refspec]].concat(), config).await?;
    git.run(workspace, &["checkout", "--quiet", "--detach", &reference, "--"]).await.map(drop)
}

async fn clone(
    git: &Git,
    wanted: &Checkout<'_>,
    branch: &str,
    config: &[(String, String)],
) -> Result<(), GitError> {
    let branch_option = format!("--branch={branch}");
    let mut args: Vec<&OsStr> =
        ["clone", "--quiet", "--depth=1", "--no-local"].iter().map(OsStr::new).collect();
    if !branch.is_empty() {
        args.push(OsStr::new(&branch_option));
    }
    args.extend([OsStr::new("--"), OsStr::new(wanted.remote.url()), wanted.workspace.as_os_str()]);
    let parent = wanted.workspace.parent().unwrap_or(wanted.workspace);
    git.run_with(parent, &args, config).await.map(drop)
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
        if workspace.join(".git/shallow").exists() {
            git.run(workspace, &["fetch", "--quiet", "--unshallow", "origin"]).await?;
        }
        let there = format!("{commit}^{{commit}}");
        if let Err(GitError::Failed { .. }) = git.run(workspace, &["cat-file", "-e", &there]).await
        {
            let text = format!("the commit {commit} is not in the repository's branch");
            return Err(GitError::Missing(text));
        }
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
    let branch = current_branch(workspace).unwrap_or_default();
    Ok(Head { branch, ..describe(git, workspace, "HEAD").await? })
}

/// The commit that `revision` names, without a branch.
///
/// # Errors
/// When there is none.
pub async fn describe(git: &Git, workspace: &Path, revision: &str) -> Result<Head, GitError> {
    let format = "--format=%H%x00%an%x00%B";
    let args = ["log", "-1", "--no-show-signature", format, "--end-of-options", revision, "--"];
    let output = git.run(workspace, &args).await?;
    let text = String::from_utf8_lossy(&output.stdout);
    let mut parts = text.splitn(3, '\0');
    let (sha, author) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let mut message = parts.next().unwrap_or_default().trim_end().to_owned();
    message.truncate(message.floor_char_boundary(MAX_MESSAGE));
    Ok(Head { branch: String::new(), sha: sha.to_owned(), author: author.to_owned(), message })
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
