//! Sending a build to testers, what became of it at each (DEP-14), and closing
//! it to all of them (DEP-12).

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use crate::accounts::audit::{self, Change};
use crate::app::App;
use crate::dashboard::build::{Head, Loaded, Tab, load};
use crate::dashboard::builds::build_of;
use crate::dashboard::page::{self, PageFault, Shell};
use crate::dashboard::place::Places;
use crate::dashboard::session::Visit;
use crate::dashboard::words;
use crate::db::{self, Tx};
use crate::distribution::deploy::{self, Order};
use crate::distribution::{groups, notes};
use crate::error::{Error, Result};
use crate::http::params::Params;
use crate::model::account::Access;
use crate::model::app::App as AppRow;
use crate::model::build::Build;
use crate::model::distribution::{Cause, Deployment, Group, Recipient};
use crate::model::email::Email;
use crate::model::ids::{AppId, BuildId, GroupId};
use crate::model::time::Millis;

/// Deployments on the page, the latest ones.
const MAX_SHOWN: usize = 50;
/// Longest list of addresses, in bytes.
const MAX_TESTERS: usize = 256 << 10;
/// Beyond what a deployment takes, so that the page can say so.
const MAX_NOTES: usize = 64 << 10;

#[derive(Template)]
#[template(path = "build/deploy.html")]
struct Page {
    shell: Shell,
    head: Head,
    /// Why the build cannot be sent.
    obstacle: Option<String>,
    problem: Option<Problem>,
    done: Option<&'static str>,
    groups: Vec<Choice>,
    testers: String,
    notes: String,
    /// What testers read unless something is entered.
    default_notes: String,
    sent: Vec<Sent>,
    more: bool,
}

/// What is wrong with a form, and with which field.
struct Problem {
    field: &'static str,
    text: String,
}

struct Choice {
    id: String,
    name: String,
    testers: usize,
    chosen: bool,
}

struct Sent {
    to: String,
    why: &'static str,
    when: String,
    notes: String,
    recipients: Vec<Reached>,
    /// How many were sent it, have downloaded it, have launched it.
    counts: [usize; 3],
}

struct Reached {
    address: String,
    progress: String,
    sent: String,
    downloaded: String,
    launched: String,
    trouble: Option<String>,
}

/// What was typed.
#[derive(Default)]
struct Typed {
    groups: Vec<GroupId>,
    testers: String,
    notes: String,
}

impl Typed {
    fn read(params: &Params) -> Result<Self> {
        let groups = params.all("groups")?;
        let groups = groups.iter().map(|id| id.parse());
        Ok(Self {
            groups: groups
                .collect::<std::result::Result<_, _>>()
                .map_err(|_| Error::invalid_parameter("groups"))?,
            testers: params.opt_text("testers", MAX_TESTERS)?.unwrap_or_default().into_owned(),
            notes: params.opt_text("notes", MAX_NOTES)?.unwrap_or_default().into_owned(),
        })
    }

    fn addresses(&self) -> Result<Vec<Email>> {
        let split = self.testers.split([',', ';', ' ', '\n', '\r', '\t']);
        let texts: Vec<String> = split.filter(|text| !text.is_empty()).map(str::to_owned).collect();
        groups::parse_testers(&texts)
    }
}

pub(super) async fn show(
    State(app): State<Arc<App>>,
    visit: Visit,
    Places(app_id, id): Places<AppId, BuildId>,
    params: Params,
) -> Result<Response, PageFault> {
    let done = match params.opt_str("done")?.as_deref() {
        Some("sent") => Some("The build is on its way."),
        Some("disabled") => Some("Testers can no longer install this build."),
        Some("enabled") => Some("Testers can install this build again."),
        _ => None,
    };
    let mut tx = app.db.read().await?;
    let loaded = load(&app, &mut tx, &visit, (&app_id, &id), Tab::Deploy).await?;
    let page = page_of(&mut tx, &visit, loaded, &Typed::default()).await?;
    drop(tx);
    page::ok(&Page { done, ..page })
}

async fn page_of(tx: &mut Tx, visit: &Visit, loaded: Loaded, typed: &Typed) -> Result<Page> {
    let Loaded { row, build, head } = loaded;
    let mut choices = Vec::new();
    for group in db::groups::list(tx, &row.id).await? {
        choices.push(choice(tx, group, typed).await?);
    }
    let mut deployments = db::deployments::list(tx, &build.id).await?;
    let recipients = db::deployments::list_recipients(tx, &build.id).await?;
    let default_notes = notes::of(tx, &build, Some("")).await?;
    let more = deployments.len() > MAX_SHOWN;
    deployments.truncate(MAX_SHOWN);
    Ok(Page {
        shell: visit.shell(),
        head,
        obstacle: deploy::obstacle(&build)?,
        problem: None,
        done: None,
        groups: choices,
        testers: typed.testers.clone(),
        notes: typed.notes.clone(),
        default_notes,
        sent: deployments.iter().map(|one| sent(one, &recipients)).collect(),
        more,
    })
}

async fn choice(tx: &mut Tx, group: Group, typed: &Typed) -> Result<Choice> {
    let testers = groups::addresses(tx, &group).await?.len();
    let chosen = typed.groups.contains(&group.id);
    Ok(Choice { id: group.id.to_string(), name: group.name, testers, chosen })
}

fn sent(deployment: &Deployment, recipients: &[Recipient]) -> Sent {
    let own: Vec<&Recipient> =
        recipients.iter().filter(|one| one.deployment_id == deployment.id).collect();
    let count =
        |of: fn(&Recipient) -> Option<Millis>| own.iter().filter(|one| of(one).is_some()).count();
    Sent {
        to: match deployment.group_name.as_str() {
            "" => "single addresses".into(),
            name => name.to_owned(),
        },
        why: match deployment.cause {
            Cause::EachBuild => "by itself, after the build",
            Cause::Schedule => "by its schedule",
            Cause::Manual => "by hand",
            Cause::TestersAdded => "to testers that were added",
        },
        when: words::moment(deployment.created_at),
        notes: deployment.notes.clone(),
        counts: [
            count(|one| one.sent_at),
            count(|one| one.downloaded_at),
            count(|one| one.launched_at),
        ],
        recipients: own.into_iter().map(reached).collect(),
    }
}

fn reached(recipient: &Recipient) -> Reached {
    let at = |at: Option<Millis>| at.map_or_else(|| words::NONE.into(), words::moment);
    Reached {
        address: recipient.address.clone(),
        progress: recipient.progress().as_str().replace('_', " "),
        sent: at(recipient.sent_at),
        downloaded: at(recipient.downloaded_at),
        launched: at(recipient.launched_at),
        trouble: recipient.failure.clone().or_else(|| recipient.error.clone()),
    }
}

/// Sends the build; a form that cannot be used comes back with what was typed.
pub(super) async fn send(
    State(app): State<Arc<App>>,
    visit: Visit,
    Places(app_id, id): Places<AppId, BuildId>,
    params: Params,
) -> Result<Response, PageFault> {
    visit.check_form(&app, &params)?;
    let typed = Typed::read(&params)?;
    let mut tx = app.db.write().await?;
    let build = build_of(&mut tx, &visit, Access::Full, (&app_id, &id)).await?;
    match order(&app, &mut tx, &visit, &build, &typed).await {
        Ok(()) => tx.commit().await?,
        Err(fault @ (Error::Invalid(_) | Error::Conflict(_))) => {
            drop(tx);
            return refuse(&app, &visit, (&app_id, &id), &typed, fault).await;
        }
        Err(other) => return Err(other.into()),
    }
    page::redirect(&format!("/apps/{app_id}/build/{id}/deploy?done=sent"))
}

async fn order(app: &App, tx: &mut Tx, visit: &Visit, build: &Build, typed: &Typed) -> Result<()> {
    let emails = typed.addresses()?;
    let names = emails.iter().map(|email| email.typed().to_owned());
    let mut names: Vec<String> = names.collect();
    let order = Order { groups: typed.groups.clone(), emails, notes: typed.notes.clone() };
    deploy::deploy_by_hand(app, tx, build, &order, &visit.user.id).await?;
    for id in &typed.groups {
        names.push(groups::find(tx, &build.app_id, id).await?.name);
    }
    record(app, tx, visit, build, ("build.deploy", &names.join(", "))).await
}

async fn refuse(
    app: &App,
    visit: &Visit,
    of: (&AppId, &BuildId),
    typed: &Typed,
    fault: Error,
) -> Result<Response, PageFault> {
    let (status, problem) = match fault {
        Error::Conflict(text) => (StatusCode::CONFLICT, Problem { field: "", text }),
        Error::Invalid(text) => {
            let field = if text.contains("release_notes") {
                "notes"
            } else if text.contains("groups") {
                "groups"
            } else {
                "testers"
            };
            let text = match field {
                "notes" => "The release notes are too long.".to_owned(),
                "groups" => "Choose a group, or enter an address.".to_owned(),
                _ => "One of these is no email address.".to_owned(),
            };
            (StatusCode::BAD_REQUEST, Problem { field, text })
        }
        other => return Err(other.into()),
    };
    let mut tx = app.db.read().await?;
    let loaded = load(app, &mut tx, visit, of, Tab::Deploy).await?;
    let page = page_of(&mut tx, visit, loaded, typed).await?;
    drop(tx);
    page::show(status, &Page { problem: Some(problem), ..page })
}

/// Closes the build to testers, or opens it again.
pub(super) async fn set_disabled(
    State(app): State<Arc<App>>,
    visit: Visit,
    Places(app_id, id): Places<AppId, BuildId>,
    params: Params,
) -> Result<Response, PageFault> {
    visit.check_form(&app, &params)?;
    let disabled =
        params.opt_bool("disabled")?.ok_or_else(|| Error::invalid_parameter("disabled"))?;
    let mut tx = app.db.write().await?;
    let build = build_of(&mut tx, &visit, Access::Full, (&app_id, &id)).await?;
    if deploy::set_disabled(&mut tx, &build, disabled).await? {
        let action = if disabled { "build.disable" } else { "build.enable" };
        record(&app, &mut tx, &visit, &build, (action, "")).await?;
    }
    tx.commit().await?;
    let done = if disabled { "disabled" } else { "enabled" };
    page::redirect(&format!("/apps/{app_id}/build/{id}/deploy?done={done}"))
}

/// One line of the activity log about a build.
async fn record(
    app: &App,
    tx: &mut Tx,
    visit: &Visit,
    build: &Build,
    (action, detail): (&str, &str),
) -> Result<()> {
    let row: AppRow = db::apps::find(tx, &build.app_id).await?.ok_or_else(Error::not_found)?;
    let subject = format!("build {}", build.number);
    let change = Change::of_app(&row, action, &subject).detail(detail);
    audit::record(tx, &visit.actor, change, app.clock.now()).await
}
