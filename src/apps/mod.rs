//! Apps, their branches and their variables. Touches `db`, `secrets` and
//! `git`; starts no builds.

use crate::app::App;
use crate::db::{self, Tx};
use crate::error::{Error, Result};
use crate::git::checkout::Access;
use crate::git::command::GitError;
use crate::git::refs::{self, RemoteRefs};
use crate::git::remote::{Remote, check_branch};
use crate::model::app::{App as AppRow, Branch, Platform};
use crate::model::ids::{AppId, OrgId};
use crate::model::secret::Secret;
use crate::protocol::Credential;

pub mod connection;
pub mod manage;
pub mod pins;
pub mod project;
pub mod providers;
pub mod pulls;
pub mod purge;
pub mod secure_files;
pub mod settings;
mod source;
pub mod ssh_keys;
pub mod targets;
pub mod variables;
pub mod webhook;

pub use source::{fork_place, repository_key, split_credential};

/// Stored branches older than this are read again when somebody asks.
const BRANCHES_FRESH_MS: i64 = 3 * 60_000;
/// Longest display name, in characters.
const MAX_NAME: usize = 200;
/// Longest clone URL, in bytes.
const MAX_URL: usize = 4_096;

/// An app to add.
#[derive(Debug)]
pub struct NewApp<'a> {
    pub org: &'a OrgId,
    pub name: &'a str,
    pub platform: Platform,
    /// May hold credentials; they are split off and sealed (APP-5).
    pub repo_url: &'a str,
}

/// Adds an app. Does not ask the remote: a repository may come later.
///
/// # Errors
/// `Invalid`, naming the parameter `app_name` or `repo_url`.
pub async fn add(app: &App, tx: &mut Tx, new: &NewApp<'_>) -> Result<AppRow> {
    add_as(app, tx, AppId::generate(app.clock.now()), new).await
}

/// `add`, for an app that has an id already: it comes from another server.
pub async fn add_as(app: &App, tx: &mut Tx, id: AppId, new: &NewApp<'_>) -> Result<AppRow> {
    let now = app.clock.now();
    let name = checked_name(new.name)?.to_owned();
    let (repo_url, sealed) = checked_repository(app, &id, new.repo_url)?;
    let row = AppRow {
        id,
        org_id: new.org.clone(),
        name,
        platform: new.platform,
        repo_url,
        default_branch: None,
        branches_read_at: None,
        is_public: false,
        created_at: now,
    };
    db::apps::insert(tx, &row, sealed.as_deref()).await?;
    settings::inherit(tx, &row).await?;
    Ok(row)
}

fn checked_name(name: &str) -> Result<&str> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > MAX_NAME || name.chars().any(char::is_control) {
        return Err(Error::Invalid("app_name: must have 1 to 200 printable characters".into()));
    }
    Ok(name)
}

/// The clone URL without credentials, and those sealed for the app `id`.
fn checked_repository(app: &App, id: &AppId, url: &str) -> Result<(String, Option<String>)> {
    if url.len() > MAX_URL || url.contains('\0') {
        return Err(Error::invalid_parameter("repo_url"));
    }
    let (url, credential) = split_credential(url);
    Remote::parse(&url).map_err(|refused| Error::Invalid(format!("repo_url: {refused}")))?;
    let sealed = credential.map(|c| {
        let pair = format!("{}\n{}", c.username.expose(), c.password.expose());
        app.keys.seal(&credential_place(id), &Secret::new(pair))
    });
    Ok((url, sealed))
}

/// What seals the credential of a repository to its row.
pub fn credential_place(id: &AppId) -> String {
    format!("apps/{id}/repo_credential")
}

/// What opens the repository of an app over HTTP.
#[derive(Debug)]
pub struct Opening {
    pub credential: Credential,
    /// It is the organisation's and opens more than this repository.
    pub is_shared: bool,
}

/// The app's own credential, else that of a connection of its organisation.
pub async fn credential(app: &App, tx: &mut Tx, row: &AppRow) -> Result<Option<Opening>> {
    let Some(sealed) = db::apps::find_credential(tx, &row.id).await? else {
        let shared = providers::credential(app, tx, &row.org_id, &row.repo_url).await?;
        return Ok(shared.map(|credential| Opening { credential, is_shared: true }));
    };
    let pair = app.keys.open_sealed(&credential_place(&row.id), &sealed)?;
    let (username, password) = pair
        .expose()
        .split_once('\n')
        .ok_or_else(|| Error::bug("opening a repository credential", "no separator"))?;
    let credential =
        Credential { username: Secret::new(username), password: Secret::new(password) };
    Ok(Some(Opening { credential, is_shared: false }))
}

/// Branches by name; asks the remote first when the stored answer is old, and
/// answers from what is stored if the remote fails (api.md 4.2).
pub async fn branches(app: &App, row: &AppRow, include_deleted: bool) -> Result<Vec<Branch>> {
    let fresh =
        row.branches_read_at.is_some_and(|at| app.clock.now().since(at) < BRANCHES_FRESH_MS);
    if !fresh {
        match read_remote(app, row).await? {
            Ok(refs) => store_refs(app, row, &refs).await?,
            Err(error) => {
                tracing::info!(app = %row.id, %error, "reading the remote's branches failed");
                let mut tx = app.db.write().await?;
                db::apps::set_branches_read_at(&mut tx, &row.id, app.clock.now()).await?;
                tx.commit().await?;
            }
        }
    }
    let mut tx = app.db.read().await?;
    let mut branches = db::apps::list_branches(&mut tx, &row.id).await?;
    branches.retain(|branch| include_deleted || branch.deleted_at.is_none());
    Ok(branches)
}

/// The branch that a build of `wanted` (or of the default branch) builds.
/// Empty when the default is not known and the remote cannot be reached: the
/// agent will find out, or fail with git's words in its log (api.md 4.5).
///
/// # Errors
/// `NotFound` with `Branch not found`.
pub async fn resolve_branch(app: &App, row: &AppRow, wanted: Option<&str>) -> Result<String> {
    let missing = || Error::NotFound("Branch not found".into());
    match wanted {
        Some(name) => {
            check_branch(name).map_err(|_| missing())?;
            let mut tx = app.db.read().await?;
            let known = db::apps::find_branch(&mut tx, &row.id, name).await?;
            drop(tx);
            if known.is_some_and(|branch| branch.deleted_at.is_none()) {
                return Ok(name.to_owned());
            }
        }
        None => {
            if let Some(name) = &row.default_branch {
                return Ok(name.clone());
            }
        }
    }
    let refs = match read_remote(app, row).await? {
        Ok(refs) => refs,
        Err(error) => {
            tracing::info!(app = %row.id, %error, "the remote cannot be reached; queueing anyway");
            return Ok(wanted.unwrap_or_default().to_owned());
        }
    };
    store_refs(app, row, &refs).await?;
    match wanted {
        Some(name) if refs.branches.iter().any(|b| b == name) => Ok(name.to_owned()),
        Some(_) => Err(missing()),
        None => refs.default_branch.ok_or_else(missing),
    }
}

/// Holds a tag against the remote.
///
/// # Errors
/// `NotFound` with `Tag not found`. A remote that cannot be reached is asked
/// again by the agent.
pub async fn check_tag(app: &App, row: &AppRow, tag: &str) -> Result<()> {
    let Ok(remote) = Remote::parse(&row.repo_url) else { return Ok(()) };
    let keys = pulls::Keys::of(app, row, &remote).await?;
    match refs::has_tag(&remote, keys.access(&remote, &remote), tag).await {
        Ok(true) => Ok(()),
        Ok(false) => Err(Error::NotFound("Tag not found".into())),
        Err(error) => {
            tracing::info!(app = %row.id, %error, "the remote cannot be reached; queueing anyway");
            Ok(())
        }
    }
}

async fn read_remote(app: &App, row: &AppRow) -> Result<Result<RemoteRefs, GitError>> {
    let mut tx = app.db.read().await?;
    let opening = credential(app, &mut tx, row).await?;
    // The connection goes back before git is asked: remotes can be slow.
    drop(tx);
    let remote = match Remote::parse(&row.repo_url) {
        Ok(remote) => remote,
        Err(refused) => return Ok(Err(refused.into())),
    };
    let ssh = ssh_keys::identity(app, &row.org_id, &remote).await?;
    let credential = opening.as_ref().map(|opening| &opening.credential);
    Ok(refs::read(&remote, Access { credential, ssh: ssh.as_ref() }).await)
}

/// Records the remote's branches; those that vanished become deleted.
async fn store_refs(app: &App, row: &AppRow, refs: &RemoteRefs) -> Result<()> {
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let known = db::apps::list_branches(&mut tx, &row.id).await?;
    let alive: std::collections::HashSet<&str> =
        known.iter().filter(|b| b.deleted_at.is_none()).map(|b| b.name.as_str()).collect();
    let offered: std::collections::HashSet<&str> =
        refs.branches.iter().map(String::as_str).collect();
    for gone in alive.difference(&offered) {
        db::apps::mark_branch_deleted(&mut tx, &row.id, gone, now).await?;
    }
    for new in offered.difference(&alive) {
        db::apps::upsert_branch(&mut tx, &row.id, new).await?;
    }
    if let Some(default) = &refs.default_branch {
        db::apps::set_default_branch(&mut tx, &row.id, default).await?;
    }
    db::apps::set_branches_read_at(&mut tx, &row.id, now).await?;
    tx.commit().await
}
