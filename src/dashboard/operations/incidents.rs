//! What administrators tell everybody on the status page (OPS-1).

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::{Frame, Tab, enter};
use crate::accounts::audit::{self, Change};
use crate::app::App;
use crate::dashboard::page::{self, PageFault, Shell};
use crate::dashboard::place::Place;
use crate::dashboard::session::Visit;
use crate::dashboard::status::{Shown, shown};
use crate::error::{Error, Result};
use crate::http::params::Params;
use crate::model::ids::IncidentId;
use crate::model::incident::{Impact, IncidentState};
use crate::operations::incidents::{self as product, Draft};

/// Longer than any text that is taken, so that the refusal is ours.
const MAX_TYPED: usize = 32 << 10;

#[derive(Template)]
#[template(path = "operations/incidents.html")]
struct Page {
    shell: Shell,
    frame: Frame,
    incidents: Vec<Shown>,
    done: Option<&'static str>,
    problem: Option<Problem>,
    title: String,
    impact: String,
    text: String,
    states: Vec<&'static str>,
}

/// What was refused.
struct Problem {
    /// The incident whose form it was; empty for a new one.
    incident: String,
    field: &'static str,
    text: &'static str,
}

impl Page {
    fn problem_of(&self, incident: &str, field: &str) -> Option<&'static str> {
        let problem = self.problem.as_ref()?;
        (problem.incident == incident && problem.field == field).then_some(problem.text)
    }

    /// What was typed into the form of this incident and refused.
    fn typed(&self, incident: &str) -> &str {
        let here = self.problem.as_ref().is_some_and(|problem| problem.incident == incident);
        if here { &self.text } else { "" }
    }
}

pub async fn list(
    State(app): State<Arc<App>>,
    visit: Visit,
    params: Params,
) -> Result<Response, PageFault> {
    let done = match params.opt_str("done")?.as_deref() {
        Some("opened") => Some("The incident is on the status page."),
        Some("updated") => Some("The status page says so now."),
        _ => None,
    };
    page::ok(&Page { done, ..load(&app, &visit).await? })
}

async fn load(app: &App, visit: &Visit) -> Result<Page> {
    let frame = enter(visit, Tab::Incidents)?;
    let mut tx = app.db.read().await?;
    let told = product::told(app, &mut tx).await?;
    Ok(Page {
        shell: visit.shell(),
        frame,
        incidents: told.iter().map(|one| shown(one, app.clock.now())).collect(),
        done: None,
        problem: None,
        title: String::new(),
        impact: "minor".into(),
        text: String::new(),
        states: IncidentState::ALL.iter().map(|state| state.as_str()).collect(),
    })
}

/// The refusal of a field.
fn problem(error: Error, incident: &str) -> Result<Problem> {
    let Error::Invalid(said) = &error else { return Err(error) };
    let (field, text) = if said.contains("\"title\"") {
        ("title", "Give it a title of at most 120 characters.")
    } else if said.contains("\"text\"") {
        ("text", "Say what happens, in at most 4,000 characters.")
    } else {
        return Err(error);
    };
    Ok(Problem { incident: incident.to_owned(), field, text })
}

/// Opens an incident.
pub async fn open(
    State(app): State<Arc<App>>,
    visit: Visit,
    params: Params,
) -> Result<Response, PageFault> {
    visit.check_form(&app, &params)?;
    enter(&visit, Tab::Incidents)?;
    let title = params.opt_text("title", MAX_TYPED)?.unwrap_or_default().into_owned();
    let text = params.opt_text("text", MAX_TYPED)?.unwrap_or_default().into_owned();
    let impact: Impact = params.opt("impact")?.unwrap_or(Impact::Minor);
    let draft = Draft { title: &title, impact, text: &text };
    let mut tx = app.db.write().await?;
    let incident = match product::open(&app, &mut tx, &draft).await {
        Ok(incident) => incident,
        Err(error) => {
            let problem = Some(problem(error, "")?);
            drop(tx);
            let page = load(&app, &visit).await?;
            let impact = impact.as_str().to_owned();
            let page = Page { problem, title, text, impact, ..page };
            return page::show(StatusCode::BAD_REQUEST, &page);
        }
    };
    let change = Change::of_account("incident.open", &incident.title);
    audit::record(&mut tx, &visit.actor, change, app.clock.now()).await?;
    tx.commit().await?;
    page::redirect("/operations/incidents?done=opened")
}

/// Says how an incident stands; `resolved` ends it.
pub async fn update(
    State(app): State<Arc<App>>,
    visit: Visit,
    Place(id): Place<IncidentId>,
    params: Params,
) -> Result<Response, PageFault> {
    visit.check_form(&app, &params)?;
    enter(&visit, Tab::Incidents)?;
    let text = params.opt_text("text", MAX_TYPED)?.unwrap_or_default().into_owned();
    let state: IncidentState =
        params.opt("state")?.ok_or_else(|| Error::invalid_parameter("state"))?;
    let mut tx = app.db.write().await?;
    let incident = match product::update(&app, &mut tx, &id, state, &text).await {
        Ok(incident) => incident,
        Err(error) => {
            let problem = Some(problem(error, id.as_str())?);
            drop(tx);
            let page = load(&app, &visit).await?;
            return page::show(StatusCode::BAD_REQUEST, &Page { problem, text, ..page });
        }
    };
    let change = Change::of_account("incident.update", &incident.title).detail(state.as_str());
    audit::record(&mut tx, &visit.actor, change, app.clock.now()).await?;
    tx.commit().await?;
    page::redirect("/operations/incidents?done=updated")
}
