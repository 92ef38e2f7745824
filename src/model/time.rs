//! Time as the product stores and shows it. The value comes from the `Clock`
//! of `app.rs`; nothing here reads the system's.

use chrono::DateTime;

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
    /// ISO 8601 UTC with exactly three fractional digits and `Z` (api.md 1.4);
    /// years 0 to 9999. Written out here because a list of builds shows
    /// hundreds of them.
    pub fn to_iso(self) -> String {
        let in_day = self.0.rem_euclid(DAY_MS);
        let (year, month, day) = date_of(self.0.div_euclid(DAY_MS));
        let mut text = *b"0000-00-00T00:00:00.000Z";
        let mut put = |at: usize, digits: usize, value: i64| {
            let mut rest = value;
            for place in (at..at + digits).rev() {
                text[place] = b'0' + (rest % 10) as u8;
                rest /= 10;
            }
        };
        put(0, 4, year.clamp(0, 9999));
        put(5, 2, month);
        put(8, 2, day);
        put(11, 2, in_day / 3_600_000);
        put(14, 2, in_day / 60_000 % 60);
        put(17, 2, in_day / 1_000 % 60);
        put(20, 3, in_day % 1_000);
        String::from_utf8_lossy(&text).into_owned()
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

const DAY_MS: i64 = 86_400_000;

/// Year, month and day of a day since 1970-01-01 (Howard Hinnant,
/// "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`).
fn date_of(days: i64) -> (i64, i64, i64) {
    // Eras of 400 years from 0000-03-01, so that a leap day is the last.
    let days = days + 719_468;
    let (era, in_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (in_era - in_era / 1_460 + in_era / 36_524 - in_era / 146_096) / 365;
    let in_year = in_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * in_year + 2) / 153;
    let day = in_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use chrono::{SecondsFormat, Utc};

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
    #[test]
    fn every_day_is_the_one_of_the_calendar() {
        // A prime step: the time of the day differs each time as well.
        for ms in (-62_135_596_800_000..253_402_300_800_000_i64).step_by(86_400_000 * 7 + 777_013) {
            let expected = DateTime::<Utc>::from_timestamp_millis(ms).unwrap();
            let expected = expected.to_rfc3339_opts(SecondsFormat::Millis, true);
            assert_eq!(Millis(ms).to_iso(), expected);
        }
        assert_eq!(Millis(i64::MAX).to_iso().len(), 24);
        assert_eq!(Millis(i64::MIN).to_iso().len(), 24);
    }
}
