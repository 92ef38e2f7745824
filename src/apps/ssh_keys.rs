//! The SSH side of an organisation (APP-4): one key pair for all of its
//! repositories, and the host keys of the servers they are on.
//!
//! Host keys of the large providers are pinned here. For any other host the
//! keys of the first contact are recorded and hold until a person replaces
//! them; a host that shows another key is refused by ssh.

use crate::app::App;
use crate::db::Tx;
use crate::db::ssh::{self as rows, StoredHost, StoredKey};
use crate::error::{Error, Result};
use crate::git::remote::Remote;
use crate::git::ssh as client;
use crate::model::ids::OrgId;
use crate::protocol::SshIdentity;
use crate::secrets::openssh::{self, fingerprint};

/// Keys of one host that are kept.
const MAX_KEYS: usize = 10;
/// Hosts of one organisation.
const MAX_HOSTS: usize = 100;
/// Longest host name (RFC 1035 2.3.4), in bytes.
const MAX_HOST: usize = 253;

/// As published by docs.github.com, docs.gitlab.com ("SSH host keys
/// fingerprints" of GitLab.com, the ECDSA one also in commit 79bdb63f of
/// gitlab-com/www-gitlab-com) and support.atlassian.com; a test holds them to
/// the published fingerprints.
const PINNED: [(&str, [&str; 2]); 3] = [
    (
        "github.com",
        [
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl",
            "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBEmKSENjQEezOmxkZMy7opKgwFB9nkt5YRrYMjNuG5N87uRgg6CLrbo5wAdT/y6v0mKV0U2w0WZ2YB/++Tpockg=",
        ],
    ),
    (
        "gitlab.com",
        [
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAfuCHKVTjquxvt6CM6tdG4SLp1Btn/nOeHHE5UOzRdf",
            "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBFSMqzJeV9rUzU4kWitGjeR4PWSa29SPqJ1fVkhtj3Hw9xjLVXVYrU9QlYWrOLXBpQ6KWjbjTDTdDkoohFzgbEY=",
        ],
    ),
    (
        "bitbucket.org",
        [
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIazEu89wgQZ4bqs3d63QSMzYVa0MuJ2e2gKTKqu+UUO",
            "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBPIQmuzMBuKdWeF4+a2sjSSpBK0iqitSQ+5BM9KhpexuGt20JpTVM7u5BDZngncgrqDMbWdxMWWOGtZ9UgbqgZE=",
        ],
    ),
];

/// A host and the keys it is known by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownHost {
    /// `name:port`.
    pub host: String,
    /// `type base64`.
    pub keys: Vec<String>,
    pub is_pinned: bool,
}

impl KnownHost {
    /// `SHA256:..` of each key, as ssh shows them.
    pub fn fingerprints(&self) -> Vec<String> {
        let keys = self.keys.iter().filter_map(|key| key.split(' ').nth(1));
        keys.filter_map(fingerprint).collect()
    }
}

/// What seals the private key to its row.
pub fn sealing_place(org: &OrgId) -> String {
    format!("ssh_keys/{org}")
}

/// The key pair of an organisation, made if it has none yet.
pub async fn ensure(app: &App, tx: &mut Tx, org: &OrgId) -> Result<StoredKey> {
    match rows::find_key(tx, org).await? {
        Some(key) => Ok(key),
        None => rotate(app, tx, org).await,
    }
}

/// A fresh key pair; the old one is gone.
pub async fn rotate(app: &App, tx: &mut Tx, org: &OrgId) -> Result<StoredKey> {
    let pair = openssh::generate("shipmate");
    let key = StoredKey {
        public_key: pair.public,
        private_sealed: app.keys.seal(&sealing_place(org), &pair.private),
        created_at: app.clock.now(),
    };
    rows::set_key(tx, org, &key).await?;
    Ok(key)
}

/// Pinned and recorded hosts.
pub async fn hosts(tx: &mut Tx, org: &OrgId) -> Result<Vec<KnownHost>> {
    let pinned = PINNED.iter().map(|(name, keys)| KnownHost {
        host: format!("{name}:22"),
        keys: keys.iter().map(|key| (*key).to_owned()).collect(),
        is_pinned: true,
    });
    let recorded = rows::list_hosts(tx, org).await?.into_iter().map(|stored| KnownHost {
        host: stored.host,
        keys: stored.keys.lines().map(str::to_owned).collect(),
        is_pinned: false,
    });
    Ok(pinned.chain(recorded).collect())
}

/// Replaces the keys of a host by those that a person has checked.
///
/// # Errors
/// `Invalid`, naming the parameter.
pub async fn set_host(
    app: &App,
    tx: &mut Tx,
    org: &OrgId,
    host: &str,
    keys: &[String],
) -> Result<()> {
    let (host, _) = own_host(host)?;
    if keys.is_empty() || keys.len() > MAX_KEYS {
        return Err(Error::Invalid(format!("keys: 1 to {MAX_KEYS} keys")));
    }
    let keys: Vec<String> = keys.iter().map(|key| check_key(key)).collect::<Result<_>>()?;
    rows::delete_host(tx, org, &host).await?;
    if rows::list_hosts(tx, org).await?.len() >= MAX_HOSTS {
        return Err(Error::Invalid(format!("host: there are {MAX_HOSTS} hosts already")));
    }
    let stored = StoredHost { host, keys: keys.join("\n"), recorded_at: app.clock.now() };
    rows::insert_host(tx, org, &stored).await
}

/// Forgets a host: its next contact counts as the first.
///
/// # Errors
/// `NotFound` if it is not recorded, `Invalid` for a pinned one.
pub async fn forget_host(tx: &mut Tx, org: &OrgId, host: &str) -> Result<()> {
    let (host, _) = own_host(host)?;
    match rows::delete_host(tx, org, &host).await? {
        true => Ok(()),
        false => Err(Error::not_found()),
    }
}

/// `name` or `name:port`, in the form in which it is kept; not a pinned one.
fn own_host(host: &str) -> Result<(String, u16)> {
    let refuse = || Error::invalid_parameter("host");
    let (name, port) = host.rsplit_once(':').unwrap_or((host, "22"));
    let port: u16 = port.parse().map_err(|_| refuse())?;
    let name = name.to_ascii_lowercase();
    let plain = !name.is_empty()
        && name.len() <= MAX_HOST
        && !name.starts_with('-')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_:".contains(&b));
    if !plain {
        return Err(refuse());
    }
    if port == 22 && PINNED.iter().any(|(pinned, _)| *pinned == name) {
        return Err(Error::Invalid(format!("host: the keys of {name} are built in")));
    }
    Ok((format!("{name}:{port}"), port))
}

/// `type base64`, without a comment.
fn check_key(key: &str) -> Result<String> {
    let refuse = || Error::invalid_parameter("keys");
    let mut words = key.split_whitespace();
    let (kind, data) = (words.next().ok_or_else(refuse)?, words.next().ok_or_else(refuse)?);
    let known = ["ssh-ed25519", "ssh-rsa"].contains(&kind) || kind.starts_with("ecdsa-sha2-nistp");
    if !known || data.len() > 4_096 || fingerprint(data).is_none() {
        return Err(refuse());
    }
    Ok(format!("{kind} {data}"))
}

/// What git needs to reach an SSH remote; `None` for every other remote. Asks
/// a host that is not known yet for its keys: no transaction may be open.
pub async fn identity(app: &App, org: &OrgId, remote: &Remote) -> Result<Option<SshIdentity>> {
    let Some((name, port)) = remote.ssh_host() else { return Ok(None) };
    let host = format!("{}:{port}", name.to_ascii_lowercase());
    let mut tx = app.db.read().await?;
    let known = hosts(&mut tx, org).await?.iter().any(|known| known.host == host);
    drop(tx);
    // Without a key the connection fails with ssh's own words.
    if !known
        && app.settings.record_ssh_hosts
        && let Some(keys) = first_keys(name, port).await
    {
        let fingerprints: Vec<_> =
            keys.iter().filter_map(|key| fingerprint(key.split(' ').nth(1)?)).collect();
        tracing::warn!(
            host,
            ?fingerprints,
            "the keys of an SSH host were recorded at first contact"
        );
        let stored = StoredHost { host, keys: keys.join("\n"), recorded_at: app.clock.now() };
        let mut tx = app.db.write().await?;
        rows::insert_host(&mut tx, org, &stored).await?;
        tx.commit().await?;
    }
    let mut tx = app.db.write().await?;
    let key = ensure(app, &mut tx, org).await?;
    let hosts = hosts(&mut tx, org).await?;
    tx.commit().await?;
    let private_key = app.keys.open_sealed(&sealing_place(org), &key.private_sealed)?;
    Ok(Some(SshIdentity { private_key, known_hosts: known_hosts(&hosts) }))
}

/// The keys that a host shows at the first contact.
async fn first_keys(name: &str, port: u16) -> Option<Vec<String>> {
    let keys = match client::scan(name, port).await {
        Ok(keys) => keys,
        Err(error) => {
            tracing::warn!(host = name, port, %error, "the SSH host gives no key");
            return None;
        }
    };
    let keys: Vec<String> =
        keys.iter().take(MAX_KEYS).filter_map(|key| check_key(key).ok()).collect();
    (!keys.is_empty()).then_some(keys)
}

/// Lines of a `known_hosts` file.
fn known_hosts(hosts: &[KnownHost]) -> String {
    let mut lines = String::new();
    for KnownHost { host, keys, .. } in hosts {
        let Some((name, port)) = host.rsplit_once(':') else { continue };
        let pattern = if port == "22" { name.to_owned() } else { format!("[{name}]:{port}") };
        for key in keys {
            lines.push_str(&format!("{pattern} {key}\n"));
        }
    }
    lines
}

/// `identity` for the app's own remote.
pub async fn identity_of_url(app: &App, org: &OrgId, url: &str) -> Result<Option<SshIdentity>> {
    match Remote::parse(url) {
        Ok(remote) => identity(app, org, &remote).await,
        // The build will say why.
        Err(_) => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pinned_keys_have_the_published_fingerprints() {
        let published = [
            "SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU",
            "SHA256:p2QAMXNIC1TJYWeIOttrVc98/R1BUFWu3/LiyKgUfQM",
            "SHA256:eUXGGm1YGsMAS7vkcx6JOJdOGHPem5gQp4taiCfCLB8",
            "SHA256:HbW3g8zUjNSksFbqTiUWPWg2Bq1x8xdGUrliXFzSnUw",
            "SHA256:ybgmFkzwOSotHTHLJgHO0QN8L0xErw6vd0VhFA9m3SM",
            "SHA256:FC73VB6C4OQLSCrjEayhMp9UMxS97caD/Yyi2bhW/J0",
        ];
        let keys = PINNED.iter().flat_map(|(_, keys)| keys);
        let found: Vec<_> =
            keys.map(|key| fingerprint(key.split(' ').nth(1).unwrap()).unwrap()).collect();
        assert_eq!(found, published);
    }

    #[test]
    fn hosts_have_one_form_and_pinned_ones_stay() {
        for (given, kept) in [
            ("Git.Example.org", Some("git.example.org:22")),
            ("git.example.org:2222", Some("git.example.org:2222")),
            ("github.com:443", Some("github.com:443")),
            ("github.com", None),
            ("-oProxyCommand=x", None),
            ("a b", None),
            ("a:99999", None),
            ("", None),
        ] {
            assert_eq!(own_host(given).ok().map(|(host, _)| host).as_deref(), kept, "{given}");
        }
        assert!(check_key("ssh-ed25519 AAAA a comment").is_ok());
        for key in ["", "ssh-ed25519", "ssh-ed25519 not base64!", "@cert-authority ssh-rsa"] {
            assert!(check_key(key).is_err(), "{key}");
        }
    }
}
