//! The signing horizon: what expires when.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::{Frame, Tab, enter};
use crate::app::App;
use crate::dashboard::page::{self, PageFault, Shell};
use crate::dashboard::session::Visit;
use crate::db;
use crate::distribution::signing::{self, Expiry, Standing};
use crate::error::Result;
use crate::model::time::Millis;

/// Builds of each scheme that are looked at: profiles may differ by branch.
const PER_SCHEME: i64 = 5;

#[derive(Template)]
#[template(path = "operations/signing.html")]
struct Page {
    shell: Shell,
    frame: Frame,
    rows: Vec<Row>,
}

struct Row {
    state: &'static str,
    tone: &'static str,
    /// The date, and how long until then.
    date: String,
    left: String,
    item: &'static str,
    name: String,
    devices: usize,
    path: String,
    build: String,
}

pub async fn show(State(app): State<Arc<App>>, visit: Visit) -> Result<Response, PageFault> {
    let frame = enter(&visit, Tab::Signing)?;
    let mut tx = app.db.read().await?;
    let packages = db::packages::list_newest(&mut tx, PER_SCHEME).await?;
    drop(tx);
    let now = app.clock.now();
    let rows = signing::horizon(&packages, now).iter().map(|one| row(one, now)).collect();
    page::ok(&Page { shell: visit.shell(), frame, rows })
}

fn row(one: &Expiry, now: Millis) -> Row {
    let (state, tone) = match one.standing {
        Standing::Expired => ("expired", "failed"),
        Standing::Soon => ("soon", "queued"),
        Standing::Fine => ("fine", "success"),
        Standing::Unknown => ("unknown", ""),
    };
    let left = match one.days_left(now) {
        None => String::new(),
        Some(days) if days < 0 => format!("{} days ago", -days),
        Some(0) => "today".into(),
        Some(1) => "in 1 day".into(),
        Some(days) => format!("in {days} days"),
    };
    Row {
        state,
        tone,
        date: one.expires_at.map_or_else(|| "not known".into(), |at| at.to_iso()[..10].to_owned()),
        left,
        item: one.item.as_words(),
        name: one.name.clone(),
        devices: one.devices,
        path: format!("/apps/{}/build/{}", one.app_id, one.build_id),
        build: format!("{} #{}", one.app_name, one.number),
    }
}
