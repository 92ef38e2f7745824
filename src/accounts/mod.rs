//! Users, tokens and the only place that answers "may they?". Touches `db`
//! and `secrets`.

pub mod addresses;
pub mod audit;
pub mod first_run;
pub mod invitations;
pub mod letters;
pub mod oidc;
pub mod organisations;
pub mod passwords;
pub mod sessions;
pub mod sign_in;
pub mod sign_in_link;
pub mod sso;
pub mod tokens;
pub mod totp;

use crate::db::accounts::{self as rows, AccessRow};
use crate::db::apps::DeletedApp;
use crate::db::builds::SeenBuild;
use crate::db::organisations::{SeenOrganisation, find_seen};
use crate::db::{self, Db, Tx};
use crate::error::{Error, Result};
use crate::model::account::{Access, Actor, Organisation, Role, Scope, User};
use crate::model::app::App as AppRow;
use crate::model::build::Build;
use crate::model::email::Email;
use crate::model::ids::{AppId, BuildId, OrgId, TokenId, UserId};
use crate::model::secret::Secret;
use crate::model::time::Millis;
use crate::secrets::{self, AGENT_PREFIX};

pub use tokens::{find_actor, issue_token};

/// What the lists say about one user, as one answer. An owner of the
/// organisation has full access; else the app's own list decides where it names
/// the user (ORG-5).
fn strongest(actor: &Actor, row: &AccessRow) -> Option<Access> {
    let role = row.org_role.as_deref();
    if actor.is_admin || role == Some(Role::Owner.as_str()) {
        return Some(Access::Full);
    }
    row.app_access.as_deref().or(role).and_then(|access| access.parse().ok())
}

/// Lets pass who has `need` and calls with a token that reaches so far; others
/// learn nothing but what they may see.
fn check(actor: &Actor, have: Option<Access>, need: Access) -> Result<()> {
    match have {
        None => Err(Error::not_found()),
        Some(have) if have < need => Err(Error::Forbidden("Read-only access")),
        Some(_) => check_scope(actor, need),
    }
}

fn check_scope(actor: &Actor, need: Access) -> Result<()> {
    if actor.scope.reaches(need) {
        return Ok(());
    }
    Err(Error::Forbidden("The scope of the token does not allow this"))
}

/// Lets pass a token that may change what belongs to its owner: tokens, the
/// list of organisations.
///
/// # Errors
/// `Forbidden` for a token of a narrower scope than `admin`.
pub fn authorize_account(actor: &Actor) -> Result<()> {
    check_scope(actor, Access::Full)
}

/// Lets pass administrators of this installation.
///
/// # Errors
/// `Forbidden` for everybody else, and for a token of a narrower scope.
pub fn authorize_admin(actor: &Actor) -> Result<()> {
    if !actor.is_admin {
        return Err(Error::Forbidden("Only administrators may do this"));
    }
    check_scope(actor, Access::Full)
}

/// The organisation, if `actor` is at least `need` in it.
///
/// # Errors
/// `NotFound` for an organisation that does not exist or is not theirs,
/// `Forbidden` for members who are less, and for narrow tokens.
pub async fn authorize_org(
    tx: &mut Tx,
    actor: &Actor,
    need: Role,
    id: &OrgId,
) -> Result<SeenOrganisation> {
    let org = find_seen(tx, id, &actor.user_id).await?.ok_or_else(Error::not_found)?;
    let role = org.role.as_deref().and_then(|role| role.parse().ok());
    let have = if actor.is_admin { Some(Role::Owner) } else { role };
    match have {
        None => Err(Error::not_found()),
        Some(have) if have < need && need == Role::Owner => {
            Err(Error::Forbidden("Only owners of the organisation may do this"))
        }
        Some(have) if have < need => Err(Error::Forbidden("Read-only access")),
        Some(_) => {
            check_scope(actor, if need == Role::Read { Access::Read } else { Access::Full })?;
            Ok(org)
        }
    }
}

/// Where `actor` may add an app: the named organisation, else the oldest one
/// that they own.
///
/// # Errors
/// As `authorize_org`; `Forbidden` when they own none.
pub async fn authorize_new_app(tx: &mut Tx, actor: &Actor, org: Option<&OrgId>) -> Result<OrgId> {
    check_scope(actor, Access::Full)?;
    if let Some(id) = org {
        return Ok(authorize_org(tx, actor, Role::Full, id).await?.id);
    }
    rows::find_owned_organisation(tx, &actor.user_id)
        .await?
        .map(|own| own.id)
        .ok_or(Error::Forbidden("You own no organisation; name one"))
}

/// Lets pass who may read the activity log of this app and organisation:
/// owners, also with a token that only reads. Without either, the log itself
/// holds only what the caller owns.
///
/// # Errors
/// As `authorize_org`.
pub async fn authorize_audit(
    tx: &mut Tx,
    actor: &Actor,
    app: Option<&AppId>,
    org: Option<&OrgId>,
) -> Result<()> {
    let reader = Actor { scope: Scope::Admin, ..actor.clone() };
    if let Some(id) = app {
        match authorize_app_owner(tx, &reader, id).await {
            Err(Error::NotFound(_)) => drop(authorize_deleted_app(tx, &reader, id).await?),
            other => drop(other?),
        }
    }
    if let Some(id) = org {
        authorize_org(tx, &reader, Role::Owner, id).await?;
    }
    Ok(())
}

/// The app, if `actor` owns its organisation; errors as `authorize_org`.
pub async fn authorize_app_owner(tx: &mut Tx, actor: &Actor, id: &AppId) -> Result<AppRow> {
    let app = authorize_app(tx, actor, Access::Read, id).await?;
    owner_of(tx, actor, &app).await?;
    Ok(app)
}

/// The deleted app, if `actor` owns its organisation; errors as
/// `authorize_org`.
pub async fn authorize_deleted_app(tx: &mut Tx, actor: &Actor, id: &AppId) -> Result<DeletedApp> {
    let deleted = db::apps::find_deleted(tx, id).await?.ok_or_else(Error::not_found)?;
    authorize_org(tx, actor, Role::Owner, &deleted.app.org_id).await?;
    Ok(deleted)
}

/// A collaborator who is no member can see the app, so the answer is 403.
async fn owner_of(tx: &mut Tx, actor: &Actor, app: &AppRow) -> Result<()> {
    match authorize_org(tx, actor, Role::Owner, &app.org_id).await {
        Err(Error::NotFound(_)) => {
            Err(Error::Forbidden("Only owners of the organisation may do this"))
        }
        other => other.map(drop),
    }
}

/// The app, if `actor` may do `need` with it.
///
/// # Errors
/// `NotFound` for an app that does not exist or is not theirs to see,
/// `Forbidden` for a write with read access (api.md 1.5).
pub async fn authorize_app(tx: &mut Tx, actor: &Actor, need: Access, id: &AppId) -> Result<AppRow> {
    let app = db::apps::find(tx, id).await?.ok_or_else(Error::not_found)?;
    let row = rows::find_access(tx, id, &actor.user_id).await?;
    check(actor, strongest(actor, &row), need)?;
    Ok(app)
}

/// `authorize_app` for reading, without a query where nothing has changed.
pub async fn recall_app(db: &Db, actor: &Actor, id: &AppId) -> Result<AppRow> {
    let answer = db.recall_app(&actor.user_id, id).await?;
    let (app, row) = answer.ok_or_else(Error::not_found)?;
    check(actor, strongest(actor, &row), Access::Read)?;
    Ok(app)
}

/// The build, if `actor` may do `need` with its app; errors as `authorize_app`.
pub async fn authorize_build(
    tx: &mut Tx,
    actor: &Actor,
    need: Access,
    id: &BuildId,
) -> Result<Build> {
    let SeenBuild { build, app_access, org_role } =
        db::builds::find_seen(tx, id, &actor.user_id).await?.ok_or_else(Error::not_found)?;
    check(actor, strongest(actor, &AccessRow { app_access, org_role }), need)?;
    Ok(build)
}

/// Which agent token this is; `None` if it is unknown or revoked.
pub async fn find_agent_token(tx: &mut Tx, token: &str) -> Result<Option<TokenId>> {
    if !secrets::is_plausible_token(AGENT_PREFIX, token) {
        return Ok(None);
    }
    db::agents::find_token(tx, &secrets::hash_token(token)).await
}

/// Adds a user with an organisation of their own (ORG-2) and a token, shown
/// this once.
///
/// # Errors
/// `Invalid` for an address without `@`, `Conflict` for one that is taken.
pub async fn add_user(
    tx: &mut Tx,
    email: &str,
    name: Option<&str>,
    is_admin: bool,
    now: Millis,
) -> Result<(User, Secret)> {
    let email = normalise_email(email)?;
    let short = email.split('@').next().unwrap_or_default();
    let name = name.unwrap_or(short).to_owned();
    let user =
        User { id: UserId::generate(now), email: email.clone(), name, is_admin, created_at: now };
    match rows::insert_user(tx, &user).await {
        Err(Error::Conflict(_)) => {
            return Err(Error::Conflict(format!("a user with the email {email} exists already")));
        }
        other => other?,
    }
    let org = Organisation { id: OrgId::generate(now), name: user.name.clone(), created_at: now };
    rows::insert_organisation(tx, &org).await?;
    rows::insert_member(tx, &org.id, &user.id, "owner").await?;
    let token = issue_token(tx, &user.id, now).await?;
    Ok((user, token))
}

/// A fresh agent token, shown this once.
pub async fn issue_agent_token(tx: &mut Tx, name: &str, now: Millis) -> Result<Secret> {
    let token = secrets::generate_token(AGENT_PREFIX);
    let hash = secrets::hash_token(token.expose());
    db::agents::insert_token(tx, &TokenId::generate(now), name, &hash, now).await?;
    Ok(token)
}

/// The user with this address.
///
/// # Errors
/// `NotFound`, with the command that adds one.
pub async fn find_user(tx: &mut Tx, email: &str) -> Result<User> {
    let email = normalise_email(email)?;
    rows::find_user_by_email(tx, &email).await?.ok_or_else(|| {
        Error::NotFound(format!(
            "no user has the email {email}; add one with: shipmate admin user add --email {email}"
        ))
    })
}

/// Longest name of a person, in characters.
const MAX_NAME: usize = 200;

/// # Errors
/// `Invalid`, naming the parameter `name`.
fn check_name(name: &str) -> Result<&str> {
    let name = name.trim();
    let fits = name.chars().count() <= MAX_NAME && !name.chars().any(char::is_control);
    if fits { Ok(name) } else { Err(Error::invalid_parameter("name")) }
}

/// Changes what others see of somebody.
///
/// # Errors
/// `Invalid`, naming the parameter `name`.
pub async fn rename(tx: &mut Tx, user: &User, name: &str) -> Result<()> {
    let name = check_name(name)?;
    if name.is_empty() {
        return Err(Error::invalid_parameter("name"));
    }
    rows::set_profile(tx, &user.id, &user.email, name).await
}

/// The address as it is kept and compared.
fn normalise_email(email: &str) -> Result<String> {
    let parsed: Result<Email, _> = email.parse();
    parsed
        .map(|email| email.key().to_owned())
        .map_err(|_| Error::Invalid(format!("\"{}\" is not an email address", email.trim())))
}
