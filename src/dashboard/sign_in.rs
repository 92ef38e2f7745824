//! Signing in and out. The three failures are told apart as api.md 6.2 says.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::Response;

use crate::accounts::sessions;
use crate::accounts::sign_in::{Attempt, Outcome, sign_in};
use crate::accounts::tokens;
use crate::app::App;
use crate::dashboard::page::{self, PageFault, Shell};
use crate::dashboard::session::{Visit, clear_cookie, safe_return, set_cookie};
use crate::error::Result;
use crate::http::extract::Browser;
use crate::http::params::Params;
use crate::model::account::Scope;
use crate::model::secret::Secret;

#[derive(Template, Default)]
#[template(path = "sign_in.html")]
struct SignIn {
    shell: Shell,
    next: String,
    email: String,
    needs_code: bool,
    by_token: bool,
    problem: Option<&'static str>,
    notice: Option<&'static str>,
}

impl Default for Shell {
    fn default() -> Self {
        Self::public()
    }
}

pub async fn form(params: Params) -> Result<Response, PageFault> {
    let next = params.opt_str("next")?.unwrap_or_default();
    let notice = match params.opt_str("done")?.as_deref() {
        Some("reset") => Some("The password is set. Sign in with it."),
        Some("out") => Some("You are signed out."),
        _ => None,
    };
    page::ok(&SignIn { next: safe_return(&next).into(), notice, ..SignIn::default() })
}

pub async fn by_password(
    State(app): State<Arc<App>>,
    browser: Browser,
    params: Params,
) -> Result<Response, PageFault> {
    let email = params.opt_str("email")?.unwrap_or_default();
    let password = Secret::new(params.opt_str("password")?.unwrap_or_default());
    let code = params.opt_str("code")?;
    let attempt = Attempt { email: &email, password: &password, code: code.as_deref() };
    let next = params.opt_str("next")?.unwrap_or_default();
    let outcome = sign_in(&app, &attempt, browser.visitor()).await?;
    if let Outcome::SignedIn(token, _) = &outcome {
        return welcome(&app, token, &next);
    }
    let page = SignIn {
        next: safe_return(&next).into(),
        email: email.into_owned(),
        needs_code: code.is_some() || matches!(outcome, Outcome::NeedsCode),
        problem: outcome.problem(),
        ..SignIn::default()
    };
    page::show(StatusCode::UNAUTHORIZED, &page)
}

/// The first sign-in of an administrator, who has a token and no password yet.
pub async fn by_token(
    State(app): State<Arc<App>>,
    browser: Browser,
    params: Params,
) -> Result<Response, PageFault> {
    let token = params.opt_str("token")?.unwrap_or_default();
    let next = params.opt_str("next")?.unwrap_or_default();
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let actor = tokens::find_actor(&mut tx, token.trim(), now).await?;
    // A narrow token must not become a session that may do everything.
    let Some(actor) = actor.filter(|actor| actor.scope == Scope::Admin) else {
        let page = SignIn {
            next: safe_return(&next).into(),
            by_token: true,
            problem: Some("That is not an access token with full rights."),
            ..SignIn::default()
        };
        return page::show(StatusCode::UNAUTHORIZED, &page);
    };
    let session = sessions::start(&mut tx, &actor.user_id, browser.visitor(), now).await?;
    tx.commit().await?;
    welcome(&app, &session, &next)
}

fn welcome(app: &App, session: &Secret, next: &str) -> Result<Response, PageFault> {
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
