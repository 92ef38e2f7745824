//! The first tab: the facts of a build, where its time went, and what it was
//! built with.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use crate::app::App;
use crate::builds::{self, log_lines, waiting};
use crate::dashboard::build::{Head, Tab, load};
use crate::dashboard::page::{self, PageFault, Shell};
use crate::dashboard::place::Places;
use crate::dashboard::session::Visit;
use crate::dashboard::words;
use crate::db;
use crate::error::Result;
use crate::model::build::Build;
use crate::model::ids::{AppId, BuildId};
use crate::model::outline::Outline;
use crate::model::package::Package;
use crate::model::report::TestResult;
use crate::model::settings::Resolved;
use crate::model::time::Millis;

/// Failed tests on the page.
const MAX_TESTS: usize = 10;
/// Steps in the breakdown; further ones are added up in one row.
const MAX_STEPS: usize = 40;
/// Width of the bar, in units of its drawing.
const BAR: i64 = 1_000;
/// Colours of the bar.
const COLOURS: usize = 8;

#[derive(Template)]
#[template(path = "build/overview.html")]
struct Page {
    shell: Shell,
    head: Head,
    /// Why it waits, while it does.
    waiting: Option<String>,
    /// What it is doing, while it runs.
    phase: Option<String>,
    started_at: String,
    finished_at: String,
    /// (head, base) of a pull request.
    pull_request: Option<(String, String)>,
    breakdown: Vec<Share>,
    total: String,
    inputs: Vec<(&'static str, String)>,
    signing: Vec<(&'static str, String)>,
    failed_tests: Vec<TestResult>,
    failed_count: i64,
    artifacts: usize,
}

/// One part of the time from queueing to the end.
#[derive(Debug, PartialEq, Eq)]
struct Share {
    name: String,
    took: String,
    percent: String,
    /// Of the bar.
    x: i64,
    width: i64,
    colour: usize,
}

pub(in crate::dashboard) async fn show(
    State(app): State<Arc<App>>,
    visit: Visit,
    Places(app_id, id): Places<AppId, BuildId>,
) -> Result<Response, PageFault> {
    let mut tx = app.db.read().await?;
    let loaded = load(&app, &mut tx, &visit, (&app_id, &id), Tab::Overview).await?;
    let build = &loaded.build;
    let waiting = waiting::reason(&app, &mut tx, build).await?;
    let failed_tests = db::results::list_some(&mut tx, &id, Some(false), MAX_TESTS as i64).await?;
    let artifacts = db::artifacts::list(&mut tx, &id).await?.len();
    let packages = db::packages::list(&mut tx, &id).await?;
    let settings = db::settings::find_frozen(&mut tx, &id).await?;
    drop(tx);
    let outline = log_lines::outline(&app, &id).await?;
    let now = app.clock.now();
    let (breakdown, total) = breakdown(build, &outline, now);
    let base = builds::destination_of(build)?;
    let moment = |at: Option<Millis>| at.map_or_else(|| words::NONE.into(), words::moment);
    let is_running = build.started_at.is_some() && !build.status.is_finished();
    page::ok(&Page {
        shell: visit.shell(),
        waiting,
        phase: is_running.then(|| build.phase.as_str().replace('_', " ")),
        started_at: moment(build.started_at),
        finished_at: moment(build.finished_at),
        pull_request: base.map(|base| (build.branch.clone(), base.branch)),
        breakdown,
        total: words::brief(total),
        inputs: inputs(build, settings.as_ref()),
        signing: signing(&packages),
        failed_tests,
        failed_count: build.tests_count.unwrap_or(0) - build.tests_passed.unwrap_or(0),
        artifacts,
        head: loaded.head,
    })
}

/// Where the time from queueing to the end went, and how long that was. Steps
/// last until the next one speaks; a step that spoke several times is added up.
fn breakdown(build: &Build, outline: &Outline, now: Millis) -> (Vec<Share>, i64) {
    let end = build.finished_at.unwrap_or(now);
    let started = build.started_at.unwrap_or(end);
    let waited = started.since(build.created_at).max(0);
    let mut parts: Vec<(String, i64)> = vec![("Waiting in the queue".into(), waited)];
    let ran = if build.started_at.is_some() { end.since(started).max(0) } else { 0 };
    // The agent's clock may be another one, so only its differences count.
    for (at, section) in outline.steps.iter().enumerate() {
        let until = outline.steps.get(at + 1).map_or(section.ended, |next| next.began);
        add(&mut parts, &section.name, (until - section.began).max(0));
    }
    let named: i64 = parts[1..].iter().map(|(_, ms)| ms).sum();
    if ran > named {
        add(&mut parts, "Everything else", ran - named);
    }
    let total: i64 = parts.iter().map(|(_, ms)| ms).sum();
    let mut shares = Vec::with_capacity(parts.len());
    let mut before = 0;
    for (at, (name, ms)) in parts.into_iter().enumerate() {
        let place = |ms: i64| if total == 0 { 0 } else { ms * BAR / total };
        let x = place(before);
        before += ms;
        shares.push(Share {
            name,
            took: words::brief(ms),
            percent: words::percent(ms, total),
            x,
            width: place(before) - x,
            colour: if at == 0 { 0 } else { 1 + (at - 1) % (COLOURS - 1) },
        });
    }
    (shares, total)
}

fn add(parts: &mut Vec<(String, i64)>, name: &str, ms: i64) {
    let full = parts.len() > MAX_STEPS;
    let name = if full { "Other steps" } else { name };
    match parts[1..].iter_mut().find(|(known, _)| known == name) {
        Some((_, sum)) => *sum += ms,
        None => parts.push((name.to_owned(), ms)),
    }
}

/// The settings it was queued with, as far as they say something.
fn inputs(build: &Build, settings: Option<&Resolved>) -> Vec<(&'static str, String)> {
    let mut rows = vec![("Scheme or variant", build.scheme.clone())];
    if let Some(settings) = settings {
        let yes = |on: bool, text: &str| if on { text.to_owned() } else { String::new() };
        rows.extend([
            ("Xcode", settings.xcode_version.clone()),
            ("Simulators", settings.simulators.join(", ")),
            ("Java", settings.java_version.clone()),
            ("Node.js", settings.node_version.clone()),
            ("Cordova", settings.cordova_version.clone()),
            ("Ionic", settings.ionic_version.clone()),
            ("Carthage", settings.carthage_version.clone()),
            ("Tests", yes(settings.run_tests || settings.android_unit_tests, "are run")),
            ("Test failures", yes(settings.tests_as_warnings, "do not fail the build")),
            ("Products", yes(settings.only_run_tests, "none, only tests are run")),
        ]);
    }
    let origin = builds::origin_of(build).unwrap_or_default();
    if origin.without_cache {
        rows.push(("Cache", "not used".into()));
    }
    rows.push(("Repository", build.repo_url.clone()));
    rows.retain(|(_, value)| !value.is_empty());
    rows
}

/// Version and signing of the first package that could be read.
fn signing(packages: &[Package]) -> Vec<(&'static str, String)> {
    let Some(facts) = packages.iter().find_map(|package| package.facts.as_ref()) else {
        return Vec::new();
    };
    let signing = &facts.signing;
    let profile = signing.profile.as_ref();
    let mut rows = vec![
        ("Identifier", facts.identifier.clone()),
        ("Version", facts.version()),
        ("Minimum OS", facts.min_os.clone()),
        ("Signed by", signing.certificate.as_ref().map(|c| c.subject.clone()).unwrap_or_default()),
        ("Signatures", signing.schemes.join(", ")),
        ("Profile", profile.map(|p| p.name.clone()).unwrap_or_default()),
        (
            "Profile expires",
            profile.and_then(|p| p.expires_at).map(words::moment).unwrap_or_default(),
        ),
    ];
    rows.retain(|(_, value)| !value.is_empty());
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::outline::Section;

    #[test]
    fn steps_share_the_time() {
        let mut parts = vec![("Waiting in the queue".to_owned(), 0)];
        add(&mut parts, "a", 5);
        add(&mut parts, "b", 1);
        add(&mut parts, "a", 2);
        assert_eq!(parts[1..], [("a".to_owned(), 7), ("b".to_owned(), 1)]);
        for n in 0..100 {
            add(&mut parts, &format!("s{n}"), 1);
        }
        assert_eq!(parts.len(), MAX_STEPS + 2);
        assert_eq!(parts.last().map(|p| p.0.as_str()), Some("Other steps"));
    }

    #[test]
    fn the_bar_is_full() {
        let section = |name: &str, began, ended| Section {
            name: name.into(),
            first: 0,
            began,
            ended,
            errors: 0,
        };
        let outline = Outline {
            // Of a clock that is an hour ahead.
            steps: vec![
                section("clone", 3_600_000, 3_602_000),
                section("build", 3_605_000, 3_610_000),
            ],
            ..Outline::default()
        };
        let build =
            crate::dashboard::build::sample(Millis(0), Some(Millis(5_000)), Some(Millis(20_000)));
        let (shares, total) = breakdown(&build, &outline, Millis(99_000));
        assert_eq!(total, 20_000);
        let seen: Vec<_> =
            shares.iter().map(|s| (s.name.as_str(), s.took.as_str(), s.x, s.width)).collect();
        assert_eq!(
            seen,
            [
                ("Waiting in the queue", "5.0 s", 0, 250),
                ("clone", "5.0 s", 250, 250),
                ("build", "5.0 s", 500, 250),
                ("Everything else", "5.0 s", 750, 250),
            ]
        );
        let queued = crate::dashboard::build::sample(Millis(0), None, None);
        let (shares, total) = breakdown(&queued, &Outline::default(), Millis(4_000));
        assert_eq!((shares.len(), shares[0].width, total), (1, BAR, 4_000));
    }
}
