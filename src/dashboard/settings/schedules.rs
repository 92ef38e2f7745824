//! Builds by the clock (TRG-13).

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};

use super::{Head, managed, path};
use crate::accounts::audit::{self, Change};
use crate::accounts::authorize_app;
use crate::app::App;
use crate::apps;
use crate::builds::schedule::{self as product, Plan};
use crate::dashboard::forms::{Said, Typed, required};
use crate::dashboard::frame::{AppFrame, Link};
use crate::dashboard::page::{self, PageFault, Shell};
use crate::dashboard::place::{Place, Places};
use crate::dashboard::session::Visit;
use crate::dashboard::words;
use crate::db::{self, Tx};
use crate::error::Result;
use crate::http::params::Params;
use crate::model::account::Access;
use crate::model::app::App as AppRow;
use crate::model::ids::{AppId, ScheduleId};
use crate::model::schedule::{Weekday, Weekly, parse_time};

const SECTION: &str = "/schedules";

pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/apps/{app_id}/settings/schedules", get(list).post(add))
        .route("/apps/{app_id}/settings/schedules/{schedule_id}", get(edit).post(change))
        .route("/apps/{app_id}/settings/schedules/{schedule_id}/delete", post(delete))
}

#[derive(Template)]
#[template(path = "settings/schedules.html")]
struct Page {
    shell: Shell,
    csrf: String,
    frame: AppFrame,
    sections: Vec<Link>,
    said: Said,
    typed: Typed,
    schedules: Vec<Row>,
    branches: Vec<String>,
    /// Name of the field, and what people call the day.
    days: [(&'static str, &'static str); 7],
}

#[derive(Template)]
#[template(path = "settings/schedule.html")]
struct One {
    shell: Shell,
    csrf: String,
    frame: AppFrame,
    sections: Vec<Link>,
    said: Said,
    typed: Typed,
    id: String,
    branches: Vec<String>,
    days: [(&'static str, &'static str); 7],
}

struct Row {
    id: String,
    branch: String,
    when: String,
    next: String,
    last: String,
    last_build: Option<String>,
}

const DAYS: [(&str, &str); 7] = [
    ("monday", "Mon"),
    ("tuesday", "Tue"),
    ("wednesday", "Wed"),
    ("thursday", "Thu"),
    ("friday", "Fri"),
    ("saturday", "Sat"),
    ("sunday", "Sun"),
];

async fn list(
    State(app): State<Arc<App>>,
    visit: Visit,
    Place(id): Place<AppId>,
    params: Params,
) -> Result<Response, PageFault> {
    let said = match params.opt_str("done")?.as_deref() {
        Some("added") => Said::done("The schedule is added."),
        Some("changed") => Said::done("The schedule is changed."),
        Some("deleted") => Said::done("The schedule is deleted."),
        _ => Said::default(),
    };
    let mut fresh = Typed::default().with("time", "02:00").with("zone", "UTC");
    for (day, _) in &DAYS[..5] {
        fresh = fresh.with(day, "1");
    }
    page_of(&app, &visit, &id, said, fresh).await
}

async fn page_of(
    app: &App,
    visit: &Visit,
    id: &AppId,
    said: Said,
    typed: Typed,
) -> Result<Response, PageFault> {
    let row = managed(app, visit, id).await?;
    let mut tx = app.db.read().await?;
    let found = db::schedules::list(&mut tx, id).await?;
    let branches = branches(&mut tx, id).await?;
    drop(tx);
    let now = app.clock.now();
    let schedules = found.into_iter().map(|schedule| Row {
        id: schedule.id.to_string(),
        when: product::told(&schedule),
        next: words::moment(schedule.next_at),
        last: match schedule.last_at {
            None => "not yet".into(),
            Some(at) => format!("{}, {}", schedule.last_result, words::ago(at, now)),
        },
        last_build: schedule.last_build_id.map(|build| build.to_string()),
        branch: schedule.branch,
    });
    let schedules = schedules.collect();
    let Head { shell, csrf, frame, sections } = Head::of(visit, &row, SECTION);
    let status = said.status();
    page::show(
        status,
        &Page { shell, csrf, frame, sections, said, typed, schedules, branches, days: DAYS },
    )
}

fn weekly(params: &Params) -> Result<Weekly> {
    let mut days = Vec::new();
    for (day, (name, _)) in Weekday::ALL.into_iter().zip(DAYS) {
        if params.opt_bool(name)?.unwrap_or(false) {
            days.push(day);
        }
    }
    Ok(Weekly::new(days, parse_time(&required(params, "time")?)?, &required(params, "zone")?)?)
}

async fn add(
    State(app): State<Arc<App>>,
    visit: Visit,
    Place(id): Place<AppId>,
    params: Params,
) -> Result<Response, PageFault> {
    visit.check_form(&app, &params)?;
    let row = managed(&app, &visit, &id).await?;
    let outcome = async {
        let weekly = weekly(&params)?;
        let branch = required(&params, "branch")?;
        let branch = apps::resolve_branch(&app, &row, Some(&branch)).await?;
        let mut tx = app.db.write().await?;
        let row = authorize_app(&mut tx, &visit.actor, Access::Full, &id).await?;
        let added = product::add(&app, &mut tx, &row, Plan { branch: &branch, weekly }).await?;
        let (subject, detail) = (format!("branch {branch}"), product::told(&added));
        let change = Change::of_app(&row, "schedule.add", &subject).detail(&detail);
        audit::record(&mut tx, &visit.actor, change, app.clock.now()).await?;
        tx.commit().await
    };
    let outcome = outcome.await;
    match outcome {
        Ok(()) => page::redirect(&format!("{}?done=added", path(&id, SECTION))),
        Err(error) => {
            let typed = typed_of(&params)?;
            page_of(&app, &visit, &id, Said::problem(error)?, typed).await
        }
    }
}

fn typed_of(params: &Params) -> Result<Typed> {
    let mut all = vec!["branch", "time", "zone"];
    all.extend(DAYS.map(|(name, _)| name));
    Typed::of(params, &all)
}

/// The form of one schedule, as it is.
async fn edit(
    State(app): State<Arc<App>>,
    visit: Visit,
    Places(id, schedule): Places<AppId, ScheduleId>,
) -> Result<Response, PageFault> {
    let row = managed(&app, &visit, &id).await?;
    let mut tx = app.db.read().await?;
    let found = product::find(&mut tx, &id, &schedule).await?;
    drop(tx);
    let mut typed = Typed::default()
        .with("branch", &found.branch)
        .with("time", found.weekly.time())
        .with("zone", found.weekly.zone());
    for day in found.weekly.weekdays() {
        let at = Weekday::ALL.into_iter().position(|other| other == day);
        if let Some((name, _)) = at.and_then(|at| DAYS.get(at)) {
            typed = typed.with(name, "1");
        }
    }
    one(&app, &visit, (&row, &schedule), Said::default(), typed).await
}

async fn one(
    app: &App,
    visit: &Visit,
    (row, schedule): (&AppRow, &ScheduleId),
    said: Said,
    typed: Typed,
) -> Result<Response, PageFault> {
    let mut tx = app.db.read().await?;
    let branches = branches(&mut tx, &row.id).await?;
    drop(tx);
    let Head { shell, csrf, frame, sections } = Head::of(visit, row, SECTION);
    let (status, id) = (said.status(), schedule.to_string());
    page::show(status, &One { shell, csrf, frame, sections, said, typed, id, branches, days: DAYS })
}

/// To choose from: those that are there now.
async fn branches(tx: &mut Tx, id: &AppId) -> Result<Vec<String>> {
    let known = db::apps::list_branches(tx, id).await?.into_iter();
    Ok(known.filter(|branch| branch.deleted_at.is_none()).map(|branch| branch.name).collect())
}

async fn change(
    State(app): State<Arc<App>>,
    visit: Visit,
    Places(id, schedule): Places<AppId, ScheduleId>,
    params: Params,
) -> Result<Response, PageFault> {
    visit.check_form(&app, &params)?;
    let row = managed(&app, &visit, &id).await?;
    let outcome = async {
        let weekly = weekly(&params)?;
        let branch = required(&params, "branch")?;
        let branch = apps::resolve_branch(&app, &row, Some(&branch)).await?;
        let mut tx = app.db.write().await?;
        let row = authorize_app(&mut tx, &visit.actor, Access::Full, &id).await?;
        let before = product::find(&mut tx, &id, &schedule).await?;
        let was = format!("{}: {}", before.branch, product::told(&before));
        let plan = Plan { branch: &branch, weekly };
        let after = product::change(&app, &mut tx, before, plan).await?;
        let (subject, detail) =
            (format!("branch {branch}"), format!("{was} -> {}", product::told(&after)));
        let change = Change::of_app(&row, "schedule.update", &subject).detail(&detail);
        audit::record(&mut tx, &visit.actor, change, app.clock.now()).await?;
        tx.commit().await
    };
    match outcome.await {
        Ok(()) => page::redirect(&format!("{}?done=changed", path(&id, SECTION))),
        Err(error) => {
            let typed = typed_of(&params)?;
            one(&app, &visit, (&row, &schedule), Said::problem(error)?, typed).await
        }
    }
}

async fn delete(
    State(app): State<Arc<App>>,
    visit: Visit,
    Places(id, schedule): Places<AppId, ScheduleId>,
    params: Params,
) -> Result<Response, PageFault> {
    visit.check_form(&app, &params)?;
    let mut tx = app.db.write().await?;
    let row = authorize_app(&mut tx, &visit.actor, Access::Full, &id).await?;
    let before = product::find(&mut tx, &id, &schedule).await?;
    db::schedules::delete(&mut tx, &schedule).await?;
    let (subject, detail) = (format!("branch {}", before.branch), product::told(&before));
    let change = Change::of_app(&row, "schedule.delete", &subject).detail(&detail);
    audit::record(&mut tx, &visit.actor, change, app.clock.now()).await?;
    tx.commit().await?;
    page::redirect(&format!("{}?done=deleted", path(&id, SECTION)))
}
