//! Endpoint 18: what this installation says about itself.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;

use crate::api::v1::wire;
use crate::app::App;
use crate::http::error::Fault;
use crate::http::params::Params;
use crate::http::reply;
use crate::model::account::Actor;

/// List the addresses that builds come from, as CIDR blocks.
#[utoipa::path(
    get, path = "/v1/ip-ranges", tag = "Server", operation_id = "ip_ranges",
    responses(
        (status = 200, description = "As configured; empty unless configured.", body = [String]),
        (status = 401, description = "No valid token.", body = wire::Error),
    )
)]
pub async fn ip_ranges(
    State(app): State<Arc<App>>,
    _: Actor,
    _: Params,
) -> Result<Response, Fault> {
    Ok(reply::ok(&app.settings.ip_ranges)?)
}
