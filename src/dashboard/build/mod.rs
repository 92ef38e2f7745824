//! The pages of one build: a head with what it is and what can be done, and a
//! tab for each thing that came of it.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};

use crate::app::App;
use crate::builds::cancel as cancelling;
use crate::builds::links::commit_page;
use crate::builds::rebuild::{self, Again};
use crate::dashboard::builds::build_of;
use crate::dashboard::frame::Link;
use crate::dashboard::page::{self, PageFault};
use crate::dashboard::place::Places;
use crate::dashboard::session::Visit;
use crate::dashboard::words::Shown;
use crate::db::{self, Tx};
use crate::error::{Error, Result};
use crate::http::params::Params;
use crate::model::account::Access;
use crate::model::app::App as AppRow;
use crate::model::build::Build;
use crate::model::ids::{AppId, BuildId};
#[cfg(test)]
use crate::model::time::Millis;

mod coverage;
mod deploy;
mod files;
mod log;
mod overview;
pub(super) use overview::show;
mod reports;
mod results;
mod source;

/// The pages of builds.
pub fn routes() -> Router<Arc<App>> {
    let at = |end: &str| format!("/apps/{{app_id}}/build/{{build_id}}{end}");
    Router::new()
        .route(&at("/cancel"), post(cancel))
        .route(&at("/rebuild"), post(build_again))
        .route(&at("/log"), get(log::show))
        .route(&at("/log/outline"), get(log::outline))
        .route(&at("/log/lines"), get(log::lines))
        .route(&at("/log/search"), get(log::search))
        .route(&at("/log/follow"), get(log::follow))
        .route(&at("/log.txt"), get(log::download))
        .route(&at("/tests"), get(results::show))
        .route(&at("/tests/history"), get(results::history))
        .route(&at("/coverage"), get(coverage::show))
        .route(&at("/coverage/file"), get(source::show))
        .route(&at("/artifacts"), get(files::show))
        .route(&at("/deploy"), get(deploy::show).post(deploy::send))
        .route(&at("/disabled"), post(deploy::set_disabled))
        .route(&at("/feedback"), get(reports::feedback))
        .route(&at("/crashes"), get(reports::crashes))
}

/// The tab that a page stands under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tab {
    Overview,
    Log,
    Tests,
    Coverage,
    Artifacts,
    Deploy,
    Feedback,
    Crashes,
}

/// What `build/frame.html` shows around every tab.
#[derive(Debug)]
struct Head {
    app_id: String,
    app_name: String,
    csrf: String,
    build: Shown,
    /// May start, repeat and cancel builds.
    may_build: bool,
    /// May send builds to testers.
    may_manage: bool,
    finished: bool,
    disabled: bool,
    failure: Option<String>,
    /// Page of the commit at its provider, or empty.
    commit_url: String,
    /// All of the commit, or empty.
    sha: String,
    message: String,
    tabs: Vec<Link>,
}

/// What every tab begins with.
struct Loaded {
    row: AppRow,
    build: Build,
    head: Head,
}

impl Head {
    fn of(app: &App, visit: &Visit, row: &AppRow, build: &Build, tab: Tab) -> Self {
        Self {
            app_id: row.id.to_string(),
            app_name: row.name.clone(),
            csrf: visit.csrf().to_owned(),
            build: Shown::of(build, app.clock.now()),
            may_build: false,
            may_manage: false,
            finished: build.status.is_finished(),
            disabled: build.disabled,
            failure: build.failure_message.clone(),
            commit_url: commit_page(&build.repo_url, &build.commit_sha),
            sha: build.commit_sha.clone(),
            message: build.commit_message.clone(),
            tabs: tabs(&format!("/apps/{}/build/{}", row.id, build.id), tab),
        }
    }

    /// Of this build's pages; the overview has no end.
    fn path(&self) -> String {
        format!("/apps/{}/build/{}", self.app_id, self.build.id)
    }
}

fn tabs(path: &str, current: Tab) -> Vec<Link> {
    let all = [
        (Tab::Overview, "Overview", ""),
        (Tab::Log, "Log", "/log"),
        (Tab::Tests, "Tests", "/tests"),
        (Tab::Coverage, "Coverage", "/coverage"),
        (Tab::Artifacts, "Artifacts", "/artifacts"),
        (Tab::Deploy, "Deploy", "/deploy"),
        (Tab::Feedback, "Feedback", "/feedback"),
        (Tab::Crashes, "Crashes", "/crashes"),
    ];
    all.into_iter()
        .map(|(tab, text, end)| Link {
            text,
            path: format!("{path}{end}"),
            current: tab == current,
        })
        .collect()
}

/// The build of a page, for who may read it.
async fn load(
    app: &App,
    tx: &mut Tx,
    visit: &Visit,
    (app_id, id): (&AppId, &BuildId),
    tab: Tab,
) -> Result<Loaded> {
    let build = build_of(tx, visit, Access::Read, (app_id, id)).await?;
    let row = db::apps::find(tx, app_id).await?.ok_or_else(Error::not_found)?;
    let may_build = build_of(tx, visit, Access::Build, (app_id, id)).await.is_ok();
    let may_manage = build_of(tx, visit, Access::Full, (app_id, id)).await.is_ok();
    let head = Head { may_build, may_manage, ..Head::of(app, visit, &row, &build, tab) };
    Ok(Loaded { row, build, head })
}

/// Cancels the build; no effect on a finished one.
async fn cancel(
    State(app): State<Arc<App>>,
    visit: Visit,
    Places(app_id, id): Places<AppId, BuildId>,
    params: Params,
) -> Result<Response, PageFault> {
    visit.check_form(&app, &params)?;
    let mut tx = app.db.read().await?;
    build_of(&mut tx, &visit, Access::Build, (&app_id, &id)).await?;
    drop(tx);
    cancelling::cancel_now(&app, &id, false).await?;
    page::redirect(&format!("/apps/{app_id}/build/{id}"))
}

/// Builds the same again, and shows the new build.
async fn build_again(
    State(app): State<Arc<App>>,
    visit: Visit,
    Places(app_id, id): Places<AppId, BuildId>,
    params: Params,
) -> Result<Response, PageFault> {
    visit.check_form(&app, &params)?;
    let without_cache = params.opt_bool("without_cache")?.unwrap_or(false);
    let mut tx = app.db.write().await?;
    let build = build_of(&mut tx, &visit, Access::Build, (&app_id, &id)).await?;
    let row = db::apps::find(&mut tx, &app_id).await?.ok_or_else(Error::not_found)?;
    let again = Again { user: &visit.user.id, without_cache };
    let fresh = rebuild::rebuild(&app, &mut tx, &row, &build, again).await?;
    tx.commit().await?;
    page::redirect(&format!("/apps/{app_id}/build/{fresh}"))
}

/// A build for tests of what is computed from its times.
#[cfg(test)]
fn sample(created: Millis, started: Option<Millis>, finished: Option<Millis>) -> Build {
    use crate::model::build::{BuildStatus, Phase, Trigger};
    Build {
        id: BuildId::generate(created),
        app_id: AppId::generate(created),
        number: 7,
        status: if finished.is_some() { BuildStatus::Success } else { BuildStatus::Queued },
        phase: Phase::Waiting,
        failure_kind: None,
        failure_message: None,
        scheme: String::new(),
        repo_url: String::new(),
        branch: "main".into(),
        wanted_commit: None,
        commit_sha: String::new(),
        commit_author: String::new(),
        commit_message: String::new(),
        triggered_by: Trigger::Ui,
        created_at: created,
        started_at: started,
        finished_at: finished,
        attempt: 0,
        agent_id: None,
        lease_until: None,
        tests_count: None,
        tests_passed: None,
        coverage: None,
        disabled: false,
        downloads: "[]".into(),
        origin: None,
        base: None,
    }
}
