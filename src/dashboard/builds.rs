//! The builds of one app (LOG-4): by branch, filters, Build now, and what can be
//! done with each.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use form_urlencoded::Serializer;

use crate::accounts::authorize_app;
use crate::app::App;
use crate::apps::{self, pins};
use crate::builds::trigger::{Request, trigger, trigger_scheme};
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
use crate::model::app::{App as AppRow, Branch};
use crate::model::build::{Build, BuildStatus, Trigger};
use crate::model::ids::{AppId, BuildId};
use crate::model::time::Millis;

/// Builds on one page.
const PAGE: i64 = 50;
/// Schemes and deleted branches to choose from.
const MAX_CHOICES: usize = 500;

#[derive(Template)]
#[template(path = "builds.html")]
struct Builds {
    shell: Shell,
    csrf: String,
    frame: AppFrame,
    may_build: bool,
    branches: Vec<String>,
    /// Schemes that a build can be made of, if there is a choice.
    schemes: Vec<String>,
    statuses: Vec<&'static str>,
    branch: String,
    scheme: String,
    status: String,
    /// (name, link to its builds).
    deleted: Vec<(String, String)>,
    /// Whether the deleted branches are what was asked for.
    shows_deleted: bool,
    groups: Vec<Group>,
    /// What the person has pinned, with links to the builds of each.
    pinned: Vec<(String, String)>,
    older: Option<String>,
}

/// Builds of one branch, newest first.
struct Group {
    branch: String,
    /// Only its builds; `None` while a build's branch is not known.
    link: Option<String>,
    is_pinned: bool,
    builds: Vec<Shown>,
}

/// By branch, those that are pinned first in the order of the pins, then the
/// branch with the newest build.
fn by_branch(id: &AppId, builds: &[Build], pins: &[String], now: Millis) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for build in builds {
        let shown = Shown::of(build, now);
        match groups.iter_mut().find(|group| group.branch == shown.branch) {
            Some(group) => group.builds.push(shown),
            None => groups.push(Group {
                branch: shown.branch.clone(),
                link: (!build.branch.is_empty()).then(|| branch_link(id, &build.branch)),
                is_pinned: pins.contains(&build.branch),
                builds: vec![shown],
            }),
        }
    }
    let place = |group: &Group| pins.iter().position(|pin| *pin == group.branch);
    groups.sort_by_key(|group| place(group).unwrap_or(usize::MAX));
    groups
}

fn branch_link(id: &AppId, name: &str) -> String {
    let query = Serializer::new(String::new()).append_pair("branch", name).finish();
    format!("/apps/{id}?{query}")
}

/// What was asked for.
struct Asked {
    branch: Option<String>,
    scheme: Option<String>,
    status: Option<BuildStatus>,
}

impl Asked {
    fn read(params: &Params) -> Result<Self> {
        let text = |name| params.opt_str(name).map(|found| found.map(|text| text.into_owned()));
        Ok(Self { branch: text("branch")?, scheme: text("scheme")?, status: params.opt("status")? })
    }

    fn older_link(&self, id: &AppId, cursor: &Cursor) -> String {
        let mut query = Serializer::new(String::new());
        let status = self.status.map(|status| status.to_string());
        let given = [("branch", &self.branch), ("scheme", &self.scheme), ("status", &status)];
        for (name, value) in given {
            if let Some(value) = value {
                query.append_pair(name, value);
            }
        }
        query.append_pair("from", &cursor.to_string());
        format!("/apps/{id}?{}", query.finish())
    }
}

pub async fn list(
    State(app): State<Arc<App>>,
    visit: Visit,
    Place(id): Place<AppId>,
    params: Params,
) -> Result<Response, PageFault> {
    let asked = Asked::read(&params)?;
    let shows_deleted = params.opt_bool("deleted")?.unwrap_or(false);
    let from: Option<Cursor> = params.opt("from")?;
    let item: Option<BuildId> = from.as_ref().map(Cursor::id).transpose()?;
    let before = from.as_ref().zip(item.as_ref()).map(|(c, id)| (c.created_at, id.as_str()));
    let mut tx = app.db.read().await?;
    let row = authorize_app(&mut tx, &visit.actor, Access::Read, &id).await?;
    let may_build = authorize_app(&mut tx, &visit.actor, Access::Build, &id).await.is_ok();
    let may_manage = authorize_app(&mut tx, &visit.actor, Access::Full, &id).await.is_ok();
    let Asked { branch, scheme, status } = &asked;
    let filter =
        Filter { branch: branch.as_deref(), scheme: scheme.as_deref(), status: *status, before };
    let mut found = db::builds::list(&mut tx, &id, &filter, PAGE + 1).await?;
    let known = db::apps::list_branches(&mut tx, &id).await?;
    let pins = db::pins::list(&mut tx, &visit.user.id, &id).await?;
    let default = row.default_branch.as_deref().unwrap_or_default();
    let settings = db::settings::find_levels(&mut tx, &id).await?.resolve(default);
    drop(tx);
    let more = found.len() > PAGE as usize;
    found.truncate(PAGE as usize);
    let older = match found.last() {
        Some(last) if more => {
            let cursor = Cursor::new(last.created_at, last.id.as_str())?;
            Some(asked.older_link(&id, &cursor))
        }
        _ => None,
    };
    let mut schemes = settings.targets(row.platform);
    schemes.truncate(MAX_CHOICES);
    let (gone, alive): (Vec<_>, Vec<_>) = known.into_iter().partition(|b| b.deleted_at.is_some());
    page::ok(&Builds {
        shell: visit.shell(),
        csrf: visit.csrf().to_owned(),
        frame: AppFrame::of(&row, Tab::Builds, may_manage),
        may_build,
        branches: names(alive, &pins),
        schemes: if schemes.len() > 1 { schemes } else { Vec::new() },
        statuses: BuildStatus::ALL.iter().map(|status| status.as_str()).collect(),
        branch: asked.branch.unwrap_or_default(),
        scheme: asked.scheme.unwrap_or_default(),
        status: asked.status.map(|status| status.to_string()).unwrap_or_default(),
        deleted: gone
            .into_iter()
            .take(MAX_CHOICES)
            .map(|branch| (branch.name.clone(), branch_link(&id, &branch.name)))
            .collect(),
        shows_deleted,
        groups: by_branch(&id, &found, &pins, app.clock.now()),
        pinned: pins.iter().map(|pin| (pin.clone(), branch_link(&id, pin))).collect(),
        older,
    })
}

/// Names of branches, the pinned ones first.
fn names(branches: Vec<Branch>, pins: &[String]) -> Vec<String> {
    let mut names: Vec<_> = branches.into_iter().map(|branch| branch.name).collect();
    let place = |name: &String| pins.iter().position(|pin| pin == name);
    names.sort_by_key(|name| place(name).unwrap_or(usize::MAX));
    names
}

/// Pins a branch for this person, or no longer.
pub async fn pin(
    State(app): State<Arc<App>>,
    visit: Visit,
    Place(id): Place<AppId>,
    params: Params,
) -> Result<Response, PageFault> {
    visit.check_form(&app, &params)?;
    let branch = params.required_str("branch")?;
    let mut tx = app.db.write().await?;
    let row = authorize_app(&mut tx, &visit.actor, Access::Read, &id).await?;
    match params.opt_bool("pinned")?.unwrap_or(false) {
        true => pins::pin(&app, &mut tx, &visit.user.id, &row, &branch).await?,
        false => pins::unpin(&mut tx, &visit.user.id, &row, &branch).await?,
    }
    tx.commit().await?;
    page::redirect(&format!("/apps/{id}"))
}

/// Build now.
pub async fn start(
    State(app): State<Arc<App>>,
    visit: Visit,
    Place(id): Place<AppId>,
    params: Params,
) -> Result<Response, PageFault> {
    visit.check_form(&app, &params)?;
    let (wanted, scheme) = (params.opt_str("branch")?, params.opt_str("scheme")?);
    let mut tx = app.db.read().await?;
    let row = authorize_app(&mut tx, &visit.actor, Access::Build, &id).await?;
    // The remote may be asked next; that must not hold a connection.
    drop(tx);
    let build = queue(&app, &visit, &row, (wanted.as_deref(), scheme.as_deref())).await?;
    page::redirect(&format!("/apps/{id}/build/{build}"))
}

async fn queue(
    app: &App,
    visit: &Visit,
    row: &AppRow,
    (branch, scheme): (Option<&str>, Option<&str>),
) -> Result<BuildId> {
    let wanted = branch.map(str::trim).filter(|name| !name.is_empty());
    let branch = apps::resolve_branch(app, row, wanted).await?;
    let mut tx = app.db.write().await?;
    let request = Request::tip(row, &branch, Trigger::Ui, Some(&visit.user.id));
    let build = match scheme {
        Some(scheme) => trigger_scheme(app, &mut tx, &request, scheme).await?,
        None => trigger(app, &mut tx, &request).await?,
    };
    tx.commit().await?;
    Ok(build)
}

/// The build of `app` with this id, if `visit` may do `need` with it.
pub(super) async fn build_of(
    tx: &mut db::Tx,
    visit: &Visit,
    need: Access,
    (app, build): (&AppId, &BuildId),
) -> Result<Build> {
    let build = crate::accounts::authorize_build(tx, &visit.actor, need, build).await?;
    if build.app_id == *app { Ok(build) } else { Err(Error::not_found()) }
}
