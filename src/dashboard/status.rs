//! The status page (OPS-1), which the texts of 503 and 504 of the old API name:
//! for everybody, as a page and for machines. Names no app, no person, no host
//! and no number: of causes it says nothing.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::Serialize;

use crate::app::App;
use crate::dashboard::operations::{part_name, state_words, tone};
use crate::dashboard::page::{self, PageFault, Shell};
use crate::dashboard::words;
use crate::error::Result;
use crate::http::reply;
use crate::model::incident::Impact;
use crate::model::time::Millis;
use crate::operations::health::{self, Health, State as Standing};
use crate::operations::incidents::{self, Told};

#[derive(Template)]
#[template(path = "status.html")]
struct Page {
    shell: Shell,
    headline: &'static str,
    overall: &'static str,
    tone: &'static str,
    parts: Vec<Part>,
    open: Vec<Shown>,
    past: Vec<Shown>,
    at: String,
}

struct Part {
    name: &'static str,
    says: &'static str,
    state: &'static str,
    tone: &'static str,
}

/// An incident as people read it.
pub(super) struct Shown {
    pub id: String,
    pub title: String,
    pub impact: &'static str,
    pub state: &'static str,
    pub tone: &'static str,
    pub started: String,
    pub over: bool,
    pub updates: Vec<Said>,
}

pub(super) struct Said {
    pub at: String,
    pub when: String,
    pub state: &'static str,
    pub text: String,
}

pub(super) fn shown(told: &Told, now: Millis) -> Shown {
    let incident = &told.incident;
    let over = incident.resolved_at.is_some();
    Shown {
        id: incident.id.to_string(),
        title: incident.title.clone(),
        impact: incident.impact.as_str(),
        state: incident.state.as_str(),
        tone: match (over, incident.impact) {
            (true, _) => "success",
            (false, Impact::Major) => "failed",
            (false, Impact::Minor | Impact::Maintenance) => "queued",
        },
        started: words::moment(incident.started_at),
        over,
        updates: told
            .updates
            .iter()
            .map(|update| Said {
                at: words::moment(update.at),
                when: words::ago(update.at, now),
                state: update.state.as_str(),
                text: update.text.clone(),
            })
            .collect(),
    }
}

/// Health and incidents; without the database no incidents are known.
async fn ask(app: &App) -> (Health, Vec<Told>) {
    let health = health::check(app).await;
    let told = async {
        let mut tx = app.db.read().await?;
        incidents::told(app, &mut tx).await
    };
    let told: Result<Vec<Told>> = told.await;
    (health, told.unwrap_or_default())
}

/// Monitors look at the status code alone.
fn code(health: &Health) -> StatusCode {
    match health.overall() {
        Standing::Down => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::OK,
    }
}

pub async fn show(State(app): State<Arc<App>>) -> Result<Response, PageFault> {
    let (health, told) = ask(&app).await;
    let now = app.clock.now();
    let (open, past): (Vec<Shown>, Vec<Shown>) =
        told.iter().map(|one| shown(one, now)).partition(|one| !one.over);
    let overall = health.overall();
    let headline = match (overall, open.is_empty()) {
        (Standing::Down, _) => "The server is not available",
        (Standing::Degraded, _) => "Something works only in part",
        (_, false) => "An incident is being worked on",
        (_, true) => "Everything works",
    };
    let tone_of_all = if open.is_empty() { tone(overall) } else { "queued" };
    let part = |one: &health::Standings| Part {
        name: part_name(one.part),
        says: one.says,
        state: state_words(one.state),
        tone: tone(one.state),
    };
    let page = Page {
        shell: Shell::public(),
        headline,
        overall: state_words(overall),
        tone: if overall == Standing::Down { "failed" } else { tone_of_all },
        parts: health.parts.iter().map(part).collect(),
        open,
        past,
        at: words::moment(now),
    };
    page::show(code(&health), &page)
}

/// The same for machines.
#[derive(Serialize)]
struct Machine<'a> {
    /// `operational`, `degraded` or `down`.
    status: &'static str,
    components: Vec<Component>,
    /// Open ones, and those of the last fourteen days.
    incidents: Vec<MachineIncident<'a>>,
    checked_at: String,
}

#[derive(Serialize)]
struct Component {
    name: &'static str,
    status: &'static str,
}

#[derive(Serialize)]
struct MachineIncident<'a> {
    id: &'a str,
    title: &'a str,
    impact: &'static str,
    status: &'static str,
    started_at: String,
    resolved_at: Option<String>,
    updates: Vec<MachineUpdate<'a>>,
}

#[derive(Serialize)]
struct MachineUpdate<'a> {
    at: String,
    status: &'static str,
    text: &'a str,
}

impl<'a> MachineIncident<'a> {
    fn of(told: &'a Told) -> Self {
        let incident = &told.incident;
        let update = |one: &'a crate::model::incident::IncidentUpdate| MachineUpdate {
            at: one.at.to_iso(),
            status: one.state.as_str(),
            text: &one.text,
        };
        Self {
            id: incident.id.as_str(),
            title: &incident.title,
            impact: incident.impact.as_str(),
            status: incident.state.as_str(),
            started_at: incident.started_at.to_iso(),
            resolved_at: incident.resolved_at.map(Millis::to_iso),
            updates: told.updates.iter().map(update).collect(),
        }
    }
}

pub async fn json(State(app): State<Arc<App>>) -> Result<Response> {
    let (health, told) = ask(&app).await;
    let component =
        |one: &health::Standings| Component { name: one.part.as_str(), status: one.state.as_str() };
    let machine = Machine {
        status: health.overall().as_str(),
        components: health.parts.iter().map(component).collect(),
        incidents: told.iter().map(MachineIncident::of).collect(),
        checked_at: app.clock.now().to_iso(),
    };
    let mut response = reply::json(code(&health), &machine)?;
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}
