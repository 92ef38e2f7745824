//! Variables of an app, of its branches, and of an organisation (SEC-2,
//! SEC-4): the same page for both owners.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};

use super::{Head, managed, path};
use crate::accounts::audit::{self, Change};
use crate::accounts::{authorize_app, authorize_org};
use crate::app::App;
use crate::apps::variables::{self as product, Place as Where, VariableKind};
use crate::dashboard::forms::{Said, Typed, required};
use crate::dashboard::frame::{AppFrame, Link};
use crate::dashboard::organisations;
use crate::dashboard::page::{self, PageFault, Shell};
use crate::dashboard::place::Place;
use crate::dashboard::session::Visit;
use crate::db::variables::StoredVariable;
use crate::error::{Error, Result};
use crate::http::params::Params;
use crate::model::account::{Access, Role};
use crate::model::ids::{AppId, OrgId};
use crate::model::secret::Secret;
use crate::protocol::Variable;

const SECTION: &str = "/variables";

pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/apps/{app_id}/settings/variables", get(of_app).post(set_of_app))
        .route("/apps/{app_id}/settings/variables/remove", post(remove_of_app))
        .route("/organisations/{organisation_id}/variables", get(of_org).post(set_of_org))
        .route("/organisations/{organisation_id}/variables/remove", post(remove_of_org))
}

#[derive(Template)]
#[template(path = "settings/variables.html")]
struct OfApp {
    shell: Shell,
    csrf: String,
    frame: AppFrame,
    sections: Vec<Link>,
    said: Said,
    typed: Typed,
    action: String,
    rows: Vec<Row>,
    is_app: bool,
    may_change: bool,
}

#[derive(Template)]
#[template(path = "organisation_variables.html")]
struct OfOrg {
    shell: Shell,
    csrf: String,
    name: String,
    sections: Vec<Link>,
    said: Said,
    typed: Typed,
    action: String,
    rows: Vec<Row>,
    is_app: bool,
    may_change: bool,
}

struct Row {
    name: String,
    /// `None` for a hidden one, always (SEC-5).
    value: Option<String>,
    kind: &'static str,
    source: String,
    branch: String,
    /// Set here, so it can be removed here.
    is_own: bool,
}

fn row(app: &App, stored: &StoredVariable, owner: &str, kind: VariableKind) -> Result<Row> {
    let value = match stored.hidden {
        true => None,
        false => Some(product::open(app, stored)?.expose().to_owned()),
    };
    let is_own = stored.owner_id == owner;
    let source = match (is_own, stored.branch.as_str()) {
        (false, _) => "organisation".to_owned(),
        (true, "") => "here".to_owned(),
        (true, branch) => format!("branch {branch}"),
    };
    Ok(Row {
        name: stored.name.clone(),
        value,
        kind: kind.as_str(),
        source,
        branch: stored.branch.clone(),
        is_own,
    })
}

fn said(params: &Params) -> Result<Said> {
    Ok(match params.opt_str("done")?.as_deref() {
        Some("set") => Said::done("Set for builds that start from now on."),
        Some("removed") => Said::done("The variable is removed."),
        _ => Said::default(),
    })
}

/// What the form says. The value is not shown again after a mistake: it is a
/// secret more often than not.
fn given(params: &Params) -> Result<(VariableKind, Variable)> {
    let kind = kind_of(params)?;
    let value = params.opt_text("value", 64 << 10)?.unwrap_or_default().replace("\r\n", "\n");
    let secret = params.opt_bool("hidden")?.unwrap_or(false);
    Ok((kind, Variable { name: required(params, "name")?, value: Secret::new(value), secret }))
}

fn kind_of(params: &Params) -> Result<VariableKind> {
    match params.opt_str("kind")?.as_deref() {
        None | Some("environment") => Ok(VariableKind::Environment),
        Some("device") => Ok(VariableKind::Device),
        Some(_) => Err(Error::invalid_parameter("kind")),
    }
}

fn typed(params: &Params) -> Result<Typed> {
    Typed::of(params, &["name", "branch", "kind", "hidden"])
}

async fn of_app(
    State(app): State<Arc<App>>,
    visit: Visit,
    Place(id): Place<AppId>,
    params: Params,
) -> Result<Response, PageFault> {
    let fresh = Typed::default().with("hidden", "1");
    app_page(&app, &visit, &id, said(&params)?, fresh).await
}

async fn app_page(
    app: &App,
    visit: &Visit,
    id: &AppId,
    said: Said,
    typed: Typed,
) -> Result<Response, PageFault> {
    let of = managed(app, visit, id).await?;
    let mut tx = app.db.read().await?;
    let mut rows = Vec::new();
    for kind in [VariableKind::Environment, VariableKind::Device] {
        for stored in product::list_of_app(&mut tx, &of, kind).await? {
            rows.push(row(app, &stored, id.as_str(), kind)?);
        }
    }
    drop(tx);
    let Head { shell, csrf, frame, sections } = Head::of(visit, &of, SECTION);
    let action = path(id, SECTION);
    let status = said.status();
    let (is_app, may_change) = (true, true);
    page::show(
        status,
        &OfApp { shell, csrf, frame, sections, said, typed, action, rows, is_app, may_change },
    )
}

async fn set_of_app(
    State(app): State<Arc<App>>,
    visit: Visit,
    Place(id): Place<AppId>,
    params: Params,
) -> Result<Response, PageFault> {
    visit.check_form(&app, &params)?;
    let outcome = async {
        let (kind, variable) = given(&params)?;
        let branch = params.opt_str("branch")?;
        let branch = branch.as_deref().map(str::trim);
        let place = Where::of_app(&id, branch)?;
        let mut tx = app.db.write().await?;
        let row = authorize_app(&mut tx, &visit.actor, Access::Full, &id).await?;
        product::set(&app, &mut tx, place, kind, &variable).await?;
        let detail = product::told(kind, branch);
        let change = Change::of_app(&row, "variable.set", &variable.name).detail(&detail);
        audit::record(&mut tx, &visit.actor, change, app.clock.now()).await?;
        tx.commit().await
    };
    let outcome = outcome.await;
    match outcome {
        Ok(()) => page::redirect(&format!("{}?done=set", path(&id, SECTION))),
        Err(error) => app_page(&app, &visit, &id, Said::problem(error)?, typed(&params)?).await,
    }
}

async fn remove_of_app(
    State(app): State<Arc<App>>,
    visit: Visit,
    Place(id): Place<AppId>,
    params: Params,
) -> Result<Response, PageFault> {
    visit.check_form(&app, &params)?;
    let (kind, name) = (kind_of(&params)?, required(&params, "name")?);
    let branch = params.opt_str("branch")?;
    let place = Where::of_app(&id, branch.as_deref())?;
    let mut tx = app.db.write().await?;
    let row = authorize_app(&mut tx, &visit.actor, Access::Full, &id).await?;
    product::remove(&mut tx, place, kind, &name).await?;
    let detail = product::told(kind, branch.as_deref());
    let change = Change::of_app(&row, "variable.remove", &name).detail(&detail);
    audit::record(&mut tx, &visit.actor, change, app.clock.now()).await?;
    tx.commit().await?;
    page::redirect(&format!("{}?done=removed", path(&id, SECTION)))
}

async fn of_org(
    State(app): State<Arc<App>>,
    visit: Visit,
    Place(id): Place<OrgId>,
    params: Params,
) -> Result<Response, PageFault> {
    let fresh = Typed::default().with("hidden", "1");
    org_page(&app, &visit, &id, said(&params)?, fresh).await
}

async fn org_page(
    app: &App,
    visit: &Visit,
    id: &OrgId,
    said: Said,
    typed: Typed,
) -> Result<Response, PageFault> {
    let mut tx = app.db.read().await?;
    // As over the API: values that are not hidden open doors as well.
    let org = authorize_org(&mut tx, &visit.actor, Role::Full, id).await?;
    let may_change = authorize_org(&mut tx, &visit.actor, Role::Owner, id).await.is_ok();
    let mut rows = Vec::new();
    for kind in [VariableKind::Environment, VariableKind::Device] {
        for stored in product::list_of_org(&mut tx, id, kind).await? {
            rows.push(row(app, &stored, id.as_str(), kind)?);
        }
    }
    drop(tx);
    let status = said.status();
    page::show(
        status,
        &OfOrg {
            shell: visit.shell(),
            csrf: visit.csrf().to_owned(),
            name: org.name,
            sections: organisations::sections(id, SECTION),
            said,
            typed,
            action: format!("/organisations/{id}/variables"),
            rows,
            is_app: false,
            may_change,
        },
    )
}

async fn set_of_org(
    State(app): State<Arc<App>>,
    visit: Visit,
    Place(id): Place<OrgId>,
    params: Params,
) -> Result<Response, PageFault> {
    visit.check_form(&app, &params)?;
    let outcome = async {
        let (kind, variable) = given(&params)?;
        let mut tx = app.db.write().await?;
        authorize_org(&mut tx, &visit.actor, Role::Owner, &id).await?;
        product::set(&app, &mut tx, Where::Organisation(&id), kind, &variable).await?;
        let change = Change::of_org(&id, "variable.set", &variable.name).detail(kind.as_str());
        audit::record(&mut tx, &visit.actor, change, app.clock.now()).await?;
        tx.commit().await
    };
    let outcome = outcome.await;
    match outcome {
        Ok(()) => page::redirect(&format!("/organisations/{id}/variables?done=set")),
        Err(error) => org_page(&app, &visit, &id, Said::problem(error)?, typed(&params)?).await,
    }
}

async fn remove_of_org(
    State(app): State<Arc<App>>,
    visit: Visit,
    Place(id): Place<OrgId>,
    params: Params,
) -> Result<Response, PageFault> {
    visit.check_form(&app, &params)?;
    let (kind, name) = (kind_of(&params)?, required(&params, "name")?);
    let mut tx = app.db.write().await?;
    authorize_org(&mut tx, &visit.actor, Role::Owner, &id).await?;
    product::remove(&mut tx, Where::Organisation(&id), kind, &name).await?;
    let change = Change::of_org(&id, "variable.remove", &name).detail(kind.as_str());
    audit::record(&mut tx, &visit.actor, change, app.clock.now()).await?;
    tx.commit().await?;
    page::redirect(&format!("/organisations/{id}/variables?done=removed"))
}
