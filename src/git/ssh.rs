//! How git speaks SSH: with one key and the known host keys it was given, and
//! nothing of the machine's user. The key is a file (ssh reads no other place),
//! readable by this user alone, in a folder that the caller removes.

use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ring::rand::{SecureRandom, SystemRandom};

use crate::git::command::SEARCH_PATH;
use crate::model::hex::hex;
use crate::protocol::SshIdentity;

/// Said where SSH is needed and not there.
pub const MISSING: &str =
    "ssh is not installed on this machine (Debian's package is openssh-client)";

/// A caller of the API waits for the answer of a scan.
const SCAN_TIMEOUT: Duration = Duration::from_secs(8);

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

/// A folder of its own for one call, gone with it.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    files: SshFiles,
}

impl Folder {
    /// # Errors
    /// When it cannot be made or written to.
    pub fn with(identity: &SshIdentity) -> std::io::Result<Self> {
        let mut random = [0; 16];
        SystemRandom::new()
            .fill(&mut random)
            .map_err(|_| std::io::Error::other("no random bytes"))?;
        let path = std::env::temp_dir().join(format!("shipmate-ssh-{}", hex(&random)));
        std::fs::DirBuilder::new().mode(0o700).create(&path)?;
        let folder = Self { files: SshFiles::below(&path), path };
        folder.files.write(identity)?;
        Ok(folder)
    }

    /// As `SshFiles::command`.
    pub fn command(&self) -> String {
        self.files.command()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        self.files.remove();
        let _ = std::fs::remove_dir(&self.path);
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

/// Asks a host for its keys, as `type base64`. Whoever answers now is believed.
///
/// # Errors
/// When `ssh-keyscan` is missing or the host does not answer in time.
pub async fn scan(name: &str, port: u16) -> std::io::Result<Vec<String>> {
    let mut command = tokio::process::Command::new("ssh-keyscan");
    command
        .args(["-T", "5", "-t", "ed25519,ecdsa,rsa", "-p", &port.to_string(), "--", name])
        .env_clear()
        .env("PATH", SEARCH_PATH)
        .stdin(std::process::Stdio::null())
        .kill_on_drop(true);
    let output = tokio::time::timeout(SCAN_TIMEOUT, command.output())
        .await
        .map_err(|_| std::io::Error::other("ssh-keyscan took too long"))??;
    let text = String::from_utf8_lossy(&output.stdout);
    let keys: Vec<String> = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once(' ').map(|(_, key)| key.to_owned()))
        .collect();
    if keys.is_empty() {
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said.lines().rfind(|line| !line.starts_with('#')).unwrap_or("no answer");
        return Err(std::io::Error::other(said.to_owned()));
    }
    Ok(keys)
}
