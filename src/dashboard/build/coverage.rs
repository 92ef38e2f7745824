//! Coverage as a tree: targets, the files of one, and their functions. The
//! lines of a file have a page of their own.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use crate::app::App;
use crate::builds::sources;
use crate::dashboard::build::{Head, Tab, load};
use crate::dashboard::page::{self, PageFault, Shell};
use crate::dashboard::place::Places;
use crate::dashboard::session::Visit;
use crate::db;
use crate::error::Error;
use crate::http::params::Params;
use crate::model::ids::{AppId, BuildId};
use crate::model::report::FileCoverage;

/// Targets on one page.
const MAX_TARGETS: i64 = 500;
/// Files of one target on a page, and functions in all of them together.
const MAX_FILES: usize = 2_000;
const MAX_FUNCTIONS: usize = 10_000;

#[derive(Template)]
#[template(path = "build/coverage.html")]
struct Page {
    shell: Shell,
    head: Head,
    targets: Vec<Target>,
    more_targets: bool,
    open: Option<Open>,
}

/// A figure in words and as the width of a bar of 100.
pub(super) struct Figure {
    pub text: String,
    pub width: i64,
}

impl Figure {
    pub fn of(fraction: f64) -> Self {
        let text = format!("{:.1} %", fraction * 100.0);
        Self { text, width: (fraction * 100.0).round() as i64 }
    }
}

struct Target {
    ordinal: i64,
    name: String,
    figure: Figure,
    current: bool,
}

struct Open {
    name: String,
    /// Where its files are shown with their lines, if these are kept.
    lines: Option<String>,
    files: Vec<File>,
    cut: bool,
}

struct File {
    /// Position in the target.
    number: usize,
    name: String,
    path: String,
    figure: Figure,
    functions: Vec<(String, Figure)>,
    /// Functions that are not shown.
    left_out: usize,
}

pub(super) async fn show(
    State(app): State<Arc<App>>,
    visit: Visit,
    Places(app_id, id): Places<AppId, BuildId>,
    params: Params,
) -> Result<Response, PageFault> {
    let asked = params.opt_int_in("target", 0..=i64::MAX)?;
    let mut tx = app.db.read().await?;
    let loaded = load(&app, &mut tx, &visit, (&app_id, &id), Tab::Coverage).await?;
    let mut names = db::results::list_target_names(&mut tx, &id, MAX_TARGETS + 1).await?;
    let more_targets = names.len() > MAX_TARGETS as usize;
    names.truncate(MAX_TARGETS as usize);
    // A single target needs no choice.
    let chosen = asked.or((names.len() == 1).then(|| names[0].0));
    let found = match chosen {
        Some(ordinal) => {
            let found = db::results::find_target(&mut tx, &id, ordinal).await?;
            Some(found.ok_or_else(Error::not_found)?)
        }
        None => None,
    };
    let has_lines = sources::find(&mut tx, &loaded.build).await?.is_some();
    drop(tx);
    let lines = chosen.filter(|_| has_lines);
    let lines = lines.map(|at| format!("{}/coverage/file?target={at}", loaded.head.path()));
    let open = match found {
        Some(target) => {
            let files: Vec<FileCoverage> = serde_json::from_str(&target.files)
                .map_err(|cause| Error::internal("reading coverage", cause))?;
            Some(open(target.name, lines, files))
        }
        None => None,
    };
    page::ok(&Page {
        shell: visit.shell(),
        head: loaded.head,
        targets: names
            .into_iter()
            .map(|(ordinal, name, figure)| Target {
                ordinal,
                name,
                figure: Figure::of(figure),
                current: chosen == Some(ordinal),
            })
            .collect(),
        more_targets,
        open,
    })
}

/// The least covered files first.
fn open(name: String, lines: Option<String>, files: Vec<FileCoverage>) -> Open {
    let mut files: Vec<(usize, FileCoverage)> = files.into_iter().enumerate().collect();
    files.sort_by(|(_, a), (_, b)| {
        a.coverage.total_cmp(&b.coverage).then_with(|| a.path.cmp(&b.path))
    });
    let cut = files.len() > MAX_FILES;
    let mut room = MAX_FUNCTIONS;
    let shown = files.into_iter().take(MAX_FILES).map(|(number, file)| {
        let count = file.functions.len();
        let functions: Vec<_> = file
            .functions
            .into_iter()
            .take(room)
            .map(|function| (function.name, Figure::of(function.coverage)))
            .collect();
        room -= functions.len();
        let left_out = count - functions.len();
        let figure = Figure::of(file.coverage);
        File { number, name: file.name, path: file.path, figure, functions, left_out }
    });
    Open { name, lines, files: shown.collect(), cut }
}
