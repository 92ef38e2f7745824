//! What comes after adding an app: its first build, and its webhook, which a
//! connected account makes in one click or a person enters by hand (TRG-4,
//! APP-13). The page waits for the first delivery.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use axum::routing::{get, post};

use crate::accounts::audit::{self, Change};
use crate::accounts::authorize_app;
use crate::app::App;
use crate::apps::{providers, webhook};
use crate::dashboard::page::{self, PageFault, Shell};
use crate::dashboard::place::Place;
use crate::dashboard::session::Visit;
use crate::dashboard::words::{self, Shown};
use crate::db;
use crate::db::builds::Filter;
use crate::error::Result;
use crate::git::providers::{AskError, host_and_path};
use crate::http::params::Params;
use crate::http::reply;
use crate::model::account::Access;
use crate::model::app::App as AppRow;
use crate::model::ids::AppId;

pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/apps/{app_id}/connected", get(show))
        .route("/apps/{app_id}/connected/heard", get(heard))
        .route("/apps/{app_id}/connected/webhook", post(make))
}

#[derive(Template)]
#[template(path = "connected.html")]
struct Connected {
    shell: Shell,
    csrf: String,
    app: AppRow,
    build: Option<Shown>,
    build_failed: bool,
    webhook_url: String,
    hint: Hint,
    /// The connected account that can make the webhook.
    keeper: Option<String>,
    is_made: bool,
    refusal: Option<Refusal>,
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

/// Why a connected account made no webhook, for a person.
pub(super) struct Refusal {
    pub what: String,
    pub fix: &'static str,
}

impl Refusal {
    fn of(error: &AskError) -> Self {
        Self { what: error.to_string(), fix: error.fix() }
    }
}

/// Makes the app's webhook with the connection of its organisation that is on
/// the repository's host. No transaction may be open.
pub(super) async fn make_webhook(
    app: &App,
    visit: &Visit,
    id: &AppId,
) -> Result<Result<(), Refusal>> {
    let mut tx = app.db.read().await?;
    let row = authorize_app(&mut tx, &visit.actor, Access::Full, id).await?;
    let keeper = providers::keeper(&mut tx, &row).await?;
    drop(tx);
    let Some(connection) = keeper else {
        let what = "No connected account is on the host of this repository.".into();
        return Ok(Err(Refusal { what, fix: "Enter the address by hand." }));
    };
    let made = match providers::make_webhook(app, &row, &connection).await? {
        Ok(made) => made,
        Err(error) => return Ok(Err(Refusal::of(&error))),
    };
    let mut tx = app.db.write().await?;
    let row = authorize_app(&mut tx, &visit.actor, Access::Full, id).await?;
    providers::keep_secret(app, &mut tx, &row, &made).await?;
    let change = Change::of_app(&row, "app.webhook.make", &row.name).detail(&connection.name);
    audit::record(&mut tx, &visit.actor, change, app.clock.now()).await?;
    tx.commit().await?;
    Ok(Ok(()))
}

async fn show(
    State(app): State<Arc<App>>,
    visit: Visit,
    Place(id): Place<AppId>,
    params: Params,
) -> Result<Response, PageFault> {
    let build_failed = params.opt_str("build")?.as_deref() == Some("failed");
    let is_made = params.opt_str("hook")?.as_deref() == Some("made");
    let page = page_of(&app, &visit, &id, None).await?;
    page::ok(&Connected { build_failed, is_made, ..page })
}

async fn make(
    State(app): State<Arc<App>>,
    visit: Visit,
    Place(id): Place<AppId>,
    params: Params,
) -> Result<Response, PageFault> {
    visit.check_form(&app, &params)?;
    match make_webhook(&app, &visit, &id).await? {
        Ok(()) => page::redirect(&format!("/apps/{id}/connected?hook=made")),
        Err(refusal) => {
            let page = page_of(&app, &visit, &id, Some(refusal)).await?;
            page::show(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
    }
}

async fn page_of(
    app: &App,
    visit: &Visit,
    id: &AppId,
    refusal: Option<Refusal>,
) -> Result<Connected> {
    let now = app.clock.now();
    let mut tx = app.db.read().await?;
    let row = authorize_app(&mut tx, &visit.actor, Access::Full, id).await?;
    let newest = db::builds::list(&mut tx, id, &Filter::default(), 1).await?;
    let first = db::deliveries::find_first_heard(&mut tx, id).await?;
    let keeper = providers::keeper(&mut tx, &row).await?;
    drop(tx);
    Ok(Connected {
        shell: visit.shell(),
        csrf: visit.csrf().to_owned(),
        build: newest.first().map(|build| Shown::of(build, now)),
        build_failed: false,
        webhook_url: webhook::url(app, id),
        hint: webhook_hint(&row.repo_url),
        keeper: keeper.map(|connection| connection.name),
        is_made: false,
        refusal,
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
