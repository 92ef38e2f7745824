//! Pictures and videos of feedback and crashes, for whoever has the exact URL:
//! a known export tool sends no token and names its file after the last `/`
//! (api.md 4.14). Device logs are only reached through their items.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::Response;

use crate::app::App;
use crate::db;
use crate::error::{Error, Result};
use crate::http::error::Fault;
use crate::http::extract::PathIds;
use crate::http::params::Params;
use crate::http::range::{Slice, slice};
use crate::http::reply;
use crate::model::feedback::Media;

/// The public URL of `<token>/<name>`.
pub(super) fn url(app: &App, path: Option<&str>) -> Option<String> {
    path.map(|path| format!("{}/media/{path}", app.settings.public_url))
}

/// One file. The token in its path is what authorises.
pub async fn read(
    State(app): State<Arc<App>>,
    PathIds(token, name): PathIds<String, String>,
    headers: HeaderMap,
    _: Params,
) -> Result<Response, Fault> {
    let mut tx = app.db.read().await?;
    let media = db::media::find_public(&mut tx, &token).await?;
    drop(tx);
    let media = media.filter(|media| media.name == name).ok_or_else(Error::not_found)?;
    Ok(send(&app, &headers, &media).await?)
}

async fn send(app: &App, headers: &HeaderMap, media: &Media) -> Result<Response> {
    let etag = format!("\"{}\"", media.sha256);
    let (start, len, head) = match slice(headers, media.bytes.unsigned_abs(), &etag) {
        Slice::Send { start, len, head } => (start, len, head),
        Slice::Refuse(response) => return Ok(response),
    };
    let body = app.blobs.read(&media.blob_key, start..start + len).await?;
    head.header(header::CONTENT_TYPE, &media.media_type)
        .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
        // What came from a device is shown, never run.
        .header(header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox")
        .header(header::CACHE_CONTROL, "private, max-age=31536000, immutable")
        .header(header::REFERRER_POLICY, "no-referrer")
        .body(Body::from_stream(body))
        .map_err(|cause| Error::internal("sending media", cause))
}

/// A device log as text.
pub(super) async fn log(app: &App, media: &Media) -> Result<Response> {
    let body = app.blobs.read(&media.blob_key, 0..media.bytes.unsigned_abs()).await?;
    let mut response = reply::text(Body::from_stream(body));
    response.headers_mut().insert(header::CONTENT_LENGTH, media.bytes.into());
    let nosniff = axum::http::HeaderValue::from_static("nosniff");
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
    Ok(response)
}
