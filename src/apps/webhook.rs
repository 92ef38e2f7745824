//! The app's webhook: its address, the secret that deliveries are signed with,
//! and which apps a delivery without an app is for (TRG-3, TRG-4).

use crate::app::App;
use crate::db::{self, Tx};
use crate::error::{Error, Result};
use crate::model::app::App as AppRow;
use crate::model::ids::AppId;
use crate::model::secret::Secret;

use super::repository_key;

/// GitHub takes no longer ones, and an HTTP header holds no more than text.
const MAX_SECRET: usize = 256;

/// Where the provider posts to.
pub fn url(app: &App, id: &AppId) -> String {
    format!("{}/api/webhook?appID={id}", app.settings.dashboard_url)
}

/// What seals the secret to its row.
pub fn sealing_place(id: &AppId) -> String {
    format!("apps/{id}/webhook_secret")
}

/// From now on only deliveries that prove to know `secret` are taken.
///
/// # Errors
/// `Invalid`, naming `secret`, unless it is 1 to 256 printable ASCII characters.
pub async fn set_secret(app: &App, tx: &mut Tx, id: &AppId, secret: &Secret) -> Result<()> {
    let text = secret.expose();
    let fits = (1..=MAX_SECRET).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_graphic() || b == b' ')
        && text.trim() == text;
    if !fits {
        return Err(Error::Invalid("secret: 1 to 256 printable ASCII characters".into()));
    }
    let sealed = app.keys.seal(&sealing_place(id), secret);
    db::deliveries::upsert_secret(tx, id, &sealed, app.clock.now()).await
}

/// The opened secret, if one is set.
pub async fn secret(app: &App, tx: &mut Tx, id: &AppId) -> Result<Option<Secret>> {
    let Some((sealed, _)) = db::deliveries::find_secret(tx, id).await? else { return Ok(None) };
    app.keys.open_sealed(&sealing_place(id), &sealed).map(Some)
}

/// Every app that is built from one of these URLs, by whatever transport.
pub async fn find_apps(tx: &mut Tx, urls: &[String]) -> Result<Vec<AppRow>> {
    let wanted: Vec<String> = urls.iter().filter_map(|url| repository_key(url)).collect();
    let mut apps = db::apps::list(tx).await?;
    apps.retain(|app| repository_key(&app.repo_url).is_some_and(|key| wanted.contains(&key)));
    Ok(apps)
}
