//! The secure files of a build (SEC-3), for the agent that holds it.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::Response;

use crate::app::App;
use crate::apps::secure_files;
use crate::builds::{Holder, held, origin_of};
use crate::db;
use crate::error::Error;
use crate::http::error::Fault;
use crate::http::extract::PathIds;
use crate::model::ids::BuildId;

use super::{Agent, Query};

pub async fn download(
    State(app): State<Arc<App>>,
    Agent(token): Agent,
    PathIds(build, name): PathIds<BuildId, String>,
    query: Query,
) -> Result<Response, Fault> {
    let holder = Holder { token: &token, build: &build, attempt: query.parse("attempt")? };
    let mut tx = app.db.read().await?;
    let build = held(&mut tx, holder).await?;
    // Not 404, which tells an agent that its build is gone.
    let missing = || Error::Invalid(format!("name: no secure file {name:?} for this build"));
    if !origin_of(&build)?.may_see_secrets() {
        return Err(missing().into());
    }
    let row = db::apps::find(&mut tx, &build.app_id)
        .await?
        .ok_or_else(|| Error::bug("sending a secure file", "its app is deleted"))?;
    let files = secure_files::of_app(&mut tx, &row).await?;
    drop(tx);
    let file = files.into_iter().find(|file| file.name == name).ok_or_else(missing)?;
    let body = Body::from_stream(secure_files::read(&app, &file).await?);
    let response = Response::builder()
        .header(header::CONTENT_TYPE, "application/octet-stream")
        .header(header::CONTENT_LENGTH, file.bytes)
        .header(header::CACHE_CONTROL, "no-store")
        .body(body)
        .map_err(|cause| Error::internal("sending a secure file", cause))?;
    Ok(response)
}
