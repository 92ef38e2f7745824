//! Organisations: members and invitations, name, and the defaults of new apps
//! (ORG, ALL-1, ALL-2). Variables and files share the pages of an app's.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};

use crate::accounts::audit::{self, Change};
use crate::accounts::invitations::{self, Membership};
use crate::accounts::{authorize_org, letters, organisations as product};
use crate::app::App;
use crate::dashboard::forms::{Said, Typed, required, text};
use crate::dashboard::frame::Link;
use crate::dashboard::page::{self, PageFault, Shell};
use crate::dashboard::place::{Place, Places};
use crate::dashboard::session::Visit;
use crate::dashboard::words;
use crate::db::organisations::Member;
use crate::db::{self, Tx};
use crate::error::{Error, Result};
use crate::http::params::Params;
use crate::model::account::Role;
use crate::model::ids::{InvitationId, OrgId};
use crate::model::session::Invitation;
use crate::model::time::Millis;

pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/organisations", get(list).post(add))
        .route("/organisations/{organisation_id}", get(show).post(rename))
        .route("/organisations/{organisation_id}/members", post(set_member))
        .route("/organisations/{organisation_id}/members/remove", post(remove_member))
        .route(
            "/organisations/{organisation_id}/invitations/{invitation_id}/withdraw",
            post(withdraw),
        )
}

/// The pages of one organisation.
pub fn sections(id: &OrgId, section: &str) -> Vec<Link> {
    let all = [
        ("", "Members"),
        ("/providers", "Connected accounts"),
        ("/defaults", "Defaults of apps"),
        ("/variables", "Variables"),
        ("/secure-files", "Secure files"),
    ];
    let link = |(end, text): (&'static str, &'static str)| Link {
        text,
        path: format!("/organisations/{id}{end}"),
        current: end == section,
    };
    all.into_iter().map(link).collect()
}

/// An invitation that nobody has accepted yet.
#[derive(Debug)]
pub struct Open {
    pub id: String,
    pub email: String,
    pub access: String,
    /// What became of the mail.
    pub mail: String,
}

impl Open {
    pub fn of(invitation: Invitation, now: Millis) -> Self {
        let mail = match (&invitation.send_error, invitation.sent_at) {
            (Some(error), _) => format!("not sent: {error}"),
            (None, Some(at)) => format!("sent {}", words::ago(at, now)),
            (None, None) => "on its way".into(),
        };
        let Invitation { id, email, access, .. } = invitation;
        Self { id: id.to_string(), email, access, mail }
    }
}

/// Whether somebody here has this address.
pub async fn is_known(tx: &mut Tx, email: &str) -> Result<bool> {
    let email = email.trim().to_lowercase();
    Ok(db::accounts::find_user_by_email(tx, &email).await?.is_some())
}

#[derive(Template)]
#[template(path = "organisations.html")]
struct List {
    shell: Shell,
    csrf: String,
    said: Said,
    typed: Typed,
    organisations: Vec<Seen>,
}

struct Seen {
    id: String,
    name: String,
    role: String,
}

async fn list(State(app): State<Arc<App>>, visit: Visit) -> Result<Response, PageFault> {
    list_page(&app, &visit, Said::default(), Typed::default()).await
}

async fn list_page(
    app: &App,
    visit: &Visit,
    said: Said,
    typed: Typed,
) -> Result<Response, PageFault> {
    let mut tx = app.db.read().await?;
    let seen = db::organisations::list_seen(&mut tx, &visit.user.id, visit.actor.is_admin).await?;
    drop(tx);
    let organisations = seen.into_iter().map(|org| Seen {
        id: org.id.to_string(),
        name: org.name,
        role: org.role.unwrap_or_else(|| "seen as administrator".into()),
    });
    let organisations = organisations.collect();
    let (shell, csrf) = (visit.shell(), visit.csrf().to_owned());
    page::show(said.status(), &List { shell, csrf, said, typed, organisations })
}

async fn add(
    State(app): State<Arc<App>>,
    visit: Visit,
    params: Params,
) -> Result<Response, PageFault> {
    visit.check_form(&app, &params)?;
    let name = text(&params, "name")?;
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    match product::add(&mut tx, &visit.user.id, &name, now).await {
        Ok(org) => {
            let change = Change::of_org(&org.id, "organisation.add", &org.name);
            audit::record(&mut tx, &visit.actor, change, now).await?;
            tx.commit().await?;
            page::redirect(&format!("/organisations/{}?done=added", org.id))
        }
        Err(error) => {
            drop(tx);
            let typed = Typed::of(&params, &["name"])?;
            list_page(&app, &visit, Said::problem(error)?, typed).await
        }
    }
}

#[derive(Template)]
#[template(path = "organisation_members.html")]
struct Members {
    shell: Shell,
    csrf: String,
    name: String,
    sections: Vec<Link>,
    said: Said,
    typed: Typed,
    id: String,
    me: String,
    may_change: bool,
    members: Vec<Member>,
    open: Vec<Open>,
    /// For an administrator of the server only: they may do everything anyway.
    link: Option<String>,
}

async fn show(
    State(app): State<Arc<App>>,
    visit: Visit,
    Place(id): Place<OrgId>,
    params: Params,
) -> Result<Response, PageFault> {
    let said = match params.opt_str("done")?.as_deref() {
        Some("added") => Said::done("The organisation is yours. Invite people, or add an app."),
        Some("renamed") => Said::done("The organisation has a new name."),
        Some("set") => Said::done("Saved."),
        Some("invited") => Said::done("The invitation is on its way by mail."),
        Some("removed") => Said::done("They are no member any more."),
        Some("withdrawn") => Said::done("The link of the invitation stopped working."),
        _ => Said::default(),
    };
    page_of(&app, &visit, &id, said, (Typed::default(), None)).await
}

async fn page_of(
    app: &App,
    visit: &Visit,
    id: &OrgId,
    said: Said,
    (typed, link): (Typed, Option<String>),
) -> Result<Response, PageFault> {
    let now = app.clock.now();
    let mut tx = app.db.read().await?;
    let org = authorize_org(&mut tx, &visit.actor, Role::Read, id).await?;
    let may_change = authorize_org(&mut tx, &visit.actor, Role::Owner, id).await.is_ok();
    let members = product::members(&mut tx, id).await?;
    let open = match may_change {
        true => db::invitations::list(&mut tx, id, now).await?,
        false => Vec::new(),
    };
    drop(tx);
    let status = said.status();
    page::show(
        status,
        &Members {
            shell: visit.shell(),
            csrf: visit.csrf().to_owned(),
            sections: sections(id, ""),
            said,
            typed: typed.with("org_name", &org.name),
            name: org.name,
            id: id.to_string(),
            me: visit.user.email.clone(),
            may_change,
            members,
            open: open.into_iter().map(|invitation| Open::of(invitation, now)).collect(),
            link,
        },
    )
}

/// Shows the page again with what is wrong.
async fn again(
    app: &App,
    visit: &Visit,
    id: &OrgId,
    error: Error,
    params: &Params,
) -> Result<Response, PageFault> {
    let said = Said::problem(error)?;
    let typed = Typed::of(params, &["email", "role", "org_name"])?;
    page_of(app, visit, id, said, (typed, None)).await
}

async fn rename(
    State(app): State<Arc<App>>,
    visit: Visit,
    Place(id): Place<OrgId>,
    params: Params,
) -> Result<Response, PageFault> {
    visit.check_form(&app, &params)?;
    let name = text(&params, "org_name")?;
    let mut tx = app.db.write().await?;
    let org = authorize_org(&mut tx, &visit.actor, Role::Owner, &id).await?;
    if let Err(error) = product::rename(&mut tx, &id, &name).await {
        drop(tx);
        return again(&app, &visit, &id, error, &params).await;
    }
    let change = Change::of_org(&id, "organisation.rename", &org.name).detail(name.trim());
    audit::record(&mut tx, &visit.actor, change, app.clock.now()).await?;
    tx.commit().await?;
    page::redirect(&format!("/organisations/{id}?done=renamed"))
}

/// Makes somebody a member who is here, or invites who is not. `Some`: the
/// link of the invitation.
async fn set(app: &App, visit: &Visit, id: &OrgId, params: &Params) -> Result<Option<String>> {
    let email = required(params, "email")?;
    let role: Role =
        required(params, "role")?.parse().map_err(|_| Error::invalid_parameter("role"))?;
    let mut tx = app.db.write().await?;
    authorize_org(&mut tx, &visit.actor, Role::Owner, id).await?;
    let mut link = None;
    let (action, subject) = if is_known(&mut tx, &email).await? {
        let user = product::set_member(&mut tx, id, &email, role).await?;
        ("member.set", user.email)
    } else {
        let into = Membership::Organisation(id, role.as_str());
        let (made, key) = invitations::invite(app, &mut tx, &visit.actor, &email, into).await?;
        link = Some(letters::url(app, &made, &key));
        ("member.invite", made.email)
    };
    let change = Change::of_org(id, action, &subject).detail(role.as_str());
    audit::record(&mut tx, &visit.actor, change, app.clock.now()).await?;
    tx.commit().await?;
    Ok(link)
}

async fn set_member(
    State(app): State<Arc<App>>,
    visit: Visit,
    Place(id): Place<OrgId>,
    params: Params,
) -> Result<Response, PageFault> {
    visit.check_form(&app, &params)?;
    match set(&app, &visit, &id, &params).await {
        Ok(None) => page::redirect(&format!("/organisations/{id}?done=set")),
        // Others do not get the link to see: whoever has it can choose the
        // password of an account with somebody else's address.
        Ok(Some(link)) if visit.actor.is_admin => {
            let said = Said::done("The invitation is on its way by mail. Its link, shown once:");
            page_of(&app, &visit, &id, said, (Typed::default(), Some(link))).await
        }
        Ok(Some(_)) => page::redirect(&format!("/organisations/{id}?done=invited")),
        Err(error) => again(&app, &visit, &id, error, &params).await,
    }
}

async fn remove_member(
    State(app): State<Arc<App>>,
    visit: Visit,
    Place(id): Place<OrgId>,
    params: Params,
) -> Result<Response, PageFault> {
    visit.check_form(&app, &params)?;
    let email = required(&params, "email")?;
    let mut tx = app.db.write().await?;
    authorize_org(&mut tx, &visit.actor, Role::Owner, &id).await?;
    let user = match product::remove_member(&mut tx, &id, &email).await {
        Ok(user) => user,
        Err(error) => {
            drop(tx);
            let said = Said::problem(error)?;
            return page_of(&app, &visit, &id, said, (Typed::default(), None)).await;
        }
    };
    let change = Change::of_org(&id, "member.remove", &user.email);
    audit::record(&mut tx, &visit.actor, change, app.clock.now()).await?;
    tx.commit().await?;
    if user.id == visit.user.id && !visit.actor.is_admin {
        return page::redirect("/organisations");
    }
    page::redirect(&format!("/organisations/{id}?done=removed"))
}

async fn withdraw(
    State(app): State<Arc<App>>,
    visit: Visit,
    Places(id, invitation): Places<OrgId, InvitationId>,
    params: Params,
) -> Result<Response, PageFault> {
    visit.check_form(&app, &params)?;
    let mut tx = app.db.write().await?;
    authorize_org(&mut tx, &visit.actor, Role::Owner, &id).await?;
    let place = (Some(&id), None);
    let taken = invitations::withdraw(&app, &mut tx, &invitation, place).await?;
    let change = Change::of_org(&id, "invitation.withdraw", &taken.email);
    audit::record(&mut tx, &visit.actor, change, app.clock.now()).await?;
    tx.commit().await?;
    page::redirect(&format!("/organisations/{id}?done=withdrawn"))
}
