//! Name, repository, build number, public pages, transfer and the end of an
//! app (APP-9, APP-10, ORG-3, VER-1).

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};

use super::{Head, managed, path};
use crate::accounts::audit::{self, Change};
use crate::accounts::{authorize_app, authorize_app_owner, authorize_org};
use crate::app::App;
use crate::apps::manage::{self, Changes};
use crate::builds::cancel::cancel_all;
use crate::dashboard::forms::{Said, Typed, required, text};
use crate::dashboard::frame::{AppFrame, Link};
use crate::dashboard::page::{self, PageFault, Shell};
use crate::dashboard::place::Place;
use crate::dashboard::session::Visit;
use crate::db;
use crate::error::{Error, Result};
use crate::http::params::Params;
use crate::model::account::{Access, Role};
use crate::model::app::App as AppRow;
use crate::model::ids::{AppId, OrgId};

/// Attempts to cancel the builds of an app that agents are claiming meanwhile.
const DELETE_TRIES: usize = 5;

pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/apps/{app_id}/settings", get(show))
        .route("/apps/{app_id}/settings/rename", post(rename))
        .route("/apps/{app_id}/settings/repository", post(set_repository))
        .route("/apps/{app_id}/settings/build-number", post(raise_number))
        .route("/apps/{app_id}/settings/public", post(set_public))
        .route("/apps/{app_id}/settings/move", post(move_to))
        .route("/apps/{app_id}/settings/delete", post(delete))
}

#[derive(Template)]
#[template(path = "settings/general.html")]
struct Page {
    shell: Shell,
    csrf: String,
    frame: AppFrame,
    sections: Vec<Link>,
    said: Said,
    typed: Typed,
    app: AppRow,
    org: String,
    next_number: i64,
    /// Where the person may move it; empty if they may not.
    targets: Vec<(String, String)>,
}

async fn show(
    State(app): State<Arc<App>>,
    visit: Visit,
    Place(id): Place<AppId>,
    params: Params,
) -> Result<Response, PageFault> {
    let said = match params.opt_str("done")?.as_deref() {
        Some("rename") => Said::done("The app has a new name."),
        Some("repository") => Said::done("Later builds use the new repository."),
        Some("number") => Said::done("The next build has the new number."),
        Some("public") => Said::done("Saved."),
        Some("move") => Said::done("The app belongs to another organisation now."),
        _ => Said::default(),
    };
    page::ok(&page_of(&app, &visit, &id, said, Typed::default()).await?)
}

async fn page_of(app: &App, visit: &Visit, id: &AppId, said: Said, typed: Typed) -> Result<Page> {
    let mut tx = app.db.read().await?;
    let row = authorize_app(&mut tx, &visit.actor, Access::Full, id).await?;
    let next_number = db::apps::find_next_build_number(&mut tx, id).await?;
    let org = db::organisations::find(&mut tx, &row.org_id).await?;
    let mut targets = Vec::new();
    if authorize_app_owner(&mut tx, &visit.actor, id).await.is_ok() {
        let is_admin = visit.actor.is_admin;
        for org in db::organisations::list_seen(&mut tx, &visit.user.id, is_admin).await? {
            let may = is_admin || org.role.as_deref().is_some_and(|r| r != Role::Read.as_str());
            if may && org.id != row.org_id {
                targets.push((org.id.to_string(), org.name));
            }
        }
    }
    drop(tx);
    let Head { shell, csrf, frame, sections } = Head::of(visit, &row, "");
    let typed = typed.with("app_name", &row.name).with("repo_url", &row.repo_url);
    let org = org.map(|org| org.name).unwrap_or_default();
    let app = row;
    Ok(Page { shell, csrf, frame, sections, said, typed, app, org, next_number, targets })
}

/// Leads on, or shows the page again with what is wrong.
async fn answer(
    app: &App,
    visit: &Visit,
    id: &AppId,
    (outcome, done): (Result<()>, &str),
    params: &Params,
) -> Result<Response, PageFault> {
    match outcome {
        Ok(()) => page::redirect(&format!("{}?done={done}", path(id, ""))),
        Err(error) => {
            let said = Said::problem(error)?;
            let typed = Typed::of(params, &["app_name", "next_build_number", "confirm"])?;
            let page = page_of(app, visit, id, said, typed).await?;
            page::show(page.said.status(), &page)
        }
    }
}

async fn change(app: &App, visit: &Visit, id: &AppId, changes: &Changes<'_>) -> Result<()> {
    let mut tx = app.db.write().await?;
    let row = authorize_app(&mut tx, &visit.actor, Access::Full, id).await?;
    for done in manage::change(app, &mut tx, &row, changes).await? {
        let change = Change::of_app(&row, done.action, &row.name).detail(&done.detail);
        audit::record(&mut tx, &visit.actor, change, app.clock.now()).await?;
    }
    tx.commit().await
}

async fn rename(
    State(app): State<Arc<App>>,
    visit: Visit,
    Place(id): Place<AppId>,
    params: Params,
) -> Result<Response, PageFault> {
    visit.check_form(&app, &params)?;
    let name = text(&params, "app_name")?;
    let changes = Changes { name: Some(&name), ..Changes::default() };
    let outcome = change(&app, &visit, &id, &changes).await;
    answer(&app, &visit, &id, (outcome, "rename"), &params).await
}

async fn set_repository(
    State(app): State<Arc<App>>,
    visit: Visit,
    Place(id): Place<AppId>,
    params: Params,
) -> Result<Response, PageFault> {
    visit.check_form(&app, &params)?;
    let url = text(&params, "repo_url")?;
    let changes = Changes { repo_url: Some(url.trim()), ..Changes::default() };
    let outcome = change(&app, &visit, &id, &changes).await;
    answer(&app, &visit, &id, (outcome, "repository"), &params).await
}

async fn raise_number(
    State(app): State<Arc<App>>,
    visit: Visit,
    Place(id): Place<AppId>,
    params: Params,
) -> Result<Response, PageFault> {
    visit.check_form(&app, &params)?;
    let outcome = async {
        let number: i64 = required(&params, "next_build_number")?
            .parse()
            .map_err(|_| Error::invalid_parameter("next_build_number"))?;
        let changes = Changes { next_build_number: Some(number), ..Changes::default() };
        change(&app, &visit, &id, &changes).await
    };
    let outcome = outcome.await;
    answer(&app, &visit, &id, (outcome, "number"), &params).await
}

async fn set_public(
    State(app): State<Arc<App>>,
    visit: Visit,
    Place(id): Place<AppId>,
    params: Params,
) -> Result<Response, PageFault> {
    visit.check_form(&app, &params)?;
    let is_public = params.opt_bool("public")?.unwrap_or(false);
    let changes = Changes { is_public: Some(is_public), ..Changes::default() };
    let outcome = change(&app, &visit, &id, &changes).await;
    answer(&app, &visit, &id, (outcome, "public"), &params).await
}

async fn move_to(
    State(app): State<Arc<App>>,
    visit: Visit,
    Place(id): Place<AppId>,
    params: Params,
) -> Result<Response, PageFault> {
    visit.check_form(&app, &params)?;
    let target: OrgId = params.opt("organisation")?.ok_or_else(Error::not_found)?;
    let mut tx = app.db.write().await?;
    let row = authorize_app_owner(&mut tx, &visit.actor, &id).await?;
    let target = authorize_org(&mut tx, &visit.actor, Role::Full, &target).await?;
    manage::move_to(&mut tx, &row, &target.id).await?;
    let now = app.clock.now();
    // Both organisations find it in their logs.
    for org in [&row.org_id, &target.id] {
        let of_app = Change::of_app(&row, "app.move", &row.name).detail(&target.name);
        audit::record(&mut tx, &visit.actor, Change { org: Some(org), ..of_app }, now).await?;
    }
    tx.commit().await?;
    let mut tx = app.db.read().await?;
    // Whoever is no member of the other one may not see it any more.
    match authorize_app(&mut tx, &visit.actor, Access::Full, &id).await {
        Ok(_) => page::redirect(&format!("{}?done=move", path(&id, ""))),
        Err(_) => page::redirect("/apps"),
    }
}

async fn delete(
    State(app): State<Arc<App>>,
    visit: Visit,
    Place(id): Place<AppId>,
    params: Params,
) -> Result<Response, PageFault> {
    visit.check_form(&app, &params)?;
    let row = managed(&app, &visit, &id).await?;
    if text(&params, "confirm")?.trim() != row.name {
        let wrong = Err(Error::Invalid("confirm: type the name of the app to delete it".into()));
        return answer(&app, &visit, &id, (wrong, ""), &params).await;
    }
    for _ in 0..DELETE_TRIES {
        let mut tx = app.db.write().await?;
        let row = authorize_app(&mut tx, &visit.actor, Access::Full, &id).await?;
        manage::delete(&app, &mut tx, &row).await?;
        match cancel_all(&app, &mut tx, &id).await {
            Ok(()) => {
                let change = Change::of_app(&row, "app.delete", &row.name);
                audit::record(&mut tx, &visit.actor, change, app.clock.now()).await?;
                tx.commit().await?;
                return page::redirect("/apps?done=deleted");
            }
            Err(Error::Conflict(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Error::Unavailable("the builds of the app keep changing".into()).into())
}
