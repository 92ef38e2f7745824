//! The list of apps: status at a glance.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use crate::app::App;
use crate::dashboard::page::{self, PageFault, Shell};
use crate::dashboard::session::Visit;
use crate::dashboard::words::Shown;
use crate::db;
use crate::db::builds::Filter;

#[derive(Template)]
#[template(path = "apps.html")]
struct Apps {
    shell: Shell,
    email: String,
    apps: Vec<Row>,
}

struct Row {
    id: String,
    name: String,
    platform: &'static str,
    repo_url: String,
    newest: Option<Shown>,
}

pub async fn list(State(app): State<Arc<App>>, visit: Visit) -> Result<Response, PageFault> {
    let now = app.clock.now();
    let mut tx = app.db.read().await?;
    let mut found = db::apps::list_visible(&mut tx, &visit.actor).await?;
    found.sort_by_cached_key(|row| (row.name.to_lowercase(), row.id.clone()));
    let mut apps = Vec::new();
    for row in found {
        let newest = db::builds::list(&mut tx, &row.id, &Filter::default(), 1).await?;
        apps.push(Row {
            id: row.id.to_string(),
            name: row.name,
            platform: row.platform.as_str(),
            repo_url: row.repo_url,
            newest: newest.first().map(|build| Shown::of(build, now)),
        });
    }
    drop(tx);
    page::ok(&Apps { shell: visit.shell(), email: visit.user.email.clone(), apps })
}
