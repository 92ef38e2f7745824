//! Endpoints 7 and 8: tests and coverage. An existing build never answers 404
//! here, because a known export tool aborts on it (api.md 1.5).

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;

use crate::accounts::authorize_build;
use crate::api::v1::wire::{self, Depth};
use crate::app::App;
use crate::db;
use crate::error::{Error, Result};
use crate::http::error::Fault;
use crate::http::extract::PathId;
use crate::http::params::Params;
use crate::http::reply;
use crate::model::account::{Access, Actor};
use crate::model::ids::BuildId;
use crate::model::report::TargetCoverage;

/// Show the test results of a build: the failed ones unless asked otherwise.
#[utoipa::path(
    get, path = "/v1/builds/{build_id}/tests", tag = "Results", operation_id = "show_tests",
    params(
        ("build_id" = String, Path, description = "Id of the build."),
        ("showFailed" = Option<bool>, Query, description = "Include failed tests; true unless given."),
        ("showPassing" = Option<bool>, Query, description = "Include passing tests."),
    ),
    responses(
        (status = 200, description = "By run, target and suite; empty while the build runs.",
            body = wire::TestResults),
        (status = 400, description = "Malformed parameter.", body = wire::Error),
        (status = 401, description = "No valid token.", body = wire::Error),
        (status = 404, description = "Unknown build.", body = wire::Error),
    )
)]
pub async fn tests(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathId(id): PathId<BuildId>,
    params: Params,
) -> Result<Response, Fault> {
    let failed = params.opt_bool("showFailed")?.unwrap_or(true);
    let passing = params.opt_bool("showPassing")?.unwrap_or(false);
    let mut tx = app.db.read().await?;
    let build = authorize_build(&mut tx, &actor, Access::Read, &id).await?;
    let wanted = match (failed, passing) {
        (true, true) => Some(None),
        (true, false) => Some(Some(false)),
        (false, true) => Some(Some(true)),
        (false, false) => None,
    };
    let mut results = match wanted {
        Some(passed) if build.status.is_finished() => {
            db::results::list_tests(&mut tx, &id, passed).await?
        }
        _ => Vec::new(),
    };
    drop(tx);
    // Stable, so tests of one suite stay in execution order.
    results.sort_by(|a, b| (&a.run, &a.target, &a.suite).cmp(&(&b.run, &b.target, &b.suite)));
    let tests = results.iter().map(wire::Test::of).collect();
    Ok(reply::ok(&wire::TestResults { build_id: id.as_str(), tests })?)
}

/// Show the code coverage of a build.
#[utoipa::path(
    get, path = "/v1/builds/{build_id}/coverage", tag = "Results", operation_id = "show_coverage",
    params(
        ("build_id" = String, Path, description = "Id of the build."),
        ("showFileCoverage" = Option<bool>, Query, description = "Include figures per file."),
        ("showFunctionCoverage" = Option<bool>, Query,
            description = "Include figures per file and function."),
    ),
    responses(
        (status = 200, description = "Fractions 0..1; 0 without coverage.", body = wire::Coverage),
        (status = 400, description = "Malformed parameter.", body = wire::Error),
        (status = 401, description = "No valid token.", body = wire::Error),
        (status = 404, description = "Unknown build.", body = wire::Error),
    )
)]
pub async fn coverage(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathId(id): PathId<BuildId>,
    params: Params,
) -> Result<Response, Fault> {
    let files = params.opt_bool("showFileCoverage")?.unwrap_or(false);
    let functions = params.opt_bool("showFunctionCoverage")?.unwrap_or(false);
    let depth = match (files, functions) {
        (_, true) => Depth::Functions,
        (true, false) => Depth::Files,
        (false, false) => Depth::Targets,
    };
    let mut tx = app.db.read().await?;
    let build = authorize_build(&mut tx, &actor, Access::Read, &id).await?;
    let stored = match build.status.is_finished() {
        true => db::results::list_targets(&mut tx, &id).await?,
        false => Vec::new(),
    };
    drop(tx);
    let targets: Vec<TargetCoverage> =
        stored.into_iter().map(|target| open(target, depth)).collect::<Result<_>>()?;
    Ok(reply::ok(&wire::Coverage::of(&id, &targets, depth))?)
}

fn open(stored: db::results::StoredTarget, depth: Depth) -> Result<TargetCoverage> {
    let files = match depth {
        Depth::Targets => Vec::new(),
        Depth::Files | Depth::Functions => serde_json::from_str(&stored.files)
            .map_err(|cause| Error::internal("reading coverage", cause))?,
    };
    Ok(TargetCoverage { name: stored.name, coverage: stored.coverage, files })
}
