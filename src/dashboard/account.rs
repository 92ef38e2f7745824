//! My profile: password, signed-in browsers, access token.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use crate::accounts::{sessions, sign_in, tokens};
use crate::app::App;
use crate::dashboard::page::{self, PageFault, Shell};
use crate::dashboard::place::Place;
use crate::dashboard::session::Visit;
use crate::dashboard::words;
use crate::db;
use crate::error::{Error, Result};
use crate::http::params::Params;
use crate::model::account::{Token, User};
use crate::model::ids::SessionId;
use crate::model::secret::Secret;

#[derive(Template)]
#[template(path = "account.html")]
struct Account {
    shell: Shell,
    csrf: String,
    user: User,
    sessions: Vec<Row>,
    problem: Option<String>,
    notice: Option<&'static str>,
}

struct Row {
    id: String,
    browser: String,
    address: String,
    seen: String,
    current: bool,
}

pub async fn show(
    State(app): State<Arc<App>>,
    visit: Visit,
    params: Params,
) -> Result<Response, PageFault> {
    let notice = match params.opt_str("done")?.as_deref() {
        Some("password") => Some("The password is changed. Other browsers are signed out."),
        Some("session") => Some("That browser is signed out."),
        _ => None,
    };
    page::ok(&account(&app, &visit, None, notice).await?)
}

async fn account(
    app: &App,
    visit: &Visit,
    problem: Option<String>,
    notice: Option<&'static str>,
) -> Result<Account> {
    let now = app.clock.now();
    let mut tx = app.db.read().await?;
    let found = sessions::list(&mut tx, &visit.user.id, now).await?;
    drop(tx);
    let rows = found.into_iter().map(|session| Row {
        current: session.id == visit.session,
        id: session.id.to_string(),
        browser: session.browser,
        address: session.address,
        seen: words::ago(session.seen_at, now),
    });
    Ok(Account {
        shell: visit.shell(),
        csrf: visit.csrf().to_owned(),
        user: visit.user.clone(),
        sessions: rows.collect(),
        problem,
        notice,
    })
}

pub async fn change_password(
    State(app): State<Arc<App>>,
    visit: Visit,
    params: Params,
) -> Result<Response, PageFault> {
    visit.check_form(&app, &params)?;
    let current = Secret::new(params.opt_str("current_password")?.unwrap_or_default());
    let fresh = Secret::new(params.opt_str("password")?.unwrap_or_default());
    let user = &visit.user.id;
    match sign_in::change_password(&app, user, &current, &fresh, Some(&visit.session)).await {
        Ok(()) => page::redirect("/account?done=password"),
        Err(Error::Invalid(text)) => {
            let text = match text.contains("current_password") {
                true => "The current password is wrong.".to_owned(),
                false => text,
            };
            let page = account(&app, &visit, Some(text), None).await?;
            page::show(StatusCode::BAD_REQUEST, &page)
        }
        Err(error) => Err(error.into()),
    }
}

pub async fn end_session(
    State(app): State<Arc<App>>,
    visit: Visit,
    Place(id): Place<SessionId>,
    params: Params,
) -> Result<Response, PageFault> {
    visit.check_form(&app, &params)?;
    let mut tx = app.db.write().await?;
    sessions::end(&mut tx, &visit.user.id, &id).await?;
    tx.commit().await?;
    page::redirect("/account?done=session")
}

#[derive(Template)]
#[template(path = "access_token.html")]
struct AccessToken {
    shell: Shell,
    csrf: String,
    /// Shown this once.
    fresh: Option<String>,
    created: Option<String>,
    named: Vec<Named>,
    api: String,
}

struct Named {
    name: String,
    scope: &'static str,
    used: String,
}

pub async fn show_token(State(app): State<Arc<App>>, visit: Visit) -> Result<Response, PageFault> {
    page::ok(&access_token(&app, &visit, None).await?)
}

async fn access_token(app: &App, visit: &Visit, fresh: Option<Secret>) -> Result<AccessToken> {
    let now = app.clock.now();
    let mut tx = app.db.read().await?;
    let found = db::tokens::list(&mut tx, &visit.user.id).await?;
    drop(tx);
    let personal = found.iter().find(|token| token.name.is_none());
    let created = personal.map(|token| words::moment(token.created_at));
    let named = found.into_iter().filter_map(|token| {
        let Token { name: Some(name), scope, last_used_at, .. } = token else { return None };
        let used = last_used_at.map_or_else(|| "never".into(), |at| words::ago(at, now));
        Some(Named { name, scope: scope.as_str(), used })
    });
    Ok(AccessToken {
        shell: visit.shell(),
        csrf: visit.csrf().to_owned(),
        fresh: fresh.map(|token| token.expose().to_owned()),
        created,
        named: named.collect(),
        api: app.settings.public_url.clone(),
    })
}

/// A fresh personal token on the page that answers the form: it is never in an
/// address, and reloading the page asks before it is posted again.
pub async fn rotate_token(
    State(app): State<Arc<App>>,
    visit: Visit,
    params: Params,
) -> Result<Response, PageFault> {
    visit.check_form(&app, &params)?;
    let mut tx = app.db.write().await?;
    let token = tokens::issue_token(&mut tx, &visit.user.id, app.clock.now()).await?;
    tx.commit().await?;
    page::ok(&access_token(&app, &visit, Some(token)).await?)
}
