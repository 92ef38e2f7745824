//! Time as the product stores and shows it. The value comes from the `Clock`
//! of `app.rs`; nothing here reads the system's.

use chrono::{DateTime, SecondsFormat, Utc};

/// Milliseconds since the Unix epoch, UTC.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    serde::Serialize,
    serde::Deserialize,
    sqlx::Type,
)]
#[serde(transparent)]
#[sqlx(transparent)]
pub struct Millis(pub i64);

impl Millis {
    /// ISO 8601 UTC with exactly three fractional digits and `Z` (api.md 1.4).
    pub fn to_iso(self) -> String {
        DateTime::<Utc>::from_timestamp_millis(self.0)
            .unwrap_or_default()
            .to_rfc3339_opts(SecondsFormat::Millis, true)
    }

    /// Any RFC 3339 moment, such as what `to_iso` writes, to the millisecond.
    pub fn from_iso(text: &str) -> Option<Self> {
        DateTime::parse_from_rfc3339(text).ok().map(|at| Self(at.timestamp_millis()))
    }

    /// This moment moved by `ms` milliseconds.
    #[must_use]
    pub fn plus(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Milliseconds from `earlier` to this moment; negative if it is later.
    pub fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn iso_always_has_three_fractional_digits() {
        assert_eq!(Millis(1_488_492_806_728).to_iso(), "2017-03-02T22:13:26.728Z");
        assert_eq!(Millis(1_488_492_806_000).to_iso(), "2017-03-02T22:13:26.000Z");
        assert_eq!(Millis(0).to_iso(), "1970-01-01T00:00:00.000Z");
    }

    #[test]
    fn moments_are_read_with_their_zone() {
        assert_eq!(Millis::from_iso("2017-03-02T22:13:26.728Z"), Some(Millis(1_488_492_806_728)));
        assert_eq!(Millis::from_iso("2017-03-02T23:13:26+01:00"), Some(Millis(1_488_492_806_000)));
        for text in ["", "2017-03-02", "2017-03-02T22:13:26", "now"] {
            assert_eq!(Millis::from_iso(text), None, "{text}");
        }
    }
}
