//! The first administrator of an installation becomes a person: whoever has
//! the one-time link that the server prints sets address, name and password.
//! Nobody can do so without it, because a page that gives the server to its
//! first visitor would give it to whoever scans the network.

use crate::accounts::audit::{self, Change};
use crate::accounts::{invitations, normalise_email, passwords};
use crate::app::App;
use crate::db::invitations as rows;
use crate::db::{self, Tx};
use crate::error::{Error, Result};
use crate::model::account::User;
use crate::model::ids::InvitationId;
use crate::model::secret::Secret;
use crate::model::session::Invitation;
use crate::model::time::Millis;

/// Address of the first administrator until somebody claims the account.
pub const NOBODY: &str = "admin@localhost";
const KIND: &str = "first_run";
/// Whoever starts the server opens the link now, or starts it again.
const LIFE_MS: i64 = 24 * 3_600_000;

/// A key for the link; `None` once the account was claimed. Earlier keys stop
/// working.
pub async fn begin(tx: &mut Tx, now: Millis) -> Result<Option<Secret>> {
    if unclaimed(tx).await?.is_none() {
        return Ok(None);
    }
    rows::take_all(tx, KIND, NOBODY, now).await?;
    let link = Invitation {
        id: InvitationId::generate(now),
        kind: KIND.into(),
        email: NOBODY.into(),
        org_id: None,
        app_id: None,
        access: String::new(),
        invited_by: None,
        created_at: now,
        expires_at: now.plus(LIFE_MS),
        used_at: None,
        sent_at: None,
        send_error: None,
    };
    invitations::add(tx, &link).await.map(Some)
}

/// The administrator that nobody has claimed: still without a password and
/// without an address that mail reaches.
async fn unclaimed(tx: &mut Tx) -> Result<Option<User>> {
    let found = db::accounts::find_user_by_email(tx, NOBODY).await?;
    let Some(user) = found.filter(|user| user.is_admin) else { return Ok(None) };
    let kept = db::sessions::find_credentials(tx, &user.id).await?;
    Ok(Some(user).filter(|_| kept.is_some_and(|kept| kept.password_hash.is_none())))
}

/// Is the link good?
///
/// # Errors
/// `NotFound` when it is unknown, used or too old.
pub async fn check(tx: &mut Tx, key: &str, now: Millis) -> Result<Invitation> {
    let link = invitations::open(tx, KIND, key, now).await?;
    match unclaimed(tx).await? {
        Some(_) => Ok(link),
        None => Err(Error::NotFound("This server has an owner already".into())),
    }
}

/// Who the owner is.
#[derive(Debug)]
pub struct Owner<'a> {
    pub email: &'a str,
    pub name: &'a str,
    pub password: &'a Secret,
}

/// Makes the first administrator this person.
///
/// # Errors
/// `NotFound` for a dead link; `Invalid`, naming `email`, `name` or
/// `password`; `Conflict` for an address that somebody else has.
pub async fn claim(app: &App, key: &str, owner: &Owner<'_>) -> Result<User> {
    let email = normalise_email(owner.email).map_err(|_| Error::invalid_parameter("email"))?;
    let name = super::check_name(owner.name)?;
    passwords::check(owner.password)?;
    let now = app.clock.now();
    let mut tx = app.db.read().await?;
    check(&mut tx, key, now).await?;
    drop(tx);
    let hash = passwords::hash(owner.password).await?;
    let mut tx = app.db.write().await?;
    let link = check(&mut tx, key, now).await?;
    invitations::take(&mut tx, &link, now).await?;
    let user = unclaimed(&mut tx).await?.ok_or_else(Error::not_found)?;
    let name = if name.is_empty() { user.name.clone() } else { name.to_owned() };
    match db::accounts::set_profile(&mut tx, &user.id, &email, &name).await {
        Err(Error::Conflict(_)) => {
            return Err(Error::Conflict("Somebody here has this address already".into()));
        }
        other => other?,
    }
    db::sessions::set_password(&mut tx, &user.id, &hash).await?;
    let user = User { email, name, ..user };
    audit::record_as(&mut tx, &user, Change::of_account("account.claim", &user.email), now).await?;
    tx.commit().await?;
    Ok(user)
}
