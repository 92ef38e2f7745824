//! Where the head of a pull request is now, asked of the remote.

use crate::app::App;
use crate::error::Result;
use crate::git::checkout::Access;
use crate::git::refs;
use crate::git::remote::Remote;
use crate::model::app::App as AppRow;
use crate::model::origin::PullRequest;
use crate::protocol::{Credential, SshIdentity};

/// The pull request at the tip of its head's branch; as it was last heard of
/// if the remote does not answer.
pub async fn at_latest_head(app: &App, row: &AppRow, mut pull: PullRequest) -> Result<PullRequest> {
    if let Some(tip) = latest_head(app, row, &pull).await? {
        pull.head_sha = tip;
    }
    Ok(pull)
}

/// The tip of its head's branch, if the remote tells.
pub async fn latest_head(app: &App, row: &AppRow, pull: &PullRequest) -> Result<Option<String>> {
    let own = Remote::parse(&row.repo_url).ok();
    let head = match &pull.fork {
        None => own.clone(),
        Some(fork) => Remote::parse(&fork.url).ok(),
    };
    let (Some(own), Some(head)) = (own, head) else { return Ok(None) };
    let keys = Keys::of(app, row, &own).await?;
    Ok(refs::tip(&head, keys.access(&own, &head), &pull.head_branch).await.ok())
}

/// What opens the app's own remote.
#[derive(Debug)]
pub struct Keys {
    credential: Option<Credential>,
    ssh: Option<SshIdentity>,
}

impl Keys {
    pub async fn of(app: &App, row: &AppRow, own: &Remote) -> Result<Self> {
        let mut tx = app.db.read().await?;
        let opening = super::credential(app, &mut tx, row).await?;
        drop(tx);
        let credential = opening.map(|opening| opening.credential);
        Ok(Self { credential, ssh: super::ssh_keys::identity(app, &row.org_id, own).await? })
    }

    /// For its own host, port and transport only, which `remote` may not be.
    pub fn access(&self, own: &Remote, remote: &Remote) -> Access<'_> {
        let is_own = remote.http_host() == own.http_host() && remote.ssh_host() == own.ssh_host();
        match is_own {
            true => Access { credential: self.credential.as_ref(), ssh: self.ssh.as_ref() },
            false => Access::default(),
        }
    }
}
