//! The list of apps: how each stands and how it went lately, at a glance
//! (APP-11).

use std::collections::HashMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use crate::app::App;
use crate::dashboard::bars;
use crate::dashboard::forms::Said;
use crate::dashboard::page::{self, PageFault, Shell};
use crate::dashboard::session::Visit;
use crate::dashboard::words::{self, NONE};
use crate::db;
use crate::db::builds::Glance;
use crate::error::Result;
use crate::http::params::Params;
use crate::model::app::App as AppRow;
use crate::model::time::Millis;

/// Builds of each app that are looked at.
const GLANCE: i64 = 12;

#[derive(Template)]
#[template(path = "apps.html")]
struct Apps {
    shell: Shell,
    said: Said,
    apps: Vec<Row>,
    /// Before the search.
    count: usize,
    search: String,
    sort: Sort,
}

struct Row {
    id: String,
    name: String,
    platform: &'static str,
    repo_url: String,
    newest: Option<Newest>,
    /// An SVG of the last builds.
    bars: String,
}

struct Newest {
    id: String,
    number: i64,
    status: String,
    branch: String,
    when: String,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Sort {
    #[default]
    Ascending,
    Descending,
    /// Newest first.
    Created,
}

impl Sort {
    fn is(&self, name: &str) -> bool {
        self.as_str() == name
    }

    fn as_str(&self) -> &'static str {
        match self {
            Self::Ascending => "name",
            Self::Descending => "-name",
            Self::Created => "created",
        }
    }

    fn of(text: Option<&str>) -> Self {
        let all = [Self::Ascending, Self::Descending, Self::Created];
        all.into_iter().find(|sort| Some(sort.as_str()) == text).unwrap_or_default()
    }

    fn apply(self, rows: &mut [AppRow]) {
        let by_name = |row: &AppRow| (row.name.to_lowercase(), row.id.clone());
        match self {
            Self::Ascending => rows.sort_by_cached_key(by_name),
            Self::Descending => {
                rows.sort_by_cached_key(by_name);
                rows.reverse();
            }
            Self::Created => rows
                .sort_by(|a, b| (b.created_at, b.id.as_str()).cmp(&(a.created_at, a.id.as_str()))),
        }
    }
}

pub async fn list(
    State(app): State<Arc<App>>,
    visit: Visit,
    params: Params,
) -> Result<Response, PageFault> {
    let search = params.opt_str("search")?.unwrap_or_default().trim().to_owned();
    let sort = Sort::of(params.opt_str("sort")?.as_deref());
    let said = match params.opt_str("done")?.as_deref() {
        Some("deleted") => Said::done("The app is deleted."),
        _ => Said::default(),
    };
    let mut tx = app.db.read().await?;
    let mut found = db::apps::list_visible(&mut tx, &visit.actor).await?;
    let glances = db::builds::list_glances(&mut tx, &visit.actor, GLANCE).await?;
    drop(tx);
    let count = found.len();
    let wanted = search.to_lowercase();
    found.retain(|row| row.name.to_lowercase().contains(&wanted));
    sort.apply(&mut found);
    let mut by_app: HashMap<String, Vec<Glance>> = HashMap::new();
    for glance in glances {
        by_app.entry(glance.app_id.to_string()).or_default().push(glance);
    }
    let now = app.clock.now();
    let rows = found.into_iter().map(|row| {
        let glances = by_app.remove(row.id.as_str()).unwrap_or_default();
        of_row(row, glances, now)
    });
    let apps = rows.collect();
    page::ok(&Apps { shell: visit.shell(), said, apps, count, search, sort })
}

fn of_row(row: AppRow, mut glances: Vec<Glance>, now: Millis) -> Row {
    // Oldest first, as bars are read.
    glances.sort_by(|a, b| (a.created_at, a.id.as_str()).cmp(&(b.created_at, b.id.as_str())));
    let surplus = glances.len().saturating_sub(GLANCE as usize);
    glances.drain(..surplus);
    let newest = glances.last().map(|build| Newest {
        id: build.id.to_string(),
        number: build.number,
        status: build.status.clone(),
        branch: if build.branch.is_empty() { NONE.into() } else { build.branch.clone() },
        when: words::ago(build.created_at, now),
    });
    Row {
        id: row.id.to_string(),
        name: row.name,
        platform: row.platform.as_str(),
        repo_url: row.repo_url,
        newest,
        bars: bars::svg(&glances, now),
    }
}
