//! Branches that somebody wants to see first (APP-12). Each person has their
//! own; whoever may see the app may pin.

use crate::app::App;
use crate::db::{self, Tx};
use crate::error::{Error, Result};
use crate::model::app::App as AppRow;
use crate::model::ids::UserId;

/// Of one person and app: more are no order any more.
const MAX_PINS: usize = 30;

/// Pins a branch of the app.
///
/// # Errors
/// `NotFound` for a branch that the app does not have, `Conflict` for one pin
/// too many.
pub async fn pin(app: &App, tx: &mut Tx, user: &UserId, row: &AppRow, branch: &str) -> Result<()> {
    if db::apps::find_branch(tx, &row.id, branch).await?.is_none() {
        return Err(Error::NotFound("Branch not found".into()));
    }
    let pinned = db::pins::list(tx, user, &row.id).await?;
    if pinned.len() >= MAX_PINS && !pinned.iter().any(|name| name == branch) {
        return Err(Error::Conflict(format!("At most {MAX_PINS} branches can be pinned")));
    }
    db::pins::insert(tx, user, &row.id, branch, app.clock.now()).await
}

/// Pinned or not, afterwards it is not.
pub async fn unpin(tx: &mut Tx, user: &UserId, row: &AppRow, branch: &str) -> Result<()> {
    db::pins::delete(tx, user, &row.id, branch).await.map(drop)
}
