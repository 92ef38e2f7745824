//! Picking the repository of a new app from what a connected account sees
//! (APP-2, APP-6). Choosing one goes on like pasting its URL.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use form_urlencoded::Serializer;

use crate::accounts::authorize_org;
use crate::app::App;
use crate::apps::providers as product;
use crate::dashboard::connections::kind_name;
use crate::dashboard::page::{self, PageFault, Shell};
use crate::dashboard::session::Visit;
use crate::dashboard::words;
use crate::db::{self, Tx};
use crate::error::Result;
use crate::git::providers::{AskError, Listing, Repository};
use crate::http::params::Params;
use crate::model::account::Role;
use crate::model::connection::Connection;
use crate::model::ids::{ConnectionId, OrgId};
use crate::model::status::Provider;
use crate::model::time::Millis;

pub fn routes() -> Router<Arc<App>> {
    Router::new().route("/apps/new/pick", get(pick))
}

/// A connected account to pick from.
pub(super) struct Source {
    pub name: String,
    pub kind: &'static str,
    pub account: String,
    /// Whose it is; empty where the person is in one organisation only.
    pub org: String,
    pub path: String,
}

/// What the person may pick from: the accounts of organisations that they may
/// add apps to, given as (id, name).
pub(super) async fn sources(tx: &mut Tx, orgs: &[(OrgId, String)]) -> Result<Vec<Source>> {
    let mut all = Vec::new();
    for (id, name) in orgs {
        for connection in db::connections::list(tx, id).await? {
            all.push(Source {
                path: link(&connection, "", 1),
                kind: kind_name(connection.provider),
                name: connection.name,
                account: connection.account,
                org: if orgs.len() > 1 { name.clone() } else { String::new() },
            });
        }
    }
    Ok(all)
}

fn link(connection: &Connection, search: &str, page: usize) -> String {
    let mut query = Serializer::new(String::new());
    query.append_pair("organisation", connection.org_id.as_str());
    query.append_pair("connection", connection.id.as_str());
    if !search.is_empty() {
        query.append_pair("search", search);
    }
    if page > 1 {
        query.append_pair("page", &page.to_string());
    }
    format!("/apps/new/pick?{}", query.finish())
}

#[derive(Template)]
#[template(path = "new_app_pick.html")]
struct Page {
    shell: Shell,
    csrf: String,
    org_id: String,
    connection_id: String,
    name: String,
    kind: &'static str,
    search: String,
    repositories: Vec<Row>,
    /// Why there are none to see, and what helps.
    problem: Option<(String, &'static str)>,
    /// A search that looked at so many only.
    searched: Option<usize>,
    is_by_name: bool,
    is_by_workspace: bool,
    previous: Option<String>,
    next: Option<String>,
    /// Where the connection is looked after.
    manage: String,
}

struct Row {
    full_name: String,
    clone_url: String,
    is_private: bool,
    changed: Option<String>,
}

impl Row {
    fn of(found: Repository, now: Millis) -> Self {
        let Repository { full_name, clone_url, is_private, changed_at } = found;
        let changed = changed_at.map(|at| words::ago(at, now));
        Self { full_name, clone_url, is_private, changed }
    }
}

async fn pick(
    State(app): State<Arc<App>>,
    visit: Visit,
    params: Params,
) -> Result<Response, PageFault> {
    let org: Option<OrgId> = params.opt("organisation")?;
    let id: Option<ConnectionId> = params.opt("connection")?;
    let (Some(org), Some(id)) = (org, id) else { return page::redirect("/apps/new") };
    let search = params.opt_str("search")?.unwrap_or_default().trim().to_owned();
    let number = params.opt::<usize>("page")?.unwrap_or(1).max(1);
    let mut tx = app.db.read().await?;
    authorize_org(&mut tx, &visit.actor, Role::Full, &org).await?;
    let connection = product::find(&mut tx, &org, &id).await?;
    drop(tx);
    let listed = product::repositories(&app, &connection, &search, number).await?;
    page::ok(&page_of(&visit, &connection, (search, number), listed, app.clock.now()))
}

fn page_of(
    visit: &Visit,
    connection: &Connection,
    (search, number): (String, usize),
    listed: Result<Listing, AskError>,
    now: Millis,
) -> Page {
    let (listing, problem) = match listed {
        Ok(listing) => (listing, None),
        Err(error) => (Listing::default(), Some((error.to_string(), error.fix()))),
    };
    let Listing { repositories, has_more, searched } = listing;
    Page {
        shell: visit.shell(),
        csrf: visit.csrf().to_owned(),
        org_id: connection.org_id.to_string(),
        connection_id: connection.id.to_string(),
        name: connection.name.clone(),
        kind: kind_name(connection.provider),
        repositories: repositories.into_iter().map(|found| Row::of(found, now)).collect(),
        problem,
        searched,
        is_by_name: connection.provider == Provider::BitbucketServer,
        is_by_workspace: connection.provider == Provider::Bitbucket,
        previous: (number > 1).then(|| link(connection, &search, number - 1)),
        next: has_more.then(|| link(connection, &search, number + 1)),
        manage: format!("/organisations/{}/providers", connection.org_id),
        search,
    }
}
