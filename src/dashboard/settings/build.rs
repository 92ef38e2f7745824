//! What an app is built with: at the app, and for single branches (CFG-1).

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};

use super::fields::{self, Choice, Group, Section};
use super::{Head, managed, path};
use crate::accounts::audit::{self, Change};
use crate::accounts::authorize_app;
use crate::app::App;
use crate::apps::settings as product;
use crate::dashboard::forms::{Said, Typed, required};
use crate::dashboard::frame::{AppFrame, Link};
use crate::dashboard::page::{self, PageFault, Shell};
use crate::dashboard::place::Place;
use crate::dashboard::session::Visit;
use crate::error::{Error, Result};
use crate::http::params::Params;
use crate::model::account::Access;
use crate::model::app::App as AppRow;
use crate::model::ids::AppId;
use crate::model::settings::{Levels, Override, Resolved, Scope, Settings};

pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/apps/{app_id}/settings/build", get(show_build).post(save_build))
        .route("/apps/{app_id}/settings/tests", get(show_tests).post(save_tests))
        .route("/apps/{app_id}/settings/branches", get(list).post(begin))
        .route("/apps/{app_id}/settings/branches/edit", get(edit).post(save))
        .route("/apps/{app_id}/settings/branches/delete", post(delete))
}

const BUILD: &[Group] =
    &[Group::Triggers, Group::Forks, Group::Build, Group::Versions, Group::Agents];
const TESTS: &[Group] = &[Group::Tests];

#[derive(Template)]
#[template(path = "settings/build.html")]
struct Page {
    shell: Shell,
    csrf: String,
    frame: AppFrame,
    sections: Vec<Link>,
    said: Said,
    title: &'static str,
    action: String,
    fields: Vec<Section>,
}

/// One of the pages of the app's own settings.
#[derive(Clone, Copy)]
struct Matter {
    section: &'static str,
    title: &'static str,
    groups: &'static [Group],
}

const OF_BUILD: Matter = Matter { section: "/build", title: "Build", groups: BUILD };
const OF_TESTS: Matter = Matter { section: "/tests", title: "Tests", groups: TESTS };

/// What holds where the app itself sets nothing.
pub(super) fn below_app(levels: &Levels) -> Resolved {
    let inherited = levels.inherited.clone();
    Levels { inherited, ..Levels::default() }.resolve("")
}

/// What is shown of an app's own settings: as they are, or as somebody tried.
pub(super) async fn levels(app: &App, id: &AppId) -> Result<Levels> {
    let mut tx = app.db.read().await?;
    product::levels(&mut tx, id).await
}

/// Saves the app's own settings and writes the activity log.
pub(super) async fn put(app: &App, visit: &Visit, id: &AppId, own: &Settings) -> Result<()> {
    let mut tx = app.db.write().await?;
    let row = authorize_app(&mut tx, &visit.actor, Access::Full, id).await?;
    let changes = product::put(&mut tx, id, own).await?;
    if !changes.is_empty() {
        let detail = product::detail(&changes);
        let change = Change::of_app(&row, "settings.update", &row.name).detail(&detail);
        audit::record(&mut tx, &visit.actor, change, app.clock.now()).await?;
    }
    tx.commit().await
}

async fn show(
    app: &App,
    visit: &Visit,
    id: &AppId,
    matter: Matter,
    (said, tried): (Said, Option<Settings>),
) -> Result<Response, PageFault> {
    let row = managed(app, visit, id).await?;
    let levels = levels(app, id).await?;
    let own = tried.as_ref().unwrap_or(&levels.own);
    let choice = Choice { groups: matter.groups, platform: Some(row.platform) };
    let fields = fields::show(choice, own, &below_app(&levels))?;
    let Head { shell, csrf, frame, sections } = Head::of(visit, &row, matter.section);
    let action = path(id, matter.section);
    let title = matter.title;
    let status = said.status();
    page::show(status, &Page { shell, csrf, frame, sections, said, title, action, fields })
}

fn saved(params: &Params) -> Result<Said> {
    Ok(match params.opt_str("done")?.as_deref() {
        Some("saved") => Said::done("Saved. Builds that are queued from now on use it."),
        Some("removed") => Said::done("The override is removed."),
        _ => Said::default(),
    })
}

async fn save_matter(
    app: &App,
    visit: &Visit,
    id: &AppId,
    matter: Matter,
    params: &Params,
) -> Result<Response, PageFault> {
    visit.check_form(app, params)?;
    let row = managed(app, visit, id).await?;
    let levels = levels(app, id).await?;
    let choice = Choice { groups: matter.groups, platform: Some(row.platform) };
    let mut tried = None;
    let outcome = async {
        let own = fields::read(choice, params, &levels.own, &below_app(&levels))?;
        let own = tried.insert(own);
        put(app, visit, id, own).await
    };
    match outcome.await {
        Ok(()) => page::redirect(&format!("{}?done=saved", path(id, matter.section))),
        Err(error) => show(app, visit, id, matter, (Said::problem(error)?, tried)).await,
    }
}

async fn show_build(
    State(app): State<Arc<App>>,
    visit: Visit,
    Place(id): Place<AppId>,
    params: Params,
) -> Result<Response, PageFault> {
    show(&app, &visit, &id, OF_BUILD, (saved(&params)?, None)).await
}

async fn save_build(
    State(app): State<Arc<App>>,
    visit: Visit,
    Place(id): Place<AppId>,
    params: Params,
) -> Result<Response, PageFault> {
    save_matter(&app, &visit, &id, OF_BUILD, &params).await
}

async fn show_tests(
    State(app): State<Arc<App>>,
    visit: Visit,
    Place(id): Place<AppId>,
    params: Params,
) -> Result<Response, PageFault> {
    show(&app, &visit, &id, OF_TESTS, (saved(&params)?, None)).await
}

async fn save_tests(
    State(app): State<Arc<App>>,
    visit: Visit,
    Place(id): Place<AppId>,
    params: Params,
) -> Result<Response, PageFault> {
    save_matter(&app, &visit, &id, OF_TESTS, &params).await
}

#[derive(Template)]
#[template(path = "settings/branches.html")]
struct Branches {
    shell: Shell,
    csrf: String,
    frame: AppFrame,
    sections: Vec<Link>,
    said: Said,
    typed: Typed,
    overrides: Vec<Row>,
    known: Vec<String>,
}

struct Row {
    kind: &'static str,
    name: String,
    /// Encoded for an address.
    query: String,
    sets: Vec<String>,
}

fn query(scope: &Scope) -> String {
    form_urlencoded::Serializer::new(String::new())
        .append_pair("kind", scope.kind())
        .append_pair("name", scope.name())
        .finish()
}

async fn list(
    State(app): State<Arc<App>>,
    visit: Visit,
    Place(id): Place<AppId>,
    params: Params,
) -> Result<Response, PageFault> {
    branches(&app, &visit, &id, saved(&params)?, Typed::default()).await
}

async fn branches(
    app: &App,
    visit: &Visit,
    id: &AppId,
    said: Said,
    typed: Typed,
) -> Result<Response, PageFault> {
    let row = managed(app, visit, id).await?;
    let mut tx = app.db.read().await?;
    let levels = product::levels(&mut tx, id).await?;
    let known = crate::db::apps::list_branches(&mut tx, id).await?;
    drop(tx);
    let nothing = Settings::default();
    let overrides = levels.overrides.iter().map(|one| Row {
        kind: one.scope.kind(),
        name: one.scope.name().to_owned(),
        query: query(&one.scope),
        sets: one.settings.changes(&nothing).iter().map(|change| short(change)).collect(),
    });
    let Head { shell, csrf, frame, sections } = Head::of(visit, &row, "/branches");
    let known = known.into_iter().filter(|b| b.deleted_at.is_none()).map(|b| b.name).collect();
    let overrides = overrides.collect();
    let status = said.status();
    page::show(status, &Branches { shell, csrf, frame, sections, said, typed, overrides, known })
}

/// `archive: not set -> true` as `archive: true`.
fn short(change: &str) -> String {
    change.replacen("not set -> ", "", 1)
}

fn scope_of(params: &Params) -> Result<Scope> {
    let name = required(params, "name")?;
    match &*required(params, "kind")? {
        "branch" => Ok(Scope::Branch(name)),
        "prefix" => Ok(Scope::Prefix(name)),
        _ => Err(Error::invalid_parameter("kind")),
    }
}

/// Leads to the form of an override that is still to be made.
async fn begin(
    State(app): State<Arc<App>>,
    visit: Visit,
    Place(id): Place<AppId>,
    params: Params,
) -> Result<Response, PageFault> {
    visit.check_form(&app, &params)?;
    managed(&app, &visit, &id).await?;
    let outcome = scope_of(&params).and_then(|scope| {
        product::check_scope(&scope)?;
        Ok(scope)
    });
    match outcome {
        Ok(scope) => page::redirect(&format!("{}?{}", path(&id, "/branches/edit"), query(&scope))),
        Err(error) => {
            let typed = Typed::of(&params, &["kind", "name"])?;
            branches(&app, &visit, &id, Said::problem(error)?, typed).await
        }
    }
}

#[derive(Template)]
#[template(path = "settings/branch.html")]
struct EditPage {
    shell: Shell,
    csrf: String,
    frame: AppFrame,
    sections: Vec<Link>,
    said: Said,
    kind: &'static str,
    name: String,
    is_new: bool,
    action: String,
    fields: Vec<Section>,
}

async fn edit(
    State(app): State<Arc<App>>,
    visit: Visit,
    Place(id): Place<AppId>,
    params: Params,
) -> Result<Response, PageFault> {
    let row = managed(&app, &visit, &id).await?;
    let scope = scope_of(&params)?;
    edit_page(&app, &visit, &row, (&scope, None), Said::default()).await
}

/// The settings of an override are laid over the app's.
fn below_override(levels: &Levels) -> Resolved {
    Levels { overrides: Vec::new(), ..levels.clone() }.resolve("")
}

async fn edit_page(
    app: &App,
    visit: &Visit,
    row: &AppRow,
    (scope, tried): (&Scope, Option<Settings>),
    said: Said,
) -> Result<Response, PageFault> {
    let levels = levels(app, &row.id).await?;
    let found = levels.overrides.iter().find(|one| one.scope == *scope);
    let kept = found.map(|one| one.settings.clone()).unwrap_or_default();
    let own = tried.unwrap_or(kept);
    let choice = Choice { groups: &Group::ALL, platform: Some(row.platform) };
    let fields = fields::show(choice, &own, &below_override(&levels))?;
    let Head { shell, csrf, frame, sections } = Head::of(visit, row, "/branches");
    let status = said.status();
    page::show(
        status,
        &EditPage {
            shell,
            csrf,
            frame,
            sections,
            said,
            kind: scope.kind(),
            name: scope.name().to_owned(),
            is_new: found.is_none(),
            action: path(&row.id, "/branches"),
            fields,
        },
    )
}

async fn save(
    State(app): State<Arc<App>>,
    visit: Visit,
    Place(id): Place<AppId>,
    params: Params,
) -> Result<Response, PageFault> {
    visit.check_form(&app, &params)?;
    let row = managed(&app, &visit, &id).await?;
    let scope = scope_of(&params)?;
    let levels = levels(&app, &id).await?;
    let choice = Choice { groups: &Group::ALL, platform: Some(row.platform) };
    let mut tried = None;
    let outcome = async {
        let found = levels.overrides.iter().find(|one| one.scope == scope);
        let kept = found.map(|one| one.settings.clone()).unwrap_or_default();
        let new = fields::read(choice, &params, &kept, &below_override(&levels))?;
        tried = Some(new.clone());
        let new = Override { scope: scope.clone(), settings: new };
        let mut tx = app.db.write().await?;
        let row = authorize_app(&mut tx, &visit.actor, Access::Full, &id).await?;
        let changes = product::put_override(&mut tx, &id, &new).await?;
        let subject = format!("{} {}", scope.kind(), scope.name());
        let detail = product::detail(&changes);
        let change = Change::of_app(&row, "settings.override.update", &subject).detail(&detail);
        audit::record(&mut tx, &visit.actor, change, app.clock.now()).await?;
        tx.commit().await
    };
    let outcome = outcome.await;
    match outcome {
        Ok(()) => page::redirect(&format!("{}?done=saved", path(&id, "/branches"))),
        Err(error) => edit_page(&app, &visit, &row, (&scope, tried), Said::problem(error)?).await,
    }
}

async fn delete(
    State(app): State<Arc<App>>,
    visit: Visit,
    Place(id): Place<AppId>,
    params: Params,
) -> Result<Response, PageFault> {
    visit.check_form(&app, &params)?;
    let scope = scope_of(&params)?;
    let mut tx = app.db.write().await?;
    let row = authorize_app(&mut tx, &visit.actor, Access::Full, &id).await?;
    product::delete_override(&mut tx, &id, &scope).await?;
    let subject = format!("{} {}", scope.kind(), scope.name());
    let change = Change::of_app(&row, "settings.override.delete", &subject);
    audit::record(&mut tx, &visit.actor, change, app.clock.now()).await?;
    tx.commit().await?;
    page::redirect(&format!("{}?done=removed", path(&id, "/branches")))
}
