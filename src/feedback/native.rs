//! Crashes of native code as their devices tell them: made whole where a raw
//! report lacks members of `resolved_crash_report` (api.md 4.16), and written
//! as text. Symbols are looked up later, in `symbols`.

use serde_json::{Map, Value, json};

use crate::error::{Error, Result};
use crate::model::feedback::JsonObject;
use crate::model::time::Millis;

use super::crashes::{MAX_RESOLVED, MAX_RESOLVED_DEPTH};

/// Reads `resolved_crash_report` as it was sent. It is kept as it is, if its
/// threads are what readers expect.
///
/// # Errors
/// `Invalid`, naming the member.
pub fn check(text: &str) -> Result<JsonObject> {
    let object = JsonObject::read(text, MAX_RESOLVED, MAX_RESOLVED_DEPTH).map_err(|refused| {
        let name = "resolved_crash_report";
        Error::Invalid(format!("Invalid value for parameter \"{name}\": {refused}"))
    })?;
    check_threads(&object.to_value()["thread_frames"])?;
    Ok(object)
}

fn check_threads(threads: &Value) -> Result<()> {
    let is_thread = |thread: &Value| {
        let frames = thread["frames"].as_array();
        thread.is_object() && frames.is_some_and(|frames| frames.iter().all(Value::is_object))
    };
    let fits = threads.as_array().is_some_and(|threads| threads.iter().all(is_thread));
    if fits { Ok(()) } else { Err(Error::invalid_parameter("thread_frames")) }
}

/// Makes a report of raw members. Frames of the process itself are marked.
///
/// # Errors
/// `Invalid`, naming the member.
pub fn complete(mut raw: Map<String, Value>, crashed_at: Millis) -> Result<JsonObject> {
    check_threads(raw.get("thread_frames").unwrap_or(&Value::Null))?;
    let process = raw.get("process").and_then(Value::as_str).unwrap_or_default().to_owned();
    for thread in array(raw.get_mut("thread_frames")) {
        for frame in array(thread.get_mut("frames")) {
            let is_own = !process.is_empty() && frame["module"] == process.as_str();
            if let Some(frame) = frame.as_object_mut() {
                frame.entry("process_frame").or_insert(json!(is_own));
            }
        }
    }
    for (name, value) in [
        ("code_type", json!("")),
        ("crash_type", json!("native")),
        ("crashed_thread", json!("0")),
        ("datetime", json!(crashed_at.to_iso())),
        ("exception_codes", json!("")),
        ("exception_type", json!("")),
        ("identifier", json!("")),
        ("process", json!("")),
        ("version", json!("")),
    ] {
        raw.entry(name).or_insert(value);
    }
    JsonObject::read(&Value::Object(raw).to_string(), MAX_RESOLVED, MAX_RESOLVED_DEPTH)
        .map_err(|refused| Error::Invalid(format!("thread_frames: {refused}")))
}

fn array(value: Option<&mut Value>) -> impl Iterator<Item = &mut Value> {
    value.and_then(Value::as_array_mut).into_iter().flatten()
}

/// A report as text, in the order of the lines of Apple's.
pub fn to_text(resolved: &Value) -> String {
    let text = |value: &Value, name: &str| value[name].as_str().unwrap_or_default().to_owned();
    let mut out = String::new();
    for (label, name) in [
        ("Process", "process"),
        ("Identifier", "identifier"),
        ("Version", "version"),
        ("Code Type", "code_type"),
        ("Date/Time", "datetime"),
        ("Exception Type", "exception_type"),
        ("Exception Codes", "exception_codes"),
        ("Crashed Thread", "crashed_thread"),
    ] {
        out.push_str(&format!("{:<17}{}\n", format!("{label}:"), text(resolved, name)));
    }
    for thread in resolved["thread_frames"].as_array().into_iter().flatten() {
        out.push_str(&format!("\n{}:\n", text(thread, "title")));
        for (index, frame) in thread["frames"].as_array().into_iter().flatten().enumerate() {
            let place = match (frame["filename"].as_str(), frame["offset"].as_str()) {
                (Some(file), _) => format!(" ({file}:{})", text(frame, "line")),
                (None, Some(offset)) => format!(" + {offset}"),
                (None, None) => String::new(),
            };
            let (module, address) = (text(frame, "module"), text(frame, "address"));
            let function = text(frame, "function");
            out.push_str(&format!("{index:<4}{module:<32}0x{address} {function}{place}\n"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn raw_members_become_a_whole_report() {
        let raw = json!({
            "process": "m2048", "exception_type": "SIGABRT",
            "thread_frames": [{ "number": "0", "title": "Thread 0 Crashed", "frames": [
                { "module": "libsystem_kernel.dylib", "function": "__pthread_kill", "offset": "8",
                  "address": "0000000182e89014" },
                { "module": "m2048", "address": "00000001000c35a0" },
                { "module": "m2048", "process_frame": false },
            ]}],
        });
        let report = complete(members(raw), Millis(0)).unwrap().to_value();
        let own: Vec<_> = report["thread_frames"][0]["frames"]
            .as_array()
            .unwrap()
            .iter()
            .map(|frame| frame["process_frame"].as_bool().unwrap())
            .collect();
        assert_eq!(own, [false, true, false]);
        assert_eq!(report["crash_type"], "native");
        let names = ["code_type", "crashed_thread", "datetime", "exception_codes", "version"];
        for name in names.into_iter().chain(["identifier"]) {
            assert!(report[name].is_string(), "{name}");
        }
        let text = to_text(&report);
        assert!(text.starts_with("Process:         m2048\n"), "{text}");
        assert!(text.contains("Exception Type:  SIGABRT\n"), "{text}");
        let line = "0   libsystem_kernel.dylib          0x0000000182e89014 __pthread_kill + 8\n";
        assert!(text.contains(line), "{text}");
    }

    #[test]
    fn threads_must_be_threads() {
        for wrong in [
            json!({}),
            json!({ "thread_frames": 5 }),
            json!({ "thread_frames": [5] }),
            json!({ "thread_frames": [{ "frames": 5 }] }),
            json!({ "thread_frames": [{ "frames": [5] }] }),
        ] {
            assert!(complete(members(wrong.clone()), Millis(0)).is_err(), "{wrong}");
            assert!(check(&wrong.to_string()).is_err(), "{wrong}");
        }
        let nothing = json!({ "thread_frames": [] });
        assert_eq!(check(&nothing.to_string()).unwrap().to_value(), nothing);
        assert!(check("[]").is_err());
        assert_eq!(to_text(&json!(null)).lines().count(), 8);
    }
}
