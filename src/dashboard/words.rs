//! How figures and moments read for a person. Pure.

use crate::model::build::Build;
use crate::model::origin::Origin;
use crate::model::time::Millis;

/// What nothing looks like in a table.
pub const NONE: &str = "–";

/// `just now`, `5 min ago`, `3 h ago`, `2 days ago`, then the date.
pub fn ago(at: Millis, now: Millis) -> String {
    let seconds = now.since(at) / 1000;
    match seconds {
        ..60 => "just now".into(),
        60..3_600 => format!("{} min ago", seconds / 60),
        3_600..86_400 => format!("{} h ago", seconds / 3_600),
        86_400..172_800 => "yesterday".into(),
        172_800..1_209_600 => format!("{} days ago", seconds / 86_400),
        _ => at.to_iso()[..10].to_owned(),
    }
}

/// `2024-03-09 16:00:00 UTC`.
pub fn moment(at: Millis) -> String {
    let iso = at.to_iso();
    format!("{} {} UTC", &iso[..10], &iso[11..19])
}

/// `4 s`, `3 min 20 s`, `2 h 5 min`.
pub fn span(ms: i64) -> String {
    let seconds = ms.max(0) / 1000;
    match seconds {
        ..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3_600, seconds / 60 % 60),
    }
}

/// `8 ms`, `1.2 s`, then as `span`.
pub fn brief(ms: i64) -> String {
    match ms {
        ..1_000 => format!("{} ms", ms.max(0)),
        1_000..60_000 => format!("{:.1} s", ms as f64 / 1000.0),
        _ => span(ms),
    }
}

/// `12 %` of a whole; nothing of nothing is 0.
pub fn percent(part: i64, whole: i64) -> String {
    let figure = if whole == 0 { 0.0 } else { part as f64 * 100.0 / whole as f64 };
    match figure {
        0.0..10.0 => format!("{figure:.1} %"),
        _ => format!("{figure:.0} %"),
    }
}

/// `512 B`, `1.5 KiB`, `20.0 MiB`.
pub fn size(bytes: i64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// One build as tables and pages show it.
#[derive(Debug)]
pub struct Shown {
    pub id: String,
    pub number: i64,
    pub status: &'static str,
    pub scheme: String,
    pub branch: String,
    pub short_sha: String,
    pub author: String,
    /// First line of the message.
    pub subject: String,
    pub trigger: String,
    pub is_finished: bool,
    /// When it began to run, in words.
    pub started: String,
    pub created_at: String,
    pub when: String,
    pub took: String,
    pub tests: String,
    pub coverage: String,
}

impl Shown {
    pub fn of(build: &Build, now: Millis) -> Self {
        let or_none = |text: &str| if text.is_empty() { NONE.to_owned() } else { text.to_owned() };
        let ended = build.finished_at.unwrap_or(now);
        let branch = match build.branch.as_str() {
            "" => "default branch".to_owned(),
            name => name.to_owned(),
        };
        Self {
            id: build.id.to_string(),
            number: build.number,
            status: build.status.as_str(),
            scheme: build.scheme.clone(),
            branch,
            short_sha: or_none(build.commit_sha.get(..8).unwrap_or_default()),
            author: or_none(&build.commit_author),
            subject: build.commit_message.lines().next().unwrap_or_default().to_owned(),
            trigger: trigger(build),
            is_finished: build.status.is_finished(),
            started: build.started_at.map_or_else(|| NONE.into(), |at| ago(at, now)),
            created_at: moment(build.created_at),
            when: ago(build.created_at, now),
            took: build.started_at.map_or_else(|| NONE.into(), |at| brief(ended.since(at))),
            tests: match build.tests_count {
                Some(count) => format!("{} of {count} passed", build.tests_passed.unwrap_or(0)),
                None => NONE.into(),
            },
            coverage: build
                .coverage
                .map_or_else(|| NONE.into(), |figure| format!("{:.1} %", figure * 100.0)),
        }
    }
}

/// Who or what started it, in words.
fn trigger(build: &Build) -> String {
    use crate::model::build::Trigger::{
        Api, PullRequestOpen, PullRequestUpdate, Rebuild, Scheduler, Ui, Webhook,
    };
    let pull = build.origin().ok().and_then(|origin: Origin| origin.pull_request);
    match (build.triggered_by, pull) {
        (_, Some(pull)) => format!("pull request {}", pull.number),
        (Webhook, None) => "push".into(),
        (PullRequestOpen | PullRequestUpdate, None) => "pull request".into(),
        (Ui, None) => "Build now".into(),
        (Scheduler, None) => "schedule".into(),
        (Rebuild, None) => "rebuild".into(),
        (Api, None) => "API".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_well() {
        let now = Millis(1_710_000_000_000);
        let cases = [
            (0, "just now"),
            (59_999, "just now"),
            (60_000, "1 min ago"),
            (7_200_000, "2 h ago"),
            (86_400_000, "yesterday"),
            (3 * 86_400_000, "3 days ago"),
            (30 * 86_400_000, "2024-02-08"),
            (-5_000, "just now"),
        ];
        for (ms, text) in cases {
            assert_eq!(ago(now.plus(-ms), now), text);
        }
        assert_eq!(moment(now), "2024-03-09 16:00:00 UTC");
        for (ms, text) in
            [(-1, "0 s"), (4_200, "4 s"), (200_000, "3 min 20 s"), (7_500_000, "2 h 5 min")]
        {
            assert_eq!(span(ms), text);
        }
        for (ms, text) in [(-1, "0 ms"), (12, "12 ms"), (1_250, "1.2 s"), (61_000, "1 min 1 s")] {
            assert_eq!(brief(ms), text);
        }
        for (part, whole, text) in [(1, 3, "33 %"), (0, 0, "0.0 %"), (1, 50, "2.0 %")] {
            assert_eq!(percent(part, whole), text);
        }
        for (bytes, text) in [
            (0, "0 B"),
            (1_023, "1023 B"),
            (1_536, "1.5 KiB"),
            (20 << 20, "20.0 MiB"),
            (i64::MAX, "8388608.0 TiB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }
}
