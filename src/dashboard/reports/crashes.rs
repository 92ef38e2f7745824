//! Crashes (SDK-2): groups of those that look alike, their reports, and one
//! report with its threads.

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
use crate::dashboard::reports::feedback::{sender, version};
use crate::dashboard::reports::threads::{self, Thread, text};
use crate::dashboard::reports::{PAGE, device_log, facts, media, wanted, word};
use crate::dashboard::session::Visit;
use crate::dashboard::words;
use crate::db::crashes::{self as rows, Filter, ShownCrash};
use crate::error::Error;
use crate::feedback::{crashes, symbols};
use crate::http::page::Cursor;
use crate::http::params::Params;
use crate::model::account::Access;
use crate::model::feedback::{CrashGroup, ItemState};
use crate::model::ids::{AppId, CrashGroupId, CrashReportId};
use crate::model::symbols::Symbols;
use crate::model::time::Millis;

struct Group {
    id: String,
    title: String,
    reports: i64,
    first_seen: String,
    last_seen: String,
    last_build: i64,
    state: &'static str,
}

impl Group {
    fn of(group: CrashGroup, now: Millis) -> Self {
        Self {
            id: group.id.to_string(),
            title: group.title,
            reports: group.reports,
            first_seen: words::ago(group.first_seen, now),
            last_seen: words::ago(group.last_seen, now),
            last_build: group.last_build_number,
            state: group.state.as_str(),
        }
    }
}

/// One report in a list.
pub(in crate::dashboard) struct Row {
    pub id: String,
    pub title: String,
    pub from: String,
    pub when: String,
    pub build: i64,
    pub build_id: String,
    pub version: String,
    pub device: String,
    pub state: &'static str,
}

impl Row {
    pub fn of(shown: &ShownCrash, now: Millis) -> Self {
        let report = &shown.report;
        let system = report.system.to_value();
        let device = ["hardware_device_type_friendly", "hardware_device_model"]
            .into_iter()
            .map(|member| text(&system, member))
            .find(|text| !text.is_empty())
            .unwrap_or_default();
        let device = [
            device,
            text(&system, "hardware_system_name"),
            text(&system, "hardware_system_version"),
        ];
        let device: Vec<&str> = device.into_iter().filter(|text| !text.is_empty()).collect();
        let kind = report.resolved.to_value();
        let title = match text(&kind, "exception_type") {
            "" => "Unknown crash".to_owned(),
            kind => kind.to_owned(),
        };
        Self {
            id: report.id.to_string(),
            title,
            from: sender(report.tester_email.as_deref()),
            when: words::ago(report.created_at, now),
            build: report.origin.build_number,
            build_id: report.origin.build_id.to_string(),
            version: version(&report.origin.short_version, &report.origin.version),
            device: device.join(" "),
            state: shown.state.as_str(),
        }
    }
}

#[derive(Template)]
#[template(path = "reports/crash_groups.html")]
struct List {
    shell: Shell,
    frame: AppFrame,
    state: &'static str,
    groups: Vec<Group>,
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
    let item: Option<CrashGroupId> = from.as_ref().map(Cursor::id).transpose()?;
    let before = from.as_ref().zip(item.as_ref()).map(|(c, id)| (c.created_at, id.as_str()));
    let mut tx = app.db.read().await?;
    let row = authorize_app(&mut tx, &visit.actor, Access::Read, &id).await?;
    let may_manage = authorize_app(&mut tx, &visit.actor, Access::Full, &id).await.is_ok();
    let mut found = rows::list_groups(&mut tx, &id, state, before, PAGE + 1).await?;
    drop(tx);
    let more = found.len() > PAGE as usize;
    found.truncate(PAGE as usize);
    let older = match found.last() {
        Some(last) if more => {
            let cursor = Cursor::new(last.first_seen, last.id.as_str())?;
            Some(format!("/apps/{id}/crashes?state={}&from={cursor}", word(state)))
        }
        _ => None,
    };
    let now = app.clock.now();
    page::ok(&List {
        shell: visit.shell(),
        frame: AppFrame::of(&row, Tab::Crashes, may_manage),
        state: word(state),
        groups: found.into_iter().map(|group| Group::of(group, now)).collect(),
        older,
    })
}

#[derive(Template)]
#[template(path = "reports/crash_group.html")]
struct GroupPage {
    shell: Shell,
    csrf: String,
    frame: AppFrame,
    may_manage: bool,
    group: Group,
    reports: Vec<Row>,
    older: Option<String>,
}

pub(super) async fn show_group(
    State(app): State<Arc<App>>,
    visit: Visit,
    Places(id, group): Places<AppId, CrashGroupId>,
    params: Params,
) -> Result<Response, PageFault> {
    let from: Option<Cursor> = params.opt("from")?;
    let item: Option<CrashReportId> = from.as_ref().map(Cursor::id).transpose()?;
    let before = from.as_ref().zip(item.as_ref()).map(|(c, id)| (c.created_at, id.as_str()));
    let mut tx = app.db.read().await?;
    let row = authorize_app(&mut tx, &visit.actor, Access::Read, &id).await?;
    let may_manage = authorize_app(&mut tx, &visit.actor, Access::Full, &id).await.is_ok();
    let found = rows::find_group(&mut tx, &id, &group).await?.ok_or_else(Error::not_found)?;
    let filter = Filter { group: Some(&group), before, ..Filter::default() };
    let mut reports = rows::list(&mut tx, &id, &filter, PAGE + 1).await?;
    drop(tx);
    let more = reports.len() > PAGE as usize;
    reports.truncate(PAGE as usize);
    let older = match reports.last() {
        Some(last) if more => {
            let cursor = Cursor::new(last.report.created_at, last.report.id.as_str())?;
            Some(format!("/apps/{id}/crashes/{group}?from={cursor}"))
        }
        _ => None,
    };
    let now = app.clock.now();
    page::ok(&GroupPage {
        shell: visit.shell(),
        csrf: visit.csrf().to_owned(),
        frame: AppFrame::of(&row, Tab::Crashes, may_manage),
        may_manage,
        group: Group::of(found, now),
        reports: reports.iter().map(|report| Row::of(report, now)).collect(),
        older,
    })
}

/// Opens or closes a group.
pub(super) async fn set_state(
    State(app): State<Arc<App>>,
    visit: Visit,
    Places(id, group): Places<AppId, CrashGroupId>,
    params: Params,
) -> Result<Response, PageFault> {
    visit.check_form(&app, &params)?;
    let state: ItemState = params.opt("state")?.ok_or_else(|| Error::invalid_parameter("state"))?;
    let mut tx = app.db.write().await?;
    let row = authorize_app(&mut tx, &visit.actor, Access::Full, &id).await?;
    let found = rows::find_group(&mut tx, &id, &group).await?.ok_or_else(Error::not_found)?;
    if crashes::set_group_state(&mut tx, &id, &group, state).await? {
        let action = match state {
            ItemState::Open => "crash_group.open",
            ItemState::Closed => "crash_group.close",
        };
        let change = Change::of_app(&row, action, &found.title);
        audit::record(&mut tx, &visit.actor, change, app.clock.now()).await?;
    }
    tx.commit().await?;
    page::redirect(&format!("/apps/{id}/crashes/{group}"))
}

#[derive(Template)]
#[template(path = "reports/crash.html")]
struct Page {
    shell: Shell,
    frame: AppFrame,
    row: Row,
    group: String,
    moment: String,
    scheme: String,
    codes: String,
    thumbnail: Option<String>,
    replay: Option<String>,
    has_logs: bool,
    threads: Vec<Thread>,
    csrf: String,
    may_manage: bool,
    symbols: Option<Symbols>,
    /// A look at the symbols was asked for.
    asked: bool,
    /// The report as it was sent, where no thread could be read.
    plain: String,
    metadata: Vec<(String, String)>,
    system: Vec<(String, String)>,
}

pub(super) async fn show(
    State(app): State<Arc<App>>,
    visit: Visit,
    Places(id, report): Places<AppId, CrashReportId>,
    params: Params,
) -> Result<Response, PageFault> {
    let asked = params.opt_bool("asked")?.unwrap_or(false);
    let mut tx = app.db.read().await?;
    let row = authorize_app(&mut tx, &visit.actor, Access::Read, &id).await?;
    let may_manage = authorize_app(&mut tx, &visit.actor, Access::Full, &id).await.is_ok();
    let found = rows::find(&mut tx, &id, &report).await?.ok_or_else(Error::not_found)?;
    let symbols = symbols::state(&mut tx, &report).await?;
    drop(tx);
    let resolved = found.report.resolved.to_value();
    page::ok(&Page {
        shell: visit.shell(),
        frame: AppFrame::of(&row, Tab::Crashes, may_manage),
        row: Row::of(&found, app.clock.now()),
        group: found.report.group_id.to_string(),
        moment: words::moment(found.report.created_at),
        scheme: found.report.scheme.clone(),
        codes: text(&resolved, "exception_codes").to_owned(),
        thumbnail: media(found.thumbnail),
        replay: media(found.replay),
        has_logs: found.has_logs,
        threads: threads::threads(&resolved),
        metadata: facts(&found.report.metadata),
        system: facts(&found.report.system),
        plain: found.report.resolved_text,
        csrf: visit.csrf().to_owned(),
        may_manage,
        symbols,
        asked,
    })
}

/// Looks for the symbols once more.
pub(super) async fn symbolicate(
    State(app): State<Arc<App>>,
    visit: Visit,
    Places(id, report): Places<AppId, CrashReportId>,
    params: Params,
) -> Result<Response, PageFault> {
    visit.check_form(&app, &params)?;
    let mut tx = app.db.write().await?;
    authorize_app(&mut tx, &visit.actor, Access::Full, &id).await?;
    rows::find(&mut tx, &id, &report).await?.ok_or_else(Error::not_found)?;
    symbols::plan(&mut tx, &report, app.clock.now()).await?;
    tx.commit().await?;
    page::redirect(&format!("/apps/{id}/crash-reports/{report}?asked=true"))
}

/// The device log that came with it.
pub(super) async fn log(
    State(app): State<Arc<App>>,
    visit: Visit,
    Places(id, report): Places<AppId, CrashReportId>,
) -> Result<Response, PageFault> {
    let mut tx = app.db.read().await?;
    authorize_app(&mut tx, &visit.actor, Access::Read, &id).await?;
    rows::find(&mut tx, &id, &report).await?.ok_or_else(Error::not_found)?;
    drop(tx);
    device_log(&app, report.as_str()).await
}
