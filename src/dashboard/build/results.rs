//! Tests of a build: failures first, by run, target and suite; and one test
//! over the last builds of the branch.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use form_urlencoded::Serializer;

use crate::app::App;
use crate::builds::trends::{self, Key, Record};
use crate::dashboard::build::{Head, Tab, load};
use crate::dashboard::page::{self, PageFault, Shell};
use crate::dashboard::place::Places;
use crate::dashboard::session::Visit;
use crate::dashboard::words;
use crate::db;
use crate::db::trends::Named;
use crate::http::params::Params;
use crate::model::ids::{AppId, BuildId};
use crate::model::report::{Snippet, TestResult};

/// Tests on one page.
const MAX_SHOWN: usize = 1_000;

#[derive(Template)]
#[template(path = "build/tests.html")]
struct Page {
    shell: Shell,
    head: Head,
    /// What was asked for.
    q: String,
    show: String,
    failed: Vec<Test>,
    suites: Vec<Suite>,
    /// Of all tests of the build.
    count: usize,
    failures: usize,
    took: String,
    /// Tests that match.
    matching: usize,
    /// More match than are shown.
    cut: bool,
}

struct Suite {
    title: String,
    count: usize,
    failures: usize,
    took: String,
    tests: Vec<Test>,
}

struct Test {
    title: String,
    suite: String,
    passed: bool,
    flaky: bool,
    took: String,
    message: Option<String>,
    place: Option<String>,
    snippet: Option<Excerpt>,
    history: String,
}

/// The source around a failure.
struct Excerpt {
    place: String,
    lines: Vec<ExcerptLine>,
}

struct ExcerptLine {
    failed: bool,
    /// Right-aligned.
    number: String,
    text: String,
}

impl Excerpt {
    fn of(snippet: &Snippet) -> Self {
        let line = |(number, text): (u32, &str)| ExcerptLine {
            failed: number == snippet.line,
            number: format!("{number:>5}"),
            text: text.to_owned(),
        };
        Self {
            place: format!("{}:{}", snippet.path, snippet.line),
            lines: (snippet.first..).zip(snippet.text.split('\n')).map(line).collect(),
        }
    }
}

impl Test {
    fn of(path: &str, test: &TestResult, records: &BTreeMap<Key, Record>) -> Self {
        let key = Key {
            run: test.run.clone(),
            target: test.target.clone(),
            suite: test.suite.clone(),
            name: test.name.clone(),
        };
        let place = test.file.as_ref().map(|file| match test.line {
            Some(line) => format!("{file}:{line}"),
            None => file.clone(),
        });
        Self {
            title: test.name.clone(),
            suite: suite_title(test),
            passed: test.passed,
            flaky: records.get(&key).is_some_and(Record::is_flaky),
            took: test.duration_ms.map_or_else(|| words::NONE.into(), words::brief),
            message: test.message.clone(),
            place,
            snippet: test.snippet.as_ref().map(Excerpt::of),
            history: format!("{path}/tests/history?{}", query_of(&key)),
        }
    }
}

fn suite_title(test: &TestResult) -> String {
    let parts = [&test.run, &test.target, &test.suite];
    let parts: Vec<&str> =
        parts.into_iter().map(String::as_str).filter(|p| !p.is_empty()).collect();
    parts.join(" › ")
}

fn query_of(key: &Key) -> String {
    Serializer::new(String::new())
        .append_pair("run", &key.run)
        .append_pair("target", &key.target)
        .append_pair("suite", &key.suite)
        .append_pair("name", &key.name)
        .finish()
}

pub(super) async fn show(
    State(app): State<Arc<App>>,
    visit: Visit,
    Places(app_id, id): Places<AppId, BuildId>,
    params: Params,
) -> Result<Response, PageFault> {
    let q = params.opt_str("q")?.unwrap_or_default().trim().to_owned();
    let show = params.opt_str("show")?.unwrap_or_default().into_owned();
    let mut tx = app.db.read().await?;
    let loaded = load(&app, &mut tx, &visit, (&app_id, &id), Tab::Tests).await?;
    let all = db::results::list_tests(&mut tx, &id, None).await?;
    let records = match all.iter().any(|test| !test.passed) {
        true => trends::unsteady(&mut tx, &trends::around(&loaded.build)).await?,
        false => BTreeMap::new(),
    };
    drop(tx);
    let needle = q.to_lowercase();
    let wanted = |test: &&TestResult| {
        let kind = match show.as_str() {
            "failed" => !test.passed,
            "passed" => test.passed,
            _ => true,
        };
        let named = || format!("{} {}", suite_title(test), test.name).to_lowercase();
        kind && (needle.is_empty() || named().contains(&needle))
    };
    let matching: Vec<&TestResult> = all.iter().filter(wanted).collect();
    let path = loaded.head.path();
    let shown = |test: &&TestResult| Test::of(&path, test, &records);
    let failed: Vec<Test> =
        matching.iter().filter(|test| !test.passed).take(MAX_SHOWN).map(shown).collect();
    let mut by_suite: BTreeMap<String, Vec<&TestResult>> = BTreeMap::new();
    for test in matching.iter().take(MAX_SHOWN) {
        by_suite.entry(suite_title(test)).or_default().push(test);
    }
    let suites = by_suite.into_iter().map(|(title, tests)| Suite {
        title,
        count: tests.len(),
        failures: tests.iter().filter(|test| !test.passed).count(),
        took: total(tests.iter().copied()),
        tests: tests.iter().map(shown).collect(),
    });
    page::ok(&Page {
        shell: visit.shell(),
        q,
        show,
        failed,
        count: all.len(),
        failures: all.iter().filter(|test| !test.passed).count(),
        took: total(all.iter()),
        cut: matching.len() > MAX_SHOWN,
        suites: suites.collect(),
        matching: matching.len(),
        head: loaded.head,
    })
}

fn total<'a>(tests: impl Iterator<Item = &'a TestResult>) -> String {
    words::brief(tests.filter_map(|test| test.duration_ms).sum())
}

#[derive(Template)]
#[template(path = "build/test_history.html")]
struct History {
    shell: Shell,
    head: Head,
    title: String,
    suite: String,
    flaky: bool,
    both: bool,
    runs: usize,
    failures: usize,
    rows: Vec<Past>,
    most: i64,
}

struct Past {
    build: String,
    number: i64,
    sha: String,
    when: String,
    passed: bool,
    took: String,
}

/// One test in the last builds of the branch.
pub(super) async fn history(
    State(app): State<Arc<App>>,
    visit: Visit,
    Places(app_id, id): Places<AppId, BuildId>,
    params: Params,
) -> Result<Response, PageFault> {
    let (run, target) = (params.required_str("run")?, params.required_str("target")?);
    let (suite, name) = (params.required_str("suite")?, params.required_str("name")?);
    let mut tx = app.db.read().await?;
    let loaded = load(&app, &mut tx, &visit, (&app_id, &id), Tab::Tests).await?;
    let test = Named { run: &run, target: &target, suite: &suite, name: &name };
    let seen = trends::history(&mut tx, &loaded.build, test).await?;
    drop(tx);
    let record = Record::of(&seen);
    let row = |one: &db::trends::Seen| Past {
        build: format!("/apps/{app_id}/build/{}/tests", one.build_id),
        number: one.number,
        sha: one.commit_sha.get(..8).unwrap_or_default().to_owned(),
        when: words::moment(one.created_at),
        passed: one.passed,
        took: one.duration_ms.map_or_else(|| words::NONE.into(), words::brief),
    };
    page::ok(&History {
        shell: visit.shell(),
        head: loaded.head,
        title: name.to_string(),
        suite: [&*run, &*target, &*suite].join(" › "),
        flaky: record.is_flaky(),
        both: record.both,
        runs: record.runs,
        failures: record.failures,
        rows: seen.iter().map(row).collect(),
        most: trends::BUILDS,
    })
}
