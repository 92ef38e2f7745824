//! Who may see or change the app beside the members of its organisation
//! (ORG-4, ORG-5).

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};

use super::{Head, managed, path};
use crate::accounts::audit::{self, Change};
use crate::accounts::invitations::{self, Membership};
use crate::accounts::{authorize_app, organisations as product};
use crate::app::App;
use crate::dashboard::forms::{Said, Typed, required};
use crate::dashboard::frame::{AppFrame, Link};
use crate::dashboard::organisations::{self, Open};
use crate::dashboard::page::{self, PageFault, Shell};
use crate::dashboard::place::{Place, Places};
use crate::dashboard::session::Visit;
use crate::db;
use crate::db::organisations::Member;
use crate::error::{Error, Result};
use crate::http::params::Params;
use crate::model::account::Access;
use crate::model::ids::{AppId, InvitationId};

const SECTION: &str = "/people";

pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/apps/{app_id}/settings/people", get(show).post(set))
        .route("/apps/{app_id}/settings/people/remove", post(remove))
        .route("/apps/{app_id}/settings/people/{invitation_id}/withdraw", post(withdraw))
}

#[derive(Template)]
#[template(path = "settings/people.html")]
struct Page {
    shell: Shell,
    csrf: String,
    frame: AppFrame,
    sections: Vec<Link>,
    said: Said,
    typed: Typed,
    collaborators: Vec<Member>,
    members: Vec<Member>,
    open: Vec<Open>,
}

async fn show(
    State(app): State<Arc<App>>,
    visit: Visit,
    Place(id): Place<AppId>,
    params: Params,
) -> Result<Response, PageFault> {
    let said = match params.opt_str("done")?.as_deref() {
        Some("set") => Said::done("Saved."),
        Some("invited") => Said::done("The invitation is on its way by mail."),
        Some("removed") => Said::done("They are no collaborator of this app any more."),
        Some("withdrawn") => Said::done("The link of the invitation stopped working."),
        _ => Said::default(),
    };
    page_of(&app, &visit, &id, said, Typed::default()).await
}

async fn page_of(
    app: &App,
    visit: &Visit,
    id: &AppId,
    said: Said,
    typed: Typed,
) -> Result<Response, PageFault> {
    let row = managed(app, visit, id).await?;
    let now = app.clock.now();
    let mut tx = app.db.read().await?;
    let collaborators = db::organisations::list_collaborators(&mut tx, id).await?;
    let members = product::members(&mut tx, &row.org_id).await?;
    let open = db::invitations::list_of_app(&mut tx, id, now).await?;
    drop(tx);
    let open = open.into_iter().map(|invitation| Open::of(invitation, now)).collect();
    let Head { shell, csrf, frame, sections } = Head::of(visit, &row, SECTION);
    let status = said.status();
    page::show(
        status,
        &Page { shell, csrf, frame, sections, said, typed, collaborators, members, open },
    )
}

/// Gives access to somebody who is here, or invites who is not.
async fn set(
    State(app): State<Arc<App>>,
    visit: Visit,
    Place(id): Place<AppId>,
    params: Params,
) -> Result<Response, PageFault> {
    visit.check_form(&app, &params)?;
    let outcome = async {
        let email = required(&params, "email")?;
        let access: Access =
            required(&params, "access")?.parse().map_err(|_| Error::invalid_parameter("access"))?;
        let mut tx = app.db.write().await?;
        let row = authorize_app(&mut tx, &visit.actor, Access::Full, &id).await?;
        let is_here = organisations::is_known(&mut tx, &email).await?;
        let (action, subject) = if is_here {
            let user = product::set_collaborator(&mut tx, &id, &email, access).await?;
            ("collaborator.set", user.email)
        } else {
            let into = Membership::App(&id, access);
            let made = invitations::invite(&app, &mut tx, &visit.actor, &email, into).await?;
            ("collaborator.invite", made.0.email)
        };
        let change = Change::of_app(&row, action, &subject).detail(access.as_str());
        audit::record(&mut tx, &visit.actor, change, app.clock.now()).await?;
        tx.commit().await?;
        Ok(is_here)
    };
    let outcome = outcome.await;
    match outcome {
        Ok(true) => page::redirect(&format!("{}?done=set", path(&id, SECTION))),
        Ok(false) => page::redirect(&format!("{}?done=invited", path(&id, SECTION))),
        Err(error) => {
            let typed = Typed::of(&params, &["email", "access"])?;
            page_of(&app, &visit, &id, Said::problem(error)?, typed).await
        }
    }
}

async fn remove(
    State(app): State<Arc<App>>,
    visit: Visit,
    Place(id): Place<AppId>,
    params: Params,
) -> Result<Response, PageFault> {
    visit.check_form(&app, &params)?;
    let email = required(&params, "email")?;
    let mut tx = app.db.write().await?;
    let row = authorize_app(&mut tx, &visit.actor, Access::Full, &id).await?;
    let user = product::remove_collaborator(&mut tx, &id, &email).await?;
    let change = Change::of_app(&row, "collaborator.remove", &user.email);
    audit::record(&mut tx, &visit.actor, change, app.clock.now()).await?;
    tx.commit().await?;
    if user.id == visit.user.id {
        return page::redirect("/apps");
    }
    page::redirect(&format!("{}?done=removed", path(&id, SECTION)))
}

async fn withdraw(
    State(app): State<Arc<App>>,
    visit: Visit,
    Places(id, invitation): Places<AppId, InvitationId>,
    params: Params,
) -> Result<Response, PageFault> {
    visit.check_form(&app, &params)?;
    let mut tx = app.db.write().await?;
    let row = authorize_app(&mut tx, &visit.actor, Access::Full, &id).await?;
    let place = (None, Some(&id));
    let taken = invitations::withdraw(&app, &mut tx, &invitation, place).await?;
    let change = Change::of_app(&row, "invitation.withdraw", &taken.email);
    audit::record(&mut tx, &visit.actor, change, app.clock.now()).await?;
    tx.commit().await?;
    page::redirect(&format!("{}?done=withdrawn", path(&id, SECTION)))
}
