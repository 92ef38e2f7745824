//! Links that lead to an account: invitations of people (ORG-4) and password
//! resets. Who gets a link mailed is up to the doors; only hashes are kept.

use crate::accounts::audit::{self, Change};
use crate::accounts::{letters, normalise_email, passwords, sign_in, sso};
use crate::app::App;
use crate::db::invitations as rows;
use crate::db::{self, Tx};
use crate::error::{Error, Result};
use crate::model::account::{Access, Actor, User};
use crate::model::ids::{AppId, InvitationId, OrgId, UserId};
use crate::model::secret::Secret;
use crate::model::session::Invitation;
use crate::model::time::Millis;
use crate::secrets;

const INVITE: &str = "invite";
const RESET: &str = "reset";
/// Prefix of the key in a link.
const PREFIX: &str = "sml_";
const INVITE_MS: i64 = 14 * 24 * 3_600_000;
const RESET_MS: i64 = 3_600_000;
/// Open invitations of one organisation or app: mail is not for strangers.
const MAX_OPEN: usize = 100;

/// What an invited person may do.
#[derive(Debug, Clone, Copy)]
pub enum Membership<'a> {
    /// Member of an organisation: `owner`, `full` or `read`.
    Organisation(&'a OrgId, &'a str),
    /// Collaborator of one app.
    App(&'a AppId, Access),
}

/// Invites `email`, by mail; the key for the link, shown this once. Earlier
/// links into the same place stop working. The caller was authorised to manage
/// what the person is invited into.
///
/// # Errors
/// `Invalid` for a malformed address or role, and for one invitation too many.
pub async fn invite(
    app: &App,
    tx: &mut Tx,
    by: &Actor,
    email: &str,
    into: Membership<'_>,
) -> Result<(Invitation, Secret)> {
    let now = app.clock.now();
    let (org_id, app_id, access) = match into {
        Membership::Organisation(org, role) if matches!(role, "owner" | "full" | "read") => {
            (Some(org.clone()), None, role.to_owned())
        }
        Membership::Organisation(..) => return Err(Error::invalid_parameter("role")),
        Membership::App(app, access) => (None, Some(app.clone()), access.as_str().to_owned()),
    };
    let invitation = Invitation {
        id: InvitationId::generate(now),
        kind: INVITE.into(),
        email: normalise_email(email).map_err(|_| Error::invalid_parameter("email"))?,
        org_id,
        app_id,
        access,
        invited_by: Some(by.user_id.clone()),
        created_at: now,
        expires_at: now.plus(INVITE_MS),
        used_at: None,
        sent_at: None,
        send_error: None,
    };
    rows::take_same(tx, &invitation, now).await?;
    let open = match into {
        Membership::Organisation(org, _) => rows::list(tx, org, now).await?,
        Membership::App(id, _) => rows::list_of_app(tx, id, now).await?,
    };
    if open.len() >= MAX_OPEN {
        return Err(Error::Invalid(format!("email: {MAX_OPEN} invitations are open already")));
    }
    let key = add(tx, &invitation).await?;
    letters::post(app, tx, &invitation.id, &key).await?;
    Ok((invitation, key))
}

pub(super) async fn add(tx: &mut Tx, invitation: &Invitation) -> Result<Secret> {
    let key = secrets::generate_token(PREFIX);
    rows::insert(tx, invitation, &secrets::hash_token(key.expose())).await?;
    Ok(key)
}

/// Takes an open invitation back; its link stops working.
///
/// # Errors
/// `NotFound` when it is not into this place or not open.
pub async fn withdraw(
    app: &App,
    tx: &mut Tx,
    id: &InvitationId,
    from: (Option<&OrgId>, Option<&AppId>),
) -> Result<Invitation> {
    let found = rows::find_by_id(tx, id)
        .await?
        .filter(|row| row.kind == INVITE && (row.org_id.as_ref(), row.app_id.as_ref()) == from);
    let invitation = found.ok_or_else(Error::not_found)?;
    take(tx, &invitation, app.clock.now()).await?;
    rows::set_key(tx, id, None).await?;
    Ok(invitation)
}

/// The open invitation behind a link.
///
/// # Errors
/// `NotFound` when it is unknown, used or too old.
pub async fn find(tx: &mut Tx, key: &str, now: Millis) -> Result<Invitation> {
    open(tx, INVITE, key, now).await
}

pub(super) async fn open(tx: &mut Tx, kind: &str, key: &str, now: Millis) -> Result<Invitation> {
    let found = rows::find(tx, kind, &secrets::hash_token(key), now).await?;
    found.ok_or_else(|| Error::NotFound("This link was used already or is too old".into()))
}

/// Who came of an invitation.
#[derive(Debug)]
pub struct Accepted {
    pub user: User,
    /// They have just chosen a password, so they may be signed in.
    pub is_new: bool,
}

/// The providers that whoever is invited signs in with before anything else:
/// they have no account yet, and a password would not let them in (SSO-2).
pub async fn provider_first(tx: &mut Tx, invitation: &Invitation) -> Result<Option<String>> {
    if db::accounts::find_user_by_email(tx, &invitation.email).await?.is_some() {
        return Ok(None);
    }
    sso::barred_address(tx, &invitation.email).await
}

/// Accepts an invitation: makes the account, if there is none, and gives it
/// what the invitation promises. Somebody who has an account already signs in
/// as ever; `password` is not looked at.
///
/// # Errors
/// `NotFound` for a dead link, `Invalid` naming `password`, also for whom must
/// sign in by a provider first.
pub async fn accept(app: &App, key: &str, name: &str, password: &Secret) -> Result<Accepted> {
    let now = app.clock.now();
    let mut tx = app.db.read().await?;
    let invitation = find(&mut tx, key, now).await?;
    let known = db::accounts::find_user_by_email(&mut tx, &invitation.email).await?;
    if let Some(by) = provider_first(&mut tx, &invitation).await? {
        let text = format!("password: sign in with {by} first, then open this link again");
        return Err(Error::Invalid(text));
    }
    drop(tx);
    let hash = match &known {
        Some(_) => None,
        None => {
            passwords::check(password)?;
            Some(passwords::hash(password).await?)
        }
    };
    let mut tx = app.db.write().await?;
    take(&mut tx, &invitation, now).await?;
    let is_new = known.is_none();
    let user = match known {
        Some(user) => user,
        None => {
            let name = Some(super::check_name(name)?).filter(|name| !name.is_empty());
            let (user, _) = super::add_user(&mut tx, &invitation.email, name, false, now).await?;
            user
        }
    };
    if let Some(hash) = hash {
        db::sessions::set_password(&mut tx, &user.id, &hash).await?;
    }
    grant(&mut tx, &invitation, &user.id).await?;
    let change = Change {
        org: invitation.org_id.as_ref(),
        app: invitation.app_id.as_ref(),
        action: "invitation.accept",
        subject: &user.email,
        detail: &invitation.access,
    };
    audit::record_as(&mut tx, &user, change, now).await?;
    tx.commit().await?;
    Ok(Accepted { user, is_new })
}

pub(super) async fn take(tx: &mut Tx, invitation: &Invitation, now: Millis) -> Result<()> {
    match rows::take(tx, &invitation.id, now).await? {
        0 => Err(Error::NotFound("This link was used already or is too old".into())),
        _ => Ok(()),
    }
}

async fn grant(tx: &mut Tx, invitation: &Invitation, user: &UserId) -> Result<()> {
    if let Some(org) = &invitation.org_id {
        // A member already: an invitation takes nothing away.
        db::accounts::insert_member_if_absent(tx, org, user, &invitation.access).await?;
    }
    if let Some(app) = &invitation.app_id {
        let access = invitation.access.parse().map_err(|e| Error::bug("an invitation", e))?;
        db::accounts::set_app_access(tx, app, user, access).await?;
    }
    Ok(())
}

/// Mails a key for setting a new password; `None` when nobody has this address,
/// which the caller must not tell, and for people whose password would not let
/// them in. Earlier keys stop working.
pub async fn begin_reset(app: &App, tx: &mut Tx, email: &str) -> Result<Option<Secret>> {
    let now = app.clock.now();
    let Ok(email) = normalise_email(email) else { return Ok(None) };
    let Some(user) = db::accounts::find_user_by_email(tx, &email).await? else { return Ok(None) };
    if sso::barred(tx, &user).await?.is_some() {
        return Ok(None);
    }
    rows::take_all(tx, RESET, &email, now).await?;
    let reset = Invitation {
        id: InvitationId::generate(now),
        kind: RESET.into(),
        email,
        org_id: None,
        app_id: None,
        access: String::new(),
        invited_by: None,
        created_at: now,
        expires_at: now.plus(RESET_MS),
        used_at: None,
        sent_at: None,
        send_error: None,
    };
    let key = add(tx, &reset).await?;
    letters::post(app, tx, &reset.id, &key).await?;
    Ok(Some(key))
}

/// Is this a key that `reset` would take?
///
/// # Errors
/// `NotFound` when it is unknown, used or too old.
pub async fn find_reset(tx: &mut Tx, key: &str, now: Millis) -> Result<Invitation> {
    open(tx, RESET, key, now).await
}

/// Sets the password behind a reset link; all sessions end.
///
/// # Errors
/// `NotFound` for a dead link, `Invalid` naming `password`.
pub async fn reset(app: &App, key: &str, password: &Secret) -> Result<User> {
    passwords::check(password)?;
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let reset = open(&mut tx, RESET, key, now).await?;
    take(&mut tx, &reset, now).await?;
    let user = db::accounts::find_user_by_email(&mut tx, &reset.email)
        .await?
        .ok_or_else(Error::not_found)?;
    if let Some(by) = sso::barred(&mut tx, &user).await? {
        return Err(Error::Invalid(format!("password: sign in with {by} instead")));
    }
    tx.commit().await?;
    sign_in::set_password(app, &user.id, password, None).await?;
    Ok(user)
}
