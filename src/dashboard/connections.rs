//! Accounts of an organisation at those who keep its repositories (ACC-4,
//! APP-7): adding, trying, replacing the token, removing.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};

use crate::accounts::audit::{self, Change};
use crate::accounts::authorize_org;
use crate::app::App;
use crate::apps::providers::{self as product, NewConnection};
use crate::dashboard::forms::{Said, Typed, required, text};
use crate::dashboard::frame::Link;
use crate::dashboard::organisations::sections;
use crate::dashboard::page::{self, PageFault, Shell};
use crate::dashboard::place::{Place, Places};
use crate::dashboard::session::Visit;
use crate::dashboard::words;
use crate::db;
use crate::error::{Error, Result};
use crate::http::params::Params;
use crate::model::account::Role;
use crate::model::connection::Connection;
use crate::model::ids::{ConnectionId, OrgId};
use crate::model::secret::Secret;
use crate::model::status::Provider;
use crate::model::time::Millis;

const SECTION: &str = "/providers";

pub fn routes() -> Router<Arc<App>> {
    let one = "/organisations/{organisation_id}/providers/{connection_id}";
    Router::new()
        .route("/organisations/{organisation_id}/providers", get(list).post(add))
        .route(&format!("{one}/test"), post(test))
        .route(&format!("{one}/token"), post(replace_token))
        .route(&format!("{one}/delete"), post(delete))
}

/// Word of the form, and name for people.
pub(super) const KINDS: [(&str, &str); 5] = [
    ("github", "GitHub"),
    ("gitlab", "GitLab"),
    ("bitbucket", "Bitbucket Cloud"),
    ("bitbucket_server", "Bitbucket Data Center or Server"),
    ("gitea", "Gitea or Forgejo"),
];

pub(super) fn kind_name(provider: Provider) -> &'static str {
    let known = KINDS.iter().find(|(word, _)| *word == provider.as_str());
    known.map_or(provider.as_str(), |(_, name)| name)
}

#[derive(Template)]
#[template(path = "organisation_providers.html")]
struct Page {
    shell: Shell,
    csrf: String,
    name: String,
    sections: Vec<Link>,
    said: Said,
    typed: Typed,
    id: String,
    may_change: bool,
    connections: Vec<Row>,
    kinds: [(&'static str, &'static str); 5],
}

struct Row {
    id: String,
    name: String,
    kind: &'static str,
    base_url: String,
    account: String,
    /// What the last test found, for a person.
    state: String,
    error: Option<String>,
    token_set: String,
    /// Apps whose repositories are on its host.
    apps: usize,
}

impl Row {
    fn of(connection: Connection, apps: usize, now: Millis) -> Self {
        let state = match (connection.checked_at, &connection.check_error) {
            (None, _) => "not tested yet".to_owned(),
            (Some(at), None) => format!("works, tested {}", words::ago(at, now)),
            (Some(at), Some(_)) => format!("failed, tested {}", words::ago(at, now)),
        };
        Self {
            id: connection.id.to_string(),
            name: connection.name,
            kind: kind_name(connection.provider),
            base_url: connection.base_url,
            account: connection.account,
            state,
            error: connection.check_error,
            token_set: words::ago(connection.token_set_at, now),
            apps,
        }
    }
}

async fn list(
    State(app): State<Arc<App>>,
    visit: Visit,
    Place(id): Place<OrgId>,
    params: Params,
) -> Result<Response, PageFault> {
    let said = match params.opt_str("done")?.as_deref() {
        Some("deleted") => Said::done("The connection is deleted, and its token with it."),
        Some("tested") => match params.opt::<ConnectionId>("connection")? {
            Some(connection) => outcome(&app, &visit, &id, &connection).await?,
            None => Said::default(),
        },
        _ => Said::default(),
    };
    page_of(&app, &visit, &id, said, Typed::default()).await
}

/// What the last test of a connection has found.
async fn outcome(app: &App, visit: &Visit, id: &OrgId, connection: &ConnectionId) -> Result<Said> {
    let mut tx = app.db.read().await?;
    authorize_org(&mut tx, &visit.actor, Role::Read, id).await?;
    let found = product::find(&mut tx, id, connection).await?;
    Ok(match &found.check_error {
        // The row below says why.
        Some(_) => Said::default(),
        None if found.account.is_empty() => Said::default(),
        None => Said::done(&format!("{} works as {}.", found.name, found.account)),
    })
}

async fn page_of(
    app: &App,
    visit: &Visit,
    id: &OrgId,
    said: Said,
    typed: Typed,
) -> Result<Response, PageFault> {
    let now = app.clock.now();
    let mut tx = app.db.read().await?;
    let org = authorize_org(&mut tx, &visit.actor, Role::Read, id).await?;
    let may_change = authorize_org(&mut tx, &visit.actor, Role::Owner, id).await.is_ok();
    let mut connections = Vec::new();
    for connection in db::connections::list(&mut tx, id).await? {
        let apps = product::count_apps(&mut tx, &connection).await?;
        connections.push(Row::of(connection, apps, now));
    }
    drop(tx);
    let status = said.status();
    page::show(
        status,
        &Page {
            shell: visit.shell(),
            csrf: visit.csrf().to_owned(),
            name: org.name,
            sections: sections(id, SECTION),
            said,
            typed,
            id: id.to_string(),
            may_change,
            connections,
            kinds: KINDS,
        },
    )
}

async fn make(app: &App, visit: &Visit, id: &OrgId, params: &Params) -> Result<Connection> {
    let provider = required(params, "provider")?;
    let provider = provider.parse().map_err(|_| Error::invalid_parameter("provider"))?;
    let base_url = text(params, "base_url")?;
    let base_url = Some(base_url.trim()).filter(|url| !url.is_empty());
    let token = Secret::new(required(params, "token")?);
    let name = required(params, "name")?;
    let new = NewConnection { name: &name, provider, base_url, token: &token };
    let mut tx = app.db.write().await?;
    authorize_org(&mut tx, &visit.actor, Role::Owner, id).await?;
    let added = product::connect(app, &mut tx, id, &new).await?;
    let change = Change::of_org(id, "provider.add", &added.name).detail(&added.base_url);
    audit::record(&mut tx, &visit.actor, change, added.created_at).await?;
    tx.commit().await?;
    Ok(added)
}

async fn add(
    State(app): State<Arc<App>>,
    visit: Visit,
    Place(id): Place<OrgId>,
    params: Params,
) -> Result<Response, PageFault> {
    visit.check_form(&app, &params)?;
    match make(&app, &visit, &id, &params).await {
        Ok(added) => tested(&app, &id, &added).await,
        Err(error) => {
            let typed = Typed::of(&params, &["name", "provider", "base_url"])?;
            page_of(&app, &visit, &id, Said::problem(error)?, typed).await
        }
    }
}

/// Asks the provider, and shows what it said.
async fn tested(app: &App, id: &OrgId, connection: &Connection) -> Result<Response, PageFault> {
    product::check(app, connection).await?;
    page::redirect(&format!(
        "/organisations/{id}{SECTION}?done=tested&connection={}",
        connection.id
    ))
}

async fn test(
    State(app): State<Arc<App>>,
    visit: Visit,
    Places(id, connection): Places<OrgId, ConnectionId>,
    params: Params,
) -> Result<Response, PageFault> {
    visit.check_form(&app, &params)?;
    let mut tx = app.db.read().await?;
    authorize_org(&mut tx, &visit.actor, Role::Owner, &id).await?;
    let found = product::find(&mut tx, &id, &connection).await?;
    drop(tx);
    tested(&app, &id, &found).await
}

async fn replace_token(
    State(app): State<Arc<App>>,
    visit: Visit,
    Places(id, connection): Places<OrgId, ConnectionId>,
    params: Params,
) -> Result<Response, PageFault> {
    visit.check_form(&app, &params)?;
    let replaced = async {
        let token = Secret::new(required(&params, "token")?);
        let mut tx = app.db.write().await?;
        authorize_org(&mut tx, &visit.actor, Role::Owner, &id).await?;
        let found = product::find(&mut tx, &id, &connection).await?;
        let replaced = product::replace_token(&app, &mut tx, &found, &token).await?;
        let change = Change::of_org(&id, "provider.token", &replaced.name);
        audit::record(&mut tx, &visit.actor, change, replaced.token_set_at).await?;
        tx.commit().await?;
        Ok(replaced)
    };
    match replaced.await {
        Ok(replaced) => tested(&app, &id, &replaced).await,
        Err(error) => page_of(&app, &visit, &id, Said::problem(error)?, Typed::default()).await,
    }
}

async fn delete(
    State(app): State<Arc<App>>,
    visit: Visit,
    Places(id, connection): Places<OrgId, ConnectionId>,
    params: Params,
) -> Result<Response, PageFault> {
    visit.check_form(&app, &params)?;
    let mut tx = app.db.write().await?;
    authorize_org(&mut tx, &visit.actor, Role::Owner, &id).await?;
    let found = product::find(&mut tx, &id, &connection).await?;
    db::connections::delete(&mut tx, &connection).await?;
    let change = Change::of_org(&id, "provider.remove", &found.name).detail(&found.base_url);
    audit::record(&mut tx, &visit.actor, change, app.clock.now()).await?;
    tx.commit().await?;
    page::redirect(&format!("/organisations/{id}{SECTION}?done=deleted"))
}
