//! Whose account tells the provider of builds, and what it was told last
//! (STA-1, APP-6).

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};

use super::{Head, path};
use crate::accounts::audit::{self, Change};
use crate::accounts::authorize_app;
use crate::app::App;
use crate::builds::statuses::{self as product, NewAccount, Teller};
use crate::dashboard::connections::{KINDS, kind_name};
use crate::dashboard::forms::{Said, Typed, required, text};
use crate::dashboard::frame::{AppFrame, Link};
use crate::dashboard::page::{self, PageFault, Shell};
use crate::dashboard::place::Place;
use crate::dashboard::session::Visit;
use crate::dashboard::words;
use crate::db;
use crate::error::{Error, Result};
use crate::http::params::Params;
use crate::model::account::Access;
use crate::model::ids::AppId;
use crate::model::secret::Secret;
use crate::model::status::CommitStatus;
use crate::model::time::Millis;

const SECTION: &str = "/statuses";
/// States on the page.
const SHOWN: i64 = 30;

pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/apps/{app_id}/settings/statuses", get(show).post(set))
        .route("/apps/{app_id}/settings/statuses/remove", post(remove))
}

#[derive(Template)]
#[template(path = "settings/statuses.html")]
struct Page {
    shell: Shell,
    csrf: String,
    frame: AppFrame,
    sections: Vec<Link>,
    said: Said,
    typed: Typed,
    account: Option<Account>,
    /// The organisation's connected accounts.
    connections: String,
    kinds: [(&'static str, &'static str); 5],
    told: Vec<Row>,
}

/// Whose account is used.
struct Account {
    kind: &'static str,
    base_url: String,
    set: String,
    /// Of the organisation's connection; `None` for the app's own.
    name: Option<String>,
}

impl Account {
    fn of(teller: Teller, now: Millis) -> Self {
        let (provider, base_url, at, name) = match teller {
            Teller::Own(own) => (own.provider, own.base_url, own.created_at, None),
            Teller::Shared(shared) => {
                (shared.provider, shared.base_url, shared.token_set_at, Some(shared.name))
            }
        };
        Self { kind: kind_name(provider), base_url, set: words::ago(at, now), name }
    }
}

/// A state that the provider was or will be told.
struct Row {
    build: String,
    sha: String,
    state: &'static str,
    description: String,
    delivery: String,
    error: Option<String>,
    when: String,
}

impl Row {
    fn of(status: CommitStatus, now: Millis) -> Self {
        let delivery = match (status.outcome.as_deref(), status.tries) {
            (Some(outcome), 1) => outcome.to_owned(),
            (Some(outcome), tries) => format!("{outcome} after {tries} tries"),
            (None, 0) => "waiting".to_owned(),
            (None, tries) => format!("waiting after {tries} tries"),
        };
        Self {
            build: status.build_id.to_string(),
            sha: status.sha.chars().take(8).collect(),
            state: status.state.as_str(),
            description: status.description,
            delivery,
            error: status.last_error,
            when: words::ago(status.sent_at.unwrap_or(status.created_at), now),
        }
    }
}

async fn show(
    State(app): State<Arc<App>>,
    visit: Visit,
    Place(id): Place<AppId>,
    params: Params,
) -> Result<Response, PageFault> {
    let said = match params.opt_str("done")?.as_deref() {
        Some("set") => Said::done("From its next build on this account tells of the app."),
        Some("removed") => Said::done("The app has no account of its own any more."),
        _ => Said::default(),
    };
    page_of(&app, &visit, &id, said, Typed::default()).await
}

async fn page_of(
    app: &App,
    visit: &Visit,
    id: &AppId,
    said: Said,
    typed: Typed,
) -> Result<Response, PageFault> {
    let now = app.clock.now();
    let mut tx = app.db.read().await?;
    let row = authorize_app(&mut tx, &visit.actor, Access::Full, id).await?;
    let teller = product::account_of(&mut tx, id, &row.repo_url).await?;
    let told = db::statuses::list_newest(&mut tx, id, SHOWN).await?;
    drop(tx);
    let Head { shell, csrf, frame, sections } = Head::of(visit, &row, SECTION);
    let status = said.status();
    page::show(
        status,
        &Page {
            shell,
            csrf,
            frame,
            sections,
            said,
            typed,
            account: teller.map(|teller| Account::of(teller, now)),
            connections: format!("/organisations/{}/providers", row.org_id),
            kinds: KINDS,
            told: told.into_iter().map(|status| Row::of(status, now)).collect(),
        },
    )
}

async fn change(app: &App, visit: &Visit, id: &AppId, params: &Params) -> Result<()> {
    let provider = required(params, "provider")?;
    let provider = provider.parse().map_err(|_| Error::invalid_parameter("provider"))?;
    let base_url = text(params, "base_url")?;
    let base_url = Some(base_url.trim()).filter(|url| !url.is_empty());
    let token = Secret::new(required(params, "token")?);
    let mut tx = app.db.write().await?;
    let row = authorize_app(&mut tx, &visit.actor, Access::Full, id).await?;
    let new = NewAccount { provider, base_url, token: &token };
    let account = product::set_account(app, &mut tx, &row, &new).await?;
    let change = Change::of_app(&row, "app.provider.set", account.provider.as_str());
    audit::record(&mut tx, &visit.actor, change.detail(&account.base_url), account.created_at)
        .await?;
    tx.commit().await
}

async fn set(
    State(app): State<Arc<App>>,
    visit: Visit,
    Place(id): Place<AppId>,
    params: Params,
) -> Result<Response, PageFault> {
    visit.check_form(&app, &params)?;
    match change(&app, &visit, &id, &params).await {
        Ok(()) => page::redirect(&format!("{}?done=set", path(&id, SECTION))),
        Err(error) => {
            let typed = Typed::of(&params, &["provider", "base_url"])?;
            page_of(&app, &visit, &id, Said::problem(error)?, typed).await
        }
    }
}

async fn remove(
    State(app): State<Arc<App>>,
    visit: Visit,
    Place(id): Place<AppId>,
    params: Params,
) -> Result<Response, PageFault> {
    visit.check_form(&app, &params)?;
    let mut tx = app.db.write().await?;
    let row = authorize_app(&mut tx, &visit.actor, Access::Full, &id).await?;
    let own = db::statuses::find_provider(&mut tx, &id).await?.ok_or_else(Error::not_found)?;
    db::statuses::delete_provider(&mut tx, &id).await?;
    let change = Change::of_app(&row, "app.provider.remove", own.provider.as_str());
    audit::record(&mut tx, &visit.actor, change, app.clock.now()).await?;
    tx.commit().await?;
    page::redirect(&format!("{}?done=removed", path(&id, SECTION)))
}
