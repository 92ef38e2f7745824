//! Organisations and their members (ORG).

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};

use crate::accounts::audit::{self, Change};
use crate::accounts::{authorize_account, authorize_org, organisations as product};
use crate::api::v1::wire;
use crate::app::App;
use crate::db;
use crate::db::organisations::{Member as MemberRow, SeenOrganisation};
use crate::http::error::Fault;
use crate::http::extract::PathId;
use crate::http::json::Json;
use crate::http::params::Params;
use crate::http::reply;
use crate::model::account::{Actor, Role};
use crate::model::ids::OrgId;

#[derive(OpenApi)]
#[openapi(
    paths(list, add, rename, members, set_member, remove_member),
    components(schemas(Organisation, NewOrganisation, Member, NewMember, MemberRole)),
    tags((name = "Organisations", description = "Groups of apps and people."))
)]
pub struct Description;

/// What a member is: `read` looks at every app of the organisation, `full`
/// changes and builds them, `owner` also manages the organisation.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum MemberRole {
    Read,
    Full,
    Owner,
}

impl MemberRole {
    fn role(self) -> Role {
        match self {
            Self::Read => Role::Read,
            Self::Full => Role::Full,
            Self::Owner => Role::Owner,
        }
    }
}

/// A group of apps and people.
#[derive(Debug, Serialize, ToSchema)]
pub struct Organisation<'a> {
    pub _id: &'a str,
    pub name: &'a str,
    /// What you are in it; `null` for an administrator who is no member.
    #[schema(value_type = Option<MemberRole>)]
    pub role: Option<&'a str>,
    #[schema(format = DateTime)]
    pub created_at: String,
}

impl<'a> Organisation<'a> {
    fn of(org: &'a SeenOrganisation) -> Self {
        Self {
            _id: org.id.as_str(),
            name: &org.name,
            role: org.role.as_deref(),
            created_at: org.created_at.to_iso(),
        }
    }
}

/// The name of an organisation.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewOrganisation {
    #[schema(min_length = 1, max_length = 200)]
    name: String,
}

/// Somebody in an organisation.
#[derive(Debug, Serialize, ToSchema)]
pub struct Member<'a> {
    pub user_id: &'a str,
    pub email: &'a str,
    pub name: &'a str,
    #[schema(value_type = MemberRole)]
    pub role: &'a str,
}

impl<'a> Member<'a> {
    fn of(member: &'a MemberRow) -> Self {
        let MemberRow { user_id, email, name, role } = member;
        Self { user_id: user_id.as_str(), email, name, role }
    }
}

/// Whom to make what.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewMember {
    /// Of somebody who has an account here.
    email: String,
    role: MemberRole,
}

/// List your organisations, oldest first; administrators see all.
#[utoipa::path(
    get, path = "/v1/organisations", tag = "Organisations", operation_id = "list_organisations",
    responses(
        (status = 200, description = "Organisations.", body = [Organisation]),
        (status = 401, description = "No valid token.", body = wire::Error),
    )
)]
pub async fn list(State(app): State<Arc<App>>, actor: Actor, _: Params) -> Result<Response, Fault> {
    let mut tx = app.db.read().await?;
    let found = db::organisations::list_seen(&mut tx, &actor.user_id, actor.is_admin).await?;
    drop(tx);
    let shown: Vec<_> = found.iter().map(Organisation::of).collect();
    Ok(reply::ok(&shown)?)
}

/// Add an organisation; you are its owner.
#[utoipa::path(
    post, path = "/v1/organisations", tag = "Organisations", operation_id = "add_organisation",
    request_body = NewOrganisation,
    responses(
        (status = 201, description = "The organisation.", body = Organisation),
        (status = 400, description = "Malformed member.", body = wire::Error),
        (status = 401, description = "No valid token.", body = wire::Error),
        (status = 403, description = "The scope of your token is narrower.", body = wire::Error),
        (status = 413, description = "The body is too large.", body = wire::Error),
    )
)]
pub async fn add(
    State(app): State<Arc<App>>,
    actor: Actor,
    Json(given): Json<NewOrganisation>,
) -> Result<Response, Fault> {
    authorize_account(&actor)?;
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let org = product::add(&mut tx, &actor.user_id, &given.name, now).await?;
    let change = Change::of_org(&org.id, "organisation.add", &org.name);
    audit::record(&mut tx, &actor, change, now).await?;
    tx.commit().await?;
    let role = Some(Role::Owner.as_str().to_owned());
    let seen = SeenOrganisation { id: org.id, name: org.name, created_at: org.created_at, role };
    Ok(reply::created(&Organisation::of(&seen))?)
}

/// Rename an organisation.
#[utoipa::path(
    put, path = "/v1/organisations/{organisation_id}", tag = "Organisations",
    operation_id = "rename_organisation",
    params(("organisation_id" = String, Path, description = "Id of the organisation.")),
    request_body = NewOrganisation,
    responses(
        (status = 204, description = "Renamed."),
        (status = 400, description = "Malformed member.", body = wire::Error),
        (status = 401, description = "No valid token.", body = wire::Error),
        (status = 403, description = "You are no owner of it.", body = wire::Error),
        (status = 404, description = "Unknown organisation.", body = wire::Error),
        (status = 413, description = "The body is too large.", body = wire::Error),
    )
)]
pub async fn rename(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathId(id): PathId<OrgId>,
    Json(given): Json<NewOrganisation>,
) -> Result<Response, Fault> {
    let mut tx = app.db.write().await?;
    let org = authorize_org(&mut tx, &actor, Role::Owner, &id).await?;
    product::rename(&mut tx, &id, &given.name).await?;
    let change = Change::of_org(&id, "organisation.rename", &org.name).detail(given.name.trim());
    audit::record(&mut tx, &actor, change, app.clock.now()).await?;
    tx.commit().await?;
    Ok(reply::no_content())
}

/// List the members of an organisation, by address.
#[utoipa::path(
    get, path = "/v1/organisations/{organisation_id}/members", tag = "Organisations",
    operation_id = "list_members",
    params(("organisation_id" = String, Path, description = "Id of the organisation.")),
    responses(
        (status = 200, description = "Members.", body = [Member]),
        (status = 401, description = "No valid token.", body = wire::Error),
        (status = 404, description = "Unknown organisation.", body = wire::Error),
    )
)]
pub async fn members(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathId(id): PathId<OrgId>,
    _: Params,
) -> Result<Response, Fault> {
    let mut tx = app.db.read().await?;
    authorize_org(&mut tx, &actor, Role::Read, &id).await?;
    let found = product::members(&mut tx, &id).await?;
    drop(tx);
    let shown: Vec<_> = found.iter().map(Member::of).collect();
    Ok(reply::ok(&shown)?)
}

/// Make somebody a member, or change what they are.
#[utoipa::path(
    put, path = "/v1/organisations/{organisation_id}/members", tag = "Organisations",
    operation_id = "set_member",
    params(("organisation_id" = String, Path, description = "Id of the organisation.")),
    request_body = NewMember,
    responses(
        (status = 204, description = "Done."),
        (status = 400, description = "Malformed member, or an address that nobody here has.",
            body = wire::Error),
        (status = 401, description = "No valid token.", body = wire::Error),
        (status = 403, description = "You are no owner of it.", body = wire::Error),
        (status = 404, description = "Unknown organisation.", body = wire::Error),
        (status = 409, description = "No owner would be left.", body = wire::Error),
        (status = 413, description = "The body is too large.", body = wire::Error),
    )
)]
pub async fn set_member(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathId(id): PathId<OrgId>,
    Json(given): Json<NewMember>,
) -> Result<Response, Fault> {
    let mut tx = app.db.write().await?;
    authorize_org(&mut tx, &actor, Role::Owner, &id).await?;
    let role = given.role.role();
    let user = product::set_member(&mut tx, &id, &given.email, role).await?;
    let change = Change::of_org(&id, "member.set", &user.email).detail(role.as_str());
    audit::record(&mut tx, &actor, change, app.clock.now()).await?;
    tx.commit().await?;
    Ok(reply::no_content())
}

/// Remove somebody from an organisation.
#[utoipa::path(
    delete, path = "/v1/organisations/{organisation_id}/members", tag = "Organisations",
    operation_id = "remove_member",
    params(
        ("organisation_id" = String, Path, description = "Id of the organisation."),
        ("email" = String, Query, description = "Whom; also accepted in the body, which wins."),
    ),
    responses(
        (status = 204, description = "Removed."),
        (status = 400, description = "Malformed parameter, or an address that nobody here has.",
            body = wire::Error),
        (status = 401, description = "No valid token.", body = wire::Error),
        (status = 403, description = "You are no owner of it.", body = wire::Error),
        (status = 404, description = "Unknown organisation, or no member.", body = wire::Error),
        (status = 409, description = "No owner would be left.", body = wire::Error),
        (status = 413, description = "The body is too large.", body = wire::Error),
    )
)]
pub async fn remove_member(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathId(id): PathId<OrgId>,
    params: Params,
) -> Result<Response, Fault> {
    let mut tx = app.db.write().await?;
    authorize_org(&mut tx, &actor, Role::Owner, &id).await?;
    let user = product::remove_member(&mut tx, &id, &params.required_str("email")?).await?;
    let change = Change::of_org(&id, "member.remove", &user.email);
    audit::record(&mut tx, &actor, change, app.clock.now()).await?;
    tx.commit().await?;
    Ok(reply::no_content())
}
