//! Health, agents with what they hold, and the queue with its reasons.

use std::collections::HashMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::{Frame, Tab, enter};
use crate::app::App;
use crate::builds::waiting;
use crate::dashboard::page::{self, PageFault, Shell};
use crate::dashboard::session::Visit;
use crate::dashboard::words;
use crate::db;
use crate::db::agents::Known;
use crate::db::queue::AtWork;
use crate::error::Result;
use crate::model::agent::{Finding, FindingState};
use crate::model::ids::AgentId;
use crate::model::time::Millis;
use crate::operations::health::{self, Health, State as Standing};

/// Agents and builds on the page.
const MAX_AGENTS: i64 = 200;
const MAX_BUILDS: i64 = 100;

#[derive(Template)]
#[template(path = "operations/overview.html")]
struct Page {
    shell: Shell,
    frame: Frame,
    health: Vec<Part>,
    agents: Vec<Agent>,
    queue: Vec<Queued>,
    /// All that wait, shown or not.
    waiting: usize,
    /// Running builds whose agent is unknown to this page.
    running: usize,
    facts: Vec<(&'static str, String)>,
}

struct Part {
    name: &'static str,
    state: &'static str,
    tone: &'static str,
    detail: String,
}

struct Agent {
    name: String,
    token: String,
    state: &'static str,
    tone: &'static str,
    busy: String,
    labels: Vec<String>,
    version: String,
    /// Another version than the server's.
    differs: bool,
    seen: String,
    builds: Vec<Work>,
    /// What it found on its machine, and when; what is bad first.
    findings: Vec<(Finding, &'static str)>,
    /// How many are bad.
    bad: usize,
    examined: Option<String>,
}

struct Work {
    path: String,
    text: String,
    since: String,
}

struct Queued {
    work: Work,
    reason: String,
}

pub async fn show(State(app): State<Arc<App>>, visit: Visit) -> Result<Response, PageFault> {
    let frame = enter(&visit, Tab::Overview)?;
    let health = health::check(&app).await;
    let now = app.clock.now();
    let mut tx = app.db.read().await?;
    let known = db::agents::list(&mut tx, MAX_AGENTS).await?;
    let labels = db::agents::list_labels(&mut tx).await?;
    let running = db::queue::list_running(&mut tx, MAX_BUILDS).await?;
    let queued = db::queue::list_queued(&mut tx, MAX_BUILDS).await?;
    let counts = db::builds::count_by_status(&mut tx).await?;
    let mut queue = Vec::new();
    for one in &queued {
        let reason = waiting::reason(&app, &mut tx, &one.build).await?.unwrap_or_default();
        queue.push(Queued { work: work(one, one.build.created_at, now), reason });
    }
    drop(tx);
    let count = |status: &str| counts.iter().find(|(s, _)| s == status).map_or(0, |(_, n)| *n);
    page::ok(&Page {
        shell: visit.shell(),
        frame,
        health: parts(&health),
        agents: agents(known, labels, &running, now),
        queue,
        waiting: usize::try_from(count("queued")).unwrap_or(0),
        running: usize::try_from(count("running")).unwrap_or(0),
        facts: facts(&app),
    })
}

fn parts(health: &Health) -> Vec<Part> {
    let part = |one: &health::Standings| Part {
        name: part_name(one.part),
        state: state_words(one.state),
        tone: tone(one.state),
        detail: if one.detail.is_empty() { one.says.to_owned() } else { one.detail.clone() },
    };
    health.parts.iter().map(part).collect()
}

/// For a person.
pub(in crate::dashboard) fn part_name(part: health::Part) -> &'static str {
    match part {
        health::Part::Database => "Database",
        health::Part::Files => "Files",
        health::Part::Builds => "Builds",
        health::Part::Mail => "Mail",
    }
}

pub(in crate::dashboard) fn state_words(state: Standing) -> &'static str {
    match state {
        Standing::Operational => "operational",
        Standing::NotSetUp => "not set up",
        Standing::Degraded => "degraded",
        Standing::Down => "down",
        Standing::Unknown => "unknown",
    }
}

/// Class of the pill.
pub(in crate::dashboard) fn tone(state: Standing) -> &'static str {
    match state {
        Standing::Operational => "success",
        Standing::NotSetUp | Standing::Unknown => "",
        Standing::Degraded => "queued",
        Standing::Down => "failed",
    }
}

fn agents(
    known: Vec<Known>,
    labels: Vec<(AgentId, String, String)>,
    running: &[AtWork],
    now: Millis,
) -> Vec<Agent> {
    let mut named: HashMap<AgentId, Vec<String>> = HashMap::new();
    for (id, label, value) in labels {
        named.entry(id).or_default().push(format!("{label}={value}"));
    }
    let shown = |one: Known| {
        let online = one.holds > 0 || now.since(one.seen_at) <= waiting::CONNECTED_MS;
        let (state, tone) = match (one.revoked, online, one.holds) {
            (true, ..) => ("token revoked", "failed"),
            (false, false, _) => ("offline", ""),
            (false, true, 0) => ("online, free", "success"),
            (false, true, _) => ("online, busy", "running"),
        };
        let held = running.iter().filter(|work| work.build.agent_id.as_ref() == Some(&one.id));
        let mut findings: Vec<Finding> =
            one.findings.and_then(|json| serde_json::from_str(&json).ok()).unwrap_or_default();
        findings.sort_by_key(|finding| finding.state != FindingState::Bad);
        let started = |at_work: &AtWork| at_work.build.started_at.unwrap_or(now);
        Agent {
            state,
            tone,
            busy: format!("{} of {}", one.holds, one.slots),
            labels: named.remove(&one.id).unwrap_or_default(),
            differs: one.version != env!("CARGO_PKG_VERSION"),
            version: one.version,
            seen: words::ago(one.seen_at, now),
            bad: findings.iter().filter(|one| one.state == FindingState::Bad).count(),
            findings: findings.into_iter().map(shown_finding).collect(),
            examined: one.examined_at.map(|at| words::ago(at, now)),
            builds: held.map(|at_work| work(at_work, started(at_work), now)).collect(),
            name: one.name,
            token: one.token_name,
        }
    };
    known.into_iter().map(shown).collect()
}

/// With the class of its pill.
fn shown_finding(finding: Finding) -> (Finding, &'static str) {
    let tone = match finding.state {
        FindingState::Good => "success",
        FindingState::Absent => "",
        FindingState::Bad => "failed",
    };
    (finding, tone)
}

fn work(one: &AtWork, since: Millis, now: Millis) -> Work {
    let scheme = match one.build.scheme.as_str() {
        "" => String::new(),
        scheme => format!(" {scheme}"),
    };
    Work {
        path: format!("/apps/{}/build/{}", one.build.app_id, one.build.id),
        text: format!("{} #{}{scheme}", one.app_name, one.build.number),
        since: words::span(now.since(since)),
    }
}

fn facts(app: &App) -> Vec<(&'static str, String)> {
    let limit = |limit: Option<i64>| limit.map_or_else(|| "none".into(), |n| n.to_string());
    let limits = &app.settings.limits;
    let https = if app.settings.dashboard_url.starts_with("https://") {
        "yes"
    } else {
        "no: iOS apps cannot be installed from this server"
    };
    vec![
        ("Version", env!("CARGO_PKG_VERSION").into()),
        ("Database", app.db.kind().into()),
        ("API", app.settings.public_url.clone()),
        ("Dashboard", app.settings.dashboard_url.clone()),
        ("Over https", https.into()),
        ("Limit of running builds", limit(limits.all)),
        ("of one organisation", limit(limits.per_organisation)),
        ("of iOS and Android", format!("{} and {}", limit(limits.ios), limit(limits.android))),
        (
            "Longest build",
            words::span(i64::try_from(app.settings.max_build_ms).unwrap_or(i64::MAX)),
        ),
    ]
}
