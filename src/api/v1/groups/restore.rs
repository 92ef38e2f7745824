//! Bringing a deleted group back.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;

use super::{Group, record};
use crate::accounts::authorize_app;
use crate::api::v1::wire;
use crate::app::App;
use crate::distribution::groups;
use crate::http::error::Fault;
use crate::http::extract::PathIds;
use crate::http::params::Params;
use crate::http::reply;
use crate::model::account::{Access, Actor};
use crate::model::ids::{AppId, GroupId};

/// Bring a deployment group back with its testers, within 30 days.
#[utoipa::path(
    post, path = "/v1/apps/{app_id}/deployment-groups/{group_id}/restore", tag = "Distribution",
    operation_id = "restore_group",
    params(
        ("app_id" = String, Path, description = "Id of the app."),
        ("group_id" = String, Path, description = "Id of the group."),
    ),
    responses(
        (status = 200, description = "The group.", body = Group),
        (status = 400, description = "Malformed body, or the app has too many groups.",
            body = wire::Error),
        (status = 401, description = "No valid token.", body = wire::Error),
        (status = 403, description = "Read-only access.", body = wire::Error),
        (status = 404, description = "Unknown app, or no such group was deleted.",
            body = wire::Error),
        (status = 413, description = "The body is too large.", body = wire::Error),
    )
)]
pub async fn restore(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathIds(id, group): PathIds<AppId, GroupId>,
    _: Params,
) -> Result<Response, Fault> {
    let mut tx = app.db.write().await?;
    let row = authorize_app(&mut tx, &actor, Access::Full, &id).await?;
    let group = groups::restore(&app, &mut tx, &row, &group).await?;
    let listed = groups::show(&mut tx, &group).await?;
    let response = reply::ok(&Group::of(&row, &listed)?)?;
    record(&app, &mut tx, &actor, (&row, &group.name), ("group.restore", &[])).await?;
    tx.commit().await?;
    Ok(response)
}
