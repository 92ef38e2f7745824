//! What can be built of an app, asked of its remote.

use crate::app::App;
use crate::error::Result;
use crate::model::app::App as AppRow;

use super::{read_remote, store_refs};

/// What the remote says about a branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    There,
    Gone,
    /// The remote cannot be asked now.
    Unknown,
}

/// Asks the remote, whatever was stored: a branch that nobody has built since
/// it was deleted is still known here.
pub async fn look_for_branch(app: &App, row: &AppRow, name: &str) -> Result<Presence> {
    let refs = match read_remote(app, row).await? {
        Ok(refs) => refs,
        Err(error) => {
            tracing::info!(app = %row.id, %error, "the remote cannot be asked for a branch");
            return Ok(Presence::Unknown);
        }
    };
    store_refs(app, row, &refs).await?;
    let there = refs.branches.iter().any(|branch| branch == name);
    Ok(if there { Presence::There } else { Presence::Gone })
}
