//! Who may see or change one app, beside the members of its organisation
//! (ORG-5).

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};

use crate::accounts::audit::{self, Change};
use crate::accounts::{authorize_app, organisations as product};
use crate::api::v1::wire;
use crate::app::App;
use crate::db;
use crate::db::organisations::Member as MemberRow;
use crate::http::error::Fault;
use crate::http::extract::PathId;
use crate::http::json::Json;
use crate::http::params::Params;
use crate::http::reply;
use crate::model::account::{Access, Actor};
use crate::model::ids::AppId;

#[derive(OpenApi)]
#[openapi(
    paths(list, set, remove),
    components(schemas(Collaborator, NewCollaborator, CollaboratorAccess))
)]
pub struct Description;

/// `read` looks, `full` also changes and builds.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum CollaboratorAccess {
    Read,
    Full,
}

impl CollaboratorAccess {
    fn access(self) -> Access {
        match self {
            Self::Read => Access::Read,
            Self::Full => Access::Full,
        }
    }
}

/// Somebody on the app's own list.
#[derive(Debug, Serialize, ToSchema)]
pub struct Collaborator<'a> {
    pub user_id: &'a str,
    pub email: &'a str,
    pub name: &'a str,
    #[schema(value_type = CollaboratorAccess)]
    pub access: &'a str,
}

impl<'a> Collaborator<'a> {
    fn of(member: &'a MemberRow) -> Self {
        let MemberRow { user_id, email, name, role } = member;
        Self { user_id: user_id.as_str(), email, name, access: role }
    }
}

/// Whom to give what.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCollaborator {
    /// Of somebody who has an account here.
    email: String,
    access: CollaboratorAccess,
}

/// List the collaborators of an app, by address. Members of its organisation
/// see it too.
#[utoipa::path(
    get, path = "/v1/apps/{app_id}/collaborators", tag = "Apps",
    operation_id = "list_collaborators",
    params(("app_id" = String, Path, description = "Id of the app.")),
    responses(
        (status = 200, description = "Collaborators.", body = [Collaborator]),
        (status = 401, description = "No valid token.", body = wire::Error),
        (status = 404, description = "Unknown app.", body = wire::Error),
    )
)]
pub async fn list(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathId(id): PathId<AppId>,
    _: Params,
) -> Result<Response, Fault> {
    let mut tx = app.db.read().await?;
    authorize_app(&mut tx, &actor, Access::Read, &id).await?;
    let found = db::organisations::list_collaborators(&mut tx, &id).await?;
    drop(tx);
    let shown: Vec<_> = found.iter().map(Collaborator::of).collect();
    Ok(reply::ok(&shown)?)
}

/// Give somebody access to an app, or change it. What this list says counts
/// more than the organisation's, except for its owners.
#[utoipa::path(
    put, path = "/v1/apps/{app_id}/collaborators", tag = "Apps",
    operation_id = "set_collaborator",
    params(("app_id" = String, Path, description = "Id of the app.")),
    request_body = NewCollaborator,
    responses(
        (status = 204, description = "Done."),
        (status = 400, description = "Malformed member, or an address that nobody here has.",
            body = wire::Error),
        (status = 401, description = "No valid token.", body = wire::Error),
        (status = 403, description = "Read-only access.", body = wire::Error),
        (status = 404, description = "Unknown app.", body = wire::Error),
        (status = 413, description = "The body is too large.", body = wire::Error),
    )
)]
pub async fn set(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathId(id): PathId<AppId>,
    Json(given): Json<NewCollaborator>,
) -> Result<Response, Fault> {
    let mut tx = app.db.write().await?;
    let row = authorize_app(&mut tx, &actor, Access::Full, &id).await?;
    let access = given.access.access();
    let user = product::set_collaborator(&mut tx, &id, &given.email, access).await?;
    let change = Change::of_app(&row, "collaborator.set", &user.email).detail(access.as_str());
    audit::record(&mut tx, &actor, change, app.clock.now()).await?;
    tx.commit().await?;
    Ok(reply::no_content())
}

/// Take somebody off the app's list. As a member of the organisation they may
/// still see it.
#[utoipa::path(
    delete, path = "/v1/apps/{app_id}/collaborators", tag = "Apps",
    operation_id = "remove_collaborator",
    params(
        ("app_id" = String, Path, description = "Id of the app."),
        ("email" = String, Query, description = "Whom; also accepted in the body, which wins."),
    ),
    responses(
        (status = 204, description = "Removed."),
        (status = 400, description = "Malformed parameter, or an address that nobody here has.",
            body = wire::Error),
        (status = 401, description = "No valid token.", body = wire::Error),
        (status = 403, description = "Read-only access.", body = wire::Error),
        (status = 404, description = "Unknown app, or no collaborator.", body = wire::Error),
        (status = 413, description = "The body is too large.", body = wire::Error),
    )
)]
pub async fn remove(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathId(id): PathId<AppId>,
    params: Params,
) -> Result<Response, Fault> {
    let mut tx = app.db.write().await?;
    let row = authorize_app(&mut tx, &actor, Access::Full, &id).await?;
    let user = product::remove_collaborator(&mut tx, &id, &params.required_str("email")?).await?;
    let change = Change::of_app(&row, "collaborator.remove", &user.email);
    audit::record(&mut tx, &actor, change, app.clock.now()).await?;
    tx.commit().await?;
    Ok(reply::no_content())
}
