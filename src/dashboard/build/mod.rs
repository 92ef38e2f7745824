//! One build: what it is, what came of it, its log, and cancelling it.

use std::sync::Arc;

use askama::Template;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use futures_util::stream;

use crate::app::App;
use crate::builds::{artifacts, cancel as cancelling, logs};
use crate::dashboard::builds::build_of;
use crate::dashboard::page::{self, PageFault, Shell};
use crate::dashboard::place::Places;
use crate::dashboard::session::Visit;
use crate::dashboard::words::{self, Shown};
use crate::db;
use crate::error::{Error, Result};
use crate::http::params::Params;
use crate::http::reply;
use crate::model::account::Access;
use crate::model::app::App as AppRow;
use crate::model::ids::{AppId, ArtifactId, BuildId};
use crate::model::report::TestResult;

/// Of a long log the page holds the last part; the whole is a click away.
const TAIL_BYTES: u64 = 256 << 10;
/// Most text in one answer to a page that follows a log.
const STEP_BYTES: usize = 1 << 20;
/// Failed tests on the page.
const MAX_TESTS: usize = 100;

#[derive(Template)]
#[template(path = "build.html")]
struct Page {
    shell: Shell,
    csrf: String,
    app: AppRow,
    build: Shown,
    may_change: bool,
    finished: bool,
    failure: Option<String>,
    waited: String,
    phase: String,
    files: Vec<File>,
    failed_tests: Vec<TestResult>,
    log: String,
    next: u64,
    skipped: u64,
    shown_kib: u64,
    total_kib: u64,
}

struct File {
    name: String,
    /// Signed; serves ranges.
    url: String,
    size: String,
}

pub async fn show(
    State(app): State<Arc<App>>,
    visit: Visit,
    Places(app_id, id): Places<AppId, BuildId>,
) -> Result<Response, PageFault> {
    let mut tx = app.db.read().await?;
    let build = build_of(&mut tx, &visit, Access::Read, (&app_id, &id)).await?;
    let row = db::apps::find(&mut tx, &app_id).await?.ok_or_else(Error::not_found)?;
    let may_change = build_of(&mut tx, &visit, Access::Build, (&app_id, &id)).await.is_ok();
    let mut failed_tests = db::results::list_tests(&mut tx, &id, Some(false)).await?;
    failed_tests.truncate(MAX_TESTS);
    let files = db::artifacts::list(&mut tx, &id).await?;
    drop(tx);
    let total = logs::head(&app, &id).await?.bytes.unsigned_abs();
    let skipped = total.saturating_sub(TAIL_BYTES);
    let (log, next) = read_from(&app, &id, skipped, TAIL_BYTES as usize).await?;
    let now = app.clock.now();
    let began = build.started_at.or(build.finished_at).unwrap_or(now);
    page::ok(&Page {
        shell: visit.shell(),
        csrf: visit.csrf().to_owned(),
        app: row,
        may_change,
        finished: build.status.is_finished(),
        failure: build.failure_message.clone(),
        waited: words::span(began.since(build.created_at)),
        phase: build.phase.as_str().replace('_', " "),
        files: files
            .into_iter()
            .map(|file| File {
                url: artifact_url(&app, &id, &file.id),
                name: file.path,
                size: words::size(file.bytes),
            })
            .collect(),
        failed_tests,
        log,
        next,
        skipped,
        shown_kib: TAIL_BYTES >> 10,
        total_kib: total >> 10,
        build: Shown::of(&build, now),
    })
}

fn artifact_url(app: &App, build: &BuildId, file: &ArtifactId) -> String {
    let key = artifacts::sign_link(app, file);
    format!("/api/download/download-apk?buildID={build}&key={key}")
}

/// Text of the log from byte `from`, without terminal codes, and the offset of
/// what comes next. A first half character is left out.
async fn read_from(app: &App, id: &BuildId, from: u64, limit: usize) -> Result<(String, u64)> {
    let (mut bytes, mut next) = (Vec::new(), from);
    while bytes.len() < limit {
        let Some(piece) = logs::read_piece(app, id, next).await? else { break };
        let first = piece.head.first_byte.unsigned_abs();
        bytes.extend_from_slice(&piece.text[next.saturating_sub(first) as usize..]);
        next = first + piece.text.len() as u64;
    }
    let start = bytes.iter().position(|b| b & 0xc0 != 0x80).unwrap_or(0);
    Ok((plain(&String::from_utf8_lossy(&bytes[start..])), next))
}

/// `text` without ANSI escape sequences (ECMA-48 CSI and OSC) and other
/// characters that do not show.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => match chars.next_if(|c| matches!(c, '[' | ']')) {
                Some('[') => while chars.next().is_some_and(|c| !('@'..='~').contains(&c)) {},
                Some(_) => while chars.next().is_some_and(|c| c != '\u{7}' && c != '\u{1b}') {},
                None => {}
            },
            '\r' => {}
            '\n' | '\t' => out.push(c),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// What the script on the page asks for: text after `offset`, whether more can
/// come, and where to go on.
pub async fn follow(
    State(app): State<Arc<App>>,
    visit: Visit,
    Places(app_id, id): Places<AppId, BuildId>,
    params: Params,
) -> Result<Response, PageFault> {
    let offset = params.opt_int_in("offset", 0..=i64::MAX)?.unwrap_or(0).unsigned_abs();
    let mut tx = app.db.read().await?;
    build_of(&mut tx, &visit, Access::Read, (&app_id, &id)).await?;
    drop(tx);
    // Whether it has ended is read before the text, so that nothing is missed.
    let ended = logs::head(&app, &id).await?.state != "live";
    let (text, next) = read_from(&app, &id, offset, STEP_BYTES).await?;
    let mut response = reply::text(text);
    let headers = response.headers_mut();
    headers.insert(HeaderName::from_static("x-log-next"), HeaderValue::from(next));
    let ended = HeaderValue::from_static(if ended { "true" } else { "false" });
    headers.insert(HeaderName::from_static("x-log-ended"), ended);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// The whole log, as it was written.
pub async fn download_log(
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

/// Cancels the build; no effect on a finished one.
pub async fn cancel(
    State(app): State<Arc<App>>,
    visit: Visit,
    Places(app_id, id): Places<AppId, BuildId>,
    params: Params,
) -> Result<Response, PageFault> {
    visit.check_form(&app, &params)?;
    let mut tx = app.db.read().await?;
    build_of(&mut tx, &visit, Access::Build, (&app_id, &id)).await?;
    drop(tx);
    cancelling::cancel_now(&app, &id, false).await?;
    page::redirect(&format!("/apps/{app_id}/build/{id}"))
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn terminal_codes_do_not_show() {
        for (written, shown) in [
            ("a\u{1b}[31mred\u{1b}[0m b", "ared b"),
            ("\u{1b}]0;title\u{7}x", "x"),
            ("50%\r100%\n", "50%100%\n"),
            ("\u{0}tab\there", "\u{fffd}tab\there"),
            ("\u{1b}", ""),
            ("\u{1b}[", ""),
            ("<b>&", "<b>&"),
        ] {
            assert_eq!(plain(written), shown);
        }
    }
}
