//! The way in when nothing else works (SSO-5): whoever has a shell on the server
//! prints a link that signs one person in, once, within a quarter of an hour. A
//! second factor is not asked for: who runs the server could turn it off.

use crate::accounts::audit::{self, Change};
use crate::accounts::sessions::{self, Began, Visitor};
use crate::accounts::{find_user, invitations};
use crate::app::App;
use crate::db::invitations as rows;
use crate::db::{self, Tx};
use crate::error::{Error, Result};
use crate::model::account::User;
use crate::model::ids::InvitationId;
use crate::model::secret::Secret;
use crate::model::session::Invitation;
use crate::model::time::Millis;

const KIND: &str = "sign_in";
/// How long it works, in minutes.
pub const LIFE_MINUTES: i64 = 15;

/// A key for the link. Earlier ones of this person stop working.
///
/// # Errors
/// `NotFound` for an address that nobody has.
pub async fn begin(tx: &mut Tx, email: &str, now: Millis) -> Result<(User, Secret)> {
    let user = find_user(tx, email).await?;
    rows::take_all(tx, KIND, &user.email, now).await?;
    let link = Invitation {
        id: InvitationId::generate(now),
        kind: KIND.into(),
        email: user.email.clone(),
        org_id: None,
        app_id: None,
        access: String::new(),
        invited_by: None,
        created_at: now,
        expires_at: now.plus(LIFE_MINUTES * 60_000),
        used_at: None,
        sent_at: None,
        send_error: None,
    };
    let key = invitations::add(tx, &link).await?;
    audit::record_system(tx, Change::of_account("sign_in_link.add", &user.email), now).await?;
    Ok((user, key))
}

/// The page that the link leads to.
pub fn url(app: &App, key: &Secret) -> String {
    format!("{}/sign-in/link?key={}", app.settings.dashboard_url, key.expose())
}

/// Whom the link signs in.
///
/// # Errors
/// `NotFound` when it is unknown, used or too old.
pub async fn check(tx: &mut Tx, key: &str, now: Millis) -> Result<(Invitation, User)> {
    let link = invitations::open(tx, KIND, key, now).await?;
    let user = db::accounts::find_user_by_email(tx, &link.email).await?;
    Ok((link, user.ok_or_else(Error::not_found)?))
}

/// Uses the link up; the cookie's value of a fresh session.
///
/// # Errors
/// As `check`.
pub async fn enter(app: &App, key: &str, from: Visitor<'_>) -> Result<Secret> {
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let (link, user) = check(&mut tx, key, now).await?;
    invitations::take(&mut tx, &link, now).await?;
    let change = Change::of_account("sign_in_link.use", &user.email);
    audit::record_as(&mut tx, &user, change, now).await?;
    let session = sessions::start(&mut tx, &user.id, from, Began::BY_LINK, now).await?;
    tx.commit().await?;
    Ok(session)
}
