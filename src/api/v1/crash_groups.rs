//! Groups of alike crashes (SDK-2, ours): listed, shown, opened and closed.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use crate::accounts::audit::{self, Change};
use crate::accounts::{authorize_app, recall_app};
use crate::api::v1::feedback::{Progress, SetState, action};
use crate::api::v1::wire;
use crate::app::App;
use crate::db;
use crate::error::{Error, Result};
use crate::feedback::crashes as product;
use crate::http::error::Fault;
use crate::http::extract::{PathId, PathIds};
use crate::http::json::Json;
use crate::http::page::{PageRequest, SizeName};
use crate::http::params::Params;
use crate::http::reply;
use crate::model;
use crate::model::account::{Access, Actor};
use crate::model::ids::{AppId, CrashGroupId};

/// Crashes of the same exception in the same frames of the app.
#[derive(Serialize, ToSchema)]
pub struct CrashGroup<'a> {
    /// Made of what the crashes share.
    #[schema(example = "9f86d081884c7d659a2feaa0")]
    pub _id: &'a str,
    pub app_id: &'a str,
    #[schema(example = "java.lang.NullPointerException")]
    pub exception_type: &'a str,
    /// The exception and where it was thrown.
    pub title: &'a str,
    /// Reports that ever came.
    pub count: i64,
    #[schema(example = "2017-12-05T21:45:29.599Z")]
    pub first_seen: String,
    #[schema(example = "2017-12-05T21:45:29.599Z")]
    pub last_seen: String,
    /// Highest number among the builds that crashed.
    pub last_build_number: i64,
    /// A closed group opens again when a newer build crashes.
    #[schema(value_type = Progress)]
    pub state: &'static str,
}

/// One page of groups.
#[derive(Serialize, ToSchema)]
pub struct CrashGroupPage<'a> {
    pub items: Vec<CrashGroup<'a>>,
}

impl<'a> CrashGroup<'a> {
    fn of(group: &'a model::feedback::CrashGroup) -> Self {
        let model::feedback::CrashGroup {
            app_id,
            id,
            state,
            exception_type,
            title,
            reports,
            first_seen,
            last_seen,
            last_build_number,
        } = group;
        Self {
            _id: id.as_str(),
            app_id: app_id.as_str(),
            exception_type,
            title,
            count: *reports,
            first_seen: first_seen.to_iso(),
            last_seen: last_seen.to_iso(),
            last_build_number: *last_build_number,
            state: state.as_str(),
        }
    }
}

/// List the kinds of crashes of an app, the one seen first most recently first.
#[utoipa::path(
    get, path = "/v1/apps/{app_id}/crash-groups", tag = "Feedback",
    operation_id = "list_crash_groups",
    params(
        ("app_id" = String, Path, description = "Id of the app."),
        ("state" = Option<Progress>, Query, description = "Only open or only closed groups."),
        ("pageSize" = Option<i64>, Query, description = "Items per page, 10 unless given.",
            minimum = 1, maximum = 100),
        ("from" = Option<String>, Query, description = "Cursor from a `Link` header."),
    ),
    responses(
        (status = 200, description = "Groups; `Link` announces the next page.",
            body = CrashGroupPage,
            headers(("Link" = String, description = "`<path>; rel=\"next\"` if there are more."))),
        (status = 400, description = "Malformed parameter.", body = wire::Error),
        (status = 401, description = "No valid token.", body = wire::Error),
        (status = 404, description = "Unknown app.", body = wire::Error),
    )
)]
pub async fn list(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathId(id): PathId<AppId>,
    params: Params,
) -> Result<Response, Fault> {
    let state = params.opt("state")?;
    let page = PageRequest::read(&params, SizeName::PageSize)?;
    recall_app(&app.db, &actor, &id).await?;
    let mut tx = app.db.read().await?;
    let item: Option<CrashGroupId> = page.item()?;
    if let Some(item) = &item
        && db::crashes::find_group(&mut tx, &id, item).await?.is_none()
    {
        return Err(Error::invalid_parameter("from").into());
    }
    // An older report may have moved it since: its moment is not compared.
    let before = page.after_any(item.as_ref().map(CrashGroupId::as_str));
    let mut rows = db::crashes::list_groups(&mut tx, &id, state, before, page.fetch()).await?;
    drop(tx);
    let more = page.cut(&mut rows);
    let items = rows.iter().map(CrashGroup::of).collect();
    let mut response = reply::ok(&CrashGroupPage { items })?;
    let last = rows.last().filter(|_| more).map(|last| (last.first_seen, last.id.as_str()));
    page.announce(&mut response, &params, &["state"], last)?;
    Ok(response)
}

/// Show a group of alike crashes.
#[utoipa::path(
    get, path = "/v1/apps/{app_id}/crash-groups/{group_id}", tag = "Feedback",
    operation_id = "show_crash_group",
    params(
        ("app_id" = String, Path, description = "Id of the app."),
        ("group_id" = String, Path, description = "Id of the group."),
    ),
    responses(
        (status = 200, description = "The group.", body = CrashGroup),
        (status = 401, description = "No valid token.", body = wire::Error),
        (status = 404, description = "Unknown app or group.", body = wire::Error),
    )
)]
pub async fn show(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathIds(id, group): PathIds<AppId, CrashGroupId>,
    _: Params,
) -> Result<Response, Fault> {
    recall_app(&app.db, &actor, &id).await?;
    let mut tx = app.db.read().await?;
    let found = db::crashes::find_group(&mut tx, &id, &group).await?;
    drop(tx);
    Ok(reply::ok(&CrashGroup::of(&found.ok_or_else(Error::not_found)?))?)
}

/// Open or close a group of alike crashes.
#[utoipa::path(
    put, path = "/v1/apps/{app_id}/crash-groups/{group_id}", tag = "Feedback",
    operation_id = "set_crash_group_state",
    params(
        ("app_id" = String, Path, description = "Id of the app."),
        ("group_id" = String, Path, description = "Id of the group."),
    ),
    request_body = SetState,
    responses(
        (status = 200, description = "The group as it is now.", body = CrashGroup),
        (status = 400, description = "Malformed body.", body = wire::Error),
        (status = 401, description = "No valid token.", body = wire::Error),
        (status = 403, description = "Read-only access.", body = wire::Error),
        (status = 404, description = "Unknown app or group.", body = wire::Error),
        (status = 413, description = "The body is too large.", body = wire::Error),
    )
)]
pub async fn set_state(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathIds(id, group): PathIds<AppId, CrashGroupId>,
    Json(SetState { state }): Json<SetState>,
) -> Result<Response, Fault> {
    let mut tx = app.db.write().await?;
    let row = authorize_app(&mut tx, &actor, Access::Full, &id).await?;
    let changed = product::set_group_state(&mut tx, &id, &group, state).await?;
    let found = db::crashes::find_group(&mut tx, &id, &group).await?;
    let found = found.ok_or_else(Error::not_found)?;
    if changed {
        let action = action("crash_group", state);
        let change = Change::of_app(&row, &action, &found.title);
        audit::record(&mut tx, &actor, change, app.clock.now()).await?;
    }
    tx.commit().await?;
    Ok(reply::ok(&CrashGroup::of(&found))?)
}
