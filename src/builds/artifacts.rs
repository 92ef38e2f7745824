//! Files that a build leaves behind: stored once by upload id, offered by a
//! signed link.

use bytes::Bytes;
use futures_util::Stream;

use crate::app::App;
use crate::blobs::BlobKey;
use crate::db;
use crate::db::wake::Topic;
use crate::error::{Error, Result};
use crate::model::artifact::{Artifact, ArtifactKind};
use crate::model::ids::{ArtifactId, BuildId, JobId};
use crate::model::symbols::SymbolFile;
use crate::protocol::{MAX_ARTIFACT_BYTES, MAX_ARTIFACTS};

use super::{Holder, hold, lost};

/// Job that looks again at crashes that want symbols; its subject is the build
/// with which some have arrived.
pub const SYMBOLS_ARRIVED: &str = "symbols_arrived";
/// Longest path, in bytes.
const MAX_PATH: usize = 1_000;

/// A file that an agent wants to store; nothing of it is believed.
#[derive(Debug)]
pub struct Upload<'a> {
    /// Chosen by the agent; the same id stores once.
    pub id: &'a str,
    pub kind: ArtifactKind,
    /// Relative, with `/` between the parts.
    pub path: &'a str,
    pub bytes: u64,
    pub sha256: &'a str,
}

/// Stores a file; the same upload id answers the same artifact.
///
/// # Errors
/// `Invalid` when path, size or digest are not as they should be, `Conflict`
/// when the agent no longer holds the build or the id was used for another
/// file.
pub async fn store<S, E>(
    app: &App,
    holder: Holder<'_>,
    upload: &Upload<'_>,
    body: S,
) -> Result<ArtifactId>
where
    S: Stream<Item = std::result::Result<Bytes, E>> + Unpin,
    E: std::fmt::Display,
{
    let name = check(upload)?;
    let mut tx = app.db.read().await?;
    let build = hold(&mut tx, holder).await?;
    if build.status.is_finished() {
        return Err(lost());
    }
    if let Some(known) = db::artifacts::find_upload(&mut tx, holder.build, upload.id).await? {
        return same(&known, upload);
    }
    if db::artifacts::count(&mut tx, holder.build).await? >= MAX_ARTIFACTS as i64 {
        return Err(Error::Invalid(format!("a build keeps at most {MAX_ARTIFACTS} artifacts")));
    }
    drop(tx);
    let id = ArtifactId::generate(app.clock.now());
    let key = BlobKey::Artifact(holder.build.clone(), id.clone());
    let stored = app.blobs.write(&key, body, upload.bytes).await?;
    if stored.bytes != upload.bytes || stored.sha256 != upload.sha256 {
        app.blobs.delete(&key.to_string()).await?;
        return Err(Error::Invalid("the file does not have the announced size and sha256".into()));
    }
    let artifact = Artifact {
        id: id.clone(),
        build_id: holder.build.clone(),
        kind: upload.kind,
        name: name.to_owned(),
        path: upload.path.to_owned(),
        bytes: stored.bytes as i64,
        sha256: stored.sha256,
        blob_key: key.to_string(),
        created_at: app.clock.now(),
    };
    let mut tx = app.db.write().await?;
    let recorded = match hold(&mut tx, holder).await {
        Ok(build) if !build.status.is_finished() => {
            db::artifacts::insert(&mut tx, upload.id, &artifact).await?
        }
        _ => false,
    };
    if recorded && SymbolFile::of(&artifact.name).is_some() {
        let (now, build) = (app.clock.now(), holder.build.as_str());
        db::jobs::insert(&mut tx, &JobId::generate(now), SYMBOLS_ARRIVED, build, now).await?;
        tx.wake_on_commit(Topic::Jobs);
    }
    let known = db::artifacts::find_upload(&mut tx, holder.build, upload.id).await?;
    tx.commit().await?;
    if !recorded {
        app.blobs.delete(&key.to_string()).await?;
        return same(&known.ok_or_else(lost)?, upload);
    }
    Ok(id)
}

/// The name of the file, if everything about the announcement is well-formed.
fn check<'a>(upload: &Upload<'a>) -> Result<&'a str> {
    if upload.bytes > MAX_ARTIFACT_BYTES {
        return Err(Error::invalid_parameter("bytes"));
    }
    if upload.id.is_empty() || upload.id.len() > 200 {
        return Err(Error::invalid_parameter("upload_id"));
    }
    let path = upload.path;
    let plain = !path.is_empty()
        && path.len() <= MAX_PATH
        && !path.chars().any(|c| c.is_control() || c == '\\')
        && path.split('/').all(|part| !matches!(part, "" | "." | ".."));
    if !plain {
        return Err(Error::invalid_parameter("path"));
    }
    Ok(path.rsplit('/').next().unwrap_or(path))
}

fn same(known: &Artifact, upload: &Upload<'_>) -> Result<ArtifactId> {
    if known.sha256 == upload.sha256 && known.path == upload.path {
        return Ok(known.id.clone());
    }
    Err(Error::Invalid("upload_id was used for another file".into()))
}

/// What a signed download link opens.
#[derive(Debug)]
pub struct Opened {
    pub artifact: Artifact,
    /// For whom the link was made, in the words of whoever made it; `None` for
    /// a link of the API.
    pub bearer: Option<String>,
}

/// The artifact that a signed link to a file of `build` opens.
///
/// # Errors
/// `NotFound` for a key that is forged, expired or for another build.
pub async fn open_link(app: &App, build: &BuildId, key: &str) -> Result<Opened> {
    let subject = app.keys.verify_link(key, app.clock.now()).ok_or_else(Error::not_found)?;
    let (id, bearer) = match subject.split_once('~') {
        Some((id, bearer)) => (id, Some(bearer.to_owned())),
        None => (subject, None),
    };
    let id: ArtifactId = id.parse().map_err(|_| Error::not_found())?;
    let mut tx = app.db.read().await?;
    let artifact = db::artifacts::find(&mut tx, &id).await?.ok_or_else(Error::not_found)?;
    if artifact.build_id == *build {
        Ok(Opened { artifact, bearer })
    } else {
        Err(Error::not_found())
    }
}

/// The query value that authorises downloading just this file for a while. It
/// changes only once in a twentieth of that while, so that the answers that
/// show it keep their entity tag.
pub fn sign_link(app: &App, id: &ArtifactId) -> String {
    let step = (app.settings.link_ttl_ms / 20).max(1);
    let now = app.clock.now();
    let rounded_up = now.plus(step - now.0.rem_euclid(step));
    app.keys.sign_link(id.as_str(), rounded_up.plus(app.settings.link_ttl_ms))
}

/// The same, noting for whom it was made: a word without `~`.
pub fn sign_link_for(app: &App, id: &ArtifactId, bearer: &str) -> String {
    let until = app.clock.now().plus(app.settings.link_ttl_ms);
    app.keys.sign_link(&format!("{id}~{bearer}"), until)
}
