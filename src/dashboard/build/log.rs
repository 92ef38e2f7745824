//! The log of a build: a page of lines that works without a script, and what
//! the script asks for to show a log of any length: the outline, windows of
//! lines, search, and news of how long the log is.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use futures_util::stream;
use serde::Serialize;
use serde_json::json;

use crate::app::App;
use crate::builds::{log_lines, logs};
use crate::dashboard::build::{Head, Tab, load};
use crate::dashboard::builds::build_of;
use crate::dashboard::page::{self, PageFault, Shell};
use crate::dashboard::place::Places;
use crate::dashboard::session::Visit;
use crate::db;
use crate::db::wake::{Topic, Waiter};
use crate::error::{Error, Result};
use crate::http::params::Params;
use crate::http::reply;
use crate::model::account::Access;
use crate::model::ansi::{self, Part};
use crate::model::ids::{AppId, BuildId};
use crate::model::log::Stream;
use crate::model::time::Millis;

/// Lines on a page without a script.
const PAGE: u64 = 500;
/// Lines before the one that a link names.
const CONTEXT: u64 = 20;
/// How often a follower looks without being woken; also keeps proxies from
/// closing a silent connection.
const POLL: Duration = Duration::from_secs(5);
/// A build that prints fast is told of this often.
const PAUSE: Duration = Duration::from_millis(200);

#[derive(Template)]
#[template(path = "build/log.html")]
struct Page {
    shell: Shell,
    head: Head,
    lines: Vec<Shown>,
    total: u64,
    /// Number of the first line here, from 1.
    first: u64,
    last: u64,
    earlier: Option<u64>,
    later: Option<u64>,
    first_error: Option<u64>,
    errors: u64,
    /// False if lines of the build never arrived.
    complete: bool,
}

/// One line as a page shows it.
struct Shown {
    /// From 1.
    number: u64,
    at: String,
    class: &'static str,
    parts: Vec<Part>,
    cut: bool,
}

impl Shown {
    fn of(line: log_lines::Line) -> Self {
        Self {
            number: line.number + 1,
            at: Millis(line.at).to_iso(),
            class: class(line.stream),
            parts: ansi::parts(&line.text),
            cut: line.cut,
        }
    }
}

fn class(stream: Stream) -> &'static str {
    match stream {
        Stream::Stdout => "",
        Stream::Stderr => "err",
        Stream::System => "sys",
    }
}

/// A page of lines: from `from`, around `line`, or the last ones.
pub(super) async fn show(
    State(app): State<Arc<App>>,
    visit: Visit,
    Places(app_id, id): Places<AppId, BuildId>,
    params: Params,
) -> Result<Response, PageFault> {
    let from = params.opt_int_in("from", 1..=i64::MAX)?.map(i64::unsigned_abs);
    let line = params.opt_int_in("line", 1..=i64::MAX)?.map(i64::unsigned_abs);
    let mut tx = app.db.read().await?;
    let loaded = load(&app, &mut tx, &visit, (&app_id, &id), Tab::Log).await?;
    drop(tx);
    let log = logs::head(&app, &id).await?;
    let known = log.lines.unsigned_abs();
    let first = match (from, line) {
        (Some(from), _) => from - 1,
        (None, Some(line)) => (line - 1).saturating_sub(CONTEXT),
        // One more, because the last line may not be ended yet.
        (None, None) => (known + 1).saturating_sub(PAGE),
    };
    let window = log_lines::window(&app, &id, first, PAGE).await?;
    let outline = log_lines::outline(&app, &id).await?;
    let count = window.lines.len() as u64;
    page::ok(&Page {
        shell: visit.shell(),
        head: loaded.head,
        total: window.total,
        first: first + 1,
        last: first + count,
        earlier: (first > 0).then(|| first.min(window.total).saturating_sub(PAGE) + 1),
        later: (count > 0 && first + count < window.total).then(|| first + count + 1),
        first_error: outline.error_lines.first().map(|line| line + 1),
        errors: outline.errors,
        complete: log.complete,
        lines: window.lines.into_iter().map(Shown::of).collect(),
    })
}

async fn check(app: &App, visit: &Visit, (app_id, id): (&AppId, &BuildId)) -> Result<()> {
    let mut tx = app.db.read().await?;
    build_of(&mut tx, visit, Access::Read, (app_id, id)).await.map(drop)
}

/// JSON for the script; never stored.
fn answer(value: &impl Serialize) -> Result<Response, PageFault> {
    let mut response = reply::ok(value)?;
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// `{lines, bytes, live, complete, errors, error_lines, steps: [{name, first,
/// began, ended, errors}]}`; lines are counted from 0.
pub(super) async fn outline(
    State(app): State<Arc<App>>,
    visit: Visit,
    Places(app_id, id): Places<AppId, BuildId>,
) -> Result<Response, PageFault> {
    check(&app, &visit, (&app_id, &id)).await?;
    let log = logs::head(&app, &id).await?;
    let outline = log_lines::outline(&app, &id).await?;
    answer(&json!({
        "lines": log.lines,
        "bytes": log.bytes,
        "live": log.state == "live",
        "complete": log.complete,
        "errors": outline.errors,
        "error_lines": outline.error_lines,
        "steps": outline.steps,
    }))
}

/// A line for the script: number from 0, milliseconds, parts as `[text]` or
/// `[text, classes]`, then the class of its stream if it has one.
#[derive(Serialize)]
struct WireLine {
    n: u64,
    t: i64,
    p: Vec<Vec<String>>,
    #[serde(skip_serializing_if = "str::is_empty")]
    s: &'static str,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    cut: bool,
}

impl WireLine {
    fn of(line: &log_lines::Line) -> Self {
        let part = |part: Part| match part.class.is_empty() {
            true => vec![part.text],
            false => vec![part.text, part.class],
        };
        Self {
            n: line.number,
            t: line.at,
            p: ansi::parts(&line.text).into_iter().map(part).collect(),
            s: class(line.stream),
            cut: line.cut,
        }
    }
}

/// `{total, lines}`: at most `count` lines from line `from` on.
pub(super) async fn lines(
    State(app): State<Arc<App>>,
    visit: Visit,
    Places(app_id, id): Places<AppId, BuildId>,
    params: Params,
) -> Result<Response, PageFault> {
    let from = params.opt_int_in("from", 0..=i64::MAX)?.unwrap_or(0).unsigned_abs();
    let most = log_lines::MAX_LINES as i64;
    let count = params.opt_int_in("count", 1..=most)?.unwrap_or(most).unsigned_abs();
    check(&app, &visit, (&app_id, &id)).await?;
    let window = log_lines::window(&app, &id, from, count).await?;
    let lines: Vec<_> = window.lines.iter().map(WireLine::of).collect();
    answer(&json!({ "total": window.total, "lines": lines }))
}

/// `{count, lines, next}`: what a part of the log holds of `q`. Ask again with
/// `from` = `next` until it is null.
pub(super) async fn search(
    State(app): State<Arc<App>>,
    visit: Visit,
    Places(app_id, id): Places<AppId, BuildId>,
    params: Params,
) -> Result<Response, PageFault> {
    let from = params.opt_int_in("from", 0..=i64::MAX)?.unwrap_or(0).unsigned_abs();
    let needle = params.required_str("q")?;
    check(&app, &visit, (&app_id, &id)).await?;
    let hits = log_lines::search(&app, &id, &needle, from).await?;
    answer(&json!({ "count": hits.count, "lines": hits.lines, "next": hits.next }))
}

/// Server-sent events that tell how long the log is: `size` with `{lines,
/// bytes, status, phase}`, then `end`. The text itself is asked for in windows,
/// so a page that looks elsewhere gets none of it.
pub(super) async fn follow(
    State(app): State<Arc<App>>,
    visit: Visit,
    Places(app_id, id): Places<AppId, BuildId>,
) -> Result<Response, PageFault> {
    check(&app, &visit, (&app_id, &id)).await?;
    let bell = app.db.wake().on(&Topic::Build(id.clone()));
    let follower = Follower { app, id, bell, told: None, ended: false };
    let events = stream::try_unfold(follower, |mut follower| async move {
        Ok::<_, Error>(follower.next().await?.map(|event| (event, follower)))
    });
    let media_type = HeaderValue::from_static("text/event-stream");
    let mut response = reply::with_type(StatusCode::OK, media_type, Body::from_stream(events));
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // nginx would hold events back otherwise.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

/// One viewer of a live log.
struct Follower {
    app: Arc<App>,
    id: BuildId,
    bell: Waiter,
    /// What was said last.
    told: Option<String>,
    ended: bool,
}

impl Follower {
    /// The next event; `None` when the stream is over.
    async fn next(&mut self) -> Result<Option<Bytes>> {
        if self.ended || self.app.closing.is_cancelled() {
            return Ok(None);
        }
        if self.told.is_some() {
            let closing = self.app.closing.clone();
            tokio::select! {
                () = self.bell.wait(POLL) => {}
                () = closing.cancelled() => {}
            }
            tokio::time::sleep(PAUSE).await;
        }
        let log = logs::head(&self.app, &self.id).await?;
        let mut tx = self.app.db.read().await?;
        let build = db::builds::find(&mut tx, &self.id).await?.ok_or_else(Error::not_found)?;
        drop(tx);
        // The log closes a little after the build has ended.
        self.ended = log.state != "live" && build.status.is_finished();
        let data = json!({
            "lines": log.lines, "bytes": log.bytes, "status": build.status,
            "phase": build.phase.as_str().replace('_', " "), "complete": log.complete,
        });
        let kind = if self.ended { "end" } else { "size" };
        let event = format!("id: {}\nevent: {kind}\ndata: {data}\n\n", log.bytes);
        if !self.ended && self.told.as_ref() == Some(&event) {
            // A comment: it shows that the line is alive.
            return Ok(Some(Bytes::from_static(b":\n\n")));
        }
        self.told = Some(event.clone());
        Ok(Some(event.into()))
    }
}

/// The whole log, as it was written.
pub(super) async fn download(
    State(app): State<Arc<App>>,
    visit: Visit,
    Places(app_id, id): Places<AppId, BuildId>,
) -> Result<Response, PageFault> {
    let mut tx = app.db.read().await?;
    let build = build_of(&mut tx, &visit, Access::Read, (&app_id, &id)).await?;
    drop(tx);
    let name = format!("attachment; filename=\"build-{}.log\"", build.number);
    let text = stream::try_unfold(0, move |from| {
        let (app, id) = (app.clone(), id.clone());
        async move {
            let Some(piece) = logs::read_piece(&app, &id, from).await? else { return Ok(None) };
            let next = piece.head.first_byte.unsigned_abs() + piece.text.len() as u64;
            Ok::<Option<(Bytes, u64)>, Error>(Some((piece.text, next)))
        }
    });
    let media_type = HeaderValue::from_static("text/plain; charset=utf-8");
    let mut response = reply::with_type(StatusCode::OK, media_type, Body::from_stream(text));
    let headers = response.headers_mut();
    let name = HeaderValue::try_from(name).map_err(|e| Error::internal("naming a log", e))?;
    headers.insert(header::CONTENT_DISPOSITION, name);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    Ok(response)
}
