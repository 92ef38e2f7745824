//! What a remote has to offer, asked by the server: its branches and which of
//! them is the default. One `git ls-remote`, bounded in time and output.

use std::path::PathBuf;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio_util::sync::CancellationToken;

use crate::git::checkout::Access;
use crate::git::command::{Git, GitError};
use crate::git::remote::Remote;
use crate::git::ssh::{self, Folder};

/// A caller of the API waits for this answer.
const TIMEOUT: Duration = Duration::from_secs(8);

/// Branches of a remote at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RemoteRefs {
    /// What the remote's HEAD points at; `None` if it is detached or if the
    /// branch does not exist, as in an empty repository.
    pub default_branch: Option<String>,
    pub branches: Vec<String>,
}

/// Asks the remote.
///
/// # Errors
/// `GitError` with git's own words; `TimedOut` after eight seconds.
pub async fn read(remote: &Remote, access: Access<'_>) -> Result<RemoteRefs, GitError> {
    let git = Git {
        home: PathBuf::from("/nonexistent"),
        protocols: remote.allowed_protocols(),
        timeout: TIMEOUT,
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
    // Lives as long as the call.
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
    let args = ["ls-remote", "--symref", "--", remote.url(), "HEAD", "refs/heads/*"];
    let output = git.run_with(std::path::Path::new("/"), &args, &config).await?;
    Ok(parse(&String::from_utf8_lossy(&output.stdout)))
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
