//! Accounts of an organisation at those who keep its repositories (ACC-4), what
//! they see, and the webhooks that they make.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};

use crate::accounts::audit::{self, Change};
use crate::accounts::{authorize_app, authorize_org};
use crate::api::v1::statuses::Kind;
use crate::api::v1::wire;
use crate::app::App;
use crate::apps::providers::{self as product, NewConnection};
use crate::db;
use crate::error::{Error, Result};
use crate::git::providers::{AskError, Listing, Made, Repository as Found};
use crate::http::error::Fault;
use crate::http::extract::{PathId, PathIds};
use crate::http::json::Json;
use crate::http::params::Params;
use crate::http::reply;
use crate::model::account::{Access, Actor, Role};
use crate::model::connection::Connection as Row;
use crate::model::ids::{AppId, ConnectionId, OrgId};
use crate::model::secret::{Secret, on_wire};
use crate::model::status::Provider;
use crate::model::time::Millis;

#[derive(OpenApi)]
#[openapi(
    paths(list, add, replace_token, test, remove, repositories, make_webhook),
    components(schemas(
        NewConnectionBody, NewToken, Connection, Repositories, Repository, MadeWebhook
    )),
    tags((name = "Providers", description = "Accounts of an organisation at GitHub and others."))
)]
pub struct Description;

/// An account at a provider of repositories.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewProviderConnection)]
pub struct NewConnectionBody {
    /// No two connections of an organisation are called alike.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    #[schema(value_type = Kind)]
    provider: Provider,
    /// Of the API, such as `https://ghe.example.org/api/v3`. Not needed for
    /// github.com, gitlab.com and bitbucket.org.
    base_url: Option<String>,
    /// It is kept sealed and never shown.
    #[serde(with = "on_wire")]
    #[schema(value_type = String)]
    token: Secret,
}

/// Another token for a connection.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewProviderToken)]
pub struct NewToken {
    #[serde(with = "on_wire")]
    #[schema(value_type = String)]
    token: Secret,
}

/// An account of an organisation, without its token.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ProviderConnection)]
pub struct Connection<'a> {
    pub _id: &'a str,
    pub name: &'a str,
    #[schema(value_type = Kind)]
    pub provider: &'static str,
    pub base_url: &'a str,
    /// Whose token it is, as the last good test found; null before.
    #[schema(required)]
    pub account: Option<&'a str>,
    /// The last test; null before.
    #[schema(format = DateTime, required)]
    pub tested_at: Option<String>,
    /// Why the last test failed.
    #[schema(required)]
    pub error: Option<&'a str>,
    #[schema(format = DateTime)]
    pub token_set_at: String,
}

impl<'a> Connection<'a> {
    fn of(row: &'a Row) -> Self {
        Self {
            _id: row.id.as_str(),
            name: &row.name,
            provider: row.provider.as_str(),
            base_url: &row.base_url,
            account: Some(row.account.as_str()).filter(|name| !name.is_empty()),
            tested_at: row.checked_at.map(Millis::to_iso),
            error: row.check_error.as_deref(),
            token_set_at: row.token_set_at.to_iso(),
        }
    }
}

/// One page of what a connection sees.
#[derive(Debug, Serialize, ToSchema)]
pub struct Repositories<'a> {
    pub repositories: Vec<Repository<'a>>,
    /// Whether there is a next page.
    pub has_more: bool,
    /// How many were looked through by a search that left some out.
    #[schema(required)]
    pub searched: Option<usize>,
}

/// A repository to make an app of.
#[derive(Debug, Serialize, ToSchema)]
pub struct Repository<'a> {
    pub full_name: &'a str,
    /// Without credentials; the connection opens it.
    pub clone_url: &'a str,
    pub private: bool,
    /// The last push or change; null where the provider does not tell.
    #[schema(format = DateTime, required)]
    pub changed_at: Option<String>,
}

impl<'a> Repository<'a> {
    fn of(found: &'a Found) -> Self {
        Self {
            full_name: &found.full_name,
            clone_url: &found.clone_url,
            private: found.is_private,
            changed_at: found.changed_at.map(Millis::to_iso),
        }
    }
}

/// What it took.
#[derive(Debug, Serialize, ToSchema)]
pub struct MadeWebhook {
    /// False = one with the app's address was there and was set anew.
    pub created: bool,
}

/// What a provider has refused or cannot do now is a conflict with the world.
fn refused(error: &AskError) -> Error {
    Error::Conflict(format!("{error}. {}", error.fix().trim_end_matches('.')))
}

/// List the accounts of an organisation at providers, oldest first.
#[utoipa::path(
    get, path = "/v1/organisations/{organisation_id}/providers", tag = "Providers",
    operation_id = "list_providers",
    params(("organisation_id" = String, Path, description = "Id of the organisation.")),
    responses(
        (status = 200, description = "Connections.", body = [Connection]),
        (status = 401, description = "No valid token.", body = wire::Error),
        (status = 404, description = "Unknown organisation.", body = wire::Error),
    )
)]
pub async fn list(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathId(id): PathId<OrgId>,
    _: Params,
) -> Result<Response, Fault> {
    let mut tx = app.db.read().await?;
    authorize_org(&mut tx, &actor, Role::Read, &id).await?;
    let found = db::connections::list(&mut tx, &id).await?;
    drop(tx);
    Ok(reply::ok(&found.iter().map(Connection::of).collect::<Vec<_>>())?)
}

/// Connect an account at a provider. It is not asked yet: test it.
#[utoipa::path(
    post, path = "/v1/organisations/{organisation_id}/providers", tag = "Providers",
    operation_id = "add_provider",
    params(("organisation_id" = String, Path, description = "Id of the organisation.")),
    request_body = NewConnectionBody,
    responses(
        (status = 201, description = "The connection.", body = Connection),
        (status = 400, description = "Malformed member.", body = wire::Error),
        (status = 401, description = "No valid token.", body = wire::Error),
        (status = 403, description = "You are no owner of it.", body = wire::Error),
        (status = 404, description = "Unknown organisation.", body = wire::Error),
        (status = 409, description = "The name is taken, or there are too many.",
            body = wire::Error),
        (status = 413, description = "The body is too large.", body = wire::Error),
    )
)]
pub async fn add(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathId(id): PathId<OrgId>,
    Json(given): Json<NewConnectionBody>,
) -> Result<Response, Fault> {
    let NewConnectionBody { name, provider, base_url, token } = &given;
    let new = NewConnection { name, provider: *provider, base_url: base_url.as_deref(), token };
    let mut tx = app.db.write().await?;
    authorize_org(&mut tx, &actor, Role::Owner, &id).await?;
    let row = product::connect(&app, &mut tx, &id, &new).await?;
    let change = Change::of_org(&id, "provider.add", &row.name).detail(&row.base_url);
    audit::record(&mut tx, &actor, change, row.created_at).await?;
    tx.commit().await?;
    Ok(reply::created(&Connection::of(&row))?)
}

/// Give a connection another token.
#[utoipa::path(
    put, path = "/v1/organisations/{organisation_id}/providers/{connection_id}/token",
    tag = "Providers", operation_id = "set_provider_token",
    params(
        ("organisation_id" = String, Path, description = "Id of the organisation."),
        ("connection_id" = String, Path, description = "Id of the connection."),
    ),
    request_body = NewToken,
    responses(
        (status = 200, description = "The connection, not tested yet.", body = Connection),
        (status = 400, description = "Malformed member.", body = wire::Error),
        (status = 401, description = "No valid token.", body = wire::Error),
        (status = 403, description = "You are no owner of it.", body = wire::Error),
        (status = 404, description = "Unknown organisation or connection.", body = wire::Error),
        (status = 413, description = "The body is too large.", body = wire::Error),
    )
)]
pub async fn replace_token(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathIds(id, connection): PathIds<OrgId, ConnectionId>,
    Json(given): Json<NewToken>,
) -> Result<Response, Fault> {
    let mut tx = app.db.write().await?;
    authorize_org(&mut tx, &actor, Role::Owner, &id).await?;
    let row = product::find(&mut tx, &id, &connection).await?;
    let row = product::replace_token(&app, &mut tx, &row, &given.token).await?;
    let change = Change::of_org(&id, "provider.token", &row.name);
    audit::record(&mut tx, &actor, change, row.token_set_at).await?;
    tx.commit().await?;
    Ok(reply::ok(&Connection::of(&row))?)
}

/// Ask the provider whose token it is. A provider that refuses is an answer as
/// well: see `error`.
#[utoipa::path(
    post, path = "/v1/organisations/{organisation_id}/providers/{connection_id}/test",
    tag = "Providers", operation_id = "test_provider",
    params(
        ("organisation_id" = String, Path, description = "Id of the organisation."),
        ("connection_id" = String, Path, description = "Id of the connection."),
    ),
    responses(
        (status = 200, description = "What was found.", body = Connection),
        (status = 400, description = "Malformed body.", body = wire::Error),
        (status = 401, description = "No valid token.", body = wire::Error),
        (status = 403, description = "You are no owner of it.", body = wire::Error),
        (status = 404, description = "Unknown organisation or connection.", body = wire::Error),
        (status = 413, description = "The body is too large.", body = wire::Error),
    )
)]
pub async fn test(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathIds(id, connection): PathIds<OrgId, ConnectionId>,
    _: Params,
) -> Result<Response, Fault> {
    let mut tx = app.db.read().await?;
    authorize_org(&mut tx, &actor, Role::Owner, &id).await?;
    let row = product::find(&mut tx, &id, &connection).await?;
    drop(tx);
    let row = product::check(&app, &row).await?;
    Ok(reply::ok(&Connection::of(&row))?)
}

/// Remove a connection. What it opened and told is opened and told no more.
#[utoipa::path(
    delete, path = "/v1/organisations/{organisation_id}/providers/{connection_id}",
    tag = "Providers", operation_id = "remove_provider_connection",
    params(
        ("organisation_id" = String, Path, description = "Id of the organisation."),
        ("connection_id" = String, Path, description = "Id of the connection."),
    ),
    responses(
        (status = 204, description = "Removed."),
        (status = 400, description = "Malformed body.", body = wire::Error),
        (status = 401, description = "No valid token.", body = wire::Error),
        (status = 403, description = "You are no owner of it.", body = wire::Error),
        (status = 404, description = "Unknown organisation or connection.", body = wire::Error),
        (status = 413, description = "The body is too large.", body = wire::Error),
    )
)]
pub async fn remove(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathIds(id, connection): PathIds<OrgId, ConnectionId>,
    _: Params,
) -> Result<Response, Fault> {
    let mut tx = app.db.write().await?;
    authorize_org(&mut tx, &actor, Role::Owner, &id).await?;
    let row = product::find(&mut tx, &id, &connection).await?;
    db::connections::delete(&mut tx, &connection).await?;
    let change = Change::of_org(&id, "provider.remove", &row.name).detail(&row.base_url);
    audit::record(&mut tx, &actor, change, app.clock.now()).await?;
    tx.commit().await?;
    Ok(reply::no_content())
}

/// List the repositories that a connection sees, newest first where the
/// provider can tell.
#[utoipa::path(
    get, path = "/v1/organisations/{organisation_id}/providers/{connection_id}/repositories",
    tag = "Providers", operation_id = "list_provider_repositories",
    params(
        ("organisation_id" = String, Path, description = "Id of the organisation."),
        ("connection_id" = String, Path, description = "Id of the connection."),
        ("search" = Option<String>, Query, description = "Part of a name."),
        ("page" = Option<i64>, Query, description = "From 1 to 100; 30 repositories each."),
    ),
    responses(
        (status = 200, description = "A page.", body = Repositories),
        (status = 400, description = "Malformed parameter.", body = wire::Error),
        (status = 401, description = "No valid token.", body = wire::Error),
        (status = 403, description = "Read-only access.", body = wire::Error),
        (status = 404, description = "Unknown organisation or connection.", body = wire::Error),
        (status = 409, description = "The provider refuses, or cannot be asked now.",
            body = wire::Error),
    )
)]
pub async fn repositories(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathIds(id, connection): PathIds<OrgId, ConnectionId>,
    params: Params,
) -> Result<Response, Fault> {
    let search = params.opt_str("search")?.unwrap_or_default();
    let page = page_of(&params)?;
    let mut tx = app.db.read().await?;
    authorize_org(&mut tx, &actor, Role::Full, &id).await?;
    let row = product::find(&mut tx, &id, &connection).await?;
    drop(tx);
    let listed = product::repositories(&app, &row, &search, page).await?;
    let Listing { repositories, has_more, searched } = listed.map_err(|error| refused(&error))?;
    let repositories = repositories.iter().map(Repository::of).collect();
    Ok(reply::ok(&Repositories { repositories, has_more, searched })?)
}

fn page_of(params: &Params) -> Result<usize> {
    let page = params.opt::<i64>("page")?.unwrap_or(1);
    match usize::try_from(page) {
        Ok(page @ 1..=100) => Ok(page),
        _ => Err(Error::invalid_parameter("page")),
    }
}

/// Make the app's webhook at its provider, or set it anew, with a connection of
/// the app's organisation; an app without a secret gets one.
#[utoipa::path(
    post, path = "/v1/apps/{app_id}/webhook", tag = "Webhooks", operation_id = "make_webhook",
    params(("app_id" = String, Path, description = "Id of the app.")),
    responses(
        (status = 200, description = "The provider has it.", body = MadeWebhook),
        (status = 400, description = "Malformed body.", body = wire::Error),
        (status = 401, description = "No valid token.", body = wire::Error),
        (status = 403, description = "Read-only access.", body = wire::Error),
        (status = 404, description = "Unknown app.", body = wire::Error),
        (status = 409, description = "No connection is to this host, or the provider refuses.",
            body = wire::Error),
        (status = 413, description = "The body is too large.", body = wire::Error),
    )
)]
pub async fn make_webhook(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathId(id): PathId<AppId>,
    _: Params,
) -> Result<Response, Fault> {
    let mut tx = app.db.read().await?;
    let row = authorize_app(&mut tx, &actor, Access::Full, &id).await?;
    let keeper = product::keeper(&mut tx, &row).await?;
    drop(tx);
    let Some(connection) = keeper else {
        let text = "The organisation has no connection to the host of this repository";
        return Err(Error::Conflict(text.into()).into());
    };
    let made = product::make_webhook(&app, &row, &connection).await?;
    let made = made.map_err(|error| refused(&error))?;
    let mut tx = app.db.write().await?;
    let row = authorize_app(&mut tx, &actor, Access::Full, &id).await?;
    product::keep_secret(&app, &mut tx, &row, &made).await?;
    let change = Change::of_app(&row, "app.webhook.make", &row.name).detail(&connection.name);
    audit::record(&mut tx, &actor, change, app.clock.now()).await?;
    tx.commit().await?;
    Ok(reply::ok(&MadeWebhook { created: made.how == Made::New })?)
}
