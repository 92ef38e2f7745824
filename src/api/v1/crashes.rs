//! Endpoints 16 and 17: the crash reports of an app and their device logs;
//! ours: one report, and the groups of alike ones, opened and closed.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::{OpenApi, ToSchema};

use crate::accounts::recall_app;
use crate::api::v1::feedback::{Progress, raw};
use crate::api::v1::{crash_groups, media, wire};
use crate::app::App;
use crate::db;
use crate::db::crashes::{Filter, ShownCrash};
use crate::error::{Error, Result};
use crate::http::error::Fault;
use crate::http::extract::{PathId, PathIds};
use crate::http::page::{PageRequest, SizeName};
use crate::http::params::Params;
use crate::http::reply;
use crate::model::account::Actor;
use crate::model::feedback::MediaKind;
use crate::model::ids::{AppId, BuildId, CrashGroupId, CrashReportId};

#[derive(OpenApi)]
#[openapi(
    paths(list, show, logs, crash_groups::list, crash_groups::show, crash_groups::set_state),
    components(schemas(
        CrashReport,
        CrashReportPage,
        crash_groups::CrashGroup,
        crash_groups::CrashGroupPage
    ))
)]
pub struct Description;

/// One crash.
#[derive(Serialize, ToSchema)]
pub struct CrashReport<'a> {
    #[schema(example = "5a21e1b50eedce000117a8ea")]
    pub _id: &'a str,
    pub app_id: &'a str,
    pub build_id: &'a str,
    pub build_number: i64,
    #[schema(example = "2017-12-05T21:45:29.599Z")]
    pub created_at: String,
    /// Scheme or variant of the build.
    pub scheme: &'a str,
    /// Absent if the tester is unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tester_email: Option<&'a str>,
    /// Id of the device for this vendor.
    pub identifier_for_vendor: &'a str,
    /// Bundle identifier or package name.
    #[serde(rename = "CFBundleIdentifier")]
    pub bundle_id: &'a str,
    #[serde(rename = "CFBundleShortVersionString")]
    pub short_version: &'a str,
    #[serde(rename = "CFBundleVersion")]
    pub version: &'a str,
    /// Is there a device log?
    pub has_logs: bool,
    /// Video of the moments before; readable without a token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instant_replay_url: Option<String>,
    /// Still image of the video; readable without a token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instant_replay_thumbnail_url: Option<String>,
    /// Exception and threads with their frames.
    #[schema(value_type = Object)]
    pub resolved_crash_report: &'a RawValue,
    /// The same as text.
    pub resolved_crash_report_string: &'a str,
    /// What the app itself added.
    #[schema(value_type = Object)]
    pub metadata: &'a RawValue,
    /// Facts about the device.
    #[schema(value_type = Object)]
    pub system: &'a RawValue,
    /// The group of alike crashes.
    pub group_id: &'a str,
    /// Of the group.
    #[schema(value_type = Progress)]
    pub state: &'static str,
}

/// One page of crash reports.
#[derive(Serialize, ToSchema)]
pub struct CrashReportPage<'a> {
    pub items: Vec<CrashReport<'a>>,
}

impl<'a> CrashReport<'a> {
    fn of(app: &App, shown: &'a ShownCrash) -> Result<Self> {
        let ShownCrash { report, state, thumbnail, replay, has_logs } = shown;
        Ok(Self {
            _id: report.id.as_str(),
            app_id: report.origin.app_id.as_str(),
            build_id: report.origin.build_id.as_str(),
            build_number: report.origin.build_number,
            created_at: report.created_at.to_iso(),
            scheme: &report.scheme,
            tester_email: report.tester_email.as_deref(),
            identifier_for_vendor: &report.identifier_for_vendor,
            bundle_id: &report.origin.bundle_id,
            short_version: &report.origin.short_version,
            version: &report.origin.version,
            has_logs: *has_logs,
            instant_replay_url: media::url(app, replay.as_deref()),
            instant_replay_thumbnail_url: media::url(app, thumbnail.as_deref()),
            resolved_crash_report: raw(&report.resolved)?,
            resolved_crash_report_string: &report.resolved_text,
            metadata: raw(&report.metadata)?,
            system: raw(&report.system)?,
            group_id: report.group_id.as_str(),
            state: state.as_str(),
        })
    }
}

/// List the crash reports of an app, newest first.
#[utoipa::path(
    get, path = "/v1/apps/{app_id}/crash-reports", tag = "Feedback",
    operation_id = "list_crash_reports",
    params(
        ("app_id" = String, Path, description = "Id of the app."),
        ("state" = Option<Progress>, Query,
            description = "Only reports whose group is open, or closed."),
        ("group_id" = Option<String>, Query, description = "Only reports of this group."),
        ("build_id" = Option<String>, Query, description = "Only reports about this build."),
        ("pageSize" = Option<i64>, Query, description = "Items per page, 10 unless given.",
            minimum = 1, maximum = 100),
        ("from" = Option<String>, Query, description = "Cursor from a `Link` header."),
    ),
    responses(
        (status = 200, description = "Reports; `Link` announces the next page.",
            body = CrashReportPage,
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
    let group: Option<CrashGroupId> = params.opt("group_id")?;
    let page = PageRequest::read(&params, SizeName::PageSize)?;
    recall_app(&app.db, &actor, &id).await?;
    let mut tx = app.db.read().await?;
    let item: Option<CrashReportId> = page.item()?;
    let found = match &item {
        Some(item) => db::crashes::find(&mut tx, &id, item).await?,
        None => None,
    };
    let found = found.map(|found| found.report.created_at);
    let before = page.after(item.as_ref().map(CrashReportId::as_str), found)?;
    let filter = Filter { state, group: group.as_ref(), build: build.as_ref(), before };
    let mut rows = db::crashes::list(&mut tx, &id, &filter, page.fetch()).await?;
    drop(tx);
    let more = page.cut(&mut rows);
    let items = rows.iter().map(|row| CrashReport::of(&app, row)).collect::<Result<Vec<_>>>()?;
    let mut response = reply::ok(&CrashReportPage { items })?;
    let last = rows.last().filter(|_| more);
    let last = last.map(|last| (last.report.created_at, last.report.id.as_str()));
    page.announce(&mut response, &params, &["state", "group_id", "build_id"], last)?;
    Ok(response)
}

/// Show one crash report.
#[utoipa::path(
    get, path = "/v1/apps/{app_id}/crash-reports/{crash_report_id}", tag = "Feedback",
    operation_id = "show_crash_report",
    params(
        ("app_id" = String, Path, description = "Id of the app."),
        ("crash_report_id" = String, Path, description = "Id of the report."),
    ),
    responses(
        (status = 200, description = "The report.", body = CrashReport),
        (status = 401, description = "No valid token.", body = wire::Error),
        (status = 404, description = "Unknown app or report.", body = wire::Error),
    )
)]
pub async fn show(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathIds(id, item): PathIds<AppId, CrashReportId>,
    _: Params,
) -> Result<Response, Fault> {
    recall_app(&app.db, &actor, &id).await?;
    let mut tx = app.db.read().await?;
    let found = db::crashes::find(&mut tx, &id, &item).await?.ok_or_else(Error::not_found)?;
    drop(tx);
    Ok(reply::ok(&CrashReport::of(&app, &found)?)?)
}

/// Read the device log that came with a crash report.
#[utoipa::path(
    get, path = "/v1/apps/{app_id}/crash-reports/{crash_report_id}/logs", tag = "Feedback",
    operation_id = "read_crash_report_log",
    params(
        ("app_id" = String, Path, description = "Id of the app."),
        ("crash_report_id" = String, Path, description = "Id of the report."),
    ),
    responses(
        (status = 200, description = "One entry per line.", body = String,
            content_type = "text/plain"),
        (status = 401, description = "No valid token.", body = wire::Error),
        (status = 404, description = "Unknown app or report, or it has no log.",
            body = wire::Error),
    )
)]
pub async fn logs(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathIds(id, item): PathIds<AppId, CrashReportId>,
    _: Params,
) -> Result<Response, Fault> {
    recall_app(&app.db, &actor, &id).await?;
    let mut tx = app.db.read().await?;
    db::crashes::find(&mut tx, &id, &item).await?.ok_or_else(Error::not_found)?;
    let log = db::media::find(&mut tx, item.as_str(), MediaKind::Log).await?;
    drop(tx);
    Ok(media::log(&app, &log.ok_or_else(Error::not_found)?).await?)
}
