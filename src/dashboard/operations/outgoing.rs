//! What the server tells others: commit statuses, mail, and the jobs behind
//! both; each can be tried again.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::{Frame, Tab, enter};
use crate::accounts::audit::{self, Change};
use crate::app::App;
use crate::builds::statuses;
use crate::dashboard::page::{self, PageFault, Shell};
use crate::dashboard::place::Place;
use crate::dashboard::session::Visit;
use crate::dashboard::words;
use crate::db;
use crate::db::jobs::Job;
use crate::db::outgoing::{OutgoingMail, OutgoingStatus};
use crate::db::wake::Topic;
use crate::distribution::mail;
use crate::error::{Error, Result};
use crate::http::params::Params;
use crate::model::ids::{JobId, RecipientId, StatusId};
use crate::model::time::Millis;

/// Rows of each table.
const MAX_ROWS: i64 = 100;

#[derive(Template)]
#[template(path = "operations/outgoing.html")]
struct Page {
    shell: Shell,
    frame: Frame,
    state: &'static str,
    done: Option<&'static str>,
    tables: [Table; 2],
    jobs: Vec<Waiting>,
}

/// Statuses, or mails.
struct Table {
    title: &'static str,
    id: &'static str,
    /// What stands there while there are none.
    empty: &'static str,
    rows: Vec<Row>,
}

/// A status or a mail.
struct Row {
    path: String,
    build: String,
    /// To whom or of what, and what.
    what: String,
    state: String,
    tone: &'static str,
    when: String,
    detail: String,
    /// Where a button tries again.
    retry: Option<String>,
}

struct Waiting {
    id: String,
    kind: String,
    subject: String,
    due: String,
    tries: i64,
    error: String,
}

const STATES: [&str; 3] = ["waiting", "failed", "sent"];

pub async fn show(
    State(app): State<Arc<App>>,
    visit: Visit,
    params: Params,
) -> Result<Response, PageFault> {
    let frame = enter(&visit, Tab::Outgoing)?;
    let wanted = params.opt_str("state")?;
    let state = STATES.into_iter().find(|state| wanted.as_deref() == Some(state));
    let done = params.opt_str("done")?.filter(|done| done == "retried");
    let now = app.clock.now();
    let mut tx = app.db.read().await?;
    let statuses = db::outgoing::list_statuses(&mut tx, state, MAX_ROWS).await?;
    let mails = db::outgoing::list_mails(&mut tx, state, MAX_ROWS).await?;
    let jobs = db::jobs::list(&mut tx, MAX_ROWS).await?;
    drop(tx);
    page::ok(&Page {
        shell: visit.shell(),
        frame,
        state: state.unwrap_or_default(),
        done: done.map(|_| "It is tried again now."),
        tables: [
            Table {
                title: "Commit statuses",
                id: "statuses",
                empty: "None, or none that matches. Statuses are sent once an app has an account \
                    at its provider.",
                rows: statuses.into_iter().map(|one| of_status(one, now)).collect(),
            },
            Table {
                title: "Mail to testers",
                id: "mails",
                empty: "None, or none that matches.",
                rows: mails.into_iter().map(|one| of_mail(one, now)).collect(),
            },
        ],
        jobs: jobs.into_iter().map(|job| waiting(job, now)).collect(),
    })
}

fn tone(state: &str) -> &'static str {
    match state {
        "sent" => "success",
        "failed" => "failed",
        _ => "queued",
    }
}

fn of_status(one: OutgoingStatus, now: Millis) -> Row {
    let open = one.state != "sent";
    let next = (one.state == "waiting").then(|| format!(", next {}", due(one.next_try_at, now)));
    let mut detail = format!("{} tries{}", one.tries, next.unwrap_or_default());
    if let Some(error) = &one.error {
        detail = format!("{error} ({detail})");
    }
    Row {
        path: format!("/apps/{}/build/{}", one.app_id, one.build_id),
        build: format!("{} #{}", one.app_name, one.number),
        what: format!("{} of {}", one.told, one.sha.get(..8).unwrap_or_default()),
        tone: tone(&one.state),
        when: words::ago(one.sent_at.unwrap_or(one.created_at), now),
        detail,
        retry: open.then(|| format!("/operations/outgoing/statuses/{}/retry", one.id)),
        state: one.state,
    }
}

fn of_mail(one: OutgoingMail, now: Millis) -> Row {
    let open = one.state != "sent";
    Row {
        path: format!("/apps/{}/build/{}", one.app_id, one.build_id),
        build: format!("{} #{}", one.app_name, one.number),
        what: one.address,
        tone: tone(&one.state),
        when: words::ago(one.sent_at.or(one.refused_at).unwrap_or(one.created_at), now),
        detail: one.error.unwrap_or_default(),
        retry: open.then(|| format!("/operations/outgoing/mails/{}/retry", one.id)),
        state: one.state,
    }
}

fn waiting(job: Job, now: Millis) -> Waiting {
    let Job { id, kind, subject, run_at, tries, last_error } = job;
    Waiting {
        id: id.to_string(),
        kind: kind.replace('_', " "),
        subject,
        due: due(run_at, now),
        tries,
        error: last_error.unwrap_or_default(),
    }
}

fn due(at: Millis, now: Millis) -> String {
    let ms = at.since(now);
    if ms <= 0 { "now".into() } else { format!("in {}", words::span(ms)) }
}

fn back() -> Result<Response, PageFault> {
    page::redirect("/operations/outgoing?done=retried")
}

/// Sends a commit status again.
pub async fn retry_status(
    State(app): State<Arc<App>>,
    visit: Visit,
    Place(id): Place<StatusId>,
    params: Params,
) -> Result<Response, PageFault> {
    visit.check_form(&app, &params)?;
    enter(&visit, Tab::Outgoing)?;
    let mut tx = app.db.write().await?;
    let status = statuses::retry(&app, &mut tx, &id).await?;
    record(&app, &mut tx, &visit, ("status.retry", &status.sha)).await?;
    tx.commit().await?;
    back()
}

/// Sends a mail again.
pub async fn retry_mail(
    State(app): State<Arc<App>>,
    visit: Visit,
    Place(id): Place<RecipientId>,
    params: Params,
) -> Result<Response, PageFault> {
    visit.check_form(&app, &params)?;
    enter(&visit, Tab::Outgoing)?;
    let mut tx = app.db.write().await?;
    let recipient = mail::retry(&app, &mut tx, &id).await?;
    record(&app, &mut tx, &visit, ("mail.retry", &recipient.address)).await?;
    tx.commit().await?;
    back()
}

/// Runs a job now instead of later.
pub async fn retry_job(
    State(app): State<Arc<App>>,
    visit: Visit,
    Place(id): Place<JobId>,
    params: Params,
) -> Result<Response, PageFault> {
    visit.check_form(&app, &params)?;
    enter(&visit, Tab::Outgoing)?;
    let mut tx = app.db.write().await?;
    if !db::jobs::hasten(&mut tx, &id, app.clock.now()).await? {
        return Err(Error::NotFound("The job is done meanwhile".into()).into());
    }
    record(&app, &mut tx, &visit, ("job.retry", id.as_str())).await?;
    tx.wake_on_commit(Topic::Jobs);
    tx.commit().await?;
    back()
}

async fn record(
    app: &App,
    tx: &mut db::Tx,
    visit: &Visit,
    (action, subject): (&str, &str),
) -> Result<()> {
    let change = Change::of_account(action, subject);
    audit::record(tx, &visit.actor, change, app.clock.now()).await
}
