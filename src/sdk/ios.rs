//! `/api/feedback/crashreport`: a crash of an iOS app, with the members of
//! api.md 4.16. The report is whole (`resolved_crash_report`), or its members
//! stand beside the others and it is made whole here.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Request, State};
use axum::response::Response;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::app::App;
use crate::error::{Error, Result};
use crate::feedback::File;
use crate::feedback::crashes::{self, MAX_RESOLVED, MAX_RESOLVED_DEPTH, NewCrash};
use crate::feedback::native;
use crate::http::error::Fault;
use crate::http::reply;
use crate::model::build::Build;
use crate::model::feedback::{JsonObject, MediaKind};
use crate::model::ids::CrashReportId;
use crate::model::time::Millis;

use super::tester::blocking;
use super::{Admission, Caller, Door, fields};

#[derive(Debug, Deserialize)]
struct Sent {
    app_id: Option<String>,
    build_id: Option<String>,
    scheme: Option<String>,
    /// The other endpoint calls it `email`; both are taken.
    tester_email: Option<String>,
    email: Option<String>,
    identifier_for_vendor: Option<String>,
    #[serde(rename = "CFBundleIdentifier")]
    bundle_id: Option<String>,
    #[serde(rename = "CFBundleShortVersionString")]
    short_version: Option<String>,
    #[serde(rename = "CFBundleVersion")]
    version: Option<String>,
    system: Option<Box<RawValue>>,
    metadata: Option<Box<RawValue>>,
    resolved_crash_report: Option<Box<RawValue>>,
    resolved_crash_report_string: Option<String>,
    logs: Option<String>,
    /// MP4 in base64.
    instant_replay_data: Option<String>,
    /// JPEG or PNG in base64.
    instant_replay_thumbnail_data: Option<String>,
    /// Members of a raw report, and whatever else is there.
    code_type: Option<Box<RawValue>>,
    crash_type: Option<Box<RawValue>>,
    crashed_thread: Option<Box<RawValue>>,
    datetime: Option<Box<RawValue>>,
    exception_codes: Option<Box<RawValue>>,
    exception_type: Option<Box<RawValue>>,
    identifier: Option<Box<RawValue>>,
    process: Option<Box<RawValue>>,
    thread_frames: Option<Box<RawValue>>,
    /// Ours: `name`, `uuid` and `base_address` of what was loaded.
    binary_images: Option<Box<RawValue>>,
}

/// Takes a crash.
pub(super) async fn crash(
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
    let ((crash, files), _body) = blocking(body, move |_| understand(sent, &build, now)).await?;
    crashes::add(&app, crash, files).await?;
    Ok(reply::no_content())
}

fn understand(sent: Sent, build: &Build, now: Millis) -> Result<(NewCrash, Vec<File>)> {
    let resolved = resolved(&sent, now)?;
    let text = sent.resolved_crash_report_string.filter(|text| !text.trim().is_empty());
    let files = [
        fields::file(
            sent.instant_replay_thumbnail_data,
            MediaKind::Image,
            "instant_replay_thumbnail_data",
        )?,
        fields::file(sent.instant_replay_data, MediaKind::Replay, "instant_replay_data")?,
        fields::log(sent.logs),
    ];
    let crash = NewCrash {
        id: CrashReportId::generate(now),
        origin: fields::origin(build, [sent.bundle_id, sent.short_version, sent.version]),
        created_at: now,
        scheme: sent.scheme.unwrap_or_else(|| build.scheme.clone()),
        tester_email: sent.tester_email.or(sent.email),
        identifier_for_vendor: sent.identifier_for_vendor.unwrap_or_default(),
        metadata: fields::facts(sent.metadata.as_deref(), "metadata")?,
        system: fields::facts(sent.system.as_deref(), "system")?,
        resolved_text: text.unwrap_or_else(|| native::to_text(&resolved.to_value())),
        resolved,
    };
    Ok((crash, files.into_iter().flatten().collect()))
}

fn resolved(sent: &Sent, now: Millis) -> Result<JsonObject> {
    if let Some(whole) = &sent.resolved_crash_report {
        return native::check(whole.get());
    }
    if sent.thread_frames.is_none() {
        return Err(Error::Invalid("Missing parameter \"resolved_crash_report\"".into()));
    }
    let mut raw = Map::new();
    for (name, value) in [
        ("code_type", &sent.code_type),
        ("crash_type", &sent.crash_type),
        ("crashed_thread", &sent.crashed_thread),
        ("datetime", &sent.datetime),
        ("exception_codes", &sent.exception_codes),
        ("exception_type", &sent.exception_type),
        ("identifier", &sent.identifier),
        ("process", &sent.process),
        ("thread_frames", &sent.thread_frames),
        ("binary_images", &sent.binary_images),
    ] {
        let Some(text) = value.as_deref().map(RawValue::get) else { continue };
        raw.insert(name.into(), bounded(name, text)?);
    }
    let known = |text: &Option<String>| text.clone().unwrap_or_default();
    raw.entry("identifier").or_insert_with(|| known(&sent.bundle_id).into());
    raw.entry("version").or_insert_with(|| {
        format!("{} ({})", known(&sent.short_version), known(&sent.version)).into()
    });
    native::complete(raw, now)
}

/// A text, or the threads and images; depth and size are looked at first.
fn bounded(name: &str, text: &str) -> Result<Value> {
    let wrapped = format!("{{\"{name}\":{text}}}");
    let object = JsonObject::read(&wrapped, MAX_RESOLVED, MAX_RESOLVED_DEPTH)
        .map_err(|_| Error::invalid_parameter(name))?;
    let value = object.to_value()[name].take();
    match (&value, name) {
        (Value::Array(_), "thread_frames" | "binary_images") | (Value::String(_), _) => Ok(value),
        (Value::Number(number), "crashed_thread") => Ok(Value::String(number.to_string())),
        _ => Err(Error::invalid_parameter(name)),
    }
}
