//! Signing in with email, password and, where one is set up, a second factor.
//! Failures say which of the three kinds they are (ACC-3), and five of them in
//! ten minutes, per account or per address, close the door for a while.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::accounts::sessions::{self, Began, Visitor};
use crate::accounts::{normalise_email, passwords, sso, tokens, totp};
use crate::app::App;
use crate::db::sessions as rows;
use crate::db::{self, Tx};
use crate::error::{Error, Result};
use crate::model::account::{Scope, User};
use crate::model::ids::{SessionId, UserId};
use crate::model::secret::Secret;
use crate::model::session::Credentials;
use crate::model::time::Millis;
use crate::secrets;

/// Failures that are still counted.
const WINDOW_MS: i64 = 10 * 60_000;
const MAX_FAILURES: i64 = 5;
/// Between the password and the code.
const SECOND_STEP_MS: i64 = 5 * 60_000;
/// Codes for the day when the phone is lost.
const RECOVERY_CODES: usize = 10;

/// What a person typed.
#[derive(Debug)]
pub struct Attempt<'a> {
    pub email: &'a str,
    pub password: &'a Secret,
    /// Of the second factor, or a recovery code; asked for when it is missing.
    pub code: Option<&'a str>,
}

/// How an attempt ended.
#[derive(Debug)]
pub enum Outcome {
    /// The cookie's value of a fresh session.
    SignedIn(Secret, User),
    UnknownEmail,
    WrongPassword,
    /// The password is right; now the code is needed. The ticket proves the
    /// first step to `second_step`.
    NeedsCode(Secret),
    WrongCode,
    /// Too many failures of late.
    Throttled,
    /// People of this mail domain come by a provider, whose name this is (SSO-2).
    Barred(String),
    /// No access token with full rights.
    WrongToken,
}

impl Outcome {
    /// What to say to the person; `None` if they are in. An old client tells
    /// the first three apart by these words (ACC-3, api.md 6.2).
    pub fn problem(&self) -> Option<Cow<'static, str>> {
        Some(Cow::Borrowed(match self {
            Self::SignedIn(..) => return None,
            Self::Barred(by) => return Some(Cow::Owned(barred_text(by))),
            Self::UnknownEmail => "Unknown email address.",
            Self::WrongPassword => "The email and password you entered do not match.",
            Self::Throttled => "Throttle limit for login reached. Wait ten minutes.",
            Self::WrongCode => "That code is wrong, too old or used already.",
            Self::NeedsCode(_) => "Type the code as well. The password is asked for again.",
            Self::WrongToken => "That is not an access token with full rights.",
        }))
    }
}

/// What people read who must come by these providers.
pub fn barred_text(by: &str) -> String {
    format!("People of your mail domain sign in with {by}: use that button.")
}

/// Judges one attempt; on success it starts a session.
pub async fn sign_in(app: &App, attempt: &Attempt<'_>, from: Visitor<'_>) -> Result<Outcome> {
    let now = app.clock.now();
    let Ok(email) = normalise_email(attempt.email) else { return Ok(Outcome::UnknownEmail) };
    let subjects = [format!("email:{email}"), format!("address:{}", from.address)];
    let mut tx = app.db.read().await?;
    if is_throttled(&mut tx, &subjects, now).await? {
        return Ok(Outcome::Throttled);
    }
    if let Some(by) = sso::barred_address(&mut tx, &email).await? {
        return Ok(Outcome::Barred(by));
    }
    let Some(user) = db::accounts::find_user_by_email(&mut tx, &email).await? else {
        drop(tx);
        // Only the address is counted: no account has failed.
        return fail(app, &subjects[1..], Outcome::UnknownEmail).await;
    };
    let kept = credentials(&mut tx, &user.id).await?;
    drop(tx);
    let is_right = match &kept.password_hash {
        Some(hash) => passwords::verify(attempt.password, hash).await?,
        None => false,
    };
    if !is_right {
        return fail(app, &subjects, Outcome::WrongPassword).await;
    }
    if kept.totp_confirmed_at.is_some() {
        let Some(code) = attempt.code else {
            let expires = now.plus(SECOND_STEP_MS);
            let ticket = app.keys.sign_link(&ticket_subject(&kept), expires);
            return Ok(Outcome::NeedsCode(Secret::new(ticket)));
        };
        let mut tx = app.db.write().await?;
        if !take_code(app, &mut tx, &kept, code).await? {
            drop(tx);
            return fail(app, &subjects, Outcome::WrongCode).await;
        }
        tx.commit().await?;
    }
    open_session(app, user, &subjects, from).await
}

async fn open_session(
    app: &App,
    user: User,
    subjects: &[String],
    from: Visitor<'_>,
) -> Result<Outcome> {
    let mut tx = app.db.write().await?;
    // Again: somebody may have required a provider while the password was hashed.
    if let Some(by) = sso::barred(&mut tx, &user).await? {
        return Ok(Outcome::Barred(by));
    }
    for subject in subjects {
        rows::clear_failures(&mut tx, subject).await?;
    }
    let began = Began::BY_PASSWORD;
    let token = sessions::start(&mut tx, &user.id, from, began, app.clock.now()).await?;
    tx.commit().await?;
    Ok(Outcome::SignedIn(token, user))
}

/// Signs in the owner of an access token: an administrator on the first day,
/// who has no password yet. A narrow token must not become a session that may
/// do everything.
pub async fn by_token(app: &App, token: &str, from: Visitor<'_>) -> Result<Outcome> {
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let actor = tokens::find_actor(&mut tx, token.trim(), now).await?;
    let Some(actor) = actor.filter(|actor| actor.scope == Scope::Admin) else {
        return Ok(Outcome::WrongToken);
    };
    let user = db::accounts::find_user(&mut tx, &actor.user_id).await?;
    let user = user.ok_or_else(|| Error::bug("signing in by token", "its owner is gone"))?;
    if let Some(by) = sso::barred(&mut tx, &user).await? {
        return Ok(Outcome::Barred(by));
    }
    let session = sessions::start(&mut tx, &user.id, from, Began::BY_TOKEN, now).await?;
    tx.commit().await?;
    Ok(Outcome::SignedIn(session, user))
}

/// Dies with the password that it stands for.
fn ticket_subject(kept: &Credentials) -> String {
    let hash = secrets::hash_token(kept.password_hash.as_deref().unwrap_or_default());
    format!("second-{}-{}", kept.user_id, &hash[..16])
}

/// Judges the code that follows a right password; `None` for a ticket that is
/// too old, which starts over.
pub async fn second_step(
    app: &App,
    ticket: &str,
    code: &str,
    from: Visitor<'_>,
) -> Result<Option<Outcome>> {
    let now = app.clock.now();
    let Some(subject) = app.keys.verify_link(ticket, now) else { return Ok(None) };
    let id = subject.strip_prefix("second-").and_then(|rest| rest.split('-').next());
    let Some(id) = id.and_then(|id| id.parse::<UserId>().ok()) else { return Ok(None) };
    let mut tx = app.db.read().await?;
    let Some(user) = db::accounts::find_user(&mut tx, &id).await? else { return Ok(None) };
    let kept = credentials(&mut tx, &id).await?;
    if subject != ticket_subject(&kept) || kept.totp_confirmed_at.is_none() {
        return Ok(None);
    }
    let subjects = [format!("email:{}", user.email), format!("address:{}", from.address)];
    if is_throttled(&mut tx, &subjects, now).await? {
        return Ok(Some(Outcome::Throttled));
    }
    drop(tx);
    let mut tx = app.db.write().await?;
    if !take_code(app, &mut tx, &kept, code).await? {
        drop(tx);
        return fail(app, &subjects, Outcome::WrongCode).await.map(Some);
    }
    tx.commit().await?;
    open_session(app, user, &subjects, from).await.map(Some)
}

/// Whether a signed-in person knows their password: whoever finds a browser
/// open does not. Wrong ones count like failed sign-ins.
///
/// # Errors
/// `Invalid`, naming `current_password`; also without a password to compare.
pub async fn prove(app: &App, user: &User, password: &Secret) -> Result<()> {
    let subjects = [format!("email:{}", user.email)];
    let mut tx = app.db.read().await?;
    if is_throttled(&mut tx, &subjects, app.clock.now()).await? {
        let text = "current_password: too many wrong ones, wait ten minutes";
        return Err(Error::Invalid(text.into()));
    }
    let kept = credentials(&mut tx, &user.id).await?;
    drop(tx);
    let Some(hash) = &kept.password_hash else {
        return Err(Error::Invalid("current_password: set a password first".into()));
    };
    if passwords::verify(password, hash).await? {
        return Ok(());
    }
    fail(app, &subjects, Outcome::WrongPassword).await?;
    Err(Error::Invalid("current_password: is wrong".into()))
}

/// Whether a mail with a reset link may be asked for: five in ten minutes, per
/// account and per address.
pub async fn may_ask_for_reset(app: &App, email: &str, address: &str) -> Result<bool> {
    let email = normalise_email(email).unwrap_or_default();
    let subjects = [format!("reset:{email}"), format!("reset-from:{address}")];
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    if is_throttled(&mut tx, &subjects, now).await? {
        return Ok(false);
    }
    for subject in &subjects {
        rows::insert_failure(&mut tx, subject, now).await?;
    }
    tx.commit().await?;
    Ok(true)
}

async fn is_throttled(tx: &mut Tx, subjects: &[String], now: Millis) -> Result<bool> {
    for subject in subjects {
        if rows::count_failures(tx, subject, now.plus(-WINDOW_MS)).await? >= MAX_FAILURES {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn fail(app: &App, subjects: &[String], outcome: Outcome) -> Result<Outcome> {
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    for subject in subjects {
        rows::insert_failure(&mut tx, subject, now).await?;
    }
    rows::sweep(&mut tx, now, now.plus(-WINDOW_MS)).await?;
    tx.commit().await?;
    Ok(outcome)
}

async fn credentials(tx: &mut Tx, user: &UserId) -> Result<Credentials> {
    rows::find_credentials(tx, user).await?.ok_or_else(Error::not_found)
}

/// What seals the shared secret of the second factor to its row.
pub fn totp_place(user: &UserId) -> String {
    format!("users/{user}/totp")
}

/// The shared secret, which is kept as base64 text because it is sealed text.
fn open_totp(app: &App, kept: &Credentials) -> Result<Option<Vec<u8>>> {
    let Some(sealed) = &kept.totp_sealed else { return Ok(None) };
    let text = app.keys.open_sealed(&totp_place(&kept.user_id), sealed)?;
    let bytes = STANDARD.decode(text.expose());
    bytes.map(Some).map_err(|cause| Error::internal("reading a second factor", cause))
}

/// Uses a code up: each works once.
async fn take_code(app: &App, tx: &mut Tx, kept: &Credentials, code: &str) -> Result<bool> {
    let Some(secret) = open_totp(app, kept)? else { return Ok(false) };
    if let Some(step) = totp::matching_step(&secret, code, app.clock.now()) {
        return Ok(rows::take_totp_step(tx, &kept.user_id, step).await? == 1);
    }
    let code = code.trim().to_lowercase();
    Ok(rows::take_recovery_code(tx, &kept.user_id, &secrets::hash_token(&code)).await? == 1)
}

/// A fresh second factor that counts once `confirm_totp` has seen its code.
/// Returns the shared secret in base32 and as the URI of a QR code.
pub async fn begin_totp(app: &App, tx: &mut Tx, user: &User) -> Result<(Secret, Secret)> {
    if credentials(tx, &user.id).await?.totp_confirmed_at.is_some() {
        return Err(Error::Conflict("two-factor sign-in is on already".into()));
    }
    let secret = secrets::random::<{ totp::SECRET_BYTES }>();
    let text = Secret::new(STANDARD.encode(secret));
    let sealed = app.keys.seal(&totp_place(&user.id), &text);
    rows::set_totp(tx, &user.id, Some(&sealed)).await?;
    Ok(shown_totp(&secret, user))
}

fn shown_totp(secret: &[u8], user: &User) -> (Secret, Secret) {
    let uri = totp::uri(secret, &user.email);
    (Secret::new(totp::base32(secret)), Secret::new(uri))
}

/// What `begin_totp` gave, until it is confirmed.
pub async fn pending_totp(app: &App, tx: &mut Tx, user: &User) -> Result<Option<(Secret, Secret)>> {
    let kept = credentials(tx, &user.id).await?;
    if kept.totp_confirmed_at.is_some() {
        return Ok(None);
    }
    Ok(open_totp(app, &kept)?.map(|secret| shown_totp(&secret, user)))
}

/// Turns the second factor on; the recovery codes, shown this once.
///
/// # Errors
/// `Invalid`, naming `code`, when it is not the code of this moment.
pub async fn confirm_totp(
    app: &App,
    tx: &mut Tx,
    user: &UserId,
    code: &str,
) -> Result<Vec<Secret>> {
    let kept = credentials(tx, user).await?;
    let secret = open_totp(app, &kept)?.ok_or_else(Error::not_found)?;
    let now = app.clock.now();
    let step = totp::matching_step(&secret, code, now)
        .ok_or_else(|| Error::Invalid("code: is not the code of this moment".into()))?;
    rows::take_totp_step(tx, user, step).await?;
    rows::confirm_totp(tx, user, now).await?;
    fresh_recovery_codes(tx, user).await
}

/// Replaces the recovery codes, shown this once.
///
/// # Errors
/// `Invalid`, naming `code`, also after five wrong ones in ten minutes.
pub async fn renew_recovery_codes(app: &App, user: &User, code: &str) -> Result<Vec<Secret>> {
    spend_code(app, user, code).await?;
    let mut tx = app.db.write().await?;
    let codes = fresh_recovery_codes(&mut tx, &user.id).await?;
    tx.commit().await?;
    Ok(codes)
}

/// `remove_totp`, where a signed-in person asks.
///
/// # Errors
/// As `renew_recovery_codes`.
pub async fn turn_off_totp(app: &App, user: &User, code: &str) -> Result<()> {
    spend_code(app, user, code).await?;
    let mut tx = app.db.write().await?;
    rows::set_totp(&mut tx, &user.id, None).await?;
    tx.commit().await
}

/// Uses up a code of a second factor that is on. Wrong ones are counted: six
/// digits could be tried out by whoever finds a browser open.
async fn spend_code(app: &App, user: &User, code: &str) -> Result<()> {
    let subjects = [format!("code:{}", user.id)];
    let mut tx = app.db.read().await?;
    if is_throttled(&mut tx, &subjects, app.clock.now()).await? {
        return Err(Error::Invalid("code: too many wrong ones, wait ten minutes".into()));
    }
    let kept = credentials(&mut tx, &user.id).await?;
    drop(tx);
    let mut tx = app.db.write().await?;
    if kept.totp_confirmed_at.is_some() && take_code(app, &mut tx, &kept, code).await? {
        return tx.commit().await;
    }
    drop(tx);
    fail(app, &subjects, Outcome::WrongCode).await?;
    Err(Error::Invalid("code: is wrong, too old or used already".into()))
}

async fn fresh_recovery_codes(tx: &mut Tx, user: &UserId) -> Result<Vec<Secret>> {
    rows::delete_recovery_codes(tx, user).await?;
    let mut codes = Vec::new();
    for _ in 0..RECOVERY_CODES {
        let text = totp::base32(&secrets::random::<10>()).to_lowercase();
        let code = format!("{}-{}", &text[..8], &text[8..]);
        rows::insert_recovery_code(tx, user, &secrets::hash_token(&code)).await?;
        codes.push(Secret::new(code));
    }
    Ok(codes)
}

/// Turns the second factor off.
///
/// # Errors
/// `Invalid`, naming `code`, when it is neither a code of this moment nor a
/// recovery code: whoever finds a browser open must not weaken the account.
pub async fn remove_totp(app: &App, tx: &mut Tx, user: &UserId, code: &str) -> Result<()> {
    let kept = credentials(tx, user).await?;
    if kept.totp_confirmed_at.is_some() && !take_code(app, tx, &kept, code).await? {
        return Err(Error::invalid_parameter("code"));
    }
    rows::set_totp(tx, user, None).await
}

/// Is the second factor on, and how many recovery codes are left?
pub async fn totp_state(tx: &mut Tx, user: &UserId) -> Result<(bool, i64)> {
    let kept = credentials(tx, user).await?;
    Ok((kept.totp_confirmed_at.is_some(), rows::count_recovery_codes(tx, user).await?))
}

/// Has this person a password?
pub async fn has_password(tx: &mut Tx, user: &UserId) -> Result<bool> {
    Ok(credentials(tx, user).await?.password_hash.is_some())
}

/// Changes the password of a signed-in person, who types the old one again;
/// every session but `kept` ends.
///
/// # Errors
/// `Invalid`, naming `current_password` or `password`.
pub async fn change_password(
    app: &App,
    user: &UserId,
    current: &Secret,
    fresh: &Secret,
    kept: Option<&SessionId>,
) -> Result<()> {
    passwords::check(fresh)?;
    let mut tx = app.db.read().await?;
    let known = credentials(&mut tx, user).await?;
    drop(tx);
    if let Some(hash) = &known.password_hash
        && !passwords::verify(current, hash).await?
    {
        return Err(Error::invalid_parameter("current_password"));
    }
    set_password(app, user, fresh, kept).await
}

/// Sets a password, whatever there was; every session but `kept` ends.
///
/// # Errors
/// `Invalid`, naming `password`, for one that is too weak.
pub async fn set_password(
    app: &App,
    user: &UserId,
    fresh: &Secret,
    kept: Option<&SessionId>,
) -> Result<()> {
    passwords::check(fresh)?;
    let hash = passwords::hash(fresh).await?;
    let mut tx = app.db.write().await?;
    rows::set_password(&mut tx, user, &hash).await?;
    sessions::end_others(&mut tx, user, kept).await?;
    tx.commit().await
}
