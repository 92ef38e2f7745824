//! Variables of builds (SEC-2) and of the app at run time (SEC-4): set for an
//! organisation, an app or one branch of it, each beating the one before.

use std::collections::BTreeMap;

use crate::app::App;
use crate::db::Tx;
use crate::db::variables::{self as rows, StoredVariable};
use crate::error::{Error, Result};
use crate::git::remote::check_branch;
use crate::model::app::App as AppRow;
use crate::model::build::text_enum;
use crate::model::ids::{AppId, OrgId};
use crate::model::secret::Secret;
use crate::protocol::Variable;

/// Longest name, in bytes.
const MAX_NAME: usize = 200;
/// Longest value, in bytes.
const MAX_VALUE: usize = 64 << 10;
/// Variables of one owner and kind.
const MAX_COUNT: usize = 500;
/// Names beside `BUDDYBUILD_*` that the agent sets or that would change how it
/// starts scripts.
const RESERVED: [&str; 9] = [
    "BASH_ENV",
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_NOSYSTEM",
    "GIT_TERMINAL_PROMPT",
    "HOME",
    "LD_PRELOAD",
    "PWD",
    "SHIPMATE_DEVICE_VARIABLES",
    "TMPDIR",
];

text_enum! {
    /// When a variable is there.
    VariableKind {
        /// During the build.
        Environment = "environment",
        /// In the installed app.
        Device = "device",
    }
}

/// Where a variable was set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place<'a> {
    Organisation(&'a OrgId),
    App(&'a AppId),
    Branch(&'a AppId, &'a str),
}

impl<'a> Place<'a> {
    /// `branch` empty or absent: the app itself.
    ///
    /// # Errors
    /// `Invalid` for a name that git does not allow.
    pub fn of_app(app: &'a AppId, branch: Option<&'a str>) -> Result<Self> {
        match branch {
            None | Some("") => Ok(Self::App(app)),
            Some(branch) => {
                check_branch(branch)
                    .map_err(|refused| Error::Invalid(format!("branch: {refused}")))?;
                Ok(Self::Branch(app, branch))
            }
        }
    }

    fn owner(&self) -> &'a str {
        match self {
            Self::Organisation(id) => id.as_str(),
            Self::App(id) | Self::Branch(id, _) => id.as_str(),
        }
    }

    fn branch(&self) -> &'a str {
        match self {
            Self::Branch(_, branch) => branch,
            Self::Organisation(_) | Self::App(_) => "",
        }
    }
}

/// What seals a variable to its row.
pub fn sealing_place(owner: &str, branch: &str, kind: &str, name: &str) -> String {
    match (branch, kind) {
        // As before there were other places.
        ("", "environment") => format!("apps/{owner}/variables/{name}"),
        _ => format!("variables/{owner}/{kind}/{name}/{branch}"),
    }
}

/// Sets a variable of later builds.
///
/// # Errors
/// `Invalid` for a name that a shell cannot hold or that the server sets, and
/// for one variable too many.
pub async fn set(
    app: &App,
    tx: &mut Tx,
    place: Place<'_>,
    kind: VariableKind,
    variable: &Variable,
) -> Result<()> {
    let Variable { name, value, secret } = variable;
    check(kind, name, value)?;
    let (owner, branch) = (place.owner(), place.branch());
    let known = rows::list(tx, owner, kind.as_str()).await?;
    let is_new = !known.iter().any(|old| old.name == *name && old.branch == branch);
    if is_new && known.len() >= MAX_COUNT {
        return Err(Error::Invalid(format!("name: there are {MAX_COUNT} variables already")));
    }
    let value_sealed = app.keys.seal(&sealing_place(owner, branch, kind.as_str(), name), value);
    let stored = StoredVariable {
        owner_id: owner.to_owned(),
        branch: branch.to_owned(),
        kind: kind.as_str().to_owned(),
        name: name.clone(),
        value_sealed,
        hidden: *secret,
        changed_at: app.clock.now(),
    };
    rows::upsert(tx, &stored).await
}

fn check(kind: VariableKind, name: &str, value: &Secret) -> Result<()> {
    let well_formed = !name.is_empty()
        && name.len() <= MAX_NAME
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && !name.as_bytes()[0].is_ascii_digit();
    if !well_formed {
        return Err(Error::Invalid(
            "name: letters, digits and _ only, not starting with a digit".into(),
        ));
    }
    if kind == VariableKind::Environment {
        if name.starts_with("BUDDYBUILD_") {
            return Err(Error::Invalid("name: BUDDYBUILD_ variables are set by the server".into()));
        }
        if RESERVED.contains(&name) {
            return Err(Error::Invalid(format!("name: {name} is set by the server")));
        }
    }
    if value.expose().len() > MAX_VALUE || value.expose().contains('\0') {
        return Err(Error::Invalid("value: at most 64 KiB, without NUL".into()));
    }
    Ok(())
}

/// Which variable it is, for the activity log.
pub fn told(kind: VariableKind, branch: Option<&str>) -> String {
    match branch {
        None | Some("") => kind.as_str().to_owned(),
        Some(branch) => format!("{}, branch {branch}", kind.as_str()),
    }
}

/// Removes a variable.
///
/// # Errors
/// `NotFound` if there is none in that place.
pub async fn remove(tx: &mut Tx, place: Place<'_>, kind: VariableKind, name: &str) -> Result<()> {
    match rows::delete(tx, place.owner(), place.branch(), kind.as_str(), name).await? {
        true => Ok(()),
        false => Err(Error::not_found()),
    }
}

/// The variables of an organisation, by name.
pub async fn list_of_org(
    tx: &mut Tx,
    org: &OrgId,
    kind: VariableKind,
) -> Result<Vec<StoredVariable>> {
    rows::list(tx, org.as_str(), kind.as_str()).await
}

/// What the builds of an app may get, of all places, by name and then from the
/// organisation to the branches.
pub async fn list_of_app(
    tx: &mut Tx,
    app: &AppRow,
    kind: VariableKind,
) -> Result<Vec<StoredVariable>> {
    let mut found = rows::list(tx, app.org_id.as_str(), kind.as_str()).await?;
    found.extend(rows::list(tx, app.id.as_str(), kind.as_str()).await?);
    // Stable: the organisation's stand before the app's of the same name.
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

/// The value of a variable.
pub fn open(app: &App, stored: &StoredVariable) -> Result<Secret> {
    let StoredVariable { owner_id, branch, kind, name, value_sealed, .. } = stored;
    app.keys.open_sealed(&sealing_place(owner_id, branch, kind, name), value_sealed)
}

/// The opened variables that a build of `branch` gets: branch beats app beats
/// organisation.
pub async fn of_build(
    app: &App,
    tx: &mut Tx,
    row: &AppRow,
    kind: VariableKind,
    branch: &str,
) -> Result<Vec<Variable>> {
    let all = list_of_app(tx, row, kind).await?;
    let rank = |stored: &StoredVariable| match stored {
        StoredVariable { branch: own, .. } if !own.is_empty() => 2,
        StoredVariable { owner_id, .. } if owner_id == row.id.as_str() => 1,
        _ => 0,
    };
    let mut chosen: BTreeMap<&str, &StoredVariable> = BTreeMap::new();
    for stored in all.iter().filter(|stored| stored.branch.is_empty() || stored.branch == branch) {
        let best = chosen.entry(&stored.name).or_insert(stored);
        if rank(stored) > rank(best) {
            *best = stored;
        }
    }
    chosen
        .into_values()
        .map(|stored| {
            let value = open(app, stored)?;
            Ok(Variable { name: stored.name.clone(), value, secret: stored.hidden })
        })
        .collect()
}
