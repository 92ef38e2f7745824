//! The internal API of the old dashboard, as far as a public Android client
//! uses it (api.md 6.2). Everything else is under `/v1`.

use std::collections::VecDeque;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::{get, post};
use serde_json::{Value, json};

use crate::accounts::sign_in::{Attempt, Outcome, sign_in};
use crate::accounts::{authorize_app, authorize_build};
use crate::api::caller::caller;
use crate::api::v1::builds::show_all;
use crate::app::App;
use crate::builds::logs;
use crate::db;
use crate::db::builds::Filter;
use crate::error::{Error, Result};
use crate::http::error::Fault;
use crate::http::extract::{Browser, PathId};
use crate::http::params::Params;
use crate::http::reply;
use crate::model::account::Access;
use crate::model::ids::{AppId, BuildId};
use crate::model::log::{ChunkMeta, Stream};
use crate::model::secret::Secret;
use crate::model::time::Millis;

/// Of a long log, the last bytes ..
const LOG_TAIL_BYTES: u64 = 2 << 20;
/// .. and of those, the last lines: a phone reads it all at once.
const LOG_LINES: usize = 20_000;

pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/auth/local/login", post(login))
        .route("/api/apps", get(apps))
        .route("/api/branches", get(branches))
        .route("/api/builds", get(builds))
        .route("/api/builds/{build_id}/logs", get(log))
}

/// Signs in; the session's token is then sent as a bearer token. `code` is
/// ours, for accounts with a second factor.
async fn login(
    State(app): State<Arc<App>>,
    browser: Browser,
    params: Params,
) -> Result<Response, Fault> {
    let email = params.opt_str("email")?.unwrap_or_default();
    let password = Secret::new(params.opt_str("password")?.unwrap_or_default());
    let code = params.opt_str("code")?;
    let attempt = Attempt { email: &email, password: &password, code: code.as_deref() };
    let outcome = sign_in(&app, &attempt, browser.visitor()).await?;
    if let Outcome::SignedIn(token, _) = &outcome {
        return Ok(reply::ok(&json!({ "token": token.expose() }))?);
    }
    let mut body = json!({ "message": outcome.problem() });
    if matches!(outcome, Outcome::Throttled) {
        body["throttle_login"] = json!(true);
    }
    Ok(reply::json(StatusCode::UNAUTHORIZED, &body)?)
}

async fn apps(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    _: Params,
) -> Result<Response, Fault> {
    let actor = caller(&app, &headers).await?;
    let mut tx = app.db.read().await?;
    let mut rows = db::apps::list_visible(&mut tx, &actor).await?;
    drop(tx);
    rows.sort_by_cached_key(|row| (row.name.to_lowercase(), row.id.clone()));
    let shown = rows.iter().map(|row| {
        let metadata = json!({ "display_name": row.name, "platform": row.platform });
        json!({ "_id": row.id, "metadata": metadata })
    });
    Ok(reply::ok(&shown.collect::<Vec<_>>())?)
}

async fn branches(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    params: Params,
) -> Result<Response, Fault> {
    let actor = caller(&app, &headers).await?;
    let id = app_id(&params)?;
    let mut tx = app.db.read().await?;
    let row = authorize_app(&mut tx, &actor, Access::Read, &id).await?;
    drop(tx);
    let found = crate::apps::branches(&app, &row, false).await?;
    let shown = found.iter().map(|branch| json!({ "branch_name": branch.name }));
    Ok(reply::ok(&shown.collect::<Vec<_>>())?)
}

async fn builds(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    params: Params,
) -> Result<Response, Fault> {
    let actor = caller(&app, &headers).await?;
    let id = app_id(&params)?;
    let branch = params.opt_str("branch")?;
    let limit = params.opt_int_in("limit", 1..=100)?.unwrap_or(10);
    let mut tx = app.db.read().await?;
    authorize_app(&mut tx, &actor, Access::Read, &id).await?;
    let filter = Filter { branch: branch.as_deref(), ..Filter::default() };
    let found = db::builds::list(&mut tx, &id, &filter, limit).await?;
    drop(tx);
    Ok(show_all(&app, &found)?)
}

fn app_id(params: &Params) -> Result<AppId> {
    params.required_str("app_id")?.parse().map_err(|_| Error::not_found())
}

async fn log(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    PathId(id): PathId<BuildId>,
    _: Params,
) -> Result<Response, Fault> {
    let actor = caller(&app, &headers).await?;
    let mut tx = app.db.read().await?;
    authorize_build(&mut tx, &actor, Access::Read, &id).await?;
    drop(tx);
    let total = logs::head(&app, &id).await?.bytes.unsigned_abs();
    let mut from = total.saturating_sub(LOG_TAIL_BYTES);
    let mut lines = Lines::default();
    while let Some(piece) = logs::read_piece(&app, &id, from).await? {
        lines.add(&piece.text, &piece.head.meta)?;
        from = piece.head.first_byte.unsigned_abs() + piece.text.len() as u64;
    }
    Ok(reply::ok(&lines.finish())?)
}

/// The last lines of a log, each with when and by whom it was written.
#[derive(Debug, Default)]
struct Lines {
    kept: VecDeque<Value>,
    /// A line that the next piece goes on with, and who began it.
    open: Vec<u8>,
    last: Option<(Millis, Stream)>,
}

impl Lines {
    /// `meta` is the `ChunkMeta` of `text`.
    fn add(&mut self, text: &[u8], meta: &str) -> Result<()> {
        let meta: ChunkMeta = serde_json::from_str(meta)
            .map_err(|cause| Error::internal("reading chunk meta", cause))?;
        let mut runs = meta
            .runs
            .iter()
            .flat_map(|run| std::iter::repeat_n((Millis(run.at), run.stream), run.lines as usize));
        for line in text.split_inclusive(|b| *b == b'\n') {
            match line.strip_suffix(b"\n") {
                Some(line) => {
                    self.open.extend_from_slice(line);
                    self.last = runs.next().or(self.last);
                    self.close();
                }
                None => {
                    self.open.extend_from_slice(line);
                    self.last = meta.runs.last().map(|run| (Millis(run.at), run.stream));
                }
            }
        }
        Ok(())
    }

    fn close(&mut self) {
        let text = String::from_utf8_lossy(&self.open);
        let (at, stream) = self.last.unwrap_or((Millis(0), Stream::System));
        let line = json!({
            "level": level(stream, &text), "message": text, "timestamp": at.to_iso(),
        });
        self.open.clear();
        if self.kept.len() == LOG_LINES {
            self.kept.pop_front();
        }
        self.kept.push_back(line);
    }

    fn finish(mut self) -> VecDeque<Value> {
        if !self.open.is_empty() {
            self.close();
        }
        self.kept
    }
}

/// The client knows five levels, and stops at any other.
fn level(stream: Stream, line: &str) -> &'static str {
    match stream {
        Stream::System if line.starts_with("=== Build failed") => "ce",
        Stream::System if line.starts_with("===") => "ct",
        Stream::System => "cc",
        Stream::Stdout => "ci",
        Stream::Stderr => "cw",
    }
}
