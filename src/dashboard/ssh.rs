//! The SSH side of your organisations: the public key to add to repositories,
//! and the hosts whose keys are known (APP-4).

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};

use crate::accounts::audit::{self, Change};
use crate::accounts::authorize_org;
use crate::app::App;
use crate::apps::ssh_keys as product;
use crate::dashboard::forms::{Said, Typed, lines, required};
use crate::dashboard::page::{self, PageFault, Shell};
use crate::dashboard::place::Place;
use crate::dashboard::session::Visit;
use crate::dashboard::words;
use crate::db;
use crate::error::Result;
use crate::http::params::Params;
use crate::model::account::Role;
use crate::model::ids::OrgId;
use crate::secrets::openssh::fingerprint;

pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/account/ssh-key", get(keys))
        .route("/account/ssh-key/{organisation_id}/rotate", post(rotate))
        .route("/ssh-hosts", get(hosts))
        .route("/ssh-hosts/{organisation_id}", post(set_host))
        .route("/ssh-hosts/{organisation_id}/forget", post(forget_host))
}

#[derive(Template)]
#[template(path = "ssh_keys.html")]
struct Keys {
    shell: Shell,
    csrf: String,
    said: Said,
    keys: Vec<Key>,
}

struct Key {
    org_id: String,
    org: String,
    public_key: String,
    fingerprint: String,
    made: String,
    may_rotate: bool,
}

async fn keys(
    State(app): State<Arc<App>>,
    visit: Visit,
    params: Params,
) -> Result<Response, PageFault> {
    let said = match params.opt_str("done")?.as_deref() {
        Some("rotated") => {
            Said::done("There is a new key. Replace the old one at your repositories.")
        }
        _ => Said::default(),
    };
    let mut tx = app.db.write().await?;
    let orgs = db::organisations::list_seen(&mut tx, &visit.user.id, false).await?;
    let mut keys = Vec::new();
    for org in orgs {
        // Made at the first look, as by the API.
        let key = product::ensure(&app, &mut tx, &org.id).await?;
        let data = key.public_key.split(' ').nth(1).unwrap_or_default();
        keys.push(Key {
            may_rotate: org.role.as_deref() == Some(Role::Owner.as_str()),
            org_id: org.id.to_string(),
            org: org.name,
            fingerprint: fingerprint(data).unwrap_or_default(),
            public_key: key.public_key,
            made: words::moment(key.created_at),
        });
    }
    tx.commit().await?;
    page::ok(&Keys { shell: visit.shell(), csrf: visit.csrf().to_owned(), said, keys })
}

async fn rotate(
    State(app): State<Arc<App>>,
    visit: Visit,
    Place(id): Place<OrgId>,
    params: Params,
) -> Result<Response, PageFault> {
    visit.check_form(&app, &params)?;
    let mut tx = app.db.write().await?;
    authorize_org(&mut tx, &visit.actor, Role::Owner, &id).await?;
    let key = product::rotate(&app, &mut tx, &id).await?;
    let data = key.public_key.split(' ').nth(1).unwrap_or_default();
    let shown = fingerprint(data).unwrap_or_default();
    let change = Change::of_org(&id, "ssh_key.rotate", &shown);
    audit::record(&mut tx, &visit.actor, change, app.clock.now()).await?;
    tx.commit().await?;
    page::redirect("/account/ssh-key?done=rotated")
}

#[derive(Template)]
#[template(path = "ssh_hosts.html")]
struct Hosts {
    shell: Shell,
    csrf: String,
    said: Said,
    typed: Typed,
    orgs: Vec<OfOrg>,
}

struct OfOrg {
    id: String,
    name: String,
    may_change: bool,
    hosts: Vec<Host>,
}

struct Host {
    host: String,
    fingerprints: Vec<String>,
    is_pinned: bool,
}

async fn hosts(
    State(app): State<Arc<App>>,
    visit: Visit,
    params: Params,
) -> Result<Response, PageFault> {
    let said = match params.opt_str("done")?.as_deref() {
        Some("set") => Said::done("From now on this host must show these keys."),
        Some("forgotten") => Said::done("The host is forgotten: its next contact is the first."),
        _ => Said::default(),
    };
    page::ok(&hosts_page(&app, &visit, said, Typed::default()).await?)
}

async fn hosts_page(app: &App, visit: &Visit, said: Said, typed: Typed) -> Result<Hosts> {
    let mut tx = app.db.read().await?;
    let mut orgs = Vec::new();
    for org in db::organisations::list_seen(&mut tx, &visit.user.id, false).await? {
        let hosts = product::hosts(&mut tx, &org.id).await?;
        let hosts = hosts.into_iter().map(|known| Host {
            fingerprints: known.fingerprints(),
            host: known.host,
            is_pinned: known.is_pinned,
        });
        orgs.push(OfOrg {
            may_change: org.role.as_deref() == Some(Role::Owner.as_str()),
            id: org.id.to_string(),
            name: org.name,
            hosts: hosts.collect(),
        });
    }
    drop(tx);
    let csrf = visit.csrf().to_owned();
    Ok(Hosts { shell: visit.shell(), csrf, said, typed, orgs })
}

async fn set_host(
    State(app): State<Arc<App>>,
    visit: Visit,
    Place(id): Place<OrgId>,
    params: Params,
) -> Result<Response, PageFault> {
    visit.check_form(&app, &params)?;
    let change = async {
        let (host, keys) = (required(&params, "host")?, lines(&params, "keys")?);
        let mut tx = app.db.write().await?;
        authorize_org(&mut tx, &visit.actor, Role::Owner, &id).await?;
        product::set_host(&app, &mut tx, &id, &host, &keys).await?;
        let change = Change::of_org(&id, "ssh_host.set", &host);
        audit::record(&mut tx, &visit.actor, change, app.clock.now()).await?;
        tx.commit().await
    };
    let outcome = change.await;
    match outcome {
        Ok(()) => page::redirect("/ssh-hosts?done=set"),
        Err(error) => {
            let said = Said::problem(error)?;
            let typed = Typed::of(&params, &["host", "keys"])?.with("org", id.as_str());
            let page = hosts_page(&app, &visit, said, typed).await?;
            page::show(page.said.status(), &page)
        }
    }
}

async fn forget_host(
    State(app): State<Arc<App>>,
    visit: Visit,
    Place(id): Place<OrgId>,
    params: Params,
) -> Result<Response, PageFault> {
    visit.check_form(&app, &params)?;
    let host = required(&params, "host")?;
    let mut tx = app.db.write().await?;
    authorize_org(&mut tx, &visit.actor, Role::Owner, &id).await?;
    product::forget_host(&mut tx, &id, &host).await?;
    let change = Change::of_org(&id, "ssh_host.forget", &host);
    audit::record(&mut tx, &visit.actor, change, app.clock.now()).await?;
    tx.commit().await?;
    page::redirect("/ssh-hosts?done=forgotten")
}
