//! `/api/feedback`: a tester's comment and screenshot.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Request, State};
use axum::response::Response;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::app::App;
use crate::error::{Error, Result};
use crate::feedback as product;
use crate::feedback::File;
use crate::http::error::Fault;
use crate::http::reply;
use crate::model::build::Build;
use crate::model::feedback::{Feedback, ItemState, MediaKind};
use crate::model::ids::FeedbackId;
use crate::model::time::Millis;

use super::body::Body;
use super::{Admission, Caller, Door, fields};

/// What the SDKs of both platforms send.
#[derive(Debug, Deserialize)]
struct Sent {
    app_id: Option<String>,
    build_id: Option<String>,
    description: Option<String>,
    email: Option<String>,
    screenshot_data: Option<String>,
    /// Ours: MP4 in base64; `screenshot_data` is then its still image.
    replay_data: Option<String>,
    /// Ours: the device log.
    logs: Option<String>,
    system: Option<Box<RawValue>>,
    metadata: Option<Box<RawValue>>,
    identifier_for_vendor: Option<String>,
    #[serde(rename = "CFBundleIdentifier")]
    bundle_id: Option<String>,
    #[serde(rename = "CFBundleShortVersionString")]
    short_version: Option<String>,
    #[serde(rename = "CFBundleVersion")]
    version: Option<String>,
}

/// Takes feedback.
pub(super) async fn feedback(
    State(app): State<Arc<App>>,
    Extension(door): Extension<Arc<Door>>,
    request: Request,
) -> Result<Response, Fault> {
    let (body, source) = door.read(request).await?;
    let (sent, body) = blocking(body, |body| fields::parse::<Sent>(&body.bytes)).await?;
    let caller = Caller {
        source,
        app_id: fields::required(sent.app_id.as_ref(), "app_id")?,
        build_id: fields::required(sent.build_id.as_ref(), "build_id")?,
        device: sent.identifier_for_vendor.as_deref().unwrap_or_default(),
    };
    let build = match door.admit(&app, &caller).await? {
        Admission::Accepted(build) => build,
        Admission::Answered(response) => return Ok(response),
    };
    let now = app.clock.now();
    let ((feedback, files), _body) = blocking(body, move |_| read(sent, &build, now)).await?;
    product::add(&app, feedback, files).await?;
    Ok(reply::no_content())
}

/// Work on up to 25 MiB, away from the threads that serve.
pub(super) async fn blocking<T: Send + 'static>(
    body: Body,
    work: impl FnOnce(&Body) -> Result<T> + Send + 'static,
) -> Result<(T, Body)> {
    tokio::task::spawn_blocking(move || work(&body).map(|done| (done, body)))
        .await
        .map_err(|cause| Error::internal("reading a report", cause))?
}

fn read(sent: Sent, build: &Build, now: Millis) -> Result<(Feedback, Vec<File>)> {
    let files = [
        fields::file(sent.screenshot_data, MediaKind::Image, "screenshot_data")?,
        fields::file(sent.replay_data, MediaKind::Replay, "replay_data")?,
        fields::log(sent.logs),
    ];
    let feedback = Feedback {
        id: FeedbackId::generate(now),
        origin: fields::origin(build, [sent.bundle_id, sent.short_version, sent.version]),
        state: ItemState::Open,
        created_at: now,
        description: sent.description.unwrap_or_default(),
        email: sent.email,
        metadata: fields::facts(sent.metadata.as_deref(), "metadata")?,
        system: fields::facts(sent.system.as_deref(), "system")?,
    };
    Ok((feedback, files.into_iter().flatten().collect()))
}
