//! Commit statuses: the account that they are sent with, and what was sent
//! for a build.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};

use crate::accounts::audit::{self, Change};
use crate::accounts::{authorize_app, authorize_build};
use crate::api::v1::wire;
use crate::app::App;
use crate::builds::statuses::{NewAccount, set_account};
use crate::db;
use crate::error::Error;
use crate::http::error::Fault;
use crate::http::extract::PathId;
use crate::http::json::Json;
use crate::http::params::Params;
use crate::http::reply;
use crate::model::account::{Access, Actor};
use crate::model::ids::{AppId, BuildId};
use crate::model::secret::{Secret, on_wire};
use crate::model::status::{CommitStatus, Provider, ProviderAccount};
use crate::model::time::Millis;

#[derive(OpenApi)]
#[openapi(
    paths(set_provider, show_provider, remove_provider, list),
    components(schemas(NewProvider, ProviderDetails, Status, Kind))
)]
pub struct Description;

/// Who keeps the repository; decides how statuses are sent.
#[derive(ToSchema)]
#[schema(as = Provider, rename_all = "snake_case")]
pub enum Kind {
    Github,
    Gitlab,
    Bitbucket,
    BitbucketServer,
    Gitea,
}

/// An account at the provider of an app's repository.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewProvider {
    #[schema(value_type = Kind)]
    provider: Provider,
    /// Of the API, such as `https://ghe.example.org/api/v3`. Not needed for
    /// repositories at github.com, gitlab.com and bitbucket.org.
    base_url: Option<String>,
    /// May write commit statuses. It is kept sealed and never shown.
    #[serde(with = "on_wire")]
    #[schema(value_type = String)]
    token: Secret,
}

/// The account, without its token.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProviderDetails<'a> {
    #[schema(value_type = Kind)]
    pub provider: &'static str,
    pub base_url: &'a str,
    /// When the token was set.
    #[schema(format = DateTime)]
    pub set_at: String,
}

impl<'a> ProviderDetails<'a> {
    fn of(account: &'a ProviderAccount) -> Self {
        Self {
            provider: account.provider.as_str(),
            base_url: &account.base_url,
            set_at: account.created_at.to_iso(),
        }
    }
}

/// A state that the provider was or will be told.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CommitStatus)]
pub struct Status<'a> {
    pub _id: &'a str,
    /// 40 lowercase hex.
    pub commit_sha: &'a str,
    /// `pending`, `success`, `failure` or `error`.
    pub state: &'static str,
    pub description: &'a str,
    /// `waiting`, `sent` or `failed`.
    pub delivery: &'a str,
    /// Calls to the provider so far.
    pub tries: i64,
    /// Why the last call failed.
    pub last_error: Option<&'a str>,
    #[schema(format = DateTime)]
    pub created_at: String,
    /// When it was sent, or given up.
    #[schema(format = DateTime)]
    pub settled_at: Option<String>,
    /// The next call; `null` unless it waits.
    #[schema(format = DateTime)]
    pub next_try_at: Option<String>,
}

impl<'a> Status<'a> {
    fn of(status: &'a CommitStatus) -> Self {
        let waits = status.outcome.is_none();
        Self {
            _id: status.id.as_str(),
            commit_sha: &status.sha,
            state: status.state.as_str(),
            description: &status.description,
            delivery: status.outcome.as_deref().unwrap_or("waiting"),
            tries: status.tries,
            last_error: status.last_error.as_deref(),
            created_at: status.created_at.to_iso(),
            settled_at: status.sent_at.map(Millis::to_iso),
            next_try_at: waits.then(|| status.next_try_at.max(status.created_at).to_iso()),
        }
    }
}

/// Set where commit statuses of an app go, from its next build on.
#[utoipa::path(
    put, path = "/v1/apps/{app_id}/provider", tag = "Apps", operation_id = "set_provider",
    params(("app_id" = String, Path, description = "Id of the app.")),
    request_body = NewProvider,
    responses(
        (status = 200, description = "The account.", body = ProviderDetails),
        (status = 400, description = "Malformed member.", body = wire::Error),
        (status = 401, description = "No valid token.", body = wire::Error),
        (status = 403, description = "Read-only access.", body = wire::Error),
        (status = 404, description = "Unknown app.", body = wire::Error),
        (status = 413, description = "The body is too large.", body = wire::Error),
    )
)]
pub async fn set_provider(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathId(id): PathId<AppId>,
    Json(given): Json<NewProvider>,
) -> Result<Response, Fault> {
    let NewProvider { provider, base_url, token } = given;
    let mut tx = app.db.write().await?;
    let row = authorize_app(&mut tx, &actor, Access::Full, &id).await?;
    let new = NewAccount { provider, base_url: base_url.as_deref(), token: &token };
    let account = set_account(&app, &mut tx, &row, &new).await?;
    let change = Change::of_app(&row, "app.provider.set", provider.as_str());
    audit::record(&mut tx, &actor, change.detail(&account.base_url), account.created_at).await?;
    tx.commit().await?;
    Ok(reply::ok(&ProviderDetails::of(&account))?)
}

/// Show where commit statuses of an app go.
#[utoipa::path(
    get, path = "/v1/apps/{app_id}/provider", tag = "Apps", operation_id = "show_provider",
    params(("app_id" = String, Path, description = "Id of the app.")),
    responses(
        (status = 200, description = "The account.", body = ProviderDetails),
        (status = 401, description = "No valid token.", body = wire::Error),
        (status = 404, description = "Unknown app, or no account.", body = wire::Error),
    )
)]
pub async fn show_provider(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathId(id): PathId<AppId>,
    _: Params,
) -> Result<Response, Fault> {
    let mut tx = app.db.read().await?;
    authorize_app(&mut tx, &actor, Access::Read, &id).await?;
    let account = db::statuses::find_provider(&mut tx, &id).await?.ok_or_else(Error::not_found)?;
    Ok(reply::ok(&ProviderDetails::of(&account))?)
}

/// Send no commit statuses of an app any more.
#[utoipa::path(
    delete, path = "/v1/apps/{app_id}/provider", tag = "Apps", operation_id = "remove_provider",
    params(("app_id" = String, Path, description = "Id of the app.")),
    responses(
        (status = 204, description = "Removed."),
        (status = 401, description = "No valid token.", body = wire::Error),
        (status = 403, description = "Read-only access.", body = wire::Error),
        (status = 404, description = "Unknown app, or no account.", body = wire::Error),
    )
)]
pub async fn remove_provider(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathId(id): PathId<AppId>,
    _: Params,
) -> Result<Response, Fault> {
    let mut tx = app.db.write().await?;
    let row = authorize_app(&mut tx, &actor, Access::Full, &id).await?;
    let account = db::statuses::find_provider(&mut tx, &id).await?.ok_or_else(Error::not_found)?;
    db::statuses::delete_provider(&mut tx, &id).await?;
    let change = Change::of_app(&row, "app.provider.remove", account.provider.as_str());
    audit::record(&mut tx, &actor, change, app.clock.now()).await?;
    tx.commit().await?;
    Ok(reply::no_content())
}

/// List what the provider was told of a build, in order.
#[utoipa::path(
    get, path = "/v1/builds/{build_id}/statuses", tag = "Builds", operation_id = "list_statuses",
    params(("build_id" = String, Path, description = "Id of the build.")),
    responses(
        (status = 200, description = "States in the order they are sent.", body = [Status]),
        (status = 401, description = "No valid token.", body = wire::Error),
        (status = 404, description = "Unknown build.", body = wire::Error),
    )
)]
pub async fn list(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathId(id): PathId<BuildId>,
    _: Params,
) -> Result<Response, Fault> {
    let mut tx = app.db.read().await?;
    authorize_build(&mut tx, &actor, Access::Read, &id).await?;
    let statuses = db::statuses::list(&mut tx, &id).await?;
    Ok(reply::ok(&statuses.iter().map(Status::of).collect::<Vec<_>>())?)
}
