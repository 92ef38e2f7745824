//! Endpoints 10 to 13: deployment groups and their testers; and beyond the old
//! API, making, changing and deleting groups.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};

use crate::accounts::audit::{self, Change};
use crate::accounts::{authorize_app, recall_app};
use crate::api::v1::wire;
use crate::app::App;
use crate::db::{self, Tx};
use crate::distribution::deploy;
use crate::distribution::groups::{self, Draft, Listed};
use crate::error::{Error, Result};
use crate::http::error::Fault;
use crate::http::extract::{PathId, PathIds};
use crate::http::json::{Json, only_from_objects};
use crate::http::params::Params;
use crate::http::reply;
use crate::model::account::{Access, Actor};
use crate::model::app::App as AppRow;
use crate::model::distribution::{self as model, Frequency};
use crate::model::email::Email;
use crate::model::ids::{AppId, GroupId};
use crate::model::schedule::{Weekday, Weekly, parse_time};

pub mod restore;

/// A deployment group.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DeploymentGroup)]
pub struct Group<'a> {
    #[schema(example = "58b8a3d26e5c4c01002d4a1f")]
    pub _id: &'a str,
    pub name: &'a str,
    /// The first of `branches`, for old clients.
    #[schema(required)]
    pub branch: Option<&'a str>,
    /// With `tags` and `prefixes` empty too: any branch.
    pub branches: Vec<&'a str>,
    pub tags: &'a [String],
    #[schema(value_type = Vec<Prefix>)]
    pub prefixes: &'a [model::Prefix],
    /// As displayed, or without configuration; empty: any.
    pub schemes: &'a [String],
    /// Addresses in the order added, without those who unsubscribed.
    pub testers: Vec<&'a str>,
    #[schema(value_type = GroupFrequency)]
    pub frequency: &'static str,
    /// Kept, but resting, while `frequency` is not `scheduled`.
    #[schema(required)]
    pub schedule: Option<Schedule>,
    /// The build that the whole group got last.
    #[schema(required)]
    pub last_deployment: Option<LastDeployment<'a>>,
}

/// Branches and tags that start with `name`; both false: both kinds.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = GroupPrefix)]
#[serde(deny_unknown_fields, remote = "Self")]
pub struct Prefix {
    pub name: String,
    #[serde(default)]
    pub branch_only: bool,
    #[serde(default)]
    pub tag_only: bool,
}

/// When a scheduled group gets the last success.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = GroupSchedule)]
#[serde(deny_unknown_fields, remote = "Self")]
pub struct Schedule {
    #[schema(value_type = Vec<String>, example = json!(["monday", "friday"]))]
    pub weekdays: Vec<Weekday>,
    /// `HH:MM`, 24 hours.
    #[schema(example = "17:30")]
    pub time: String,
    /// IANA time zone.
    #[schema(example = "Europe/Berlin")]
    pub zone: String,
}

only_from_objects!(Prefix, Schedule);

/// When a group gets builds without being asked.
#[derive(ToSchema)]
#[schema(as = GroupFrequency, rename_all = "snake_case")]
pub enum GroupFrequency {
    EachBuild,
    Scheduled,
    Manual,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct LastDeployment<'a> {
    pub build_id: &'a str,
    pub build_number: i64,
    #[schema(format = DateTime)]
    pub created_at: String,
}

/// What to make of a group; absent members stay as they are.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = GroupChange)]
#[serde(deny_unknown_fields)]
pub struct GroupChange {
    pub name: Option<String>,
    #[schema(value_type = Option<GroupFrequency>)]
    pub frequency: Option<Frequency>,
    pub branches: Option<Vec<String>>,
    pub tags: Option<Vec<String>>,
    pub prefixes: Option<Vec<Prefix>>,
    pub schemes: Option<Vec<String>>,
    pub schedule: Option<Schedule>,
    /// Only when the group is made.
    pub testers: Option<Vec<String>>,
}

impl GroupChange {
    fn draft(self) -> Result<(Draft, Vec<String>)> {
        let Self { name, frequency, branches, tags, prefixes, schemes, schedule, testers } = self;
        let prefix = |prefix: Prefix| {
            let Prefix { name, branch_only, tag_only } = prefix;
            model::Prefix { name, branch_only, tag_only }
        };
        let draft = Draft {
            name,
            frequency,
            branches,
            default_branch: None,
            tags,
            prefixes: prefixes.map(|all| all.into_iter().map(prefix).collect()),
            schemes,
            schedule: schedule.as_ref().map(Schedule::weekly).transpose()?,
        };
        Ok((draft, testers.unwrap_or_default()))
    }
}

impl Schedule {
    fn weekly(&self) -> Result<Weekly> {
        parse_time(&self.time)
            .and_then(|minute| Weekly::new(self.weekdays.iter().copied(), minute, &self.zone))
            .map_err(|refused| {
                let (member, reason) = (refused.member, refused.reason);
                Error::Invalid(format!(
                    "Invalid value for parameter \"schedule.{member}\": {reason}"
                ))
            })
    }

    fn of(weekly: &Weekly) -> Self {
        let weekdays = weekly.weekdays().collect();
        Self { weekdays, time: weekly.time(), zone: weekly.zone().to_owned() }
    }
}

impl<'a> Group<'a> {
    fn of(row: &'a AppRow, listed: &'a Listed) -> Result<Self> {
        let Listed { group, testers, last } = listed;
        let branches = group.rules.shown_branches(row);
        Ok(Self {
            _id: group.id.as_str(),
            name: &group.name,
            branch: branches.first().copied(),
            branches,
            tags: &group.rules.tags,
            prefixes: &group.rules.prefixes,
            schemes: &group.rules.schemes,
            testers: testers.iter().map(|tester| tester.address.as_str()).collect(),
            frequency: group.frequency.as_str(),
            schedule: groups::weekly_of(group)?.as_ref().map(Schedule::of),
            last_deployment: last.as_ref().map(|last| LastDeployment {
                build_id: last.build_id.as_str(),
                build_number: last.number,
                created_at: last.created_at.to_iso(),
            }),
        })
    }
}

/// List the deployment groups of an app, oldest first.
#[utoipa::path(
    get, path = "/v1/apps/{app_id}/deployment-groups", tag = "Distribution",
    operation_id = "list_groups",
    params(("app_id" = String, Path, description = "Id of the app.")),
    responses(
        (status = 200, description = "Groups.", body = [Group]),
        (status = 401, description = "No valid token.", body = wire::Error),
        (status = 404, description = "Unknown app.", body = wire::Error),
    )
)]
pub async fn list(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathId(id): PathId<AppId>,
    _: Params,
) -> Result<Response, Fault> {
    let row = recall_app(&app.db, &actor, &id).await?;
    let listed = groups::list(&app, &row).await?;
    let shown = listed.iter().map(|one| Group::of(&row, one)).collect::<Result<Vec<_>>>()?;
    Ok(reply::ok(&shown)?)
}

/// Add testers to a group. Nothing changes if any address is malformed.
#[utoipa::path(
    put, path = "/v1/apps/{app_id}/deployment-groups/{group_id}/testers", tag = "Distribution",
    operation_id = "add_testers",
    params(
        ("app_id" = String, Path, description = "Id of the app."),
        ("group_id" = String, Path, description = "Id of the group."),
        ("testers" = String, Query,
            description = "Addresses separated by commas; clients send them in a form or JSON \
                body, where a list of texts is accepted too."),
        ("deploy" = Option<bool>, Query,
            description = "Also send the newest matching build to those who were not subscribed."),
    ),
    responses(
        (status = 204, description = "Every address is a tester."),
        (status = 400, description = "No address, a malformed one, or too many.",
            body = wire::Error),
        (status = 401, description = "No valid token.", body = wire::Error),
        (status = 403, description = "Read-only access.", body = wire::Error),
        (status = 404, description = "Unknown app or group.", body = wire::Error),
        (status = 413, description = "The body is too large.", body = wire::Error),
    )
)]
pub async fn add_testers(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathIds(id, group): PathIds<AppId, GroupId>,
    params: Params,
) -> Result<Response, Fault> {
    let mut tx = app.db.write().await?;
    let row = authorize_app(&mut tx, &actor, Access::Full, &id).await?;
    let group = groups::find(&mut tx, &id, &group).await?;
    let emails = groups::parse_testers(&params.required_list("testers")?)?;
    let deploy = params.opt_bool("deploy")?.unwrap_or(false);
    let added = groups::add_testers(&app, &mut tx, &group, &emails).await?;
    if deploy {
        deploy::deploy_to_added(&app, &mut tx, (&row, &group), &added, &actor.user_id).await?;
    }
    let names: Vec<&str> = added.iter().map(Email::typed).collect();
    record(&app, &mut tx, &actor, (&row, &group.name), ("group.testers.add", &names)).await?;
    tx.commit().await?;
    Ok(reply::no_content())
}

/// Remove testers from a group; addresses that are not in it are ignored.
#[utoipa::path(
    delete, path = "/v1/apps/{app_id}/deployment-groups/{group_id}/testers",
    tag = "Distribution", operation_id = "remove_testers",
    params(
        ("app_id" = String, Path, description = "Id of the app."),
        ("group_id" = String, Path, description = "Id of the group."),
        ("testers" = String, Query,
            description = "Addresses separated by commas; clients send them in a form or JSON \
                body, where a list of texts is accepted too."),
    ),
    responses(
        (status = 204, description = "No address is a tester any more."),
        (status = 400, description = "No address.", body = wire::Error),
        (status = 401, description = "No valid token.", body = wire::Error),
        (status = 403, description = "Read-only access.", body = wire::Error),
        (status = 404, description = "Unknown app or group.", body = wire::Error),
        (status = 413, description = "The body is too large.", body = wire::Error),
    )
)]
pub async fn remove_testers(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathIds(id, group): PathIds<AppId, GroupId>,
    params: Params,
) -> Result<Response, Fault> {
    let mut tx = app.db.write().await?;
    let row = authorize_app(&mut tx, &actor, Access::Full, &id).await?;
    let group = groups::find(&mut tx, &id, &group).await?;
    let texts = params.required_list("testers")?;
    let removed = groups::remove_testers(&mut tx, &group, &texts).await?;
    let names: Vec<&str> = removed.iter().map(String::as_str).collect();
    record(&app, &mut tx, &actor, (&row, &group.name), ("group.testers.remove", &names)).await?;
    tx.commit().await?;
    Ok(reply::no_content())
}

/// Send the newest matching build to a group, also again.
#[utoipa::path(
    post, path = "/v1/apps/{app_id}/deployment-groups/{group_id}/deploy", tag = "Distribution",
    operation_id = "deploy_to_group",
    params(
        ("app_id" = String, Path, description = "Id of the app."),
        ("group_id" = String, Path, description = "Id of the group."),
        ("branch" = Option<String>, Query,
            description = "Only builds of this branch; also accepted in a form or JSON body."),
    ),
    responses(
        (status = 204, description = "The build is on its way."),
        (status = 400, description = "Malformed parameter or body.", body = wire::Error),
        (status = 401, description = "No valid token.", body = wire::Error),
        (status = 403, description = "Read-only access.", body = wire::Error),
        (status = 404, description = "Unknown app or group, or no build to deploy.",
            body = wire::Error),
        (status = 413, description = "The body is too large.", body = wire::Error),
    )
)]
pub async fn deploy(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathIds(id, group): PathIds<AppId, GroupId>,
    params: Params,
) -> Result<Response, Fault> {
    let mut tx = app.db.write().await?;
    let row = authorize_app(&mut tx, &actor, Access::Full, &id).await?;
    let group = groups::find(&mut tx, &id, &group).await?;
    deploy_newest(&app, tx, &actor, (&row, &group), &params).await
}

/// The path as the reference once printed it, without the app.
pub async fn deploy_by_group(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathId(id): PathId<GroupId>,
    params: Params,
) -> Result<Response, Fault> {
    let mut tx = app.db.write().await?;
    let group = db::groups::find(&mut tx, &id).await?.ok_or_else(Error::not_found)?;
    let row = authorize_app(&mut tx, &actor, Access::Full, &group.app_id).await?;
    deploy_newest(&app, tx, &actor, (&row, &group), &params).await
}

async fn deploy_newest(
    app: &App,
    mut tx: Tx,
    actor: &Actor,
    (row, group): (&AppRow, &model::Group),
    params: &Params,
) -> Result<Response, Fault> {
    let branch = params.opt_str("branch")?;
    let to = (row, group);
    let build = deploy::deploy_newest(app, &mut tx, to, branch.as_deref(), &actor.user_id).await?;
    let number = format!("build {}", build.number);
    record(app, &mut tx, actor, (row, &group.name), ("group.deploy", &[&number])).await?;
    tx.commit().await?;
    Ok(reply::no_content())
}

/// Make a deployment group.
#[utoipa::path(
    post, path = "/v1/apps/{app_id}/deployment-groups", tag = "Distribution",
    operation_id = "create_group",
    params(("app_id" = String, Path, description = "Id of the app.")),
    request_body = GroupChange,
    responses(
        (status = 201, description = "The group.", body = Group),
        (status = 400, description = "Malformed parameter or body.", body = wire::Error),
        (status = 401, description = "No valid token.", body = wire::Error),
        (status = 403, description = "Read-only access.", body = wire::Error),
        (status = 404, description = "Unknown app.", body = wire::Error),
        (status = 413, description = "The body is too large.", body = wire::Error),
    )
)]
pub async fn create(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathId(id): PathId<AppId>,
    Json(change): Json<GroupChange>,
) -> Result<Response, Fault> {
    let mut tx = app.db.write().await?;
    let row = authorize_app(&mut tx, &actor, Access::Full, &id).await?;
    let (draft, testers) = change.draft()?;
    let emails = groups::parse_testers(&testers)?;
    let group = groups::create(&app, &mut tx, &row, draft).await?;
    groups::add_testers(&app, &mut tx, &group, &emails).await?;
    let listed = groups::show(&mut tx, &group).await?;
    let response = reply::created(&Group::of(&row, &listed)?)?;
    record(&app, &mut tx, &actor, (&row, &group.name), ("group.create", &[])).await?;
    tx.commit().await?;
    Ok(response)
}

/// Change a deployment group.
#[utoipa::path(
    put, path = "/v1/apps/{app_id}/deployment-groups/{group_id}", tag = "Distribution",
    operation_id = "change_group",
    params(
        ("app_id" = String, Path, description = "Id of the app."),
        ("group_id" = String, Path, description = "Id of the group."),
    ),
    request_body = GroupChange,
    responses(
        (status = 200, description = "The group as it is now.", body = Group),
        (status = 400, description = "Malformed parameter or body.", body = wire::Error),
        (status = 401, description = "No valid token.", body = wire::Error),
        (status = 403, description = "Read-only access.", body = wire::Error),
        (status = 404, description = "Unknown app or group.", body = wire::Error),
        (status = 413, description = "The body is too large.", body = wire::Error),
    )
)]
pub async fn change(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathIds(id, group): PathIds<AppId, GroupId>,
    Json(change): Json<GroupChange>,
) -> Result<Response, Fault> {
    let mut tx = app.db.write().await?;
    let row = authorize_app(&mut tx, &actor, Access::Full, &id).await?;
    let group = groups::find(&mut tx, &id, &group).await?;
    let (draft, testers) = change.draft()?;
    if !testers.is_empty() {
        return Err(Error::Invalid(
            "Invalid value for parameter \"testers\": they have a call of their own".into(),
        )
        .into());
    }
    let was = group.name.clone();
    let group = groups::change(&app, &mut tx, group, draft).await?;
    let listed = groups::show(&mut tx, &group).await?;
    let response = reply::ok(&Group::of(&row, &listed)?)?;
    record(&app, &mut tx, &actor, (&row, &was), ("group.change", &[&group.name])).await?;
    tx.commit().await?;
    Ok(response)
}

/// Delete a deployment group; what it was sent stays in the builds' history.
#[utoipa::path(
    delete, path = "/v1/apps/{app_id}/deployment-groups/{group_id}", tag = "Distribution",
    operation_id = "delete_group",
    params(
        ("app_id" = String, Path, description = "Id of the app."),
        ("group_id" = String, Path, description = "Id of the group."),
    ),
    responses(
        (status = 204, description = "The group is gone; it can be restored for 30 days."),
        (status = 400, description = "Malformed body.", body = wire::Error),
        (status = 401, description = "No valid token.", body = wire::Error),
        (status = 403, description = "Read-only access.", body = wire::Error),
        (status = 404, description = "Unknown app or group.", body = wire::Error),
    )
)]
pub async fn delete(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathIds(id, group): PathIds<AppId, GroupId>,
    _: Params,
) -> Result<Response, Fault> {
    let mut tx = app.db.write().await?;
    let row = authorize_app(&mut tx, &actor, Access::Full, &id).await?;
    let group = groups::find(&mut tx, &id, &group).await?;
    groups::delete(&app, &mut tx, &group).await?;
    record(&app, &mut tx, &actor, (&row, &group.name), ("group.delete", &[])).await?;
    tx.commit().await?;
    Ok(reply::no_content())
}

/// One line of the activity log about a group.
async fn record(
    app: &App,
    tx: &mut Tx,
    actor: &Actor,
    (row, group): (&AppRow, &str),
    (action, detail): (&str, &[&str]),
) -> Result<()> {
    let detail = detail.join(", ");
    let change = Change { detail: &detail, ..Change::of_app(row, action, group) };
    audit::record(tx, actor, change, app.clock.now()).await
}

#[derive(OpenApi)]
#[openapi(
    paths(list, add_testers, remove_testers, deploy, create, change, delete, restore::restore),
    components(schemas(Group, GroupChange, GroupFrequency, LastDeployment, Prefix, Schedule)),
    tags((name = "Distribution", description = "Who gets which builds, and what came of it."))
)]
pub struct Description;
