//! Schedules of an app (TRG-13): builds of a branch tip by the clock.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};

use crate::accounts::audit::{self, Change};
use crate::accounts::authorize_app;
use crate::api::v1::wire::Error as WireError;
use crate::app::App;
use crate::apps;
use crate::builds::schedule::{self as product, Plan};
use crate::db;
use crate::error::{Error, Result};
use crate::http::error::Fault;
use crate::http::extract::{PathId, PathIds};
use crate::http::json::Json;
use crate::http::params::Params;
use crate::http::reply;
use crate::model::account::{Access, Actor};
use crate::model::app::App as AppRow;
use crate::model::ids::{AppId, ScheduleId};
use crate::model::schedule::{self as model, Weekly, parse_time};

#[derive(OpenApi)]
#[openapi(
    paths(list, add, change, delete),
    components(schemas(NewSchedule, Schedule, Weekday)),
    tags((name = "Schedules", description = "Builds of a branch by the clock.")),
)]
pub struct Description;

/// When to build which branch.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSchedule {
    #[schema(example = "main")]
    branch: String,
    weekdays: Vec<Weekday>,
    /// 24 hours. A time that a day does not have is at the first moment after
    /// it; one that a day has twice is at the first.
    #[schema(example = "02:30")]
    time: String,
    /// IANA name.
    #[schema(example = "Europe/Berlin")]
    zone: String,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Weekday {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

impl Weekday {
    fn to_model(self) -> model::Weekday {
        match self {
            Self::Monday => model::Weekday::Monday,
            Self::Tuesday => model::Weekday::Tuesday,
            Self::Wednesday => model::Weekday::Wednesday,
            Self::Thursday => model::Weekday::Thursday,
            Self::Friday => model::Weekday::Friday,
            Self::Saturday => model::Weekday::Saturday,
            Self::Sunday => model::Weekday::Sunday,
        }
    }

    fn of(day: model::Weekday) -> Self {
        match day {
            model::Weekday::Monday => Self::Monday,
            model::Weekday::Tuesday => Self::Tuesday,
            model::Weekday::Wednesday => Self::Wednesday,
            model::Weekday::Thursday => Self::Thursday,
            model::Weekday::Friday => Self::Friday,
            model::Weekday::Saturday => Self::Saturday,
            model::Weekday::Sunday => Self::Sunday,
        }
    }
}

/// A schedule and what came of it last.
#[derive(Debug, Serialize, ToSchema)]
pub struct Schedule<'a> {
    pub _id: &'a str,
    pub branch: &'a str,
    pub weekdays: Vec<Weekday>,
    pub time: String,
    pub zone: &'a str,
    #[schema(format = DateTime)]
    pub next_at: String,
    /// Null until the first run.
    #[schema(format = DateTime, required)]
    pub last_at: Option<String>,
    /// `queued`, `skipped: ..` with the reason, or empty before the first run.
    pub last_result: &'a str,
    /// The build that the last run queued, the first if there are several.
    #[schema(required)]
    pub last_build_id: Option<&'a str>,
}

impl<'a> Schedule<'a> {
    fn of(schedule: &'a model::Schedule) -> Self {
        let weekly = &schedule.weekly;
        Self {
            _id: schedule.id.as_str(),
            branch: &schedule.branch,
            weekdays: weekly.weekdays().map(Weekday::of).collect(),
            time: weekly.time(),
            zone: weekly.zone(),
            next_at: schedule.next_at.to_iso(),
            last_at: schedule.last_at.map(|at| at.to_iso()),
            last_result: &schedule.last_result,
            last_build_id: schedule.last_build_id.as_ref().map(|id| id.as_str()),
        }
    }
}

impl NewSchedule {
    fn weekly(&self) -> Result<Weekly> {
        let days = self.weekdays.iter().map(|day| day.to_model());
        Ok(Weekly::new(days, parse_time(&self.time)?, &self.zone)?)
    }
}

/// The branch, if it may be scheduled: it must be one now.
async fn branch_of(app: &App, row: &AppRow, body: &NewSchedule) -> Result<String> {
    if body.branch.is_empty() {
        return Err(Error::invalid_parameter("branch"));
    }
    apps::resolve_branch(app, row, Some(&body.branch)).await
}

/// List the schedules of an app.
#[utoipa::path(
    get, path = "/v1/apps/{app_id}/schedules", tag = "Schedules", operation_id = "list_schedules",
    params(("app_id" = String, Path, description = "Id of the app.")),
    responses(
        (status = 200, description = "Oldest first.", body = [Schedule]),
        (status = 401, description = "No valid token.", body = WireError),
        (status = 404, description = "Unknown app.", body = WireError),
    )
)]
pub async fn list(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathId(id): PathId<AppId>,
    _: Params,
) -> Result<Response, Fault> {
    let mut tx = app.db.read().await?;
    authorize_app(&mut tx, &actor, Access::Read, &id).await?;
    let schedules = db::schedules::list(&mut tx, &id).await?;
    let shown: Vec<_> = schedules.iter().map(Schedule::of).collect();
    Ok(reply::ok(&shown)?)
}

/// Add a schedule.
#[utoipa::path(
    post, path = "/v1/apps/{app_id}/schedules", tag = "Schedules", operation_id = "add_schedule",
    params(("app_id" = String, Path, description = "Id of the app.")),
    request_body = NewSchedule,
    responses(
        (status = 201, description = "Added.", body = Schedule),
        (status = 400, description = "Malformed body, or a value that cannot be used.",
            body = WireError),
        (status = 401, description = "No valid token.", body = WireError),
        (status = 403, description = "Read-only access.", body = WireError),
        (status = 404, description = "Unknown app or branch.", body = WireError),
        (status = 413, description = "The body is too large.", body = WireError),
    )
)]
pub async fn add(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathId(id): PathId<AppId>,
    Json(body): Json<NewSchedule>,
) -> Result<Response, Fault> {
    let weekly = body.weekly()?;
    let mut tx = app.db.read().await?;
    let row = authorize_app(&mut tx, &actor, Access::Full, &id).await?;
    // The remote may be asked next; that must not hold a connection.
    drop(tx);
    let branch = branch_of(&app, &row, &body).await?;
    let mut tx = app.db.write().await?;
    let added = product::add(&app, &mut tx, &row, Plan { branch: &branch, weekly }).await?;
    let (branch, detail) = (format!("branch {branch}"), product::told(&added));
    let change = Change::of_app(&row, "schedule.add", &branch).detail(&detail);
    audit::record(&mut tx, &actor, change, app.clock.now()).await?;
    tx.commit().await?;
    Ok(reply::created(&Schedule::of(&added))?)
}

/// Replace the branch and the moments of a schedule.
#[utoipa::path(
    put, path = "/v1/apps/{app_id}/schedules/{schedule_id}", tag = "Schedules",
    operation_id = "change_schedule",
    params(
        ("app_id" = String, Path, description = "Id of the app."),
        ("schedule_id" = String, Path, description = "Id of the schedule."),
    ),
    request_body = NewSchedule,
    responses(
        (status = 200, description = "As it is now.", body = Schedule),
        (status = 400, description = "Malformed body, or a value that cannot be used.",
            body = WireError),
        (status = 401, description = "No valid token.", body = WireError),
        (status = 403, description = "Read-only access.", body = WireError),
        (status = 404, description = "Unknown app, schedule or branch.", body = WireError),
        (status = 413, description = "The body is too large.", body = WireError),
    )
)]
pub async fn change(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathIds(id, schedule): PathIds<AppId, ScheduleId>,
    Json(body): Json<NewSchedule>,
) -> Result<Response, Fault> {
    let weekly = body.weekly()?;
    let mut tx = app.db.read().await?;
    let row = authorize_app(&mut tx, &actor, Access::Full, &id).await?;
    product::find(&mut tx, &id, &schedule).await?;
    // As in `add`.
    drop(tx);
    let branch = branch_of(&app, &row, &body).await?;
    let mut tx = app.db.write().await?;
    let before = product::find(&mut tx, &id, &schedule).await?;
    let was = format!("{}: {}", before.branch, product::told(&before));
    let plan = Plan { branch: &branch, weekly };
    let after = product::change(&app, &mut tx, before, plan).await?;
    let (branch, detail) =
        (format!("branch {branch}"), format!("{was} -> {}", product::told(&after)));
    let change = Change::of_app(&row, "schedule.update", &branch).detail(&detail);
    audit::record(&mut tx, &actor, change, app.clock.now()).await?;
    tx.commit().await?;
    Ok(reply::ok(&Schedule::of(&after))?)
}

/// Delete a schedule.
#[utoipa::path(
    delete, path = "/v1/apps/{app_id}/schedules/{schedule_id}", tag = "Schedules",
    operation_id = "delete_schedule",
    params(
        ("app_id" = String, Path, description = "Id of the app."),
        ("schedule_id" = String, Path, description = "Id of the schedule."),
    ),
    responses(
        (status = 204, description = "Deleted."),
        (status = 400, description = "Malformed body.", body = WireError),
        (status = 401, description = "No valid token.", body = WireError),
        (status = 403, description = "Read-only access.", body = WireError),
        (status = 404, description = "Unknown app or schedule.", body = WireError),
        (status = 413, description = "The body is too large.", body = WireError),
    )
)]
pub async fn delete(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathIds(id, schedule): PathIds<AppId, ScheduleId>,
    _: Params,
) -> Result<Response, Fault> {
    let mut tx = app.db.write().await?;
    let row = authorize_app(&mut tx, &actor, Access::Full, &id).await?;
    let before = product::find(&mut tx, &id, &schedule).await?;
    db::schedules::delete(&mut tx, &schedule).await?;
    let (branch, detail) = (format!("branch {}", before.branch), product::told(&before));
    let change = Change::of_app(&row, "schedule.delete", &branch).detail(&detail);
    audit::record(&mut tx, &actor, change, app.clock.now()).await?;
    tx.commit().await?;
    Ok(reply::no_content())
}
