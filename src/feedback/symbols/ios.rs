//! Addresses of native frames, by the dSYMs of a build. Where an image was
//! loaded and its UUID are in `binary_images` of the report or in the section
//! "Binary Images" of its text; without them an `offset` of a frame that has no
//! function counts from the image's start, and the image is known by its name.

use std::collections::{BTreeMap, BTreeSet};

use formats::symbols::{Dsyms, Image, SourceFrame, images};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{Crash, Found, blocking, called};
use crate::app::App;
use crate::blobs::reader::BlobReader;
use crate::error::Result;
use crate::feedback::native;
use crate::model::artifact::Artifact;

/// Addresses that are looked up in one crash.
const MAX_ADDRESSES: usize = 4_000;
/// Images of one crash; a process has some hundreds.
const MAX_IMAGES: usize = 4_000;

/// An image as the process had it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Loaded {
    /// Lowercase hex without dashes, or empty.
    uuid: String,
    base: Option<u64>,
}

/// What is wanted of one module.
#[derive(Debug, Clone, Default)]
struct Module {
    loaded: Loaded,
    /// From the start of the image.
    offsets: BTreeSet<u64>,
}

/// By module and offset.
type Known = BTreeMap<(String, u64), Vec<SourceFrame>>;

/// One dSYM archive, opened on the thread that reads it.
struct Archive {
    name: String,
    blob: BlobReader,
    is_own: bool,
}

/// What reading the archives came to.
#[derive(Default)]
struct Read {
    known: Known,
    found: Vec<String>,
    trouble: Vec<String>,
    /// Modules whose symbols were found.
    done: BTreeSet<String>,
}

pub(super) async fn look_up(app: &App, crash: &Crash, files: Vec<Artifact>) -> Result<Found> {
    let modules = modules(&crash.report, &crash.raw.resolved_text);
    let archives: Vec<Archive> = files
        .iter()
        .map(|file| Archive {
            name: called(crash, file),
            blob: BlobReader::new(&app.blobs, &file.blob_key, file.bytes.unsigned_abs()),
            is_own: crash.is_own(file),
        })
        .collect();
    let architecture = architecture(crash.report["code_type"].as_str().unwrap_or_default());
    let deadline = crash.deadline;
    let mut wanted = modules.clone();
    wanted.retain(|_, module| !module.offsets.is_empty());
    let read = blocking(move || {
        let mut read = Read::default();
        for archive in archives {
            if read.done.len() == wanted.len() || Instant::now() > deadline {
                break;
            }
            read.archive(archive, &wanted, architecture, deadline);
        }
        read
    })
    .await;
    let mut read = read.unwrap_or_else(|fault| Read {
        trouble: vec![format!("dSYM: {fault}")],
        ..Read::default()
    });
    let mut found = Found::default();
    for (name, module) in &modules {
        if module.offsets.is_empty() {
            read.trouble.push(format!("the report does not say where {name} was loaded"));
        } else if !read.done.contains(name) {
            let uuid = match module.loaded.uuid.as_str() {
                "" => String::new(),
                uuid => format!(" with the UUID {}", dashed(uuid)),
            };
            found.symbols.wanted.push(format!("dSYM of {name}{uuid}"));
        }
    }
    if !read.known.is_empty() {
        let mut report = crash.report.clone();
        apply(&mut report, &modules, &read.known);
        let text = native::to_text(&report);
        found.resolved = Some((report, text));
    }
    found.symbols.found = read.found;
    found.symbols.trouble = read.trouble;
    Ok(found)
}

impl Read {
    fn archive(
        &mut self,
        archive: Archive,
        modules: &BTreeMap<String, Module>,
        architecture: Option<&str>,
        deadline: Instant,
    ) {
        let Archive { name, blob, is_own } = archive;
        let mut dsyms = match Dsyms::open(blob) {
            Ok(dsyms) => dsyms,
            Err(fault) => return self.trouble.push(format!("{name}: {fault}")),
        };
        let listed: Vec<(usize, String)> =
            dsyms.names().map(|(number, name)| (number, name.to_owned())).collect();
        for (number, binary) in listed {
            let Some(module) = modules.get(&binary).filter(|_| !self.done.contains(&binary)) else {
                continue;
            };
            let bytes = match dsyms.read(number) {
                Ok(bytes) => bytes,
                Err(fault) => {
                    self.trouble.push(format!("{name}: {fault}"));
                    continue;
                }
            };
            let images = images(&bytes);
            let Some(image) = choose(&images, &module.loaded.uuid, architecture, is_own) else {
                let has: Vec<String> = images.iter().map(|image| dashed(&image.uuid)).collect();
                let has = has.join(", ");
                self.trouble.push(format!("{name}: {binary} has other UUIDs ({has})"));
                continue;
            };
            let offsets: Vec<u64> = module.offsets.iter().copied().collect();
            let looked = image.look_up(&offsets, || Instant::now() < deadline);
            for (offset, frames) in offsets.into_iter().zip(looked) {
                if !frames.is_empty() {
                    self.known.insert((binary.clone(), offset), frames);
                }
            }
            self.found.push(format!("{name}: {binary}, UUID {}", dashed(&image.uuid)));
            self.done.insert(binary);
        }
    }
}

/// The image with this UUID. A build's own dSYM may also be known by its name,
/// if the report has no UUID and the architecture leaves one.
fn choose<'i, 'd>(
    images: &'i [Image<'d>],
    uuid: &str,
    architecture: Option<&str>,
    is_own: bool,
) -> Option<&'i Image<'d>> {
    if !uuid.is_empty() {
        return images.iter().find(|image| image.uuid == uuid);
    }
    match images {
        [only] if is_own => Some(only),
        _ if is_own => {
            let wanted = architecture?;
            images.iter().find(|image| image.architecture() == Some(wanted))
        }
        _ => None,
    }
}

/// As `Image::architecture` says it, of Apple's code type.
fn architecture(code_type: &str) -> Option<&'static str> {
    let code_type = code_type.to_ascii_uppercase().replace('-', "");
    if code_type.contains("ARM64") {
        Some("arm64")
    } else if code_type.contains("X8664") || code_type.contains("X86_64") {
        Some("x86_64")
    } else if code_type.contains("ARM") {
        Some("arm")
    } else {
        None
    }
}

/// The app's own modules that have frames without a place.
fn modules(report: &Value, text: &str) -> BTreeMap<String, Module> {
    let loaded = loaded(report, text);
    let mut modules: BTreeMap<String, Module> = BTreeMap::new();
    let mut left = MAX_ADDRESSES;
    for (index, frame) in frames(report) {
        let Some(name) = frame["module"].as_str().filter(|_| wants_place(frame)) else { continue };
        let module = modules.entry(name.to_owned()).or_insert_with(|| Module {
            loaded: loaded.get(name).cloned().unwrap_or_default(),
            ..Module::default()
        });
        if let Some(offset) = offset(frame, index, &module.loaded).filter(|_| left > 0) {
            left -= usize::from(module.offsets.insert(offset));
        }
    }
    modules
}

/// Frames with their place in the thread.
fn frames(report: &Value) -> impl Iterator<Item = (usize, &Value)> {
    let threads = report["thread_frames"].as_array().into_iter().flatten();
    threads.flat_map(|thread| thread["frames"].as_array().into_iter().flatten().enumerate())
}

/// Of the app itself, and its file not known.
fn wants_place(frame: &Value) -> bool {
    let has_file = frame["filename"].as_str().is_some_and(|file| !file.is_empty());
    frame["process_frame"] == Value::Bool(true) && !has_file
}

/// Where in its image a frame is. A frame that called another one is at the
/// instruction to return to, which may belong to the next line already.
fn offset(frame: &Value, index: usize, loaded: &Loaded) -> Option<u64> {
    let at = match (loaded.base, frame["address"].as_str().and_then(hex)) {
        (Some(base), Some(address)) => address.checked_sub(base)?,
        _ if frame["function"].as_str().is_none_or(str::is_empty) => {
            let offset = frame["offset"].as_str()?;
            if offset.starts_with("0x") { hex(offset)? } else { offset.trim().parse().ok()? }
        }
        _ => return None,
    };
    at.checked_sub(u64::from(index > 0))
}

fn hex(text: &str) -> Option<u64> {
    let text = text.trim();
    u64::from_str_radix(text.strip_prefix("0x").unwrap_or(text), 16).ok()
}

/// Images by their names.
fn loaded(report: &Value, text: &str) -> BTreeMap<String, Loaded> {
    let mut all = BTreeMap::new();
    for image in report["binary_images"].as_array().into_iter().flatten().take(MAX_IMAGES) {
        let member = |names: &[&str]| {
            names.iter().find_map(|name| image[*name].as_str()).unwrap_or_default().trim()
        };
        let name = member(&["name", "path"]);
        let name = name.rsplit('/').next().unwrap_or(name);
        let base = hex(member(&["base_address", "load_address", "image_addr"]));
        all.insert(name.to_owned(), Loaded { uuid: plain_uuid(member(&["uuid"])), base });
    }
    let listed = text.lines().skip_while(|line| !line.starts_with("Binary Images")).skip(1);
    for (name, image) in listed.take(MAX_IMAGES).filter_map(read_image) {
        all.entry(name).or_insert(image);
    }
    all
}

/// `0x1000b8000 - 0x1000cffff +Shop arm64  <4c4c44b75553...> /var/.../Shop`
fn read_image(line: &str) -> Option<(String, Loaded)> {
    let (before, after) = line.split_once('<')?;
    let (uuid, _) = after.split_once('>')?;
    let mut words = before.split_whitespace();
    let base = words.next().filter(|word| word.starts_with("0x")).and_then(hex)?;
    let mut rest: Vec<&str> = words.skip_while(|word| *word == "-").skip(1).collect();
    // The architecture stands last; names may have spaces.
    rest.pop()?;
    let name = rest.join(" ");
    let name = name.strip_prefix('+').unwrap_or(&name).to_owned();
    let uuid = plain_uuid(uuid);
    (!name.is_empty()).then_some((name, Loaded { uuid, base: Some(base) }))
}

fn plain_uuid(text: &str) -> String {
    let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
    if digits.len() == 32 { digits.to_ascii_lowercase() } else { String::new() }
}

/// As Apple's tools write it.
fn dashed(uuid: &str) -> String {
    let upper = uuid.to_ascii_uppercase();
    let part = |from: usize, to: usize| upper.get(from..to).unwrap_or_default().to_owned();
    [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-")
}

/// Gives the frames their functions and places; a call that was inlined is a
/// frame of its own.
fn apply(report: &mut Value, modules: &BTreeMap<String, Module>, known: &Known) {
    let threads = report.get_mut("thread_frames").and_then(Value::as_array_mut);
    for thread in threads.into_iter().flatten() {
        let Some(frames) = thread.get_mut("frames").and_then(Value::as_array_mut) else { continue };
        let given = std::mem::take(frames);
        for (index, frame) in given.into_iter().enumerate() {
            let calls = calls(&frame, index, modules, known);
            match calls {
                Some(calls) => frames.extend(calls.iter().map(|call| placed(&frame, call))),
                None => frames.push(frame),
            }
        }
    }
}

fn calls<'k>(
    frame: &Value,
    index: usize,
    modules: &BTreeMap<String, Module>,
    known: &'k Known,
) -> Option<&'k Vec<SourceFrame>> {
    let name = frame["module"].as_str().filter(|_| wants_place(frame))?;
    let offset = offset(frame, index, &modules.get(name)?.loaded)?;
    known.get(&(name.to_owned(), offset))
}

fn placed(frame: &Value, call: &SourceFrame) -> Value {
    let mut frame = frame.clone();
    let Some(members) = frame.as_object_mut() else { return frame };
    if !call.function.is_empty() {
        members.insert("function".into(), json!(call.function));
    }
    if let Some(path) = &call.file {
        let name = path.rsplit('/').next().unwrap_or(path);
        members.insert("file_path".into(), json!(path));
        members.insert("filename".into(), json!(name));
        members.insert("file_type".into(), json!(language(name)));
        members.remove("offset");
    }
    if let Some(line) = call.line {
        members.insert("line".into(), json!(line.to_string()));
    }
    frame
}

fn language(file: &str) -> &str {
    match file.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "swift" => "swift",
        "m" => "objective-c",
        "mm" => "objective-c++",
        "c" => "c",
        "cc" | "cpp" | "cxx" => "c++",
        other => other,
    }
}

#[cfg(test)]
mod tests;
