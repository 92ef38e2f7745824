//! What SDKs inside installed apps send, on the dashboard's origin and without
//! tokens (api.md 6.1). Turns their bodies into the words of `feedback` and
//! `distribution`; anybody can call it, so everything is bounded: the body, all
//! bodies together, and how often one device may call.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, Request};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use axum::routing::post;
use axum::{Extension, Router};

use crate::app::App;
use crate::error::{Error, Result};
use crate::feedback;
use crate::http::error::{Fault, message};
use crate::http::reply;
use crate::model::build::Build;
use crate::model::ids::{AppId, BuildId};

mod android;
mod body;
mod events;
mod fields;
mod ios;
mod limiter;
mod tester;

use body::{Body, Budget};
use limiter::Limiter;

/// The routes, with the meters that they share.
pub fn routes(reports_per_minute: u32) -> Router<Arc<App>> {
    let door =
        Arc::new(Door { budget: Budget::default(), limiter: Limiter::new(reports_per_minute) });
    Router::new()
        .route("/api/sdk/open-event", post(events::opened))
        .route("/api/sdk/check-version/{platform}", post(events::check_version))
        .route("/api/feedback", post(tester::feedback))
        .route("/api/feedback/crashreportAndroid", post(android::crash))
        .route("/api/feedback/crashreport", post(ios::crash))
        .layer(Extension(door))
}

/// The meters of this door.
struct Door {
    budget: Budget,
    limiter: Limiter,
}

/// Who calls about what.
struct Caller<'a> {
    source: IpAddr,
    /// Ids as they were sent.
    app_id: &'a str,
    build_id: &'a str,
    /// Whatever tells one device from another; may be empty.
    device: &'a str,
}

/// What becomes of a report.
enum Admission {
    /// Store it.
    Accepted(Box<Build>),
    /// The build is disabled (DEP-12), or this device calls too often.
    Answered(Response),
}

impl Door {
    /// The whole body and the address it came from.
    async fn read(&self, request: Request) -> Result<(Body, IpAddr), Fault> {
        let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
        let source = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0.ip());
        Ok((self.budget.read(request).await?, source))
    }

    /// Whether a report is kept.
    ///
    /// # Errors
    /// `NotFound` unless the app exists and has the build.
    async fn admit(&self, app: &App, caller: &Caller<'_>) -> Result<Admission> {
        Ok(match self.find(app, caller).await? {
            Ok(build) if build.disabled => Admission::Answered(reply::no_content()),
            Ok(build) => Admission::Accepted(Box::new(build)),
            Err(refusal) => Admission::Answered(refusal),
        })
    }

    /// The build that a call is about, or the refusal of one call too many.
    ///
    /// # Errors
    /// As `admit`.
    async fn find(
        &self,
        app: &App,
        caller: &Caller<'_>,
    ) -> Result<std::result::Result<Build, Response>> {
        let Caller { source, app_id, build_id, device } = *caller;
        if let Err(seconds) = self.limiter.admit(source, app_id, device, app.clock.now()) {
            return Ok(Err(too_many(seconds)));
        }
        let app_id: AppId = app_id.parse().map_err(|_| Error::not_found())?;
        let build_id: BuildId = build_id.parse().map_err(|_| Error::not_found())?;
        feedback::find_build(app, &app_id, &build_id).await.map(Ok)
    }
}

fn too_many(seconds: u64) -> Response {
    let mut response = message(StatusCode::TOO_MANY_REQUESTS, "Too many reports from this device");
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    response
}
