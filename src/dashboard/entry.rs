//! The ways into an account beside signing in: the first run, an invitation,
//! and a forgotten password. Each page is opened by a key that only the right
//! person has; nobody is signed in here, so the key stands for the form's proof.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use crate::accounts::first_run::{self, Owner};
use crate::accounts::sessions::{self, Began};
use crate::accounts::{invitations, letters, sign_in, sign_in_link, sso};
use crate::app::App;
use crate::dashboard::forms::{Said, Typed, text};
use crate::dashboard::page::{self, PageFault, Shell};
use crate::dashboard::sign_in::welcome;
use crate::db;
use crate::error::{Error, Result};
use crate::http::extract::Browser;
use crate::http::params::Params;
use crate::model::account::User;
use crate::model::secret::Secret;

#[derive(Template)]
#[template(path = "first_run.html")]
struct FirstRun {
    shell: Shell,
    said: Said,
    typed: Typed,
    key: String,
}

/// Asks who the owner is. Without the link that the server printed it says
/// where that link is, and nothing about the state of the server.
pub async fn first_run(State(app): State<Arc<App>>, params: Params) -> Result<Response, PageFault> {
    let key = text(&params, "key")?;
    if !key.is_empty() {
        let mut tx = app.db.read().await?;
        first_run::check(&mut tx, &key, app.clock.now()).await?;
    }
    let (said, typed) = (Said::default(), Typed::default());
    page::ok(&FirstRun { shell: Shell::public(), said, typed, key })
}

pub async fn become_owner(
    State(app): State<Arc<App>>,
    browser: Browser,
    params: Params,
) -> Result<Response, PageFault> {
    let key = text(&params, "key")?;
    let (email, name) = (text(&params, "email")?, text(&params, "name")?);
    let password = Secret::new(text(&params, "password")?);
    let owner = Owner { email: &email, name: &name, password: &password };
    match first_run::claim(&app, &key, &owner).await {
        Ok(user) => enter(&app, &user, &browser, "/apps").await,
        Err(error) => {
            let said = problem_of_link(error)?;
            let typed = Typed::of(&params, &["email", "name"])?;
            page::show(said.status(), &FirstRun { shell: Shell::public(), said, typed, key })
        }
    }
}

/// A dead link is no matter of the form.
fn problem_of_link(error: Error) -> Result<Said, PageFault> {
    match error {
        Error::NotFound(_) => Err(error.into()),
        other => Said::problem(other),
    }
}

/// Signs in somebody who has just chosen a password.
async fn enter(
    app: &App,
    user: &User,
    browser: &Browser,
    next: &str,
) -> Result<Response, PageFault> {
    let mut tx = app.db.write().await?;
    let (from, now) = (browser.visitor(), app.clock.now());
    let session = sessions::start(&mut tx, &user.id, from, Began::BY_PASSWORD, now).await?;
    tx.commit().await?;
    welcome(app, &session, next)
}

#[derive(Template)]
#[template(path = "invitation.html")]
struct Invited {
    shell: Shell,
    said: Said,
    typed: Typed,
    key: String,
    email: String,
    /// `the organisation Shop`.
    what: String,
    may: &'static str,
    by: Option<String>,
    has_account: bool,
    /// Providers to sign in with before accepting.
    first: Option<String>,
}

pub async fn invitation(
    State(app): State<Arc<App>>,
    params: Params,
) -> Result<Response, PageFault> {
    let key = text(&params, "key")?;
    page::ok(&invited(&app, key, Said::default(), Typed::default()).await?)
}

async fn invited(app: &App, key: String, said: Said, typed: Typed) -> Result<Invited> {
    let mut tx = app.db.read().await?;
    let found = invitations::find(&mut tx, &key, app.clock.now()).await?;
    let by = match &found.invited_by {
        None => None,
        Some(id) => db::accounts::find_user(&mut tx, id).await?,
    };
    let known = db::accounts::find_user_by_email(&mut tx, &found.email).await?;
    Ok(Invited {
        shell: Shell::public(),
        said,
        typed,
        key,
        what: letters::destination(&mut tx, &found).await?,
        may: match found.access.as_str() {
            "owner" => "own and manage it",
            "full" => "build and change its apps",
            _ => "look at builds and install them",
        },
        by: by.map(|user| user.name),
        has_account: known.is_some(),
        first: invitations::provider_first(&mut tx, &found).await?,
        email: found.email,
    })
}

pub async fn accept(
    State(app): State<Arc<App>>,
    browser: Browser,
    params: Params,
) -> Result<Response, PageFault> {
    let (key, name) = (text(&params, "key")?, text(&params, "name")?);
    let password = Secret::new(text(&params, "password")?);
    match invitations::accept(&app, &key, &name, &password).await {
        Ok(accepted) if accepted.is_new => enter(&app, &accepted.user, &browser, "/apps").await,
        // A link in a mail proves the address, not the password or the second
        // factor that the account has already.
        Ok(_) => page::redirect("/sign-in?done=joined"),
        Err(error) => {
            let said = problem_of_link(error)?;
            let typed = Typed::of(&params, &["name"])?;
            let page = invited(&app, key, said, typed).await?;
            page::show(page.said.status(), &page)
        }
    }
}

#[derive(Template)]
#[template(path = "forgot_password.html")]
struct Forgot {
    shell: Shell,
    said: Said,
    typed: Typed,
    /// Mail is kept as files, because no server is configured.
    is_kept: bool,
}

pub async fn forgot(State(app): State<Arc<App>>, params: Params) -> Result<Response, PageFault> {
    let said = match params.opt_str("done")?.as_deref() {
        Some("sent") => Said::done(
            "If an account has this address, a mail with a link is on its way. It works for an \
             hour.",
        ),
        _ => Said::default(),
    };
    let is_kept = !app.mailer.has_server();
    page::ok(&Forgot { shell: Shell::public(), said, typed: Typed::default(), is_kept })
}

pub async fn send_reset(
    State(app): State<Arc<App>>,
    browser: Browser,
    params: Params,
) -> Result<Response, PageFault> {
    let email = text(&params, "email")?;
    let refusal = if sign_in::may_ask_for_reset(&app, &email, browser.visitor().address).await? {
        let mut tx = app.db.write().await?;
        invitations::begin_reset(&app, &mut tx, &email).await?;
        let by = sso::required_of_domain(&mut tx, &email).await?;
        tx.commit().await?;
        // Whoever the address belongs to, so that it does not tell administrators
        // from others.
        match by {
            None => return page::redirect("/forgot-password?done=sent"),
            Some(by) => format!(
                "people of this mail domain sign in with {by}, without a password. Only \
                 administrators get a mail"
            ),
        }
    } else {
        "too many mails were asked for, wait ten minutes".into()
    };
    let said = Said::problem(Error::Invalid(format!("email: {refusal}")))?;
    let typed = Typed::of(&params, &["email"])?;
    let is_kept = !app.mailer.has_server();
    page::show(said.status(), &Forgot { shell: Shell::public(), said, typed, is_kept })
}

#[derive(Template)]
#[template(path = "reset_password.html")]
struct Reset {
    shell: Shell,
    said: Said,
    key: String,
    email: String,
}

pub async fn reset(State(app): State<Arc<App>>, params: Params) -> Result<Response, PageFault> {
    let key = text(&params, "key")?;
    page::ok(&reset_page(&app, key, Said::default()).await?)
}

async fn reset_page(app: &App, key: String, said: Said) -> Result<Reset> {
    let mut tx = app.db.read().await?;
    let email = invitations::find_reset(&mut tx, &key, app.clock.now()).await?.email;
    Ok(Reset { shell: Shell::public(), said, key, email })
}

pub async fn set_password(
    State(app): State<Arc<App>>,
    params: Params,
) -> Result<Response, PageFault> {
    let key = text(&params, "key")?;
    let password = Secret::new(text(&params, "password")?);
    match invitations::reset(&app, &key, &password).await {
        Ok(_) => page::redirect("/sign-in?done=reset"),
        Err(error) => {
            let said = problem_of_link(error)?;
            let page = reset_page(&app, key, said).await?;
            page::show(page.said.status(), &page)
        }
    }
}

#[derive(Template)]
#[template(path = "sign_in_link.html")]
struct SignInLink {
    shell: Shell,
    key: String,
    email: String,
}

/// Asks before it uses the link up: whatever looks at links in chats and mails
/// would.
pub async fn link(State(app): State<Arc<App>>, params: Params) -> Result<Response, PageFault> {
    let key = text(&params, "key")?;
    let mut tx = app.db.read().await?;
    let (_, user) = sign_in_link::check(&mut tx, &key, app.clock.now()).await?;
    page::ok(&SignInLink { shell: Shell::public(), key, email: user.email })
}

pub async fn use_link(
    State(app): State<Arc<App>>,
    browser: Browser,
    params: Params,
) -> Result<Response, PageFault> {
    let key = text(&params, "key")?;
    let session = sign_in_link::enter(&app, &key, browser.visitor()).await?;
    welcome(&app, &session, "/")
}
