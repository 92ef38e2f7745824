//! Addresses that a build's answer points at: the commit's web page and the
//! signed downloads.

use crate::api::v1::wire::{Link, Links};
use crate::app::App;
use crate::builds::artifacts;
use crate::distribution::links::install_url;
use crate::error::{Error, Result};
use crate::model::app::Platform;
use crate::model::artifact::{Artifact, Download};
use crate::model::build::Build;
use crate::model::ids::{ArtifactId, BuildId};

/// What a finished build offers, as it was written when the build ended.
pub fn downloads_of(build: &Build) -> Result<Vec<Download>> {
    if build.downloads == "[]" {
        return Ok(Vec::new());
    }
    serde_json::from_str(&build.downloads).map_err(|e| Error::internal("reading downloads", e))
}

/// The `links` of a build, signed now. `install` is empty while the build is
/// disabled (api.md 2.1); one page installs all of a build.
pub fn sign<'a>(app: &App, build: &Build, downloads: &'a [Download]) -> Links<'a> {
    let link = |download: &'a Download| Link {
        name: &download.name,
        url: download_url(app, &build.id, &download.artifact_id, is_for_ios(download)),
    };
    let page = |download: &'a Download| Link {
        name: &download.name,
        url: install_url(app, download.platform.unwrap_or(Platform::Android), &build.id, None),
    };
    let first = downloads.iter().find(|download| download.installable && !build.disabled);
    Links {
        download: downloads.iter().map(link).collect(),
        install: first.map(page).into_iter().collect(),
    }
}

fn is_for_ios(download: &Download) -> bool {
    download.platform == Some(Platform::Ios) || is_ipa(&download.name)
}

/// The signed download of one artifact.
pub fn artifact_url(app: &App, artifact: &Artifact) -> String {
    download_url(app, &artifact.build_id, &artifact.id, is_ipa(&artifact.name))
}

fn is_ipa(name: &str) -> bool {
    name.to_lowercase().ends_with(".ipa")
}

/// Both paths serve every file; clients know them by these names.
fn download_url(app: &App, build: &BuildId, artifact: &ArtifactId, ipa: bool) -> String {
    let origin = &app.settings.dashboard_url;
    let kind = if ipa { "ipa" } else { "apk" };
    let key = artifacts::sign_link(app, artifact);
    format!("{origin}/api/download/download-{kind}?buildID={build}&key={key}")
}
