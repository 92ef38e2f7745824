//! Endpoints 1 and 2: apps and their branches.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;

use crate::accounts::authorize_app;
use crate::api::v1::wire;
use crate::app::App;
use crate::apps as product;
use crate::db;
use crate::http::error::Fault;
use crate::http::extract::PathId;
use crate::http::params::Params;
use crate::http::reply;
use crate::model::account::{Access, Actor};
use crate::model::ids::AppId;

/// List the apps you can see, by name.
#[utoipa::path(
    get, path = "/v1/apps", tag = "Apps", operation_id = "list_apps",
    responses(
        (status = 200, description = "Apps by display name, then id.", body = [wire::App]),
        (status = 401, description = "No valid token.", body = wire::Error),
    )
)]
pub async fn list(State(app): State<Arc<App>>, actor: Actor, _: Params) -> Result<Response, Fault> {
    let mut tx = app.db.read().await?;
    let mut rows = db::apps::list_visible(&mut tx, &actor).await?;
    drop(tx);
    rows.sort_by_cached_key(|row| (row.name.to_lowercase(), row.id.clone()));
    let shown: Vec<_> = rows.iter().map(wire::App::of).collect();
    Ok(reply::ok(&shown)?)
}

/// List the branches of an app.
#[utoipa::path(
    get, path = "/v1/apps/{app_id}/branches", tag = "Apps", operation_id = "list_branches",
    params(
        ("app_id" = String, Path, description = "Id of the app."),
        ("includeDeleted" = Option<bool>, Query, description = "Also list deleted branches."),
    ),
    responses(
        (status = 200, description = "Branches by name, bytewise.", body = [wire::Branch]),
        (status = 400, description = "Malformed parameter.", body = wire::Error),
        (status = 401, description = "No valid token.", body = wire::Error),
        (status = 404, description = "Unknown app.", body = wire::Error),
    )
)]
pub async fn branches(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathId(id): PathId<AppId>,
    params: Params,
) -> Result<Response, Fault> {
    let include_deleted = params.opt_bool("includeDeleted")?.unwrap_or(false);
    let mut tx = app.db.read().await?;
    let row = authorize_app(&mut tx, &actor, Access::Read, &id).await?;
    drop(tx);
    let branches = product::branches(&app, &row, include_deleted).await?;
    let shown: Vec<_> = branches.iter().map(wire::Branch::of).collect();
    Ok(reply::ok(&shown)?)
}
