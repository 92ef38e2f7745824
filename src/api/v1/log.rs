//! The log of a build (ours): plain text with byte ranges, or a live stream of
//! server-sent events that resumes after `Last-Event-ID`.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use futures_util::stream;
use serde_json::json;
use serde_json::value::RawValue;

use crate::accounts::authorize_build;
use crate::api::v1::wire;
use crate::app::App;
use crate::builds::logs::{self, Piece};
use crate::db;
use crate::db::wake::{Topic, Waiter};
use crate::error::{Error, Result};
use crate::http::error::Fault;
use crate::http::extract::PathId;
use crate::http::params::Params;
use crate::http::range::{Slice, slice};
use crate::model::account::{Access, Actor};
use crate::model::ids::BuildId;

/// How often a follower looks without being woken; also keeps proxies from
/// closing a silent connection.
const POLL: Duration = Duration::from_secs(5);

/// Read the log of a build as text, or follow it.
#[utoipa::path(
    get, path = "/v1/builds/{build_id}/logs", tag = "Results", operation_id = "read_log",
    params(
        ("build_id" = String, Path, description = "Id of the build."),
        ("follow" = Option<bool>, Query,
            description = "Answer server-sent events: `log` events hold text and its byte offset, \
                the last event is `end`. Resume with `Last-Event-ID`."),
        ("Range" = Option<String>, Header, description = "One byte range of the text."),
    ),
    responses(
        (status = 200, description = "What is stored so far. `X-Log-Complete` is `false` if lines \
            of a finished build were lost.",
            content((String = "text/plain"), (String = "text/event-stream"))),
        (status = 206, description = "The range asked for.", body = String,
            content_type = "text/plain"),
        (status = 400, description = "Malformed parameter.", body = wire::Error),
        (status = 401, description = "No valid token.", body = wire::Error),
        (status = 404, description = "Unknown build.", body = wire::Error),
        (status = 416, description = "The range starts after the end.", body = wire::Error),
    )
)]
pub async fn read(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathId(id): PathId<BuildId>,
    headers: HeaderMap,
    params: Params,
) -> Result<Response, Fault> {
    let follow = params.opt_bool("follow")?.unwrap_or(false);
    let mut tx = app.db.read().await?;
    authorize_build(&mut tx, &actor, Access::Read, &id).await?;
    drop(tx);
    if follow { follow_log(app, id, &headers) } else { Ok(send(app, id, &headers).await?) }
}

async fn send(app: Arc<App>, id: BuildId, headers: &HeaderMap) -> Result<Response> {
    let log = logs::head(&app, &id).await?;
    let total = log.bytes.unsigned_abs();
    let etag = format!("\"{id}-{total}\"");
    let (start, len, head) = match slice(headers, total, &etag) {
        Slice::Send { start, len, head } => (start, len, head),
        Slice::Refuse(response) => return Ok(response),
    };
    head.header(header::CONTENT_TYPE, "text/plain; charset=utf-8")
        .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
        .header("x-log-complete", if log.complete { "true" } else { "false" })
        .body(Body::from_stream(text_stream(app, id, start, start + len)))
        .map_err(|cause| Error::internal("sending a log", cause))
}

/// The bytes `from..end` of a log, a chunk at a time.
fn text_stream(
    app: Arc<App>,
    id: BuildId,
    from: u64,
    end: u64,
) -> impl futures_util::Stream<Item = Result<Bytes>> {
    stream::try_unfold(from, move |from| {
        let (app, id) = (app.clone(), id.clone());
        async move {
            if from >= end {
                return Ok(None);
            }
            let Some(piece) = logs::read_piece(&app, &id, from).await? else { return Ok(None) };
            let first = piece.head.first_byte.unsigned_abs();
            let last = end.min(first + piece.text.len() as u64);
            let text = piece.text.slice((from - first) as usize..(last - first) as usize);
            Ok(Some((text, last)))
        }
    })
}

fn follow_log(app: Arc<App>, id: BuildId, headers: &HeaderMap) -> Result<Response, Fault> {
    let from = match headers.get("last-event-id") {
        None => 0,
        Some(value) => {
            value.to_str().ok().and_then(|text| text.trim().parse().ok()).ok_or_else(|| {
                Error::Invalid("Invalid value for header \"Last-Event-ID\"".into())
            })?
        }
    };
    let bell = app.db.wake().on(&Topic::Build(id.clone()));
    let follower = Follower { app, id, from, bell, ended: false };
    let events = stream::try_unfold(follower, |mut follower| async move {
        Ok::<_, Error>(follower.next().await?.map(|event| (event, follower)))
    });
    let mut response = Response::new(Body::from_stream(events));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    // nginx would hold events back otherwise.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

/// One viewer of a live log.
struct Follower {
    app: Arc<App>,
    id: BuildId,
    /// Offset of the next byte to send.
    from: u64,
    bell: Waiter,
    ended: bool,
}

impl Follower {
    /// The next event; `None` when the stream is over.
    async fn next(&mut self) -> Result<Option<Bytes>> {
        if self.ended || self.app.closing.is_cancelled() {
            return Ok(None);
        }
        // Whether the log can still grow is read before its text: what was
        // written in between is then not missed.
        let log = logs::head(&self.app, &self.id).await?;
        if let Some(piece) = logs::read_piece(&self.app, &self.id, self.from).await? {
            return self.text_event(&piece).map(Some);
        }
        if log.state != "live" {
            self.ended = true;
            return self.end_event(log.complete).await.map(Some);
        }
        let closing = self.app.closing.clone();
        tokio::select! {
            () = self.bell.wait(POLL) => {}
            () = closing.cancelled() => {}
        }
        // A comment: clients ignore it, and it shows that the line is alive.
        Ok(Some(Bytes::from_static(b":\n\n")))
    }

    fn text_event(&mut self, piece: &Piece) -> Result<Bytes> {
        let first = piece.head.first_byte.unsigned_abs();
        let mut skip = self.from.saturating_sub(first) as usize;
        // A resumed offset inside a character would cut it in two.
        while skip < piece.text.len() && piece.text[skip] & 0xc0 == 0x80 {
            skip += 1;
        }
        let offset = first + skip as u64;
        self.from = first + piece.text.len() as u64;
        let text = String::from_utf8_lossy(&piece.text[skip..]);
        let meta = RawValue::from_string(piece.head.meta.clone())
            .map_err(|cause| Error::internal("reading chunk meta", cause))?;
        let data = if skip == 0 {
            json!({ "text": text, "offset": offset, "line": piece.head.first_line, "meta": meta })
        } else {
            json!({ "text": text, "offset": offset })
        };
        Ok(format!("id: {}\nevent: log\ndata: {data}\n\n", self.from).into())
    }

    async fn end_event(&self, complete: bool) -> Result<Bytes> {
        let mut tx = self.app.db.read().await?;
        let build = db::builds::find(&mut tx, &self.id).await?.ok_or_else(Error::not_found)?;
        let data = json!({ "status": build.status, "complete": complete });
        Ok(format!("event: end\ndata: {data}\n\n").into())
    }
}
