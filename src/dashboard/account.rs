//! My profile: name, password, signed-in browsers.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};

use crate::accounts::audit::{self, Change};
use crate::accounts::{self, sessions, sign_in};
use crate::app::App;
use crate::dashboard::forms::{Said, text};
use crate::dashboard::page::{self, PageFault, Shell};
use crate::dashboard::place::Place;
use crate::dashboard::session::Visit;
use crate::dashboard::words;
use crate::error::Result;
use crate::http::params::Params;
use crate::model::account::User;
use crate::model::ids::SessionId;
use crate::model::secret::Secret;

pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/account", get(show))
        .route("/account/name", post(rename))
        .route("/account/password", post(change_password))
        .route("/account/sessions/{session_id}/end", post(end_session))
        .route("/account/sessions/end-others", post(end_others))
}

#[derive(Template)]
#[template(path = "account.html")]
struct Account {
    shell: Shell,
    csrf: String,
    said: Said,
    user: User,
    has_password: bool,
    has_second_factor: bool,
    sessions: Vec<Row>,
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
    let said = match params.opt_str("done")?.as_deref() {
        Some("name") => Said::done("Your name is changed."),
        Some("password") => Said::done("The password is changed. Other browsers are signed out."),
        Some("session") => Said::done("That browser is signed out."),
        Some("sessions") => Said::done("All other browsers are signed out."),
        _ => Said::default(),
    };
    page::ok(&account(&app, &visit, said).await?)
}

async fn account(app: &App, visit: &Visit, said: Said) -> Result<Account> {
    let now = app.clock.now();
    let mut tx = app.db.read().await?;
    let found = sessions::list(&mut tx, &visit.user.id, now).await?;
    let has_password = sign_in::has_password(&mut tx, &visit.user.id).await?;
    let (has_second_factor, _) = sign_in::totp_state(&mut tx, &visit.user.id).await?;
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
        said,
        user: visit.user.clone(),
        has_password,
        has_second_factor,
        sessions: rows.collect(),
    })
}

/// Leads on, or shows the page again with what is wrong.
async fn answer(
    app: &App,
    visit: &Visit,
    outcome: Result<()>,
    done: &str,
) -> Result<Response, PageFault> {
    match outcome {
        Ok(()) => page::redirect(&format!("/account?done={done}")),
        Err(error) => {
            let said = Said::problem(error)?;
            let page = account(app, visit, said).await?;
            page::show(page.said.status(), &page)
        }
    }
}

async fn rename(
    State(app): State<Arc<App>>,
    visit: Visit,
    params: Params,
) -> Result<Response, PageFault> {
    visit.check_form(&app, &params)?;
    let name = text(&params, "name")?;
    let outcome = async {
        let mut tx = app.db.write().await?;
        accounts::rename(&mut tx, &visit.user, &name).await?;
        tx.commit().await
    };
    let outcome = outcome.await;
    answer(&app, &visit, outcome, "name").await
}

async fn change_password(
    State(app): State<Arc<App>>,
    visit: Visit,
    params: Params,
) -> Result<Response, PageFault> {
    visit.check_form(&app, &params)?;
    let current = Secret::new(text(&params, "current_password")?);
    let fresh = Secret::new(text(&params, "password")?);
    let mut tx = app.db.read().await?;
    let has_password = sign_in::has_password(&mut tx, &visit.user.id).await?;
    drop(tx);
    let outcome = async {
        if has_password {
            sign_in::prove(&app, &visit.user, &current).await?;
        }
        let user = &visit.user.id;
        sign_in::change_password(&app, user, &current, &fresh, Some(&visit.session)).await?;
        let mut tx = app.db.write().await?;
        let change = Change::of_account("password.change", &visit.user.email);
        audit::record(&mut tx, &visit.actor, change, app.clock.now()).await?;
        tx.commit().await
    };
    let outcome = outcome.await;
    answer(&app, &visit, outcome, "password").await
}

async fn end_session(
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

async fn end_others(
    State(app): State<Arc<App>>,
    visit: Visit,
    params: Params,
) -> Result<Response, PageFault> {
    visit.check_form(&app, &params)?;
    let mut tx = app.db.write().await?;
    sessions::end_others(&mut tx, &visit.user.id, Some(&visit.session)).await?;
    tx.commit().await?;
    page::redirect("/account?done=sessions")
}
