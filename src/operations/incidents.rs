//! Incidents: opened, told on, and over. What is typed here everybody reads.

use crate::app::App;
use crate::db::{self, Tx};
use crate::error::{Error, Result};
use crate::model::ids::IncidentId;
use crate::model::incident::{Impact, Incident, IncidentState, IncidentUpdate};
use crate::model::time::Millis;

/// In characters.
const MAX_TITLE: usize = 120;
const MAX_TEXT: usize = 4_000;
/// What is over stays on the status page for so long.
const SHOWN_MS: i64 = 14 * 24 * 3_600_000;
/// Most incidents on one page.
const MAX_SHOWN: i64 = 50;

/// An incident as it is typed.
#[derive(Debug, Clone)]
pub struct Draft<'a> {
    pub title: &'a str,
    pub impact: Impact,
    pub text: &'a str,
}

/// An incident with what was said of it, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    pub incident: Incident,
    pub updates: Vec<IncidentUpdate>,
}

/// Opens an incident.
///
/// # Errors
/// `Invalid`, naming `title` or `text`.
pub async fn open(app: &App, tx: &mut Tx, draft: &Draft<'_>) -> Result<Incident> {
    let now = app.clock.now();
    let title = draft.title.trim();
    let fits = !title.is_empty() && title.chars().count() <= MAX_TITLE;
    if !fits || title.chars().any(char::is_control) {
        return Err(Error::invalid_parameter("title"));
    }
    let incident = Incident {
        id: IncidentId::generate(now),
        title: title.to_owned(),
        impact: draft.impact,
        state: IncidentState::Investigating,
        started_at: now,
        resolved_at: None,
    };
    let text = checked(draft.text)?;
    db::incidents::insert(tx, &incident).await?;
    say(tx, &incident.id, incident.state, (&text, now)).await?;
    Ok(incident)
}

/// Says how an incident stands now; `Resolved` ends it, another state opens it
/// again.
///
/// # Errors
/// `NotFound`; `Invalid`, naming `text`.
pub async fn update(
    app: &App,
    tx: &mut Tx,
    id: &IncidentId,
    state: IncidentState,
    text: &str,
) -> Result<Incident> {
    let incident = db::incidents::find(tx, id).await?.ok_or_else(Error::not_found)?;
    let text = checked(text)?;
    let now = app.clock.now();
    let resolved_at = (state == IncidentState::Resolved).then_some(now);
    db::incidents::set_state(tx, id, state, resolved_at).await?;
    say(tx, id, state, (&text, now)).await?;
    Ok(incident)
}

fn checked(text: &str) -> Result<String> {
    let text = text.trim().replace('\r', "");
    let odd = |c: char| c.is_control() && c != '\n' && c != '\t';
    if text.is_empty() || text.chars().count() > MAX_TEXT || text.chars().any(odd) {
        return Err(Error::invalid_parameter("text"));
    }
    Ok(text)
}

async fn say(
    tx: &mut Tx,
    incident: &IncidentId,
    state: IncidentState,
    (text, at): (&str, Millis),
) -> Result<()> {
    let update = IncidentUpdate {
        id: IncidentId::generate(at),
        incident_id: incident.clone(),
        at,
        state,
        text: text.to_owned(),
    };
    db::incidents::insert_update(tx, &update).await
}

/// What the status page tells of: what is not over, and what was lately.
pub async fn told(app: &App, tx: &mut Tx) -> Result<Vec<Told>> {
    let since = app.clock.now().plus(-SHOWN_MS);
    let mut told = Vec::new();
    for incident in db::incidents::list(tx, since, MAX_SHOWN).await? {
        let updates = db::incidents::list_updates(tx, &incident.id).await?;
        told.push(Told { incident, updates });
    }
    Ok(told)
}
