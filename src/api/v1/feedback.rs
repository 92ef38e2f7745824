//! Endpoints 14 and 15: the feedback of an app and its device logs; ours: one
//! item, and opening or closing it.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{OpenApi, ToSchema};

use crate::accounts::audit::{self, Change};
use crate::accounts::{authorize_app, recall_app};
use crate::api::v1::{media, wire};
use crate::app::App;
use crate::db;
use crate::db::feedback::{Filter, ShownFeedback};
use crate::error::{Error, Result};
use crate::feedback as product;
use crate::http::error::Fault;
use crate::http::extract::{PathId, PathIds};
use crate::http::json::Json;
use crate::http::page::{PageRequest, SizeName};
use crate::http::params::Params;
use crate::http::reply;
use crate::model::account::{Access, Actor};
use crate::model::feedback::{ItemState, JsonObject, MediaKind};
use crate::model::ids::{AppId, BuildId, FeedbackId};

#[derive(OpenApi)]
#[openapi(
    paths(list, show, set_state, logs),
    components(schemas(Feedback, FeedbackPage, Progress, SetState)),
    tags((name = "Feedback", description = "What testers and crashed apps have sent."))
)]
pub struct Description;

/// Does somebody still have to look at it?
#[derive(ToSchema)]
#[schema(as = ItemState, rename_all = "lowercase")]
#[allow(dead_code, reason = "a schema")]
pub enum Progress {
    Open,
    Closed,
}

/// What a call that opens or closes takes.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetState {
    #[schema(value_type = Progress)]
    pub state: ItemState,
}

/// One piece of feedback.
#[derive(Serialize, ToSchema)]
pub struct Feedback<'a> {
    #[schema(example = "5a1776827796890001130bc5")]
    pub _id: &'a str,
    pub app_id: &'a str,
    pub build_id: &'a str,
    pub build_number: i64,
    #[schema(example = "2017-11-23T23:47:35.145Z")]
    pub created_at: String,
    /// The tester's comment.
    pub description: &'a str,
    /// Absent if the sender is unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<&'a str>,
    /// Bundle identifier or package name.
    #[serde(rename = "CFBundleIdentifier")]
    pub bundle_id: &'a str,
    #[serde(rename = "CFBundleShortVersionString")]
    pub short_version: &'a str,
    #[serde(rename = "CFBundleVersion")]
    pub version: &'a str,
    /// Is there a device log?
    pub has_logs: bool,
    /// Screenshot, or the still image of the replay; readable without a token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_url: Option<String>,
    /// Video of the moments before; readable without a token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replay_url: Option<String>,
    /// What the app itself added.
    #[schema(value_type = Object)]
    pub metadata: &'a RawValue,
    /// Facts about the device.
    #[schema(value_type = Object)]
    pub system: &'a RawValue,
    #[schema(value_type = Progress)]
    pub state: &'static str,
}

/// One page of feedback.
#[derive(Serialize, ToSchema)]
pub struct FeedbackPage<'a> {
    pub items: Vec<Feedback<'a>>,
}

impl<'a> Feedback<'a> {
    fn of(app: &App, shown: &'a ShownFeedback) -> Result<Self> {
        let ShownFeedback { feedback, image, replay, has_logs } = shown;
        Ok(Self {
            _id: feedback.id.as_str(),
            app_id: feedback.origin.app_id.as_str(),
            build_id: feedback.origin.build_id.as_str(),
            build_number: feedback.origin.build_number,
            created_at: feedback.created_at.to_iso(),
            description: &feedback.description,
            email: feedback.email.as_deref(),
            bundle_id: &feedback.origin.bundle_id,
            short_version: &feedback.origin.short_version,
            version: &feedback.origin.version,
            has_logs: *has_logs,
            image_url: media::url(app, image.as_deref()),
            replay_url: media::url(app, replay.as_deref()),
            metadata: raw(&feedback.metadata)?,
            system: raw(&feedback.system)?,
            state: feedback.state.as_str(),
        })
    }
}

/// A stored object as a part of an answer.
pub(super) fn raw(object: &JsonObject) -> Result<&RawValue> {
    serde_json::from_str(object.as_str())
        .map_err(|cause| Error::internal("reading a stored object", cause))
}

/// What the activity log calls it, such as `feedback.close`.
pub(super) fn action(kind: &str, state: ItemState) -> String {
    let done = match state {
        ItemState::Open => "open",
        ItemState::Closed => "close",
    };
    format!("{kind}.{done}")
}

/// List the feedback of an app, newest first.
#[utoipa::path(
    get, path = "/v1/apps/{app_id}/feedbacks", tag = "Feedback", operation_id = "list_feedback",
    params(
        ("app_id" = String, Path, description = "Id of the app."),
        ("state" = Option<Progress>, Query, description = "Only open or only closed feedback."),
        ("build_id" = Option<String>, Query, description = "Only feedback about this build."),
        ("pageSize" = Option<i64>, Query, description = "Items per page, 10 unless given.",
            minimum = 1, maximum = 100),
        ("from" = Option<String>, Query, description = "Cursor from a `Link` header."),
    ),
    responses(
        (status = 200, description = "Feedback; `Link` announces the next page.",
            body = FeedbackPage,
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
    let build: Option<BuildId> = params.opt("build_id")?;
    let page = PageRequest::read(&params, SizeName::PageSize)?;
    recall_app(&app.db, &actor, &id).await?;
    let mut tx = app.db.read().await?;
    let item: Option<FeedbackId> = page.item()?;
    let found = match &item {
        Some(item) => db::feedback::find(&mut tx, &id, item).await?,
        None => None,
    };
    let found = found.map(|found| found.feedback.created_at);
    let before = page.after(item.as_ref().map(FeedbackId::as_str), found)?;
    let filter = Filter { state, build: build.as_ref(), before };
    let mut rows = db::feedback::list(&mut tx, &id, &filter, page.fetch()).await?;
    drop(tx);
    let more = page.cut(&mut rows);
    let items = rows.iter().map(|row| Feedback::of(&app, row)).collect::<Result<Vec<_>>>()?;
    let mut response = reply::ok(&FeedbackPage { items })?;
    let last = rows.last().filter(|_| more);
    let last = last.map(|last| (last.feedback.created_at, last.feedback.id.as_str()));
    page.announce(&mut response, &params, &["state", "build_id"], last)?;
    Ok(response)
}

/// Show one piece of feedback.
#[utoipa::path(
    get, path = "/v1/apps/{app_id}/feedbacks/{feedback_id}", tag = "Feedback",
    operation_id = "show_feedback",
    params(
        ("app_id" = String, Path, description = "Id of the app."),
        ("feedback_id" = String, Path, description = "Id of the feedback."),
    ),
    responses(
        (status = 200, description = "The feedback.", body = Feedback),
        (status = 401, description = "No valid token.", body = wire::Error),
        (status = 404, description = "Unknown app or feedback.", body = wire::Error),
    )
)]
pub async fn show(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathIds(id, item): PathIds<AppId, FeedbackId>,
    _: Params,
) -> Result<Response, Fault> {
    recall_app(&app.db, &actor, &id).await?;
    let mut tx = app.db.read().await?;
    let found = db::feedback::find(&mut tx, &id, &item).await?.ok_or_else(Error::not_found)?;
    drop(tx);
    Ok(reply::ok(&Feedback::of(&app, &found)?)?)
}

/// Open or close a piece of feedback.
#[utoipa::path(
    put, path = "/v1/apps/{app_id}/feedbacks/{feedback_id}", tag = "Feedback",
    operation_id = "set_feedback_state",
    params(
        ("app_id" = String, Path, description = "Id of the app."),
        ("feedback_id" = String, Path, description = "Id of the feedback."),
    ),
    request_body = SetState,
    responses(
        (status = 200, description = "The feedback as it is now.", body = Feedback),
        (status = 400, description = "Malformed body.", body = wire::Error),
        (status = 401, description = "No valid token.", body = wire::Error),
        (status = 403, description = "Read-only access.", body = wire::Error),
        (status = 404, description = "Unknown app or feedback.", body = wire::Error),
        (status = 413, description = "The body is too large.", body = wire::Error),
    )
)]
pub async fn set_state(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathIds(id, item): PathIds<AppId, FeedbackId>,
    Json(SetState { state }): Json<SetState>,
) -> Result<Response, Fault> {
    let mut tx = app.db.write().await?;
    let row = authorize_app(&mut tx, &actor, Access::Full, &id).await?;
    if product::set_state(&mut tx, &id, &item, state).await? {
        let action = action("feedback", state);
        let change = Change::of_app(&row, &action, item.as_str());
        audit::record(&mut tx, &actor, change, app.clock.now()).await?;
    }
    let found = db::feedback::find(&mut tx, &id, &item).await?.ok_or_else(Error::not_found)?;
    tx.commit().await?;
    Ok(reply::ok(&Feedback::of(&app, &found)?)?)
}

/// Read the device log that came with feedback.
#[utoipa::path(
    get, path = "/v1/apps/{app_id}/feedbacks/{feedback_id}/logs", tag = "Feedback",
    operation_id = "read_feedback_log",
    params(
        ("app_id" = String, Path, description = "Id of the app."),
        ("feedback_id" = String, Path, description = "Id of the feedback."),
    ),
    responses(
        (status = 200, description = "One entry per line.", body = String,
            content_type = "text/plain"),
        (status = 401, description = "No valid token.", body = wire::Error),
        (status = 404, description = "Unknown app or feedback, or it has no log.",
            body = wire::Error),
    )
)]
pub async fn logs(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathIds(id, item): PathIds<AppId, FeedbackId>,
    _: Params,
) -> Result<Response, Fault> {
    recall_app(&app.db, &actor, &id).await?;
    let mut tx = app.db.read().await?;
    db::feedback::find(&mut tx, &id, &item).await?.ok_or_else(Error::not_found)?;
    let log = db::media::find(&mut tx, item.as_str(), MediaKind::Log).await?;
    drop(tx);
    Ok(media::log(&app, &log.ok_or_else(Error::not_found)?).await?)
}
