//! Selective builds, with a box to try changed files against patterns before
//! they are saved (EVL-6, EVL-8).

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;

use super::build::{below_app, levels, put};
use super::fields::{self, Choice, Group, Section};
use super::{Head, managed, path};
use crate::app::App;
use crate::dashboard::forms::{Said, Typed, lines};
use crate::dashboard::frame::{AppFrame, Link};
use crate::dashboard::page::{self, PageFault, Shell};
use crate::dashboard::place::Place;
use crate::dashboard::session::Visit;
use crate::error::{Error, Result};
use crate::http::params::Params;
use crate::model::evaluation::{Cause, Decision, Facts, Known, Patterns, decide};
use crate::model::ids::AppId;
use crate::model::settings::{Resolved, Settings};

const SECTION: &str = "/selective";

pub fn routes() -> Router<Arc<App>> {
    Router::new().route("/apps/{app_id}/settings/selective", get(show).post(save_or_try))
}

#[derive(Template)]
#[template(path = "settings/selective.html")]
struct Page {
    shell: Shell,
    csrf: String,
    frame: AppFrame,
    sections: Vec<Link>,
    said: Said,
    typed: Typed,
    action: String,
    fields: Vec<Section>,
    verdict: Option<Verdict>,
}

/// What would become of a push that changes these files.
struct Verdict {
    builds: bool,
    text: String,
    files: Vec<(String, bool)>,
}

async fn show(
    State(app): State<Arc<App>>,
    visit: Visit,
    Place(id): Place<AppId>,
    params: Params,
) -> Result<Response, PageFault> {
    let said = match params.opt_str("done")?.as_deref() {
        Some("saved") => Said::done("Saved. Pushes from now on are judged by it."),
        _ => Said::default(),
    };
    page_of(&app, &visit, &id, (said, None), (None, Typed::default())).await
}

async fn page_of(
    app: &App,
    visit: &Visit,
    id: &AppId,
    (said, tried): (Said, Option<Settings>),
    (verdict, typed): (Option<Verdict>, Typed),
) -> Result<Response, PageFault> {
    let row = managed(app, visit, id).await?;
    let levels = levels(app, id).await?;
    let own = tried.as_ref().unwrap_or(&levels.own);
    let choice = Choice { groups: &[Group::Selective], platform: Some(row.platform) };
    let fields = fields::show(choice, own, &below_app(&levels))?;
    let Head { shell, csrf, frame, sections } = Head::of(visit, &row, SECTION);
    let action = path(id, SECTION);
    let status = said.status();
    page::show(status, &Page { shell, csrf, frame, sections, said, typed, action, fields, verdict })
}

/// One form, two buttons: what is tried is what stands in the form.
async fn save_or_try(
    State(app): State<Arc<App>>,
    visit: Visit,
    Place(id): Place<AppId>,
    params: Params,
) -> Result<Response, PageFault> {
    visit.check_form(&app, &params)?;
    let row = managed(&app, &visit, &id).await?;
    let levels = levels(&app, &id).await?;
    let below = below_app(&levels);
    let choice = Choice { groups: &[Group::Selective], platform: Some(row.platform) };
    let typed = Typed::of(&params, &["files"])?;
    let own = fields::read(choice, &params, &levels.own, &below)?;
    let selective = own.selective.clone().unwrap_or_else(|| below.selective.clone());
    if let Err(wrong) = Patterns::parse(&selective.patterns) {
        let said = Said::problem(Error::Invalid(format!("selective: {wrong}")))?;
        return page_of(&app, &visit, &id, (said, Some(own)), (None, typed)).await;
    }
    if params.opt_str("act")?.as_deref() == Some("try") {
        let rules = Resolved { selective, build_pushes: true, ..Resolved::default() };
        let verdict = judge(&rules, lines(&params, "files")?);
        let tried = (Said::default(), Some(own));
        return page_of(&app, &visit, &id, tried, (Some(verdict), typed)).await;
    }
    match put(&app, &visit, &id, &own).await {
        Ok(()) => page::redirect(&format!("{}?done=saved", path(&id, SECTION))),
        Err(error) => {
            let said = Said::problem(error)?;
            page_of(&app, &visit, &id, (said, Some(own)), (None, typed)).await
        }
    }
}

/// The product's own decision about a push with these files.
fn judge(rules: &Resolved, files: Vec<String>) -> Verdict {
    let patterns = Patterns::read(&rules.selective.patterns);
    let facts =
        Facts { cause: Cause::Push, title: "", message: Known::Unknown, files: Known::Is(&files) };
    let (builds, text) = match decide(rules, &facts) {
        Decision::Skip(reason) => (false, format!("It would not build: {reason}.")),
        _ if files.is_empty() => {
            (true, "Without changed files, as when git cannot tell them, it builds.".into())
        }
        _ => (true, "It would build.".into()),
    };
    let files = files.into_iter().map(|file| {
        let matches = patterns.matches(&file);
        (file, matches)
    });
    Verdict { builds, text, files: files.collect() }
}
