//! The activity log: who changed what, when (ORG-7). For owners of the
//! organisation and administrators.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use utoipa::{OpenApi, ToSchema};

use crate::accounts::authorize_audit;
use crate::api::v1::wire;
use crate::app::App;
use crate::db;
use crate::db::audit::Filter;
use crate::http::error::Fault;
use crate::http::page::{PageRequest, SizeName};
use crate::http::params::Params;
use crate::http::reply;
use crate::model::account::{Actor, AuditEntry};
use crate::model::ids::{AppId, AuditId, OrgId};

#[derive(OpenApi)]
#[openapi(paths(list), components(schemas(Entry)))]
pub struct Description;

/// One change.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuditEntry)]
pub struct Entry<'a> {
    pub _id: &'a str,
    #[schema(format = DateTime)]
    pub at: String,
    /// `null` for the server itself and its command line.
    pub user_id: Option<&'a str>,
    /// The address they had then; `system` for the server itself.
    pub user_email: &'a str,
    pub organisation_id: Option<&'a str>,
    pub app_id: Option<&'a str>,
    /// Such as `app.rename`.
    pub action: &'a str,
    /// What was changed, by the name it had then.
    pub subject: &'a str,
    /// More for a person; never a secret value.
    pub detail: &'a str,
}

impl<'a> Entry<'a> {
    fn of(entry: &'a AuditEntry) -> Self {
        Self {
            _id: entry.id.as_str(),
            at: entry.at.to_iso(),
            user_id: entry.user_id.as_ref().map(|id| id.as_str()),
            user_email: &entry.user_email,
            organisation_id: entry.org_id.as_ref().map(|id| id.as_str()),
            app_id: entry.app_id.as_ref().map(|id| id.as_str()),
            action: &entry.action,
            subject: &entry.subject,
            detail: &entry.detail,
        }
    }
}

/// List changes, newest first: of the organisations that you own, or of
/// everything for an administrator.
#[utoipa::path(
    get, path = "/v1/audit", tag = "Organisations", operation_id = "list_audit",
    params(
        ("app" = Option<String>, Query, description = "Id of an app: only its changes."),
        ("organisation" = Option<String>, Query,
            description = "Id of an organisation: only its changes."),
        ("pageSize" = Option<i64>, Query, description = "Entries per page, 10 unless given.",
            minimum = 1, maximum = 100),
        ("from" = Option<String>, Query, description = "Cursor from a `Link` header."),
    ),
    responses(
        (status = 200, description = "Changes; `Link` announces the next page.",
            body = [Entry],
            headers(("Link" = String, description = "`<path>; rel=\"next\"` if there are more."))),
        (status = 400, description = "Malformed parameter.", body = wire::Error),
        (status = 401, description = "No valid token.", body = wire::Error),
        (status = 403, description = "You are no owner of the organisation.", body = wire::Error),
        (status = 404, description = "Unknown app or organisation.", body = wire::Error),
    )
)]
pub async fn list(
    State(app): State<Arc<App>>,
    actor: Actor,
    params: Params,
) -> Result<Response, Fault> {
    let page = PageRequest::read(&params, SizeName::PageSize)?;
    let of_app: Option<AppId> = params.opt("app")?;
    let of_org: Option<OrgId> = params.opt("organisation")?;
    let item: Option<AuditId> = page.item()?;
    let mut tx = app.db.read().await?;
    authorize_audit(&mut tx, &actor, of_app.as_ref(), of_org.as_ref()).await?;
    let filter = Filter {
        org: of_org.as_ref(),
        app: of_app.as_ref(),
        owner: (!actor.is_admin).then_some(&actor.user_id),
        before: page.after_any(item.as_ref().map(AuditId::as_str)),
        ..Filter::default()
    };
    let mut found = db::audit::list(&mut tx, &filter, page.fetch()).await?;
    drop(tx);
    let more = page.cut(&mut found);
    let shown: Vec<_> = found.iter().map(Entry::of).collect();
    let mut response = reply::ok(&shown)?;
    let last = found.last().filter(|_| more).map(|last| (last.at, last.id.as_str()));
    page.announce(&mut response, &params, &["app", "organisation"], last)?;
    Ok(response)
}
