//! What testers and crashed apps sent about one build.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use crate::app::App;
use crate::dashboard::build::{Head, Tab, load};
use crate::dashboard::page::{self, PageFault, Shell};
use crate::dashboard::place::Places;
use crate::dashboard::reports::{PAGE, crashes as crash_pages, feedback as feedback_pages};
use crate::dashboard::session::Visit;
use crate::db;
use crate::model::ids::{AppId, BuildId};

#[derive(Template)]
#[template(path = "build/feedback.html")]
struct FeedbackTab {
    shell: Shell,
    head: Head,
    rows: Vec<feedback_pages::Row>,
    more: bool,
}

pub(super) async fn feedback(
    State(app): State<Arc<App>>,
    visit: Visit,
    Places(app_id, id): Places<AppId, BuildId>,
) -> Result<Response, PageFault> {
    let mut tx = app.db.read().await?;
    let loaded = load(&app, &mut tx, &visit, (&app_id, &id), Tab::Feedback).await?;
    let filter = db::feedback::Filter { build: Some(&id), ..db::feedback::Filter::default() };
    let mut rows = db::feedback::list(&mut tx, &app_id, &filter, PAGE + 1).await?;
    drop(tx);
    let more = rows.len() > PAGE as usize;
    rows.truncate(PAGE as usize);
    let now = app.clock.now();
    let rows = rows.into_iter().map(|row| feedback_pages::Row::of(row, now)).collect();
    page::ok(&FeedbackTab { shell: visit.shell(), head: loaded.head, rows, more })
}

#[derive(Template)]
#[template(path = "build/crashes.html")]
struct CrashTab {
    shell: Shell,
    head: Head,
    rows: Vec<crash_pages::Row>,
    more: bool,
}

pub(super) async fn crashes(
    State(app): State<Arc<App>>,
    visit: Visit,
    Places(app_id, id): Places<AppId, BuildId>,
) -> Result<Response, PageFault> {
    let mut tx = app.db.read().await?;
    let loaded = load(&app, &mut tx, &visit, (&app_id, &id), Tab::Crashes).await?;
    let filter = db::crashes::Filter { build: Some(&id), ..db::crashes::Filter::default() };
    let mut rows = db::crashes::list(&mut tx, &app_id, &filter, PAGE + 1).await?;
    drop(tx);
    let more = rows.len() > PAGE as usize;
    rows.truncate(PAGE as usize);
    let now = app.clock.now();
    let rows = rows.iter().map(|row| crash_pages::Row::of(row, now)).collect();
    page::ok(&CrashTab { shell: visit.shell(), head: loaded.head, rows, more })
}
