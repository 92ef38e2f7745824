//! One group: its testers with what they got last, its rules, its history.

use std::collections::HashMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::enter;
use super::form::{self, Form, Problem};
use crate::app::App;
use crate::dashboard::frame::{AppFrame, Tab};
use crate::dashboard::page::{self, PageFault, Shell};
use crate::dashboard::place::Places;
use crate::dashboard::session::Visit;
use crate::dashboard::words;
use crate::db;
use crate::db::deployments::{LastOfTester, SentToGroup};
use crate::distribution::{groups, notes};
use crate::error::Result;
use crate::http::params::Params;
use crate::model::distribution::{Cause, Group, Progress, Tester};
use crate::model::ids::{AppId, GroupId};
use crate::model::time::Millis;

/// Deployments of the history that are shown.
const HISTORY: i64 = 50;

#[derive(Template)]
#[template(path = "groups/show.html")]
pub(super) struct Page {
    shell: Shell,
    csrf: String,
    frame: AppFrame,
    may_manage: bool,
    id: String,
    name: String,
    when: String,
    what: String,
    pub(super) done: Option<&'static str>,
    pub(super) problem: Option<Problem>,
    pub(super) form: Form,
    /// Addresses that were typed and not taken.
    pub(super) typed: String,
    testers: Vec<TesterRow>,
    gone: Vec<String>,
    last: Option<Last>,
    history: Vec<Sent>,
}

struct TesterRow {
    address: String,
    since: String,
    last: Option<Got>,
}

struct Got {
    number: i64,
    path: String,
    progress: &'static str,
    /// Class of the pill.
    tone: &'static str,
    when: String,
    /// What went wrong, for a person.
    trouble: Option<String>,
}

struct Last {
    number: i64,
    path: String,
    when: String,
    notes: String,
}

struct Sent {
    number: i64,
    path: String,
    branch: String,
    at: String,
    when: String,
    why: String,
    notes: String,
    came: String,
}

impl Page {
    fn problem_of(&self, field: &str) -> Option<&str> {
        self.problem.as_ref().filter(|problem| problem.field == field).map(|p| p.text.as_str())
    }

    /// Field, label, text and hint of what has one name per line.
    fn lists(&self) -> [(&'static str, &'static str, &str, &'static str); 4] {
        let form = &self.form;
        [
            ("branches", "Branches", &form.branches, "Such as main."),
            (
                "tags",
                "Tags",
                &form.tags,
                "Builds of tags go out only if a tag or prefix names them.",
            ),
            (
                "prefixes",
                "Prefixes",
                &form.prefixes,
                "Such as release/. Write branches:release/ or tags:v for one kind only.",
            ),
            ("schemes", "Schemes or variants", &form.schemes, "None: all of them."),
        ]
    }

    /// A refusal of the rules opens their fields again.
    fn opens_rules(&self) -> bool {
        self.problem.as_ref().is_some_and(|problem| !matches!(problem.field, "" | "testers"))
    }
}

pub async fn show(
    State(app): State<Arc<App>>,
    visit: Visit,
    Places(id, group): Places<AppId, GroupId>,
    params: Params,
) -> Result<Response, PageFault> {
    let done = match params.opt_str("done")?.as_deref() {
        Some("created") => Some("The group is there. Add testers, and say which builds they get."),
        Some("restored") => Some("The group is back with its testers."),
        Some("saved") => Some("Saved."),
        Some("added") => Some("The testers are in the group."),
        Some("removed") => Some("The tester is no longer in the group."),
        Some("sent") => Some("The build is on its way."),
        _ => None,
    };
    page::ok(&Page { done, ..load(&app, &visit, (&id, &group)).await? })
}

/// The page again with what was refused; everything else fails as it is.
pub(super) async fn refused(
    app: &App,
    visit: &Visit,
    place: (&AppId, &GroupId),
    problem: Problem,
    typed: impl FnOnce(&mut Page),
) -> Result<Response, PageFault> {
    let mut page = load(app, visit, place).await?;
    page.problem = Some(problem);
    typed(&mut page);
    page::show(StatusCode::BAD_REQUEST, &page)
}

async fn load(app: &App, visit: &Visit, (id, group): (&AppId, &GroupId)) -> Result<Page> {
    let mut tx = app.db.read().await?;
    let (row, may_manage) = enter(&mut tx, visit, id).await?;
    let group = groups::find(&mut tx, id, group).await?;
    let listed = groups::show(&mut tx, &group).await?;
    let got = db::deployments::list_last_of_testers(&mut tx, &group.id).await?;
    let history = db::deployments::list_of_group(&mut tx, &group.id, HISTORY).await?;
    let gone = db::groups::list_testers(&mut tx, id).await?;
    let now = app.clock.now();
    let last = match &listed.last {
        None => None,
        Some(last) => {
            let build = db::builds::find(&mut tx, &last.build_id).await?;
            let notes = match &build {
                Some(build) => notes::of(&mut tx, build, None).await?,
                None => String::new(),
            };
            Some(Last {
                number: last.number,
                path: format!("/apps/{id}/build/{}", last.build_id),
                when: words::ago(last.created_at, now),
                notes,
            })
        }
    };
    drop(tx);
    Ok(Page {
        shell: visit.shell(),
        csrf: visit.csrf().to_owned(),
        frame: AppFrame::of(&row, Tab::Testers, may_manage),
        may_manage,
        id: group.id.to_string(),
        name: group.name.clone(),
        when: form::when(&group)?,
        what: form::what(&row, &group),
        done: None,
        problem: None,
        form: Form::of(&group)?,
        typed: String::new(),
        gone: gone.into_iter().filter(|t| left(t, &group)).map(|tester| tester.address).collect(),
        testers: testers(id, listed.testers, got, now),
        last,
        history: history.into_iter().map(|one| sent(id, one, now)).collect(),
    })
}

/// Unsubscribed, and still known.
fn left(tester: &Tester, group: &Group) -> bool {
    tester.group_id == group.id && tester.unsubscribed_at.is_some()
}

fn testers(id: &AppId, all: Vec<Tester>, got: Vec<LastOfTester>, now: Millis) -> Vec<TesterRow> {
    let mut got: HashMap<String, LastOfTester> =
        got.into_iter().map(|one| (one.recipient.email.clone(), one)).collect();
    let shown = |tester: Tester| TesterRow {
        last: got.remove(&tester.email).map(|one| received(id, one, now)),
        since: words::ago(tester.added_at, now),
        address: tester.address,
    };
    all.into_iter().map(shown).collect()
}

fn received(id: &AppId, one: LastOfTester, now: Millis) -> Got {
    let LastOfTester { build_id, number, recipient } = one;
    let progress = recipient.progress();
    let (word, tone, at) = match progress {
        Progress::Pending => ("mail waits", "queued", None),
        Progress::NotSent => ("not sent", "failed", recipient.refused_at),
        Progress::Sent => ("sent", "", recipient.sent_at),
        Progress::Downloaded => ("downloaded", "success", recipient.downloaded_at),
        Progress::InstallFailed => ("does not install", "failed", recipient.failed_at),
        Progress::Launched => ("launched", "success", recipient.launched_at),
    };
    let trouble = match progress {
        Progress::InstallFailed => recipient.failure,
        Progress::Pending | Progress::NotSent => recipient.error,
        _ => None,
    };
    Got {
        number,
        path: format!("/apps/{id}/build/{build_id}"),
        progress: word,
        tone,
        when: at.map(|at| words::ago(at, now)).unwrap_or_default(),
        trouble: trouble.filter(|text| !text.is_empty()),
    }
}

fn sent(id: &AppId, one: SentToGroup, now: Millis) -> Sent {
    let why = match (one.cause, &one.sender) {
        (Cause::EachBuild, _) => "each build".into(),
        (Cause::Schedule, _) => "schedule".into(),
        (Cause::Manual, Some(who)) => format!("by {who}"),
        (Cause::Manual, None) => "by hand".into(),
        (Cause::TestersAdded, _) => "to new testers".into(),
    };
    let mut came = vec![format!("{} of {} sent", one.sent, one.recipients)];
    for (count, word) in [
        (one.downloaded, "downloaded"),
        (one.launched, "launched"),
        (one.failed, "does not install"),
        (one.refused, "refused"),
    ] {
        if count > 0 {
            came.push(format!("{count} {word}"));
        }
    }
    Sent {
        number: one.number,
        path: format!("/apps/{id}/build/{}", one.build_id),
        branch: one.branch,
        at: words::moment(one.created_at),
        when: words::ago(one.created_at, now),
        why,
        notes: one.notes,
        came: came.join(", "),
    }
}
