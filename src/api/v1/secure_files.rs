//! Secure files of organisations and apps (SEC-3): put, listed, removed, and
//! never given out again but to the agents of their builds.

use std::sync::Arc;

use axum::body::{Body, HttpBody};
use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use utoipa::{OpenApi, ToSchema};

use crate::accounts::audit;
use crate::accounts::{authorize_app, authorize_org};
use crate::api::v1::owner::Owner;
use crate::api::v1::variables::VariableSource;
use crate::api::v1::wire;
use crate::app::App;
use crate::apps::secure_files as product;
use crate::db::secure_files::StoredFile;
use crate::error::{Error, Result};
use crate::http::error::Fault;
use crate::http::extract::{PathId, PathIds};
use crate::http::params::Params;
use crate::http::reply;
use crate::model::account::{Access, Actor, Role};
use crate::model::ids::{AppId, OrgId};
use crate::protocol::MAX_SECURE_FILE_BYTES;

#[derive(OpenApi)]
#[openapi(
    paths(list_of_app, put_of_app, remove_of_app, list_of_org, put_of_org, remove_of_org),
    components(schemas(SecureFileInfo)),
    tags((name = "Secure files", description = "Files that builds get and nobody else."))
)]
pub struct Description;

/// A secure file.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SecureFile)]
pub struct SecureFileInfo {
    pub name: String,
    pub bytes: i64,
    /// `app` or `organisation`.
    pub source: VariableSource,
    #[schema(format = DateTime)]
    pub created_at: String,
}

impl SecureFileInfo {
    fn of(file: &StoredFile, org: &OrgId) -> Self {
        let is_of_org = file.owner_id == org.as_str();
        Self {
            name: file.name.clone(),
            bytes: file.bytes,
            source: if is_of_org { VariableSource::Organisation } else { VariableSource::App },
            created_at: file.created_at.to_iso(),
        }
    }
}

/// A body that announces too much is refused before it is read.
fn check_length(body: &Body) -> Result<(), Fault> {
    if body.size_hint().lower() > MAX_SECURE_FILE_BYTES {
        return Err(Fault::BodyTooLarge);
    }
    Ok(())
}

async fn put(
    app: &App,
    actor: &Actor,
    owner: &Owner,
    name: &str,
    body: Body,
) -> Result<Response, Fault> {
    let mut tx = app.db.read().await?;
    owner.authorize(&mut tx, actor).await?;
    drop(tx);
    check_length(&body)?;
    let file = product::store(app, owner.id(), name, body.into_data_stream())
        .await?
        .ok_or(Fault::BodyTooLarge)?;
    let recorded = async {
        let mut tx = app.db.write().await?;
        // The upload took its time: asked again.
        let owned = owner.authorize(&mut tx, actor).await?;
        let old = product::record(&mut tx, &file).await?;
        let change = owned.change("secure_file.put", name);
        audit::record(&mut tx, actor, change, app.clock.now()).await?;
        tx.commit().await?;
        Ok::<_, Error>(old)
    };
    match recorded.await {
        Ok(Some(old)) => product::discard(app, &old).await,
        Ok(None) => {}
        Err(error) => {
            product::discard(app, &file.blob_key).await;
            return Err(Fault::from(error));
        }
    }
    Ok(reply::no_content())
}

async fn remove(app: &App, actor: &Actor, owner: &Owner, name: &str) -> Result<Response, Fault> {
    let mut tx = app.db.write().await?;
    let owned = owner.authorize(&mut tx, actor).await?;
    let blob = product::remove(&mut tx, owner.id(), name).await?;
    let change = owned.change("secure_file.remove", name);
    audit::record(&mut tx, actor, change, app.clock.now()).await?;
    tx.commit().await?;
    product::discard(app, &blob).await;
    Ok(reply::no_content())
}

/// List the secure files that builds of an app get.
#[utoipa::path(
    get, path = "/v1/apps/{app_id}/secure-files", tag = "Secure files",
    operation_id = "list_app_secure_files",
    params(("app_id" = String, Path, description = "Id of the app.")),
    responses(
        (status = 200, description = "What builds of the app get, by name.", body = [SecureFileInfo]),
        (status = 401, description = "No valid token.", body = wire::Error),
        (status = 404, description = "Unknown app.", body = wire::Error),
    )
)]
pub async fn list_of_app(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathId(id): PathId<AppId>,
    _: Params,
) -> Result<Response, Fault> {
    let mut tx = app.db.read().await?;
    let row = authorize_app(&mut tx, &actor, Access::Read, &id).await?;
    let found = product::of_app(&mut tx, &row).await?;
    drop(tx);
    let shown: Vec<_> = found.iter().map(|file| SecureFileInfo::of(file, &row.org_id)).collect();
    Ok(reply::ok(&shown)?)
}

/// Store a secure file of an app: the body is the file, at most 50 MiB. One
/// of the same name is replaced.
#[utoipa::path(
    put, path = "/v1/apps/{app_id}/secure-files/{name}", tag = "Secure files",
    operation_id = "put_app_secure_file",
    params(
        ("app_id" = String, Path, description = "Id of the app."),
        ("name" = String, Path, description = "The file's name, without folders."),
    ),
    request_body(content_type = "application/octet-stream"),
    responses(
        (status = 204, description = "Stored."),
        (status = 400, description = "No plain file name, or one file too many.",
            body = wire::Error),
        (status = 401, description = "No valid token.", body = wire::Error),
        (status = 403, description = "Read-only access.", body = wire::Error),
        (status = 404, description = "Unknown app.", body = wire::Error),
        (status = 413, description = "The file is too large.", body = wire::Error),
    )
)]
pub async fn put_of_app(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathIds(id, name): PathIds<AppId, String>,
    body: Body,
) -> Result<Response, Fault> {
    put(&app, &actor, &Owner::App(id), &name, body).await
}

/// Remove a secure file of an app.
#[utoipa::path(
    delete, path = "/v1/apps/{app_id}/secure-files/{name}", tag = "Secure files",
    operation_id = "remove_app_secure_file",
    params(
        ("app_id" = String, Path, description = "Id of the app."),
        ("name" = String, Path, description = "Name of the file."),
    ),
    responses(
        (status = 204, description = "Removed."),
        (status = 400, description = "Malformed body.", body = wire::Error),
        (status = 401, description = "No valid token.", body = wire::Error),
        (status = 403, description = "Read-only access.", body = wire::Error),
        (status = 404, description = "Unknown app or file.", body = wire::Error),
        (status = 413, description = "The body is too large.", body = wire::Error),
    )
)]
pub async fn remove_of_app(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathIds(id, name): PathIds<AppId, String>,
    _: Params,
) -> Result<Response, Fault> {
    remove(&app, &actor, &Owner::App(id), &name).await
}

/// List the secure files of an organisation, which builds of all of its apps get.
#[utoipa::path(
    get, path = "/v1/organisations/{organisation_id}/secure-files", tag = "Secure files",
    operation_id = "list_organisation_secure_files",
    params(("organisation_id" = String, Path, description = "Id of the organisation.")),
    responses(
        (status = 200, description = "By name.", body = [SecureFileInfo]),
        (status = 401, description = "No valid token.", body = wire::Error),
        (status = 404, description = "Unknown organisation.", body = wire::Error),
    )
)]
pub async fn list_of_org(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathId(id): PathId<OrgId>,
    _: Params,
) -> Result<Response, Fault> {
    let mut tx = app.db.read().await?;
    authorize_org(&mut tx, &actor, Role::Read, &id).await?;
    let found = product::list(&mut tx, id.as_str()).await?;
    drop(tx);
    let shown: Vec<_> = found.iter().map(|file| SecureFileInfo::of(file, &id)).collect();
    Ok(reply::ok(&shown)?)
}

/// Store a secure file of an organisation: the body is the file, at most 50 MiB. One
/// of the same name is replaced.
#[utoipa::path(
    put, path = "/v1/organisations/{organisation_id}/secure-files/{name}", tag = "Secure files",
    operation_id = "put_organisation_secure_file",
    params(
        ("organisation_id" = String, Path, description = "Id of the organisation."),
        ("name" = String, Path, description = "The file's name, without folders."),
    ),
    request_body(content_type = "application/octet-stream"),
    responses(
        (status = 204, description = "Stored."),
        (status = 400, description = "No plain file name, or one file too many.",
            body = wire::Error),
        (status = 401, description = "No valid token.", body = wire::Error),
        (status = 403, description = "You do not own the organisation.", body = wire::Error),
        (status = 404, description = "Unknown organisation.", body = wire::Error),
        (status = 413, description = "The file is too large.", body = wire::Error),
    )
)]
pub async fn put_of_org(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathIds(id, name): PathIds<OrgId, String>,
    body: Body,
) -> Result<Response, Fault> {
    put(&app, &actor, &Owner::Organisation(id), &name, body).await
}

/// Remove a secure file of an organisation.
#[utoipa::path(
    delete, path = "/v1/organisations/{organisation_id}/secure-files/{name}", tag = "Secure files",
    operation_id = "remove_organisation_secure_file",
    params(
        ("organisation_id" = String, Path, description = "Id of the organisation."),
        ("name" = String, Path, description = "Name of the file."),
    ),
    responses(
        (status = 204, description = "Removed."),
        (status = 400, description = "Malformed body.", body = wire::Error),
        (status = 401, description = "No valid token.", body = wire::Error),
        (status = 403, description = "You do not own the organisation.", body = wire::Error),
        (status = 404, description = "Unknown organisation or file.", body = wire::Error),
        (status = 413, description = "The body is too large.", body = wire::Error),
    )
)]
pub async fn remove_of_org(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathIds(id, name): PathIds<OrgId, String>,
    _: Params,
) -> Result<Response, Fault> {
    remove(&app, &actor, &Owner::Organisation(id), &name).await
}
