//! Variables of organisations, apps and branches (SEC-2, SEC-4).

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};

use crate::accounts::audit;
use crate::accounts::{authorize_app, authorize_org};
use crate::api::v1::owner::Owner;
use crate::api::v1::wire;
use crate::app::App;
use crate::apps::variables::{self as product, Place, VariableKind};
use crate::db::variables::StoredVariable;
use crate::error::{Error, Result};
use crate::http::error::Fault;
use crate::http::extract::{PathId, PathIds};
use crate::http::json::Json;
use crate::http::params::Params;
use crate::http::reply;
use crate::model::account::{Access, Actor, Role};
use crate::model::ids::{AppId, OrgId};
use crate::model::secret::Secret;
use crate::protocol::Variable as Plain;

#[derive(OpenApi)]
#[openapi(
    paths(list_of_app, set_of_app, remove_of_app, list_of_org, set_of_org, remove_of_org),
    components(schemas(VariableInfo, NewVariable, VariableSource, VariableUse)),
    tags((name = "Variables", description = "Values for builds and for the installed app."))
)]
pub struct Description;

/// Where a variable was set; `branch` beats `app` beats `organisation`.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum VariableSource {
    Organisation,
    App,
    Branch,
}

/// `environment`: during the build. `device`: in the installed app.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum VariableUse {
    #[default]
    Environment,
    Device,
}

impl VariableUse {
    fn kind(self) -> VariableKind {
        match self {
            Self::Environment => VariableKind::Environment,
            Self::Device => VariableKind::Device,
        }
    }

    fn asked(params: &Params) -> Result<Self> {
        match params.opt_str("kind")?.as_deref() {
            None | Some("environment") => Ok(Self::Environment),
            Some("device") => Ok(Self::Device),
            Some(_) => Err(Error::invalid_parameter("kind")),
        }
    }
}

/// A variable.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Variable)]
pub struct VariableInfo {
    pub name: String,
    /// `null` for a hidden one, always.
    pub value: Option<String>,
    pub hidden: bool,
    pub source: VariableSource,
    /// Only where `source` is `branch`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
}

impl VariableInfo {
    fn of(app: &App, stored: &StoredVariable, org: &OrgId) -> Result<Self> {
        let source = match stored {
            StoredVariable { branch, .. } if !branch.is_empty() => VariableSource::Branch,
            StoredVariable { owner_id, .. } if owner_id == org.as_str() => {
                VariableSource::Organisation
            }
            _ => VariableSource::App,
        };
        let value = match stored.hidden {
            true => None,
            false => Some(product::open(app, stored)?.expose().to_owned()),
        };
        Ok(Self {
            name: stored.name.clone(),
            value,
            hidden: stored.hidden,
            source,
            branch: Some(stored.branch.clone()).filter(|branch| !branch.is_empty()),
        })
    }
}

/// A variable to set.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewVariable {
    /// At most 64 KiB.
    value: String,
    /// Never shown again, and masked in logs. Default: true.
    #[serde(default = "yes")]
    hidden: bool,
    /// Of an app only: for builds of this branch alone.
    branch: Option<String>,
    #[serde(default)]
    kind: VariableUse,
}

fn yes() -> bool {
    true
}

/// List the variables that builds of an app may get, with the place of each.
#[utoipa::path(
    get, path = "/v1/apps/{app_id}/variables", tag = "Variables",
    operation_id = "list_app_variables",
    params(
        ("app_id" = String, Path, description = "Id of the app."),
        ("kind" = Option<VariableUse>, Query, description = "Default: environment."),
    ),
    responses(
        (status = 200, description = "By name; of one name the organisation's first.",
            body = [VariableInfo]),
        (status = 400, description = "Malformed parameter.", body = wire::Error),
        (status = 401, description = "No valid token.", body = wire::Error),
        (status = 403, description = "Read-only access.", body = wire::Error),
        (status = 404, description = "Unknown app.", body = wire::Error),
    )
)]
pub async fn list_of_app(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathId(id): PathId<AppId>,
    params: Params,
) -> Result<Response, Fault> {
    let kind = VariableUse::asked(&params)?.kind();
    let mut tx = app.db.read().await?;
    // Values that are not hidden open doors as well: not for reading eyes.
    let row = authorize_app(&mut tx, &actor, Access::Full, &id).await?;
    let found = product::list_of_app(&mut tx, &row, kind).await?;
    drop(tx);
    shown(&app, &found, &row.org_id)
}

fn shown(app: &App, found: &[StoredVariable], org: &OrgId) -> Result<Response, Fault> {
    let shown: Vec<_> =
        found.iter().map(|stored| VariableInfo::of(app, stored, org)).collect::<Result<_>>()?;
    Ok(reply::ok(&shown)?)
}

/// Set a variable of an app, or of one of its branches, for later builds.
#[utoipa::path(
    put, path = "/v1/apps/{app_id}/variables/{name}", tag = "Variables",
    operation_id = "set_app_variable",
    params(
        ("app_id" = String, Path, description = "Id of the app."),
        ("name" = String, Path, description = "Letters, digits and _."),
    ),
    request_body = NewVariable,
    responses(
        (status = 204, description = "Set."),
        (status = 400, description = "A name that the server sets, or malformed.",
            body = wire::Error),
        (status = 401, description = "No valid token.", body = wire::Error),
        (status = 403, description = "Read-only access.", body = wire::Error),
        (status = 404, description = "Unknown app.", body = wire::Error),
        (status = 413, description = "The body is too large.", body = wire::Error),
    )
)]
pub async fn set_of_app(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathIds(id, name): PathIds<AppId, String>,
    Json(given): Json<NewVariable>,
) -> Result<Response, Fault> {
    set(&app, &actor, &Owner::App(id), name, given).await
}

async fn set(
    app: &App,
    actor: &Actor,
    owner: &Owner,
    name: String,
    given: NewVariable,
) -> Result<Response, Fault> {
    let mut tx = app.db.write().await?;
    let owned = owner.authorize(&mut tx, actor).await?;
    let kind = given.kind.kind();
    let place = place(owner, given.branch.as_deref())?;
    let plain = Plain { name, value: Secret::new(given.value), secret: given.hidden };
    product::set(app, &mut tx, place, kind, &plain).await?;
    let detail = product::told(kind, given.branch.as_deref());
    let change = owned.change("variable.set", &plain.name).detail(&detail);
    audit::record(&mut tx, actor, change, app.clock.now()).await?;
    tx.commit().await?;
    Ok(reply::no_content())
}

async fn remove(
    app: &App,
    actor: &Actor,
    owner: &Owner,
    name: &str,
    params: &Params,
) -> Result<Response, Fault> {
    let kind = VariableUse::asked(params)?.kind();
    let branch = params.opt_str("branch")?;
    let place = place(owner, branch.as_deref())?;
    let mut tx = app.db.write().await?;
    let owned = owner.authorize(&mut tx, actor).await?;
    product::remove(&mut tx, place, kind, name).await?;
    let detail = product::told(kind, branch.as_deref());
    let change = owned.change("variable.remove", name).detail(&detail);
    audit::record(&mut tx, actor, change, app.clock.now()).await?;
    tx.commit().await?;
    Ok(reply::no_content())
}

fn place<'a>(owner: &'a Owner, branch: Option<&'a str>) -> Result<Place<'a>> {
    match owner {
        Owner::App(id) => Place::of_app(id, branch),
        Owner::Organisation(id) if branch.is_none() => Ok(Place::Organisation(id)),
        Owner::Organisation(_) => Err(Error::Invalid("branch: organisations have none".into())),
    }
}

/// Remove a variable of an app or of one of its branches.
#[utoipa::path(
    delete, path = "/v1/apps/{app_id}/variables/{name}", tag = "Variables",
    operation_id = "remove_app_variable",
    params(
        ("app_id" = String, Path, description = "Id of the app."),
        ("name" = String, Path, description = "Name of the variable."),
        ("branch" = Option<String>, Query, description = "The branch that it was set for."),
        ("kind" = Option<VariableUse>, Query, description = "Default: environment."),
    ),
    responses(
        (status = 204, description = "Removed."),
        (status = 400, description = "Malformed parameter.", body = wire::Error),
        (status = 401, description = "No valid token.", body = wire::Error),
        (status = 403, description = "Read-only access.", body = wire::Error),
        (status = 404, description = "Unknown app or variable.", body = wire::Error),
        (status = 413, description = "The body is too large.", body = wire::Error),
    )
)]
pub async fn remove_of_app(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathIds(id, name): PathIds<AppId, String>,
    params: Params,
) -> Result<Response, Fault> {
    remove(&app, &actor, &Owner::App(id), &name, &params).await
}

/// List the variables of an organisation, which all of its apps get.
#[utoipa::path(
    get, path = "/v1/organisations/{organisation_id}/variables", tag = "Variables",
    operation_id = "list_organisation_variables",
    params(
        ("organisation_id" = String, Path, description = "Id of the organisation."),
        ("kind" = Option<VariableUse>, Query, description = "Default: environment."),
    ),
    responses(
        (status = 200, description = "By name.", body = [VariableInfo]),
        (status = 400, description = "Malformed parameter.", body = wire::Error),
        (status = 401, description = "No valid token.", body = wire::Error),
        (status = 403, description = "Read-only access.", body = wire::Error),
        (status = 404, description = "Unknown organisation.", body = wire::Error),
    )
)]
pub async fn list_of_org(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathId(id): PathId<OrgId>,
    params: Params,
) -> Result<Response, Fault> {
    let kind = VariableUse::asked(&params)?.kind();
    let mut tx = app.db.read().await?;
    authorize_org(&mut tx, &actor, Role::Full, &id).await?;
    let found = product::list_of_org(&mut tx, &id, kind).await?;
    drop(tx);
    shown(&app, &found, &id)
}

/// Set a variable of an organisation for later builds of all of its apps.
#[utoipa::path(
    put, path = "/v1/organisations/{organisation_id}/variables/{name}", tag = "Variables",
    operation_id = "set_organisation_variable",
    params(
        ("organisation_id" = String, Path, description = "Id of the organisation."),
        ("name" = String, Path, description = "Letters, digits and _."),
    ),
    request_body = NewVariable,
    responses(
        (status = 204, description = "Set."),
        (status = 400, description = "A name that the server sets, or malformed.",
            body = wire::Error),
        (status = 401, description = "No valid token.", body = wire::Error),
        (status = 403, description = "You do not own the organisation.", body = wire::Error),
        (status = 404, description = "Unknown organisation.", body = wire::Error),
        (status = 413, description = "The body is too large.", body = wire::Error),
    )
)]
pub async fn set_of_org(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathIds(id, name): PathIds<OrgId, String>,
    Json(given): Json<NewVariable>,
) -> Result<Response, Fault> {
    set(&app, &actor, &Owner::Organisation(id), name, given).await
}

/// Remove a variable of an organisation.
#[utoipa::path(
    delete, path = "/v1/organisations/{organisation_id}/variables/{name}", tag = "Variables",
    operation_id = "remove_organisation_variable",
    params(
        ("organisation_id" = String, Path, description = "Id of the organisation."),
        ("name" = String, Path, description = "Name of the variable."),
        ("kind" = Option<VariableUse>, Query, description = "Default: environment."),
    ),
    responses(
        (status = 204, description = "Removed."),
        (status = 400, description = "Malformed parameter.", body = wire::Error),
        (status = 401, description = "No valid token.", body = wire::Error),
        (status = 403, description = "You do not own the organisation.", body = wire::Error),
        (status = 404, description = "Unknown organisation or variable.", body = wire::Error),
        (status = 413, description = "The body is too large.", body = wire::Error),
    )
)]
pub async fn remove_of_org(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathIds(id, name): PathIds<OrgId, String>,
    params: Params,
) -> Result<Response, Fault> {
    remove(&app, &actor, &Owner::Organisation(id), &name, &params).await
}
