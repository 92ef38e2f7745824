//! Endpoints 3 to 6 and 9: list, show, trigger and cancel builds.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;

use crate::accounts::{authorize_app, authorize_build, recall_app};
use crate::api::v1::links;
use crate::api::v1::wire;
use crate::app::App;
use crate::apps;
use crate::builds::links::commit_page;
use crate::builds::rebuild::{self as rebuilding, Again};
use crate::builds::{self, cancel as cancelling, trigger as triggering, waiting};
use crate::db;
use crate::db::builds::Filter;
use crate::error::{Error, Result};
use crate::git::remote::{check_commit, check_tag};
use crate::http::error::Fault;
use crate::http::extract::PathId;
use crate::http::page::{PageRequest, SizeName};
use crate::http::params::Params;
use crate::http::reply;
use crate::model::account::{Access, Actor};
use crate::model::app::App as AppRow;
use crate::model::artifact::Download;
use crate::model::build::{Build, BuildStatus, Trigger};
use crate::model::ids::{AppId, BuildId};
use crate::model::origin::{Base, Origin};

/// Which builds the caller asked for; owns the texts that a `Filter` borrows.
struct Asked {
    branch: Option<String>,
    scheme: Option<String>,
    status: Option<BuildStatus>,
}

impl Asked {
    fn read(params: &Params) -> Result<Self> {
        let text = |name| params.opt_str(name).map(|found| found.map(|text| text.into_owned()));
        Ok(Self { branch: text("branch")?, scheme: text("scheme")?, status: params.opt("status")? })
    }

    fn filter(&self) -> Filter<'_> {
        Filter {
            branch: self.branch.as_deref(),
            scheme: self.scheme.as_deref(),
            status: self.status,
            before: None,
        }
    }
}

/// List the builds of an app, newest first.
#[utoipa::path(
    get, path = "/v1/apps/{app_id}/builds", tag = "Builds", operation_id = "list_builds",
    params(
        ("app_id" = String, Path, description = "Id of the app."),
        ("branch" = Option<String>, Query, description = "Exact branch name."),
        ("scheme" = Option<String>, Query,
            description = "Scheme as displayed, or its part before ` - <configuration>`."),
        ("status" = Option<wire::Status>, Query, description = "One of the five statuses."),
        ("limit" = Option<i64>, Query, description = "Builds per page, 10 unless given.",
            minimum = 1, maximum = 100),
        ("from" = Option<String>, Query, description = "Cursor from a `Link` header."),
    ),
    responses(
        (status = 200, description = "Builds; `Link` announces the next page.",
            body = [wire::Build],
            headers(("Link" = String, description = "`<path>; rel=\"next\"` if there are more."))),
        (status = 400, description = "Malformed parameter.", body = wire::Error),
        (status = 401, description = "No valid token.", body = wire::Error),
        (status = 404, description = "Unknown app.", body = wire::Error),
    )
)]
pub async fn list(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathId(id): PathId<AppId>,
    params: Params,
) -> Result<Response, Fault> {
    let asked = Asked::read(&params)?;
    let page = PageRequest::read(&params, SizeName::Limit)?;
    recall_app(&app.db, &actor, &id).await?;
    let mut tx = app.db.read().await?;
    let item: Option<BuildId> = page.item()?;
    let found = match &item {
        Some(item) => db::builds::find(&mut tx, item).await?.filter(|build| build.app_id == id),
        None => None,
    };
    let found = found.map(|build| build.created_at);
    let before = page.after(item.as_ref().map(BuildId::as_str), found)?;
    let filter = Filter { before, ..asked.filter() };
    let mut builds = db::builds::list(&mut tx, &id, &filter, page.fetch()).await?;
    drop(tx);
    let more = page.cut(&mut builds);
    let mut response = show_all(&app, &builds)?;
    let last = builds.last().filter(|_| more).map(|last| (last.created_at, last.id.as_str()));
    page.announce(&mut response, &params, &["branch", "scheme", "status"], last)?;
    Ok(response)
}

/// Show the newest build of an app.
#[utoipa::path(
    get, path = "/v1/apps/{app_id}/builds/latest", tag = "Builds", operation_id = "latest_build",
    params(
        ("app_id" = String, Path, description = "Id of the app."),
        ("branch" = Option<String>, Query, description = "Exact branch name."),
        ("scheme" = Option<String>, Query,
            description = "Scheme as displayed, or its part before ` - <configuration>`."),
        ("status" = Option<wire::Status>, Query, description = "One of the five statuses."),
    ),
    responses(
        (status = 200, description = "The build that the list shows first.", body = wire::Build),
        (status = 400, description = "Malformed parameter.", body = wire::Error),
        (status = 401, description = "No valid token.", body = wire::Error),
        (status = 404, description = "Unknown app, or no such build.", body = wire::Error),
    )
)]
pub async fn latest(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathId(id): PathId<AppId>,
    params: Params,
) -> Result<Response, Fault> {
    let asked = Asked::read(&params)?;
    recall_app(&app.db, &actor, &id).await?;
    let mut tx = app.db.read().await?;
    let newest = db::builds::list(&mut tx, &id, &asked.filter(), 1).await?;
    drop(tx);
    let build = newest.first().ok_or_else(Error::not_found)?;
    Ok(show_one(&app, build, None)?)
}

/// Show a build.
#[utoipa::path(
    get, path = "/v1/builds/{build_id}", tag = "Builds", operation_id = "show_build",
    params(("build_id" = String, Path, description = "Id of the build.")),
    responses(
        (status = 200, description = "The build.", body = wire::Build),
        (status = 401, description = "No valid token.", body = wire::Error),
        (status = 404, description = "Unknown build.", body = wire::Error),
    )
)]
pub async fn show(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathId(id): PathId<BuildId>,
    _: Params,
) -> Result<Response, Fault> {
    let mut tx = app.db.read().await?;
    let build = authorize_build(&mut tx, &actor, Access::Read, &id).await?;
    let waiting = waiting::reason(&app, &mut tx, &build).await?;
    drop(tx);
    Ok(show_one(&app, &build, waiting)?)
}

/// What an answer about a build borrows from, beside its row.
struct Shown<'a> {
    build: &'a Build,
    downloads: Vec<Download>,
    page: String,
    /// What a pull request wants to merge into, and the page of that commit.
    base: Option<(Base, String)>,
}

impl<'a> Shown<'a> {
    fn of(build: &'a Build) -> Result<Self> {
        let page = |sha: &str| commit_page(&build.repo_url, sha);
        let base = builds::destination_of(build)?;
        Ok(Self {
            build,
            downloads: links::downloads_of(build)?,
            page: page(&build.commit_sha),
            base: base.map(|base| {
                let page = page(&base.sha);
                (base, page)
            }),
        })
    }

    fn wire(&self, app: &App) -> wire::Build<'_> {
        let links = links::sign(app, self.build, &self.downloads);
        let build = wire::Build::of(self.build, &self.page, links);
        match &self.base {
            Some((base, page)) => build.merged_into(base, page),
            None => build,
        }
    }
}

fn show_one(app: &App, build: &Build, waiting_reason: Option<String>) -> Result<Response> {
    reply::ok(&wire::Build { waiting_reason, ..Shown::of(build)?.wire(app) })
}

pub(in crate::api) fn show_all(app: &App, builds: &[Build]) -> Result<Response> {
    let shown = builds.iter().map(Shown::of).collect::<Result<Vec<_>>>()?;
    let wire: Vec<_> = shown.iter().map(|build| build.wire(app)).collect();
    reply::ok(&wire)
}

/// Build the tip of a branch.
#[utoipa::path(
    post, path = "/v1/apps/{app_id}/builds", tag = "Builds", operation_id = "trigger_build",
    params(
        ("app_id" = String, Path, description = "Id of the app."),
        ("branch" = Option<String>, Query,
            description = "Branch to build; also accepted in a form or JSON body, which wins. \
                The default branch unless given."),
        ("commit" = Option<String>, Query,
            description = "Build this commit of the branch, 40 hex digits, instead of its tip."),
        ("tag" = Option<String>, Query,
            description = "Build the commit of this tag instead of a branch."),
    ),
    responses(
        (status = 201, description = "Queued.", body = wire::Triggered),
        (status = 400, description = "Malformed parameter or body.", body = wire::Error),
        (status = 401, description = "No valid token.", body = wire::Error),
        (status = 403, description = "Read-only access.", body = wire::Error),
        (status = 404, description = "Unknown app, branch or tag.", body = wire::Error),
        (status = 413, description = "The body is too large.", body = wire::Error),
    )
)]
pub async fn trigger(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathId(id): PathId<AppId>,
    params: Params,
) -> Result<Response, Fault> {
    let mut tx = app.db.read().await?;
    let row = authorize_app(&mut tx, &actor, Access::Build, &id).await?;
    // The remote may be asked next; that must not hold a connection.
    drop(tx);
    let wanted = wanted(&app, &row, &params).await?;
    let request = triggering::Request {
        commit: wanted.commit.as_deref(),
        origin: wanted.origin,
        ..triggering::Request::tip(&row, &wanted.branch, Trigger::Api, Some(&actor.user_id))
    };
    let mut tx = app.db.write().await?;
    let build_id = triggering::trigger(&app, &mut tx, &request).await?;
    tx.commit().await?;
    Ok(reply::created(&wire::Triggered { build_id: build_id.as_str() })?)
}

/// What a trigger call asks for.
struct Wanted {
    branch: String,
    commit: Option<String>,
    origin: Origin,
}

/// Asks the remote for a tag, and for a branch that was never seen. Remotes
/// tell nothing of a commit: one that does not exist fails the build, which
/// says so.
async fn wanted(app: &App, row: &AppRow, params: &Params) -> Result<Wanted> {
    let (branch, commit) = (params.opt_str("branch")?, params.opt_str("commit")?);
    if let Some(tag) = params.opt_str("tag")? {
        if branch.is_some() || commit.is_some() {
            return Err(Error::Invalid("Give \"tag\", or \"branch\" and \"commit\"".into()));
        }
        check_tag(&tag).map_err(|_| Error::invalid_parameter("tag"))?;
        apps::check_tag(app, row, &tag).await?;
        let origin = Origin { tag: Some(tag.into_owned()), ..Origin::default() };
        return Ok(Wanted { branch: origin.shown_branch(""), commit: None, origin });
    }
    let commit = commit.map(|sha| sha.to_lowercase());
    if commit.as_ref().is_some_and(|sha| sha.len() != 40 || check_commit(sha).is_err()) {
        return Err(Error::invalid_parameter("commit"));
    }
    let branch = apps::resolve_branch(app, row, branch.as_deref()).await?;
    Ok(Wanted { branch, commit, origin: Origin::default() })
}

/// Build a commit again, with all its schemes.
#[utoipa::path(
    post, path = "/v1/builds/{build_id}/rebuild", tag = "Builds", operation_id = "rebuild",
    params(
        ("build_id" = String, Path, description = "Id of the build."),
        ("without_cache" = Option<bool>, Query,
            description = "Do not use what earlier builds have cached."),
    ),
    responses(
        (status = 201, description = "Queued.", body = wire::Triggered),
        (status = 400, description = "Malformed parameter or body.", body = wire::Error),
        (status = 401, description = "No valid token.", body = wire::Error),
        (status = 403, description = "Read-only access.", body = wire::Error),
        (status = 404, description = "Unknown build.", body = wire::Error),
        (status = 413, description = "The body is too large.", body = wire::Error),
    )
)]
pub async fn rebuild(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathId(id): PathId<BuildId>,
    params: Params,
) -> Result<Response, Fault> {
    let without_cache = params.opt_bool("without_cache")?.unwrap_or(false);
    let mut tx = app.db.write().await?;
    let build = authorize_build(&mut tx, &actor, Access::Build, &id).await?;
    let row = authorize_app(&mut tx, &actor, Access::Build, &build.app_id).await?;
    let again = Again { user: &actor.user_id, without_cache };
    let build_id = rebuilding::rebuild(&app, &mut tx, &row, &build, again).await?;
    tx.commit().await?;
    Ok(reply::created(&wire::Triggered { build_id: build_id.as_str() })?)
}

/// Cancel a build; no effect on a finished one.
#[utoipa::path(
    post, path = "/v1/builds/{build_id}/cancel", tag = "Builds", operation_id = "cancel_build",
    params(
        ("build_id" = String, Path, description = "Id of the build."),
        ("cancel_successfully" = Option<bool>, Query,
            description = "End the build as `success` instead of `cancelled`."),
    ),
    responses(
        (status = 204, description = "The build is finished."),
        (status = 400, description = "Malformed parameter.", body = wire::Error),
        (status = 401, description = "No valid token.", body = wire::Error),
        (status = 403, description = "Read-only access.", body = wire::Error),
        (status = 404, description = "Unknown build.", body = wire::Error),
    )
)]
pub async fn cancel(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathId(id): PathId<BuildId>,
    params: Params,
) -> Result<Response, Fault> {
    let as_success = params.opt_bool("cancel_successfully")?.unwrap_or(false);
    let mut tx = app.db.read().await?;
    authorize_build(&mut tx, &actor, Access::Build, &id).await?;
    drop(tx);
    cancelling::cancel_now(&app, &id, as_success).await?;
    Ok(reply::no_content())
}
