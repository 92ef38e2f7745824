//! A person's change of their mail address: a link goes to the new one, and
//! once it is opened the old one is told.

use crate::accounts::audit::{self, Change};
use crate::accounts::{invitations, letters, normalise_email, sign_in, sso};
use crate::app::App;
use crate::db::invitations as rows;
use crate::db::{self, Tx};
use crate::error::{Error, Result};
use crate::model::account::User;
use crate::model::identity::domain_of;
use crate::model::ids::InvitationId;
use crate::model::session::Invitation;
use crate::model::time::Millis;

/// The link to the new address ..
pub(super) const CONFIRM: &str = "address";
/// .. and the mail to the old one, whose link changes nothing.
pub(super) const NOTICE: &str = "address_notice";
const LIFE_MS: i64 = 3_600_000;
/// How long it is tried to tell the old address.
const NOTICE_MS: i64 = 24 * 3_600_000;

/// Mails a link to the address that `user` wants. Earlier links stop working.
/// The caller has made sure that it is them who ask.
///
/// # Errors
/// `Invalid`, naming `email`, also for people whose provider keeps their
/// address, and after five mails in ten minutes.
pub async fn begin(app: &App, user: &User, email: &str, from: &str) -> Result<()> {
    let email = normalise_email(email).map_err(|_| Error::invalid_parameter("email"))?;
    if email == user.email {
        return Err(Error::Invalid("email: is your address already".into()));
    }
    if !sign_in::may_ask_for_reset(app, &email, from).await? {
        return Err(Error::Invalid(
            "email: too many mails were asked for, wait ten minutes".into(),
        ));
    }
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    check(&mut tx, user).await?;
    rows::take_of(&mut tx, CONFIRM, &user.id, now).await?;
    // Whether somebody has it already is told to whoever reads mail there only.
    post(app, &mut tx, user, (CONFIRM, &email, LIFE_MS)).await?;
    tx.commit().await
}

/// Refuses people who must come by a provider: with an address elsewhere they
/// would go around it (SSO-2).
async fn check(tx: &mut Tx, user: &User) -> Result<()> {
    match sso::barred(tx, user).await? {
        Some(by) => Err(Error::Invalid(format!("email: {by} keeps your address"))),
        None => Ok(()),
    }
}

async fn post(
    app: &App,
    tx: &mut Tx,
    user: &User,
    (kind, to, life): (&str, &str, i64),
) -> Result<()> {
    let now = app.clock.now();
    let letter = Invitation {
        id: InvitationId::generate(now),
        kind: kind.into(),
        email: to.to_owned(),
        org_id: None,
        app_id: None,
        access: String::new(),
        invited_by: Some(user.id.clone()),
        created_at: now,
        expires_at: now.plus(life),
        used_at: None,
        sent_at: None,
        send_error: None,
    };
    let key = invitations::add(tx, &letter).await?;
    letters::post(app, tx, &letter.id, &key).await
}

/// The link that confirms a new address of `user`. Nobody else's: else a
/// mistyped address would hand the account to whoever reads mail there.
///
/// # Errors
/// `NotFound` when it is unknown, used, too old or somebody else's.
pub async fn find(tx: &mut Tx, user: &User, key: &str, now: Millis) -> Result<Invitation> {
    let link = invitations::open(tx, CONFIRM, key, now).await?;
    if link.invited_by.as_ref() == Some(&user.id) { Ok(link) } else { Err(Error::not_found()) }
}

/// Changes the address that a link confirms, and tells the old one. Links that
/// were mailed there stop working, because they are found by address.
///
/// # Errors
/// `NotFound` for a dead link, `Conflict` for an address that somebody else
/// has, `Invalid` for people whose provider keeps it.
pub async fn confirm(app: &App, user: &User, key: &str) -> Result<()> {
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let link = find(&mut tx, user, key, now).await?;
    invitations::take(&mut tx, &link, now).await?;
    check(&mut tx, user).await?;
    match db::accounts::set_profile(&mut tx, &user.id, &link.email, &user.name).await {
        Err(Error::Conflict(_)) => {
            return Err(Error::Conflict("Somebody here has this address already".into()));
        }
        other => other?,
    }
    post(app, &mut tx, user, (NOTICE, &user.email, NOTICE_MS)).await?;
    let domain = domain_of(&link.email);
    if !db::identity_providers::list_required(&mut tx, domain).await?.is_empty() {
        db::sessions::delete_unvouched(&mut tx, domain).await?;
    }
    let changed = User { email: link.email, ..user.clone() };
    let change = Change::of_account("address.change", &changed.email).detail(&user.email);
    audit::record_as(&mut tx, &changed, change, now).await?;
    tx.commit().await
}
