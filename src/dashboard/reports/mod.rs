//! Feedback and crashes of an app: lists, one of each, opening and closing.
//! What came from devices is shown as text, pictures and videos from our own
//! address only.

use std::sync::Arc;

use axum::Router;
use axum::response::Response;
use axum::routing::{get, post};
use serde_json::Value;

use crate::app::App;
use crate::dashboard::page::PageFault;
use crate::db;
use crate::error::{Error, Result};
use crate::http::reply;
use crate::model::feedback::{ItemState, JsonObject, MediaKind};

pub(super) mod crashes;
pub(super) mod feedback;
mod threads;

/// Items on one page.
pub(super) const PAGE: i64 = 25;
/// Facts of a device on the page.
const MAX_FACTS: usize = 200;

/// The pages of feedback and crashes.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/apps/{app_id}/feedback", get(feedback::list))
        .route("/apps/{app_id}/feedback/{feedback_id}", get(feedback::show))
        .route("/apps/{app_id}/feedback/{feedback_id}/state", post(feedback::set_state))
        .route("/apps/{app_id}/feedback/{feedback_id}/log.txt", get(feedback::log))
        .route("/apps/{app_id}/crashes", get(crashes::list))
        .route("/apps/{app_id}/crashes/{group_id}", get(crashes::show_group))
        .route("/apps/{app_id}/crashes/{group_id}/state", post(crashes::set_state))
        .route("/apps/{app_id}/crash-reports/{report_id}", get(crashes::show))
        .route("/apps/{app_id}/crash-reports/{report_id}/symbolicate", post(crashes::symbolicate))
        .route("/apps/{app_id}/crash-reports/{report_id}/log.txt", get(crashes::log))
}

/// Which state a list is about: open ones unless asked otherwise.
pub(super) fn wanted(state: Option<&str>) -> Result<Option<ItemState>> {
    match state {
        None | Some("open") => Ok(Some(ItemState::Open)),
        Some("closed") => Ok(Some(ItemState::Closed)),
        Some("all") => Ok(None),
        Some(_) => Err(Error::invalid_parameter("state")),
    }
}

pub(super) fn word(state: Option<ItemState>) -> &'static str {
    state.map_or("all", ItemState::as_str)
}

/// Where a file of an item is, on our own address.
pub(super) fn media(path: Option<String>) -> Option<String> {
    path.map(|path| format!("/media/{path}"))
}

/// The members of an object as rows; what is nested stays JSON.
fn facts(object: &JsonObject) -> Vec<(String, String)> {
    let Value::Object(members) = object.to_value() else { return Vec::new() };
    let text = |value: Value| match value {
        Value::String(text) => text,
        Value::Null => String::new(),
        other => other.to_string(),
    };
    members
        .into_iter()
        .take(MAX_FACTS)
        .map(|(name, value)| (name.replace('_', " "), text(value)))
        .collect()
}

/// The device log of an item, as text.
async fn device_log(app: &App, item: &str) -> Result<Response, PageFault> {
    let mut tx = app.db.read().await?;
    let found = db::media::find(&mut tx, item, MediaKind::Log).await?;
    drop(tx);
    let media = found.ok_or_else(Error::not_found)?;
    let body = app.blobs.read(&media.blob_key, 0..media.bytes.unsigned_abs()).await?;
    let mut response = reply::text(axum::body::Body::from_stream(body));
    let nosniff = axum::http::HeaderValue::from_static("nosniff");
    response.headers_mut().insert(axum::http::header::X_CONTENT_TYPE_OPTIONS, nosniff);
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_flat_text() {
        let text = r#"{"network_wifi": true, "app_uptime": 1.5, "name": "<b>", "x": {"y": []}}"#;
        let object = JsonObject::read(text, 1_000, 8).unwrap();
        let rows = facts(&object);
        let find = |name: &str| rows.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
        assert_eq!(find("network wifi"), Some("true"));
        assert_eq!(find("app uptime"), Some("1.5"));
        assert_eq!((find("name"), find("x")), (Some("<b>"), Some("{\"y\":[]}")));
    }
}
