//! Release notes, which testers read in the mail and on the install page.

use crate::db::{self, Tx};
use crate::error::Result;
use crate::model::build::Build;

/// The text of DEP-8: what was entered with the deployment (or, on a page that
/// belongs to none, with the latest one), else `buddybuild_release_notes.txt`,
/// else the message of the last commit. May be empty.
pub async fn of(tx: &mut Tx, build: &Build, entered: Option<&str>) -> Result<String> {
    if let Some(text) = entered.filter(|text| !text.is_empty()) {
        return Ok(text.to_owned());
    }
    if entered.is_none()
        && let Some(text) = db::deployments::find_entered_notes(tx, &build.id).await?
    {
        return Ok(text);
    }
    let from_file = db::deployments::find_build_notes(tx, &build.id).await?;
    Ok(from_file.unwrap_or_else(|| build.commit_message.clone()).trim().to_owned())
}
