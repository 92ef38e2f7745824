//! The OpenAPI document of the v1 API, generated from the wire structs and the
//! handlers. `docs/openapi.json` is its committed copy, kept by a test.

use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

use crate::api::v1::{
    apps, audit, builds, ccmenu, collaborators, conventions, crashes, deployments, feedback, files,
    groups, log, manage, organisations, packages, providers, results, schedules, secure_files,
    server, settings, ssh_key, statuses, tokens, variables, webhooks, wire,
};
use crate::error::{Error, Result};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Shipmate API",
        version = "1",
        description = "Apps, builds, tests, coverage and artifacts of this server. \
            Bodies are JSON or urlencoded forms in UTF-8; parameters of a write call are looked \
            up in the body first, then in the query. An empty value equals an absent one. \
            Lists that are paged announce the next page in a `Link` header with `rel=\"next\"`. \
            Every response carries an `X-Request-Id`.",
        license(name = "Apache-2.0 OR MIT", identifier = "Apache-2.0 OR MIT"),
    ),
    servers((url = "/", description = "this server")),
    paths(
        apps::list,
        apps::branches,
        builds::list,
        builds::latest,
        builds::trigger,
        builds::show,
        builds::cancel,
        builds::rebuild,
        results::tests,
        results::coverage,
        log::read,
        files::list,
        server::ip_ranges,
    ),
    components(schemas(
        wire::App,
        wire::Artifact,
        wire::Branch,
        wire::Build,
        wire::CommitInfo,
        wire::Coverage,
        wire::CoverageFile,
        wire::CoverageFunction,
        wire::CoverageTarget,
        wire::Error,
        wire::Kind,
        packages::Certificate,
        packages::Package,
        packages::Profile,
        wire::Link,
        wire::Links,
        wire::Platform,
        wire::PullRequestTarget,
        wire::Status,
        wire::Test,
        wire::TestResults,
        wire::TestStatus,
        wire::TestSummary,
        wire::Triggered,
    )),
    tags(
        (name = "Apps", description = "Apps and their branches."),
        (name = "Builds", description = "Start, watch and cancel builds."),
        (name = "Results", description = "What a build has left: tests, coverage, log, files."),
        (name = "Server", description = "About this installation."),
    ),
    security(("token" = [])),
    modifiers(&BearerToken),
)]
struct Document;

struct BearerToken;

impl Modify for BearerToken {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("The personal access token of a user."))
            .build();
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(scheme));
    }
}

/// Each topic describes its own calls; they stand here in the order of the
/// page at `/docs`.
pub fn document() -> utoipa::openapi::OpenApi {
    let mut document = Document::openapi();
    let topics = [
        manage::Description::openapi(),
        collaborators::Description::openapi(),
        organisations::Description::openapi(),
        providers::Description::openapi(),
        audit::Description::openapi(),
        statuses::Description::openapi(),
        settings::Description::openapi(),
        settings::organisation::Description::openapi(),
        schedules::Description::openapi(),
        tokens::Description::openapi(),
        groups::Description::openapi(),
        deployments::Description::openapi(),
        variables::Description::openapi(),
        secure_files::Description::openapi(),
        ssh_key::Description::openapi(),
        ccmenu::Description::openapi(),
        feedback::Description::openapi(),
        crashes::Description::openapi(),
        webhooks::Description::openapi(),
    ];
    for topic in topics {
        document.merge(topic);
    }
    conventions::note(&mut document);
    document
}

/// The document as `docs/openapi.json` keeps it: indented, ending in a newline.
pub fn to_json(document: &utoipa::openapi::OpenApi) -> Result<String> {
    let mut text = document
        .to_pretty_json()
        .map_err(|e| Error::internal("writing the OpenAPI document", e))?;
    text.push('\n');
    Ok(text)
}
