//! Which crashes are the same one: the exception's type and the innermost
//! frames of the app itself (SDK-2). Lines, addresses and the system's frames
//! are left out, because they change with every build and device.

use ring::digest;
use serde_json::Value;

use crate::model::hex::hex;
use crate::model::ids::CrashGroupId;
use crate::model::text::cut;

use super::MAX_LABEL;

/// Frames that tell one crash from another.
const TELLING_FRAMES: usize = 3;
/// Type of a crash that names none.
const UNKNOWN: &str = "Unknown crash";

/// What makes crashes alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Likeness {
    pub id: CrashGroupId,
    pub exception_type: String,
    /// `<exception> in <function>`.
    pub title: String,
}

/// The likeness of a `resolved_crash_report` (api.md 4.16), whatever of it is
/// there.
pub fn likeness(resolved: &Value) -> Likeness {
    let exception_type = text(resolved, "exception_type").unwrap_or(UNKNOWN);
    let frames = crashed_frames(resolved);
    let own: Vec<String> = frames.iter().filter(|frame| is_own(frame)).filter_map(place).collect();
    let mut telling = if own.is_empty() { frames.iter().filter_map(place).collect() } else { own };
    telling.truncate(TELLING_FRAMES);
    let mut hash = digest::Context::new(&digest::SHA256);
    for part in std::iter::once(exception_type).chain(telling.iter().map(String::as_str)) {
        hash.update(part.as_bytes());
        hash.update(b"\0");
    }
    let id = hex(&hash.finish().as_ref()[..12]);
    let title = match telling.first() {
        Some(place) => format!("{exception_type} in {place}"),
        None => exception_type.to_owned(),
    };
    Likeness {
        id: id.parse().expect("twelve bytes in hex are an id"),
        exception_type: cut(exception_type, MAX_LABEL),
        title: cut(&title, 2 * MAX_LABEL),
    }
}

/// The frames of the thread that crashed, innermost first.
fn crashed_frames(resolved: &Value) -> Vec<&Value> {
    let threads = resolved["thread_frames"].as_array().map_or(&[][..], Vec::as_slice);
    let number = text(resolved, "crashed_thread");
    let crashed = threads
        .iter()
        .find(|thread| number.is_some() && text(thread, "number") == number)
        .or_else(|| {
            let says_so =
                |thread: &&Value| text(thread, "title").is_some_and(|t| t.contains("Crashed"));
            threads.iter().find(says_so)
        })
        .or(threads.first());
    crashed.and_then(|thread| thread["frames"].as_array()).into_iter().flatten().collect()
}

fn is_own(frame: &Value) -> bool {
    frame["process_frame"] == Value::Bool(true)
}

/// Where a frame is: its function, or its place in the binary while nobody has
/// looked up the symbol.
fn place(frame: &&Value) -> Option<String> {
    if let Some(function) = text(frame, "function") {
        return Some(function.to_owned());
    }
    let module = text(frame, "module")?;
    Some(match text(frame, "offset") {
        Some(offset) => format!("{module} + {offset}"),
        None => module.to_owned(),
    })
}

fn text<'a>(object: &'a Value, member: &str) -> Option<&'a str> {
    object[member].as_str().map(str::trim).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn frame(function: &str, own: bool, line: &str) -> Value {
        json!({ "function": function, "process_frame": own, "line": line, "address": line })
    }

    fn report(frames: &[Value]) -> Value {
        json!({
            "exception_type": "SIGABRT", "crashed_thread": "2",
            "thread_frames": [
                { "number": "1", "title": "Thread 1", "frames": [frame("idle", true, "9")] },
                { "number": "2", "title": "Thread 2 Crashed", "frames": frames },
            ],
        })
    }

    #[test]
    fn own_frames_of_the_crashed_thread_tell() {
        let abort = frame("abort", false, "1");
        let pay = |line| frame("-[Cart pay]", true, line);
        let first = likeness(&report(&[abort.clone(), pay("7")]));
        assert_eq!(first.title, "SIGABRT in -[Cart pay]");
        // Another build, another device: other lines, other system frames.
        assert_eq!(likeness(&report(&[pay("8"), frame("raise", false, "3")])), first);
        assert_ne!(likeness(&report(&[pay("7"), frame("main", true, "1")])).id, first.id);
        let system = likeness(&report(&[abort]));
        assert_eq!(system.title, "SIGABRT in abort");
        let mut other = report(&[pay("7")]);
        other["exception_type"] = json!("SIGSEGV");
        assert_ne!(likeness(&other).id, first.id);
    }

    #[test]
    fn whatever_is_missing_a_group_is_found() {
        for (broken, title) in [
            (json!({}), "Unknown crash"),
            (json!(null), "Unknown crash"),
            (json!({ "thread_frames": 5, "exception_type": 7 }), "Unknown crash"),
            (json!({ "thread_frames": [null, { "frames": [1, {}] }] }), "Unknown crash"),
            (
                json!({ "thread_frames": [{ "frames": [{ "module": "Shop", "offset": "12" }] }] }),
                "Unknown crash in Shop + 12",
            ),
        ] {
            assert_eq!(likeness(&broken).title, title);
        }
    }
}
