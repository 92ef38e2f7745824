//! Access tokens: the personal one, shown on demand and rotated, and named ones
//! with a scope and an end (ACC-2). A token is only ever on the page that
//! answers a form: it is in no address, and caches keep no page.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};

use crate::accounts::audit::{self, Change};
use crate::accounts::tokens::{self, NewToken};
use crate::app::App;
use crate::dashboard::forms::{Said, Typed, text};
use crate::dashboard::page::{self, PageFault, Shell};
use crate::dashboard::place::Place;
use crate::dashboard::session::Visit;
use crate::dashboard::words;
use crate::db;
use crate::error::{Error, Result};
use crate::http::params::Params;
use crate::model::account::{Scope, Token};
use crate::model::ids::TokenId;
use crate::model::secret::Secret;
use crate::model::time::Millis;

const DAY_MS: i64 = 24 * 3_600_000;

pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/account/access-token", get(show).post(rotate))
        .route("/account/access-token/show", post(reveal))
        .route("/account/access-token/named", post(add))
        .route("/account/access-token/{token_id}/revoke", post(revoke))
}

#[derive(Template)]
#[template(path = "access_token.html")]
struct Page {
    shell: Shell,
    csrf: String,
    said: Said,
    typed: Typed,
    /// With what it is, on the answer to a form only.
    shown: Option<(&'static str, String)>,
    personal: Option<Personal>,
    named: Vec<Named>,
    api: String,
}

struct Personal {
    id: String,
    issued: String,
    used: String,
    /// A sealed copy was kept, so it can be shown again.
    can_show: bool,
}

struct Named {
    id: String,
    name: String,
    scope: &'static str,
    used: String,
    ends: String,
}

async fn show(
    State(app): State<Arc<App>>,
    visit: Visit,
    params: Params,
) -> Result<Response, PageFault> {
    let said = match params.opt_str("done")?.as_deref() {
        Some("revoked") => Said::done("The token is revoked. Calls with it fail from now on."),
        _ => Said::default(),
    };
    page::ok(&page_of(&app, &visit, said, Typed::default(), None).await?)
}

async fn page_of(
    app: &App,
    visit: &Visit,
    said: Said,
    typed: Typed,
    shown: Option<(&'static str, Secret)>,
) -> Result<Page> {
    let now = app.clock.now();
    let mut tx = app.db.read().await?;
    let found = db::tokens::list(&mut tx, &visit.user.id).await?;
    let mut personal = None;
    let mut named = Vec::new();
    for token in found {
        let used = token.last_used_at.map_or_else(|| "never".into(), |at| words::ago(at, now));
        let Token { id, name, scope, created_at, expires_at, .. } = token;
        match name {
            Some(name) => named.push(Named {
                id: id.to_string(),
                name,
                scope: scope.as_str(),
                used,
                ends: ends(expires_at, now),
            }),
            None => {
                let kept = db::tokens::find_copy(&mut tx, &visit.user.id, &id).await?;
                personal = Some(Personal {
                    can_show: kept.is_some(),
                    id: id.to_string(),
                    issued: words::moment(created_at),
                    used,
                });
            }
        }
    }
    drop(tx);
    Ok(Page {
        shell: visit.shell(),
        csrf: visit.csrf().to_owned(),
        said,
        typed,
        shown: shown.map(|(what, token)| (what, token.expose().to_owned())),
        personal,
        named,
        api: app.settings.public_url.clone(),
    })
}

fn ends(at: Option<Millis>, now: Millis) -> String {
    match at {
        None => "never".into(),
        Some(at) if at <= now => "over".into(),
        Some(at) => at.to_iso()[..10].to_owned(),
    }
}

/// A fresh personal token; the old one stops working.
async fn rotate(
    State(app): State<Arc<App>>,
    visit: Visit,
    params: Params,
) -> Result<Response, PageFault> {
    visit.check_form(&app, &params)?;
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let (token, secret) = tokens::rotate_personal(&mut tx, &visit.user.id, now).await?;
    tokens::keep_copy(&app, &mut tx, &token, &secret).await?;
    let change = Change::of_account("token.rotate", "personal");
    audit::record(&mut tx, &visit.actor, change, now).await?;
    tx.commit().await?;
    let shown = Some(("Your new personal token. The old one stopped working.", secret));
    page::ok(&page_of(&app, &visit, Said::default(), Typed::default(), shown).await?)
}

/// The personal token again, from its sealed copy.
async fn reveal(
    State(app): State<Arc<App>>,
    visit: Visit,
    params: Params,
) -> Result<Response, PageFault> {
    visit.check_form(&app, &params)?;
    let mut tx = app.db.write().await?;
    let user = &visit.user.id;
    let found = db::tokens::list(&mut tx, user).await?;
    let personal = found.into_iter().find(|token| token.name.is_none());
    let copy = match &personal {
        None => None,
        Some(token) => tokens::find_copy(&app, &mut tx, user, &token.id).await?,
    };
    let copy = copy.ok_or_else(Error::not_found)?;
    let change = Change::of_account("token.show", "personal");
    audit::record(&mut tx, &visit.actor, change, app.clock.now()).await?;
    tx.commit().await?;
    let shown = Some(("Your personal token.", copy));
    page::ok(&page_of(&app, &visit, Said::default(), Typed::default(), shown).await?)
}

async fn add(
    State(app): State<Arc<App>>,
    visit: Visit,
    params: Params,
) -> Result<Response, PageFault> {
    visit.check_form(&app, &params)?;
    match issue(&app, &visit, &params).await {
        Ok(secret) => {
            let shown = Some(("Your new token, shown only this once.", secret));
            page::ok(&page_of(&app, &visit, Said::default(), Typed::default(), shown).await?)
        }
        Err(error) => {
            let said = Said::problem(error)?;
            let typed = Typed::of(&params, &["name", "scope", "days"])?;
            let page = page_of(&app, &visit, said, typed, None).await?;
            page::show(page.said.status(), &page)
        }
    }
}

async fn issue(app: &App, visit: &Visit, params: &Params) -> Result<Secret> {
    let name = text(params, "name")?;
    let scope: Scope = params.opt("scope")?.unwrap_or(Scope::Read);
    let now = app.clock.now();
    let days = params.opt_str("days")?.map(|_| params.opt_int_in("days", 1..=3_650)).transpose()?;
    let expires_at = days.flatten().map(|days| now.plus(days * DAY_MS));
    let new = NewToken { name: &name, scope, expires_at };
    let mut tx = app.db.write().await?;
    let (token, secret) = tokens::issue_named(&mut tx, &visit.user.id, &new, now).await?;
    let change = Change::of_account("token.add", token.name.as_deref().unwrap_or_default());
    audit::record(&mut tx, &visit.actor, change.detail(scope.as_str()), now).await?;
    tx.commit().await?;
    Ok(secret)
}

async fn revoke(
    State(app): State<Arc<App>>,
    visit: Visit,
    Place(id): Place<TokenId>,
    params: Params,
) -> Result<Response, PageFault> {
    visit.check_form(&app, &params)?;
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let name = tokens::revoke(&mut tx, &visit.user.id, &id, now).await?;
    let change = Change::of_account("token.revoke", name.as_deref().unwrap_or("personal"));
    audit::record(&mut tx, &visit.actor, change, now).await?;
    tx.commit().await?;
    page::redirect("/account/access-token?done=revoked")
}
