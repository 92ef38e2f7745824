//! Version 1 of the API (api.md): parses, authorises, calls one use case and
//! shapes JSON. Reads may go to the database; writes only through the product.

use std::sync::Arc;

use axum::Router;
use axum::routing::{delete, get, post, put};

use crate::app::App;

pub mod apps;
pub mod audit;
pub mod builds;
pub mod ccmenu;
pub mod collaborators;
mod conventions;
pub mod crash_groups;
pub mod crashes;
pub mod deployments;
pub mod docs;
pub mod feedback;
pub mod files;
pub mod groups;
pub mod links;
pub mod log;
pub mod manage;
pub mod media;
pub mod openapi;
pub mod organisations;
mod owner;
pub mod packages;
pub mod providers;
pub mod results;
pub mod schedules;
pub mod secure_files;
pub mod server;
pub mod settings;
pub mod ssh_key;
pub mod statuses;
pub mod tokens;
pub mod variables;
pub mod webhooks;
pub mod wire;

/// Every route of `/v1`, in both spellings where clients use both, and the
/// downloads that its answers point at.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/v1/apps", get(apps::list).post(manage::add))
        .route("/v1/apps/{app_id}", get(manage::show).put(manage::change).delete(manage::remove))
        .route("/v1/apps/{app_id}/restore", post(manage::restore))
        .route("/v1/apps/{app_id}/move", post(manage::move_to))
        .route(
            "/v1/apps/{app_id}/collaborators",
            get(collaborators::list).put(collaborators::set).delete(collaborators::remove),
        )
        .route("/v1/apps/{app_id}/branches", get(apps::branches))
        .route("/v1/apps/{app_id}/builds", get(builds::list).post(builds::trigger))
        .route("/v1/apps/{app_id}/build", post(builds::trigger))
        .route("/v1/apps/{app_id}/builds/latest", get(builds::latest))
        .route("/v1/apps/{app_id}/build/latest", get(builds::latest))
        .route("/v1/builds/{build_id}", get(builds::show))
        .route("/v1/builds/{build_id}/cancel", post(builds::cancel))
        .route("/v1/builds/{build_id}/rebuild", post(builds::rebuild))
        .route("/v1/builds/{build_id}/tests", get(results::tests))
        .route("/v1/builds/{build_id}/coverage", get(results::coverage))
        .route("/v1/builds/{build_id}/logs", get(log::read))
        .route(
            "/v1/apps/{app_id}/provider",
            get(statuses::show_provider)
                .put(statuses::set_provider)
                .delete(statuses::remove_provider),
        )
        .route("/v1/builds/{build_id}/statuses", get(statuses::list))
        .route("/v1/builds/{build_id}/artifacts", get(files::list))
        .route("/v1/organisations", get(organisations::list).post(organisations::add))
        .route("/v1/organisations/{organisation_id}", put(organisations::rename))
        .route(
            "/v1/organisations/{organisation_id}/members",
            get(organisations::members)
                .put(organisations::set_member)
                .delete(organisations::remove_member),
        )
        .merge(provider_routes())
        .route("/v1/audit", get(audit::list))
        .route("/v1/tokens", get(tokens::list).post(tokens::add))
        .route("/v1/tokens/personal/rotate", post(tokens::rotate_personal))
        .route("/v1/tokens/{token_id}", delete(tokens::revoke))
        .merge(distribution())
        .merge(secrets())
        .route("/v1/ccmenu", get(ccmenu::show))
        .route("/v1/ip-ranges", get(server::ip_ranges))
        .route("/api/icons/{link}", get(packages::icon))
        .route("/api/download/download-ipa", get(files::download))
        .route("/api/download/download-apk", get(files::download))
        .merge(feedback_routes())
}

/// Accounts of organisations at providers.
fn provider_routes() -> Router<Arc<App>> {
    let of_org = "/v1/organisations/{organisation_id}/providers";
    let one = format!("{of_org}/{{connection_id}}");
    Router::new()
        .route(of_org, get(providers::list).post(providers::add))
        .route(&one, delete(providers::remove))
        .route(&format!("{one}/token"), put(providers::replace_token))
        .route(&format!("{one}/test"), post(providers::test))
        .route(&format!("{one}/repositories"), get(providers::repositories))
}

/// Variables, secure files, SSH keys.
fn secrets() -> Router<Arc<App>> {
    Router::new()
        .route("/v1/apps/{app_id}/variables", get(variables::list_of_app))
        .route(
            "/v1/apps/{app_id}/variables/{name}",
            put(variables::set_of_app).delete(variables::remove_of_app),
        )
        .route("/v1/organisations/{organisation_id}/variables", get(variables::list_of_org))
        .route(
            "/v1/organisations/{organisation_id}/variables/{name}",
            put(variables::set_of_org).delete(variables::remove_of_org),
        )
        .route("/v1/apps/{app_id}/secure-files", get(secure_files::list_of_app))
        .route(
            "/v1/apps/{app_id}/secure-files/{name}",
            put(secure_files::put_of_app).delete(secure_files::remove_of_app),
        )
        .route("/v1/organisations/{organisation_id}/secure-files", get(secure_files::list_of_org))
        .route(
            "/v1/organisations/{organisation_id}/secure-files/{name}",
            put(secure_files::put_of_org).delete(secure_files::remove_of_org),
        )
        .route("/v1/organisations/{organisation_id}/ssh-key", get(ssh_key::show))
        .route("/v1/organisations/{organisation_id}/ssh-key/rotate", post(ssh_key::rotate))
        .route("/v1/organisations/{organisation_id}/ssh-hosts", get(ssh_key::hosts))
        .route(
            "/v1/organisations/{organisation_id}/ssh-hosts/{host}",
            put(ssh_key::set_host).delete(ssh_key::forget_host),
        )
        .route("/v1/apps/{app_id}/settings", get(settings::show).put(settings::put))
        .route("/v1/apps/{app_id}/settings/resolved", get(settings::resolved))
        .route(
            "/v1/apps/{app_id}/settings/overrides",
            get(settings::list_overrides)
                .put(settings::put_override)
                .delete(settings::delete_override),
        )
        .route("/v1/builds/{build_id}/settings", get(settings::of_build))
        .route(
            "/v1/organisations/{organisation_id}/settings",
            get(settings::organisation::show).put(settings::organisation::put),
        )
        .route(
            "/v1/organisations/{organisation_id}/settings/apply",
            post(settings::organisation::apply),
        )
        .route("/v1/apps/{app_id}/schedules", get(schedules::list).post(schedules::add))
        .route(
            "/v1/apps/{app_id}/schedules/{schedule_id}",
            put(schedules::change).delete(schedules::delete),
        )
        .merge(triggers())
}

/// What testers and crashed apps have sent. A known export tool uses the
/// singular paths.
fn feedback_routes() -> Router<Arc<App>> {
    let mut routes = Router::new()
        .route("/v1/apps/{app_id}/crash-groups", get(crash_groups::list))
        .route(
            "/v1/apps/{app_id}/crash-groups/{group_id}",
            get(crash_groups::show).put(crash_groups::set_state),
        )
        .route("/media/{token}/{name}", get(media::read));
    for name in ["feedback", "feedbacks"] {
        let path = format!("/v1/apps/{{app_id}}/{name}");
        routes = routes
            .route(&path, get(feedback::list))
            .route(&format!("{path}/{{id}}"), get(feedback::show).put(feedback::set_state))
            .route(&format!("{path}/{{id}}/logs"), get(feedback::logs));
    }
    for name in ["crash-report", "crash-reports"] {
        let path = format!("/v1/apps/{{app_id}}/{name}");
        routes = routes
            .route(&path, get(crashes::list))
            .route(&format!("{path}/{{id}}"), get(crashes::show))
            .route(&format!("{path}/{{id}}/logs"), get(crashes::logs));
    }
    routes
}

/// What starts builds by itself: webhooks and pull requests.
fn triggers() -> Router<Arc<App>> {
    Router::new()
        .route(
            "/v1/apps/{app_id}/webhook",
            get(webhooks::show)
                .post(providers::make_webhook)
                .put(webhooks::set_secret)
                .delete(webhooks::clear_secret),
        )
        .route("/v1/apps/{app_id}/deliveries", get(webhooks::list))
        .route("/v1/apps/{app_id}/deliveries/{delivery_id}", get(webhooks::show_delivery))
        .route("/v1/apps/{app_id}/deliveries/{delivery_id}/redeliver", post(webhooks::redeliver))
        .route("/v1/apps/{app_id}/pull-requests", get(webhooks::list_pulls))
        .route("/v1/apps/{app_id}/pull-requests/{number}/build", post(webhooks::build_pull))
}

/// Groups, testers and deployments (api.md 3, rows 10 to 13). One spelling of
/// `deploy` lost its `/apps` in the reference, so it is read both ways.
fn distribution() -> Router<Arc<App>> {
    let mut router = Router::new()
        .route(
            "/v1/builds/{build_id}/deployments",
            get(deployments::list).post(deployments::create),
        )
        .route("/v1/apps/{app_id}/install-link", get(deployments::install_link))
        .route("/v1/builds/{build_id}/disabled", put(deployments::set_disabled));
    for spelling in ["deployment-groups", "deployment-group"] {
        let of_app = format!("/v1/apps/{{app_id}}/{spelling}");
        router = router
            .route(&of_app, get(groups::list).post(groups::create))
            .route(&format!("{of_app}/{{group_id}}"), put(groups::change).delete(groups::delete))
            .route(
                &format!("{of_app}/{{group_id}}/testers"),
                put(groups::add_testers).delete(groups::remove_testers),
            )
            .route(&format!("{of_app}/{{group_id}}/deploy"), post(groups::deploy))
            .route(&format!("{of_app}/{{group_id}}/restore"), post(groups::restore::restore))
            .route(&format!("/v1/{{app_id}}/{spelling}/{{group_id}}/deploy"), post(groups::deploy))
            .route(&format!("/v1/{spelling}/{{group_id}}/deploy"), post(groups::deploy_by_group));
    }
    router
}

#[cfg(test)]
mod tests;
