//! The server half of `protocol.rs`: agent tokens only. Parses, finds the
//! agent, calls one use case of `builds/`. Never trusts a path, a size or a
//! status from the wire.

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::routing::{get, post, put};
use serde::de::DeserializeOwned;

use crate::accounts;
use crate::app::App;
use crate::error::Error;
use crate::http::auth::bearer_token;
use crate::http::body;
use crate::http::error::Fault;
use crate::http::params::last_value;
use crate::model::ids::TokenId;
use crate::protocol::MAX_JSON_BODY;

mod assignment;
mod claim;
mod report;
mod secure_files;
mod upload;

/// The routes below `/agent/v1`.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/agent/v1/hello", post(claim::hello))
        .route("/agent/v1/examination", post(claim::examination))
        .route("/agent/v1/claim", post(claim::claim))
        .route("/agent/v1/builds/{id}/heartbeat", post(claim::heartbeat))
        .route("/agent/v1/builds/{id}/release", post(claim::release))
        .route("/agent/v1/builds/{id}/commit", post(report::commit))
        .route("/agent/v1/builds/{id}/log", put(upload::log))
        .route("/agent/v1/builds/{id}/tests", post(report::tests))
        .route("/agent/v1/builds/{id}/coverage", post(report::coverage))
        .route("/agent/v1/builds/{id}/sources", put(upload::sources))
        .route("/agent/v1/builds/{id}/artifacts/{upload}", put(upload::artifact))
        .route("/agent/v1/builds/{id}/packages/{artifact}", put(report::package))
        .route("/agent/v1/builds/{id}/secure-files/{name}", get(secure_files::download))
        .route("/agent/v1/builds/{id}/finish", post(report::finish))
        .layer(DefaultBodyLimit::disable())
}

/// The token of the calling agent.
struct Agent(TokenId);

impl FromRequestParts<Arc<App>> for Agent {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Fault> {
        let token = bearer_token(&parts.headers)?;
        let mut tx = app.db.read().await?;
        let found = accounts::find_agent_token(&mut tx, token.expose()).await?;
        found.map(Self).ok_or(Fault::InvalidToken)
    }
}

/// A JSON body of the protocol.
struct Message<T>(T);

impl<T: DeserializeOwned> FromRequest<Arc<App>> for Message<T> {
    type Rejection = Fault;

    async fn from_request(request: Request, _: &Arc<App>) -> Result<Self, Fault> {
        let (parts, body) = request.into_parts();
        let bytes = body::read(&parts.headers, body, MAX_JSON_BODY).await?;
        serde_json::from_slice(&bytes)
            .map(Self)
            .map_err(|cause| Error::Invalid(format!("body: {cause}")).into())
    }
}

/// The query of an upload.
struct Query(String);

impl FromRequestParts<Arc<App>> for Query {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> Result<Self, Fault> {
        Ok(Self(parts.uri.query().unwrap_or_default().to_owned()))
    }
}

impl Query {
    fn text(&self, name: &str) -> Result<String, Error> {
        last_value(&self.0, name)
            .map(|value| value.into_owned())
            .ok_or_else(|| Error::invalid_parameter(name))
    }

    fn parse<T: std::str::FromStr>(&self, name: &str) -> Result<T, Error> {
        self.text(name)?.parse().map_err(|_| Error::invalid_parameter(name))
    }
}
