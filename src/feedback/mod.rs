//! Feedback of testers and reports of crashes: what a build's users send back
//! (SDK-1, SDK-2). Touches `db`, `blobs` and `secrets`; knows neither the SDKs'
//! bodies nor the export tool's folders, which their doors read.

use crate::app::App;
use crate::db::{self, Tx};
use crate::error::{Error, Result};
use crate::model::build::Build;
use crate::model::feedback::{Feedback, ItemState};
use crate::model::ids::{AppId, BuildId, FeedbackId};
use crate::model::text::cut;

pub mod crashes;
pub mod group;
pub mod java;
pub mod media;
pub mod native;
pub mod symbols;

pub use media::File;

/// Longest comment of a tester, in bytes; the rest is cut.
const MAX_DESCRIPTION: usize = 16 << 10;
/// Longest name, version or address, in bytes; the rest is cut.
const MAX_LABEL: usize = 254;
/// Largest `system` or `metadata`, in bytes of JSON.
pub const MAX_FACTS: usize = 64 << 10;
/// Deepest nesting of `system` and `metadata`.
pub const MAX_FACTS_DEPTH: usize = 8;

/// Stores feedback with its files; false, and nothing changes, if this id is
/// stored already.
///
/// # Errors
/// `Invalid` for a file that is not what it should be.
pub async fn add(app: &App, mut feedback: Feedback, files: Vec<File>) -> Result<bool> {
    feedback.description = cut(&feedback.description, MAX_DESCRIPTION);
    feedback.email = person(feedback.email.as_deref());
    bound(&mut feedback.origin);
    let stored = media::store(app, feedback.id.as_str(), files).await?;
    let is_new = record(app, &feedback, &stored).await?;
    if !is_new {
        stored.discard(app).await?;
    }
    Ok(is_new)
}

async fn record(app: &App, feedback: &Feedback, stored: &media::Stored) -> Result<bool> {
    let mut tx = app.db.write().await?;
    if !db::feedback::insert(&mut tx, feedback).await? {
        return Ok(false);
    }
    stored.record(&mut tx).await?;
    tx.commit().await?;
    Ok(true)
}

/// Opens or closes feedback; false if it was like that already.
///
/// # Errors
/// `NotFound` for feedback that `app` does not have.
pub async fn set_state(
    tx: &mut Tx,
    app: &AppId,
    id: &FeedbackId,
    state: ItemState,
) -> Result<bool> {
    db::feedback::find(tx, app, id).await?.ok_or_else(Error::not_found)?;
    Ok(db::feedback::set_state(tx, app, id, state).await? == 1)
}

/// The build that an SDK reports about.
///
/// # Errors
/// `NotFound` unless this app exists and has this build.
pub async fn find_build(app: &App, id: &AppId, build: &BuildId) -> Result<Build> {
    let mut tx = app.db.read().await?;
    db::apps::find(&mut tx, id).await?.ok_or_else(Error::not_found)?;
    let build = db::builds::find(&mut tx, build).await?.filter(|build| build.app_id == *id);
    build.ok_or_else(Error::not_found)
}

fn bound(origin: &mut crate::model::feedback::Origin) {
    for label in [&mut origin.bundle_id, &mut origin.short_version, &mut origin.version] {
        *label = cut(label, MAX_LABEL);
    }
}

/// Who sent something: an address or a display name, `None` if nobody said
/// (SDK-7). Old SDKs send the word "null" for a tester they do not know.
fn person(name: Option<&str>) -> Option<String> {
    let name = name?.trim();
    (!name.is_empty() && name != "null").then(|| cut(name, MAX_LABEL))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_sender_is_nobody() {
        for nobody in [None, Some(""), Some("  "), Some("null")] {
            assert_eq!(person(nobody), None);
        }
        assert_eq!(person(Some(" ann@example.org ")).as_deref(), Some("ann@example.org"));
        assert_eq!(person(Some(&"é".repeat(200))).map(|name| name.len()), Some(254));
    }
}
