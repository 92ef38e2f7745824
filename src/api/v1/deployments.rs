//! Sending a build by hand, the history of a build's deployments, and closing a
//! build to testers. The old API had these on its dashboard only.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};

use crate::accounts::audit::{self, Change};
use crate::accounts::{authorize_build, recall_app};
use crate::api::v1::wire;
use crate::app::App;
use crate::db::{self, Tx};
use crate::distribution::deploy::{self, Order};
use crate::distribution::{groups, links};
use crate::error::{Error, Result};
use crate::http::error::Fault;
use crate::http::extract::PathId;
use crate::http::json::Json;
use crate::http::params::Params;
use crate::http::reply;
use crate::model::account::{Access, Actor};
use crate::model::build::Build;
use crate::model::distribution as model;
use crate::model::ids::{AppId, BuildId, GroupId};
use crate::model::time::Millis;

/// What to send to whom.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = DeploymentOrder)]
#[serde(deny_unknown_fields)]
pub struct DeploymentOrder {
    /// Ids of groups of the same app; everybody in them gets the build, whatever
    /// their rules say.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    pub groups: Vec<GroupId>,
    /// Single addresses.
    #[serde(default)]
    pub testers: Vec<String>,
    /// What testers read; unless given, `buddybuild_release_notes.txt` of the
    /// repository, else the message of the last commit.
    #[serde(default)]
    pub release_notes: String,
}

#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = BuildSwitch)]
#[serde(deny_unknown_fields)]
pub struct BuildSwitch {
    /// True: testers can no longer install the build.
    pub disabled: bool,
}

/// A build that was sent to a group or to single addresses.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Deployment)]
pub struct Deployment<'a> {
    pub _id: &'a str,
    pub build_id: &'a str,
    /// Null for single addresses; the group may be gone.
    #[schema(required)]
    pub group_id: Option<&'a str>,
    /// As the group was called then; empty for single addresses.
    pub group_name: &'a str,
    /// Why it was sent.
    #[schema(value_type = DeploymentCause)]
    pub cause: &'static str,
    /// What was entered; may be empty.
    pub release_notes: &'a str,
    #[schema(format = DateTime)]
    pub created_at: String,
    pub recipients: Vec<Recipient<'a>>,
}

#[derive(ToSchema)]
#[schema(as = DeploymentCause, rename_all = "snake_case")]
pub enum DeploymentCause {
    EachBuild,
    Schedule,
    Manual,
    TestersAdded,
}

/// What became of a deployment at one address.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DeploymentRecipient)]
pub struct Recipient<'a> {
    pub email: &'a str,
    #[schema(value_type = DeploymentProgress)]
    pub status: &'static str,
    #[schema(format = DateTime, required)]
    pub sent_at: Option<String>,
    /// When the install page was first opened.
    #[schema(format = DateTime, required)]
    pub opened_at: Option<String>,
    #[schema(format = DateTime, required)]
    pub downloaded_at: Option<String>,
    #[schema(format = DateTime, required)]
    pub launched_at: Option<String>,
    /// When the tester last reported that it does not install.
    #[schema(format = DateTime, required)]
    pub failed_at: Option<String>,
    /// What they said.
    #[schema(required)]
    pub failure: Option<&'a str>,
    /// The last fault of sending the mail.
    #[schema(required)]
    pub mail_error: Option<&'a str>,
}

#[derive(ToSchema)]
#[schema(as = DeploymentProgress, rename_all = "snake_case")]
pub enum DeploymentProgress {
    Pending,
    NotSent,
    Sent,
    Downloaded,
    InstallFailed,
    Launched,
}

/// A page that always installs the newest success.
#[derive(Debug, Serialize, ToSchema)]
pub struct InstallLink {
    pub url: String,
    #[schema(format = DateTime)]
    pub expires_at: String,
}

impl<'a> Deployment<'a> {
    fn of(row: &'a model::Deployment, recipients: &'a [model::Recipient]) -> Self {
        Self {
            _id: row.id.as_str(),
            build_id: row.build_id.as_str(),
            group_id: row.group_id.as_ref().map(GroupId::as_str),
            group_name: &row.group_name,
            cause: row.cause.as_str(),
            release_notes: &row.notes,
            created_at: row.created_at.to_iso(),
            recipients: recipients
                .iter()
                .filter(|recipient| recipient.deployment_id == row.id)
                .map(Recipient::of)
                .collect(),
        }
    }
}

impl<'a> Recipient<'a> {
    fn of(row: &'a model::Recipient) -> Self {
        let iso = |at: Option<Millis>| at.map(Millis::to_iso);
        Self {
            email: &row.address,
            status: row.progress().as_str(),
            sent_at: iso(row.sent_at),
            opened_at: iso(row.opened_at),
            downloaded_at: iso(row.downloaded_at),
            launched_at: iso(row.launched_at),
            failed_at: iso(row.failed_at),
            failure: row.failure.as_deref(),
            mail_error: row.error.as_deref(),
        }
    }
}

/// Send a successful build to groups or single addresses, as often as wanted.
#[utoipa::path(
    post, path = "/v1/builds/{build_id}/deployments", tag = "Distribution",
    operation_id = "deploy_build",
    params(("build_id" = String, Path, description = "Id of the build.")),
    request_body = DeploymentOrder,
    responses(
        (status = 201, description = "The deployments, one per group and one for all single \
            addresses.", body = [Deployment]),
        (status = 400, description = "Malformed body, or nobody in it.", body = wire::Error),
        (status = 401, description = "No valid token.", body = wire::Error),
        (status = 403, description = "Read-only access.", body = wire::Error),
        (status = 404, description = "Unknown build or group.", body = wire::Error),
        (status = 409, description = "The build has not succeeded, is disabled, or has no app \
            that a device can install.", body = wire::Error),
        (status = 413, description = "The body is too large.", body = wire::Error),
    )
)]
pub async fn create(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathId(id): PathId<BuildId>,
    Json(order): Json<DeploymentOrder>,
) -> Result<Response, Fault> {
    let mut tx = app.db.write().await?;
    let build = authorize_build(&mut tx, &actor, Access::Full, &id).await?;
    let DeploymentOrder { groups: to, testers, release_notes } = order;
    let order =
        Order { groups: to, emails: groups::parse_testers(&testers)?, notes: release_notes };
    let made = deploy::deploy_by_hand(&app, &mut tx, &build, &order, &actor.user_id).await?;
    let recipients = db::deployments::list_recipients(&mut tx, &id).await?;
    let mut rows = db::deployments::list(&mut tx, &id).await?;
    rows.retain(|row| made.contains(&row.id));
    rows.reverse();
    let names = rows.iter().map(|row| match row.group_name.as_str() {
        "" => testers.join(", "),
        name => name.to_owned(),
    });
    let names: Vec<String> = names.collect();
    record(&app, &mut tx, &actor, &build, ("build.deploy", &names.join(", "))).await?;
    let shown: Vec<_> = rows.iter().map(|row| Deployment::of(row, &recipients)).collect();
    let response = reply::created(&shown)?;
    tx.commit().await?;
    Ok(response)
}

/// List whom a build was sent to and what came of it, newest first.
#[utoipa::path(
    get, path = "/v1/builds/{build_id}/deployments", tag = "Distribution",
    operation_id = "list_deployments",
    params(("build_id" = String, Path, description = "Id of the build.")),
    responses(
        (status = 200, description = "Deployments.", body = [Deployment]),
        (status = 401, description = "No valid token.", body = wire::Error),
        (status = 404, description = "Unknown build.", body = wire::Error),
    )
)]
pub async fn list(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathId(id): PathId<BuildId>,
    _: Params,
) -> Result<Response, Fault> {
    let mut tx = app.db.read().await?;
    authorize_build(&mut tx, &actor, Access::Read, &id).await?;
    let rows = db::deployments::list(&mut tx, &id).await?;
    let recipients = db::deployments::list_recipients(&mut tx, &id).await?;
    drop(tx);
    let shown: Vec<_> = rows.iter().map(|row| Deployment::of(row, &recipients)).collect();
    Ok(reply::ok(&shown)?)
}

/// Disable or enable a build for testers.
#[utoipa::path(
    put, path = "/v1/builds/{build_id}/disabled", tag = "Distribution",
    operation_id = "set_build_disabled",
    params(("build_id" = String, Path, description = "Id of the build.")),
    request_body = BuildSwitch,
    responses(
        (status = 204, description = "The build is as wanted."),
        (status = 400, description = "Malformed body.", body = wire::Error),
        (status = 401, description = "No valid token.", body = wire::Error),
        (status = 403, description = "Read-only access.", body = wire::Error),
        (status = 404, description = "Unknown build.", body = wire::Error),
        (status = 413, description = "The body is too large.", body = wire::Error),
    )
)]
pub async fn set_disabled(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathId(id): PathId<BuildId>,
    Json(BuildSwitch { disabled }): Json<BuildSwitch>,
) -> Result<Response, Fault> {
    let mut tx = app.db.write().await?;
    let build = authorize_build(&mut tx, &actor, Access::Full, &id).await?;
    if deploy::set_disabled(&mut tx, &build, disabled).await? {
        let action = if disabled { "build.disable" } else { "build.enable" };
        record(&app, &mut tx, &actor, &build, (action, "")).await?;
    }
    tx.commit().await?;
    Ok(reply::no_content())
}

/// Show where testers install the newest success of a branch from.
#[utoipa::path(
    get, path = "/v1/apps/{app_id}/install-link", tag = "Distribution",
    operation_id = "show_install_link",
    params(
        ("app_id" = String, Path, description = "Id of the app."),
        ("branch" = Option<String>, Query, description = "The default branch unless given."),
        ("scheme" = Option<String>, Query,
            description = "As displayed, or its part before ` - <configuration>`."),
    ),
    responses(
        (status = 200, description = "The page, for whoever has the link.", body = InstallLink),
        (status = 400, description = "Malformed parameter.", body = wire::Error),
        (status = 401, description = "No valid token.", body = wire::Error),
        (status = 404, description = "Unknown app.", body = wire::Error),
    )
)]
pub async fn install_link(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathId(id): PathId<AppId>,
    params: Params,
) -> Result<Response, Fault> {
    let row = recall_app(&app.db, &actor, &id).await?;
    let (branch, scheme) = (params.opt_str("branch")?, params.opt_str("scheme")?);
    let (url, expires_at) = links::branch_url(&app, &row, branch.as_deref(), scheme.as_deref());
    Ok(reply::ok(&InstallLink { url, expires_at: expires_at.to_iso() })?)
}

/// One line of the activity log about a build.
async fn record(
    app: &App,
    tx: &mut Tx,
    actor: &Actor,
    build: &Build,
    (action, detail): (&str, &str),
) -> Result<()> {
    let row = db::apps::find(tx, &build.app_id).await?.ok_or_else(Error::not_found)?;
    let subject = format!("build {}", build.number);
    let change = Change { detail, ..Change::of_app(&row, action, &subject) };
    audit::record(tx, actor, change, app.clock.now()).await
}

#[derive(OpenApi)]
#[openapi(
    paths(create, list, set_disabled, install_link),
    components(schemas(
        BuildSwitch,
        Deployment,
        DeploymentCause,
        DeploymentOrder,
        DeploymentProgress,
        InstallLink,
        Recipient
    ))
)]
pub struct Description;
