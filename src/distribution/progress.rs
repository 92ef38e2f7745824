//! What recipients did with a build (DEP-14, DEP-15), and the functions that
//! the SDK's door calls.

use crate::app::App;
use crate::db::{self, Tx};
use crate::error::{Error, Result};
use crate::model::build::Build;
use crate::model::ids::{BuildId, RecipientId};

use super::{failures, links};

/// Longest report of a failed install that is kept, in characters.
const MAX_FAILURE: usize = 500;

/// The install page was opened through the link of this recipient.
pub async fn opened(app: &App, tx: &mut Tx, recipient: &RecipientId) -> Result<()> {
    db::deployments::set_opened(tx, recipient, app.clock.now()).await
}

/// Bears a download link of an install page that is nobody's own.
pub const ANYBODY: &str = "install";

/// A package of `build` is about to be sent through a link of an install page;
/// `bearer` is a recipient or `ANYBODY`. `starts`: the device fetches it, and
/// does not only ask what is there.
///
/// # Errors
/// `NotFound` for a build that is disabled meanwhile (DEP-12).
pub async fn hand_out(app: &App, build: &BuildId, bearer: &str, starts: bool) -> Result<()> {
    let mut tx = app.db.read().await?;
    let found = db::builds::find(&mut tx, build).await?.ok_or_else(Error::not_found)?;
    drop(tx);
    if found.disabled {
        return Err(Error::not_found());
    }
    if starts && bearer != ANYBODY {
        let recipient = bearer.parse().map_err(|_| Error::not_found())?;
        let mut tx = app.db.write().await?;
        downloaded(app, &mut tx, &recipient).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// The package was fetched through the link of this recipient.
async fn downloaded(app: &App, tx: &mut Tx, recipient: &RecipientId) -> Result<()> {
    db::deployments::set_downloaded(tx, recipient, app.clock.now()).await
}

/// The recipient says that the build does not install, and the team is told.
pub async fn failed(app: &App, tx: &mut Tx, recipient: &RecipientId, said: &str) -> Result<()> {
    let said: String =
        said.chars().filter(|c| !c.is_control() || *c == '\n').take(MAX_FAILURE).collect();
    let known = db::deployments::find_recipient(tx, recipient).await?;
    let known = known.ok_or_else(Error::not_found)?;
    let now = app.clock.now();
    db::deployments::set_failed(tx, recipient, said.trim(), now).await?;
    failures::plan(tx, &known, now).await
}

/// `email`, as an SDK knows it, has started `build` (api.md 6.1 `open-event`).
pub async fn launched(app: &App, tx: &mut Tx, build: &Build, email: &str) -> Result<()> {
    let key = email.trim().to_lowercase();
    db::deployments::set_launched(tx, &build.id, &key, app.clock.now()).await?;
    Ok(())
}

/// The install page of the newest build that was deployed to `email` and is
/// newer than `build`, of the same scheme (SDK-6).
pub async fn newer_for(
    app: &App,
    tx: &mut Tx,
    build: &Build,
    email: &str,
) -> Result<Option<String>> {
    let key = email.trim().to_lowercase();
    let Some((newer, recipient)) = db::deployments::find_newer(tx, build, &key).await? else {
        return Ok(None);
    };
    let Some(row) = db::apps::find(tx, &build.app_id).await? else { return Ok(None) };
    Ok(Some(links::install_url(app, row.platform, &newer, Some(&recipient))))
}
