use super::*;

fn at(text: &str) -> Millis {
    Millis(DateTime::parse_from_rfc3339(text).unwrap().timestamp_millis())
}

fn weekly(days: &[Weekday], time: &str, zone: &str) -> Weekly {
    Weekly::new(days.iter().copied(), parse_time(time).unwrap(), zone).unwrap()
}

fn runs(weekly: &Weekly, from: &str, count: usize) -> Vec<String> {
    let mut now = at(from);
    (0..count)
        .map(|_| {
            now = weekly.next_after(now);
            now.to_iso().replace(":00.000Z", "Z")
        })
        .collect()
}

#[test]
fn weekdays_of_the_zone_not_of_greenwich() {
    use Weekday::{Friday, Monday, Sunday};
    // 2026-11-23 is a Monday.
    type Case<'a> = (&'a [Weekday], &'a str, &'a str, &'a str, &'a [&'a str]);
    let cases: &[Case<'_>] = &[
        (&[Monday], "08:00", "UTC", "2026-11-23T07:59:59Z", &["2026-11-23T08:00Z"]),
        // The moment itself is over.
        (&[Monday], "08:00", "UTC", "2026-11-23T08:00:00Z", &["2026-11-30T08:00Z"]),
        (
            &[Monday, Friday],
            "00:00",
            "UTC",
            "2026-11-23T08:00:00Z",
            &["2026-11-27T00:00Z", "2026-11-30T00:00Z", "2026-12-04T00:00Z"],
        ),
        // Monday morning in Auckland is Sunday evening in Greenwich.
        (&[Monday], "08:00", "Pacific/Auckland", "2026-11-22T00:00:00Z", &["2026-11-22T19:00Z"]),
        // Sunday night in Los Angeles is Monday in Greenwich.
        (&[Sunday], "23:30", "America/Los_Angeles", "2026-11-23T00:00:00Z", &["2026-11-23T07:30Z"]),
        (&Weekday::ALL, "12:00", "Asia/Kolkata", "2026-11-23T08:00:00Z", &["2026-11-24T06:30Z"]),
    ];
    for (days, time, zone, now, expected) in cases {
        assert_eq!(runs(&weekly(days, time, zone), now, expected.len()), *expected, "{zone}");
    }
}

#[test]
fn a_time_the_day_does_not_have_is_the_first_moment_after_it() {
    // Berlin 2026-03-29: 02:00 to 03:00 is left out; it is 03:00 at 01:00Z.
    let nightly = weekly(&Weekday::ALL, "02:30", "Europe/Berlin");
    assert_eq!(
        runs(&nightly, "2026-03-27T12:00:00Z", 4),
        ["2026-03-28T01:30Z", "2026-03-29T01:00Z", "2026-03-30T00:30Z", "2026-03-31T00:30Z"]
    );
    // Beirut and Havana leave out midnight itself.
    let midnight = weekly(&[Weekday::Sunday], "00:00", "America/Havana");
    assert_eq!(runs(&midnight, "2026-03-07T12:00:00Z", 1), ["2026-03-08T05:00Z"]);
    // Lord Howe Island moves by half an hour.
    let howe = weekly(&[Weekday::Sunday], "02:15", "Australia/Lord_Howe");
    assert_eq!(runs(&howe, "2026-10-02T12:00:00Z", 1), ["2026-10-03T15:30Z"]);
    // Samoa left out a whole Friday.
    let samoa = weekly(&[Weekday::Friday], "12:00", "Pacific/Apia");
    assert_eq!(runs(&samoa, "2011-12-24T00:00:00Z", 2), ["2011-12-30T10:00Z", "2012-01-05T22:00Z"]);
}

#[test]
fn a_time_the_day_has_twice_runs_once() {
    // Berlin 2026-10-25: 02:00 to 03:00 comes twice, from 00:00Z and 01:00Z.
    let nightly = weekly(&Weekday::ALL, "02:30", "Europe/Berlin");
    assert_eq!(
        runs(&nightly, "2026-10-24T12:00:00Z", 3),
        ["2026-10-25T00:30Z", "2026-10-26T01:30Z", "2026-10-27T01:30Z"]
    );
    // Between the two, and within the second pass of the hour.
    for now in ["2026-10-25T00:45:00Z", "2026-10-25T01:15:00Z", "2026-10-25T01:30:00Z"] {
        assert_eq!(runs(&nightly, now, 1), ["2026-10-26T01:30Z"], "{now}");
    }
}

#[test]
fn missed_runs_are_skipped() {
    let weekly = weekly(&[Weekday::Monday], "08:00", "UTC");
    assert_eq!(runs(&weekly, "2026-12-25T00:00:00Z", 1), ["2026-12-28T08:00Z"]);
}

#[test]
fn moments_at_the_end_of_the_calendar_never_come() {
    let weekly = weekly(&Weekday::ALL, "08:00", "UTC");
    for now in [i64::MAX, i64::MIN, chrono::DateTime::<chrono::Utc>::MAX_UTC.timestamp_millis()] {
        assert_eq!(weekly.next_after(Millis(now)), Millis(i64::MAX));
    }
}

#[test]
fn times_days_and_zones_that_are_none() {
    for (text, minutes) in [("00:00", 0), ("23:59", 1439), ("02:05", 125)] {
        assert_eq!(parse_time(text), Ok(minutes));
    }
    for text in ["", "24:00", "12:60", "1:00", "01:0", "0100", "+1:00", "01:00 ", "aa:bb"] {
        assert_eq!(parse_time(text).unwrap_err().member, "time", "{text}");
    }
    let none = Weekly::new([], 0, "UTC").unwrap_err();
    assert_eq!(none.member, "weekdays");
    for zone in ["", "Mars/Base", "+01:00", "europe berlin"] {
        assert_eq!(Weekly::new(Weekday::ALL, 0, zone).unwrap_err().member, "zone", "{zone}");
    }
    assert_eq!(Weekly::new(Weekday::ALL, 1440, "UTC").unwrap_err().member, "time");
}

#[test]
fn stored_and_read_back() {
    let weekly = weekly(&[Weekday::Friday, Weekday::Monday], "02:30", "Europe/Berlin");
    let json = serde_json::to_string(&weekly).unwrap();
    assert_eq!(
        json,
        r#"{"weekdays":["monday","friday"],"minute_of_day":150,"zone":"Europe/Berlin"}"#
    );
    assert_eq!(serde_json::from_str::<Weekly>(&json).unwrap(), weekly);
    assert_eq!(weekly.time(), "02:30");
    assert!(serde_json::from_str::<Weekly>(&json.replace("Berlin", "Atlantis")).is_err());
}
