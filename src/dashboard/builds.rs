//! The builds of one app: table, filter, Build now.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use form_urlencoded::Serializer;

use crate::accounts::authorize_app;
use crate::app::App;
use crate::apps;
use crate::builds::trigger::{Request, trigger};
use crate::dashboard::frame::{AppFrame, Tab};
use crate::dashboard::page::{self, PageFault, Shell};
use crate::dashboard::place::Place;
use crate::dashboard::session::Visit;
use crate::dashboard::words::Shown;
use crate::db;
use crate::db::builds::Filter;
use crate::error::{Error, Result};
use crate::http::page::Cursor;
use crate::http::params::Params;
use crate::model::account::Access;
use crate::model::app::App as AppRow;
use crate::model::build::{BuildStatus, Trigger};
use crate::model::ids::{AppId, BuildId};

/// Builds on one page.
const PAGE: i64 = 25;

#[derive(Template)]
#[template(path = "builds.html")]
struct Builds {
    shell: Shell,
    csrf: String,
    frame: AppFrame,
    may_build: bool,
    branches: Vec<String>,
    statuses: Vec<&'static str>,
    branch: String,
    status: String,
    builds: Vec<Shown>,
    older: Option<String>,
}

pub async fn list(
    State(app): State<Arc<App>>,
    visit: Visit,
    Place(id): Place<AppId>,
    params: Params,
) -> Result<Response, PageFault> {
    let branch = params.opt_str("branch")?.map(|text| text.into_owned());
    let status: Option<BuildStatus> = params.opt("status")?;
    let from: Option<Cursor> = params.opt("from")?;
    let item: Option<BuildId> = from.as_ref().map(Cursor::id).transpose()?;
    let before = from.as_ref().zip(item.as_ref()).map(|(c, id)| (c.created_at, id.as_str()));
    let mut tx = app.db.read().await?;
    let row = authorize_app(&mut tx, &visit.actor, Access::Read, &id).await?;
    let may_build = authorize_app(&mut tx, &visit.actor, Access::Build, &id).await.is_ok();
    let may_manage = authorize_app(&mut tx, &visit.actor, Access::Full, &id).await.is_ok();
    let filter = Filter { branch: branch.as_deref(), scheme: None, status, before };
    let mut found = db::builds::list(&mut tx, &id, &filter, PAGE + 1).await?;
    let known = db::apps::list_branches(&mut tx, &id).await?;
    drop(tx);
    let more = found.len() > PAGE as usize;
    found.truncate(PAGE as usize);
    let older = match found.last() {
        Some(last) if more => {
            let cursor = Cursor::new(last.created_at, last.id.as_str())?;
            Some(older_link(&id, branch.as_deref(), status, &cursor))
        }
        _ => None,
    };
    let now = app.clock.now();
    page::ok(&Builds {
        shell: visit.shell(),
        csrf: visit.csrf().to_owned(),
        frame: AppFrame::of(&row, Tab::Builds, may_manage),
        may_build,
        branches: known.into_iter().filter(|b| b.deleted_at.is_none()).map(|b| b.name).collect(),
        statuses: BuildStatus::ALL.iter().map(|status| status.as_str()).collect(),
        branch: branch.unwrap_or_default(),
        status: status.map(|status| status.to_string()).unwrap_or_default(),
        builds: found.iter().map(|build| Shown::of(build, now)).collect(),
        older,
    })
}

fn older_link(
    id: &AppId,
    branch: Option<&str>,
    status: Option<BuildStatus>,
    cursor: &Cursor,
) -> String {
    let mut query = Serializer::new(String::new());
    if let Some(branch) = branch {
        query.append_pair("branch", branch);
    }
    if let Some(status) = status {
        query.append_pair("status", status.as_str());
    }
    query.append_pair("from", &cursor.to_string());
    format!("/apps/{id}?{}", query.finish())
}

/// Build now.
pub async fn start(
    State(app): State<Arc<App>>,
    visit: Visit,
    Place(id): Place<AppId>,
    params: Params,
) -> Result<Response, PageFault> {
    visit.check_form(&app, &params)?;
    let wanted = params.opt_str("branch")?;
    let mut tx = app.db.read().await?;
    let row = authorize_app(&mut tx, &visit.actor, Access::Build, &id).await?;
    // The remote may be asked next; that must not hold a connection.
    drop(tx);
    let build = queue(&app, &row, wanted.as_deref().map(str::trim), &visit).await?;
    page::redirect(&format!("/apps/{id}/build/{build}"))
}

async fn queue(app: &App, row: &AppRow, wanted: Option<&str>, visit: &Visit) -> Result<BuildId> {
    let branch = apps::resolve_branch(app, row, wanted.filter(|name| !name.is_empty())).await?;
    let mut tx = app.db.write().await?;
    let request = Request::tip(row, &branch, Trigger::Ui, Some(&visit.user.id));
    let build = trigger(app, &mut tx, &request).await?;
    tx.commit().await?;
    Ok(build)
}

/// The build of `app` with this id, if `visit` may do `need` with it.
pub(super) async fn build_of(
    tx: &mut db::Tx,
    visit: &Visit,
    need: Access,
    (app, build): (&AppId, &BuildId),
) -> Result<crate::model::build::Build> {
    let build = crate::accounts::authorize_build(tx, &visit.actor, need, build).await?;
    if build.app_id == *app { Ok(build) } else { Err(Error::not_found()) }
}
