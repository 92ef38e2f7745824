//! Personal and named tokens: issued, found by their hash, used, revoked. A
//! token never carries more power than its owner has.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::app::App;
use crate::db::tokens::{self as rows, TokenOwner};
use crate::db::{self, Tx};
use crate::error::{Error, Result};
use crate::model::account::{Actor, Scope, Token};
use crate::model::ids::{TokenId, UserId};
use crate::model::secret::Secret;
use crate::model::time::Millis;
use crate::secrets::{self, PERSONAL_PREFIX};

/// Longest name, in characters.
const MAX_NAME: usize = 100;
/// Live tokens of one user.
const MAX_TOKENS: usize = 100;
/// Longest life that can be asked for: ten years.
const MAX_LIFE_MS: i64 = 10 * 366 * 24 * 3_600_000;
/// The last use is written at most this often.
const NOTE_EVERY_MS: i64 = 60_000;
/// Tokens whose last use is being noted; more are forgotten all at once.
const MAX_NOTED: usize = 10_000;

/// Who holds this token; `None` if it is mistyped, unknown, revoked or expired.
pub async fn find_actor(tx: &mut Tx, token: &str, now: Millis) -> Result<Option<Actor>> {
    if !secrets::is_plausible_token(PERSONAL_PREFIX, token) {
        return Ok(None);
    }
    let owner = rows::find_owner(tx, &secrets::hash_token(token)).await?;
    Ok(owner.filter(|owner| is_alive(owner, now)).map(|owner| actor_of(&owner)))
}

/// `find_actor`, without a query where nothing has changed; notes the use.
pub async fn recall_actor(app: &Arc<App>, uses: &LastUses, token: &str) -> Result<Option<Actor>> {
    if !secrets::is_plausible_token(PERSONAL_PREFIX, token) {
        return Ok(None);
    }
    let Some(owner) = app.db.recall_token(&secrets::hash_token(token)).await? else {
        return Ok(None);
    };
    let now = app.clock.now();
    if !is_alive(&owner, now) {
        return Ok(None);
    }
    uses.note(app, &owner, now);
    Ok(Some(actor_of(&owner)))
}

/// Asked after the memo, which remembers the row and not the time.
fn is_alive(owner: &TokenOwner, now: Millis) -> bool {
    owner.expires_at.is_none_or(|end| now < end)
}

fn actor_of(owner: &TokenOwner) -> Actor {
    let TokenOwner { token_id, user_id, is_admin, scope, .. } = owner;
    let (user_id, token_id) = (user_id.clone(), token_id.clone());
    Actor { user_id, token_id, is_admin: *is_admin, scope: *scope }
}

/// Writes when tokens were last used, beside the requests and not within them:
/// at most one write a minute for each token.
#[derive(Debug, Default)]
pub struct LastUses {
    /// When this process last wrote; only asked when the row looks old.
    noted: Mutex<HashMap<TokenId, Millis>>,
}

impl LastUses {
    fn note(&self, app: &Arc<App>, owner: &TokenOwner, now: Millis) {
        let is_fresh = |at: Millis| now.since(at) < NOTE_EVERY_MS;
        if owner.last_used_at.is_some_and(is_fresh) || !self.claim(&owner.token_id, now, is_fresh) {
            return;
        }
        let (app, id) = (app.clone(), owner.token_id.clone());
        tokio::spawn(async move {
            if let Err(error) = write_use(&app, &id, now).await {
                tracing::warn!(token = %id, %error, "the last use of a token was not noted");
            }
        });
    }

    /// True for the one request that shall write.
    fn claim(&self, id: &TokenId, now: Millis, is_fresh: impl Fn(Millis) -> bool) -> bool {
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        if noted.get(id).copied().is_some_and(is_fresh) {
            return false;
        }
        if noted.len() >= MAX_NOTED {
            noted.clear();
        }
        noted.insert(id.clone(), now);
        true
    }
}

async fn write_use(app: &App, id: &TokenId, now: Millis) -> Result<()> {
    let mut tx = app.db.write().await?;
    rows::touch(&mut tx, id, now, NOTE_EVERY_MS).await?;
    tx.commit().await
}

/// A fresh personal token; the old one stops working (ACC-2: one per user).
pub async fn issue_token(tx: &mut Tx, user: &UserId, now: Millis) -> Result<Secret> {
    Ok(rotate_personal(tx, user, now).await?.1)
}

/// `issue_token`, with what is shown of the token.
pub async fn rotate_personal(tx: &mut Tx, user: &UserId, now: Millis) -> Result<(Token, Secret)> {
    rows::revoke_personal(tx, user, now).await?;
    issue(tx, user, None, (Scope::Admin, None), now).await
}

/// What seals the copy of a token to its row.
pub fn copy_place(id: &TokenId) -> String {
    format!("tokens/{id}")
}

/// Keeps a sealed copy of a token, so that its owner can see it again (ACC-2).
pub async fn keep_copy(app: &App, tx: &mut Tx, token: &Token, secret: &Secret) -> Result<()> {
    let sealed = app.keys.seal(&copy_place(&token.id), secret);
    rows::set_copy(tx, &token.id, &sealed).await
}

/// The kept copy of a live token of `user`; `None` where none was kept.
pub async fn find_copy(
    app: &App,
    tx: &mut Tx,
    user: &UserId,
    id: &TokenId,
) -> Result<Option<Secret>> {
    let sealed = rows::find_copy(tx, user, id).await?;
    sealed.map(|sealed| app.keys.open_sealed(&copy_place(id), &sealed)).transpose()
}

/// A token beside the personal one.
#[derive(Debug)]
pub struct NewToken<'a> {
    pub name: &'a str,
    pub scope: Scope,
    pub expires_at: Option<Millis>,
}

/// Issues a named token, shown this once.
///
/// # Errors
/// `Invalid`, naming `name` or `expires_at`; `Conflict` for a name that one of
/// the user's live tokens has, and for too many tokens.
pub async fn issue_named(
    tx: &mut Tx,
    user: &UserId,
    new: &NewToken<'_>,
    now: Millis,
) -> Result<(Token, Secret)> {
    let name = new.name.trim();
    if name.is_empty() || name.chars().count() > MAX_NAME || name.chars().any(char::is_control) {
        return Err(Error::invalid_parameter("name"));
    }
    if new.expires_at.is_some_and(|end| end <= now || end.since(now) > MAX_LIFE_MS) {
        return Err(Error::invalid_parameter("expires_at"));
    }
    let live = rows::list(tx, user).await?;
    if live.iter().any(|token| token.name.as_deref() == Some(name)) {
        return Err(Error::Conflict(format!("You have a token called \"{name}\" already")));
    }
    if live.len() >= MAX_TOKENS {
        return Err(Error::Conflict(format!("You have {MAX_TOKENS} tokens; revoke one first")));
    }
    issue(tx, user, Some(name), (new.scope, new.expires_at), now).await
}

async fn issue(
    tx: &mut Tx,
    user: &UserId,
    name: Option<&str>,
    (scope, expires_at): (Scope, Option<Millis>),
    now: Millis,
) -> Result<(Token, Secret)> {
    let secret = secrets::generate_token(PERSONAL_PREFIX);
    let token = Token {
        id: TokenId::generate(now),
        user_id: user.clone(),
        name: name.map(str::to_owned),
        scope,
        created_at: now,
        expires_at,
        last_used_at: None,
    };
    match rows::insert(tx, &token, &secrets::hash_token(secret.expose())).await {
        // Another call was faster by a moment.
        Err(Error::Conflict(_)) => Err(Error::Conflict("The token was issued meanwhile".into())),
        other => other.map(|()| (token, secret)),
    }
}

/// Revokes one token of `user`, also the personal one; the name it had.
///
/// # Errors
/// `NotFound` when it is not theirs or does not work any more.
pub async fn revoke(
    tx: &mut Tx,
    user: &UserId,
    id: &TokenId,
    now: Millis,
) -> Result<Option<String>> {
    db::tokens::revoke(tx, user, id, now).await?.ok_or_else(Error::not_found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_request_a_minute_writes() {
        let uses = LastUses::default();
        let id = TokenId::generate(Millis(0));
        let other = TokenId::generate(Millis(0));
        let claim = |id: &TokenId, at: i64| {
            uses.claim(id, Millis(at), |then| Millis(at).since(then) < NOTE_EVERY_MS)
        };
        assert!(claim(&id, 1_000));
        assert!(!claim(&id, 60_999));
        assert!(claim(&other, 60_999));
        assert!(claim(&id, 61_000));
        assert!(!claim(&id, 61_001));
    }
}
