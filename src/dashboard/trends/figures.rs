//! What the plots of an app show, out of its builds. Pure.

use std::collections::BTreeMap;

use crate::builds::trends::{Key, Record};
use crate::dashboard::trends::plot::{self, Plot, Row, Series};
use crate::dashboard::words;
use crate::db::trends::{Size, Slow};
use crate::model::build::{Build, BuildStatus};
use crate::model::ids::AppId;
use crate::model::time::Millis;

const DAY_MS: i64 = 24 * 3_600_000;

/// Flaky tests in the table.
const MAX_FLAKY: usize = 20;

/// `2024-03-09`.
fn day(at: Millis) -> String {
    at.to_iso()[..10].to_owned()
}

/// Dates of the first and last build; builds are oldest first from here on.
fn labels(builds: &[&Build]) -> [String; 2] {
    let label = |build: Option<&&Build>| build.map(|b| day(b.created_at)).unwrap_or_default();
    [label(builds.first()), label(builds.last())]
}

fn row(app: &AppId, build: &Build, cells: &[(String, String)]) -> Row {
    let (shown, raw): (Vec<_>, Vec<_>) = cells.iter().cloned().unzip();
    let number = build.number.to_string();
    let with = |first: String, rest: Vec<String>, date: String| [vec![first, date], rest].concat();
    Row {
        shown: with(format!("#{number}"), shown, words::moment(build.created_at)),
        raw: with(number, raw, build.created_at.to_iso()),
        link: Some(format!("/apps/{app}/build/{}", build.id)),
    }
}

fn seconds(ms: i64) -> (String, String) {
    (words::brief(ms), format!("{:.1}", ms as f64 / 1000.0))
}

/// Milliseconds in the unit of an axis up to `longest`, and its name.
fn unit_of(longest: i64) -> (f64, &'static str) {
    match longest {
        ..120_000 => (1_000.0, "s"),
        120_000..7_200_000 => (60_000.0, "min"),
        _ => (3_600_000.0, "h"),
    }
}

/// How long builds waited and ran.
pub(super) fn duration(app: &AppId, builds: &[Build]) -> Plot {
    // A build that was cancelled in the queue never ran.
    let ran: Vec<&Build> = builds.iter().rev().filter(|b| b.attempt > 0).collect();
    let times = |build: &Build| {
        let (start, end) = (build.started_at?, build.finished_at?);
        Some((start.since(build.created_at).max(0), end.since(start).max(0)))
    };
    let longest = ran.iter().filter_map(|b| times(b)).map(|(waited, took)| waited.max(took)).max();
    let (unit, name) = unit_of(longest.unwrap_or_default());
    let of = |pick: fn((i64, i64)) -> i64| {
        ran.iter().map(|b| times(b).map(|t| pick(t) as f64 / unit)).collect::<Vec<_>>()
    };
    let series = [
        Series { name: "running", class: "s0", dot_class: "p0", values: of(|t| t.1) },
        Series { name: "waiting in the queue", class: "s1", dot_class: "p1", values: of(|t| t.0) },
    ];
    let rows = ran.iter().rev().filter_map(|build| {
        let (waited, took) = times(build)?;
        Some(row(app, build, &[seconds(took), seconds(waited)]))
    });
    Plot {
        key: "duration",
        title: "Build duration and queue time",
        columns: vec!["Build", "Queued", "Ran (s)", "Waited (s)"],
        rows: rows.collect(),
        drawing: plot::lines(&series, labels(&ran), |value| {
            format!("{} {name}", plot::label(value))
        }),
    }
}

/// Successes and failures per day, or per week over a long range; cancelled
/// builds say nothing about the code.
pub(super) fn success(builds: &[Build], days: i64) -> Plot {
    let step = if days > 60 { 7 * DAY_MS } else { DAY_MS };
    let mut periods: BTreeMap<i64, (i64, i64)> = BTreeMap::new();
    for build in builds {
        let counts = periods.entry(build.created_at.0.div_euclid(step)).or_default();
        match build.status {
            BuildStatus::Success => counts.0 += 1,
            BuildStatus::Failed => counts.1 += 1,
            _ => {}
        }
    }
    periods.retain(|_, (good, bad)| *good + *bad > 0);
    let start = |period: &i64| day(Millis(period * step));
    let counts: Vec<(i64, i64)> = periods.values().copied().collect();
    let ends = [periods.keys().next().map(start), periods.keys().next_back().map(start)];
    let rows = periods.iter().rev().map(|(period, (good, bad))| Row {
        shown: vec![
            start(period),
            good.to_string(),
            bad.to_string(),
            words::percent(*good, good + bad),
        ],
        raw: vec![
            start(period),
            good.to_string(),
            bad.to_string(),
            format!("{:.4}", *good as f64 / (good + bad) as f64),
        ],
        link: None,
    });
    Plot {
        key: "success",
        title: "Success rate",
        columns: vec![
            if step == DAY_MS { "Day" } else { "Week from" },
            "Succeeded",
            "Failed",
            "Rate",
        ],
        rows: rows.collect(),
        drawing: plot::stacked(
            &counts,
            ends.map(Option::unwrap_or_default),
            [("b0", "succeeded"), ("b1", "failed")],
        ),
    }
}

/// Tests and failures.
pub(super) fn tests(app: &AppId, builds: &[Build]) -> Plot {
    let tested: Vec<&Build> = builds.iter().rev().filter(|b| b.tests_count.is_some()).collect();
    let counts = |build: &Build| {
        let count = build.tests_count.unwrap_or(0);
        (count, count - build.tests_passed.unwrap_or(0))
    };
    let of = |pick: fn((i64, i64)) -> i64| {
        tested.iter().map(|b| Some(pick(counts(b)) as f64)).collect::<Vec<_>>()
    };
    let series = [
        Series { name: "tests", class: "s0", dot_class: "p0", values: of(|c| c.0) },
        Series { name: "failures", class: "s1", dot_class: "p1", values: of(|c| c.1) },
    ];
    let plain = |value: i64| (value.to_string(), value.to_string());
    let rows = tested.iter().rev().map(|build| {
        let (count, failures) = counts(build);
        row(app, build, &[plain(count), plain(failures)])
    });
    Plot {
        key: "tests",
        title: "Tests and failures",
        columns: vec!["Build", "Queued", "Tests", "Failures"],
        rows: rows.collect(),
        drawing: plot::lines(&series, labels(&tested), |value| format!("{value:.0}")),
    }
}

/// Coverage of builds that have any.
pub(super) fn coverage(app: &AppId, builds: &[Build]) -> Plot {
    let known: Vec<&Build> = builds.iter().rev().filter(|b| b.coverage.is_some()).collect();
    let values = known.iter().map(|b| b.coverage.map(|figure| figure * 100.0)).collect();
    let series = [Series { name: "coverage", class: "s0", dot_class: "p0", values }];
    let rows = known.iter().rev().map(|build| {
        let figure = build.coverage.unwrap_or(0.0);
        row(app, build, &[(format!("{:.1} %", figure * 100.0), format!("{figure:.4}"))])
    });
    Plot {
        key: "coverage",
        title: "Coverage",
        columns: vec!["Build", "Queued", "Coverage"],
        rows: rows.collect(),
        drawing: plot::lines(&series, labels(&known), |value| format!("{value:.0} %")),
    }
}

/// The largest package of each build; the table has all.
pub(super) fn sizes(app: &AppId, sizes: &[Size]) -> Plot {
    let mut largest: Vec<&Size> = Vec::new();
    for size in sizes {
        match largest.last_mut() {
            Some(last) if last.build_id == size.build_id => {
                if size.bytes > last.bytes {
                    *last = size;
                }
            }
            _ => largest.push(size),
        }
    }
    largest.reverse();
    let values = largest.iter().map(|size| Some(size.bytes as f64 / 1_048_576.0)).collect();
    let series = [Series { name: "largest package", class: "s0", dot_class: "p0", values }];
    let label = |size: Option<&&Size>| size.map(|size| day(size.created_at)).unwrap_or_default();
    let rows = sizes.iter().map(|size| Row {
        shown: vec![
            format!("#{}", size.number),
            words::moment(size.created_at),
            size.name.clone(),
            words::size(size.bytes),
        ],
        raw: vec![
            size.number.to_string(),
            size.created_at.to_iso(),
            size.name.clone(),
            size.bytes.to_string(),
        ],
        link: Some(format!("/apps/{app}/build/{}/artifacts", size.build_id)),
    });
    Plot {
        key: "size",
        title: "Package size",
        columns: vec!["Build", "Queued", "Package", "Size (bytes)"],
        rows: rows.collect(),
        drawing: plot::lines(&series, [label(largest.first()), label(largest.last())], |value| {
            format!("{value:.1} MiB")
        }),
    }
}

/// Tests that take longest on average.
pub(super) fn slowest(slow: &[Slow]) -> Plot {
    let rows = slow.iter().map(|test| {
        let name = format!("{} › {} › {}", test.target, test.suite, test.name);
        let times = test.times.to_string();
        Row {
            shown: vec![
                name.clone(),
                words::brief(test.mean_ms),
                words::brief(test.longest_ms),
                times.clone(),
            ],
            raw: vec![name, test.mean_ms.to_string(), test.longest_ms.to_string(), times],
            link: None,
        }
    });
    Plot {
        key: "slowest",
        title: "Slowest tests",
        columns: vec!["Test", "Mean (ms)", "Longest (ms)", "Runs"],
        rows: rows.collect(),
        drawing: None,
    }
}

/// Tests whose result says little, the worst first.
pub(super) fn flakiest(records: BTreeMap<Key, Record>) -> Plot {
    let mut flaky: Vec<_> = records.into_iter().filter(|(_, record)| record.is_flaky()).collect();
    flaky.sort_by_key(|(_, record)| std::cmp::Reverse((record.flips, record.failures)));
    let rows = flaky.into_iter().take(MAX_FLAKY).map(|(key, record)| {
        let cells = vec![
            format!("{} › {} › {}", key.target, key.suite, key.name),
            record.failures.to_string(),
            record.runs.to_string(),
            record.flips.to_string(),
            (if record.both { "yes" } else { "no" }).to_owned(),
        ];
        Row { shown: cells.clone(), raw: cells, link: None }
    });
    Plot {
        key: "flakiest",
        title: "Flakiest tests",
        columns: vec!["Test", "Failures", "Runs", "Changes", "Both on one commit"],
        rows: rows.collect(),
        drawing: None,
    }
}
