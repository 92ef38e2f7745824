//! What new apps of an organisation start with, and giving single settings to
//! apps that exist (ALL-1, ALL-2).

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};

use crate::accounts::audit::{self, Change};
use crate::accounts::authorize_org;
use crate::app::App;
use crate::apps::settings::{self as product, Target};
use crate::dashboard::forms::{Said, required};
use crate::dashboard::frame::Link;
use crate::dashboard::organisations::sections;
use crate::dashboard::page::{self, PageFault, Shell};
use crate::dashboard::place::Place;
use crate::dashboard::session::Visit;
use crate::dashboard::settings::fields::{self, Choice, Group, Section};
use crate::db::settings::OfOrganisation;
use crate::error::{Error, Result};
use crate::http::params::Params;
use crate::model::account::Role;
use crate::model::app::Platform;
use crate::model::ids::OrgId;
use crate::model::settings::{Resolved, Settings};

const EVERY: Choice<'static> = Choice { groups: &Group::ALL, platform: None };

pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/organisations/{organisation_id}/defaults", get(show).post(save))
        .route("/organisations/{organisation_id}/defaults/apply", post(apply))
}

#[derive(Template)]
#[template(path = "organisation_defaults.html")]
struct Page {
    shell: Shell,
    csrf: String,
    name: String,
    sections: Vec<Link>,
    said: Said,
    id: String,
    may_change: bool,
    fields: Vec<Section>,
    /// Settings that have a default here.
    given: Vec<&'static str>,
}

async fn show(
    State(app): State<Arc<App>>,
    visit: Visit,
    Place(id): Place<OrgId>,
    params: Params,
) -> Result<Response, PageFault> {
    let said = match params.opt_str("done")?.as_deref() {
        Some("saved") => Said::done("Saved. Apps that are added from now on start with it."),
        Some("applied") => {
            let count = params.opt_int_in("apps", 0..=1_000_000)?.unwrap_or(0);
            Said::done(&format!("{count} apps have the default now."))
        }
        _ => Said::default(),
    };
    page_of(&app, &visit, &id, said, None).await
}

async fn page_of(
    app: &App,
    visit: &Visit,
    id: &OrgId,
    said: Said,
    tried: Option<Settings>,
) -> Result<Response, PageFault> {
    let mut tx = app.db.read().await?;
    let org = authorize_org(&mut tx, &visit.actor, Role::Read, id).await?;
    let may_change = authorize_org(&mut tx, &visit.actor, Role::Owner, id).await.is_ok();
    let kept = product::of_organisation(&mut tx, id).await?.defaults;
    drop(tx);
    let set = kept.changes(&Settings::default());
    let is_set =
        |member: &&&str| set.iter().any(|change| change.starts_with(&format!("{member}:")));
    let given = Settings::MEMBERS.iter().filter(is_set).copied().collect();
    let fields = fields::show(EVERY, tried.as_ref().unwrap_or(&kept), &Resolved::default())?;
    let status = said.status();
    page::show(
        status,
        &Page {
            shell: visit.shell(),
            csrf: visit.csrf().to_owned(),
            name: org.name,
            sections: sections(id, "/defaults"),
            said,
            id: id.to_string(),
            may_change,
            fields,
            given,
        },
    )
}

async fn save(
    State(app): State<Arc<App>>,
    visit: Visit,
    Place(id): Place<OrgId>,
    params: Params,
) -> Result<Response, PageFault> {
    visit.check_form(&app, &params)?;
    let mut tried = None;
    let outcome = async {
        let mut tx = app.db.write().await?;
        let org = authorize_org(&mut tx, &visit.actor, Role::Owner, &id).await?;
        let before = product::of_organisation(&mut tx, &id).await?;
        let defaults = fields::read(EVERY, &params, &before.defaults, &Resolved::default())?;
        tried = Some(defaults.clone());
        let new = OfOrganisation { defaults, max_running: before.max_running };
        let changes = product::put_organisation(&mut tx, &id, &new).await?;
        let detail = product::detail(&changes);
        let change = Change::of_org(&id, "organisation.settings.update", &org.name).detail(&detail);
        audit::record(&mut tx, &visit.actor, change, app.clock.now()).await?;
        tx.commit().await
    };
    let outcome = outcome.await;
    match outcome {
        Ok(()) => page::redirect(&format!("/organisations/{id}/defaults?done=saved")),
        Err(error) => page_of(&app, &visit, &id, Said::problem(error)?, tried).await,
    }
}

async fn apply(
    State(app): State<Arc<App>>,
    visit: Visit,
    Place(id): Place<OrgId>,
    params: Params,
) -> Result<Response, PageFault> {
    visit.check_form(&app, &params)?;
    let outcome = async {
        let setting = required(&params, "setting")?;
        let target = match &*required(&params, "to")? {
            "all" => Target::All,
            "ios" => Target::Platform(Platform::Ios),
            "android" => Target::Platform(Platform::Android),
            _ => return Err(Error::invalid_parameter("to")),
        };
        let mut tx = app.db.write().await?;
        authorize_org(&mut tx, &visit.actor, Role::Owner, &id).await?;
        let applied = product::apply(&mut tx, &id, &[setting], &target).await?;
        for (row, changes) in applied.iter().filter(|(_, changes)| !changes.is_empty()) {
            let detail = product::detail(changes);
            let change = Change::of_app(row, "settings.apply", &row.name).detail(&detail);
            audit::record(&mut tx, &visit.actor, change, app.clock.now()).await?;
        }
        tx.commit().await?;
        Ok(applied.len())
    };
    let outcome = outcome.await;
    match outcome {
        Ok(count) => {
            page::redirect(&format!("/organisations/{id}/defaults?done=applied&apps={count}"))
        }
        Err(error) => page_of(&app, &visit, &id, Said::problem(error)?, None).await,
    }
}
