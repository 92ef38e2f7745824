//! Deployment groups and their testers (DEP-1, DEP-6, DEP-13).

use std::collections::HashMap;

use crate::app::App;
use crate::db::deployments::LastOfGroup;
use crate::db::groups::DeletedGroup;
use crate::db::{self, Tx};
use crate::error::{Error, Result};
use crate::model::app::App as AppRow;
use crate::model::distribution::{Frequency, Group, Prefix, Rules, Tester};
use crate::model::email::Email;
use crate::model::ids::{AppId, GroupId};
use crate::model::schedule::Weekly;
use crate::model::time::Millis;

/// The group that each new app gets (DEP-1).
const TEAM: &str = "The Team";
/// Longest name of a group, in characters.
const MAX_NAME: usize = 100;
/// Most branches, tags, prefixes or schemes of one group.
const MAX_ENTRIES: usize = 100;
/// Longest of them, in bytes.
const MAX_ENTRY: usize = 500;
const MAX_GROUPS: usize = 200;
const MAX_TESTERS: usize = 5_000;
/// A deleted group can be brought back for this long: 30 days, like an app.
const RESTORE_MS: i64 = 30 * 24 * 3_600_000;
/// Nothing is forgotten in the moment in which somebody could still restore it:
/// the clocks of two servers may differ.
const GRACE_MS: i64 = 3_600_000;

/// A group as it is shown.
#[derive(Debug)]
pub struct Listed {
    pub group: Group,
    /// In the order added, without those who unsubscribed.
    pub testers: Vec<Tester>,
    pub last: Option<LastOfGroup>,
}

/// What to make of a group; `None` leaves it as it is.
#[derive(Debug, Default)]
pub struct Draft {
    pub name: Option<String>,
    pub frequency: Option<Frequency>,
    pub branches: Option<Vec<String>>,
    /// Whether to follow the default branch beside `branches`.
    pub default_branch: Option<bool>,
    pub tags: Option<Vec<String>>,
    pub prefixes: Option<Vec<Prefix>>,
    pub schemes: Option<Vec<String>>,
    pub schedule: Option<Weekly>,
}

/// Gives a new app its `The Team` with whoever made it. Doors call it after
/// `apps::add`; an app that has had its team keeps what it has.
pub async fn add_team(tx: &mut Tx, row: &AppRow, creators: &[String], now: Millis) -> Result<()> {
    if !db::groups::take_team(tx, &row.id).await? {
        return Ok(());
    }
    let rules = Rules { default_branch: true, ..Rules::default() };
    let group = Group {
        id: GroupId::generate(now),
        app_id: row.id.clone(),
        name: TEAM.into(),
        frequency: Frequency::EachBuild,
        rules,
        schedule: None,
        next_run_at: None,
        created_at: now,
    };
    db::groups::insert(tx, &group, &written(&group.rules)?).await?;
    // An account may have an address that mail cannot be sent to.
    for email in creators.iter().filter_map(|email| email.parse::<Email>().ok()) {
        db::groups::add_tester(tx, &group.id, &email, now).await?;
    }
    Ok(())
}

/// Makes sure that an app from before there were groups has its team, with
/// the owners of its organisation.
pub async fn ensure_team(app: &App, row: &AppRow) -> Result<()> {
    let mut tx = app.db.read().await?;
    if db::groups::has_team(&mut tx, &row.id).await? {
        return Ok(());
    }
    drop(tx);
    let mut tx = app.db.write().await?;
    let owners = db::groups::list_owner_emails(&mut tx, &row.id).await?;
    add_team(&mut tx, row, &owners, app.clock.now()).await?;
    tx.commit().await
}

/// Groups of an app, oldest first.
pub async fn list(app: &App, row: &AppRow) -> Result<Vec<Listed>> {
    ensure_team(app, row).await?;
    let mut tx = app.db.read().await?;
    listed(&mut tx, &row.id).await
}

async fn listed(tx: &mut Tx, app: &AppId) -> Result<Vec<Listed>> {
    let groups = db::groups::list(tx, app).await?;
    let mut testers: HashMap<GroupId, Vec<Tester>> = HashMap::new();
    for tester in subscribed(db::groups::list_testers(tx, app).await?) {
        testers.entry(tester.group_id.clone()).or_default().push(tester);
    }
    let mut last: HashMap<GroupId, LastOfGroup> = db::deployments::list_last(tx, app)
        .await?
        .into_iter()
        .map(|last| (last.group_id.clone(), last))
        .collect();
    let shown = groups.into_iter().map(|group| Listed {
        testers: testers.remove(&group.id).unwrap_or_default(),
        last: last.remove(&group.id),
        group,
    });
    Ok(shown.collect())
}

/// One group as the list shows it.
pub async fn show(tx: &mut Tx, group: &Group) -> Result<Listed> {
    let all = listed(tx, &group.app_id).await?;
    all.into_iter().find(|listed| listed.group.id == group.id).ok_or_else(Error::not_found)
}

fn subscribed(testers: Vec<Tester>) -> impl Iterator<Item = Tester> {
    testers.into_iter().filter(|tester| tester.unsubscribed_at.is_none())
}

/// The addresses of a group that get its builds, in the order added.
pub async fn addresses(tx: &mut Tx, group: &Group) -> Result<Vec<Email>> {
    let testers = subscribed(db::groups::list_testers(tx, &group.app_id).await?);
    let parse = |tester: Tester| {
        tester.address.parse().map_err(|e| Error::internal("reading a tester's address", e))
    };
    testers.filter(|tester| tester.group_id == group.id).map(parse).collect()
}

/// The group, if it belongs to `app` (api.md 1.4).
pub async fn find(tx: &mut Tx, app: &AppId, id: &GroupId) -> Result<Group> {
    let group = db::groups::find(tx, id).await?.ok_or_else(Error::not_found)?;
    if group.app_id == *app { Ok(group) } else { Err(Error::not_found()) }
}

/// A new group; without a frequency it gets builds only by hand.
///
/// # Errors
/// `Invalid`, naming the parameter.
pub async fn create(app: &App, tx: &mut Tx, row: &AppRow, draft: Draft) -> Result<Group> {
    if draft.name.is_none() {
        return Err(Error::Invalid("Missing parameter \"name\"".into()));
    }
    check_room(tx, row).await?;
    let now = app.clock.now();
    let mut group = Group {
        id: GroupId::generate(now),
        app_id: row.id.clone(),
        name: String::new(),
        frequency: Frequency::Manual,
        rules: Rules::default(),
        schedule: None,
        next_run_at: None,
        created_at: now,
    };
    apply(&mut group, draft, now)?;
    db::groups::insert(tx, &group, &written(&group.rules)?).await?;
    Ok(group)
}

/// Changes what `draft` names.
///
/// # Errors
/// `Invalid`, naming the parameter.
pub async fn change(app: &App, tx: &mut Tx, mut group: Group, draft: Draft) -> Result<Group> {
    apply(&mut group, draft, app.clock.now())?;
    db::groups::update(tx, &group, &written(&group.rules)?).await?;
    Ok(group)
}

fn apply(group: &mut Group, draft: Draft, now: Millis) -> Result<()> {
    let Draft { name, frequency, branches, default_branch, tags, prefixes, schemes, schedule } =
        draft;
    if let Some(name) = name {
        group.name = checked_name(&name)?;
    }
    if let Some(frequency) = frequency {
        group.frequency = frequency;
    }
    if let Some(branches) = branches {
        // Naming branches ends following the default one.
        group.rules.default_branch = false;
        group.rules.branches = checked("branches", branches)?;
    }
    if let Some(follows) = default_branch {
        group.rules.default_branch = follows;
    }
    if let Some(tags) = tags {
        group.rules.tags = checked("tags", tags)?;
    }
    if let Some(schemes) = schemes {
        group.rules.schemes = checked("schemes", schemes)?;
    }
    if let Some(prefixes) = prefixes {
        checked("prefixes", prefixes.iter().map(|prefix| prefix.name.clone()).collect())?;
        if prefixes.iter().any(|prefix| prefix.branch_only && prefix.tag_only) {
            return Err(Error::Invalid(
                "Invalid value for parameter \"prefixes\": branch_only and tag_only exclude each other".into(),
            ));
        }
        group.rules.prefixes = prefixes;
    }
    if frequency.is_some() || schedule.is_some() {
        plan(group, schedule, now)?;
    }
    Ok(())
}

/// When the group sends next. The schedule is kept while another frequency
/// rests it.
fn plan(group: &mut Group, schedule: Option<Weekly>, now: Millis) -> Result<()> {
    if let Some(weekly) = &schedule {
        let text = serde_json::to_string(weekly)
            .map_err(|e| Error::internal("writing a group's schedule", e))?;
        group.schedule = Some(text);
    }
    let weekly = weekly_of(group)?;
    group.next_run_at = match (group.frequency, weekly) {
        (Frequency::Scheduled, None) => {
            return Err(Error::Invalid("Missing parameter \"schedule\"".into()));
        }
        (Frequency::Scheduled, Some(weekly)) => Some(weekly.next_after(now)),
        _ => None,
    };
    Ok(())
}

/// Deletes a group: its testers get nothing more. It can be brought back for
/// 30 days.
///
/// # Errors
/// `NotFound` when another call was faster.
pub async fn delete(app: &App, tx: &mut Tx, group: &Group) -> Result<()> {
    let now = app.clock.now();
    match db::groups::set_deleted_at(tx, &group.id, Some(now), None).await? {
        0 => Err(Error::not_found()),
        _ => Ok(()),
    }
}

/// Brings a deleted group of `row` back with its testers. What a schedule would
/// have sent meanwhile is not sent.
///
/// # Errors
/// `NotFound` for a group that is not deleted, or was 30 days ago; `Invalid` if
/// the app has as many groups as it may.
pub async fn restore(app: &App, tx: &mut Tx, row: &AppRow, id: &GroupId) -> Result<Group> {
    let found = db::groups::find_deleted(tx, id).await?;
    let (group, deleted_at) = found.ok_or_else(Error::not_found)?;
    let now = app.clock.now();
    if group.app_id != row.id || now.since(deleted_at) > RESTORE_MS {
        return Err(Error::not_found());
    }
    check_room(tx, row).await?;
    let next = match group.frequency {
        Frequency::Scheduled => weekly_of(&group)?.map(|weekly| weekly.next_after(now)),
        _ => None,
    };
    db::groups::set_deleted_at(tx, id, None, next).await?;
    find(tx, &row.id, id).await
}

/// The groups that can be brought back, the last deleted first.
pub async fn deleted(app: &App, tx: &mut Tx, row: &AppRow) -> Result<Vec<DeletedGroup>> {
    let now = app.clock.now();
    let mut all = db::groups::list_deleted(tx, &row.id).await?;
    all.retain(|group| now.since(group.deleted_at) <= RESTORE_MS);
    Ok(all)
}

/// Forgets groups that nobody can bring back any more.
pub async fn sweep(app: &App) -> Result<u64> {
    let mut tx = app.db.write().await?;
    let before = app.clock.now().plus(-RESTORE_MS - GRACE_MS);
    let gone = db::groups::delete_before(&mut tx, before).await?;
    tx.commit().await?;
    Ok(gone)
}

async fn check_room(tx: &mut Tx, row: &AppRow) -> Result<()> {
    match db::groups::list(tx, &row.id).await?.len() {
        ..MAX_GROUPS => Ok(()),
        _ => Err(Error::Invalid(format!("an app has at most {MAX_GROUPS} groups"))),
    }
}

/// When a scheduled group sends.
pub fn weekly_of(group: &Group) -> Result<Option<Weekly>> {
    group.weekly().map_err(|e| Error::internal("reading a group's schedule", e))
}

fn checked_name(name: &str) -> Result<String> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > MAX_NAME || name.chars().any(char::is_control) {
        return Err(Error::invalid_parameter("name"));
    }
    Ok(name.to_owned())
}

fn checked(parameter: &str, entries: Vec<String>) -> Result<Vec<String>> {
    let sane = |entry: &String| {
        !entry.is_empty() && entry.len() <= MAX_ENTRY && !entry.chars().any(char::is_control)
    };
    if entries.len() > MAX_ENTRIES || !entries.iter().all(sane) {
        return Err(Error::invalid_parameter(parameter));
    }
    Ok(entries)
}

fn written(rules: &Rules) -> Result<String> {
    serde_json::to_string(rules).map_err(|e| Error::internal("writing a group's rules", e))
}

/// Addresses as a caller lists them, each once.
///
/// # Errors
/// `Invalid`, naming `testers` and the first malformed address: nothing changes
/// then (api.md 4.11).
pub fn parse_testers(texts: &[String]) -> Result<Vec<Email>> {
    let mut emails: Vec<Email> = Vec::with_capacity(texts.len());
    let mut known = std::collections::HashSet::new();
    for text in texts {
        let email: Email = text.parse().map_err(|_| malformed(text))?;
        if known.insert(email.key().to_owned()) {
            emails.push(email);
        }
    }
    Ok(emails)
}

/// Longest part of a malformed address that is repeated, in characters.
const MAX_REPEATED: usize = 80;

fn malformed(text: &str) -> Error {
    let shown: String = text.chars().filter(|c| !c.is_control()).take(MAX_REPEATED).collect();
    Error::Invalid(format!(
        "Invalid value for parameter \"testers\": “{shown}” is not an email address"
    ))
}

/// Adds testers; those that were not subscribed before.
pub async fn add_testers(
    app: &App,
    tx: &mut Tx,
    group: &Group,
    emails: &[Email],
) -> Result<Vec<Email>> {
    let now = app.clock.now();
    let mut added = Vec::new();
    for email in emails {
        if db::groups::add_tester(tx, &group.id, email, now).await? {
            added.push(email.clone());
        }
    }
    if !added.is_empty() && addresses(tx, group).await?.len() > MAX_TESTERS {
        return Err(Error::Invalid(format!(
            "Invalid value for parameter \"testers\": a group has at most {MAX_TESTERS}"
        )));
    }
    Ok(added)
}

/// Removes testers; who is no member, or no address at all, is ignored
/// (api.md 4.12). Those that were removed.
pub async fn remove_testers(tx: &mut Tx, group: &Group, texts: &[String]) -> Result<Vec<String>> {
    let mut removed = Vec::new();
    for text in texts {
        let key = text.to_lowercase();
        if db::groups::remove_tester(tx, &group.id, &key).await? {
            removed.push(key);
        }
    }
    Ok(removed)
}
