//! What everybody may see: the badge of any app, and the build pages of public
//! ones (STA-2, STA-3). Logs and files stay behind the sign-in.

use std::sync::Arc;

use askama::Template;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;

use crate::accounts::authorize_app;
use crate::app::App;
use crate::dashboard::badge::Badge;
use crate::dashboard::build as members;
use crate::dashboard::page::{self, PageFault, Shell};
use crate::dashboard::place::{Place, Places};
use crate::dashboard::session::Visit;
use crate::dashboard::words::Shown;
use crate::db::builds::Filter;
use crate::db::{self, Tx};
use crate::error::{Error, Result};
use crate::http::error::Fault;
use crate::http::etag;
use crate::http::params::Params;
use crate::http::reply;
use crate::model::account::Access;
use crate::model::app::App as AppRow;
use crate::model::build::Build;
use crate::model::ids::{AppId, BuildId};

const SVG: HeaderValue = HeaderValue::from_static("image/svg+xml; charset=utf-8");

/// The badge of the newest build of `branch`, or of the default branch.
pub async fn badge(State(app): State<Arc<App>>, params: Params) -> Result<Response, Fault> {
    let branch = params.opt_str("branch")?;
    let id: Option<AppId> = params.opt_str("appID")?.and_then(|text| text.parse().ok());
    let mut tx = app.db.read().await?;
    let row = match &id {
        Some(id) => db::apps::find(&mut tx, id).await?,
        None => None,
    };
    let (status, badge) = match &row {
        None => (StatusCode::NOT_FOUND, Badge::Unknown),
        Some(row) => match newest(&mut tx, row, branch.as_deref()).await? {
            Some(build) => (StatusCode::OK, Badge::Build(build.status)),
            None => (StatusCode::OK, Badge::Unknown),
        },
    };
    drop(tx);
    Ok(send(status, badge))
}

fn send(status: StatusCode, badge: Badge) -> Response {
    let svg = badge.to_svg();
    let tag = etag::of(svg.as_bytes());
    let mut response = reply::with_type(status, SVG, Body::from(svg));
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::ETAG, tag);
    response
}

/// Of `branch`; else of the default branch; else, while that is not known, of
/// any.
async fn newest(tx: &mut Tx, row: &AppRow, branch: Option<&str>) -> Result<Option<Build>> {
    let filter = Filter { branch: branch.or(row.default_branch.as_deref()), ..Filter::default() };
    Ok(db::builds::list(tx, &row.id, &filter, 1).await?.into_iter().next())
}

/// Where a badge leads: to the newest build of `branch`, on the page that the
/// visitor may see. Others are asked to sign in, whether the app exists or not.
pub async fn latest(
    State(app): State<Arc<App>>,
    visit: Result<Visit, PageFault>,
    Place(id): Place<AppId>,
    params: Params,
) -> Result<Response, PageFault> {
    let branch = params.opt_str("branch")?;
    let mut tx = app.db.read().await?;
    if let Some(row) = find_public_for(&mut tx, &visit, &id).await? {
        return lead_to_newest(&mut tx, &row, branch.as_deref(), "/public").await;
    }
    let row = authorize_app(&mut tx, &visit?.actor, Access::Read, &id).await?;
    lead_to_newest(&mut tx, &row, branch.as_deref(), "").await
}

/// Leads to the public page of the newest build of `branch`.
pub async fn latest_public(
    State(app): State<Arc<App>>,
    Place(id): Place<AppId>,
    params: Params,
) -> Result<Response, PageFault> {
    let branch = params.opt_str("branch")?;
    let mut tx = app.db.read().await?;
    let row = find_public(&mut tx, &id).await?.ok_or_else(Error::not_found)?;
    lead_to_newest(&mut tx, &row, branch.as_deref(), "/public").await
}

async fn lead_to_newest(
    tx: &mut Tx,
    row: &AppRow,
    branch: Option<&str>,
    area: &str,
) -> Result<Response, PageFault> {
    let build = newest(tx, row, branch).await?.ok_or_else(Error::not_found)?;
    page::redirect(&format!("{area}/apps/{}/build/{}", row.id, build.id))
}

async fn find_public(tx: &mut Tx, id: &AppId) -> Result<Option<AppRow>> {
    Ok(db::apps::find(tx, id).await?.filter(|row| row.is_public))
}

/// The public app, for those who see no more of it than its public pages.
async fn find_public_for(
    tx: &mut Tx,
    visit: &Result<Visit, PageFault>,
    id: &AppId,
) -> Result<Option<AppRow>> {
    if let Ok(visit) = visit
        && authorize_app(tx, &visit.actor, Access::Read, id).await.is_ok()
    {
        return Ok(None);
    }
    find_public(tx, id).await
}

#[derive(Template)]
#[template(path = "public_build.html")]
struct Page {
    shell: Shell,
    name: String,
    build: Shown,
}

/// The public page of a build, under its own app only.
pub async fn build(
    State(app): State<Arc<App>>,
    Places(app_id, id): Places<AppId, BuildId>,
) -> Result<Response, PageFault> {
    let mut tx = app.db.read().await?;
    let row = find_public(&mut tx, &app_id).await?.ok_or_else(Error::not_found)?;
    show_build(&app, tx, row, &id).await
}

/// The address of a build that people pass on: members see all of it, everybody
/// the public page of a public app. Others are asked to sign in, whether the
/// build exists or not.
pub async fn build_for_anybody(
    State(app): State<Arc<App>>,
    visit: Result<Visit, PageFault>,
    Places(app_id, id): Places<AppId, BuildId>,
) -> Result<Response, PageFault> {
    let mut tx = app.db.read().await?;
    if let Some(row) = find_public_for(&mut tx, &visit, &app_id).await? {
        return show_build(&app, tx, row, &id).await;
    }
    drop(tx);
    members::show(State(app), visit?, Places(app_id, id)).await
}

async fn show_build(
    app: &App,
    mut tx: Tx,
    row: AppRow,
    id: &BuildId,
) -> Result<Response, PageFault> {
    let build = db::builds::find(&mut tx, id).await?.filter(|build| build.app_id == row.id);
    let build = build.ok_or_else(Error::not_found)?;
    drop(tx);
    let shown = Shown::of(&build, app.clock.now());
    page::ok(&Page { shell: Shell::public(), name: row.name, build: shown })
}
