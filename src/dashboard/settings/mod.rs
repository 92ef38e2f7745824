//! The settings of one app, a page for each matter. All of them need full
//! access, also to look: they show how the app is protected.

use std::sync::Arc;

use axum::Router;

use crate::accounts::authorize_app;
use crate::app::App;
use crate::dashboard::frame::{AppFrame, Link, Tab};
use crate::dashboard::page::Shell;
use crate::dashboard::session::Visit;
use crate::error::Result;
use crate::model::account::Access;
use crate::model::app::App as AppRow;
use crate::model::ids::AppId;

mod badge;
mod build;
pub(super) mod fields;
pub(super) mod files;
mod general;
mod people;
mod schedules;
mod selective;
mod statuses;
pub(super) mod variables;
mod webhook;

pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .merge(general::routes())
        .merge(build::routes())
        .merge(selective::routes())
        .merge(schedules::routes())
        .merge(variables::routes())
        .merge(files::routes())
        .merge(webhook::routes())
        .merge(statuses::routes())
        .merge(badge::routes())
        .merge(people::routes())
}

/// The pages, as the list beside each of them names them.
const SECTIONS: [(&str, &str); 13] = [
    ("", "General"),
    ("/build", "Build"),
    ("/tests", "Tests"),
    ("/selective", "Selective builds"),
    ("/branches", "Branch overrides"),
    ("/schedules", "Schedules"),
    ("/variables", "Variables"),
    ("/secure-files", "Secure files"),
    ("/signing", "Code signing"),
    ("/webhook", "Webhook"),
    ("/statuses", "Commit statuses"),
    ("/badge", "Badge"),
    ("/people", "People"),
];

/// What every page of settings stands in.
#[derive(Debug)]
struct Head {
    shell: Shell,
    csrf: String,
    frame: AppFrame,
    sections: Vec<Link>,
}

impl Head {
    fn of(visit: &Visit, row: &AppRow, section: &str) -> Self {
        let sections = SECTIONS.iter().map(|(end, text)| Link {
            text,
            path: format!("/apps/{}/settings{end}", row.id),
            current: *end == section,
        });
        Self {
            shell: visit.shell(),
            csrf: visit.csrf().to_owned(),
            frame: AppFrame::of(row, Tab::Settings, true),
            sections: sections.collect(),
        }
    }
}

/// The app, for who may change it.
async fn managed(app: &App, visit: &Visit, id: &AppId) -> Result<AppRow> {
    let mut tx = app.db.read().await?;
    authorize_app(&mut tx, &visit.actor, Access::Full, id).await
}

fn path(id: &AppId, end: &str) -> String {
    format!("/apps/{id}/settings{end}")
}
