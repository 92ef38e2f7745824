//! What an organisation gives to its apps (ALL-1, ALL-2), and its limit.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};

use crate::accounts::audit::Change;
use crate::accounts::authorize_org;
use crate::api::v1::settings::{record, wire};
use crate::api::v1::wire::Error as WireError;
use crate::app::App;
use crate::apps::settings::{self as product, Target};
use crate::db::settings::OfOrganisation;
use crate::error::{Error, Result};
use crate::http::error::Fault;
use crate::http::extract::PathId;
use crate::http::json::Json;
use crate::http::params::Params;
use crate::http::reply;
use crate::model::account::{Actor, Role};
use crate::model::app::Platform;
use crate::model::ids::{AppId, OrgId};

#[derive(OpenApi)]
#[openapi(paths(show, put, apply), components(schemas(Applied, Apply, OrganisationSettings, To)))]
pub struct Description;

/// What new apps of the organisation start with.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OrganisationSettings {
    /// Only what is set here.
    pub defaults: wire::Settings,
    /// Builds running at once, instead of the server's limit per organisation.
    /// Only administrators of the server change it.
    pub max_running: Option<i64>,
}

/// Which settings to give to which apps.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Apply {
    /// Names of settings.
    #[schema(example = json!(["build_pushes", "auto_cancel"]))]
    pub settings: Vec<String>,
    /// Every app, or those of a platform. Either this or `apps`.
    #[serde(default)]
    pub to: Option<To>,
    /// Ids of the apps.
    #[serde(default)]
    pub apps: Option<Vec<String>>,
}

#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum To {
    All,
    Ios,
    Android,
}

/// The apps that now have what the organisation has.
#[derive(Debug, Serialize, ToSchema)]
pub struct Applied {
    pub apps: Vec<String>,
}

impl Apply {
    fn target(&self) -> Result<Target> {
        match (self.to, &self.apps) {
            (Some(To::All), None) => Ok(Target::All),
            (Some(To::Ios), None) => Ok(Target::Platform(Platform::Ios)),
            (Some(To::Android), None) => Ok(Target::Platform(Platform::Android)),
            (None, Some(ids)) => ids
                .iter()
                .map(|id| id.parse::<AppId>().map_err(|_| Error::invalid_parameter("apps")))
                .collect::<Result<_>>()
                .map(Target::Apps),
            (None, None) => Err(Error::Invalid("Missing parameter \"to\" or \"apps\"".into())),
            (Some(_), Some(_)) => Err(Error::Invalid("Either \"to\" or \"apps\", not both".into())),
        }
    }
}

/// Show the defaults of an organisation.
#[utoipa::path(
    get, path = "/v1/organisations/{organisation_id}/settings", tag = "Settings",
    operation_id = "show_organisation_settings",
    params(("organisation_id" = String, Path, description = "Id of the organisation.")),
    responses(
        (status = 200, description = "What new apps start with.", body = OrganisationSettings),
        (status = 401, description = "No valid token.", body = WireError),
        (status = 404, description = "Unknown organisation.", body = WireError),
    )
)]
pub async fn show(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathId(id): PathId<OrgId>,
    _: Params,
) -> Result<Response, Fault> {
    let mut tx = app.db.read().await?;
    authorize_org(&mut tx, &actor, Role::Read, &id).await?;
    let OfOrganisation { defaults, max_running } = product::of_organisation(&mut tx, &id).await?;
    let defaults = wire::Settings::of(&defaults)?;
    Ok(reply::ok(&OrganisationSettings { defaults, max_running })?)
}

/// Replace the defaults of an organisation. Apps that exist keep what they have.
#[utoipa::path(
    put, path = "/v1/organisations/{organisation_id}/settings", tag = "Settings",
    operation_id = "put_organisation_settings",
    params(("organisation_id" = String, Path, description = "Id of the organisation.")),
    request_body = OrganisationSettings,
    responses(
        (status = 200, description = "As it is now.", body = OrganisationSettings),
        (status = 400, description = "Malformed body, or a value that cannot be used.",
            body = WireError),
        (status = 401, description = "No valid token.", body = WireError),
        (status = 403, description = "Only owners may; the limit only administrators.",
            body = WireError),
        (status = 404, description = "Unknown organisation.", body = WireError),
        (status = 413, description = "The body is too large.", body = WireError),
    )
)]
pub async fn put(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathId(id): PathId<OrgId>,
    Json(body): Json<OrganisationSettings>,
) -> Result<Response, Fault> {
    let new = OfOrganisation { defaults: body.defaults.read()?, max_running: body.max_running };
    let mut tx = app.db.write().await?;
    let org = authorize_org(&mut tx, &actor, Role::Owner, &id).await?;
    let before = product::of_organisation(&mut tx, &id).await?;
    if before.max_running != new.max_running && !actor.is_admin {
        return Err(Error::Forbidden("Only administrators may change max_running").into());
    }
    let changes = product::put_organisation(&mut tx, &id, &new).await?;
    let change = Change::of_org(&id, "organisation.settings.update", &org.name);
    record(&app, &mut tx, &actor, change, &changes).await?;
    tx.commit().await?;
    Ok(reply::ok(&body)?)
}

/// Give single settings of the organisation to apps that exist. They replace
/// what the app had; overrides of branches stay.
#[utoipa::path(
    post, path = "/v1/organisations/{organisation_id}/settings/apply", tag = "Settings",
    operation_id = "apply_organisation_settings",
    params(("organisation_id" = String, Path, description = "Id of the organisation.")),
    request_body = Apply,
    responses(
        (status = 200, description = "Done.", body = Applied),
        (status = 400, description = "Malformed body, no setting, or no app of the organisation.",
            body = WireError),
        (status = 401, description = "No valid token.", body = WireError),
        (status = 403, description = "Only owners may.", body = WireError),
        (status = 404, description = "Unknown organisation.", body = WireError),
        (status = 413, description = "The body is too large.", body = WireError),
    )
)]
pub async fn apply(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathId(id): PathId<OrgId>,
    Json(body): Json<Apply>,
) -> Result<Response, Fault> {
    let target = body.target()?;
    let mut tx = app.db.write().await?;
    authorize_org(&mut tx, &actor, Role::Owner, &id).await?;
    let applied = product::apply(&mut tx, &id, &body.settings, &target).await?;
    for (row, changes) in &applied {
        let change = Change::of_app(row, "settings.apply", &row.name);
        record(&app, &mut tx, &actor, change, changes).await?;
    }
    tx.commit().await?;
    let apps = applied.iter().map(|(row, _)| row.id.to_string()).collect();
    Ok(reply::ok(&Applied { apps })?)
}
