//! What an agent is told about the build it has claimed: everything it may
//! know, and no more. Only doors may look into two product rooms at once.

use crate::app::App;
use crate::apps::variables::VariableKind;
use crate::apps::{self, secure_files, ssh_keys, variables};
use crate::builds;
use crate::db::{self, Tx};
use crate::error::{Error, Result};
use crate::model::app::App as AppRow;
use crate::model::build::Build;
use crate::model::origin::Origin;
use crate::protocol::{Assignment, Limits, PullSource, SecureFile, Source, Variable};

/// The assignment of a claimed build. May ask an SSH host for its keys.
pub async fn of(app: &App, build: &Build) -> Result<Assignment> {
    let origin = builds::origin_of(build)?;
    let mut tx = app.db.read().await?;
    let row = db::apps::find(&mut tx, &build.app_id)
        .await?
        .ok_or_else(|| Error::bug("assigning a build", "its app is deleted"))?;
    // Another repository since it was queued: its credential is not for the old host.
    let opening = match row.repo_url == build.repo_url {
        true => apps::credential(app, &mut tx, &row).await?,
        false => None,
    };
    let for_checkout_only = opening.as_ref().is_some_and(|opening| opening.is_shared);
    let credential = opening.map(|opening| opening.credential);
    let secrets = match origin.may_see_secrets() {
        true => Secrets::of(app, &mut tx, &row, build).await?,
        false => Secrets::default(),
    };
    // An SSH host may be slow.
    drop(tx);
    let ssh = ssh_keys::identity_of_url(app, &row.org_id, &build.repo_url).await?;
    Ok(Assignment {
        build_id: build.id.clone(),
        app_id: build.app_id.clone(),
        app_name: row.name,
        platform: row.platform,
        number: build.number,
        attempt: build.attempt,
        source: Source { credential, for_checkout_only, ssh, ..source_of(build, &origin) },
        scheme: build.scheme.clone(),
        triggered_by: build.triggered_by,
        env: secrets.env,
        device: secrets.device,
        secure_files: secrets.files,
        without_cache: origin.without_cache,
        limits: Limits {
            max_duration_ms: app.settings.max_build_ms,
            kill_grace_ms: app.settings.kill_grace_ms,
            lease_ms: app.settings.lease_ms,
        },
    })
}

/// What the build of an untrusted fork does not get (SEC-7).
#[derive(Default)]
struct Secrets {
    env: Vec<Variable>,
    device: Vec<Variable>,
    files: Vec<SecureFile>,
}

impl Secrets {
    async fn of(app: &App, tx: &mut Tx, row: &AppRow, build: &Build) -> Result<Self> {
        let files = secure_files::of_app(tx, row)
            .await?
            .into_iter()
            .map(|file| SecureFile { name: file.name, bytes: file.bytes.unsigned_abs() });
        let files = files.collect();
        let branch = &build.branch;
        let env = variables::of_build(app, tx, row, VariableKind::Environment, branch).await?;
        let device = variables::of_build(app, tx, row, VariableKind::Device, branch).await?;
        Ok(Self { env, device, files })
    }
}

/// What to check out, without what opens the remote.
fn source_of(build: &Build, origin: &Origin) -> Source {
    let source = Source {
        repo_url: build.repo_url.clone(),
        branch: build.branch.clone(),
        commit: build.wanted_commit.clone(),
        tag: origin.tag.clone(),
        ..Source::default()
    };
    let Some(pull) = &origin.pull_request else { return source };
    // The head that was announced; without one, the tip of its branch.
    let announced = Some(&pull.head_sha).filter(|sha| !sha.is_empty()).cloned();
    Source {
        branch: pull.head_branch.clone(),
        commit: source.commit.or(announced),
        tag: None,
        pull_request: Some(PullSource {
            number: pull.number,
            base_branch: pull.base_branch.clone(),
            head_url: pull.fork.as_ref().map(|fork| fork.url.clone()),
            fork: pull.fork.as_ref().map(|fork| fork.name.clone()),
            trusted: origin.may_see_secrets(),
        }),
        ..source
    }
}
