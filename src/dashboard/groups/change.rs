//! What the forms of a group do. Each asks for full access, leaves a line in
//! the activity log, and goes back to the page that says what happened.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;

use super::form::{self, Form, Problem};
use super::record;
use super::show::refused;
use crate::accounts::authorize_app;
use crate::app::App;
use crate::dashboard::page::{self, PageFault};
use crate::dashboard::place::Places;
use crate::dashboard::session::Visit;
use crate::db::Tx;
use crate::distribution::{deploy as sending, groups};
use crate::error::{Error, Result};
use crate::http::params::Params;
use crate::model::account::Access;
use crate::model::app::App as AppRow;
use crate::model::distribution::Group;
use crate::model::email::Email;
use crate::model::ids::{AppId, GroupId};

/// Longest list of addresses, in bytes: a thousand of them.
const MAX_ADDRESSES: usize = 128 << 10;

/// The group, for who may change it.
async fn open(
    tx: &mut Tx,
    visit: &Visit,
    (id, group): (&AppId, &GroupId),
) -> Result<(AppRow, Group)> {
    let row = authorize_app(tx, &visit.actor, Access::Full, id).await?;
    let group = groups::find(tx, id, group).await?;
    Ok((row, group))
}

fn back((id, group): (&AppId, &GroupId), done: &str) -> Result<Response, PageFault> {
    page::redirect(&format!("/apps/{id}/groups/{group}?done={done}"))
}

/// Name, frequency, rules and schedule.
pub async fn settings(
    State(app): State<Arc<App>>,
    visit: Visit,
    Places(id, group_id): Places<AppId, GroupId>,
    params: Params,
) -> Result<Response, PageFault> {
    visit.check_form(&app, &params)?;
    let form = Form::read(&params)?;
    let mut tx = app.db.write().await?;
    let (row, group) = open(&mut tx, &visit, (&id, &group_id)).await?;
    let was = group.name.clone();
    let changed = match form.draft() {
        Ok(draft) => groups::change(&app, &mut tx, group, draft).await,
        Err(error) => Err(error),
    };
    let group = match changed {
        Ok(group) => group,
        Err(error) => {
            let problem = form::problem(error)?;
            drop(tx);
            return refused(&app, &visit, (&id, &group_id), problem, |page| page.form = form).await;
        }
    };
    record(&app, &mut tx, &visit, (&row, &was), ("group.change", &group.name)).await?;
    tx.commit().await?;
    back((&id, &group_id), "saved")
}

/// Adds all addresses or, if one is malformed, none.
pub async fn add_testers(
    State(app): State<Arc<App>>,
    visit: Visit,
    Places(id, group_id): Places<AppId, GroupId>,
    params: Params,
) -> Result<Response, PageFault> {
    visit.check_form(&app, &params)?;
    let typed = params.opt_text("testers", MAX_ADDRESSES)?.unwrap_or_default().into_owned();
    let deploy = params.opt_bool("deploy")?.unwrap_or(false);
    let mut tx = app.db.write().await?;
    let (row, group) = open(&mut tx, &visit, (&id, &group_id)).await?;
    let added = match addresses(&typed) {
        Ok(emails) => groups::add_testers(&app, &mut tx, &group, &emails).await,
        Err(error) => Err(error),
    };
    let added = match added {
        Ok(added) => added,
        Err(error) => {
            let problem = form::problem(error)?;
            drop(tx);
            return refused(&app, &visit, (&id, &group_id), problem, |page| page.typed = typed)
                .await;
        }
    };
    if deploy {
        let to = (&row, &group);
        sending::deploy_to_added(&app, &mut tx, to, &added, &visit.user.id).await?;
    }
    let names: Vec<&str> = added.iter().map(Email::typed).collect();
    let detail = names.join(", ");
    record(&app, &mut tx, &visit, (&row, &group.name), ("group.testers.add", &detail)).await?;
    tx.commit().await?;
    back((&id, &group_id), "added")
}

/// People paste lists with commas, semicolons or line breaks.
fn addresses(typed: &str) -> Result<Vec<Email>> {
    let parts = typed.split([',', ';', '\n', '\r']).map(str::trim).filter(|part| !part.is_empty());
    let texts: Vec<String> = parts.map(str::to_owned).collect();
    if texts.is_empty() {
        return Err(Error::Invalid("Missing parameter \"testers\"".into()));
    }
    groups::parse_testers(&texts)
}

pub async fn remove_tester(
    State(app): State<Arc<App>>,
    visit: Visit,
    Places(id, group_id): Places<AppId, GroupId>,
    params: Params,
) -> Result<Response, PageFault> {
    visit.check_form(&app, &params)?;
    let texts = [params.required_str("tester")?.into_owned()];
    let mut tx = app.db.write().await?;
    let (row, group) = open(&mut tx, &visit, (&id, &group_id)).await?;
    let removed = groups::remove_testers(&mut tx, &group, &texts).await?.join(", ");
    record(&app, &mut tx, &visit, (&row, &group.name), ("group.testers.remove", &removed)).await?;
    tx.commit().await?;
    back((&id, &group_id), "removed")
}

/// Sends the newest build that matches, also again.
pub async fn deploy(
    State(app): State<Arc<App>>,
    visit: Visit,
    Places(id, group_id): Places<AppId, GroupId>,
    params: Params,
) -> Result<Response, PageFault> {
    visit.check_form(&app, &params)?;
    let mut tx = app.db.write().await?;
    let (row, group) = open(&mut tx, &visit, (&id, &group_id)).await?;
    let to = (&row, &group);
    let build = match sending::deploy_newest(&app, &mut tx, to, None, &visit.user.id).await {
        Ok(build) => build,
        Err(Error::NotFound(_)) => {
            drop(tx);
            let text = "There is no build that this group can get: one that succeeded, can be \
                installed, is not disabled, and matches its rules.";
            let problem = Problem { field: "", text: text.into() };
            return refused(&app, &visit, (&id, &group_id), problem, |_| {}).await;
        }
        Err(error) => return Err(error.into()),
    };
    let number = format!("build {}", build.number);
    record(&app, &mut tx, &visit, (&row, &group.name), ("group.deploy", &number)).await?;
    tx.commit().await?;
    back((&id, &group_id), "sent")
}

/// Deletes the group whose name was typed.
pub async fn delete(
    State(app): State<Arc<App>>,
    visit: Visit,
    Places(id, group_id): Places<AppId, GroupId>,
    params: Params,
) -> Result<Response, PageFault> {
    visit.check_form(&app, &params)?;
    let typed = params.opt_str("confirm")?.unwrap_or_default();
    let mut tx = app.db.write().await?;
    let (row, group) = open(&mut tx, &visit, (&id, &group_id)).await?;
    if typed.trim() != group.name {
        drop(tx);
        let text = "The group was not deleted: type its name as it is written here.".into();
        let problem = Problem { field: "confirm", text };
        return refused(&app, &visit, (&id, &group_id), problem, |_| {}).await;
    }
    groups::delete(&app, &mut tx, &group).await?;
    record(&app, &mut tx, &visit, (&row, &group.name), ("group.delete", "")).await?;
    tx.commit().await?;
    page::redirect(&format!("/apps/{id}/groups?done=deleted"))
}

/// Brings a deleted group back.
pub async fn restore(
    State(app): State<Arc<App>>,
    visit: Visit,
    Places(id, group_id): Places<AppId, GroupId>,
    params: Params,
) -> Result<Response, PageFault> {
    visit.check_form(&app, &params)?;
    let mut tx = app.db.write().await?;
    let row = authorize_app(&mut tx, &visit.actor, Access::Full, &id).await?;
    let group = groups::restore(&app, &mut tx, &row, &group_id).await?;
    record(&app, &mut tx, &visit, (&row, &group.name), ("group.restore", "")).await?;
    tx.commit().await?;
    back((&id, &group_id), "restored")
}
