//! `/api/sdk`: an app was opened on a device, and asks whether there is a newer
//! build for its tester (SDK-4, SDK-6).

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Request, State};
use axum::response::Response;
use serde::Deserialize;
use serde_json::json;

use crate::app::App;
use crate::distribution::progress;
use crate::error::{Error, Result};
use crate::http::error::Fault;
use crate::http::extract::PathId;
use crate::http::reply;
use crate::model::app::Platform;
use crate::model::build::Build;

use super::{Caller, Door, fields};

#[derive(Debug, Deserialize)]
struct Sent {
    app_id: Option<String>,
    build_id: Option<String>,
    email: Option<String>,
}

/// What a call is about: a build, and its tester if the SDK knows one.
type About = (Build, Option<String>);

/// The app was opened.
pub(super) async fn opened(
    State(app): State<Arc<App>>,
    Extension(door): Extension<Arc<Door>>,
    request: Request,
) -> Result<Response, Fault> {
    let (build, email) = match about(&app, &door, request).await? {
        Ok(about) => about,
        Err(refusal) => return Ok(refusal),
    };
    if let (false, Some(email)) = (build.disabled, email) {
        let mut tx = app.db.write().await?;
        progress::launched(&app, &mut tx, &build, &email).await?;
        tx.commit().await?;
    }
    Ok(reply::no_content())
}

/// Is there a newer build? `{"url": "<install page>"}`, empty if there is none.
/// Also for a disabled build: its testers need another one all the more.
pub(super) async fn check_version(
    State(app): State<Arc<App>>,
    Extension(door): Extension<Arc<Door>>,
    PathId(_): PathId<Platform>,
    request: Request,
) -> Result<Response, Fault> {
    let (build, email) = match about(&app, &door, request).await? {
        Ok(about) => about,
        Err(refusal) => return Ok(refusal),
    };
    let url = match email {
        None => None,
        Some(email) => {
            let mut tx = app.db.read().await?;
            progress::newer_for(&app, &mut tx, &build, &email).await?
        }
    };
    Ok(reply::ok(&json!({ "url": url.unwrap_or_default() }))?)
}

async fn about(
    app: &App,
    door: &Door,
    request: Request,
) -> Result<std::result::Result<About, Response>, Fault> {
    let (body, source) = door.read(request).await?;
    let sent: Sent = fields::parse(&body.bytes)?;
    // Longer than any address: nobody's, and no key for the rows.
    let email = sent.email.filter(|email| email.contains('@') && email.len() <= 254);
    if email.as_deref().is_some_and(|email| email.contains('\0')) {
        return Err(Error::invalid_parameter("email").into());
    }
    let caller = Caller {
        source,
        app_id: fields::required(sent.app_id.as_ref(), "app_id")?,
        build_id: fields::required(sent.build_id.as_ref(), "build_id")?,
        device: email.as_deref().unwrap_or_default(),
    };
    Ok(match door.find(app, &caller).await? {
        Ok(build) => Ok((build, email)),
        Err(refusal) => Err(refusal),
    })
}
