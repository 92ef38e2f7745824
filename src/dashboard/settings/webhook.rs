//! The app's webhook: its address, its secret, and what was delivered to it
//! (TRG-3 to TRG-5, APP-13).

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};

use super::{Head, managed, path};
use crate::accounts::audit::{self, Change};
use crate::accounts::authorize_app;
use crate::app::App;
use crate::apps::{providers, webhook as product};
use crate::dashboard::connected::{Hint, Refusal, make_webhook, webhook_hint};
use crate::dashboard::forms::{Said, text};
use crate::dashboard::frame::{AppFrame, Link};
use crate::dashboard::page::{self, PageFault, Shell};
use crate::dashboard::place::Place;
use crate::dashboard::session::Visit;
use crate::dashboard::words;
use crate::db;
use crate::error::Result;
use crate::http::params::Params;
use crate::model::account::Access;
use crate::model::ids::AppId;
use crate::model::secret::Secret;

const SECTION: &str = "/webhook";
/// Deliveries on the page.
const SHOWN: i64 = 10;

pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/apps/{app_id}/settings/webhook", get(show).post(set_secret))
        .route("/apps/{app_id}/settings/webhook/clear", post(clear_secret))
        .route("/apps/{app_id}/settings/webhook/make", post(make))
}

#[derive(Template)]
#[template(path = "settings/webhook.html")]
struct Page {
    shell: Shell,
    csrf: String,
    frame: AppFrame,
    sections: Vec<Link>,
    said: Said,
    url: String,
    hint: Hint,
    secret_set: Option<String>,
    deliveries: Vec<Row>,
    /// Nothing came from outside yet.
    is_silent: bool,
    /// The connected account that can make the webhook.
    keeper: Option<String>,
    refusal: Option<Refusal>,
}

struct Row {
    provider: String,
    event: String,
    verdict: String,
    when: String,
}

async fn show(
    State(app): State<Arc<App>>,
    visit: Visit,
    Place(id): Place<AppId>,
    params: Params,
) -> Result<Response, PageFault> {
    let said = match params.opt_str("done")?.as_deref() {
        Some("set") => Said::done("Deliveries must be signed with this secret from now on."),
        Some("made") => Said::done("The webhook is there, and signs what it sends."),
        Some("cleared") => Said::done("Deliveries are taken without a signature again."),
        _ => Said::default(),
    };
    page_of(&app, &visit, &id, said, None).await
}

async fn page_of(
    app: &App,
    visit: &Visit,
    id: &AppId,
    said: Said,
    refusal: Option<Refusal>,
) -> Result<Response, PageFault> {
    let row = managed(app, visit, id).await?;
    let now = app.clock.now();
    let mut tx = app.db.read().await?;
    let secret = db::deliveries::find_secret(&mut tx, id).await?;
    let found = db::deliveries::list(&mut tx, id, None, SHOWN).await?;
    let first = db::deliveries::find_first_heard(&mut tx, id).await?;
    let keeper = providers::keeper(&mut tx, &row).await?;
    drop(tx);
    let deliveries = found.into_iter().map(|delivery| Row {
        when: words::ago(delivery.received_at, now),
        verdict: match delivery.verdict.as_str() {
            "" => delivery.state,
            verdict => verdict.to_owned(),
        },
        provider: delivery.provider,
        event: delivery.event,
    });
    let deliveries = deliveries.collect();
    let Head { shell, csrf, frame, sections } = Head::of(visit, &row, SECTION);
    let status = match refusal {
        Some(_) => StatusCode::UNPROCESSABLE_ENTITY,
        None => said.status(),
    };
    page::show(
        status,
        &Page {
            shell,
            csrf,
            frame,
            sections,
            said,
            url: product::url(app, id),
            hint: webhook_hint(&row.repo_url),
            secret_set: secret.map(|(_, at)| words::moment(at)),
            deliveries,
            is_silent: first.is_none(),
            keeper: keeper.map(|connection| connection.name),
            refusal,
        },
    )
}

async fn set_secret(
    State(app): State<Arc<App>>,
    visit: Visit,
    Place(id): Place<AppId>,
    params: Params,
) -> Result<Response, PageFault> {
    visit.check_form(&app, &params)?;
    let secret = Secret::new(text(&params, "secret")?);
    let outcome = async {
        let mut tx = app.db.write().await?;
        let row = authorize_app(&mut tx, &visit.actor, Access::Full, &id).await?;
        product::set_secret(&app, &mut tx, &id, &secret).await?;
        let change = Change::of_app(&row, "app.webhook.secret.set", &row.name);
        audit::record(&mut tx, &visit.actor, change, app.clock.now()).await?;
        tx.commit().await
    };
    let outcome = outcome.await;
    match outcome {
        Ok(()) => page::redirect(&format!("{}?done=set", path(&id, SECTION))),
        Err(error) => page_of(&app, &visit, &id, Said::problem(error)?, None).await,
    }
}

async fn make(
    State(app): State<Arc<App>>,
    visit: Visit,
    Place(id): Place<AppId>,
    params: Params,
) -> Result<Response, PageFault> {
    visit.check_form(&app, &params)?;
    match make_webhook(&app, &visit, &id).await? {
        Ok(()) => page::redirect(&format!("{}?done=made", path(&id, SECTION))),
        Err(refusal) => page_of(&app, &visit, &id, Said::default(), Some(refusal)).await,
    }
}

async fn clear_secret(
    State(app): State<Arc<App>>,
    visit: Visit,
    Place(id): Place<AppId>,
    params: Params,
) -> Result<Response, PageFault> {
    visit.check_form(&app, &params)?;
    let mut tx = app.db.write().await?;
    let row = authorize_app(&mut tx, &visit.actor, Access::Full, &id).await?;
    if db::deliveries::delete_secret(&mut tx, &id).await? == 1 {
        let change = Change::of_app(&row, "app.webhook.secret.clear", &row.name);
        audit::record(&mut tx, &visit.actor, change, app.clock.now()).await?;
    }
    tx.commit().await?;
    page::redirect(&format!("{}?done=cleared", path(&id, SECTION)))
}
