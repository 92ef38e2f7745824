//! Java stack traces in the shape of `resolved_crash_report` (api.md 4.16):
//! the exception that began it is thread 0, those that wrapped it follow.

use chrono::DateTime;
use formats::Limits;
use formats::java::{self, Frame, Throwable};
use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::model::feedback::JsonObject;
use crate::model::time::Millis;

use super::crashes::{MAX_RESOLVED, MAX_RESOLVED_DEPTH};

/// Labels of a package name that its code shares: `com.example.shop` of
/// `com.example.shop.debug`.
const OWN_LABELS: usize = 3;
/// Namespaces of the system and its languages, never an app's own.
const PLATFORM: &[&str] = &[
    "android.",
    "androidx.",
    "com.android.",
    "dalvik.",
    "java.",
    "javax.",
    "jdk.",
    "kotlin.",
    "kotlinx.",
    "libcore.",
    "sun.",
];
/// No Java frame has one, but clients expect sixteen digits.
const NO_ADDRESS: &str = "0000000000000000";

/// A crash as its device tells it.
#[derive(Debug)]
pub struct JavaCrash<'a> {
    pub stack_trace: &'a str,
    pub package: &'a str,
    pub version_name: &'a str,
    pub version_code: &'a str,
    /// Name of the thread that crashed; may be empty.
    pub thread: &'a str,
    pub crashed_at: Millis,
}

/// The crash as `resolved_crash_report`. Frames beyond its bounds are cut.
///
/// # Errors
/// `Invalid` if the text holds no exception.
pub fn resolve(crash: &JavaCrash<'_>) -> Result<JsonObject> {
    let trace = java::read_stack_trace(crash.stack_trace, &Limits::default());
    let root = java::root_cause(&trace)
        .ok_or_else(|| Error::Invalid("STACK_TRACE: there is no exception in it".into()))?;
    for max_frames in [512, 64, 8] {
        let text = report(crash, &trace, root, max_frames).to_string();
        if let Ok(object) = JsonObject::read(&text, MAX_RESOLVED, MAX_RESOLVED_DEPTH) {
            return Ok(object);
        }
    }
    Err(Error::Invalid("STACK_TRACE: too large".into()))
}

/// The report of a trace that was put back into the words of the source; the
/// rest is as in `known`. `None` if the trace holds no exception.
pub(super) fn resolve_again(known: &Value, stack_trace: &str) -> Option<Value> {
    let trace = java::read_stack_trace(stack_trace, &Limits::default());
    let root = java::root_cause(&trace)?;
    let package = known["identifier"].as_str().unwrap_or_default();
    let thread = known["thread_frames"][0]["name"].as_str().unwrap_or_default();
    let mut report = known.clone();
    let members = report.as_object_mut()?;
    members.insert("exception_type".into(), json!(root.class));
    members.insert("exception_codes".into(), json!(root.message));
    members.insert("thread_frames".into(), json!(threads(package, thread, &trace, 256)));
    Some(report)
}

fn report(
    crash: &JavaCrash<'_>,
    trace: &[Throwable],
    root: &Throwable,
    max_frames: usize,
) -> Value {
    json!({
        "crash_type": "java",
        "code_type": "Java",
        "crashed_thread": "0",
        "exception_type": root.class,
        "exception_codes": root.message,
        "datetime": crash.crashed_at.to_iso(),
        "identifier": crash.package,
        "process": crash.package,
        "version": format!("{} ({})", crash.version_name, crash.version_code),
        "thread_frames": threads(crash.package, crash.thread, trace, max_frames),
    })
}

/// The exception that began it as thread 0, then those that wrapped it.
fn threads(package: &str, thread: &str, trace: &[Throwable], max_frames: usize) -> Vec<Value> {
    let own = own_prefix(package);
    let frames = |throwable: &Throwable| -> Vec<Value> {
        throwable.frames.iter().take(max_frames).map(|frame| frame_of(frame, &own)).collect()
    };
    let crashed = json!({
        "number": "0", "name": thread, "title": "Thread 0 Crashed",
        "frames": java::root_cause(trace).map(frames).unwrap_or_default(),
    });
    // Outward: each wrapped the one before it.
    let wrappers = trace.iter().rev().filter(|throwable| !throwable.is_suppressed).skip(1);
    let wrappers = wrappers.take(max_frames).enumerate().map(|(index, throwable)| {
        let title = format!("Thrown again as {}", throwable.class);
        json!({
            "number": (index + 1).to_string(), "name": "", "title": title,
            "frames": frames(throwable),
        })
    });
    std::iter::once(crashed).chain(wrappers).collect()
}

fn frame_of(frame: &Frame, own: &str) -> Value {
    let is_own = is_own(&frame.class, own);
    let line = frame.line.map(|line| line.to_string());
    let mut value = json!({
        "process_frame": is_own,
        "function": format!("{}.{}", frame.class, frame.method),
        "module": frame.class,
        "address": NO_ADDRESS,
    });
    if !is_own {
        value["offset"] = json!("0");
    }
    if let Some(file) = &frame.file {
        let kind = if file.ends_with(".kt") { "kotlin" } else { "java" };
        value["filename"] = json!(file);
        value["file_path"] = json!(path_of(&frame.class, file));
        value["file_type"] = json!(kind);
    }
    if let Some(line) = line {
        value["line"] = json!(line);
    }
    value
}

/// Where the sources of a class usually are.
fn path_of(class: &str, file: &str) -> String {
    match class.rsplit_once('.') {
        Some((package, _)) => format!("{}/{file}", package.replace('.', "/")),
        None => file.to_owned(),
    }
}

/// What the names of the app's own classes begin with; `""` if nobody knows.
fn own_prefix(package: &str) -> String {
    let labels: Vec<&str> = package.split('.').filter(|l| !l.is_empty()).take(OWN_LABELS).collect();
    labels.join(".")
}

fn is_own(class: &str, own: &str) -> bool {
    if own.is_empty() {
        return !PLATFORM.iter().any(|platform| class.starts_with(platform));
    }
    class.strip_prefix(own).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '$']))
}

/// A moment as ACRA writes it: ISO 8601 with the device's offset.
pub fn read_time(text: &str) -> Option<Millis> {
    let moment = DateTime::parse_from_rfc3339(text.trim()).ok();
    let moment = moment.or_else(|| DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f%z").ok());
    moment.map(|moment| Millis(moment.timestamp_millis())).filter(|moment| moment.0 >= 0)
}

#[cfg(test)]
mod tests;
