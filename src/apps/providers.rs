//! Accounts of an organisation at those who keep its repositories (ACC-4,
//! APP-7): adding, trying and removing them, and what they open. The doors have
//! asked `accounts::authorize_org`.

use crate::app::App;
use crate::db::{self, Tx};
use crate::error::{Error, Result};
use crate::git::providers::{self, Account, AskError, Hook, Listing, Made};
use crate::model::app::App as AppRow;
use crate::model::connection::{Connection, token_place};
use crate::model::hex::hex;
use crate::model::ids::{ConnectionId, OrgId};
use crate::model::secret::Secret;
use crate::model::status::Provider;
use crate::protocol::Credential;
use crate::secrets;

use super::webhook;

/// Longest name, in characters.
const MAX_NAME: usize = 100;
/// Connections of one organisation.
const MAX_CONNECTIONS: usize = 50;
/// Longest text that repositories are searched by, in characters.
const MAX_SEARCH: usize = 200;

/// A connection to add; the token is given once and never shown.
#[derive(Debug)]
pub struct NewConnection<'a> {
    pub name: &'a str,
    pub provider: Provider,
    /// Of the API; `None` for a provider that is in one place for everybody.
    pub base_url: Option<&'a str>,
    pub token: &'a Secret,
}

/// Adds a connection. Does not ask the provider: see `check`.
///
/// # Errors
/// `Invalid`, naming `name`, `base_url` or `token`; `Conflict` for a name that
/// is taken, and for one connection too many.
pub async fn connect(
    app: &App,
    tx: &mut Tx,
    org: &OrgId,
    new: &NewConnection<'_>,
) -> Result<Connection> {
    let name = new.name.trim();
    if name.is_empty() || name.chars().count() > MAX_NAME || name.chars().any(char::is_control) {
        return Err(Error::invalid_parameter("name"));
    }
    let base_url = new
        .base_url
        .or(providers::default_base(new.provider))
        .and_then(providers::checked_base)
        .ok_or_else(|| Error::invalid_parameter("base_url"))?;
    check_token(new.token)?;
    if db::connections::list(tx, org).await?.len() >= MAX_CONNECTIONS {
        let text = format!("An organisation has at most {MAX_CONNECTIONS} connections");
        return Err(Error::Conflict(text));
    }
    let now = app.clock.now();
    let id = ConnectionId::generate(now);
    let connection = Connection {
        token_sealed: app.keys.seal(&token_place(&id), new.token),
        id,
        org_id: org.clone(),
        name: name.to_owned(),
        provider: new.provider,
        base_url,
        token_set_at: now,
        account: String::new(),
        checked_at: None,
        check_error: None,
        created_at: now,
    };
    match db::connections::insert(tx, &connection).await? {
        true => Ok(connection),
        false => Err(Error::Conflict("There is a connection of this name already".into())),
    }
}

fn check_token(token: &Secret) -> Result<()> {
    match providers::is_token(token) {
        true => Ok(()),
        false => Err(Error::invalid_parameter("token")),
    }
}

/// The connection, if it is one of `org`.
///
/// # Errors
/// `NotFound`.
pub async fn find(tx: &mut Tx, org: &OrgId, id: &ConnectionId) -> Result<Connection> {
    db::connections::find(tx, org, id).await?.ok_or_else(Error::not_found)
}

/// Gives it another token, from now on.
///
/// # Errors
/// `Invalid`, naming `token`.
pub async fn replace_token(
    app: &App,
    tx: &mut Tx,
    connection: &Connection,
    token: &Secret,
) -> Result<Connection> {
    check_token(token)?;
    let sealed = app.keys.seal(&token_place(&connection.id), token);
    db::connections::set_token(tx, &connection.id, &sealed, app.clock.now()).await?;
    find(tx, &connection.org_id, &connection.id).await
}

/// Asks the provider whose token it is, and keeps the answer. No transaction
/// may be open.
///
/// # Errors
/// `NotFound` if it was removed, or given another token, meanwhile.
pub async fn check(app: &App, connection: &Connection) -> Result<Connection> {
    let token = opened(app, connection)?;
    let found = providers::account_name(&account(connection, &token)).await;
    let told = match &found {
        Ok(name) => Ok(name.clone()),
        Err(error) => Err(format!("{error}. {}", error.fix())),
    };
    let told = told.as_deref().map_err(String::as_str);
    let mut tx = app.db.write().await?;
    let key = (&connection.id, connection.token_sealed.as_str());
    if db::connections::set_checked(&mut tx, key, told, app.clock.now()).await? == 0 {
        return Err(Error::not_found());
    }
    let checked = find(&mut tx, &connection.org_id, &connection.id).await?;
    tx.commit().await?;
    Ok(checked)
}

fn opened(app: &App, connection: &Connection) -> Result<Secret> {
    app.keys.open_sealed(&token_place(&connection.id), &connection.token_sealed)
}

fn account<'a>(connection: &'a Connection, token: &'a Secret) -> Account<'a> {
    Account { provider: connection.provider, base_url: &connection.base_url, token }
}

/// A page of the repositories that the connection sees; `page` counts from 1.
/// No transaction may be open.
///
/// # Errors
/// `Invalid`, naming `search`, for a text that is too long. The inner error is
/// the provider's.
pub async fn repositories(
    app: &App,
    connection: &Connection,
    search: &str,
    page: usize,
) -> Result<Result<Listing, AskError>> {
    if search.chars().count() > MAX_SEARCH || search.chars().any(char::is_control) {
        return Err(Error::invalid_parameter("search"));
    }
    let token = opened(app, connection)?;
    Ok(providers::list(&account(connection, &token), search, page).await)
}

/// The connection that opens the repository at `url`, which has no credential
/// of its own: the oldest of the same scheme, host and port.
pub async fn opener(tx: &mut Tx, org: &OrgId, url: &str) -> Result<Option<Connection>> {
    let all = db::connections::list(tx, org).await?;
    Ok(all.into_iter().find(|c| providers::opens(c.provider, &c.base_url, url)))
}

/// What `opener` gives to git.
pub async fn credential(
    app: &App,
    tx: &mut Tx,
    org: &OrgId,
    url: &str,
) -> Result<Option<Credential>> {
    let Some(connection) = opener(tx, org, url).await? else { return Ok(None) };
    let token = opened(app, &connection)?;
    let (username, password) =
        providers::git_login(connection.provider, &connection.account, &token);
    Ok(Some(Credential { username: Secret::new(username), password }))
}

/// The connection that can make webhooks at the repository of an app, by
/// whatever transport it is cloned.
pub async fn keeper(tx: &mut Tx, row: &AppRow) -> Result<Option<Connection>> {
    let all = db::connections::list(tx, &row.org_id).await?;
    Ok(all.into_iter().find(|c| providers::serves(c.provider, &c.base_url, &row.repo_url)))
}

/// A webhook that the provider has now.
#[derive(Debug)]
pub struct MadeHook {
    pub how: Made,
    /// What it signs with, if the app had no secret: to be kept by
    /// `keep_secret`.
    fresh: Option<Secret>,
}

/// Apps of the organisation whose repositories are on the host of a connection.
pub async fn count_apps(tx: &mut Tx, connection: &Connection) -> Result<usize> {
    let Connection { org_id, provider, base_url, .. } = connection;
    let urls = db::connections::list_repositories(tx, org_id).await?;
    Ok(urls.iter().filter(|url| providers::serves(*provider, base_url, url)).count())
}

/// Makes the webhook of an app at its provider, signed with the app's secret, or
/// with a fresh one if it has none. No transaction may be open.
///
/// # Errors
/// The inner error is the provider's; then nothing has changed.
pub async fn make_webhook(
    app: &App,
    row: &AppRow,
    connection: &Connection,
) -> Result<Result<MadeHook, AskError>> {
    let mut tx = app.db.read().await?;
    let known = webhook::secret(app, &mut tx, &row.id).await?;
    drop(tx);
    let fresh = match known {
        Some(_) => None,
        None => Some(Secret::new(hex(&secrets::random::<20>()))),
    };
    let Some(secret) = known.as_ref().or(fresh.as_ref()) else {
        return Err(Error::bug("making a webhook", "there is no secret"));
    };
    let url = webhook::url(app, &row.id);
    let hook = Hook { url: &url, secret };
    let token = opened(app, connection)?;
    let made = providers::make_hook(&account(connection, &token), &row.repo_url, &hook).await;
    Ok(made.map(|how| MadeHook { how, fresh }))
}

/// From now on only deliveries that the webhook has signed are taken.
///
/// # Errors
/// `Conflict` if somebody has set another secret meanwhile: the webhook is to
/// be made again.
pub async fn keep_secret(app: &App, tx: &mut Tx, row: &AppRow, made: &MadeHook) -> Result<()> {
    let Some(fresh) = &made.fresh else { return Ok(()) };
    match webhook::secret(app, tx, &row.id).await? {
        None => webhook::set_secret(app, tx, &row.id, fresh).await,
        Some(_) => {
            let text = "A secret was set meanwhile; make the webhook once more";
            Err(Error::Conflict(text.into()))
        }
    }
}
