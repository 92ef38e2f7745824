//! Signed-in browsers: found by the hash of their cookie, seen, listed, ended.

use crate::app::App;
use crate::db::sessions::{self as rows, SignedIn};
use crate::db::{self, Tx};
use crate::error::{Error, Result};
use crate::model::account::{Actor, Scope};
use crate::model::ids::{IdentityProviderId, SessionId, UserId};
use crate::model::secret::Secret;
use crate::model::session::{Began as Way, Session};
use crate::model::time::Millis;
use crate::secrets;

/// Prefix of a session's cookie value.
const PREFIX: &str = "sms_";
/// A session that is not used for this long ends.
const IDLE_MS: i64 = 30 * 24 * 3_600_000;
/// `seen_at` is written at most this often.
const TOUCH_MS: i64 = 60_000;
/// Longest browser name that is kept, in characters.
const MAX_BROWSER: usize = 200;

/// The browser that signs in.
#[derive(Debug, Clone, Copy)]
pub struct Visitor<'a> {
    /// Its `User-Agent`.
    pub browser: &'a str,
    /// Its IP address.
    pub address: &'a str,
}

/// How a session begins.
#[derive(Debug, Clone, Copy)]
pub struct Began<'a> {
    way: Way,
    provider: Option<&'a IdentityProviderId>,
}

impl<'a> Began<'a> {
    pub const BY_PASSWORD: Self = Self { way: Way::Password, provider: None };
    pub const BY_TOKEN: Self = Self { way: Way::Token, provider: None };
    pub const BY_LINK: Self = Self { way: Way::Link, provider: None };

    pub fn by_provider(id: &'a IdentityProviderId) -> Self {
        Self { way: Way::Provider, provider: Some(id) }
    }
}

/// Starts a session of `user`; the cookie's value, shown this once.
pub async fn start(
    tx: &mut Tx,
    user: &UserId,
    from: Visitor<'_>,
    began: Began<'_>,
    now: Millis,
) -> Result<Secret> {
    let token = secrets::generate_token(PREFIX);
    let session = Session {
        id: SessionId::generate(now),
        user_id: user.clone(),
        created_at: now,
        seen_at: now,
        expires_at: now.plus(IDLE_MS),
        browser: from.browser.chars().filter(|c| !c.is_control()).take(MAX_BROWSER).collect(),
        address: from.address.to_owned(),
        began: began.way,
        provider_id: began.provider.cloned(),
    };
    rows::insert(tx, &session, &secrets::hash_token(token.expose())).await?;
    Ok(token)
}

/// Whose live session this cookie is.
pub async fn find(app: &App, token: &str) -> Result<Option<SignedIn>> {
    if !token.starts_with(PREFIX) {
        return Ok(None);
    }
    let now = app.clock.now();
    let mut tx = app.db.read().await?;
    let found = rows::find(&mut tx, &secrets::hash_token(token), now).await?;
    drop(tx);
    if let Some(session) = &found
        && now.since(session.seen_at) >= TOUCH_MS
    {
        let mut tx = app.db.write().await?;
        rows::touch(&mut tx, &session.session_id, now, now.plus(IDLE_MS)).await?;
        tx.commit().await?;
    }
    Ok(found)
}

/// What a session may do: all that its person may.
pub fn actor(session: &SignedIn) -> Result<Actor> {
    let id = session.session_id.as_str().parse();
    Ok(Actor {
        user_id: session.user.id.clone(),
        token_id: id.map_err(|e| Error::internal("reading a session's id", e))?,
        is_admin: session.user.is_admin,
        scope: Scope::Admin,
    })
}

/// The live sessions of `user`, last seen first.
pub async fn list(tx: &mut Tx, user: &UserId, now: Millis) -> Result<Vec<Session>> {
    db::sessions::list(tx, user, now).await
}

/// Ends one session of `user`.
///
/// # Errors
/// `NotFound` when it is not theirs or has ended already.
pub async fn end(tx: &mut Tx, user: &UserId, id: &SessionId) -> Result<()> {
    match rows::delete(tx, user, id).await? {
        0 => Err(Error::not_found()),
        _ => Ok(()),
    }
}

/// Ends all sessions of `user` but `kept`; the number ended.
pub async fn end_others(tx: &mut Tx, user: &UserId, kept: Option<&SessionId>) -> Result<u64> {
    rows::delete_all(tx, user, kept).await
}
