//! Feedback of testers (SDK-1).

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use crate::accounts::audit::{self, Change};
use crate::accounts::authorize_app;
use crate::app::App;
use crate::dashboard::frame::{AppFrame, Tab};
use crate::dashboard::page::{self, PageFault, Shell};
use crate::dashboard::place::{Place, Places};
use crate::dashboard::reports::{PAGE, device_log, facts, media, wanted, word};
use crate::dashboard::session::Visit;
use crate::dashboard::words;
use crate::db::feedback::{self as rows, Filter, ShownFeedback};
use crate::error::Error;
use crate::feedback;
use crate::http::page::Cursor;
use crate::http::params::Params;
use crate::model::account::Access;
use crate::model::feedback::ItemState;
use crate::model::ids::{AppId, FeedbackId};
use crate::model::time::Millis;

/// One piece of feedback in a list.
pub(in crate::dashboard) struct Row {
    pub id: String,
    pub from: String,
    pub text: String,
    pub when: String,
    pub build: i64,
    pub build_id: String,
    pub version: String,
    pub state: &'static str,
    pub image: Option<String>,
    pub has_replay: bool,
    pub has_logs: bool,
}

impl Row {
    pub fn of(shown: ShownFeedback, now: Millis) -> Self {
        let ShownFeedback { feedback, image, replay, has_logs } = shown;
        Self {
            id: feedback.id.to_string(),
            from: sender(feedback.email.as_deref()),
            text: feedback.description,
            when: words::ago(feedback.created_at, now),
            build: feedback.origin.build_number,
            build_id: feedback.origin.build_id.to_string(),
            version: version(&feedback.origin.short_version, &feedback.origin.version),
            state: feedback.state.as_str(),
            image: media(image),
            has_replay: replay.is_some(),
            has_logs,
        }
    }
}

/// Who sent it (SDK-7).
pub(super) fn sender(email: Option<&str>) -> String {
    email.unwrap_or("Unknown user").to_owned()
}

pub(super) fn version(short: &str, long: &str) -> String {
    match (short, long) {
        ("", long) => long.to_owned(),
        (short, "") => short.to_owned(),
        (short, long) => format!("{short} ({long})"),
    }
}

#[derive(Template)]
#[template(path = "reports/feedback_list.html")]
struct List {
    shell: Shell,
    frame: AppFrame,
    state: &'static str,
    rows: Vec<Row>,
    older: Option<String>,
}

pub(super) async fn list(
    State(app): State<Arc<App>>,
    visit: Visit,
    Place(id): Place<AppId>,
    params: Params,
) -> Result<Response, PageFault> {
    let state = wanted(params.opt_str("state")?.as_deref())?;
    let from: Option<Cursor> = params.opt("from")?;
    let item: Option<FeedbackId> = from.as_ref().map(Cursor::id).transpose()?;
    let before = from.as_ref().zip(item.as_ref()).map(|(c, id)| (c.created_at, id.as_str()));
    let mut tx = app.db.read().await?;
    let row = authorize_app(&mut tx, &visit.actor, Access::Read, &id).await?;
    let may_manage = authorize_app(&mut tx, &visit.actor, Access::Full, &id).await.is_ok();
    let filter = Filter { state, build: None, before };
    let mut found = rows::list(&mut tx, &id, &filter, PAGE + 1).await?;
    drop(tx);
    let more = found.len() > PAGE as usize;
    found.truncate(PAGE as usize);
    let older = match found.last() {
        Some(last) if more => {
            let cursor = Cursor::new(last.feedback.created_at, last.feedback.id.as_str())?;
            Some(format!("/apps/{id}/feedback?state={}&from={cursor}", word(state)))
        }
        _ => None,
    };
    let now = app.clock.now();
    page::ok(&List {
        shell: visit.shell(),
        frame: AppFrame::of(&row, Tab::Feedback, may_manage),
        state: word(state),
        rows: found.into_iter().map(|one| Row::of(one, now)).collect(),
        older,
    })
}

#[derive(Template)]
#[template(path = "reports/feedback.html")]
struct Page {
    shell: Shell,
    csrf: String,
    frame: AppFrame,
    may_manage: bool,
    row: Row,
    moment: String,
    replay: Option<String>,
    bundle: String,
    metadata: Vec<(String, String)>,
    system: Vec<(String, String)>,
}

pub(super) async fn show(
    State(app): State<Arc<App>>,
    visit: Visit,
    Places(id, item): Places<AppId, FeedbackId>,
) -> Result<Response, PageFault> {
    let mut tx = app.db.read().await?;
    let row = authorize_app(&mut tx, &visit.actor, Access::Read, &id).await?;
    let may_manage = authorize_app(&mut tx, &visit.actor, Access::Full, &id).await.is_ok();
    let found = rows::find(&mut tx, &id, &item).await?.ok_or_else(Error::not_found)?;
    drop(tx);
    page::ok(&Page {
        shell: visit.shell(),
        csrf: visit.csrf().to_owned(),
        frame: AppFrame::of(&row, Tab::Feedback, may_manage),
        may_manage,
        moment: words::moment(found.feedback.created_at),
        replay: media(found.replay.clone()),
        bundle: found.feedback.origin.bundle_id.clone(),
        metadata: facts(&found.feedback.metadata),
        system: facts(&found.feedback.system),
        row: Row::of(found, app.clock.now()),
    })
}

/// Opens or closes it.
pub(super) async fn set_state(
    State(app): State<Arc<App>>,
    visit: Visit,
    Places(id, item): Places<AppId, FeedbackId>,
    params: Params,
) -> Result<Response, PageFault> {
    visit.check_form(&app, &params)?;
    let state: ItemState = params.opt("state")?.ok_or_else(|| Error::invalid_parameter("state"))?;
    let mut tx = app.db.write().await?;
    let row = authorize_app(&mut tx, &visit.actor, Access::Full, &id).await?;
    if feedback::set_state(&mut tx, &id, &item, state).await? {
        let action = match state {
            ItemState::Open => "feedback.open",
            ItemState::Closed => "feedback.close",
        };
        let change = Change::of_app(&row, action, item.as_str());
        audit::record(&mut tx, &visit.actor, change, app.clock.now()).await?;
    }
    tx.commit().await?;
    page::redirect(&format!("/apps/{id}/feedback/{item}"))
}

/// The device log that came with it.
pub(super) async fn log(
    State(app): State<Arc<App>>,
    visit: Visit,
    Places(id, item): Places<AppId, FeedbackId>,
) -> Result<Response, PageFault> {
    let mut tx = app.db.read().await?;
    authorize_app(&mut tx, &visit.actor, Access::Read, &id).await?;
    rows::find(&mut tx, &id, &item).await?.ok_or_else(Error::not_found)?;
    drop(tx);
    device_log(&app, item.as_str()).await
}
