//! A weekly moment in a time zone (TRG-13). Pure: the caller says what time it
//! is.

use std::collections::BTreeSet;

use chrono::{
    DateTime, Datelike, Days, LocalResult, NaiveDateTime, NaiveTime, TimeDelta, TimeZone,
};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::model::ids::{AppId, BuildId, ScheduleId};
use crate::model::time::Millis;

const MINUTES_PER_DAY: u32 = 24 * 60;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Weekday {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

impl Weekday {
    /// In the order of a week.
    pub const ALL: [Self; 7] = [
        Self::Monday,
        Self::Tuesday,
        Self::Wednesday,
        Self::Thursday,
        Self::Friday,
        Self::Saturday,
        Self::Sunday,
    ];
}

/// A schedule that cannot be kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{member}: {reason}")]
pub struct Refused {
    /// `weekdays`, `time` or `zone`.
    pub member: &'static str,
    pub reason: &'static str,
}

/// Some days of each week, at one time of the day, in one IANA time zone.
/// Stored as JSON `{"weekdays":["monday"],"minute_of_day":150,"zone":"Europe/Berlin"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct Weekly {
    weekdays: BTreeSet<Weekday>,
    minute_of_day: u32,
    zone: Tz,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    weekdays: BTreeSet<Weekday>,
    minute_of_day: u32,
    zone: String,
}

impl TryFrom<Stored> for Weekly {
    type Error = Refused;
    fn try_from(stored: Stored) -> Result<Self, Refused> {
        Self::new(stored.weekdays, stored.minute_of_day, &stored.zone)
    }
}

impl From<Weekly> for Stored {
    fn from(weekly: Weekly) -> Self {
        let Weekly { weekdays, minute_of_day, zone } = weekly;
        Self { weekdays, minute_of_day, zone: zone.name().to_owned() }
    }
}

impl TryFrom<String> for Weekly {
    type Error = serde_json::Error;
    fn try_from(stored: String) -> Result<Self, serde_json::Error> {
        serde_json::from_str(&stored)
    }
}

/// A branch whose tip is built by the clock.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Schedule {
    pub id: ScheduleId,
    pub app_id: AppId,
    pub branch: String,
    #[sqlx(try_from = "String")]
    pub weekly: Weekly,
    pub next_at: Millis,
    pub last_at: Option<Millis>,
    /// `queued`, or `skipped: ..` and why; empty before the first run.
    pub last_result: String,
    pub last_build_id: Option<BuildId>,
    pub created_at: Millis,
}

/// `HH:MM`, 24 hours, as minutes since midnight.
///
/// # Errors
/// `Refused` for anything else.
pub fn parse_time(text: &str) -> Result<u32, Refused> {
    let refused = Refused { member: "time", reason: "written HH:MM, from 00:00 to 23:59" };
    let [h1, h2, b':', m1, m2] = text.as_bytes() else { return Err(refused) };
    if ![h1, h2, m1, m2].iter().all(|b| b.is_ascii_digit()) {
        return Err(refused);
    }
    let number = |tens: u8, ones: u8| u32::from(tens - b'0') * 10 + u32::from(ones - b'0');
    let (hours, minutes) = (number(*h1, *h2), number(*m1, *m2));
    if hours > 23 || minutes > 59 { Err(refused) } else { Ok(hours * 60 + minutes) }
}

impl Weekly {
    /// # Errors
    /// `Refused` without any weekday, for a minute after 23:59 and for a zone
    /// that the IANA database does not know.
    pub fn new(
        weekdays: impl IntoIterator<Item = Weekday>,
        minute_of_day: u32,
        zone: &str,
    ) -> Result<Self, Refused> {
        let weekdays: BTreeSet<_> = weekdays.into_iter().collect();
        if weekdays.is_empty() {
            return Err(Refused { member: "weekdays", reason: "at least one day" });
        }
        if minute_of_day >= MINUTES_PER_DAY {
            return Err(Refused { member: "time", reason: "from 00:00 to 23:59" });
        }
        let zone = zone.parse().map_err(|_| Refused {
            member: "zone",
            reason: "an IANA time zone, e.g. Europe/Berlin or UTC",
        })?;
        Ok(Self { weekdays, minute_of_day, zone })
    }

    /// As it is stored.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("plain data is JSON")
    }

    pub fn weekdays(&self) -> impl Iterator<Item = Weekday> {
        self.weekdays.iter().copied()
    }

    pub fn minute_of_day(&self) -> u32 {
        self.minute_of_day
    }

    /// `HH:MM`.
    pub fn time(&self) -> String {
        format!("{:02}:{:02}", self.minute_of_day / 60, self.minute_of_day % 60)
    }

    /// The IANA name.
    pub fn zone(&self) -> &'static str {
        self.zone.name()
    }

    /// The first moment after `now`. Runs between an earlier `now` and this one
    /// are thereby missed and stay so. A time that a day does not have, because
    /// the clocks go forward, is at the first moment that exists after it; one
    /// that a day has twice is at the first of the two only.
    pub fn next_after(&self, now: Millis) -> Millis {
        let never = Millis(i64::MAX);
        let Some(utc) = DateTime::from_timestamp_millis(now.0) else { return never };
        let today = utc.with_timezone(&self.zone).date_naive();
        // From yesterday, because a time in a gap at midnight is on the day
        // after; beyond a week, because today's time may be over.
        let Some(mut day) = today.checked_sub_days(Days::new(1)) else { return never };
        for _ in 0..10 {
            let weekday = Weekday::ALL[day.weekday().num_days_from_monday() as usize];
            if self.weekdays.contains(&weekday)
                && let Some(time) =
                    NaiveTime::from_hms_opt(self.minute_of_day / 60, self.minute_of_day % 60, 0)
                && let Some(moment) = self.moment(day.and_time(time))
                && moment > now
            {
                return moment;
            }
            let Some(next) = day.succ_opt() else { return never };
            day = next;
        }
        never
    }

    /// When clocks of the zone show `local`, or first show a later time.
    fn moment(&self, local: NaiveDateTime) -> Option<Millis> {
        // Clocks are set by whole minutes; the longest jump was a whole day
        // (Samoa left out 30 December 2011).
        (0..=i64::from(MINUTES_PER_DAY)).find_map(|minutes| {
            let shown = local.checked_add_signed(TimeDelta::minutes(minutes))?;
            match self.zone.from_local_datetime(&shown) {
                LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => {
                    Some(Millis(at.timestamp_millis()))
                }
                LocalResult::None => None,
            }
        })
    }
}

#[cfg(test)]
mod tests;
