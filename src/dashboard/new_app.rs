//! Adding an app: paste a URL or pick a repository, see that it answers and what
//! is in it, and name it (APP-2). Each step is a form of its own; the URL, which
//! may hold a token, travels sealed between them.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};

use crate::accounts::audit::{self, Change};
use crate::accounts::authorize_new_app;
use crate::app::App;
use crate::apps::connection::{self, Connection, Obstacle};
use crate::apps::{self, NewApp, settings};
use crate::builds::trigger::{Request, trigger};
use crate::dashboard::forms::{Said, Typed, required, text};
use crate::dashboard::page::{self, PageFault, Shell};
use crate::dashboard::pick::{self, Source};
use crate::dashboard::session::Visit;
use crate::db;
use crate::db::organisations::SeenOrganisation;
use crate::distribution::groups::add_team;
use crate::error::{Error, Result};
use crate::http::params::Params;
use crate::model::account::Role;
use crate::model::app::{App as AppRow, Platform};
use crate::model::build::Trigger;
use crate::model::ids::OrgId;
use crate::model::settings::Settings;

pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/apps/new", get(ask).post(test))
        .route("/apps/new/add", post(add))
        .route("/apps/wizard/build/select-repo", get(old_address))
        .route("/apps/wizard/build/select-source", get(old_address))
}

async fn old_address() -> Result<Response, PageFault> {
    page::redirect("/apps/new")
}

#[derive(Template)]
#[template(path = "new_app.html")]
struct Ask {
    shell: Shell,
    csrf: String,
    said: Said,
    typed: Typed,
    orgs: Vec<Org>,
    /// Connected accounts to pick from instead.
    sources: Vec<Source>,
    /// Where an owner connects one.
    connect: Option<String>,
    obstacle: Option<Obstacle>,
    public_key: Option<String>,
}

/// Where the person may add apps.
struct Org {
    id: String,
    name: String,
}

async fn ask(State(app): State<Arc<App>>, visit: Visit) -> Result<Response, PageFault> {
    page::ok(&ask_page(&app, &visit, Said::default(), Typed::default(), None).await?)
}

async fn ask_page(
    app: &App,
    visit: &Visit,
    said: Said,
    typed: Typed,
    hindered: Option<(Obstacle, OrgId)>,
) -> Result<Ask> {
    let mut tx = app.db.write().await?;
    let seen = db::organisations::list_seen(&mut tx, &visit.user.id, visit.actor.is_admin).await?;
    let is_admin = visit.actor.is_admin;
    let is = |org: &SeenOrganisation, role: Role| org.role.as_deref() == Some(role.as_str());
    let owned = seen.iter().find(|org| is_admin || is(org, Role::Owner));
    let connect = owned.map(|org| format!("/organisations/{}/providers", org.id));
    let mine = seen.into_iter();
    let mine = mine.filter(|org| is_admin || (org.role.is_some() && !is(org, Role::Read)));
    let mine: Vec<_> = mine.map(|org| (org.id, org.name)).collect();
    let sources = pick::sources(&mut tx, &mine).await?;
    let orgs = mine.into_iter().map(|(id, name)| Org { id: id.to_string(), name }).collect();
    let public_key = match &hindered {
        Some((obstacle, org)) if obstacle.needs_key => {
            Some(connection::public_key(app, &mut tx, org).await?)
        }
        _ => None,
    };
    tx.commit().await?;
    let obstacle = hindered.map(|(obstacle, _)| obstacle);
    let csrf = visit.csrf().to_owned();
    let shell = visit.shell();
    Ok(Ask { shell, csrf, said, typed, orgs, sources, connect, obstacle, public_key })
}

#[derive(Template)]
#[template(path = "new_app_found.html")]
struct Found {
    shell: Shell,
    csrf: String,
    said: Said,
    typed: Typed,
    org_id: String,
    sealed_url: String,
    url: String,
    has_credential: bool,
    /// The connected account that opened it.
    opened_by: Option<String>,
    branches: usize,
    default_branch: Option<String>,
    /// Both platforms, with what speaks for each.
    platforms: Vec<Offer>,
    schemes: Vec<String>,
    instructions: Vec<String>,
    is_known: bool,
}

struct Offer {
    value: &'static str,
    name: &'static str,
    reasons: Vec<String>,
}

/// The organisation of the form, if the person may add apps to it.
async fn org_of(app: &App, visit: &Visit, params: &Params) -> Result<OrgId> {
    let named: Option<OrgId> = params.opt("organisation")?;
    let mut tx = app.db.read().await?;
    authorize_new_app(&mut tx, &visit.actor, named.as_ref()).await
}

async fn test(
    State(app): State<Arc<App>>,
    visit: Visit,
    params: Params,
) -> Result<Response, PageFault> {
    visit.check_form(&app, &params)?;
    let org = org_of(&app, &visit, &params).await?;
    let tested = async {
        let url = required(&params, "repo_url")?;
        Ok((connection::test(&app, &org, &url).await?, url))
    };
    // A token in the URL is not written into a page again.
    let kept = || -> Result<Typed> {
        let (bare, _) = apps::split_credential(&text(&params, "repo_url")?);
        Ok(Typed::default().with("repo_url", bare).with("organisation", org.as_str()))
    };
    match tested.await {
        Err(error) => {
            let said = Said::problem(error)?;
            let page = ask_page(&app, &visit, said, kept()?, None).await?;
            page::show(page.said.status(), &page)
        }
        Ok((Err(obstacle), _)) => {
            let hindered = Some((obstacle, org.clone()));
            let page = ask_page(&app, &visit, Said::default(), kept()?, hindered).await?;
            page::show(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
        Ok((Ok(found), url)) => {
            let sealed = connection::carry(&app, &visit.user.id, &url);
            let typed = Typed::default()
                .with("app_name", connection::suggested_name(&found.url))
                .with("build", "1");
            page::ok(&found_page(&visit, Said::default(), typed, (org, sealed), found))
        }
    }
}

fn found_page(
    visit: &Visit,
    said: Said,
    mut typed: Typed,
    (org, sealed_url): (OrgId, String),
    found: Connection,
) -> Found {
    let is_known = found.project.is_some();
    let project = found.project.unwrap_or_default();
    let reasons = |platform| {
        let of = project.targets.iter().find(|target| target.platform == platform);
        of.map(|target| target.reasons.clone()).unwrap_or_default()
    };
    let platforms = vec![
        Offer { value: "android", name: "Android", reasons: reasons(Platform::Android) },
        Offer { value: "ios", name: "iOS, tvOS or watchOS", reasons: reasons(Platform::Ios) },
    ];
    for offer in platforms.iter().filter(|offer| !offer.reasons.is_empty()) {
        typed = typed.with(offer.value, "1");
    }
    Found {
        shell: visit.shell(),
        csrf: visit.csrf().to_owned(),
        said,
        typed,
        org_id: org.to_string(),
        sealed_url,
        url: found.url,
        has_credential: found.has_credential,
        opened_by: found.opened_by,
        branches: found.refs.branches.len(),
        default_branch: found.refs.default_branch,
        platforms,
        schemes: project.targets.iter().flat_map(|target| target.schemes.clone()).collect(),
        instructions: project.instructions,
        is_known,
    }
}

async fn add(
    State(app): State<Arc<App>>,
    visit: Visit,
    params: Params,
) -> Result<Response, PageFault> {
    visit.check_form(&app, &params)?;
    let org = org_of(&app, &visit, &params).await?;
    let sealed = params.opt_text("sealed_url", 16 << 10)?.unwrap_or_default().into_owned();
    let url = connection::carried(&app, &visit.user.id, &sealed)?;
    match make(&app, &visit, &org, url.expose(), &params).await {
        Ok(rows) => {
            let mut build = String::new();
            if params.opt_bool("build")?.unwrap_or(false) {
                for row in &rows {
                    if start(&app, &visit, row).await.is_err() {
                        build = "?build=failed".into();
                    }
                }
            }
            let first = rows.first().ok_or_else(|| Error::bug("adding apps", "none was added"))?;
            page::redirect(&format!("/apps/{}/connected{build}", first.id))
        }
        Err(error) => {
            let said = Said::problem(error)?;
            // Asked again: what was found is not carried from page to page.
            let Ok(found) = connection::test(&app, &org, url.expose()).await? else {
                return page::redirect("/apps/new");
            };
            let typed = Typed::of(&params, &["app_name", "android", "ios", "build", "schemes"])?;
            let page = found_page(&visit, said, typed, (org, sealed), found);
            page::show(page.said.status(), &page)
        }
    }
}

/// Adds one app for each platform that was chosen.
async fn make(
    app: &App,
    visit: &Visit,
    org: &OrgId,
    url: &str,
    params: &Params,
) -> Result<Vec<AppRow>> {
    let name = required(params, "app_name")?;
    let mut platforms = Vec::new();
    for platform in [Platform::Android, Platform::Ios] {
        if params.opt_bool(platform.as_str())?.unwrap_or(false) {
            platforms.push(platform);
        }
    }
    if platforms.is_empty() {
        return Err(Error::Invalid("platform: choose at least one".into()));
    }
    let scheme = text(params, "scheme")?;
    let mut tx = app.db.write().await?;
    let mut rows = Vec::new();
    for platform in &platforms {
        let name = match (platforms.len(), platform) {
            (1, _) => name.clone(),
            (_, Platform::Android) => format!("{name} (Android)"),
            (_, Platform::Ios) => format!("{name} (iOS)"),
        };
        let new = NewApp { org, name: &name, platform: *platform, repo_url: url };
        let row = apps::add(app, &mut tx, &new).await?;
        let creator = std::slice::from_ref(&visit.user.email);
        add_team(&mut tx, &row, creator, row.created_at).await?;
        if *platform == Platform::Ios && !scheme.is_empty() {
            let own = Settings { schemes: Some(vec![scheme.clone()]), ..Settings::default() };
            settings::put(&mut tx, &row.id, &own).await?;
        }
        let change = Change::of_app(&row, "app.add", &row.name);
        audit::record(&mut tx, &visit.actor, change, row.created_at).await?;
        rows.push(row);
    }
    tx.commit().await?;
    Ok(rows)
}

/// The first build, of the default branch.
async fn start(app: &App, visit: &Visit, row: &AppRow) -> Result<()> {
    let branch = apps::resolve_branch(app, row, None).await?;
    let mut tx = app.db.write().await?;
    trigger(app, &mut tx, &Request::tip(row, &branch, Trigger::Ui, Some(&visit.user.id))).await?;
    tx.commit().await
}
