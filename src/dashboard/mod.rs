//! The pages that people look at: one file per page, templates in `web/`. A door
//! like `api`: parses, authorises, calls one use case, shows a page. Pages work
//! without scripts; scripts only add live updates.

use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderMap, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};

use crate::app::App;
use crate::error::Error;

mod access_token;
mod account;
mod apps;
mod assets;
mod badge;
mod bars;
mod build;
mod builds;
mod connected;
mod connections;
mod defaults;
mod deliveries;
mod devices;
mod enrolment;
mod entry;
mod forms;
mod frame;
mod groups;
mod install;
mod new_app;
mod notice;
mod operations;
mod organisations;
mod page;
mod pick;
mod place;
mod public;
mod qr;
mod reports;
mod session;
mod settings;
mod sign_in;
mod ssh;
mod sso;
mod status;
mod tester;
mod trends;
mod two_factor;
mod words;

/// Every page.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/", get(start))
        .route("/assets/{file}", get(assets::serve))
        .route("/favicon.ico", get(assets::mark))
        .route("/sign-in", get(sign_in::form).post(sign_in::by_password))
        .route("/sign-in/token", post(sign_in::by_token))
        .route("/sign-in/code", post(sign_in::by_code))
        .route("/sign-in/link", get(entry::link).post(entry::use_link))
        .route("/sign-out", post(sign_in::sign_out))
        .route("/first-run", get(entry::first_run).post(entry::become_owner))
        .route("/invitation", get(entry::invitation).post(entry::accept))
        .route("/forgot-password", get(entry::forgot).post(entry::send_reset))
        .route("/reset-password", get(entry::reset).post(entry::set_password))
        .route("/apps", get(apps::list))
        .route("/apps/{app_id}", get(builds::list))
        .route("/apps/{app_id}/builds", post(builds::start))
        .route("/apps/{app_id}/pins", post(builds::pin))
        .route("/apps/{app_id}/build/latest", get(public::latest))
        .route("/apps/{app_id}/build/{build_id}", get(public::build_for_anybody))
        .route("/api/statusImage", get(public::badge))
        .route("/public/apps/{app_id}/build/latest", get(public::latest_public))
        .route("/public/apps/{app_id}/build/{build_id}", get(public::build))
        .route("/account/github-migration", get(notice::github_migration))
        .route("/connect/jira/{app_id}/callback", get(notice::jira))
        .route("/signup", get(notice::sign_up))
        .merge(account::routes())
        .merge(new_app::routes())
        .merge(pick::routes())
        .merge(connected::routes())
        .merge(settings::routes())
        .merge(organisations::routes())
        .merge(defaults::routes())
        .merge(connections::routes())
        .merge(access_token::routes())
        .merge(two_factor::routes())
        .merge(ssh::routes())
        .merge(sso::routes())
        .route("/status", get(status::show))
        .route("/status.json", get(status::json))
        .route("/apps/{app_id}/deliveries", get(deliveries::list))
        .route("/apps/{app_id}/deliveries/{delivery_id}", get(deliveries::show))
        .route("/apps/{app_id}/deliveries/{delivery_id}/payload", get(deliveries::payload))
        .route("/apps/{app_id}/deliveries/{delivery_id}/again", post(deliveries::again))
        .merge(install::routes())
        .route("/apps/{app_id}/devices", get(devices::list))
        .route("/apps/{app_id}/devices.txt", get(devices::export))
        .merge(groups::routes())
        .merge(build::routes())
        .merge(reports::routes())
        .merge(trends::routes())
        .merge(operations::routes())
        .route("/{*path}", any(nowhere))
}

/// What nobody else answers: a page for people, the API's error for the rest.
async fn nowhere(uri: Uri, headers: HeaderMap) -> Response {
    let is_machine = ["/v1/", "/api/", "/agent/"].iter().any(|of| uri.path().starts_with(of));
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    if is_machine || !accept.is_some_and(|of| of.contains("text/html")) {
        return Error::not_found().into_response();
    }
    page::PageFault::from(Error::not_found()).into_response()
}

async fn start(_: session::Visit) -> Result<Response, page::PageFault> {
    page::redirect("/apps")
}
