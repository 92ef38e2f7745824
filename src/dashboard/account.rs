//! My profile: name, password, connected accounts, signed-in browsers.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};

use crate::accounts::audit::{self, Change};
use crate::accounts::sso::identities::{self, Linked};
use crate::accounts::{self, addresses, sessions, sign_in, sso};
use crate::app::App;
use crate::dashboard::forms::{Said, text};
use crate::dashboard::page::{self, PageFault, Shell};
use crate::dashboard::place::Place;
use crate::dashboard::session::Visit;
use crate::dashboard::words;
use crate::error::{Error, Result};
use crate::http::extract::Browser;
use crate::http::params::Params;
use crate::model::account::User;
use crate::model::identity::IdentityProvider;
use crate::model::ids::{IdentityId, SessionId};
use crate::model::secret::Secret;
use crate::model::session::{Began, Session};
use crate::model::time::Millis;

pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/account", get(show))
        .route("/account/name", post(rename))
        .route("/account/email", get(confirmation).post(change_email))
        .route("/account/email/confirm", post(confirm_email))
        .route("/account/password", post(change_password))
        .route("/account/sessions/{session_id}/end", post(end_session))
        .route("/account/sessions/end-others", post(end_others))
        .route("/account/identities/{identity_id}/unlink", post(unlink))
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
    /// Providers that alone let this person in.
    barred: Option<String>,
    identities: Vec<Connected>,
    /// Providers to connect an account of.
    providers: Vec<IdentityProvider>,
}

/// An account at a provider.
struct Connected {
    id: String,
    provider: String,
    label: String,
    used: String,
    may_unlink: bool,
}

struct Row {
    id: String,
    browser: String,
    address: String,
    began: String,
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
        Some("mailed") => {
            Said::done("A mail with a link is on its way to the new address. It works for an hour.")
        }
        Some("email") => Said::done("Your address is changed. The old one is told."),
        Some("connected") => Said::done("The account is connected. You can sign in with it."),
        Some("unlinked") => Said::done("The account is disconnected."),
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
    let barred = sso::barred(&mut tx, &visit.user).await?;
    let linked = identities::list(&mut tx, &visit.user).await?;
    let providers = sso::buttons(&mut tx).await?;
    drop(tx);
    let rows = found.into_iter().map(|session| Row {
        current: session.id == visit.session,
        began: began(&session, &providers),
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
        barred,
        identities: linked.into_iter().map(|one| connected(one, now)).collect(),
        providers,
    })
}

/// How a session began, in words.
fn began(session: &Session, providers: &[IdentityProvider]) -> String {
    match session.began {
        Began::Unknown => "earlier".into(),
        Began::Password => "password".into(),
        Began::Token => "access token".into(),
        Began::Link => "link of the server".into(),
        // Its sessions end when a provider is disabled or deleted.
        Began::Provider => providers
            .iter()
            .find(|one| session.provider_id.as_ref() == Some(&one.id))
            .map_or_else(|| "provider".into(), |one| one.name.clone()),
    }
}

fn connected(one: Linked, now: Millis) -> Connected {
    let Linked { identity, provider, may_unlink } = one;
    Connected {
        id: identity.id.to_string(),
        provider: provider.name,
        label: identity.label,
        used: words::ago(identity.seen_at, now),
        may_unlink,
    }
}

/// The page with why an account could not be connected.
pub async fn refused(app: &App, visit: &Visit, text: String) -> Result<Response, PageFault> {
    answer(app, visit, Err(Error::Invalid(text)), "").await
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

async fn unlink(
    State(app): State<Arc<App>>,
    visit: Visit,
    Place(id): Place<IdentityId>,
    params: Params,
) -> Result<Response, PageFault> {
    visit.check_form(&app, &params)?;
    let outcome = async {
        let mut tx = app.db.write().await?;
        let gone = identities::unlink(&mut tx, &visit.user, &id).await?;
        let change = Change::of_account("identity.unlink", &gone.provider.name);
        let change = change.detail(&gone.identity.label);
        audit::record(&mut tx, &visit.actor, change, app.clock.now()).await?;
        tx.commit().await
    };
    let outcome = outcome.await;
    answer(&app, &visit, outcome, "unlinked").await
}

#[derive(Template)]
#[template(path = "confirm_email.html")]
struct Confirmation {
    shell: Shell,
    csrf: String,
    key: String,
    email: String,
}

/// Where the link in the mail to a new address leads.
async fn confirmation(
    State(app): State<Arc<App>>,
    visit: Visit,
    params: Params,
) -> Result<Response, PageFault> {
    let key = text(&params, "key")?;
    let mut tx = app.db.read().await?;
    let link = addresses::find(&mut tx, &visit.user, &key, app.clock.now()).await?;
    let (shell, csrf) = (visit.shell(), visit.csrf().to_owned());
    page::ok(&Confirmation { shell, csrf, key, email: link.email })
}

/// Mails the link to the new address; whoever finds a browser open does not
/// know the password.
async fn change_email(
    State(app): State<Arc<App>>,
    visit: Visit,
    browser: Browser,
    params: Params,
) -> Result<Response, PageFault> {
    visit.check_form(&app, &params)?;
    let email = text(&params, "email")?;
    let current = Secret::new(text(&params, "current_password")?);
    let outcome = async {
        let mut tx = app.db.read().await?;
        let has_password = sign_in::has_password(&mut tx, &visit.user.id).await?;
        drop(tx);
        if has_password {
            sign_in::prove(&app, &visit.user, &current).await?;
        }
        addresses::begin(&app, &visit.user, &email, browser.visitor().address).await
    };
    let outcome = outcome.await;
    answer(&app, &visit, outcome, "mailed").await
}

async fn confirm_email(
    State(app): State<Arc<App>>,
    visit: Visit,
    params: Params,
) -> Result<Response, PageFault> {
    visit.check_form(&app, &params)?;
    let outcome = addresses::confirm(&app, &visit.user, &text(&params, "key")?).await;
    answer(&app, &visit, outcome, "email").await
}
