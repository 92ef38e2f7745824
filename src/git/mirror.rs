//! A bare, shallow copy of each large remote on this machine, so that a second
//! build of a repository asks the network for what changed only. Holds no
//! credential; whoever uses a mirror has just proved access by fetching.

use std::fs::File;
use std::path::{Path, PathBuf};

use ring::digest::{SHA256, digest};

use crate::git::command::{Git, GitError};
use crate::git::remote::Remote;

/// The mirrors under one folder.
#[derive(Debug, Clone)]
pub struct Mirrors {
    dir: PathBuf,
}

/// A mirror whose branch is at the remote's tip, and ours until dropped.
#[derive(Debug)]
pub struct Fresh {
    pub path: PathBuf,
    /// Two slots must not fetch into one mirror at the same time.
    _lock: File,
}

impl Mirrors {
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// Brings `reference` (such as `refs/heads/main`) of the mirror to where it
    /// is on the remote now. A damaged mirror is thrown away and made again, once.
    ///
    /// # Errors
    /// git's, when the remote refuses or is not there.
    pub async fn refresh(
        &self,
        git: &Git,
        remote: &Remote,
        reference: &str,
    ) -> Result<Fresh, GitError> {
        let name = key(remote.url());
        let path = self.path(&name);
        let lock = self.lock(git, &name).await?;
        if path.join("HEAD").exists() {
            match fetch(git, &path, remote.url(), reference).await {
                Ok(()) => return Ok(Fresh { path, _lock: lock }),
                Err(error) if is_the_remote_at_fault(&error) => return Err(error),
                Err(_) => {}
            }
        }
        self.start_again(git, &path).await?;
        fetch(git, &path, remote.url(), reference).await?;
        Ok(Fresh { path, _lock: lock })
    }

    /// True once the remote has a mirror here.
    pub fn has(&self, remote: &Remote) -> bool {
        self.path(&key(remote.url())).exists()
    }

    /// Makes the remote's mirror out of `reference` of a fresh checkout.
    ///
    /// # Errors
    /// git's; nothing is left of the mirror then.
    pub async fn begin(
        &self,
        git: &Git,
        remote: &Remote,
        checkout: &Path,
        reference: &str,
    ) -> Result<(), GitError> {
        let name = key(remote.url());
        let path = self.path(&name);
        let _lock = self.lock(git, &name).await?;
        if path.exists() {
            // Another slot was faster.
            return Ok(());
        }
        self.start_again(git, &path).await?;
        let made = fetch(git, &path, &format!("file://{}", checkout.display()), reference).await;
        if made.is_err() {
            delete(&path).await?;
        }
        made
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.join(format!("{name}.git"))
    }

    /// Deletes the mirror that `fresh` stands for; the next build makes it again.
    ///
    /// # Errors
    /// When the folder cannot be deleted.
    pub async fn discard(&self, fresh: Fresh) -> Result<(), GitError> {
        delete(&fresh.path).await
    }

    /// Deletes the mirror of `remote`, if there is one (TRG-14).
    ///
    /// # Errors
    /// When the folder cannot be deleted.
    pub async fn forget(&self, git: &Git, remote: &Remote) -> Result<(), GitError> {
        let name = key(remote.url());
        let _lock = self.lock(git, &name).await?;
        delete(&self.path(&name)).await
    }

    async fn start_again(&self, git: &Git, path: &Path) -> Result<(), GitError> {
        delete(path).await?;
        let target = path.as_os_str();
        git.run(
            &self.dir,
            &["init".as_ref(), "--quiet".as_ref(), "--bare".as_ref(), "--".as_ref(), target],
        )
        .await
        .map(drop)
    }

    async fn lock(&self, git: &Git, name: &str) -> Result<File, GitError> {
        let io = |source| GitError::Io { what: "the mirror cannot be locked", source };
        std::fs::create_dir_all(&self.dir).map_err(io)?;
        let file = File::create(self.dir.join(format!("{name}.lock"))).map_err(io)?;
        // Waits in a thread of its own: another slot may be fetching for minutes.
        let waiting = tokio::task::spawn_blocking(move || file.lock().map(|()| file));
        tokio::select! {
            locked = waiting => match locked {
                Ok(locked) => locked.map_err(io),
                Err(_) => Err(GitError::Cancelled),
            },
            () = git.cancel.cancelled() => Err(GitError::Cancelled),
        }
    }
}

fn key(url: &str) -> String {
    digest(&SHA256, url.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn delete(path: &Path) -> Result<(), GitError> {
    match tokio::fs::remove_dir_all(path).await {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(GitError::Io { what: "the mirror cannot be deleted", source: error })
        }
        _ => Ok(()),
    }
}

async fn fetch(git: &Git, path: &Path, url: &str, reference: &str) -> Result<(), GitError> {
    let refspec = format!("+{reference}:{reference}");
    // Housekeeping in the foreground: nothing may outlive the lock.
    let foreground =
        ["gc.autoDetach", "maintenance.autoDetach"].map(|key| (key.to_owned(), "false".to_owned()));
    let args = [
        "fetch",
        "--quiet",
        "--depth=1",
        "--no-write-fetch-head",
        "--end-of-options",
        url,
        &refspec,
    ];
    git.run_with(path, &args, &foreground).await.map(drop)
}

/// True when a new mirror would fail in the same way, so that a wrong branch
/// or credential is told at once.
fn is_the_remote_at_fault(error: &GitError) -> bool {
    const WORDS: [&str; 9] = [
        "Host key verification failed",
        "couldn't find remote ref",
        "Authentication failed",
        "could not read Username",
        "could not read Password",
        "unable to access",
        "Could not read from remote repository",
        "not found",
        "unable to connect",
    ];
    match error {
        GitError::Failed { stderr, .. } => WORDS.iter().any(|words| stderr.contains(words)),
        _ => true,
    }
}
