//! The installation as its administrators see it: machines and queue, what
//! comes in and goes out, who changed what, what is stored, what expires, and
//! what everybody is told. For nobody else.

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use crate::accounts::authorize_admin;
use crate::app::App;
use crate::dashboard::frame::Link;
use crate::dashboard::session::Visit;
use crate::error::Result;
use crate::http::page::Cursor;

mod activity;
mod incidents;
mod incoming;
mod outgoing;
mod overview;
mod sign_in;
mod signing;
mod storage;

pub(super) use overview::{part_name, state_words, tone};

/// The pages of administrators.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/operations", get(overview::show))
        .route("/operations/incoming", get(incoming::show))
        .route("/operations/outgoing", get(outgoing::show))
        .route("/operations/outgoing/statuses/{status_id}/retry", post(outgoing::retry_status))
        .route("/operations/outgoing/mails/{recipient_id}/retry", post(outgoing::retry_mail))
        .route("/operations/outgoing/jobs/{job_id}/retry", post(outgoing::retry_job))
        .route("/operations/activity", get(activity::show))
        .route("/operations/storage", get(storage::show))
        .route("/operations/signing", get(signing::show))
        .route("/operations/incidents", get(incidents::list).post(incidents::open))
        .route("/operations/incidents/{incident_id}", post(incidents::update))
        .merge(sign_in::routes())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tab {
    Overview,
    Incoming,
    Outgoing,
    Activity,
    Storage,
    Signing,
    Incidents,
    SignIn,
}

/// What `operations/frame.html` shows around a page.
struct Frame {
    csrf: String,
    tabs: Vec<Link>,
}

/// The frame, for administrators only.
fn enter(visit: &Visit, tab: Tab) -> Result<Frame> {
    authorize_admin(&visit.actor)?;
    let all = [
        (Tab::Overview, "Machines and queue", ""),
        (Tab::Incoming, "Incoming", "/incoming"),
        (Tab::Outgoing, "Outgoing", "/outgoing"),
        (Tab::Activity, "Activity", "/activity"),
        (Tab::Storage, "Storage", "/storage"),
        (Tab::Signing, "Signing", "/signing"),
        (Tab::Incidents, "Incidents", "/incidents"),
        (Tab::SignIn, "Sign-in", "/sign-in"),
    ];
    let link =
        |(of, text, end)| Link { text, path: format!("/operations{end}"), current: of == tab };
    let tabs = all.into_iter().map(link).collect();
    Ok(Frame { csrf: visit.csrf().to_owned(), tabs })
}

/// Where the page after `last` is, with the filters that are set.
fn older(path: &str, filters: &[(&str, &str)], last: &Cursor) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in filters.iter().filter(|(_, value)| !value.is_empty()) {
        query.append_pair(name, value);
    }
    format!("{path}?{}", query.append_pair("from", &last.to_string()).finish())
}
