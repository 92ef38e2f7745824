//! Who changed what, of all organisations (ORG-7).

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::{Frame, Tab, enter, older};
use crate::app::App;
use crate::dashboard::page::{self, PageFault, Shell};
use crate::dashboard::session::Visit;
use crate::dashboard::words;
use crate::db;
use crate::db::audit::Filter;
use crate::error::Result;
use crate::http::page::Cursor;
use crate::http::params::Params;
use crate::model::account::AuditEntry;
use crate::model::app::App as AppRow;
use crate::model::ids::{AppId, AuditId};

const PAGE: i64 = 50;

#[derive(Template)]
#[template(path = "operations/activity.html")]
struct Page {
    shell: Shell,
    frame: Frame,
    action: String,
    who: String,
    app: String,
    apps: Vec<(String, String)>,
    entries: Vec<Entry>,
    older: Option<String>,
}

struct Entry {
    at: String,
    when: String,
    who: String,
    action: String,
    subject: String,
    app: String,
    detail: String,
}

pub async fn show(
    State(app): State<Arc<App>>,
    visit: Visit,
    params: Params,
) -> Result<Response, PageFault> {
    let frame = enter(&visit, Tab::Activity)?;
    let text = |name: &str| -> Result<String> {
        Ok(params.opt_str(name)?.unwrap_or_default().trim().to_owned())
    };
    let (action, who) = (text("action")?, text("who")?.to_lowercase());
    let of_app: Option<AppId> = params.opt("app")?;
    let from: Option<Cursor> = params.opt("from")?;
    let item: Option<AuditId> = from.as_ref().map(Cursor::id).transpose()?;
    let before = from.as_ref().zip(item.as_ref()).map(|(c, id)| (c.created_at, id.as_str()));
    let set = |text: &'_ str| (!text.is_empty()).then(|| text.to_owned());
    let (wanted, email) = (set(&action), set(&who));
    let filter = Filter {
        app: of_app.as_ref(),
        action: wanted.as_deref(),
        email: email.as_deref(),
        before,
        ..Filter::default()
    };
    let mut tx = app.db.read().await?;
    let mut found = db::audit::list(&mut tx, &filter, PAGE + 1).await?;
    let apps = db::apps::list(&mut tx).await?;
    drop(tx);
    let more = found.len() > PAGE as usize;
    found.truncate(PAGE as usize);
    let chosen = of_app.as_ref().map(AppId::to_string).unwrap_or_default();
    let older = match found.last() {
        Some(last) if more => {
            let filters = [("action", action.as_str()), ("who", &who), ("app", &chosen)];
            let cursor = Cursor::new(last.at, last.id.as_str())?;
            Some(older("/operations/activity", &filters, &cursor))
        }
        _ => None,
    };
    let now = app.clock.now();
    page::ok(&Page {
        shell: visit.shell(),
        frame,
        entries: found.into_iter().map(|one| entry(one, &apps, now)).collect(),
        apps: apps.iter().map(|row| (row.id.to_string(), row.name.clone())).collect(),
        action,
        who,
        app: chosen,
        older,
    })
}

fn entry(one: AuditEntry, apps: &[AppRow], now: crate::model::time::Millis) -> Entry {
    let named = |id: &AppId| apps.iter().find(|row| row.id == *id).map(|row| row.name.clone());
    Entry {
        at: words::moment(one.at),
        when: words::ago(one.at, now),
        who: one.user_email,
        action: one.action,
        subject: one.subject,
        app: one.app_id.as_ref().and_then(named).unwrap_or_default(),
        detail: one.detail,
    }
}
