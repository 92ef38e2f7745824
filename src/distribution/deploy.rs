//! Sending builds: by itself after a success, on request to a group, and by
//! hand to anybody (DEP-3 to DEP-5, api.md 4.11 and 4.13). What is written here
//! is a fact and a job per recipient; mail is sent by the job.

use crate::app::App;
use crate::db::builds::origin_of;
use crate::db::wake::Topic;
use crate::db::{self, Tx};
use crate::error::{Error, Result};
use crate::model::app::App as AppRow;
use crate::model::artifact::Download;
use crate::model::build::{Build, BuildStatus};
use crate::model::distribution::{Cause, Deployment, Frequency, Group, Rules, source_of};
use crate::model::email::Email;
use crate::model::ids::{BuildId, DeploymentId, GroupId, JobId, RecipientId, UserId};

use super::groups;

/// Job that mails one recipient; its subject is the recipient's id.
pub const SEND_MAIL: &str = "deployment_mail";
/// Builds looked at per query while the newest that matches is sought.
const BATCH: i64 = 100;
/// Scheduled groups of one pass; the next pass takes the others.
const DUE: i64 = 100;
/// Longest text that is entered with a deployment, in bytes.
const MAX_NOTES: usize = 16 << 10;
/// Most groups and addresses of one order.
const MAX_TARGETS: usize = 1_000;

/// What is sent, and why.
#[derive(Debug, Clone, Copy)]
struct Parcel<'a> {
    build: &'a Build,
    cause: Cause,
    notes: &'a str,
    user: Option<&'a UserId>,
}

/// What a person sends by hand (DEP-5).
#[derive(Debug, Default)]
pub struct Order {
    pub groups: Vec<GroupId>,
    pub emails: Vec<Email>,
    /// Release notes; empty = DEP-8 decides.
    pub notes: String,
}

/// What a device can install of `build`.
pub fn installable(build: &Build) -> Result<Vec<Download>> {
    let offered: Vec<Download> = serde_json::from_str(&build.downloads)
        .map_err(|e| Error::internal("reading downloads", e))?;
    Ok(offered.into_iter().filter(|download| download.installable).collect())
}

fn matches(row: &AppRow, rules: &Rules, build: &Build) -> Result<bool> {
    let origin = origin_of(build)?;
    Ok(rules.matches(row, source_of(build, &origin), &build.scheme))
}

/// The newest build that testers of a group with `rules` can install; of one
/// branch if it is named.
pub async fn newest(
    tx: &mut Tx,
    row: &AppRow,
    rules: &Rules,
    branch: Option<&str>,
) -> Result<Option<Build>> {
    let mut before: Option<Build> = None;
    loop {
        let batch =
            db::deployments::list_installable(tx, &row.id, branch, before.as_ref(), BATCH).await?;
        let Some(last) = batch.last().cloned() else { return Ok(None) };
        for build in batch {
            if matches(row, rules, &build)? {
                return Ok(Some(build));
            }
        }
        before = Some(last);
    }
}

/// Sends the newest matching build to the whole group, also again (api.md 4.13).
///
/// # Errors
/// `NotFound` with `No build to deploy`.
pub async fn deploy_newest(
    app: &App,
    tx: &mut Tx,
    (row, group): (&AppRow, &Group),
    branch: Option<&str>,
    user: &UserId,
) -> Result<Build> {
    let build = newest(tx, row, &group.rules, branch)
        .await?
        .ok_or_else(|| Error::NotFound("No build to deploy".into()))?;
    let parcel = Parcel { build: &build, cause: Cause::Manual, notes: "", user: Some(user) };
    let to = groups::addresses(tx, group).await?;
    send(app, tx, parcel, Some(group), &to).await?;
    Ok(build)
}

/// Sends the newest matching build to testers that were just added; without
/// such a build, nothing (api.md 4.11).
pub async fn deploy_to_added(
    app: &App,
    tx: &mut Tx,
    (row, group): (&AppRow, &Group),
    added: &[Email],
    user: &UserId,
) -> Result<()> {
    if added.is_empty() {
        return Ok(());
    }
    let Some(build) = newest(tx, row, &group.rules, None).await? else { return Ok(()) };
    let parcel = Parcel { build: &build, cause: Cause::TestersAdded, notes: "", user: Some(user) };
    send(app, tx, parcel, Some(group), added).await?;
    Ok(())
}

/// Sends one build to whom a person chose, as often as they like.
///
/// # Errors
/// `Conflict` for a build that nobody can install, `NotFound` for a group of
/// another app, `Invalid` for an order without anybody in it.
pub async fn deploy_by_hand(
    app: &App,
    tx: &mut Tx,
    build: &Build,
    order: &Order,
    user: &UserId,
) -> Result<Vec<DeploymentId>> {
    check(build)?;
    if order.groups.is_empty() && order.emails.is_empty() {
        return Err(Error::Invalid("Missing parameter \"groups\" or \"testers\"".into()));
    }
    if order.notes.len() > MAX_NOTES {
        return Err(Error::invalid_parameter("release_notes"));
    }
    if order.groups.len() + order.emails.len() > MAX_TARGETS {
        return Err(Error::Invalid(format!("at most {MAX_TARGETS} groups and testers at once")));
    }
    let parcel =
        Parcel { build, cause: Cause::Manual, notes: order.notes.trim(), user: Some(user) };
    let mut sent = Vec::new();
    for id in &order.groups {
        let group = groups::find(tx, &build.app_id, id).await?;
        let to = groups::addresses(tx, &group).await?;
        sent.extend(send(app, tx, parcel, Some(&group), &to).await?);
    }
    if !order.emails.is_empty() {
        sent.extend(send(app, tx, parcel, None, &order.emails).await?);
    }
    Ok(sent)
}

/// May the build be sent at all (DEP-4, DEP-12)?
fn check(build: &Build) -> Result<()> {
    let refuse = |why: &str| Err(Error::Conflict(format!("This build cannot be deployed: {why}")));
    if build.status != BuildStatus::Success {
        return refuse("it has not succeeded");
    }
    if build.disabled {
        return refuse("it is disabled");
    }
    if installable(build)?.is_empty() {
        return refuse("it has no app that a device can install");
    }
    Ok(())
}

/// Why the build cannot be sent to anybody, for a person; `None` if it can.
pub fn obstacle(build: &Build) -> Result<Option<String>> {
    match check(build) {
        Ok(()) => Ok(None),
        Err(Error::Conflict(why)) => Ok(Some(why)),
        Err(other) => Err(other),
    }
}

/// Closes the build to testers, or opens it again (DEP-12); false if it was like
/// that already.
pub async fn set_disabled(tx: &mut Tx, build: &Build, disabled: bool) -> Result<bool> {
    if build.disabled == disabled {
        return Ok(false);
    }
    db::builds::set_disabled(tx, &build.id, disabled).await?;
    Ok(true)
}

/// Sends a fresh success to the groups that want each build. The job may run
/// twice; each group gets the build once (DEP-3).
pub async fn deploy_each(app: &App, id: &BuildId) -> Result<()> {
    let mut tx = app.db.read().await?;
    let Some(build) = db::builds::find(&mut tx, id).await? else { return Ok(()) };
    let Some(row) = db::apps::find(&mut tx, &build.app_id).await? else { return Ok(()) };
    drop(tx);
    match check(&build) {
        Err(Error::Conflict(_)) => return Ok(()),
        other => other?,
    }
    groups::ensure_team(app, &row).await?;
    let mut tx = app.db.write().await?;
    for group in db::groups::list(&mut tx, &row.id).await? {
        if group.frequency == Frequency::EachBuild && matches(&row, &group.rules, &build)? {
            send_once(app, &mut tx, &build, &group, Cause::EachBuild).await?;
        }
    }
    tx.commit().await
}

/// Sends the last success to each scheduled group that is due. A run that was
/// missed while no server was up is made up for once, which is harmless: a
/// build goes to a group once (DEP-3).
pub async fn deploy_due(app: &App) -> Result<()> {
    let now = app.clock.now();
    let mut tx = app.db.read().await?;
    let due = db::groups::list_due(&mut tx, now, DUE).await?;
    drop(tx);
    for group in due {
        let mut tx = app.db.write().await?;
        let next = groups::weekly_of(&group)?.map(|weekly| weekly.next_after(now));
        if !db::groups::set_next_run(&mut tx, &group.id, group.next_run_at, next).await? {
            continue;
        }
        if let Some(row) = db::apps::find(&mut tx, &group.app_id).await?
            && let Some(build) = newest(&mut tx, &row, &group.rules, None).await?
        {
            send_once(app, &mut tx, &build, &group, Cause::Schedule).await?;
        }
        tx.commit().await?;
    }
    Ok(())
}

/// Sends without being asked, so never twice, and not what a person has sent
/// to the group already.
async fn send_once(
    app: &App,
    tx: &mut Tx,
    build: &Build,
    group: &Group,
    cause: Cause,
) -> Result<()> {
    let to = groups::addresses(tx, group).await?;
    if to.is_empty() || db::deployments::has_reached(tx, &build.id, &group.id).await? {
        return Ok(());
    }
    send(app, tx, Parcel { build, cause, notes: "", user: None }, Some(group), &to).await?;
    Ok(())
}

/// Records the deployment and a job for each recipient. `None` if somebody
/// else has recorded the same one.
async fn send(
    app: &App,
    tx: &mut Tx,
    parcel: Parcel<'_>,
    group: Option<&Group>,
    to: &[Email],
) -> Result<Option<DeploymentId>> {
    let Parcel { build, cause, notes, user } = parcel;
    let now = app.clock.now();
    let deployment = Deployment {
        id: DeploymentId::generate(now),
        build_id: build.id.clone(),
        group_id: group.map(|group| group.id.clone()),
        group_name: group.map(|group| group.name.clone()).unwrap_or_default(),
        cause,
        notes: notes.to_owned(),
        user_id: user.cloned(),
        created_at: now,
    };
    let by_itself = matches!(cause, Cause::EachBuild | Cause::Schedule);
    if !db::deployments::insert(tx, &deployment, by_itself).await? {
        return Ok(None);
    }
    for email in to {
        let id = RecipientId::generate(now);
        db::deployments::insert_recipient(tx, &id, &deployment.id, email).await?;
        db::jobs::insert(tx, &JobId::generate(now), SEND_MAIL, id.as_str(), now).await?;
    }
    tx.wake_on_commit(Topic::Jobs);
    Ok(Some(deployment.id))
}
