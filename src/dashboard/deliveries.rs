//! What was delivered to an app's webhook (TRG-5), why something was or was
//! not built of it, and evaluating it again. For people with full access:
//! payloads may tell more of a repository than its builds do.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::Response;

use crate::accounts::audit::{self, Change};
use crate::accounts::authorize_app;
use crate::app::App;
use crate::apps::webhook;
use crate::builds::deliveries as product;
use crate::dashboard::frame::{AppFrame, Tab};
use crate::dashboard::page::{self, PageFault, Shell};
use crate::dashboard::place::{Place, Places};
use crate::dashboard::session::Visit;
use crate::dashboard::words;
use crate::db::{self, Tx};
use crate::error::{Error, Result};
use crate::http::page::Cursor;
use crate::http::params::Params;
use crate::http::reply;
use crate::model::account::Access;
use crate::model::app::App as AppRow;
use crate::model::delivery::Delivery;
use crate::model::ids::{AppId, DeliveryId};
use crate::model::time::Millis;

const PAGE: i64 = 50;
/// Of a payload the page shows so many bytes; the whole is a click away.
const SHOWN_BYTES: usize = 64 << 10;

/// A delivery in a table.
pub(super) struct Row {
    pub path: String,
    pub app_name: String,
    pub provider: String,
    pub event: String,
    pub at: String,
    pub when: String,
    pub verdict: String,
    pub tone: &'static str,
}

impl Row {
    pub fn of(delivery: &Delivery, app_name: &str, now: Millis) -> Self {
        let pending = delivery.state == "pending";
        let verdict = if pending { "waits to be looked at" } else { &delivery.verdict };
        Self {
            path: format!("/apps/{}/deliveries/{}", delivery.app_id, delivery.id),
            app_name: app_name.to_owned(),
            provider: delivery.provider.replace('_', " "),
            event: delivery.event.clone(),
            at: words::moment(delivery.received_at),
            when: words::ago(delivery.received_at, now),
            verdict: verdict.to_owned(),
            tone: match (pending, delivery.built) {
                (true, _) => "queued",
                (false, true) => "success",
                (false, false) => "",
            },
        }
    }
}

#[derive(Template)]
#[template(path = "deliveries.html")]
struct List {
    shell: Shell,
    frame: AppFrame,
    url: String,
    has_secret: bool,
    rows: Vec<Row>,
    older: Option<String>,
}

#[derive(Template)]
#[template(path = "delivery.html")]
struct Page {
    shell: Shell,
    csrf: String,
    frame: AppFrame,
    id: String,
    row: Row,
    done: Option<&'static str>,
    headers: Vec<(String, String)>,
    events: String,
    payload: Option<String>,
    size: String,
    cut: bool,
}

pub async fn list(
    State(app): State<Arc<App>>,
    visit: Visit,
    Place(id): Place<AppId>,
    params: Params,
) -> Result<Response, PageFault> {
    let from: Option<Cursor> = params.opt("from")?;
    let item: Option<DeliveryId> = from.as_ref().map(Cursor::id).transpose()?;
    let before = from.as_ref().zip(item.as_ref()).map(|(c, id)| (c.created_at, id.as_str()));
    let mut tx = app.db.read().await?;
    let row = authorize_app(&mut tx, &visit.actor, Access::Full, &id).await?;
    let mut found = db::deliveries::list(&mut tx, &id, before, PAGE + 1).await?;
    let has_secret = db::deliveries::find_secret(&mut tx, &id).await?.is_some();
    drop(tx);
    let more = found.len() > PAGE as usize;
    found.truncate(PAGE as usize);
    let older = match found.last() {
        Some(last) if more => {
            let cursor = Cursor::new(last.received_at, last.id.as_str())?;
            Some(format!("/apps/{id}/deliveries?from={cursor}"))
        }
        _ => None,
    };
    let now = app.clock.now();
    page::ok(&List {
        shell: visit.shell(),
        frame: AppFrame::of(&row, Tab::Settings, true),
        url: webhook::url(&app, &id),
        has_secret,
        rows: found.iter().map(|one| Row::of(one, &row.name, now)).collect(),
        older,
    })
}

/// The delivery, under its own app only.
async fn find(
    tx: &mut Tx,
    visit: &Visit,
    (id, delivery): (&AppId, &DeliveryId),
) -> Result<(AppRow, Delivery)> {
    let row = authorize_app(tx, &visit.actor, Access::Full, id).await?;
    let found = db::deliveries::find(tx, delivery).await?;
    let found = found.filter(|found| found.app_id == *id).ok_or_else(Error::not_found)?;
    Ok((row, found))
}

pub async fn show(
    State(app): State<Arc<App>>,
    visit: Visit,
    Places(id, delivery_id): Places<AppId, DeliveryId>,
    params: Params,
) -> Result<Response, PageFault> {
    let done = params.opt_str("done")?.filter(|done| done == "again");
    let mut tx = app.db.read().await?;
    let (row, delivery) = find(&mut tx, &visit, (&id, &delivery_id)).await?;
    let body = product::body(&mut tx, &delivery.id, delivery.body_bytes).await?;
    drop(tx);
    let (payload, cut) = match body {
        None => (None, false),
        Some(body) => {
            let (text, cut) = readable(&body);
            (Some(text), cut)
        }
    };
    let unreadable = |cause| Error::internal("reading a delivery", cause);
    let headers: Vec<(String, String)> =
        serde_json::from_str(&delivery.headers).map_err(unreadable)?;
    let events: serde_json::Value = serde_json::from_str(&delivery.events).map_err(unreadable)?;
    page::ok(&Page {
        shell: visit.shell(),
        csrf: visit.csrf().to_owned(),
        frame: AppFrame::of(&row, Tab::Settings, true),
        id: delivery.id.to_string(),
        done: done.map(|_| "It is looked at again. What was built of it is not built twice."),
        row: Row::of(&delivery, &row.name, app.clock.now()),
        headers,
        events: serde_json::to_string_pretty(&events).map_err(unreadable)?,
        payload,
        size: words::size(delivery.body_bytes),
        cut,
    })
}

/// JSON with line breaks, anything else as it is; and whether it was cut.
fn readable(body: &[u8]) -> (String, bool) {
    let pretty = serde_json::from_slice::<serde_json::Value>(body)
        .and_then(|value| serde_json::to_string_pretty(&value));
    let mut text = pretty.unwrap_or_else(|_| String::from_utf8_lossy(body).into_owned());
    let cut = text.len() > SHOWN_BYTES;
    if cut {
        text.truncate(text.floor_char_boundary(SHOWN_BYTES));
    }
    (text, cut)
}

/// The body as it came.
pub async fn payload(
    State(app): State<Arc<App>>,
    visit: Visit,
    Places(id, delivery_id): Places<AppId, DeliveryId>,
) -> Result<Response, PageFault> {
    let mut tx = app.db.read().await?;
    let (_, delivery) = find(&mut tx, &visit, (&id, &delivery_id)).await?;
    let body = product::body(&mut tx, &delivery.id, delivery.body_bytes).await?;
    let body = body.ok_or_else(Error::not_found)?;
    let mut response = reply::text(body);
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let name = HeaderValue::from_static("attachment; filename=\"payload.txt\"");
    headers.insert(header::CONTENT_DISPOSITION, name);
    Ok(response)
}

/// Evaluates it again.
pub async fn again(
    State(app): State<Arc<App>>,
    visit: Visit,
    Places(id, delivery_id): Places<AppId, DeliveryId>,
    params: Params,
) -> Result<Response, PageFault> {
    visit.check_form(&app, &params)?;
    let mut tx = app.db.write().await?;
    let (row, delivery) = find(&mut tx, &visit, (&id, &delivery_id)).await?;
    product::again(&app, &mut tx, &delivery.id).await?;
    let change = Change::of_app(&row, "app.webhook.redeliver", delivery.id.as_str());
    audit::record(&mut tx, &visit.actor, change, app.clock.now()).await?;
    tx.commit().await?;
    page::redirect(&format!("/apps/{id}/deliveries/{delivery_id}?done=again"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_are_made_readable_and_cut_between_characters() {
        assert_eq!(readable(b"{\"a\":1}"), ("{\n  \"a\": 1\n}".into(), false));
        assert_eq!(readable(b"payload=%7B"), ("payload=%7B".into(), false));
        let (text, cut) = readable("ü".repeat(SHOWN_BYTES).as_bytes());
        assert!(cut && text.len() == SHOWN_BYTES && text.chars().all(|c| c == 'ü'));
    }
}
