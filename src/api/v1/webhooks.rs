//! An app's webhook and what was delivered to it (TRG-3..TRG-5), and its open
//! pull requests (TRG-9).

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};

use crate::accounts::audit::{self, Change};
use crate::accounts::authorize_app;
use crate::api::v1::wire;
use crate::app::App;
use crate::apps::{pulls as heads, webhook};
use crate::builds::{deliveries as product, pulls};
use crate::db::{self, Tx};
use crate::error::{Error, Result};
use crate::http::error::Fault;
use crate::http::extract::{PathId, PathIds};
use crate::http::json::Json;
use crate::http::page::{PageRequest, SizeName};
use crate::http::params::Params;
use crate::http::reply;
use crate::model::account::{Access, Actor};
use crate::model::build::Trigger;
use crate::model::delivery::Delivery;
use crate::model::ids::{AppId, DeliveryId};
use crate::model::origin::PullRequest;
use crate::model::secret::Secret;

#[derive(OpenApi)]
#[openapi(
    paths(show, set_secret, clear_secret, list, show_delivery, redeliver, list_pulls, build_pull),
    components(schemas(Webhook, NewSecret, DeliveryInfo, DeliveryDetail, Redelivered, PullInfo)),
    tags((name = "Webhooks", description = "What starts builds by itself, and why it did not."))
)]
pub struct Description;

/// An app's webhook.
#[derive(Debug, Serialize, ToSchema)]
pub struct Webhook {
    /// Where the provider posts to.
    #[schema(example = "https://ci.example.org/api/webhook?appID=58a4e7ce2f5d8a01002b9c1d")]
    pub url: String,
    /// Deliveries must prove that they know the secret.
    pub secret_set: bool,
    #[schema(format = DateTime, required)]
    pub secret_set_at: Option<String>,
}

/// A secret to set; it is never shown again.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSecret {
    /// 1 to 256 printable ASCII characters.
    pub secret: String,
}

/// A delivery and what came of it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Delivery)]
pub struct DeliveryInfo<'a> {
    pub _id: &'a str,
    pub app_id: &'a str,
    /// `github`, `gitlab`, `bitbucket`, `bitbucket_server`, `gitea`, `beanstalk`, `gitolite`,
    /// `kiln`, `azure`, or `reconciliation` for what the server found by itself.
    pub provider: &'a str,
    /// As the provider names it; empty if it does not.
    pub event: &'a str,
    #[schema(format = DateTime)]
    pub received_at: String,
    /// `pending` or `done`.
    pub state: &'a str,
    /// For a person: `built #12`, `skipped: [ci skip] in the commit message`,
    /// `duplicate of #12`.
    pub verdict: &'a str,
    /// A build came of it.
    pub built: bool,
}

impl<'a> DeliveryInfo<'a> {
    fn of(row: &'a Delivery) -> Self {
        Self {
            _id: row.id.as_str(),
            app_id: row.app_id.as_str(),
            provider: &row.provider,
            event: &row.event,
            received_at: row.received_at.to_iso(),
            state: &row.state,
            verdict: &row.verdict,
            built: row.built,
        }
    }
}

/// A delivery with what was delivered.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeliveryDetail<'a> {
    #[serde(flatten)]
    pub delivery: DeliveryInfo<'a>,
    /// Pairs of name and value; only those that say who delivered what.
    #[schema(value_type = Vec<Vec<String>>)]
    pub headers: serde_json::Value,
    /// What it was understood as.
    #[schema(value_type = Vec<Object>)]
    pub events: serde_json::Value,
    pub payload_bytes: i64,
    /// The body as it came; null if it was too large to keep.
    #[schema(required)]
    pub payload: Option<String>,
}

/// A delivery that will be evaluated again.
#[derive(Debug, Serialize, ToSchema)]
pub struct Redelivered<'a> {
    pub delivery_id: &'a str,
}

/// An open pull request, as the provider told of it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PullRequest)]
pub struct PullInfo<'a> {
    pub number: i64,
    pub title: &'a str,
    /// As builds of it show it: `owner/repo:branch` for a fork.
    pub branch: String,
    pub head_sha: &'a str,
    pub base_branch: &'a str,
    /// `owner/repo` of the fork that it comes from.
    #[schema(required)]
    pub fork: Option<&'a str>,
}

/// Show an app's webhook.
#[utoipa::path(
    get, path = "/v1/apps/{app_id}/webhook", tag = "Webhooks", operation_id = "show_webhook",
    params(("app_id" = String, Path, description = "Id of the app.")),
    responses(
        (status = 200, description = "The webhook.", body = Webhook),
        (status = 401, description = "No valid token.", body = wire::Error),
        (status = 404, description = "Unknown app.", body = wire::Error),
    )
)]
pub async fn show(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathId(id): PathId<AppId>,
    _: Params,
) -> Result<Response, Fault> {
    let mut tx = app.db.read().await?;
    authorize_app(&mut tx, &actor, Access::Read, &id).await?;
    let set_at = db::deliveries::find_secret(&mut tx, &id).await?.map(|(_, at)| at.to_iso());
    let shown = Webhook {
        url: webhook::url(&app, &id),
        secret_set: set_at.is_some(),
        secret_set_at: set_at,
    };
    Ok(reply::ok(&shown)?)
}

/// Set the secret that deliveries are signed with.
#[utoipa::path(
    put, path = "/v1/apps/{app_id}/webhook", tag = "Webhooks", operation_id = "set_webhook_secret",
    params(("app_id" = String, Path, description = "Id of the app.")),
    request_body = NewSecret,
    responses(
        (status = 204, description = "From now on deliveries must know it."),
        (status = 400, description = "Malformed body.", body = wire::Error),
        (status = 401, description = "No valid token.", body = wire::Error),
        (status = 403, description = "Read-only access.", body = wire::Error),
        (status = 404, description = "Unknown app.", body = wire::Error),
        (status = 413, description = "The body is too large.", body = wire::Error),
    )
)]
pub async fn set_secret(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathId(id): PathId<AppId>,
    Json(new): Json<NewSecret>,
) -> Result<Response, Fault> {
    let mut tx = app.db.write().await?;
    let row = authorize_app(&mut tx, &actor, Access::Full, &id).await?;
    webhook::set_secret(&app, &mut tx, &id, &Secret::new(new.secret)).await?;
    let change = Change::of_app(&row, "app.webhook.secret.set", &row.name);
    audit::record(&mut tx, &actor, change, app.clock.now()).await?;
    tx.commit().await?;
    Ok(reply::no_content())
}

/// Take deliveries without a signature again.
#[utoipa::path(
    delete, path = "/v1/apps/{app_id}/webhook", tag = "Webhooks",
    operation_id = "clear_webhook_secret",
    params(("app_id" = String, Path, description = "Id of the app.")),
    responses(
        (status = 204, description = "No secret is set."),
        (status = 400, description = "Malformed body.", body = wire::Error),
        (status = 401, description = "No valid token.", body = wire::Error),
        (status = 403, description = "Read-only access.", body = wire::Error),
        (status = 404, description = "Unknown app.", body = wire::Error),
        (status = 413, description = "The body is too large.", body = wire::Error),
    )
)]
pub async fn clear_secret(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathId(id): PathId<AppId>,
    _: Params,
) -> Result<Response, Fault> {
    let mut tx = app.db.write().await?;
    let row = authorize_app(&mut tx, &actor, Access::Full, &id).await?;
    if db::deliveries::delete_secret(&mut tx, &id).await? == 1 {
        let change = Change::of_app(&row, "app.webhook.secret.clear", &row.name);
        audit::record(&mut tx, &actor, change, app.clock.now()).await?;
    }
    tx.commit().await?;
    Ok(reply::no_content())
}

/// List what was delivered, newest first.
#[utoipa::path(
    get, path = "/v1/apps/{app_id}/deliveries", tag = "Webhooks", operation_id = "list_deliveries",
    params(
        ("app_id" = String, Path, description = "Id of the app."),
        ("limit" = Option<i64>, Query, description = "Deliveries per page, 10 unless given.",
            minimum = 1, maximum = 100),
        ("from" = Option<String>, Query, description = "Cursor from a `Link` header."),
    ),
    responses(
        (status = 200, description = "Deliveries; the newest 200 are kept.",
            body = [DeliveryInfo],
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
    let page = PageRequest::read(&params, SizeName::Limit)?;
    let mut tx = app.db.read().await?;
    authorize_app(&mut tx, &actor, Access::Read, &id).await?;
    let item: Option<DeliveryId> = page.item()?;
    let before = page.after_any(item.as_ref().map(DeliveryId::as_str));
    let mut rows = db::deliveries::list(&mut tx, &id, before, page.fetch()).await?;
    drop(tx);
    let more = page.cut(&mut rows);
    let shown: Vec<_> = rows.iter().map(DeliveryInfo::of).collect();
    let mut response = reply::ok(&shown)?;
    let last = rows.last().filter(|_| more).map(|last| (last.received_at, last.id.as_str()));
    page.announce(&mut response, &params, &[], last)?;
    Ok(response)
}

/// Show a delivery with its payload.
#[utoipa::path(
    get, path = "/v1/apps/{app_id}/deliveries/{delivery_id}", tag = "Webhooks",
    operation_id = "show_delivery",
    params(
        ("app_id" = String, Path, description = "Id of the app."),
        ("delivery_id" = String, Path, description = "Id of the delivery."),
    ),
    responses(
        (status = 200, description = "The delivery.", body = DeliveryDetail),
        (status = 401, description = "No valid token.", body = wire::Error),
        (status = 403, description = "Read-only access.", body = wire::Error),
        (status = 404, description = "Unknown app or delivery.", body = wire::Error),
    )
)]
pub async fn show_delivery(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathIds(id, delivery_id): PathIds<AppId, DeliveryId>,
    _: Params,
) -> Result<Response, Fault> {
    let mut tx = app.db.read().await?;
    // Payloads may tell more of a repository than its builds do.
    authorize_app(&mut tx, &actor, Access::Full, &id).await?;
    let row = find(&mut tx, &id, &delivery_id).await?;
    let body = product::body(&mut tx, &row.id, row.body_bytes).await?;
    drop(tx);
    let json = |text: &str| {
        serde_json::from_str(text).map_err(|e| Error::internal("reading a delivery", e))
    };
    let shown = DeliveryDetail {
        delivery: DeliveryInfo::of(&row),
        headers: json(&row.headers)?,
        events: json(&row.events)?,
        payload_bytes: row.body_bytes,
        payload: body.map(|body| String::from_utf8_lossy(&body).into_owned()),
    };
    Ok(reply::ok(&shown)?)
}

/// Evaluate a delivery again; what was built of it is not built twice.
#[utoipa::path(
    post, path = "/v1/apps/{app_id}/deliveries/{delivery_id}/redeliver", tag = "Webhooks",
    operation_id = "redeliver",
    params(
        ("app_id" = String, Path, description = "Id of the app."),
        ("delivery_id" = String, Path, description = "Id of the delivery."),
    ),
    responses(
        (status = 202, description = "It will be evaluated.", body = Redelivered),
        (status = 400, description = "Malformed body.", body = wire::Error),
        (status = 401, description = "No valid token.", body = wire::Error),
        (status = 403, description = "Read-only access.", body = wire::Error),
        (status = 404, description = "Unknown app or delivery.", body = wire::Error),
        (status = 413, description = "The body is too large.", body = wire::Error),
    )
)]
pub async fn redeliver(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathIds(id, delivery_id): PathIds<AppId, DeliveryId>,
    _: Params,
) -> Result<Response, Fault> {
    let mut tx = app.db.write().await?;
    let row = authorize_app(&mut tx, &actor, Access::Build, &id).await?;
    let delivery = find(&mut tx, &id, &delivery_id).await?;
    product::again(&app, &mut tx, &delivery.id).await?;
    let change = Change::of_app(&row, "app.webhook.redeliver", delivery.id.as_str());
    audit::record(&mut tx, &actor, change, app.clock.now()).await?;
    tx.commit().await?;
    let shown = Redelivered { delivery_id: delivery.id.as_str() };
    Ok(reply::json(StatusCode::ACCEPTED, &shown)?)
}

async fn find(tx: &mut Tx, app: &AppId, id: &DeliveryId) -> Result<Delivery> {
    let found = db::deliveries::find(tx, id).await?;
    found.filter(|row| row.app_id == *app).ok_or_else(Error::not_found)
}

/// List the open pull requests, newest first.
#[utoipa::path(
    get, path = "/v1/apps/{app_id}/pull-requests", tag = "Webhooks",
    operation_id = "list_pull_requests",
    params(("app_id" = String, Path, description = "Id of the app.")),
    responses(
        (status = 200, description = "Pull requests that webhooks told of.", body = [PullInfo]),
        (status = 401, description = "No valid token.", body = wire::Error),
        (status = 404, description = "Unknown app.", body = wire::Error),
    )
)]
pub async fn list_pulls(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathId(id): PathId<AppId>,
    _: Params,
) -> Result<Response, Fault> {
    let mut tx = app.db.read().await?;
    authorize_app(&mut tx, &actor, Access::Read, &id).await?;
    let open = db::pulls::list_open(&mut tx, &id).await?;
    drop(tx);
    let shown: Vec<_> = open.iter().map(pull_info).collect();
    Ok(reply::ok(&shown)?)
}

fn pull_info(pull: &PullRequest) -> PullInfo<'_> {
    PullInfo {
        number: pull.number,
        title: &pull.title,
        branch: pulls::shown_branch(pull),
        head_sha: &pull.head_sha,
        base_branch: &pull.base_branch,
        fork: pull.fork.as_ref().map(|fork| fork.name.as_str()),
    }
}

/// Build the merge of a pull request's latest head with its base.
#[utoipa::path(
    post, path = "/v1/apps/{app_id}/pull-requests/{number}/build", tag = "Webhooks",
    operation_id = "build_pull_request",
    params(
        ("app_id" = String, Path, description = "Id of the app."),
        ("number" = i64, Path, description = "Number of an open pull request."),
    ),
    responses(
        (status = 201, description = "Queued.", body = wire::Triggered),
        (status = 400, description = "Malformed body.", body = wire::Error),
        (status = 401, description = "No valid token.", body = wire::Error),
        (status = 403, description = "Read-only access.", body = wire::Error),
        (status = 404, description = "Unknown app, or no such open pull request.",
            body = wire::Error),
        (status = 413, description = "The body is too large.", body = wire::Error),
    )
)]
pub async fn build_pull(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathIds(id, number): PathIds<AppId, String>,
    _: Params,
) -> Result<Response, Fault> {
    let mut tx = app.db.read().await?;
    let row = authorize_app(&mut tx, &actor, Access::Build, &id).await?;
    let number = number.parse().map_err(|_| Error::not_found())?;
    let pull = db::pulls::find_open(&mut tx, &id, number).await?.ok_or_else(Error::not_found)?;
    // The remote is asked next; that must not hold a connection.
    drop(tx);
    let pull = heads::at_latest_head(&app, &row, pull).await?;
    let mut tx = app.db.write().await?;
    let asker = Some(&actor.user_id);
    let build_id = pulls::build_now(&app, &mut tx, &row, pull, (Trigger::Api, asker)).await?;
    tx.commit().await?;
    Ok(reply::created(&wire::Triggered { build_id: build_id.as_str() })?)
}
