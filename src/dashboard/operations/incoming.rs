//! What webhooks delivered, of all apps. A delivery's own page stands under its
//! app.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::{Frame, Tab, enter, older};
use crate::app::App;
use crate::dashboard::deliveries::Row;
use crate::dashboard::page::{self, PageFault, Shell};
use crate::dashboard::session::Visit;
use crate::db;
use crate::error::Result;
use crate::http::page::Cursor;
use crate::http::params::Params;
use crate::model::ids::DeliveryId;

const PAGE: i64 = 50;

#[derive(Template)]
#[template(path = "operations/incoming.html")]
struct Page {
    shell: Shell,
    frame: Frame,
    rows: Vec<Row>,
    older: Option<String>,
}

pub async fn show(
    State(app): State<Arc<App>>,
    visit: Visit,
    params: Params,
) -> Result<Response, PageFault> {
    let frame = enter(&visit, Tab::Incoming)?;
    let from: Option<Cursor> = params.opt("from")?;
    let item: Option<DeliveryId> = from.as_ref().map(Cursor::id).transpose()?;
    let before = from.as_ref().zip(item.as_ref()).map(|(c, id)| (c.created_at, id.as_str()));
    let mut tx = app.db.read().await?;
    let mut found = db::deliveries::list_all(&mut tx, before, PAGE + 1).await?;
    drop(tx);
    let more = found.len() > PAGE as usize;
    found.truncate(PAGE as usize);
    let older = match found.last() {
        Some(last) if more => {
            let cursor = Cursor::new(last.delivery.received_at, last.delivery.id.as_str())?;
            Some(older("/operations/incoming", &[], &cursor))
        }
        _ => None,
    };
    let now = app.clock.now();
    let rows = found.iter().map(|one| Row::of(&one.delivery, &one.app_name, now)).collect();
    page::ok(&Page { shell: visit.shell(), frame, rows, older })
}
