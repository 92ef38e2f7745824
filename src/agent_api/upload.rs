//! What an agent sends as bytes: log chunks and artifacts.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;

use crate::app::App;
use crate::builds::artifacts::{self, Upload};
use crate::builds::{Holder, logs, sources as source_files};
use crate::error::Error;
use crate::http::body;
use crate::http::error::Fault;
use crate::http::extract::{PathId, PathIds};
use crate::http::reply;
use crate::model::artifact::ArtifactKind;
use crate::model::ids::BuildId;
use crate::protocol::{MAX_CHUNK_BODY, UploadReply};

use super::{Agent, Query};

pub async fn log(
    State(app): State<Arc<App>>,
    Agent(token): Agent,
    PathId(build): PathId<BuildId>,
    query: Query,
    request: Request,
) -> Result<Response, Fault> {
    let holder = Holder { token: &token, build: &build, attempt: query.parse("attempt")? };
    let seq: i64 = query.parse("seq")?;
    if seq < 0 {
        return Err(Error::invalid_parameter("seq").into());
    }
    let (parts, body) = request.into_parts();
    let bytes = body::read(&parts.headers, body, MAX_CHUNK_BODY).await?;
    Ok(reply::ok(&logs::append(&app, holder, seq, bytes).await?)?)
}

pub async fn sources(
    State(app): State<Arc<App>>,
    Agent(token): Agent,
    PathId(build): PathId<BuildId>,
    query: Query,
    body: Body,
) -> Result<Response, Fault> {
    let holder = Holder { token: &token, build: &build, attempt: query.parse("attempt")? };
    let bytes = query.parse("bytes")?;
    source_files::store(&app, holder, bytes, body.into_data_stream()).await?;
    Ok(reply::no_content())
}

pub async fn artifact(
    State(app): State<Arc<App>>,
    Agent(token): Agent,
    PathIds(build, id): PathIds<BuildId, String>,
    query: Query,
    body: Body,
) -> Result<Response, Fault> {
    let holder = Holder { token: &token, build: &build, attempt: query.parse("attempt")? };
    let kind = ArtifactKind::try_from(query.text("kind")?)
        .map_err(|_| Error::invalid_parameter("kind"))?;
    let (path, sha256) = (query.text("path")?, query.text("sha256")?);
    let upload =
        Upload { id: &id, kind, path: &path, bytes: query.parse("bytes")?, sha256: &sha256 };
    let artifact_id = artifacts::store(&app, holder, &upload, body.into_data_stream()).await?;
    Ok(reply::ok(&UploadReply { artifact_id })?)
}
