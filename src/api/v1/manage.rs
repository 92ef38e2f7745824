//! Managing apps: add, show, change, move, delete, bring back.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};

use crate::accounts::audit::{self, Change};
use crate::accounts::{
    authorize_app, authorize_app_owner, authorize_deleted_app, authorize_new_app, authorize_org,
};
use crate::api::v1::wire;
use crate::app::App;
use crate::apps::manage::{self, Changes};
use crate::apps::{self as product, NewApp as New};
use crate::builds::cancel::cancel_all;
use crate::db::{self, Tx};
use crate::distribution::groups::add_team;
use crate::error::{Error, Result};
use crate::http::error::Fault;
use crate::http::extract::PathId;
use crate::http::json::Json;
use crate::http::params::Params;
use crate::http::reply;
use crate::model::account::{Access, Actor, Role};
use crate::model::app::{App as AppRow, Platform};
use crate::model::ids::{AppId, OrgId};

/// Attempts to cancel the builds of an app that agents are claiming meanwhile.
const DELETE_TRIES: usize = 5;

#[derive(OpenApi)]
#[openapi(
    paths(add, show, change, remove, restore, move_to),
    components(schemas(AppDetails, NewApp, AppChanges, AppMove))
)]
pub struct Description;

/// An app and how it is set up.
#[derive(Debug, Serialize, ToSchema)]
pub struct AppDetails<'a> {
    pub _id: &'a str,
    pub app_name: &'a str,
    #[schema(value_type = wire::Platform)]
    pub platform: &'a str,
    pub organisation_id: &'a str,
    /// Without credentials.
    pub repo_url: &'a str,
    /// `null` until the repository was asked.
    pub default_branch: Option<&'a str>,
    /// Whether its build pages are open to everybody.
    pub public: bool,
    /// The number of the next build.
    pub next_build_number: i64,
    #[schema(format = DateTime)]
    pub created_at: String,
}

impl<'a> AppDetails<'a> {
    fn of(row: &'a AppRow, next_build_number: i64) -> Self {
        Self {
            _id: row.id.as_str(),
            app_name: &row.name,
            platform: row.platform.as_str(),
            organisation_id: row.org_id.as_str(),
            repo_url: &row.repo_url,
            default_branch: row.default_branch.as_deref(),
            public: row.is_public,
            next_build_number,
            created_at: row.created_at.to_iso(),
        }
    }
}

/// An app to add.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewApp {
    #[schema(min_length = 1, max_length = 200)]
    app_name: String,
    #[schema(value_type = wire::Platform)]
    platform: Platform,
    /// Clone URL; credentials in it are split off and sealed.
    repo_url: String,
    /// Whose it shall be; your own organisation unless given.
    #[schema(value_type = Option<String>)]
    organisation_id: Option<OrgId>,
}

/// What to change; absent members stay as they are.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AppChanges {
    #[schema(min_length = 1, max_length = 200)]
    app_name: Option<String>,
    /// Another repository. All settings stay; credentials must be given again.
    repo_url: Option<String>,
    /// Only upwards.
    #[schema(minimum = 1, maximum = 2_000_000_000)]
    next_build_number: Option<i64>,
    /// Whether its build pages are open to everybody.
    public: Option<bool>,
}

/// Where to move an app.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AppMove {
    #[schema(value_type = String)]
    organisation_id: OrgId,
}

async fn details(tx: &mut Tx, row: &AppRow) -> Result<(AppRow, i64)> {
    let row = db::apps::find(tx, &row.id).await?.ok_or_else(Error::not_found)?;
    let next = db::apps::find_next_build_number(tx, &row.id).await?;
    Ok((row, next))
}

/// Add an app. Its repository is not asked; the first build finds out.
#[utoipa::path(
    post, path = "/v1/apps", tag = "Apps", operation_id = "add_app",
    request_body = NewApp,
    responses(
        (status = 201, description = "The app.", body = AppDetails),
        (status = 400, description = "Malformed member.", body = wire::Error),
        (status = 401, description = "No valid token.", body = wire::Error),
        (status = 403, description = "You may not add apps to this organisation, or own none.",
            body = wire::Error),
        (status = 404, description = "Unknown organisation.", body = wire::Error),
        (status = 413, description = "The body is too large.", body = wire::Error),
    )
)]
pub async fn add(
    State(app): State<Arc<App>>,
    actor: Actor,
    Json(given): Json<NewApp>,
) -> Result<Response, Fault> {
    let mut tx = app.db.write().await?;
    let org = authorize_new_app(&mut tx, &actor, given.organisation_id.as_ref()).await?;
    let NewApp { app_name, platform, repo_url, .. } = &given;
    let new = New { org: &org, name: app_name, platform: *platform, repo_url };
    let row = product::add(&app, &mut tx, &new).await?;
    let creator = db::accounts::find_user(&mut tx, &actor.user_id).await?.map(|user| user.email);
    add_team(&mut tx, &row, creator.as_slice(), row.created_at).await?;
    audit::record(&mut tx, &actor, Change::of_app(&row, "app.add", &row.name), row.created_at)
        .await?;
    let next = db::apps::find_next_build_number(&mut tx, &row.id).await?;
    tx.commit().await?;
    Ok(reply::created(&AppDetails::of(&row, next))?)
}

/// Show an app.
#[utoipa::path(
    get, path = "/v1/apps/{app_id}", tag = "Apps", operation_id = "show_app",
    params(("app_id" = String, Path, description = "Id of the app.")),
    responses(
        (status = 200, description = "The app.", body = AppDetails),
        (status = 401, description = "No valid token.", body = wire::Error),
        (status = 404, description = "Unknown app.", body = wire::Error),
    )
)]
pub async fn show(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathId(id): PathId<AppId>,
    _: Params,
) -> Result<Response, Fault> {
    let mut tx = app.db.read().await?;
    let row = authorize_app(&mut tx, &actor, Access::Read, &id).await?;
    let next = db::apps::find_next_build_number(&mut tx, &id).await?;
    drop(tx);
    Ok(reply::ok(&AppDetails::of(&row, next))?)
}

/// Change an app: name, repository, next build number, whether it is public.
#[utoipa::path(
    put, path = "/v1/apps/{app_id}", tag = "Apps", operation_id = "change_app",
    params(("app_id" = String, Path, description = "Id of the app.")),
    request_body = AppChanges,
    responses(
        (status = 200, description = "The app as it is now.", body = AppDetails),
        (status = 400, description = "Malformed member.", body = wire::Error),
        (status = 401, description = "No valid token.", body = wire::Error),
        (status = 403, description = "Read-only access.", body = wire::Error),
        (status = 404, description = "Unknown app.", body = wire::Error),
        (status = 409, description = "The build number is taken already.", body = wire::Error),
        (status = 413, description = "The body is too large.", body = wire::Error),
    )
)]
pub async fn change(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathId(id): PathId<AppId>,
    Json(given): Json<AppChanges>,
) -> Result<Response, Fault> {
    let mut tx = app.db.write().await?;
    let row = authorize_app(&mut tx, &actor, Access::Full, &id).await?;
    let changes = Changes {
        name: given.app_name.as_deref(),
        repo_url: given.repo_url.as_deref(),
        next_build_number: given.next_build_number,
        is_public: given.public,
    };
    for done in manage::change(&app, &mut tx, &row, &changes).await? {
        let change = Change::of_app(&row, done.action, &row.name).detail(&done.detail);
        audit::record(&mut tx, &actor, change, app.clock.now()).await?;
    }
    let (row, next) = details(&mut tx, &row).await?;
    tx.commit().await?;
    Ok(reply::ok(&AppDetails::of(&row, next))?)
}

/// Delete an app and cancel its builds. An owner of its organisation can bring
/// it back for 30 days.
#[utoipa::path(
    delete, path = "/v1/apps/{app_id}", tag = "Apps", operation_id = "delete_app",
    params(
        ("app_id" = String, Path, description = "Id of the app."),
        ("confirm" = String, Query,
            description = "The name of the app; also accepted in the body, which wins."),
    ),
    responses(
        (status = 204, description = "Deleted."),
        (status = 400, description = "`confirm` is not its name.", body = wire::Error),
        (status = 401, description = "No valid token.", body = wire::Error),
        (status = 403, description = "Read-only access.", body = wire::Error),
        (status = 404, description = "Unknown app.", body = wire::Error),
        (status = 413, description = "The body is too large.", body = wire::Error),
    )
)]
pub async fn remove(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathId(id): PathId<AppId>,
    params: Params,
) -> Result<Response, Fault> {
    for _ in 0..DELETE_TRIES {
        let mut tx = app.db.write().await?;
        let row = authorize_app(&mut tx, &actor, Access::Full, &id).await?;
        if params.required_str("confirm")? != row.name {
            return Err(Error::invalid_parameter("confirm").into());
        }
        manage::delete(&app, &mut tx, &row).await?;
        match cancel_all(&app, &mut tx, &id).await {
            Ok(()) => {
                let change = Change::of_app(&row, "app.delete", &row.name);
                audit::record(&mut tx, &actor, change, app.clock.now()).await?;
                tx.commit().await?;
                return Ok(reply::no_content());
            }
            Err(Error::Conflict(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Error::Unavailable("the builds of the app keep changing".into()).into())
}

/// Bring a deleted app back, within 30 days.
#[utoipa::path(
    post, path = "/v1/apps/{app_id}/restore", tag = "Apps", operation_id = "restore_app",
    params(("app_id" = String, Path, description = "Id of the deleted app.")),
    responses(
        (status = 200, description = "The app; its builds stay cancelled.", body = AppDetails),
        (status = 400, description = "Malformed body.", body = wire::Error),
        (status = 401, description = "No valid token.", body = wire::Error),
        (status = 403, description = "You are no owner of its organisation.",
            body = wire::Error),
        (status = 404, description = "No such deleted app, or too late.", body = wire::Error),
        (status = 413, description = "The body is too large.", body = wire::Error),
    )
)]
pub async fn restore(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathId(id): PathId<AppId>,
    _: Params,
) -> Result<Response, Fault> {
    let mut tx = app.db.write().await?;
    let deleted = authorize_deleted_app(&mut tx, &actor, &id).await?;
    manage::restore(&app, &mut tx, &deleted).await?;
    let change = Change::of_app(&deleted.app, "app.restore", &deleted.app.name);
    audit::record(&mut tx, &actor, change, app.clock.now()).await?;
    let (row, next) = details(&mut tx, &deleted.app).await?;
    tx.commit().await?;
    Ok(reply::ok(&AppDetails::of(&row, next))?)
}

/// Move an app to another organisation. You own the one it leaves and have at
/// least full access to the one it joins.
#[utoipa::path(
    post, path = "/v1/apps/{app_id}/move", tag = "Apps", operation_id = "move_app",
    params(("app_id" = String, Path, description = "Id of the app.")),
    request_body = AppMove,
    responses(
        (status = 200, description = "The app as it is now.", body = AppDetails),
        (status = 400, description = "Malformed member.", body = wire::Error),
        (status = 401, description = "No valid token.", body = wire::Error),
        (status = 403, description = "You are no owner of its organisation, or may not add apps \
            to the other one.", body = wire::Error),
        (status = 404, description = "Unknown app or organisation.", body = wire::Error),
        (status = 413, description = "The body is too large.", body = wire::Error),
    )
)]
pub async fn move_to(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathId(id): PathId<AppId>,
    Json(given): Json<AppMove>,
) -> Result<Response, Fault> {
    let mut tx = app.db.write().await?;
    let row = authorize_app_owner(&mut tx, &actor, &id).await?;
    let target = authorize_org(&mut tx, &actor, Role::Full, &given.organisation_id).await?;
    manage::move_to(&mut tx, &row, &target.id).await?;
    let now = app.clock.now();
    // Owners on both sides see it in their log.
    let left = Change::of_app(&row, "app.move", &row.name).detail(&target.name);
    audit::record(&mut tx, &actor, left, now).await?;
    let (row, next) = details(&mut tx, &row).await?;
    let joined = Change::of_app(&row, "app.move", &row.name).detail(&target.name);
    audit::record(&mut tx, &actor, joined, now).await?;
    tx.commit().await?;
    Ok(reply::ok(&AppDetails::of(&row, next))?)
}
