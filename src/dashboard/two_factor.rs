//! Two-factor sign-in: set it up with a QR code, keep recovery codes, turn it
//! off. Secrets are only on pages that answer a form or wait for the first code.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};

use crate::accounts::audit::{self, Change};
use crate::accounts::sign_in;
use crate::app::App;
use crate::dashboard::forms::{Said, text};
use crate::dashboard::page::{self, PageFault, Shell};
use crate::dashboard::qr;
use crate::dashboard::session::Visit;
use crate::error::Result;
use crate::http::params::Params;
use crate::model::secret::Secret;

const PATH: &str = "/account/two-factor";

pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/account/two-factor", get(show))
        .route("/account/two-factor/begin", post(begin))
        .route("/account/two-factor/confirm", post(confirm))
        .route("/account/two-factor/codes", post(renew))
        .route("/account/two-factor/off", post(turn_off))
}

#[derive(Template)]
#[template(path = "two_factor.html")]
struct Page {
    shell: Shell,
    csrf: String,
    said: Said,
    has_password: bool,
    is_on: bool,
    codes_left: i64,
    pending: Option<Pending>,
    /// Shown this once.
    codes: Vec<String>,
}

struct Pending {
    qr: String,
    /// In groups of four, for typing.
    secret: String,
}

async fn show(
    State(app): State<Arc<App>>,
    visit: Visit,
    params: Params,
) -> Result<Response, PageFault> {
    let said = match params.opt_str("done")?.as_deref() {
        Some("off") => Said::done("Two-factor sign-in is off."),
        _ => Said::default(),
    };
    page::ok(&page_of(&app, &visit, said, Vec::new()).await?)
}

async fn page_of(app: &App, visit: &Visit, said: Said, codes: Vec<Secret>) -> Result<Page> {
    let mut tx = app.db.read().await?;
    let (is_on, codes_left) = sign_in::totp_state(&mut tx, &visit.user.id).await?;
    let has_password = sign_in::has_password(&mut tx, &visit.user.id).await?;
    let pending = match sign_in::pending_totp(app, &mut tx, &visit.user).await? {
        None => None,
        Some((secret, uri)) => Some(Pending {
            qr: qr::svg(uri.expose(), "QR code for your authenticator app")?,
            secret: in_fours(secret.expose()),
        }),
    };
    drop(tx);
    Ok(Page {
        shell: visit.shell(),
        csrf: visit.csrf().to_owned(),
        said,
        has_password,
        is_on,
        codes_left,
        pending,
        codes: codes.iter().map(|code| code.expose().to_owned()).collect(),
    })
}

fn in_fours(text: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    let groups: Vec<String> = characters.chunks(4).map(|four| four.iter().collect()).collect();
    groups.join(" ")
}

async fn again(app: &App, visit: &Visit, said: Said) -> Result<Response, PageFault> {
    let page = page_of(app, visit, said, Vec::new()).await?;
    page::show(page.said.status(), &page)
}

/// Asks for the password: whoever finds a browser open must not lock its owner
/// out.
async fn begin(
    State(app): State<Arc<App>>,
    visit: Visit,
    params: Params,
) -> Result<Response, PageFault> {
    visit.check_form(&app, &params)?;
    let password = Secret::new(text(&params, "current_password")?);
    if let Err(error) = sign_in::prove(&app, &visit.user, &password).await {
        return again(&app, &visit, Said::problem(error)?).await;
    }
    let mut tx = app.db.write().await?;
    sign_in::begin_totp(&app, &mut tx, &visit.user).await?;
    tx.commit().await?;
    page::redirect(PATH)
}

async fn confirm(
    State(app): State<Arc<App>>,
    visit: Visit,
    params: Params,
) -> Result<Response, PageFault> {
    visit.check_form(&app, &params)?;
    let code = text(&params, "code")?;
    let mut tx = app.db.write().await?;
    let codes = match sign_in::confirm_totp(&app, &mut tx, &visit.user.id, &code).await {
        Ok(codes) => codes,
        Err(error) => {
            drop(tx);
            return again(&app, &visit, Said::problem(error)?).await;
        }
    };
    let change = Change::of_account("two_factor.on", &visit.user.email);
    audit::record(&mut tx, &visit.actor, change, app.clock.now()).await?;
    tx.commit().await?;
    let said = Said::done("Two-factor sign-in is on.");
    page::ok(&page_of(&app, &visit, said, codes).await?)
}

async fn renew(
    State(app): State<Arc<App>>,
    visit: Visit,
    params: Params,
) -> Result<Response, PageFault> {
    visit.check_form(&app, &params)?;
    let code = text(&params, "code")?;
    match sign_in::renew_recovery_codes(&app, &visit.user, &code).await {
        Ok(codes) => {
            let said = Said::done("Here are new recovery codes. The old ones stopped working.");
            page::ok(&page_of(&app, &visit, said, codes).await?)
        }
        Err(error) => again(&app, &visit, Said::problem(error)?).await,
    }
}

async fn turn_off(
    State(app): State<Arc<App>>,
    visit: Visit,
    params: Params,
) -> Result<Response, PageFault> {
    visit.check_form(&app, &params)?;
    let code = text(&params, "code")?;
    if let Err(error) = sign_in::turn_off_totp(&app, &visit.user, &code).await {
        return again(&app, &visit, Said::problem(error)?).await;
    }
    let mut tx = app.db.write().await?;
    let change = Change::of_account("two_factor.off", &visit.user.email);
    audit::record(&mut tx, &visit.actor, change, app.clock.now()).await?;
    tx.commit().await?;
    page::redirect("/account/two-factor?done=off")
}
