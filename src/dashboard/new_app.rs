//! Adding an app: paste a URL, see that the repository answers and what is in
//! it, name it, and get the webhook's address (APP-2). Each step is a form of
//! its own; the URL, which may hold a token, travels sealed between them.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use axum::routing::{get, post};

use crate::accounts::audit::{self, Change};
use crate::accounts::{authorize_app, authorize_new_app};
use crate::app::App;
use crate::apps::connection::{self, Connection, Obstacle};
use crate::apps::{self, NewApp, settings, webhook};
use crate::builds::trigger::{Request, trigger};
use crate::dashboard::forms::{Said, Typed, required, text};
use crate::dashboard::page::{self, PageFault, Shell};
use crate::dashboard::place::Place;
use crate::dashboard::session::Visit;
use crate::dashboard::words::{self, Shown};
use crate::db;
use crate::db::builds::Filter;
use crate::distribution::groups::add_team;
use crate::error::{Error, Result};
use crate::git::providers::host_and_path;
use crate::http::params::Params;
use crate::http::reply;
use crate::model::account::{Access, Role};
use crate::model::app::{App as AppRow, Platform};
use crate::model::build::Trigger;
use crate::model::ids::{AppId, OrgId};
use crate::model::settings::Settings;

pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/apps/new", get(ask).post(test))
        .route("/apps/new/add", post(add))
        .route("/apps/{app_id}/connected", get(connected))
        .route("/apps/{app_id}/connected/heard", get(heard))
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
    let orgs = seen.into_iter().filter(|org| {
        visit.actor.is_admin || org.role.as_deref().is_some_and(|role| role != Role::Read.as_str())
    });
    let orgs = orgs.map(|org| Org { id: org.id.to_string(), name: org.name }).collect();
    let public_key = match &hindered {
        Some((obstacle, org)) if obstacle.needs_key => {
            Some(connection::public_key(app, &mut tx, org).await?)
        }
        _ => None,
    };
    tx.commit().await?;
    let obstacle = hindered.map(|(obstacle, _)| obstacle);
    let csrf = visit.csrf().to_owned();
    Ok(Ask { shell: visit.shell(), csrf, said, typed, orgs, obstacle, public_key })
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

#[derive(Template)]
#[template(path = "connected.html")]
struct Connected {
    shell: Shell,
    app: AppRow,
    build: Option<Shown>,
    build_failed: bool,
    webhook_url: String,
    hint: Hint,
    /// When the first delivery came, and what it was.
    heard: Option<String>,
}

/// Where hooks are entered at the provider of a URL.
pub(super) struct Hint {
    pub text: &'static str,
    pub link: Option<String>,
}

/// Of the hosted providers the page is known.
pub(super) fn webhook_hint(repo_url: &str) -> Hint {
    let Some((host, path)) = host_and_path(repo_url) else {
        return Hint { text: LOCAL, link: None };
    };
    let path = path.trim_matches('/').trim_end_matches(".git");
    let link = match host {
        "github.com" => Some(format!("https://github.com/{path}/settings/hooks/new")),
        "gitlab.com" => Some(format!("https://gitlab.com/{path}/-/hooks")),
        "bitbucket.org" => Some(format!("https://bitbucket.org/{path}/admin/webhooks")),
        _ => None,
    };
    let text = match host {
        "github.com" => "GitHub: any content type; the events “pushes” and “pull requests”.",
        "gitlab.com" => "GitLab: push events, tag push events and merge request events.",
        "bitbucket.org" => {
            "Bitbucket: repository push; pull request created, updated, merged \
            and declined."
        }
        _ => "Your repository server: push, tag and pull-request events, as JSON.",
    };
    Hint { text, link }
}

const LOCAL: &str = "A folder has no webhooks: call the address from its post-receive hook, or \
    let the server find new commits by looking.";

async fn connected(
    State(app): State<Arc<App>>,
    visit: Visit,
    Place(id): Place<AppId>,
    params: Params,
) -> Result<Response, PageFault> {
    let build_failed = params.opt_str("build")?.as_deref() == Some("failed");
    let now = app.clock.now();
    let mut tx = app.db.read().await?;
    let row = authorize_app(&mut tx, &visit.actor, Access::Full, &id).await?;
    let newest = db::builds::list(&mut tx, &id, &Filter::default(), 1).await?;
    let first = db::deliveries::find_first_heard(&mut tx, &id).await?;
    drop(tx);
    page::ok(&Connected {
        shell: visit.shell(),
        build: newest.first().map(|build| Shown::of(build, now)),
        build_failed,
        webhook_url: webhook::url(&app, &id),
        hint: webhook_hint(&row.repo_url),
        heard: first.map(|(provider, at)| format!("{provider}, {}", words::ago(at, now))),
        app: row,
    })
}

/// `yes` once something was delivered; for the script of the page that waits.
async fn heard(
    State(app): State<Arc<App>>,
    visit: Visit,
    Place(id): Place<AppId>,
) -> Result<Response, PageFault> {
    let mut tx = app.db.read().await?;
    authorize_app(&mut tx, &visit.actor, Access::Read, &id).await?;
    let first = db::deliveries::find_first_heard(&mut tx, &id).await?;
    let answer = if first.is_some() { "yes\n" } else { "no\n" };
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    let mut response = reply::with_type(StatusCode::OK, plain, Body::from(answer));
    let no_store = HeaderValue::from_static("no-store");
    response.headers_mut().insert(axum::http::header::CACHE_CONTROL, no_store);
    Ok(response)
}
