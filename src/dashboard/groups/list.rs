//! All groups of an app, and making one.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::form::{self, Problem};
use super::{enter, record};
use crate::accounts::authorize_app;
use crate::app::App;
use crate::dashboard::frame::{AppFrame, Tab};
use crate::dashboard::page::{self, PageFault, Shell};
use crate::dashboard::place::Place;
use crate::dashboard::session::Visit;
use crate::dashboard::words;
use crate::distribution::groups::{self, Draft};
use crate::error::Result;
use crate::http::params::Params;
use crate::model::account::Access;
use crate::model::ids::AppId;

#[derive(Template)]
#[template(path = "groups/list.html")]
struct List {
    shell: Shell,
    csrf: String,
    frame: AppFrame,
    may_manage: bool,
    problem: Option<Problem>,
    typed: String,
    done: Option<&'static str>,
    groups: Vec<Row>,
    /// What can be brought back, for who may do that.
    deleted: Vec<Deleted>,
}

struct Deleted {
    id: String,
    name: String,
    when: String,
}

struct Row {
    id: String,
    name: String,
    when: String,
    what: String,
    testers: usize,
    last: Option<Last>,
}

struct Last {
    number: i64,
    path: String,
    when: String,
}

pub async fn list(
    State(app): State<Arc<App>>,
    visit: Visit,
    Place(id): Place<AppId>,
    params: Params,
) -> Result<Response, PageFault> {
    let done = match params.opt_str("done")?.as_deref() {
        Some("deleted") => Some("The group is gone. It can be brought back for 30 days."),
        _ => None,
    };
    let page = load(&app, &visit, &id).await?;
    page::ok(&List { done, ..page })
}

async fn load(app: &App, visit: &Visit, id: &AppId) -> Result<List> {
    let mut tx = app.db.read().await?;
    let (row, may_manage) = enter(&mut tx, visit, id).await?;
    let gone = match may_manage {
        true => groups::deleted(app, &mut tx, &row).await?,
        false => Vec::new(),
    };
    drop(tx);
    let now = app.clock.now();
    let deleted = gone.into_iter().map(|group| Deleted {
        id: group.id.to_string(),
        name: group.name,
        when: words::ago(group.deleted_at, now),
    });
    let deleted = deleted.collect();
    let mut shown = Vec::new();
    for one in groups::list(app, &row).await? {
        shown.push(Row {
            when: form::when(&one.group)?,
            what: form::what(&row, &one.group),
            id: one.group.id.to_string(),
            name: one.group.name,
            testers: one.testers.len(),
            last: one.last.map(|last| Last {
                number: last.number,
                path: format!("/apps/{id}/build/{}", last.build_id),
                when: words::ago(last.created_at, now),
            }),
        });
    }
    Ok(List {
        shell: visit.shell(),
        csrf: visit.csrf().to_owned(),
        frame: AppFrame::of(&row, Tab::Testers, may_manage),
        may_manage,
        problem: None,
        typed: String::new(),
        done: None,
        groups: shown,
        deleted,
    })
}

/// Makes a group with this name, which gets builds by hand until it is told
/// otherwise.
pub async fn create(
    State(app): State<Arc<App>>,
    visit: Visit,
    Place(id): Place<AppId>,
    params: Params,
) -> Result<Response, PageFault> {
    visit.check_form(&app, &params)?;
    let typed = params.opt_str("name")?.unwrap_or_default().into_owned();
    let mut tx = app.db.write().await?;
    let row = authorize_app(&mut tx, &visit.actor, Access::Full, &id).await?;
    let draft = Draft { name: Some(typed.clone()), ..Draft::default() };
    let group = match groups::create(&app, &mut tx, &row, draft).await {
        Ok(group) => group,
        Err(error) => {
            let problem = Some(form::problem(error)?);
            drop(tx);
            let page = load(&app, &visit, &id).await?;
            return page::show(StatusCode::BAD_REQUEST, &List { problem, typed, ..page });
        }
    };
    record(&app, &mut tx, &visit, (&row, &group.name), ("group.create", "")).await?;
    tx.commit().await?;
    page::redirect(&format!("/apps/{id}/groups/{}?done=created", group.id))
}
