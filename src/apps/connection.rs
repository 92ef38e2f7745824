//! Trying a repository before it becomes an app: does the remote answer, what
//! is in it, and if not, what to do about it (APP-2).

use crate::app::App;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::git::checkout::Access;
use crate::git::command::GitError;
use crate::git::look::{self, Place};
use crate::git::refs::{self, RemoteRefs};
use crate::git::remote::Remote;
use crate::model::ids::{JobId, OrgId, UserId};
use crate::model::secret::Secret;
use crate::protocol::Credential;

use super::project::Project;
use super::{MAX_URL, providers, split_credential, ssh_keys};

/// Longest part of git's own words that is shown, in characters.
const MAX_SAID: usize = 400;

/// A repository that answered.
#[derive(Debug)]
pub struct Connection {
    /// Without credentials.
    pub url: String,
    pub has_credential: bool,
    /// The connection of the organisation that opened it, by name.
    pub opened_by: Option<String>,
    pub refs: RemoteRefs,
    /// `None` if its files could not be listed; nothing depends on that.
    pub project: Option<Project>,
}

/// Why a repository did not answer, and what helps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Obstacle {
    pub what: &'static str,
    pub fix: &'static str,
    /// In git's words, without credentials.
    pub said: String,
    /// The SSH key of the organisation has to be added there.
    pub needs_key: bool,
}

/// Asks the repository at `url`, which may hold credentials, with the SSH key
/// of `org`. No transaction may be open.
///
/// # Errors
/// `Invalid`, naming `repo_url`, for a URL that git is not given at all.
pub async fn test(app: &App, org: &OrgId, url: &str) -> Result<Result<Connection, Obstacle>> {
    if url.len() > MAX_URL || url.contains('\0') {
        return Err(Error::invalid_parameter("repo_url"));
    }
    let (url, credential) = split_credential(url);
    let remote =
        Remote::parse(&url).map_err(|refused| Error::Invalid(format!("repo_url: {refused}")))?;
    let has_credential = credential.is_some();
    let (credential, opened_by) = match credential {
        Some(own) => (Some(own), None),
        None => shared(app, org, &url).await?,
    };
    let ssh = ssh_keys::identity(app, org, &remote).await?;
    let access = Access { credential: credential.as_ref(), ssh: ssh.as_ref() };
    let refs = match refs::read(&remote, access).await {
        Ok(refs) => refs,
        Err(error) => {
            let mut obstacle = obstacle(&remote, &error, credential.is_some());
            if opened_by.is_some() && obstacle.what == TOKEN_REFUSED {
                obstacle.fix = CHECK_CONNECTION;
            }
            return Ok(Err(obstacle));
        }
    };
    let mut project = None;
    if !refs.branches.is_empty() {
        let id = JobId::generate(app.clock.now());
        let dir = app.settings.scratch_dir.join(format!("look-{id}"));
        let place = Place { remote: &remote, access };
        match look::paths(&dir, place, refs.default_branch.as_deref()).await {
            Ok(paths) => project = Some(Project::of(&paths)),
            Err(error) => tracing::info!(%error, "the files of a repository cannot be listed"),
        }
    }
    Ok(Ok(Connection { url, has_credential, opened_by, refs, project }))
}

/// What a connection of the organisation opens `url` with, and its name.
async fn shared(app: &App, org: &OrgId, url: &str) -> Result<(Option<Credential>, Option<String>)> {
    let mut tx = app.db.read().await?;
    let credential = providers::credential(app, &mut tx, org, url).await?;
    let opener = providers::opener(&mut tx, org, url).await?;
    Ok((credential, opener.map(|connection| connection.name)))
}

const TOKEN_REFUSED: &str = "The host does not take this token.";
const CHECK_CONNECTION: &str = "It is that of the organisation’s connection to this host. An owner \
    tests it on the organisation’s page, and gives it a token that may read this repository.";

/// What git and ssh say, what that means, and what helps; the first that fits.
const KNOWN: [(&[&str], &str, &str); 10] = [
    (
        &["timed out", "timeout", "took longer"],
        "The host did not answer in time.",
        "Check the address. If it is right, a firewall between this server and the host keeps \
         them apart.",
    ),
    (
        &["identification has changed"],
        "The SSH host shows another key than the one that is known.",
        "If its operator has replaced the key, an owner of the organisation enters the new one \
         under Known SSH hosts.",
    ),
    (
        &["host key verification failed"],
        "No key of this SSH host is known.",
        "An owner of the organisation enters its key under Known SSH hosts; then try again.",
    ),
    (
        &["permission denied (publickey"],
        "The SSH host does not take our key.",
        "Add the public key below to the repository as a deploy key with read access, then try \
         again.",
    ),
    (
        &["could not resolve host", "name or service not known", "name resolution"],
        "The host in the address does not exist.",
        "Check the host’s name for a slip. A name of your own network must be known where this \
         server runs.",
    ),
    (
        &["ssl certificate", "certificate verify", "server certificate"],
        "The certificate of the host is not trusted.",
        "Give the host a certificate with its whole chain, or let the administrator add your own \
         authority to the server’s system.",
    ),
    (
        &["connection refused", "couldn't connect", "failed to connect", "unreachable"],
        "Nothing listens at this address.",
        "Check host and port, and whether the repository server runs.",
    ),
    (
        &[
            "authentication failed",
            "could not read username",
            "could not read password",
            "error: 401",
            "error: 403",
            "access denied",
        ],
        "The repository is private.",
        "Paste the URL with a token that may read it: https://TOKEN@host/owner/repo.git. Or use \
         its SSH address with our key.",
    ),
    (
        &["not found", "not appear to be a git repository", "does not exist", "no such file"],
        "There is no such repository, or it is private.",
        "Check owner and name. Hosts hide private repositories: paste the URL with a token that \
         may read it, https://TOKEN@host/owner/repo.git",
    ),
    (
        &["not installed", "cannot be started"],
        "Something that is needed is missing on the server.",
        "The administrator installs it; the words below name it.",
    ),
];

/// git's words become ours.
fn obstacle(remote: &Remote, error: &GitError, has_credential: bool) -> Obstacle {
    let said = match error.stderr() {
        "" => error.to_string(),
        words => words.to_owned(),
    };
    let lower = said.to_lowercase();
    let is_ssh = remote.ssh_host().is_some();
    let fits = |words: &&[&str]| words.iter().any(|word| lower.contains(word));
    let (what, fix) = match KNOWN.iter().find(|(words, ..)| fits(words)) {
        None => ("The repository does not answer.", "The words of git below say why."),
        Some((_, what, _)) if has_credential && *what == "The repository is private." => (
            TOKEN_REFUSED,
            "Check that it has not expired and may read the repository, then paste the URL with \
             a new one: https://TOKEN@host/owner/repo.git",
        ),
        Some((_, what, _)) if is_ssh && what.starts_with("There is no such repository") => (
            "There is no such repository, or our key may not see it.",
            "Check owner and name. If they are right, add the public key below to it.",
        ),
        Some((_, what, fix)) => (*what, *fix),
    };
    // Our own git is told credentials by configuration, never by the URL.
    let said = said.trim().chars().filter(|c| *c == '\n' || !c.is_control()).take(MAX_SAID);
    Obstacle { what, fix, said: said.collect(), needs_key: is_ssh }
}

/// A name to begin with: the last part of the path.
pub fn suggested_name(url: &str) -> String {
    let end = url.trim_end_matches('/').rsplit(['/', ':']).next().unwrap_or_default();
    end.strip_suffix(".git").unwrap_or(end).chars().take(100).collect()
}

fn carrying_place(user: &UserId) -> String {
    format!("users/{user}/new_app_url")
}

/// The URL of a tested repository, sealed: it may hold a token, and waits in a
/// page until somebody has chosen a name. It is not stored.
pub fn carry(app: &App, user: &UserId, url: &str) -> String {
    app.keys.seal(&carrying_place(user), &Secret::new(url))
}

/// What `carry` was given.
///
/// # Errors
/// `Invalid` for anything else.
pub fn carried(app: &App, user: &UserId, sealed: &str) -> Result<Secret> {
    app.keys
        .open_sealed(&carrying_place(user), sealed)
        .map_err(|_| Error::Invalid("The form is too old. Test the connection again".into()))
}

/// The public key to add to a repository.
pub async fn public_key(app: &App, tx: &mut Tx, org: &OrgId) -> Result<String> {
    Ok(ssh_keys::ensure(app, tx, org).await?.public_key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(url: &str, stderr: &str, has_credential: bool) -> Obstacle {
        use std::os::unix::process::ExitStatusExt;
        let status = std::process::ExitStatus::from_raw(128 << 8);
        let error = GitError::Failed { verb: "ls-remote".into(), status, stderr: stderr.into() };
        obstacle(&Remote::parse(url).unwrap(), &error, has_credential)
    }

    #[test]
    fn every_failure_comes_with_what_helps() {
        let (https, ssh) = ("https://h.example/o/r.git", "git@h.example:o/r.git");
        for (url, stderr, has_credential, what) in [
            (
                https,
                "fatal: unable to access '..': Could not resolve host: h.example",
                false,
                "does not exist",
            ),
            (
                https,
                "fatal: could not read Username for 'https://h.example': terminal prompts disabled",
                false,
                "is private",
            ),
            (
                https,
                "fatal: Authentication failed for 'https://h.example/o/r.git/'",
                true,
                "does not take this token",
            ),
            (https, "remote: Repository not found.", false, "or it is private"),
            (
                https,
                "fatal: unable to access: SSL certificate problem: self-signed certificate",
                false,
                "certificate",
            ),
            (
                https,
                "Failed to connect to h.example port 443: Connection refused",
                false,
                "Nothing listens",
            ),
            (ssh, "git@h.example: Permission denied (publickey).", false, "does not take our key"),
            (ssh, "Host key verification failed.", false, "No key of this SSH host"),
            (ssh, "ERROR: Repository not found.", false, "our key may not see it"),
            (https, "fatal: the moon is full", false, "does not answer"),
        ] {
            let obstacle = told(url, stderr, has_credential);
            assert!(obstacle.what.contains(what), "{stderr}: {obstacle:?}");
            assert!(!obstacle.fix.is_empty() && obstacle.said == stderr);
            assert_eq!(obstacle.needs_key, url == ssh);
        }
    }

    #[test]
    fn names_are_suggested() {
        for (url, name) in [
            ("https://h/o/shop.git", "shop"),
            ("git@h:o/shop", "shop"),
            ("git@h:shop.git/", "shop"),
            ("/srv/a/b.git", "b"),
        ] {
            assert_eq!(suggested_name(url), name);
        }
    }
}
