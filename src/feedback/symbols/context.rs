//! The source around the app's own frames, where the build kept it with its
//! coverage.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::app::App;
use crate::blobs::sources::PackedSources;
use crate::db;
use crate::error::{Error, Result};
use crate::model::ids::BuildId;

/// Lines before and after.
const AROUND: usize = 5;
/// Source files opened, and frames that get some source.
const MAX_FILES: usize = 20;
const MAX_FRAMES: usize = 60;
/// Longest line, in bytes.
const MAX_LINE: usize = 400;

/// Adds `source_context` (api.md 4.16) to the frames of the app itself. Sources
/// that are damaged are as good as none.
pub(super) async fn add(app: &App, build: &BuildId, report: &mut Value) -> Result<()> {
    let mut tx = app.db.read().await?;
    let attempt = db::builds::find(&mut tx, build).await?.map(|build| build.attempt);
    let stored = db::sources::find(&mut tx, build).await?;
    drop(tx);
    let Some(stored) = stored.filter(|stored| Some(stored.attempt) == attempt) else {
        return Ok(());
    };
    let opened =
        PackedSources::open(&app.blobs, &stored.blob_key, stored.bytes.unsigned_abs()).await;
    let packed = match opened {
        Ok(packed) => packed,
        Err(Error::Invalid(_)) => return Ok(()),
        Err(error) => return Err(error),
    };
    let mut texts: BTreeMap<String, Option<String>> = BTreeMap::new();
    let mut left = MAX_FRAMES;
    for frame in frames(report) {
        let Some((path, line)) = place(frame).filter(|_| left > 0) else { continue };
        if !texts.contains_key(&path) && texts.len() < MAX_FILES {
            texts.insert(path.clone(), text(&packed, &path).await);
        }
        let text = texts.get(&path).and_then(Option::as_deref);
        if let Some(lines) = text.and_then(|text| around(text, line)) {
            frame["source_context"] = lines;
            left -= 1;
        }
    }
    Ok(())
}

/// The report without any source.
pub(super) fn without(mut report: Value) -> Value {
    for frame in frames(&mut report) {
        if let Some(frame) = frame.as_object_mut() {
            frame.remove("source_context");
        }
    }
    report
}

fn frames(report: &mut Value) -> impl Iterator<Item = &mut Value> {
    let threads = report.get_mut("thread_frames").and_then(Value::as_array_mut);
    let threads = threads.into_iter().flatten();
    threads.filter_map(|thread| thread.get_mut("frames")?.as_array_mut()).flatten()
}

/// Path and line of a frame of the app itself.
fn place(frame: &Value) -> Option<(String, usize)> {
    let is_own = frame["process_frame"] == Value::Bool(true);
    let path = frame["file_path"].as_str().filter(|_| is_own)?;
    let line = frame["line"].as_str()?.parse().ok().filter(|line| *line > 0)?;
    Some((path.to_owned(), line))
}

async fn text(packed: &PackedSources, path: &str) -> Option<String> {
    let mut alike = packed
        .index()
        .iter()
        .filter(|entry| entry.file.as_deref().is_some_and(|file| ends_alike(file, path)));
    let entry = alike.next()?;
    // The same file may be covered by several targets.
    if alike.any(|other| other.file != entry.file) {
        return None;
    }
    packed.file(entry).await.ok()?.text
}

/// Compilers know more folders above a file, or fewer, than a workspace has.
fn ends_alike(file: &str, path: &str) -> bool {
    let ends = |long: &str, short: &str| {
        long.strip_suffix(short).is_some_and(|rest| rest.is_empty() || rest.ends_with('/'))
    };
    ends(file, path) || ends(path, file)
}

fn around(text: &str, line: usize) -> Option<Value> {
    let first = line.saturating_sub(AROUND + 1);
    let lines: Vec<Value> = text
        .lines()
        .enumerate()
        .skip(first)
        .take(line - first + AROUND)
        .map(|(index, content)| {
            let content = &content[..content.floor_char_boundary(MAX_LINE)];
            let number = (index + 1).to_string();
            json!({ "crashline": index + 1 == line, "content": content, "line": number })
        })
        .collect();
    (first + lines.len() >= line).then_some(Value::Array(lines))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_around_a_frame() {
        let text: String = (1..=20).map(|n| format!("line {n}\n")).collect();
        let lines = around(&text, 7).unwrap();
        assert_eq!(lines.as_array().unwrap().len(), 11);
        assert_eq!(lines[5], json!({ "crashline": true, "content": "line 7", "line": "7" }));
        assert_eq!(around(&text, 1).unwrap().as_array().unwrap().len(), 6);
        assert_eq!(around(&text, 21), None);
        assert_eq!(around("", 1), None);
    }

    #[test]
    fn paths_that_end_alike() {
        assert!(ends_alike("app/src/com/example/Cart.kt", "com/example/Cart.kt"));
        assert!(ends_alike("Shop/Cart.swift", "/Users/ci/ws/Shop/Cart.swift"));
        assert!(ends_alike("a.c", "a.c"));
        assert!(!ends_alike("a/Cart.swift", "b/Cart.swift") && !ends_alike("aa.c", "a.c"));
    }
}
