//! `/api/feedback/crashreportAndroid`: what ACRA inside the Android SDK sends.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{Request, State};
use axum::response::Response;
use formats::Limits;
use formats::acra::{self, AcraReport, Encoding};

use crate::app::App;
use crate::error::{Error, Result};
use crate::feedback::crashes::{self, NewCrash};
use crate::feedback::java::{self, JavaCrash};
use crate::feedback::{File, MAX_FACTS, MAX_FACTS_DEPTH};
use crate::http::body::Media;
use crate::http::error::Fault;
use crate::http::reply;
use crate::model::build::Build;
use crate::model::feedback::{JsonObject, MediaKind};
use crate::model::ids::CrashReportId;
use crate::model::time::Millis;

use super::body::Body;
use super::tester::blocking;
use super::{Admission, Caller, Door, fields};

/// Custom data with this prefix comes from the SDK, the rest from the app.
const OURS: &str = "BUDDYBUILD_";

/// Takes a crash.
pub(super) async fn crash(
    State(app): State<Arc<App>>,
    Extension(door): Extension<Arc<Door>>,
    request: Request,
) -> Result<Response, Fault> {
    let (body, source) = door.read(request).await?;
    let (report, body) = blocking(body, read_report).await?;
    let caller = Caller {
        source,
        app_id: custom(&report, "BUDDYBUILD_APP_ID")?,
        build_id: custom(&report, "BUDDYBUILD_BUILD_ID")?,
        device: device(&report),
    };
    if report.field("STACK_TRACE").trim().is_empty() {
        return Err(Error::Invalid("Missing parameter \"STACK_TRACE\"".into()).into());
    }
    let build = match door.admit(&app, &caller).await? {
        Admission::Accepted(build) => build,
        Admission::Answered(response) => return Ok(response),
    };
    let now = app.clock.now();
    let ((crash, files), _body) = blocking(body, move |_| understand(&report, &build, now)).await?;
    crashes::add(&app, crash, files).await?;
    // ACRA takes 200 alone for success in its oldest versions.
    Ok(reply::ok(&serde_json::json!({}))?)
}

fn read_report(body: &Body) -> Result<AcraReport> {
    let encoding = match body.media {
        Some(Media::Json) => Encoding::Json,
        Some(Media::Form) => Encoding::Form,
        None => Encoding::guess(&body.bytes),
    };
    acra::read(&body.bytes, encoding, &Limits::default())
        .map_err(|refused| Error::Invalid(format!("The body is no ACRA report: {refused}")))
}

fn custom<'a>(report: &'a AcraReport, name: &str) -> Result<&'a str> {
    match report.custom(name).trim() {
        "" => Err(Error::Invalid(format!("Missing parameter \"{name}\""))),
        value => Ok(value),
    }
}

fn device(report: &AcraReport) -> &str {
    match report.field("INSTALLATION_ID") {
        "" => report.field("DEVICE_ID"),
        id => id,
    }
}

fn understand(report: &AcraReport, build: &Build, now: Millis) -> Result<(NewCrash, Vec<File>)> {
    let stack_trace = report.field("STACK_TRACE");
    let thread = report.field("THREAD_DETAILS").lines().find_map(|line| line.strip_prefix("name="));
    let resolved = java::resolve(&JavaCrash {
        stack_trace,
        package: report.field("PACKAGE_NAME"),
        version_name: report.field("APP_VERSION_NAME"),
        version_code: report.field("APP_VERSION_CODE"),
        thread: thread.unwrap_or_default(),
        crashed_at: java::read_time(report.field("USER_CRASH_DATE")).unwrap_or(now),
    })?;
    let email = [report.custom("BUDDYBUILD_EMAIL"), report.field("USER_EMAIL")]
        .into_iter()
        .find(|email| !email.trim().is_empty());
    let variant = report.custom("BUDDYBUILD_APPLICATION_VARIANT_NAME");
    let crash = NewCrash {
        id: CrashReportId::generate(now),
        origin: fields::origin(
            build,
            ["PACKAGE_NAME", "APP_VERSION_NAME", "APP_VERSION_CODE"]
                .map(|name| Some(report.field(name).to_owned())),
        ),
        created_at: now,
        scheme: if variant.is_empty() { build.scheme.clone() } else { variant.to_owned() },
        tester_email: email.map(str::to_owned),
        identifier_for_vendor: device(report).to_owned(),
        metadata: metadata(report)?,
        system: system(report)?,
        resolved,
        resolved_text: stack_trace.to_owned(),
    };
    let log = report.field("LOGCAT");
    let files = (!log.trim().is_empty())
        .then(|| File::new(MediaKind::Log, log.to_owned().into_bytes()))
        .into_iter()
        .collect();
    Ok((crash, files))
}

/// What the SDK gathered, or the little that ACRA itself knows of the device.
fn system(report: &AcraReport) -> Result<JsonObject> {
    let gathered = report.custom("BUDDYBUILD_SYSTEM");
    if let Ok(system) = JsonObject::read(gathered, MAX_FACTS, MAX_FACTS_DEPTH) {
        return Ok(system);
    }
    let known = [
        ("hardware_device_model", report.field("PHONE_MODEL")),
        ("hardware_device_type", report.field("PRODUCT")),
        ("hardware_system_name", "Android"),
        ("hardware_system_version", report.field("ANDROID_VERSION")),
    ];
    object(known.into_iter().filter(|(_, value)| !value.is_empty()).collect())
}

/// What the app itself added, and the comment that ACRA may ask for.
fn metadata(report: &AcraReport) -> Result<JsonObject> {
    let own = report.custom.iter().filter(|(name, _)| !name.starts_with(OURS));
    let comment = Some(("USER_COMMENT", report.field("USER_COMMENT")));
    let all = own
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .chain(comment.filter(|(_, text)| !text.is_empty()));
    // What is over the bound is left out: the crash matters more.
    let mut room = MAX_FACTS / 8;
    object(
        all.take_while(|(name, value)| {
            let size = name.len() + value.len();
            room = room.saturating_sub(size);
            room > 0
        })
        .collect(),
    )
}

fn object(members: BTreeMap<&str, &str>) -> Result<JsonObject> {
    let text = serde_json::to_string(&members)
        .map_err(|cause| Error::internal("writing facts about a device", cause))?;
    JsonObject::read(&text, MAX_FACTS, MAX_FACTS_DEPTH)
        .map_err(|_| Error::Invalid("CUSTOM_DATA: too large".into()))
}
