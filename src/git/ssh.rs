//! How git speaks SSH: with one key and the known host keys it was given, and
//! nothing of the machine's user. The key is a file (ssh reads no other place),
//! readable by this user alone, in a folder that the caller removes.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::git::command::SEARCH_PATH;
use crate::protocol::SshIdentity;

/// Said where SSH is needed and not there.
pub const MISSING: &str =
    "ssh is not installed on this machine (Debian's package is openssh-client)";

/// Always: ask nobody, believe no unknown host, give up on a dead one.
const OPTIONS: &str = "-o BatchMode=yes -o StrictHostKeyChecking=yes -o ConnectTimeout=20 \
                       -o ServerAliveInterval=20 -o ServerAliveCountMax=3";

/// Where key and known hosts of one build are.
#[derive(Debug, Clone)]
pub struct SshFiles {
    key: PathBuf,
    known_hosts: PathBuf,
}

impl SshFiles {
    /// The places below `folder`, which only this user can enter.
    pub fn below(folder: &Path) -> Self {
        Self { key: folder.join("ssh-key"), known_hosts: folder.join("known_hosts") }
    }

    /// # Errors
    /// When one of the files cannot be written.
    pub fn write(&self, identity: &SshIdentity) -> std::io::Result<()> {
        let key = identity.private_key.expose();
        // ssh refuses a key whose last line does not end.
        write_private(&self.key, &format!("{}\n", key.trim_end()))?;
        write_private(&self.known_hosts, &identity.known_hosts)
    }

    /// Deletes what `write` wrote.
    pub fn remove(&self) {
        for file in [&self.key, &self.known_hosts] {
            // Deleted with its folder at latest.
            let _ = std::fs::remove_file(file);
        }
    }

    /// The value of git's `core.sshCommand`, which git gives to a shell.
    pub fn command(&self) -> String {
        // ssh expands `%` in both, and splits the second at spaces.
        let place = |file: &Path| file.display().to_string().replace('%', "%%");
        let key = quote(&place(&self.key));
        let hosts = quote(&format!("UserKnownHostsFile=\"{}\"", place(&self.known_hosts)));
        format!(
            "ssh -F /dev/null {OPTIONS} -o IdentitiesOnly=yes -o IdentityAgent=none \
             -o GlobalKnownHostsFile=/dev/null -o {hosts} -i {key}"
        )
    }
}

/// The command where no key was given: the machine's own settings decide.
pub fn plain_command() -> String {
    format!("ssh {OPTIONS}")
}

/// The command where nothing may be used, not even what the machine's user has.
pub fn powerless_command() -> String {
    format!(
        "ssh -F /dev/null {OPTIONS} -o IdentitiesOnly=yes -o IdentityFile=none -o IdentityAgent=none"
    )
}

/// True when `ssh` can be started.
pub fn is_installed() -> bool {
    SEARCH_PATH.split(':').any(|folder| Path::new(folder).join("ssh").is_file())
}

/// One word for a shell.
pub fn quote(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// A file for this user alone.
///
/// # Errors
/// When it cannot be written.
pub fn write_private(file: &Path, text: &str) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.open(file)?.write_all(text.as_bytes())
}
