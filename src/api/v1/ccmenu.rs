//! Endpoint 19: the state of every app for CCMenu and other readers of
//! cctray.xml (api.md 4.18).

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use utoipa::OpenApi;

use crate::api::v1::wire;
use crate::app::App;
use crate::db;
use crate::db::builds::Latest;
use crate::http::error::Fault;
use crate::http::markup::escape;
use crate::http::params::Params;
use crate::http::{etag, reply};
use crate::model::account::Actor;
use crate::model::app::App as AppRow;
use crate::model::build::BuildStatus;
use crate::model::ids::AppId;

#[derive(OpenApi)]
#[openapi(paths(show))]
pub struct Description;

const XML: HeaderValue = HeaderValue::from_static("application/xml; charset=utf-8");

/// The state of your apps as cctray.xml. The only call that also takes the
/// token as `access_token`.
#[utoipa::path(
    get, path = "/v1/ccmenu", tag = "Apps", operation_id = "ccmenu",
    params(
        ("branch" = Option<String>, Query,
            description = "Only builds of this branch; of any branch unless given."),
        ("access_token" = Option<String>, Query,
            description = "The token, where no header can be sent."),
    ),
    responses(
        (status = 200, description = "One `<Project>` for each app, by name.",
            body = String, content_type = "application/xml"),
        (status = 400, description = "Malformed parameter.", body = wire::Error),
        (status = 401, description = "No valid token.", body = wire::Error),
    )
)]
pub async fn show(
    State(app): State<Arc<App>>,
    actor: Actor,
    params: Params,
) -> Result<Response, Fault> {
    let branch = params.opt_str("branch")?;
    let mut tx = app.db.read().await?;
    let mut rows = db::apps::list_visible(&mut tx, &actor).await?;
    let ended = db::builds::list_latest(&mut tx, &actor, branch.as_deref(), true).await?;
    let active = db::builds::list_latest(&mut tx, &actor, branch.as_deref(), false).await?;
    drop(tx);
    rows.sort_by_cached_key(|row| (row.name.to_lowercase(), row.id.clone()));
    let xml = write_xml(&app.settings.dashboard_url, &rows, &by_app(&ended), &by_app(&active));
    let tag = etag::of(xml.as_bytes());
    let mut response = reply::with_type(StatusCode::OK, XML, xml.into());
    response.headers_mut().insert(header::ETAG, tag);
    Ok(response)
}

type ByApp<'a> = HashMap<&'a AppId, &'a Latest>;

fn by_app(latest: &[Latest]) -> ByApp<'_> {
    latest.iter().map(|build| (&build.app_id, build)).collect()
}

fn write_xml(dashboard: &str, apps: &[AppRow], ended: &ByApp, active: &ByApp) -> String {
    let mut names: HashMap<&str, usize> = HashMap::new();
    for row in apps {
        *names.entry(&row.name).or_default() += 1;
    }
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Projects>\n");
    for row in apps {
        let (last, now) = (ended.get(&row.id).copied(), active.get(&row.id).copied());
        let mut attribute = |name: &str, value: &str| {
            // Writing to a string cannot fail.
            let _ = write!(xml, "{name}=\"{}\" ", escape(value));
        };
        let unique = names.get(row.name.as_str()) == Some(&1);
        let name = if unique { row.name.clone() } else { format!("{} ({})", row.name, row.id) };
        attribute("  <Project name", &name);
        attribute("activity", if now.is_some() { "Building" } else { "Sleeping" });
        let status = match last.map(|build| build.status) {
            Some(BuildStatus::Success) => "Success",
            Some(_) => "Failure",
            None => "Unknown",
        };
        attribute("lastBuildStatus", status);
        if let Some(build) = last {
            attribute("lastBuildLabel", &build.number.to_string());
        }
        let at = last.and_then(|build| build.finished_at).or(now.map(|build| build.created_at));
        if let Some(at) = at {
            attribute("lastBuildTime", &at.to_iso());
        }
        let page = match now.or(last) {
            Some(build) => format!("{dashboard}/apps/{}/build/{}", row.id, build.id),
            None => format!("{dashboard}/apps/{}", row.id),
        };
        attribute("webUrl", &page);
        xml.push_str("/>\n");
    }
    xml.push_str("</Projects>\n");
    xml
}
