//! The files of a build: the list, and the download behind signed links.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::response::Response;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::accounts::authorize_build;
use crate::api::caller::caller;
use crate::api::v1::links;
use crate::api::v1::packages::Package;
use crate::api::v1::wire;
use crate::app::App;
use crate::builds::artifacts::{self, Opened};
use crate::db;
use crate::distribution::progress;
use crate::error::{Error, Result};
use crate::http::error::Fault;
use crate::http::extract::PathId;
use crate::http::params::Params;
use crate::http::range::{Slice, slice};
use crate::http::reply;
use crate::model::account::{Access, Actor};
use crate::model::artifact::Artifact;
use crate::model::ids::BuildId;

/// What RFC 5987 allows unescaped in a file name.
const FILE_NAME: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_');

/// List the files that a build has left behind.
#[utoipa::path(
    get, path = "/v1/builds/{build_id}/artifacts", tag = "Results", operation_id = "list_artifacts",
    params(("build_id" = String, Path, description = "Id of the build.")),
    responses(
        (status = 200, description = "Files by kind and path.", body = [wire::Artifact]),
        (status = 401, description = "No valid token.", body = wire::Error),
        (status = 404, description = "Unknown build.", body = wire::Error),
    )
)]
pub async fn list(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathId(id): PathId<BuildId>,
    _: Params,
) -> Result<Response, Fault> {
    let mut tx = app.db.read().await?;
    authorize_build(&mut tx, &actor, Access::Read, &id).await?;
    let found = db::artifacts::list(&mut tx, &id).await?;
    let packages = db::packages::list(&mut tx, &id).await?;
    drop(tx);
    let shown: Vec<_> = found
        .iter()
        .map(|artifact| {
            let package = packages.iter().find(|package| package.artifact_id == artifact.id);
            let package = package.map(|package| Package::of(&app, package));
            wire::Artifact::of(artifact, links::artifact_url(&app, artifact), package)
        })
        .collect();
    Ok(reply::ok(&shown)?)
}

/// One file, for whoever holds a signed key or may see the build (api.md 6).
/// Without a key: the first file that the build offers.
pub async fn download(
    State(app): State<Arc<App>>,
    method: Method,
    headers: HeaderMap,
    params: Params,
) -> Result<Response, Fault> {
    let build: BuildId = params.opt("buildID")?.ok_or_else(Error::not_found)?;
    let artifact = match params.opt_str("key")? {
        Some(key) => {
            let Opened { artifact, bearer } = artifacts::open_link(&app, &build, &key).await?;
            if let Some(bearer) = bearer {
                progress::hand_out(&app, &build, &bearer, method == Method::GET).await?;
            }
            artifact
        }
        None => first_download(&app, &headers, &build).await?,
    };
    Ok(send(&app, &headers, &artifact).await?)
}

async fn first_download(app: &App, headers: &HeaderMap, id: &BuildId) -> Result<Artifact, Fault> {
    let actor = caller(app, headers).await?;
    let mut tx = app.db.read().await?;
    let build = authorize_build(&mut tx, &actor, Access::Read, id).await?;
    let offered = links::downloads_of(&build)?;
    let first = offered.first().ok_or_else(Error::not_found)?;
    Ok(db::artifacts::find(&mut tx, &first.artifact_id).await?.ok_or_else(Error::not_found)?)
}

async fn send(app: &App, headers: &HeaderMap, artifact: &Artifact) -> Result<Response> {
    let etag = format!("\"{}\"", artifact.sha256);
    let (start, len, head) = match slice(headers, artifact.bytes.unsigned_abs(), &etag) {
        Slice::Send { start, len, head } => (start, len, head),
        Slice::Refuse(response) => return Ok(response),
    };
    let body = app.blobs.read(&artifact.blob_key, start..start + len).await?;
    let mut response = head
        .header(header::CONTENT_TYPE, media_type(&artifact.name))
        .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
        .body(Body::from_stream(body))
        .map_err(|cause| Error::internal("sending a file", cause))?;
    response.headers_mut().insert(header::CONTENT_DISPOSITION, disposition(&artifact.name)?);
    Ok(response)
}

/// Android offers to install what has its packages' own type.
fn media_type(name: &str) -> &'static str {
    if name.to_lowercase().ends_with(".apk") {
        "application/vnd.android.package-archive"
    } else {
        "application/octet-stream"
    }
}

/// `attachment` with the name in both forms of RFC 6266.
fn disposition(name: &str) -> Result<HeaderValue> {
    let plain: String = name
        .chars()
        .map(|c| if c.is_ascii_graphic() && !matches!(c, '"' | '\\' | '%') { c } else { '_' })
        .collect();
    let encoded = utf8_percent_encode(name, FILE_NAME);
    HeaderValue::try_from(format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}"))
        .map_err(|cause| Error::internal("naming a download", cause))
}
