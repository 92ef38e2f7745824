//! What a remote has to offer, asked by the server: its branches and which of
//! them is the default. One `git ls-remote`, bounded in time and output.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio_util::sync::CancellationToken;

use crate::git::checkout::Access;
use crate::git::command::{Git, GitError, MAX_OUTPUT};
use crate::git::remote::Remote;
use crate::git::ssh::{self, Folder};

/// A caller of the API waits for this answer.
const TIMEOUT: Duration = Duration::from_secs(8);
const LIST_TIMEOUT: Duration = Duration::from_secs(30);

/// Branches of a remote at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RemoteRefs {
    /// What the remote's HEAD points at; `None` if it is detached or if the
    /// branch does not exist, as in an empty repository.
    pub default_branch: Option<String>,
    pub branches: Vec<String>,
}

/// Every branch and tag of a remote at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Listing {
    pub default_branch: Option<String>,
    /// By full name, `refs/heads/..` or `refs/tags/..`; of an annotated tag
    /// its object.
    pub refs: BTreeMap<String, String>,
    /// The commits of annotated tags, by full name.
    pub peeled: BTreeMap<String, String>,
}

/// Asks the remote.
///
/// # Errors
/// `GitError` with git's own words; `TimedOut` after eight seconds.
pub async fn read(remote: &Remote, access: Access<'_>) -> Result<RemoteRefs, GitError> {
    let output = ask(remote, access, TIMEOUT, &["HEAD", "refs/heads/*"]).await?;
    Ok(parse(&output))
}

/// Asks the remote for everything it has; nobody waits for this answer.
///
/// # Errors
/// As `read`; `TimedOut` after thirty seconds.
pub async fn list(remote: &Remote, access: Access<'_>) -> Result<Listing, GitError> {
    let patterns = ["HEAD", "refs/heads/*", "refs/tags/*"];
    let output = ask(remote, access, LIST_TIMEOUT, &patterns).await?;
    // A list that was cut would look as if branches were deleted.
    if output.len() >= MAX_OUTPUT {
        return Err(GitError::Missing("the remote has too many references to list".into()));
    }
    Ok(parse_listing(&output))
}

/// The commit that `branch` of the remote points at.
///
/// # Errors
/// As `read`; `Missing` if there is no such branch.
pub async fn tip(remote: &Remote, access: Access<'_>, branch: &str) -> Result<String, GitError> {
    let name = format!("refs/heads/{branch}");
    let output = ask(remote, access, TIMEOUT, &[&name]).await?;
    let mut lines = output.lines().filter_map(|line| line.split_once('\t'));
    let found = lines.find(|(_, found)| *found == name).map(|(sha, _)| sha.to_owned());
    found.ok_or_else(|| GitError::Missing(format!("the remote has no branch {branch}")))
}

/// Whether the remote has the tag `name`.
///
/// # Errors
/// As `read`.
pub async fn has_tag(remote: &Remote, access: Access<'_>, name: &str) -> Result<bool, GitError> {
    let name = format!("refs/tags/{name}");
    let output = ask(remote, access, TIMEOUT, &[&name]).await?;
    Ok(output.lines().filter_map(|line| line.split_once('\t')).any(|(_, found)| found == name))
}

async fn ask(
    remote: &Remote,
    access: Access<'_>,
    timeout: Duration,
    patterns: &[&str],
) -> Result<String, GitError> {
    let server = server_git(remote, access, timeout)?;
    let mut args = vec!["ls-remote", "--symref", "--", remote.url()];
    args.extend(patterns);
    let output = server.git.run_with(std::path::Path::new("/"), &args, &server.config).await?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// git as the server runs it for one remote.
pub(super) struct ServerGit {
    pub git: Git,
    pub config: Vec<(String, String)>,
    /// The SSH key lives as long as the call.
    _key: Option<Folder>,
}

pub(super) fn server_git(
    remote: &Remote,
    access: Access<'_>,
    timeout: Duration,
) -> Result<ServerGit, GitError> {
    let git = Git {
        home: PathBuf::from("/nonexistent"),
        protocols: remote.allowed_protocols(),
        timeout,
        cancel: CancellationToken::new(),
    };
    // The server may run as another user than the owner of a local repository.
    let mut config = vec![("safe.directory".to_owned(), "*".to_owned())];
    if let (Some((scheme, host)), Some(credential)) = (remote.http_host(), access.credential) {
        let pair = format!("{}:{}", credential.username.expose(), credential.password.expose());
        config.push((
            format!("http.{scheme}://{host}/.extraHeader"),
            format!("Authorization: Basic {}", STANDARD.encode(pair)),
        ));
    }
    let folder = match access.ssh {
        Some(_) if !ssh::is_installed() => {
            return Err(GitError::Missing(ssh::MISSING.to_owned()));
        }
        Some(identity) => Some(
            Folder::with(identity)
                .map_err(|source| GitError::Io { what: "the SSH key cannot be written", source })?,
        ),
        None => None,
    };
    let command = folder.as_ref().map_or_else(ssh::plain_command, Folder::command);
    config.push(("core.sshCommand".to_owned(), command));
    Ok(ServerGit { git, config, _key: folder })
}

fn parse_listing(text: &str) -> Listing {
    let mut listing = Listing { default_branch: parse(text).default_branch, ..Listing::default() };
    for (sha, name) in text.lines().filter_map(|line| line.split_once('\t')) {
        if let Some(tag) = name.strip_suffix("^{}") {
            listing.peeled.insert(tag.to_owned(), sha.to_owned());
        } else if name.starts_with("refs/") {
            listing.refs.insert(name.to_owned(), sha.to_owned());
        }
    }
    listing
}

/// Lines are `ref: refs/heads/main\tHEAD` and `<sha>\trefs/heads/main`.
fn parse(text: &str) -> RemoteRefs {
    let mut refs = RemoteRefs::default();
    let mut head = None;
    for line in text.lines() {
        match line.split_once('\t') {
            Some((left, "HEAD")) => {
                head = left.strip_prefix("ref: refs/heads/").map(str::to_owned).or(head);
            }
            Some((_, name)) => {
                refs.branches.extend(name.strip_prefix("refs/heads/").map(str::to_owned))
            }
            None => {}
        }
    }
    refs.default_branch = head.filter(|name| refs.branches.contains(name));
    refs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn branches_and_default_are_read() {
        let refs = parse(
            "ref: refs/heads/main\tHEAD\n1f\tHEAD\n1f\trefs/heads/feature/a\n1f\trefs/heads/main\n",
        );
        assert_eq!(refs.default_branch.as_deref(), Some("main"));
        assert_eq!(refs.branches, ["feature/a", "main"]);
    }

    #[test]
    fn listings_know_what_annotated_tags_point_at() {
        let listing = parse_listing(
            "ref: refs/heads/main\tHEAD\n1f\tHEAD\n1f\trefs/heads/main\n2a\trefs/tags/v1\n1f\trefs/tags/v1^{}\n3b\trefs/tags/v2\n",
        );
        assert_eq!(listing.default_branch.as_deref(), Some("main"));
        let names: Vec<_> = listing.refs.iter().map(|(n, s)| (n.as_str(), s.as_str())).collect();
        assert_eq!(
            names,
            [("refs/heads/main", "1f"), ("refs/tags/v1", "2a"), ("refs/tags/v2", "3b")]
        );
        assert_eq!(listing.peeled.get("refs/tags/v1").map(String::as_str), Some("1f"));
    }

    #[test]
    fn empty_and_detached_have_no_default() {
        assert_eq!(parse(""), RemoteRefs::default());
        assert_eq!(parse("1f\tHEAD\n1f\trefs/heads/x\n").default_branch, None);
    }

    #[tokio::test]
    async fn a_remote_that_is_not_there_fails_with_gits_words() {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("file://{}/none.git", dir.path().display());
        let error = read(&Remote::parse(&url).unwrap(), Access::default()).await.unwrap_err();
        assert!(error.stderr().contains("none.git"), "{error:?}");
    }
}
