//! The way to an identity provider and back (SSO): from the sign-in page, and
//! from the profile of somebody who connects an account.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use axum::routing::{get, post};

use crate::accounts::sso::flow::{self, Callback, LIFE_MS, Refusal, Return};
use crate::app::App;
use crate::dashboard::account;
use crate::dashboard::page::{self, PageFault, Shell};
use crate::dashboard::place::Place;
use crate::dashboard::session::{Visit, safe_return};
use crate::dashboard::sign_in::{refused, welcome};
use crate::error::{Error, Result};
use crate::http::auth::cookie;
use crate::http::extract::Browser;
use crate::http::params::Params;
use crate::model::ids::IdentityProviderId;
use crate::model::secret::Secret;

/// Holds the secret of the sign-in that is under way.
const COOKIE: &str = "shipmate_sign_in";
/// Codes of some providers are whole tokens.
const MAX_CODE: usize = 4_096;

pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/sign-in/with/{provider_id}", get(begin))
        .route("/sign-in/callback", get(come_back))
        .route("/account/identities/connect/{provider_id}", post(connect))
}

/// Leads to the provider. A link and not a form, because the pages' policy lets
/// forms lead to this server only.
async fn begin(
    State(app): State<Arc<App>>,
    Place(id): Place<IdentityProviderId>,
    params: Params,
) -> Result<Response, PageFault> {
    let next = params.opt_str("next")?.unwrap_or_default();
    let next = safe_return(&next);
    match flow::begin(&app, &id, next, None).await? {
        Ok(begun) => {
            let mut response = page::redirect(&begun.url)?;
            response.headers_mut().insert(header::SET_COOKIE, keep(&app, &begun.cookie)?);
            Ok(response)
        }
        Err(refusal) => refused(&app, status(&refusal), next, refusal.text()).await,
    }
}

#[derive(Template)]
#[template(path = "leave.html")]
struct Leave {
    shell: Shell,
    name: String,
    url: String,
}

/// Leads to the provider to connect an account there. It takes a form of ours:
/// else another site could connect its own account to somebody's here.
async fn connect(
    State(app): State<Arc<App>>,
    visit: Visit,
    Place(id): Place<IdentityProviderId>,
    params: Params,
) -> Result<Response, PageFault> {
    visit.check_form(&app, &params)?;
    match flow::begin(&app, &id, "/account", Some(&visit.user.id)).await? {
        Ok(begun) => {
            let leave = Leave { shell: visit.shell(), name: begun.provider.name, url: begun.url };
            let mut response = page::ok(&leave)?;
            response.headers_mut().insert(header::SET_COOKIE, keep(&app, &begun.cookie)?);
            Ok(response)
        }
        Err(refusal) => account::refused(&app, &visit, refusal.text()).await,
    }
}

async fn come_back(
    State(app): State<Arc<App>>,
    visit: Result<Visit, PageFault>,
    browser: Browser,
    headers: HeaderMap,
    params: Params,
) -> Result<Response, PageFault> {
    let visit = match visit {
        Ok(visit) => Some(visit),
        Err(PageFault::SignIn(_)) => None,
        Err(fault) => return Err(fault),
    };
    let (state, code) = (params.opt_str("state")?, params.opt_text("code", MAX_CODE)?);
    let (error, issuer) = (params.opt_str("error")?, params.opt_str("iss")?);
    let callback = Callback {
        cookie: cookie(&headers, COOKIE),
        state: state.as_deref(),
        code: code.as_deref(),
        error: error.as_deref(),
        issuer: issuer.as_deref(),
    };
    let signed_in = visit.as_ref().map(|visit| &visit.user);
    let mut response = match flow::finish(&app, &callback, browser.visitor(), signed_in).await? {
        Return::SignedIn(session, next) => welcome(&app, &session, &next)?,
        Return::Linked => page::redirect("/account?done=connected")?,
        Return::Refused(refusal) => match &visit {
            Some(visit) => account::refused(&app, visit, refusal.text()).await?,
            None => refused(&app, status(&refusal), "/", refusal.text()).await?,
        },
    };
    response.headers_mut().append(header::SET_COOKIE, forget());
    Ok(response)
}

fn status(refusal: &Refusal) -> StatusCode {
    match refusal {
        Refusal::StartAgain | Refusal::Declined(_) => StatusCode::BAD_REQUEST,
        Refusal::Away(_) => StatusCode::SERVICE_UNAVAILABLE,
        Refusal::Distrusted(_) => StatusCode::BAD_GATEWAY,
        Refusal::Unverified(_)
        | Refusal::Stranger(_)
        | Refusal::Taken(_)
        | Refusal::Elsewhere(_) => StatusCode::FORBIDDEN,
    }
}

/// `Lax`, because the browser comes back from another site.
fn keep(app: &App, secret: &Secret) -> Result<HeaderValue> {
    let secure = if app.settings.dashboard_url.starts_with("https://") { "; Secure" } else { "" };
    let text = format!(
        "{COOKIE}={}; Path=/sign-in; HttpOnly; SameSite=Lax; Max-Age={}{secure}",
        secret.expose(),
        LIFE_MS / 1000
    );
    let mut value =
        HeaderValue::try_from(text).map_err(|e| Error::internal("setting a cookie", e))?;
    value.set_sensitive(true);
    Ok(value)
}

fn forget() -> HeaderValue {
    const TEXT: &str = "shipmate_sign_in=; Path=/sign-in; HttpOnly; SameSite=Lax; Max-Age=0";
    HeaderValue::from_static(TEXT)
}
