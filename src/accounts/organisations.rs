//! Organisations, their members, and the collaborators of apps (ORG). The
//! doors have asked `authorize_*` before they come here.

use crate::db::organisations::{self as rows, Member};
use crate::db::{self, Tx};
use crate::error::{Error, Result};
use crate::model::account::{Access, Organisation, Role, User};
use crate::model::ids::{AppId, OrgId, UserId};
use crate::model::time::Millis;

/// Longest name, in characters.
const MAX_NAME: usize = 200;

/// Adds an organisation that `owner` owns (ORG-2).
///
/// # Errors
/// `Invalid`, naming the parameter `name`.
pub async fn add(tx: &mut Tx, owner: &UserId, name: &str, now: Millis) -> Result<Organisation> {
    let org = Organisation { id: OrgId::generate(now), name: check_name(name)?, created_at: now };
    db::accounts::insert_organisation(tx, &org).await?;
    db::accounts::insert_member(tx, &org.id, owner, Role::Owner.as_str()).await?;
    Ok(org)
}

/// # Errors
/// `Invalid`, naming the parameter `name`.
pub async fn rename(tx: &mut Tx, id: &OrgId, name: &str) -> Result<()> {
    rows::rename(tx, id, &check_name(name)?).await?;
    Ok(())
}

fn check_name(name: &str) -> Result<String> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > MAX_NAME || name.chars().any(char::is_control) {
        return Err(Error::invalid_parameter("name"));
    }
    Ok(name.to_owned())
}

/// Makes the user with this address a member, or changes what they are.
///
/// # Errors
/// `Invalid` for an address that nobody has, `Conflict` when no owner would be
/// left.
pub async fn set_member(tx: &mut Tx, id: &OrgId, email: &str, role: Role) -> Result<User> {
    let user = known_user(tx, email).await?;
    if role < Role::Owner {
        keep_an_owner(tx, id, &user.id).await?;
    }
    rows::set_member(tx, id, &user.id, role).await?;
    Ok(user)
}

/// # Errors
/// `Invalid` for an address that nobody has, `NotFound` for somebody who is no
/// member, `Conflict` when no owner would be left.
pub async fn remove_member(tx: &mut Tx, id: &OrgId, email: &str) -> Result<User> {
    let user = known_user(tx, email).await?;
    keep_an_owner(tx, id, &user.id).await?;
    match rows::remove_member(tx, id, &user.id).await? {
        0 => Err(Error::not_found()),
        _ => Ok(user),
    }
}

/// Refuses to take the role from the last owner.
async fn keep_an_owner(tx: &mut Tx, id: &OrgId, user: &UserId) -> Result<()> {
    let owners = rows::count_owners(tx, id).await?;
    let role = rows::find_seen(tx, id, user).await?.and_then(|org| org.role);
    if owners == 1 && role.as_deref() == Some(Role::Owner.as_str()) {
        return Err(Error::Conflict("An organisation keeps at least one owner".into()));
    }
    Ok(())
}

/// Sets what the user with this address may do with one app. Owners of the
/// organisation keep full access whatever the list says.
///
/// # Errors
/// `Invalid` for an address that nobody has.
pub async fn set_collaborator(
    tx: &mut Tx,
    app: &AppId,
    email: &str,
    access: Access,
) -> Result<User> {
    let user = known_user(tx, email).await?;
    db::accounts::set_app_access(tx, app, &user.id, access).await?;
    Ok(user)
}

/// # Errors
/// `Invalid` for an address that nobody has, `NotFound` for somebody who is
/// not on the list.
pub async fn remove_collaborator(tx: &mut Tx, app: &AppId, email: &str) -> Result<User> {
    let user = known_user(tx, email).await?;
    match rows::remove_collaborator(tx, app, &user.id).await? {
        0 => Err(Error::not_found()),
        _ => Ok(user),
    }
}

/// Members by address.
pub async fn members(tx: &mut Tx, id: &OrgId) -> Result<Vec<Member>> {
    rows::list_members(tx, id).await
}

async fn known_user(tx: &mut Tx, email: &str) -> Result<User> {
    let refuse = || {
        Error::Invalid("Invalid value for parameter \"email\": nobody here has this address".into())
    };
    let email = super::normalise_email(email).map_err(|_| Error::invalid_parameter("email"))?;
    db::accounts::find_user_by_email(tx, &email).await?.ok_or_else(refuse)
}
