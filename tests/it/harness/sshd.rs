//! A real sshd on a loopback port, with a configuration, host key and list of
//! users' keys of its own. It runs as whoever runs the tests.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::eventually;

const SSHD: &str = "/usr/sbin/sshd";

/// Serves until it is dropped.
pub struct Sshd {
    pub port: u16,
    dir: PathBuf,
    user: String,
    child: Child,
}

impl Sshd {
    /// Lives in `dir`, a fresh host key included.
    pub async fn start(dir: &Path) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Self::start_at(dir, port).await
    }

    /// The same address with another host key, as an impostor would have it.
    pub async fn replaced(self, dir: &Path) -> Self {
        let port = self.port;
        drop(self);
        Self::start_at(dir, port).await
    }

    async fn start_at(dir: &Path, port: u16) -> Self {
        assert!(Path::new(SSHD).exists(), "{SSHD} is missing: run dev/install-tools");
        std::fs::create_dir_all(dir).unwrap();
        let user = run(Command::new("id").arg("-un"));
        if user == "root" {
            // sshd insists on it; a machine without a running sshd has none.
            std::fs::create_dir_all("/run/sshd").unwrap();
        }
        let host_key = dir.join("host_key");
        run(Command::new("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", "", "-f"])
            .arg(&host_key));
        let users = dir.join("authorized_keys");
        std::fs::write(&users, "").unwrap();
        let config = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\n\
             StrictModes no\nUsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n\
             PermitRootLogin prohibit-password\nLogLevel VERBOSE\nMaxStartups 100\n\
             SetEnv GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1\n",
            host_key.display(),
            users.display(),
        );
        std::fs::write(dir.join("sshd_config"), config).unwrap();
        let log = std::fs::File::create(dir.join("log")).unwrap();
        let child = Command::new(SSHD)
            .args(["-D", "-e", "-f"])
            .arg(dir.join("sshd_config"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let sshd = Self { port, dir: dir.to_owned(), user, child };
        eventually(Duration::from_secs(20), "sshd listens", async || {
            sshd.log().contains("Server listening").then_some(())
        })
        .await;
        sshd
    }

    /// Lets in whoever has one of these keys (lines of `authorized_keys`).
    pub fn allow(&self, keys: &[&str]) {
        let lines: String = keys.iter().map(|key| format!("{key}\n")).collect();
        std::fs::write(self.dir.join("authorized_keys"), lines).unwrap();
    }

    /// The URL of a folder of this machine.
    pub fn url(&self, folder: &str) -> String {
        format!("ssh://{}@127.0.0.1:{}{folder}", self.user, self.port)
    }

    /// As `ssh-hosts` of the API names it.
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// `type base64`.
    pub fn host_key(&self) -> String {
        let line = std::fs::read_to_string(self.dir.join("host_key.pub")).unwrap();
        line.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
    }

    /// What it said, whole.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.join("log")).unwrap()
    }

    /// How often somebody was let in.
    pub fn logins(&self) -> usize {
        self.log().matches("Accepted publickey").count()
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
