//! Feedback and crash reports of an export: `info.json` (api.md 4.14, 4.16), the
//! files that its URLs name, and `log.txt`.

use chrono::DateTime;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::app::read_json;
use super::tree::{Tree, Unread};
use crate::app::App;
use crate::error::{Error, Result};
use crate::feedback::crashes::{self, MAX_RESOLVED, MAX_RESOLVED_DEPTH, NewCrash};
use crate::feedback::media::{MAX_LOG, MAX_REPLAY};
use crate::feedback::{self, File, MAX_FACTS, MAX_FACTS_DEPTH};
use crate::model::app::App as AppRow;
use crate::model::feedback::{Feedback, ItemState, JsonObject, MediaKind, Origin};
use crate::model::ids::{AppId, BuildId};
use crate::model::time::Millis;

/// Largest `info.json`: a crash report has two renderings in it.
const MAX_INFO: usize = 4 << 20;

/// An item that is stored, and what of it could not be.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) is_new: bool,
    pub(super) left_out: Vec<String>,
}

/// What both kinds have.
#[derive(Debug, Deserialize)]
struct Common {
    app_id: AppId,
    build_id: BuildId,
    #[serde(default)]
    build_number: i64,
    created_at: String,
    #[serde(default)]
    has_logs: bool,
    #[serde(rename = "CFBundleIdentifier")]
    bundle_id: Option<String>,
    #[serde(rename = "CFBundleShortVersionString")]
    short_version: Option<String>,
    #[serde(rename = "CFBundleVersion")]
    version: Option<String>,
    metadata: Option<Box<RawValue>>,
    system: Option<Box<RawValue>>,
}

#[derive(Debug, Deserialize)]
struct FeedbackInfo {
    _id: String,
    description: Option<String>,
    email: Option<String>,
    image_url: Option<String>,
    replay_url: Option<String>,
}

#[derive(Debug, Deserialize)]
struct CrashInfo {
    _id: String,
    scheme: Option<String>,
    tester_email: Option<String>,
    identifier_for_vendor: Option<String>,
    instant_replay_url: Option<String>,
    instant_replay_thumbnail_url: Option<String>,
    resolved_crash_report: Option<Box<RawValue>>,
    resolved_crash_report_string: Option<String>,
}

/// Imports one piece of feedback.
///
/// # Errors
/// `Invalid` with the reason, for an item that cannot be read.
pub(super) async fn feedback(app: &App, row: &AppRow, item: &Tree) -> Result<Done> {
    let (common, info) = read::<FeedbackInfo>(item)?;
    let mut left_out = Vec::new();
    let files = files(
        item,
        &[
            (MediaKind::Image, info.image_url.as_deref()),
            (MediaKind::Replay, info.replay_url.as_deref()),
        ],
        common.has_logs,
        &mut left_out,
    );
    let feedback = Feedback {
        id: id(&info._id)?,
        created_at: created_at(&common)?,
        state: ItemState::Open,
        description: info.description.unwrap_or_default(),
        email: info.email,
        metadata: facts(common.metadata.as_deref(), "metadata")?,
        system: facts(common.system.as_deref(), "system")?,
        origin: origin(row, common)?,
    };
    let number = feedback.origin.build_number;
    let is_new = feedback::add(app, feedback, files).await?;
    raise(app, row, number).await?;
    Ok(Done { is_new, left_out })
}

/// Imports one crash report.
///
/// # Errors
/// As for feedback.
pub(super) async fn crash(app: &App, row: &AppRow, item: &Tree) -> Result<Done> {
    let (common, info) = read::<CrashInfo>(item)?;
    let mut left_out = Vec::new();
    let files = files(
        item,
        &[
            (MediaKind::Image, info.instant_replay_thumbnail_url.as_deref()),
            (MediaKind::Replay, info.instant_replay_url.as_deref()),
        ],
        common.has_logs,
        &mut left_out,
    );
    let resolved = info.resolved_crash_report.as_deref().map(RawValue::get);
    let resolved = match resolved.filter(|text| *text != "null") {
        None => JsonObject::empty(),
        Some(text) => JsonObject::read(text, MAX_RESOLVED, MAX_RESOLVED_DEPTH)
            .map_err(|refused| Error::Invalid(format!("resolved_crash_report: {refused}")))?,
    };
    let crash = NewCrash {
        id: id(&info._id)?,
        created_at: created_at(&common)?,
        scheme: info.scheme.unwrap_or_default(),
        tester_email: info.tester_email,
        identifier_for_vendor: info.identifier_for_vendor.unwrap_or_default(),
        metadata: facts(common.metadata.as_deref(), "metadata")?,
        system: facts(common.system.as_deref(), "system")?,
        resolved,
        resolved_text: info.resolved_crash_report_string.unwrap_or_default(),
        origin: origin(row, common)?,
    };
    let number = crash.origin.build_number;
    let is_new = crashes::add(app, crash, files).await?;
    raise(app, row, number).await?;
    Ok(Done { is_new, left_out })
}

/// Both halves of `info.json`.
fn read<T: serde::de::DeserializeOwned>(item: &Tree) -> Result<(Common, T)> {
    let common = read_json(item, "info.json", MAX_INFO).map_err(Error::Invalid)?;
    let info = read_json(item, "info.json", MAX_INFO).map_err(Error::Invalid)?;
    Ok((common, info))
}

fn id<T: std::str::FromStr>(text: &str) -> Result<T> {
    text.parse().map_err(|_| Error::Invalid("_id is no id".into()))
}

fn created_at(common: &Common) -> Result<Millis> {
    read_time(&common.created_at).ok_or_else(|| Error::Invalid("created_at is no time".into()))
}

/// A moment of the API, not before 1970.
pub(super) fn read_time(text: &str) -> Option<Millis> {
    let moment = DateTime::parse_from_rfc3339(text).ok()?;
    Some(Millis(moment.timestamp_millis())).filter(|moment| moment.0 >= 0)
}

fn origin(row: &AppRow, common: Common) -> Result<Origin> {
    if common.app_id != row.id {
        return Err(Error::Invalid("it belongs to another app".into()));
    }
    if !(0..=crate::builds::import::MAX_NUMBER).contains(&common.build_number) {
        return Err(Error::invalid_parameter("build_number"));
    }
    Ok(Origin {
        app_id: common.app_id,
        build_id: common.build_id,
        build_number: common.build_number,
        bundle_id: common.bundle_id.unwrap_or_default(),
        short_version: common.short_version.unwrap_or_default(),
        version: common.version.unwrap_or_default(),
    })
}

fn facts(value: Option<&RawValue>, name: &str) -> Result<JsonObject> {
    match value.map(RawValue::get) {
        None | Some("null") => Ok(JsonObject::empty()),
        Some(text) => JsonObject::read(text, MAX_FACTS, MAX_FACTS_DEPTH)
            .map_err(|refused| Error::Invalid(format!("{name}: {refused}"))),
    }
}

/// The files of an item that are there and are what they should be.
fn files(
    item: &Tree,
    media: &[(MediaKind, Option<&str>)],
    has_logs: bool,
    left_out: &mut Vec<String>,
) -> Vec<File> {
    let named = media.iter().filter_map(|(kind, url)| Some((*kind, file_name((*url)?))));
    let log = has_logs.then_some((MediaKind::Log, "log.txt"));
    let mut files = Vec::new();
    for (kind, name) in named.chain(log) {
        let max = if kind == MediaKind::Log { MAX_LOG } else { MAX_REPLAY };
        match item.read(name, max) {
            Ok(bytes) if kind == MediaKind::Log && bytes.is_empty() => {}
            Ok(bytes) => {
                let plain = name.split('?').next().unwrap_or_default().to_owned();
                let file = File { kind, name: Some(plain), bytes: bytes.into() };
                match file.check() {
                    Ok(()) => files.push(file),
                    Err(refused) => left_out.push(format!("{name}: {refused}")),
                }
            }
            Err(Unread::Missing) => left_out.push(format!("{name} is missing")),
            Err(Unread::Bad(reason)) => left_out.push(reason),
        }
    }
    files
}

/// The tool names a file by what stands after the last `/` of its URL, with
/// the query.
fn file_name(url: &str) -> &str {
    url.rsplit('/').next().unwrap_or_default()
}

/// New builds must not take a number that an item already speaks of.
async fn raise(app: &App, row: &AppRow, number: i64) -> Result<()> {
    let mut tx = app.db.write().await?;
    crate::db::apps::raise_build_number(&mut tx, &row.id, number + 1).await?;
    tx.commit().await
}
