//! What testers and crashed apps send (SDK-1, SDK-2), as it is stored.

use serde_json::Value;

use crate::model::build::text_enum;
use crate::model::ids::{AppId, BuildId, CrashGroupId, CrashReportId, FeedbackId, MediaId};
use crate::model::time::Millis;

text_enum! {
    /// Does somebody still have to look at it?
    ItemState {
        Open = "open",
        Closed = "closed",
    }
}

text_enum! {
    /// What a stored file shows of its item.
    MediaKind {
        /// Screenshot, or the still image of a replay.
        Image = "image",
        /// Video of the moments before.
        Replay = "replay",
        /// Device log; never public.
        Log = "log",
    }
}

/// A JSON object that is stored and shown as it came, because the contract
/// passes unknown members through (api.md 4.16).
#[derive(Debug, Clone, PartialEq, Eq, sqlx::Type)]
#[sqlx(transparent)]
pub struct JsonObject(String);

/// Why a text is no `JsonObject`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoObject {
    #[error("not a JSON object")]
    Malformed,
    #[error("too large")]
    TooLarge,
    #[error("nested too deeply")]
    TooDeep,
}

impl JsonObject {
    /// `text` must be one object of at most `max_bytes`, nested at most
    /// `max_depth` deep; `{}` has depth 1.
    pub fn read(text: &str, max_bytes: usize, max_depth: usize) -> Result<Self, NoObject> {
        if text.len() > max_bytes {
            return Err(NoObject::TooLarge);
        }
        if depth(text) > max_depth {
            return Err(NoObject::TooDeep);
        }
        match serde_json::from_str(text) {
            Ok(Value::Object(_)) => Ok(Self(text.trim().to_owned())),
            _ => Err(NoObject::Malformed),
        }
    }

    pub fn empty() -> Self {
        Self("{}".into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The members, to look into them.
    pub fn to_value(&self) -> Value {
        serde_json::from_str(&self.0).unwrap_or_default()
    }
}

/// Deepest nesting of brackets outside of strings. Counted before parsing, so
/// that a hostile text is refused before anything is built from it.
fn depth(text: &str) -> usize {
    let (mut now, mut deepest, mut quoted, mut escaped) = (0_usize, 0, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'{' | b'[' if !quoted => {
                now += 1;
                deepest = deepest.max(now);
            }
            b'}' | b']' if !quoted => now = now.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// Which build of which app an item is about.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Origin {
    pub app_id: AppId,
    /// May be unknown here: exports can lack the build.
    pub build_id: BuildId,
    pub build_number: i64,
    /// Bundle identifier or package name.
    pub bundle_id: String,
    /// `CFBundleShortVersionString` or versionName.
    pub short_version: String,
    /// `CFBundleVersion` or versionCode.
    pub version: String,
}

/// One piece of feedback (api.md 4.14).
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Feedback {
    pub id: FeedbackId,
    #[sqlx(flatten)]
    pub origin: Origin,
    #[sqlx(try_from = "String")]
    pub state: ItemState,
    pub created_at: Millis,
    pub description: String,
    /// Address or display name of the sender; `None` shows as unknown (SDK-7).
    pub email: Option<String>,
    pub metadata: JsonObject,
    pub system: JsonObject,
}

/// One crash (api.md 4.16).
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct CrashReport {
    pub id: CrashReportId,
    #[sqlx(flatten)]
    pub origin: Origin,
    pub group_id: CrashGroupId,
    pub created_at: Millis,
    pub scheme: String,
    pub tester_email: Option<String>,
    pub identifier_for_vendor: String,
    pub metadata: JsonObject,
    pub system: JsonObject,
    /// `resolved_crash_report`.
    pub resolved: JsonObject,
    /// The same as text.
    pub resolved_text: String,
}

/// Reports that look alike (SDK-2).
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct CrashGroup {
    pub app_id: AppId,
    pub id: CrashGroupId,
    #[sqlx(try_from = "String")]
    pub state: ItemState,
    pub exception_type: String,
    /// For a person: the exception and where it was thrown.
    pub title: String,
    /// Reports that ever came.
    pub reports: i64,
    pub first_seen: Millis,
    pub last_seen: Millis,
    /// Highest number among the builds that crashed.
    pub last_build_number: i64,
}

impl ItemState {
    /// A closed group opens again when a newer build than any before crashes:
    /// the fix did not hold.
    #[must_use]
    pub fn after_report(self, last_build_number: i64, build_number: i64) -> Self {
        if build_number > last_build_number { Self::Open } else { self }
    }
}

/// A stored file of an item.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Media {
    pub id: MediaId,
    /// A `FeedbackId` or `CrashReportId`.
    pub item_id: String,
    #[sqlx(try_from = "String")]
    pub kind: MediaKind,
    /// The unguessable part of its public path; `None` for logs.
    pub token: Option<String>,
    /// Plain file name, the last part of its public path.
    pub name: String,
    pub media_type: String,
    pub bytes: i64,
    /// 64 lowercase hex.
    pub sha256: String,
    pub blob_key: String,
    pub created_at: Millis,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_kept_as_they_came_within_bounds() {
        let text = r#" {"b": 335.26060700416565, "a": ["]}\"{[", {}]} "#;
        let read = |max_bytes, max_depth| JsonObject::read(text, max_bytes, max_depth);
        assert_eq!(read(100, 3).unwrap().as_str(), text.trim());
        assert_eq!(read(100, 2), Err(NoObject::TooDeep));
        assert_eq!(read(20, 3), Err(NoObject::TooLarge));
        for malformed in ["", "[]", "{", "{} {}", "null", "{\"a\": \"\u{0}\"}", r#"{"\ud800": 1}"#]
        {
            assert_eq!(
                JsonObject::read(malformed, 100, 9),
                Err(NoObject::Malformed),
                "{malformed}"
            );
        }
        assert_eq!(JsonObject::read(&"[".repeat(1 << 20), 2 << 20, 8), Err(NoObject::TooDeep));
    }

    #[test]
    fn only_a_newer_build_opens_a_closed_group() {
        use ItemState::{Closed, Open};
        assert_eq!(Closed.after_report(7, 7), Closed);
        assert_eq!(Closed.after_report(7, 8), Open);
        assert_eq!(Open.after_report(7, 3), Open);
    }
}
