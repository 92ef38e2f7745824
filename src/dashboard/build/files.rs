//! Artifacts of a build: files with sizes and digests, and what is known of
//! the app packages among them.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use crate::app::App;
use crate::builds::{artifacts, packages};
use crate::dashboard::build::{Head, Tab, load};
use crate::dashboard::page::{self, PageFault, Shell};
use crate::dashboard::place::Places;
use crate::dashboard::session::Visit;
use crate::dashboard::words;
use crate::db;
use crate::distribution::{deploy, links};
use crate::model::app::Platform;
use crate::model::artifact::Artifact;
use crate::model::ids::{AppId, ArtifactId, BuildId};
use crate::model::package::{Package, PackageFacts};

/// Devices of a profile on the page.
const MAX_DEVICES: usize = 200;

#[derive(Template)]
#[template(path = "build/artifacts.html")]
struct Page {
    shell: Shell,
    head: Head,
    files: Vec<File>,
    /// Where testers install the build, if anything of it can be installed.
    install: Option<String>,
    total: String,
}

struct File {
    name: String,
    path: String,
    /// Signed; serves ranges.
    url: String,
    size: String,
    sha256: String,
    kind: &'static str,
    package: Option<Shown>,
}

/// What was read in a package.
struct Shown {
    icon: Option<String>,
    title: String,
    error: Option<String>,
    facts: Vec<(&'static str, String)>,
    devices: Vec<String>,
    more_devices: usize,
    permissions: Vec<String>,
}

pub(super) async fn show(
    State(app): State<Arc<App>>,
    visit: Visit,
    Places(app_id, id): Places<AppId, BuildId>,
) -> Result<Response, PageFault> {
    let mut tx = app.db.read().await?;
    let loaded = load(&app, &mut tx, &visit, (&app_id, &id), Tab::Artifacts).await?;
    let files = db::artifacts::list(&mut tx, &id).await?;
    let known = db::packages::list(&mut tx, &id).await?;
    drop(tx);
    let build = &loaded.build;
    let offered = deploy::installable(build)?;
    let platform = offered.first().map(|download| download.platform.unwrap_or(Platform::Android));
    let install = platform
        .filter(|_| !build.disabled)
        .map(|platform| links::install_url(&app, platform, &id, None));
    let total: i64 = files.iter().map(|file| file.bytes).sum();
    page::ok(&Page {
        shell: visit.shell(),
        files: files.iter().map(|file| shown(&app, file, &known)).collect(),
        install,
        total: words::size(total),
        head: loaded.head,
    })
}

fn shown(app: &App, file: &Artifact, known: &[Package]) -> File {
    let package = known.iter().find(|package| package.artifact_id == file.id);
    File {
        url: artifact_url(app, &file.build_id, &file.id, &file.name),
        name: file.name.clone(),
        path: file.path.clone(),
        size: words::size(file.bytes),
        sha256: file.sha256.clone(),
        kind: file.kind.as_str(),
        package: package.map(|package| facts_of(app, package)),
    }
}

fn artifact_url(app: &App, build: &BuildId, file: &ArtifactId, name: &str) -> String {
    let key = artifacts::sign_link(app, file);
    let kind = if name.to_lowercase().ends_with(".ipa") { "ipa" } else { "apk" };
    format!("/api/download/download-{kind}?buildID={build}&key={key}")
}

fn facts_of(app: &App, package: &Package) -> Shown {
    let icon = package.icon_key.as_ref();
    let icon =
        icon.map(|_| format!("/api/icons/{}", packages::icon_link(app, &package.artifact_id)));
    let facts = package.facts.as_ref();
    let devices = facts
        .and_then(|facts| facts.signing.profile.as_ref())
        .map_or(&[][..], |profile| &profile.devices);
    Shown {
        icon,
        title: facts.map_or("", |facts| &facts.name).to_owned(),
        error: package.error.clone(),
        facts: facts.map(rows).unwrap_or_default(),
        devices: devices.iter().take(MAX_DEVICES).cloned().collect(),
        more_devices: devices.len().saturating_sub(MAX_DEVICES),
        permissions: facts.map(|facts| facts.permissions.clone()).unwrap_or_default(),
    }
}

fn rows(facts: &PackageFacts) -> Vec<(&'static str, String)> {
    let signing = &facts.signing;
    let (certificate, profile) = (signing.certificate.as_ref(), signing.profile.as_ref());
    let mut rows = vec![
        ("Identifier", facts.identifier.clone()),
        ("Version", facts.version()),
        ("Format", facts.format.to_string()),
        ("Minimum OS", facts.min_os.clone()),
        ("Target OS", facts.target_os.clone()),
        ("Runs in", if facts.simulator { "the simulator only".into() } else { String::new() }),
        ("Signatures", signing.schemes.join(", ")),
        ("Certificate", certificate.map(|one| one.subject.clone()).unwrap_or_default()),
        (
            "Certificate expires",
            certificate.and_then(|one| one.expires_at).map(words::moment).unwrap_or_default(),
        ),
        ("Profile", profile.map(|one| one.name.clone()).unwrap_or_default()),
        (
            "Profile kind",
            profile.map(|one| one.kind.as_str().replace('_', " ")).unwrap_or_default(),
        ),
        ("Team", profile.map(|one| one.team.clone()).unwrap_or_default()),
        (
            "Profile expires",
            profile.and_then(|one| one.expires_at).map(words::moment).unwrap_or_default(),
        ),
    ];
    rows.retain(|(_, value)| !value.is_empty());
    rows
}
