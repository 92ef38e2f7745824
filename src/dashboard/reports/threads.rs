//! The threads of a crash report (api.md 4.16), out of whatever was sent. Pure.

use serde_json::Value;

/// Threads, frames of one, and lines of source around one that are shown.
const MAX_THREADS: usize = 200;
const MAX_FRAMES: usize = 500;
const MAX_SOURCE: usize = 50;

pub(super) struct Thread {
    pub title: String,
    pub crashed: bool,
    pub frames: Vec<Frame>,
}

pub(super) struct Frame {
    pub module: String,
    /// The function, or the address while nobody has looked up the symbol.
    pub place: String,
    /// `file:line`, or empty.
    pub file: String,
    /// Of the app itself.
    pub own: bool,
    /// Whether the function's name is known.
    pub resolved: bool,
    pub source: String,
}

/// The crashed thread first.
pub(super) fn threads(report: &Value) -> Vec<Thread> {
    let number = text(report, "crashed_thread");
    let list = report["thread_frames"].as_array().map_or(&[][..], Vec::as_slice);
    let mut threads: Vec<Thread> = list
        .iter()
        .take(MAX_THREADS)
        .map(|thread| {
            let own = text(thread, "number");
            let title = [text(thread, "title"), text(thread, "name")];
            let title = title.into_iter().find(|text| !text.is_empty()).unwrap_or("Thread");
            let crashed = (!number.is_empty() && own == number) || title.contains("Crashed");
            let frames = thread["frames"].as_array().map_or(&[][..], Vec::as_slice);
            Thread {
                title: title.to_owned(),
                crashed,
                frames: frames.iter().take(MAX_FRAMES).map(frame).collect(),
            }
        })
        .collect();
    // Stable: the others keep their order.
    threads.sort_by_key(|thread| !thread.crashed);
    threads
}

fn frame(value: &Value) -> Frame {
    let function = text(value, "function");
    let place = if function.is_empty() {
        match (text(value, "address"), text(value, "offset")) {
            (address, "") => address.to_owned(),
            (address, offset) => format!("{address} + {offset}"),
        }
    } else {
        function.to_owned()
    };
    let file = [text(value, "file_path"), text(value, "filename")];
    let file = file.into_iter().find(|text| !text.is_empty()).unwrap_or_default();
    let file = match text(value, "line") {
        "" => file.to_owned(),
        line if file.is_empty() => format!("line {line}"),
        line => format!("{file}:{line}"),
    };
    let lines = value["source_context"].as_array().map_or(&[][..], Vec::as_slice);
    let source: Vec<String> = lines
        .iter()
        .take(MAX_SOURCE)
        .map(|line| {
            let mark = if line["crashline"] == Value::Bool(true) { ">" } else { " " };
            format!("{mark} {:>5}  {}", text(line, "line"), raw(line, "content"))
        })
        .collect();
    Frame {
        module: text(value, "module").to_owned(),
        place,
        file,
        own: value["process_frame"] == Value::Bool(true),
        resolved: !function.is_empty(),
        source: source.join("\n"),
    }
}

pub(super) fn text<'a>(object: &'a Value, member: &str) -> &'a str {
    raw(object, member).trim()
}

fn raw<'a>(object: &'a Value, member: &str) -> &'a str {
    object[member].as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_crashed_thread_comes_first() {
        let report = json!({
            "crashed_thread": "1",
            "thread_frames": [
                { "number": "0", "title": "Thread 0", "frames": [{ "address": "00ff", "offset": "8", "module": "UIKit" }] },
                { "number": "1", "name": "worker", "frames": [{
                    "function": "-[Cart pay]", "process_frame": true, "filename": "Cart.m", "line": "7",
                    "source_context": [
                        { "line": "6", "content": "  a;", "crashline": false },
                        { "line": "7", "content": "  b;", "crashline": true },
                    ],
                }] },
            ],
        });
        let found = threads(&report);
        assert_eq!(
            found.iter().map(|t| t.title.as_str()).collect::<Vec<_>>(),
            ["worker", "Thread 0"]
        );
        let own = &found[0].frames[0];
        assert_eq!(
            (own.place.as_str(), own.file.as_str(), own.own),
            ("-[Cart pay]", "Cart.m:7", true)
        );
        assert_eq!(own.source, "      6    a;\n>     7    b;");
        let other = &found[1].frames[0];
        assert_eq!((other.place.as_str(), other.resolved), ("00ff + 8", false));
    }

    #[test]
    fn a_broken_report_has_no_threads() {
        for broken in [json!(null), json!({ "thread_frames": 5 }), json!({ "thread_frames": [] })] {
            assert!(threads(&broken).is_empty());
        }
        assert_eq!(threads(&json!({ "thread_frames": [null, 7] })).len(), 2);
    }
}
