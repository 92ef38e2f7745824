//! Install pages (DEP-9): what a device installs, the iOS manifest behind the
//! install button, icons, and reports of what does not install. Open to whoever
//! holds a signed link.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use axum::routing::{get, post};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::app::App;
use crate::builds::artifacts;
use crate::dashboard::enrolment;
use crate::dashboard::page::{self, PageFault, Shell};
use crate::dashboard::qr;
use crate::dashboard::tester::{self, notice};
use crate::db;
use crate::distribution::install::{self, Offer, Offered, Refusal};
use crate::distribution::links::{self, Pass};
use crate::distribution::preflight::{self, Case, Finding, System, Visitor, Weight};
use crate::distribution::{progress, shown_platform};
use crate::error::{Error, Result};
use crate::http::extract::PathId;
use crate::http::params::Params;
use crate::http::reply;
use crate::model::app::Platform;
use crate::model::distribution::{Device, Recipient};
use crate::model::ids::{AppId, ArtifactId, BuildId};

/// Icons are small; a larger one is a mistake.
const MAX_ICON_BYTES: u64 = 4 << 20;

#[derive(Template)]
#[template(path = "install.html")]
struct InstallPage<'a> {
    shell: Shell,
    app_name: &'a str,
    platform: &'static str,
    number: i64,
    source: &'a str,
    packages: Vec<Package<'a>>,
    notes: &'a str,
    commit: &'a str,
    author: &'a str,
    /// Whose link it is.
    tester: Option<&'a str>,
    /// The link is somebody's, so that a failed install can be reported.
    reports: bool,
    key: &'a str,
    /// Drawn for who looks from a computer.
    qr: Option<String>,
    /// Registered devices of whose link it is.
    devices: Vec<Known>,
    /// Where the visiting device can register.
    registration: Option<String>,
}

struct Known {
    name: String,
    udid: String,
    since: String,
    /// The one that looks.
    here: bool,
}

struct Package<'a> {
    name: &'a str,
    version: String,
    identifier: &'a str,
    min_os: String,
    size: String,
    icon_url: Option<String>,
    findings: Vec<Note>,
    blocked: bool,
    install_url: String,
    download_url: String,
}

/// A finding of the pre-flight as a note.
struct Note {
    tone: &'static str,
    text: String,
}

impl Note {
    fn of(finding: Finding) -> Self {
        let tone = match finding.weight {
            Weight::Blocks => "bad",
            Weight::Warns => "",
            Weight::Fits => "good",
        };
        Self { tone, text: finding.text }
    }
}

/// Who looks at an install page.
struct Look<'a> {
    visitor: Visitor,
    device: Option<&'a str>,
    devices: Vec<Device>,
}

#[derive(Template)]
#[template(path = "manifest.xml", escape = "html")]
struct Manifest<'a> {
    package_url: String,
    icon_url: Option<String>,
    identifier: &'a str,
    version: &'a str,
    title: &'a str,
}

/// The pages of testers.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/download/{platform}", get(show))
        .route("/download/manifest", get(manifest))
        .route("/download/icon", get(icon))
        .route("/download/failed", post(failed))
        .route("/download/profile", get(enrolment::profile))
        .route("/download/device", post(enrolment::answer))
        .route("/download/registered", get(enrolment::registered))
        .route("/download/devices/remove", post(enrolment::remove))
        .route("/download/identity", get(tester::identity))
        .route("/reset", get(tester::reset))
        .route("/unsubscribe", get(tester::unsubscribe).post(tester::unsubscribe))
}

/// `/download/ios?buildID=&key=`, `/download/android?..`, and
/// `/download/:platform?appID=&branch=&scheme=&key=` for the newest success of
/// a branch (api.md 6).
pub async fn show(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    PathId(platform): PathId<Platform>,
    params: Params,
) -> Result<Response, PageFault> {
    let Some(mut pass) = admit(&app, &params).await? else { return closed() };
    let mut tx = app.db.write().await?;
    let offer = match install::offer(&mut tx, &pass.build).await? {
        Ok(offer) if offer.app.platform == platform => offer,
        Ok(_) => return Err(Error::not_found().into()),
        Err(refusal) => return refused(refusal),
    };
    let recipient = who(&app, &mut tx, &mut pass, &headers).await?;
    if let Some(recipient) = &recipient {
        progress::opened(&app, &mut tx, &recipient.id).await?;
    }
    let devices = match &recipient {
        Some(recipient) => db::devices::list_of(&mut tx, &recipient.email).await?,
        None => Vec::new(),
    };
    tx.commit().await?;
    let key = links::sign(&app, &pass);
    let visitor = Visitor::of(enrolment::agent(&headers));
    let device = tester::remembered_device(&app, &headers);
    let look = Look { visitor, device, devices };
    let wants = offer
        .packages
        .iter()
        .any(|one| preflight::wants_registration(&case(&app, &offer, one, &look)));
    let registration =
        (wants && recipient.is_some()).then(|| format!("/download/profile?key={key}"));
    let mut response = page::ok(&InstallPage {
        shell: Shell::public(),
        app_name: &offer.app.name,
        platform: shown_platform(platform),
        number: offer.build.number,
        source: &offer.build.branch,
        packages: {
            let shown = |one| package(&app, &offer, one, (&pass, &look));
            offer.packages.iter().map(shown).collect()
        },
        notes: &offer.notes,
        commit: offer.build.commit_sha.get(..10).unwrap_or_default(),
        author: &offer.build.commit_author,
        tester: recipient.as_ref().map(|recipient| recipient.address.as_str()),
        reports: recipient.is_some(),
        key: &key,
        qr: match look.visitor.system {
            System::Other => Some(code(&app, platform, &pass)?),
            System::Ios | System::Android => None,
        },
        devices: known(&look),
        registration,
    })?;
    if let Some(recipient) = &recipient {
        tester::remember(&app, &mut response, &recipient.address)?;
    }
    Ok(response)
}

/// What the link opens; `None` if it opens nothing.
async fn admit(app: &App, params: &Params) -> Result<Option<Pass>> {
    let Some(key) = params.opt_str("key")? else { return Ok(None) };
    if let Some(build) = params.opt::<BuildId>("buildID")? {
        return Ok(links::open(app, &key).filter(|pass| pass.build == build));
    }
    let Some(id) = params.opt::<AppId>("appID")? else { return Ok(None) };
    if !links::opens_branches(app, &id, &key) {
        return Ok(None);
    }
    let (branch, scheme) = (params.opt_str("branch")?, params.opt_str("scheme")?);
    let mut tx = app.db.read().await?;
    let newest = install::newest_of(&mut tx, &id, branch.as_deref(), scheme.as_deref()).await?;
    let build =
        newest.ok_or_else(|| Error::NotFound("No build of this branch can be installed".into()))?;
    Ok(Some(Pass { build, recipient: None }))
}

/// Whose link it is, or whose device, if the build was sent to them.
async fn who(
    app: &App,
    tx: &mut db::Tx,
    pass: &mut Pass,
    headers: &HeaderMap,
) -> Result<Option<Recipient>> {
    if let Some(id) = &pass.recipient {
        return db::deployments::find_recipient(tx, id).await;
    }
    let Some(email) = tester::remembered(app, headers) else { return Ok(None) };
    let found = db::deployments::find_recipient_of(tx, &pass.build, &email.to_lowercase()).await?;
    pass.recipient = found.as_ref().map(|recipient| recipient.id.clone());
    Ok(found)
}

/// The page's own address, to be opened on a phone.
fn code(app: &App, platform: Platform, pass: &Pass) -> Result<String> {
    let url = links::install_url(app, platform, &pass.build, pass.recipient.as_ref());
    qr::svg(&url, "QR code of this page, for a phone’s camera")
}

fn known(look: &Look<'_>) -> Vec<Known> {
    let one = |device: &Device| Known {
        name: preflight::name(device),
        here: look.device == Some(device.udid.as_str()),
        udid: device.udid.clone(),
        since: device.registered_at.to_iso()[..10].to_owned(),
    };
    look.devices.iter().map(one).collect()
}

fn case<'a>(app: &App, offer: &Offer, one: &'a Offered, look: &'a Look<'_>) -> Case<'a> {
    Case {
        platform: offer.app.platform,
        facts: one.facts.as_ref(),
        https: app.settings.dashboard_url.starts_with("https://"),
        visitor: &look.visitor,
        device: look.device,
        devices: &look.devices,
        now: app.clock.now(),
    }
}

fn package<'a>(
    app: &App,
    offer: &Offer,
    one: &'a Offered,
    (pass, look): (&Pass, &Look<'_>),
) -> Package<'a> {
    let findings = preflight::check(&case(app, offer, one, look));
    let facts = one.facts.as_ref();
    let platform = offer.app.platform;
    let download_url = package_url(app, platform, one, pass);
    let install_url = match platform {
        Platform::Android => download_url.clone(),
        Platform::Ios => {
            let manifest = links::manifest_url(app, pass, &one.artifact.id);
            let manifest = utf8_percent_encode(&manifest, NON_ALPHANUMERIC);
            format!("itms-services://?action=download-manifest&url={manifest}")
        }
    };
    let min_os = facts.map(|f| f.min_os.as_str()).filter(|min_os| !min_os.is_empty());
    Package {
        name: &one.name,
        version: facts.map(|f| f.version()).unwrap_or_default(),
        identifier: facts.map(|f| f.identifier.as_str()).unwrap_or_default(),
        min_os: min_os
            .map(|min_os| match platform {
                Platform::Ios => format!("iOS {min_os}"),
                Platform::Android => format!("Android API level {min_os}"),
            })
            .unwrap_or_default(),
        size: format!("{:.1} MB", one.artifact.bytes as f64 / 1e6),
        icon_url: one.icon_key.as_ref().map(|_| links::icon_url(app, pass, &one.artifact.id)),
        blocked: findings.iter().any(|finding| finding.weight == Weight::Blocks),
        findings: findings.into_iter().map(Note::of).collect(),
        install_url,
        download_url,
    }
}

/// The file itself, by a link that knows whose it is.
fn package_url(app: &App, platform: Platform, one: &Offered, pass: &Pass) -> String {
    let origin = &app.settings.dashboard_url;
    let kind = match platform {
        Platform::Ios => "ipa",
        Platform::Android => "apk",
    };
    let bearer = pass.recipient.as_ref().map_or(progress::ANYBODY, |id| id.as_str());
    let key = artifacts::sign_link_for(app, &one.artifact.id, bearer);
    format!("{origin}/api/download/download-{kind}?buildID={}&key={key}", pass.build)
}

/// What iOS reads after the install button was pressed.
pub async fn manifest(State(app): State<Arc<App>>, params: Params) -> Result<Response, PageFault> {
    let (pass, offer, at) = asked_package(&app, &params).await?;
    let one = &offer.packages[at];
    let facts = one.facts.as_ref().ok_or_else(Error::not_found)?;
    if install::obstacle(&app, Platform::Ios, one).is_some() {
        return Err(Error::not_found().into());
    }
    let manifest = Manifest {
        package_url: package_url(&app, Platform::Ios, one, &pass),
        icon_url: one.icon_key.as_ref().map(|_| links::icon_url(&app, &pass, &one.artifact.id)),
        identifier: &facts.identifier,
        version: &facts.version_name,
        title: &offer.app.name,
    };
    let text = manifest.render().map_err(|cause| Error::internal("writing a manifest", cause))?;
    let media_type = HeaderValue::from_static("application/xml; charset=utf-8");
    let mut response = reply::with_type(StatusCode::OK, media_type, text.into());
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

pub async fn icon(State(app): State<Arc<App>>, params: Params) -> Result<Response, PageFault> {
    let (_, offer, at) = asked_package(&app, &params).await?;
    let key = offer.packages[at].icon_key.as_deref().ok_or_else(Error::not_found)?;
    let body = app.blobs.read(key, 0..MAX_ICON_BYTES).await?;
    let media_type = HeaderValue::from_static("image/png");
    let mut response = reply::with_type(StatusCode::OK, media_type, Body::from_stream(body));
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, max-age=3600"));
    Ok(response)
}

/// The package that a signed link names: its build, and its place there.
async fn asked_package(app: &App, params: &Params) -> Result<(Pass, Offer, usize)> {
    let key = params.opt_str("key")?.ok_or_else(Error::not_found)?;
    let pass = links::open(app, &key).ok_or_else(Error::not_found)?;
    let id: ArtifactId = params.opt("artifact")?.ok_or_else(Error::not_found)?;
    let mut tx = app.db.read().await?;
    let offer = install::offer(&mut tx, &pass.build).await?.map_err(|_| Error::not_found())?;
    let at = offer.packages.iter().position(|one| one.artifact.id == id);
    Ok((pass, offer, at.ok_or_else(Error::not_found)?))
}

/// A tester says that the build does not install (DEP-15).
pub async fn failed(State(app): State<Arc<App>>, params: Params) -> Result<Response, PageFault> {
    let key = params.opt_str("key")?.unwrap_or_default();
    let Some(recipient) = links::open(&app, &key).and_then(|pass| pass.recipient) else {
        return closed();
    };
    let said = params.opt_str("text")?.unwrap_or_default();
    let mut tx = app.db.write().await?;
    progress::failed(&app, &mut tx, &recipient, &said).await?;
    tx.commit().await?;
    let text = "The team sees it beside your address in the history of the build.";
    notice(StatusCode::OK, "Thank you", text, None)
}

/// For a link that is forged, expired, or torn off.
pub(super) fn closed() -> Result<Response, PageFault> {
    let text = "It may have expired, or a part of it was lost. Open it again from the mail, or ask \
        the team for a new one.";
    notice(StatusCode::FORBIDDEN, "This link does not work", text, None)
}

fn refused(refusal: Refusal) -> Result<Response, PageFault> {
    match refusal {
        Refusal::Disabled => {
            let text = "The team has withdrawn it. Ask them for another one.";
            notice(StatusCode::GONE, "This build was disabled", text, None)
        }
        Refusal::Nothing => {
            let text = "It has not succeeded, or left no app that a device can install.";
            notice(StatusCode::NOT_FOUND, "Nothing to install", text, None)
        }
    }
}
