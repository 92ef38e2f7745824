//! `POST /api/webhook` (api.md 6): everything that happens before the provider
//! has its answer. Unknown app 404, wrong signature 401, a payload that is not
//! understood 400; in all three nothing is stored.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::app::App;
use crate::apps::webhook;
use crate::builds::deliveries::{self, Received};
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::hooks::read::Told;
use crate::hooks::{recognise, signature};
use crate::http::body;
use crate::http::error::{Fault, message};
use crate::http::params::last_value;
use crate::http::reply;
use crate::model::app::App as AppRow;
use crate::model::git_event::GitEvent;
use crate::model::ids::AppId;

/// Largest delivery that is read. GitHub sends up to 25 MB, but one that large
/// is of a push whose commits nobody lists.
const MAX_BODY: usize = 5 << 20;
/// What is kept of the headers: who delivers what. No signature, no token.
const KEPT_HEADERS: [&str; 13] = [
    "content-type",
    "user-agent",
    "x-github-event",
    "x-github-delivery",
    "x-gitlab-event",
    "idempotency-key",
    "x-event-key",
    "x-request-uuid",
    "x-request-id",
    "x-gitea-event",
    "x-gitea-delivery",
    "x-forgejo-event",
    "x-gogs-event",
];

/// What a provider is answered.
#[derive(Serialize)]
struct Taken {
    deliveries: Vec<TakenFor>,
}

#[derive(Serialize)]
struct TakenFor {
    app_id: AppId,
    delivery_id: String,
    /// Delivered before, and the same as before.
    repeated: bool,
}

/// Takes one delivery.
pub async fn receive(
    State(app): State<Arc<App>>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Fault> {
    let named = uri.query().and_then(|query| last_value(query, "appID"));
    let named = match named.map(|id| id.parse::<AppId>()) {
        None => None,
        Some(Ok(id)) => Some(find_app(&app, &id).await?),
        Some(Err(_)) => return Err(Error::not_found().into()),
    };
    let bytes = body::read(&headers, body, MAX_BODY).await?;
    // A named app's secret is checked before a byte of the body is understood.
    if let Some(row) = &named
        && admit(&app, vec![row.clone()], &headers, &bytes).await?.is_empty()
    {
        return Ok(refused());
    }
    let (recognised, told) = match recognise::understand(&headers, &bytes) {
        Ok(understood) => understood,
        Err(malformed) => return Err(Error::Invalid(malformed.to_string()).into()),
    };
    let rows = match named {
        Some(row) => vec![row],
        None => {
            let found = webhook::find_apps(&mut app.db.read().await?, &told.repositories).await?;
            if found.is_empty() {
                return unknown_repository(&told);
            }
            let admitted = admit(&app, found, &headers, &bytes).await?;
            if admitted.is_empty() {
                return Ok(refused());
            }
            admitted
        }
    };
    let received = Received {
        provider: recognised.provider,
        event: recognised.event,
        repeat_id: recognised.repeat_id,
        headers: kept(&headers)?,
        body: deliveries::pack(&bytes),
        body_bytes: bytes.len(),
        events: told.events,
    };
    Ok(reply::ok(&store(&app, &rows, &received).await?)?)
}

async fn find_app(app: &App, id: &AppId) -> Result<AppRow> {
    let mut tx = app.db.read().await?;
    crate::db::apps::find(&mut tx, id).await?.ok_or_else(Error::not_found)
}

/// Those of `rows` that have no secret, or whose secret the delivery knows.
async fn admit(
    app: &App,
    rows: Vec<AppRow>,
    headers: &HeaderMap,
    bytes: &Bytes,
) -> Result<Vec<AppRow>> {
    let mut tx = app.db.read().await?;
    let mut admitted = Vec::new();
    for row in rows {
        if may_deliver(app, &mut tx, &row.id, headers, bytes).await? {
            admitted.push(row);
        }
    }
    Ok(admitted)
}

async fn may_deliver(
    app: &App,
    tx: &mut Tx,
    id: &AppId,
    headers: &HeaderMap,
    bytes: &Bytes,
) -> Result<bool> {
    let secret = webhook::secret(app, tx, id).await?;
    Ok(secret.is_none_or(|secret| signature::is_valid(headers, bytes, &secret)))
}

/// A ping of a whole organisation's webhook names no repository.
fn unknown_repository(told: &Told) -> Result<Response, Fault> {
    if told.repositories.is_empty() && told.events == [GitEvent::Ping] {
        return Ok(reply::ok(&Taken { deliveries: Vec::new() })?);
    }
    Err(Error::NotFound("No app is built from this repository".into()).into())
}

fn refused() -> Response {
    message(StatusCode::UNAUTHORIZED, "The signature or token does not fit the app's secret")
        .into_response()
}

fn kept(headers: &HeaderMap) -> Result<String> {
    let kept: Vec<_> = KEPT_HEADERS
        .iter()
        .filter_map(|name| recognise::header(headers, name).map(|value| [*name, value]))
        .collect();
    serde_json::to_string(&kept).map_err(|e| Error::internal("writing a delivery's headers", e))
}

async fn store(app: &App, rows: &[AppRow], received: &Received) -> Result<Taken> {
    let mut tx = app.db.write().await?;
    let mut taken = Vec::new();
    for row in rows {
        let stored = deliveries::store(app, &mut tx, &row.id, received).await?;
        taken.push(TakenFor {
            app_id: row.id.clone(),
            delivery_id: stored.id.to_string(),
            repeated: stored.repeated,
        });
    }
    tx.commit().await?;
    Ok(Taken { deliveries: taken })
}
