//! The SSH key pair of an organisation and the hosts it trusts (APP-4).

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};

use crate::accounts::audit::{self, Change};
use crate::accounts::authorize_org;
use crate::api::v1::wire;
use crate::app::App;
use crate::apps::ssh_keys::{self as product, KnownHost};
use crate::db::ssh::StoredKey;
use crate::http::error::Fault;
use crate::http::extract::{PathId, PathIds};
use crate::http::json::Json;
use crate::http::params::Params;
use crate::http::reply;
use crate::model::account::{Actor, Role};
use crate::model::ids::OrgId;
use crate::secrets::openssh::fingerprint;

#[derive(OpenApi)]
#[openapi(
    paths(show, rotate, hosts, set_host, forget_host),
    components(schemas(SshKeyInfo, SshHostInfo, NewSshHost)),
    tags((name = "SSH", description = "The key that opens your repositories, and their hosts."))
)]
pub struct Description;

/// The public half of a key pair; the private one is never shown.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SshKey)]
pub struct SshKeyInfo {
    /// To be added, for reading, to every repository of the organisation's apps
    /// and to their private submodules.
    pub public_key: String,
    pub fingerprint: String,
    #[schema(format = DateTime)]
    pub created_at: String,
}

impl SshKeyInfo {
    fn of(key: &StoredKey) -> Self {
        let data = key.public_key.split(' ').nth(1).unwrap_or_default();
        Self {
            public_key: key.public_key.clone(),
            fingerprint: fingerprint(data).unwrap_or_default(),
            created_at: key.created_at.to_iso(),
        }
    }
}

/// A host and the keys that it must show.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SshHost)]
pub struct SshHostInfo {
    /// `name:port`.
    pub host: String,
    pub keys: Vec<String>,
    pub fingerprints: Vec<String>,
    /// Built into the server; others were recorded at the first contact or
    /// entered by a person.
    pub pinned: bool,
}

impl SshHostInfo {
    fn of(host: KnownHost) -> Self {
        let fingerprints = host.fingerprints();
        Self { host: host.host, keys: host.keys, fingerprints, pinned: host.is_pinned }
    }
}

/// The keys of a host, checked by you.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSshHost {
    /// `type base64`, as in `known_hosts` or a `.pub` file.
    keys: Vec<String>,
}

/// Show the public key of an organisation; made at the first call.
#[utoipa::path(
    get, path = "/v1/organisations/{organisation_id}/ssh-key", tag = "SSH",
    operation_id = "show_ssh_key",
    params(("organisation_id" = String, Path, description = "Id of the organisation.")),
    responses(
        (status = 200, description = "The public key.", body = SshKeyInfo),
        (status = 401, description = "No valid token.", body = wire::Error),
        (status = 404, description = "Unknown organisation.", body = wire::Error),
    )
)]
pub async fn show(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathId(id): PathId<OrgId>,
    _: Params,
) -> Result<Response, Fault> {
    let mut tx = app.db.write().await?;
    authorize_org(&mut tx, &actor, Role::Read, &id).await?;
    let key = product::ensure(&app, &mut tx, &id).await?;
    tx.commit().await?;
    Ok(reply::ok(&SshKeyInfo::of(&key))?)
}

/// Replace the key pair of an organisation: the old one opens nothing any more.
#[utoipa::path(
    post, path = "/v1/organisations/{organisation_id}/ssh-key/rotate", tag = "SSH",
    operation_id = "rotate_ssh_key",
    params(("organisation_id" = String, Path, description = "Id of the organisation.")),
    responses(
        (status = 201, description = "The new public key.", body = SshKeyInfo),
        (status = 400, description = "Malformed body.", body = wire::Error),
        (status = 401, description = "No valid token.", body = wire::Error),
        (status = 403, description = "You do not own the organisation.", body = wire::Error),
        (status = 404, description = "Unknown organisation.", body = wire::Error),
        (status = 413, description = "The body is too large.", body = wire::Error),
    )
)]
pub async fn rotate(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathId(id): PathId<OrgId>,
    _: Params,
) -> Result<Response, Fault> {
    let mut tx = app.db.write().await?;
    authorize_org(&mut tx, &actor, Role::Owner, &id).await?;
    let key = product::rotate(&app, &mut tx, &id).await?;
    let shown = SshKeyInfo::of(&key);
    let change = Change::of_org(&id, "ssh_key.rotate", &shown.fingerprint);
    audit::record(&mut tx, &actor, change, app.clock.now()).await?;
    tx.commit().await?;
    Ok(reply::created(&shown)?)
}

/// List the SSH hosts that an organisation knows.
#[utoipa::path(
    get, path = "/v1/organisations/{organisation_id}/ssh-hosts", tag = "SSH",
    operation_id = "list_ssh_hosts",
    params(("organisation_id" = String, Path, description = "Id of the organisation.")),
    responses(
        (status = 200, description = "Pinned hosts, then recorded ones by name.",
            body = [SshHostInfo]),
        (status = 401, description = "No valid token.", body = wire::Error),
        (status = 404, description = "Unknown organisation.", body = wire::Error),
    )
)]
pub async fn hosts(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathId(id): PathId<OrgId>,
    _: Params,
) -> Result<Response, Fault> {
    let mut tx = app.db.read().await?;
    authorize_org(&mut tx, &actor, Role::Read, &id).await?;
    let found = product::hosts(&mut tx, &id).await?;
    drop(tx);
    let shown: Vec<_> = found.into_iter().map(SshHostInfo::of).collect();
    Ok(reply::ok(&shown)?)
}

/// Replace the keys that an SSH host must show, for one that has new keys.
#[utoipa::path(
    put, path = "/v1/organisations/{organisation_id}/ssh-hosts/{host}", tag = "SSH",
    operation_id = "set_ssh_host",
    params(
        ("organisation_id" = String, Path, description = "Id of the organisation."),
        ("host" = String, Path, description = "`name` or `name:port`."),
    ),
    request_body = NewSshHost,
    responses(
        (status = 204, description = "Replaced."),
        (status = 400, description = "Malformed, or the keys of this host are built in.",
            body = wire::Error),
        (status = 401, description = "No valid token.", body = wire::Error),
        (status = 403, description = "You do not own the organisation.", body = wire::Error),
        (status = 404, description = "Unknown organisation.", body = wire::Error),
        (status = 413, description = "The body is too large.", body = wire::Error),
    )
)]
pub async fn set_host(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathIds(id, host): PathIds<OrgId, String>,
    Json(given): Json<NewSshHost>,
) -> Result<Response, Fault> {
    let mut tx = app.db.write().await?;
    authorize_org(&mut tx, &actor, Role::Owner, &id).await?;
    product::set_host(&app, &mut tx, &id, &host, &given.keys).await?;
    let change = Change::of_org(&id, "ssh_host.set", &host);
    audit::record(&mut tx, &actor, change, app.clock.now()).await?;
    tx.commit().await?;
    Ok(reply::no_content())
}

/// Forget an SSH host: whatever keys it shows next are recorded.
#[utoipa::path(
    delete, path = "/v1/organisations/{organisation_id}/ssh-hosts/{host}", tag = "SSH",
    operation_id = "forget_ssh_host",
    params(
        ("organisation_id" = String, Path, description = "Id of the organisation."),
        ("host" = String, Path, description = "`name` or `name:port`."),
    ),
    responses(
        (status = 204, description = "Forgotten."),
        (status = 400, description = "Malformed, or the keys of this host are built in.",
            body = wire::Error),
        (status = 401, description = "No valid token.", body = wire::Error),
        (status = 403, description = "You do not own the organisation.", body = wire::Error),
        (status = 404, description = "Unknown organisation or host.", body = wire::Error),
        (status = 413, description = "The body is too large.", body = wire::Error),
    )
)]
pub async fn forget_host(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathIds(id, host): PathIds<OrgId, String>,
    _: Params,
) -> Result<Response, Fault> {
    let mut tx = app.db.write().await?;
    authorize_org(&mut tx, &actor, Role::Owner, &id).await?;
    product::forget_host(&mut tx, &id, &host).await?;
    let change = Change::of_org(&id, "ssh_host.forget", &host);
    audit::record(&mut tx, &actor, change, app.clock.now()).await?;
    tx.commit().await?;
    Ok(reply::no_content())
}
