//! Settings of apps (CFG-1): at the app, per branch or prefix, and what a
//! branch and a build get.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use utoipa::OpenApi;

use crate::accounts::audit::{self, Change};
use crate::accounts::{authorize_app, authorize_build};
use crate::api::v1::wire::Error as WireError;
use crate::app::App;
use crate::apps::settings as product;
use crate::db::{self, Tx};
use crate::error::Result;
use crate::http::error::Fault;
use crate::http::extract::PathId;
use crate::http::json::Json;
use crate::http::params::Params;
use crate::http::reply;
use crate::model::account::{Access, Actor};
use crate::model::ids::{AppId, BuildId};

pub mod organisation;
pub mod wire;

#[derive(OpenApi)]
#[openapi(
    paths(
        show,
        put,
        resolved,
        list_overrides,
        put_override,
        delete_override,
        of_build,
    ),
    components(schemas(
        wire::BuildSettings,
        wire::ForkRule,
        wire::Forks,
        wire::Override,
        wire::Resolved,
        wire::ResolvedSettings,
        wire::Selective,
        wire::SelectiveMode,
        wire::Settings,
        wire::UiTests,
    )),
    tags((name = "Settings", description = "What builds are built with, and when.")),
)]
pub struct Description;

/// One line of the activity log about what was changed, if anything was.
pub(super) async fn record(
    app: &App,
    tx: &mut Tx,
    actor: &Actor,
    change: Change<'_>,
    changes: &[String],
) -> Result<()> {
    if changes.is_empty() {
        return Ok(());
    }
    let text = product::detail(changes);
    audit::record(tx, actor, change.detail(&text), app.clock.now()).await
}

/// Show what is set at an app.
#[utoipa::path(
    get, path = "/v1/apps/{app_id}/settings", tag = "Settings", operation_id = "show_settings",
    params(("app_id" = String, Path, description = "Id of the app.")),
    responses(
        (status = 200, description = "Only what is set here.", body = wire::Settings),
        (status = 401, description = "No valid token.", body = WireError),
        (status = 404, description = "Unknown app.", body = WireError),
    )
)]
pub async fn show(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathId(id): PathId<AppId>,
    _: Params,
) -> Result<Response, Fault> {
    let mut tx = app.db.read().await?;
    authorize_app(&mut tx, &actor, Access::Read, &id).await?;
    let own = product::levels(&mut tx, &id).await?.own;
    Ok(reply::ok(&wire::Settings::of(&own)?)?)
}

/// Replace what is set at an app. Members that are left out are not set any more.
#[utoipa::path(
    put, path = "/v1/apps/{app_id}/settings", tag = "Settings", operation_id = "put_settings",
    params(("app_id" = String, Path, description = "Id of the app.")),
    request_body = wire::Settings,
    responses(
        (status = 200, description = "What is set now; later builds get it.",
            body = wire::Settings),
        (status = 400, description = "Malformed body, or a value that cannot be used.",
            body = WireError),
        (status = 401, description = "No valid token.", body = WireError),
        (status = 403, description = "Read-only access.", body = WireError),
        (status = 404, description = "Unknown app.", body = WireError),
        (status = 413, description = "The body is too large.", body = WireError),
    )
)]
pub async fn put(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathId(id): PathId<AppId>,
    Json(body): Json<wire::Settings>,
) -> Result<Response, Fault> {
    let own = body.read()?;
    let mut tx = app.db.write().await?;
    let row = authorize_app(&mut tx, &actor, Access::Full, &id).await?;
    let changes = product::put(&mut tx, &id, &own).await?;
    let change = Change::of_app(&row, "settings.update", &row.name);
    record(&app, &mut tx, &actor, change, &changes).await?;
    tx.commit().await?;
    Ok(reply::ok(&body)?)
}

/// Show what a build of a branch would get now.
#[utoipa::path(
    get, path = "/v1/apps/{app_id}/settings/resolved", tag = "Settings",
    operation_id = "resolve_settings",
    params(
        ("app_id" = String, Path, description = "Id of the app."),
        ("branch" = Option<String>, Query,
            description = "The default branch unless given."),
    ),
    responses(
        (status = 200, description = "Every setting.", body = wire::Resolved),
        (status = 400, description = "Malformed parameter.", body = WireError),
        (status = 401, description = "No valid token.", body = WireError),
        (status = 404, description = "Unknown app.", body = WireError),
    )
)]
pub async fn resolved(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathId(id): PathId<AppId>,
    params: Params,
) -> Result<Response, Fault> {
    let wanted = params.opt_str("branch")?;
    let mut tx = app.db.read().await?;
    let row = authorize_app(&mut tx, &actor, Access::Read, &id).await?;
    let levels = product::levels(&mut tx, &id).await?;
    let branch = wanted.as_deref().or(row.default_branch.as_deref()).unwrap_or_default();
    let settings = wire::ResolvedSettings::of(&levels.resolve(branch))?;
    Ok(reply::ok(&wire::Resolved { branch, settings, sources: levels.sources(branch) })?)
}

/// List the overrides of an app.
#[utoipa::path(
    get, path = "/v1/apps/{app_id}/settings/overrides", tag = "Settings",
    operation_id = "list_setting_overrides",
    params(("app_id" = String, Path, description = "Id of the app.")),
    responses(
        (status = 200, description = "Branches first, then prefixes, each by name.",
            body = [wire::Override]),
        (status = 401, description = "No valid token.", body = WireError),
        (status = 404, description = "Unknown app.", body = WireError),
    )
)]
pub async fn list_overrides(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathId(id): PathId<AppId>,
    _: Params,
) -> Result<Response, Fault> {
    let mut tx = app.db.read().await?;
    authorize_app(&mut tx, &actor, Access::Read, &id).await?;
    let overrides = product::levels(&mut tx, &id).await?.overrides;
    let shown = overrides.iter().map(wire::Override::of).collect::<Result<Vec<_>>>()?;
    Ok(reply::ok(&shown)?)
}

/// Set or replace the override of a branch or prefix. The branch itself beats
/// every prefix, a longer prefix a shorter one.
#[utoipa::path(
    put, path = "/v1/apps/{app_id}/settings/overrides", tag = "Settings",
    operation_id = "put_setting_override",
    params(("app_id" = String, Path, description = "Id of the app.")),
    request_body = wire::Override,
    responses(
        (status = 200, description = "The override as it is now.", body = wire::Override),
        (status = 400, description = "Malformed body, or a value that cannot be used.",
            body = WireError),
        (status = 401, description = "No valid token.", body = WireError),
        (status = 403, description = "Read-only access.", body = WireError),
        (status = 404, description = "Unknown app.", body = WireError),
        (status = 413, description = "The body is too large.", body = WireError),
    )
)]
pub async fn put_override(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathId(id): PathId<AppId>,
    Json(body): Json<wire::Override>,
) -> Result<Response, Fault> {
    let new = body.read()?;
    let mut tx = app.db.write().await?;
    let row = authorize_app(&mut tx, &actor, Access::Full, &id).await?;
    let changes = product::put_override(&mut tx, &id, &new).await?;
    let subject = format!("{} {}", new.scope.kind(), new.scope.name());
    let change = Change::of_app(&row, "settings.override.update", &subject);
    record(&app, &mut tx, &actor, change, &changes).await?;
    tx.commit().await?;
    Ok(reply::ok(&wire::Override::of(&new)?)?)
}

/// Remove the override of a branch or prefix.
#[utoipa::path(
    delete, path = "/v1/apps/{app_id}/settings/overrides", tag = "Settings",
    operation_id = "delete_setting_override",
    params(
        ("app_id" = String, Path, description = "Id of the app."),
        ("branch" = Option<String>, Query, description = "Either the branch .."),
        ("prefix" = Option<String>, Query, description = ".. or the prefix."),
    ),
    responses(
        (status = 204, description = "Removed."),
        (status = 400, description = "Neither or both are given.", body = WireError),
        (status = 401, description = "No valid token.", body = WireError),
        (status = 403, description = "Read-only access.", body = WireError),
        (status = 404, description = "Unknown app, or no such override.", body = WireError),
        (status = 413, description = "The body is too large.", body = WireError),
    )
)]
pub async fn delete_override(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathId(id): PathId<AppId>,
    params: Params,
) -> Result<Response, Fault> {
    let text = |name| params.opt_str(name).map(|found| found.map(|text| text.into_owned()));
    let scope = wire::scope(text("branch")?, text("prefix")?)?;
    let mut tx = app.db.write().await?;
    let row = authorize_app(&mut tx, &actor, Access::Full, &id).await?;
    product::delete_override(&mut tx, &id, &scope).await?;
    let subject = format!("{} {}", scope.kind(), scope.name());
    let change = Change::of_app(&row, "settings.override.delete", &subject);
    audit::record(&mut tx, &actor, change, app.clock.now()).await?;
    tx.commit().await?;
    Ok(reply::no_content())
}

/// Show the settings that a build was queued with.
#[utoipa::path(
    get, path = "/v1/builds/{build_id}/settings", tag = "Settings",
    operation_id = "show_build_settings",
    params(("build_id" = String, Path, description = "Id of the build.")),
    responses(
        (status = 200, description = "Whatever was changed since.", body = wire::BuildSettings),
        (status = 401, description = "No valid token.", body = WireError),
        (status = 404, description = "Unknown build.", body = WireError),
    )
)]
pub async fn of_build(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathId(id): PathId<BuildId>,
    _: Params,
) -> Result<Response, Fault> {
    let mut tx = app.db.read().await?;
    authorize_build(&mut tx, &actor, Access::Read, &id).await?;
    let frozen = db::settings::find_frozen(&mut tx, &id).await?;
    let settings = frozen.as_ref().map(wire::ResolvedSettings::of).transpose()?;
    Ok(reply::ok(&wire::BuildSettings { build_id: id.as_str(), settings })?)
}
