//! How an app's figures move from build to build. Each plot is drawn by the
//! server and has its data as a table and as CSV.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use axum::routing::get;
use form_urlencoded::Serializer;

use crate::accounts::authorize_app;
use crate::app::App;
use crate::builds::trends as product;
use crate::dashboard::frame::{AppFrame, Tab};
use crate::dashboard::page::{self, PageFault, Shell};
use crate::dashboard::place::Place;
use crate::dashboard::session::Visit;
use crate::db::trends::{self as rows, Recent};
use crate::db::{self, Tx};
use crate::error::{Error, Result};
use crate::http::params::Params;
use crate::http::reply;
use crate::model::account::Access;
use crate::model::ids::AppId;
use crate::model::time::Millis;

mod figures;
mod plot;

use plot::Plot;

/// Builds, and packages, that are looked at; the newest ones.
const MAX_BUILDS: i64 = 500;
/// Builds whose tests are compared.
const TESTED: i64 = product::BUILDS;
/// Slow tests in the table.
const SLOWEST: i64 = 20;
/// Ranges to choose from, in days.
const RANGES: [i64; 4] = [7, 30, 90, 365];
const DAY_MS: i64 = 24 * 3_600_000;

/// The page of trends and its data.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/apps/{app_id}/trends", get(show))
        .route("/apps/{app_id}/trends.csv", get(download))
}

/// What was asked for.
struct Asked {
    branch: Option<String>,
    days: i64,
}

impl Asked {
    fn read(params: &Params) -> Result<Self> {
        let branch = params.opt_str("branch")?.map(|text| text.into_owned());
        let days = params.opt_int_in("days", 1..=365)?.unwrap_or(90);
        Ok(Self { branch, days })
    }

    fn since(&self, now: Millis) -> Millis {
        now.plus(-self.days * DAY_MS)
    }

    fn query(&self) -> String {
        let mut query = Serializer::new(String::new());
        if let Some(branch) = &self.branch {
            query.append_pair("branch", branch);
        }
        query.append_pair("days", &self.days.to_string()).finish()
    }
}

#[derive(Template)]
#[template(path = "trends.html")]
struct Page {
    shell: Shell,
    frame: AppFrame,
    branches: Vec<String>,
    branch: String,
    days: i64,
    query: String,
    plots: Vec<Plot>,
    builds: usize,
    cut: bool,
    max_builds: i64,
    tested: i64,
}

async fn show(
    State(app): State<Arc<App>>,
    visit: Visit,
    Place(id): Place<AppId>,
    params: Params,
) -> Result<Response, PageFault> {
    let asked = Asked::read(&params)?;
    let mut tx = app.db.read().await?;
    let row = authorize_app(&mut tx, &visit.actor, Access::Read, &id).await?;
    let may_manage = authorize_app(&mut tx, &visit.actor, Access::Full, &id).await.is_ok();
    let known = db::apps::list_branches(&mut tx, &id).await?;
    let (plots, builds) = plots(&mut tx, &id, &asked, app.clock.now()).await?;
    drop(tx);
    page::ok(&Page {
        shell: visit.shell(),
        frame: AppFrame::of(&row, Tab::Trends, may_manage),
        branches: known.into_iter().filter(|b| b.deleted_at.is_none()).map(|b| b.name).collect(),
        query: asked.query(),
        branch: asked.branch.unwrap_or_default(),
        days: asked.days,
        plots,
        builds,
        cut: builds as i64 == MAX_BUILDS,
        max_builds: MAX_BUILDS,
        tested: TESTED,
    })
}

/// Every plot, and how many builds they are made of.
async fn plots(tx: &mut Tx, id: &AppId, asked: &Asked, now: Millis) -> Result<(Vec<Plot>, usize)> {
    let (branch, since) = (asked.branch.as_deref(), asked.since(now));
    let builds = rows::list_finished(tx, id, branch, since, MAX_BUILDS).await?;
    let sizes = rows::list_sizes(tx, id, branch, since, MAX_BUILDS).await?;
    let recent = Recent { app: id, branch, scheme: None, until: now, builds: TESTED };
    let slow = rows::list_slowest(tx, &recent, SLOWEST).await?;
    let records = product::unsteady(tx, &recent).await?;
    let plots = vec![
        figures::duration(id, &builds),
        figures::success(&builds, asked.days),
        figures::tests(id, &builds),
        figures::coverage(id, &builds),
        figures::sizes(id, &sizes),
        figures::slowest(&slow),
        figures::flakiest(records),
    ];
    Ok((plots, builds.len()))
}

/// The data of one plot.
async fn download(
    State(app): State<Arc<App>>,
    visit: Visit,
    Place(id): Place<AppId>,
    params: Params,
) -> Result<Response, PageFault> {
    let asked = Asked::read(&params)?;
    let key = params.required_str("plot")?;
    let mut tx = app.db.read().await?;
    authorize_app(&mut tx, &visit.actor, Access::Read, &id).await?;
    let (plots, _) = plots(&mut tx, &id, &asked, app.clock.now()).await?;
    drop(tx);
    let plot = plots.iter().find(|plot| plot.key == key);
    let plot = plot.ok_or_else(|| Error::invalid_parameter("plot"))?;
    let media_type = HeaderValue::from_static("text/csv; charset=utf-8");
    let mut response = reply::with_type(StatusCode::OK, media_type, plot::csv(plot).into());
    let name = HeaderValue::try_from(format!("attachment; filename=\"{}.csv\"", plot.key))
        .map_err(|e| Error::internal("naming a table", e))?;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_DISPOSITION, name);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    Ok(response)
}
