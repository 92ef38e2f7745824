//! Signing in and out. The three failures are told apart as api.md 6.2 says.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::Response;

use crate::accounts::sign_in::{self, Attempt, Outcome, second_step};
use crate::accounts::{sessions, sso};
use crate::app::App;
use crate::dashboard::page::{self, PageFault, Shell};
use crate::dashboard::session::{Visit, clear_cookie, safe_return, set_cookie};
use crate::error::Result;
use crate::http::extract::Browser;
use crate::http::params::Params;
use crate::model::secret::Secret;

#[derive(Template, Default)]
#[template(path = "sign_in.html")]
struct SignIn {
    shell: Shell,
    next: String,
    email: String,
    by_token: bool,
    problem: Option<String>,
    notice: Option<&'static str>,
    buttons: Vec<Button>,
}

/// A way in by a provider.
struct Button {
    path: String,
    name: String,
}

impl SignIn {
    /// The page as it stands before anything was typed.
    async fn before(app: &App, next: &str) -> Result<Self> {
        let next = safe_return(next).to_owned();
        let mut tx = app.db.read().await?;
        let providers = sso::buttons(&mut tx).await?;
        let query =
            form_urlencoded::Serializer::new(String::new()).append_pair("next", &next).finish();
        let buttons = providers.into_iter().map(|provider| Button {
            path: format!("/sign-in/with/{}?{query}", provider.id),
            name: provider.name,
        });
        Ok(Self { next, buttons: buttons.collect(), ..Self::default() })
    }
}

/// The page with what went wrong.
pub async fn refused(
    app: &App,
    status: StatusCode,
    next: &str,
    problem: String,
) -> Result<Response, PageFault> {
    let page = SignIn { problem: Some(problem), ..SignIn::before(app, next).await? };
    page::show(status, &page)
}

/// The second step: the code of the authenticator app.
#[derive(Template)]
#[template(path = "sign_in_code.html")]
struct SecondStep {
    shell: Shell,
    next: String,
    /// Proves the first step.
    ticket: String,
    problem: Option<String>,
}

impl Default for Shell {
    fn default() -> Self {
        Self::public()
    }
}

pub async fn form(State(app): State<Arc<App>>, params: Params) -> Result<Response, PageFault> {
    let next = params.opt_str("next")?.unwrap_or_default();
    let notice = match params.opt_str("done")?.as_deref() {
        Some("reset") => Some("The password is set. Sign in with it."),
        Some("out") => Some("You are signed out."),
        Some("joined") => Some("The invitation is accepted. Sign in to see what is new."),
        _ => None,
    };
    page::ok(&SignIn { notice, ..SignIn::before(&app, &next).await? })
}

pub async fn by_password(
    State(app): State<Arc<App>>,
    browser: Browser,
    params: Params,
) -> Result<Response, PageFault> {
    let email = params.opt_str("email")?.unwrap_or_default();
    let password = Secret::new(params.opt_str("password")?.unwrap_or_default());
    let attempt = Attempt { email: &email, password: &password, code: None };
    let next = params.opt_str("next")?.unwrap_or_default();
    let outcome = sign_in::sign_in(&app, &attempt, browser.visitor()).await?;
    match &outcome {
        Outcome::SignedIn(token, _) => return welcome(&app, token, &next),
        Outcome::NeedsCode(ticket) => {
            let ticket = ticket.expose().to_owned();
            let next = safe_return(&next).into();
            return page::ok(&SecondStep { shell: Shell::public(), next, ticket, problem: None });
        }
        _ => {}
    }
    let page = SignIn {
        email: email.into_owned(),
        problem: outcome.problem().map(Into::into),
        ..SignIn::before(&app, &next).await?
    };
    page::show(StatusCode::UNAUTHORIZED, &page)
}

pub async fn by_code(
    State(app): State<Arc<App>>,
    browser: Browser,
    params: Params,
) -> Result<Response, PageFault> {
    let ticket = params.opt_str("ticket")?.unwrap_or_default();
    let code = params.opt_str("code")?.unwrap_or_default();
    let next = params.opt_str("next")?.unwrap_or_default();
    let outcome = second_step(&app, &ticket, &code, browser.visitor()).await?;
    let next_page = safe_return(&next).to_owned();
    match outcome {
        Some(Outcome::SignedIn(token, _)) => welcome(&app, &token, &next),
        None => {
            let problem = "That took too long. Type your password again.".into();
            refused(&app, StatusCode::UNAUTHORIZED, &next, problem).await
        }
        Some(other) => {
            let (ticket, problem) = (ticket.into_owned(), other.problem().map(Into::into));
            let page = SecondStep { shell: Shell::public(), next: next_page, ticket, problem };
            page::show(StatusCode::UNAUTHORIZED, &page)
        }
    }
}

/// The first sign-in of an administrator, who has a token and no password yet.
pub async fn by_token(
    State(app): State<Arc<App>>,
    browser: Browser,
    params: Params,
) -> Result<Response, PageFault> {
    let token = params.opt_str("token")?.unwrap_or_default();
    let next = params.opt_str("next")?.unwrap_or_default();
    let outcome = sign_in::by_token(&app, &token, browser.visitor()).await?;
    if let Outcome::SignedIn(session, _) = &outcome {
        return welcome(&app, session, &next);
    }
    let page = SignIn {
        by_token: true,
        problem: outcome.problem().map(Into::into),
        ..SignIn::before(&app, &next).await?
    };
    page::show(StatusCode::UNAUTHORIZED, &page)
}

/// Sets the cookie and leads on.
pub fn welcome(app: &App, session: &Secret, next: &str) -> Result<Response, PageFault> {
    let mut response = page::redirect(safe_return(next))?;
    response.headers_mut().insert(header::SET_COOKIE, set_cookie(app, session)?);
    Ok(response)
}

pub async fn sign_out(
    State(app): State<Arc<App>>,
    visit: Visit,
    params: Params,
) -> Result<Response, PageFault> {
    visit.check_form(&app, &params)?;
    let mut tx = app.db.write().await?;
    sessions::end(&mut tx, &visit.user.id, &visit.session).await?;
    tx.commit().await?;
    let mut response = page::redirect("/sign-in?done=out")?;
    response.headers_mut().insert(header::SET_COOKIE, clear_cookie());
    Ok(response)
}
