//! Registering an iOS device (DEP-10): a profile asks the device for its UDID,
//! the device posts the answer, and its browser comes back as that device. The
//! device list of a tester, and taking a device off it.

use std::sync::Arc;

use askama::Template;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;

use crate::accounts::audit::{self, Change};
use crate::app::App;
use crate::dashboard::install::closed;
use crate::dashboard::page::{self, PageFault};
use crate::dashboard::tester;
use crate::db::{self, Tx};
use crate::distribution::devices;
use crate::distribution::links::{self, Pass};
use crate::distribution::preflight::Visitor;
use crate::error::{Error, Result};
use crate::http::body;
use crate::http::params::Params;
use crate::http::reply;
use crate::model::app::App as AppRow;
use crate::model::distribution::Recipient;
use crate::model::ids::{BuildId, RecipientId};
use crate::secrets;

/// Answers have two or three kilobytes.
const MAX_ANSWER: usize = 64 << 10;
const PROFILE: HeaderValue = HeaderValue::from_static("application/x-apple-aspen-config");

#[derive(Template)]
#[template(path = "enrolment.xml", escape = "html")]
struct Profile<'a> {
    url: String,
    challenge: &'a str,
    uuid: String,
    app_name: &'a str,
}

/// The recipient of a link that is somebody's, with the app.
async fn admit(app: &App, tx: &mut Tx, key: &str) -> Result<Option<(Pass, Recipient, AppRow)>> {
    let Some(pass) = links::open(app, key) else { return Ok(None) };
    let Some(id) = &pass.recipient else { return Ok(None) };
    let Some(recipient) = db::deployments::find_recipient(tx, id).await? else { return Ok(None) };
    let row = app_of(tx, &pass.build).await?;
    Ok(Some((pass, recipient, row)))
}

async fn app_of(tx: &mut Tx, build: &BuildId) -> Result<AppRow> {
    let build = db::builds::find(tx, build).await?.ok_or_else(Error::not_found)?;
    db::apps::find(tx, &build.app_id).await?.ok_or_else(Error::not_found)
}

/// `/download/profile?key=`: the profile that asks for the UDID.
pub async fn profile(State(app): State<Arc<App>>, params: Params) -> Result<Response, PageFault> {
    let key = params.opt_str("key")?.unwrap_or_default();
    let mut tx = app.db.read().await?;
    let Some((pass, recipient, row)) = admit(&app, &mut tx, &key).await? else { return closed() };
    drop(tx);
    let challenge = links::challenge(&app, &pass.build, &recipient.id);
    let profile = Profile {
        url: format!("{}/download/device", app.settings.dashboard_url),
        challenge: &challenge,
        uuid: uuid(),
        app_name: &row.name,
    };
    let text = profile.render().map_err(|cause| Error::internal("writing a profile", cause))?;
    let mut response = reply::with_type(StatusCode::OK, PROFILE, text.into());
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let name = HeaderValue::from_static("attachment; filename=\"register.mobileconfig\"");
    headers.insert(header::CONTENT_DISPOSITION, name);
    Ok(response)
}

/// Random, in the form of RFC 9562.
fn uuid() -> String {
    let hex = crate::model::hex::hex(&secrets::random::<16>());
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// `/download/device`: the device's signed answer. It is sent on to its browser,
/// which for a device must be a permanent redirect.
pub async fn answer(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, PageFault> {
    let bytes = body::read(&headers, body, MAX_ANSWER).await?;
    let answer = formats::package::read_device(&bytes)
        .map_err(|fault| Error::Invalid(format!("The answer cannot be read: {fault}")))?;
    let Some((build, recipient)) = links::open_challenge(&app, &answer.challenge) else {
        return closed();
    };
    let mut tx = app.db.write().await?;
    let recipient =
        db::deployments::find_recipient(&mut tx, &recipient).await?.ok_or_else(Error::not_found)?;
    let row = app_of(&mut tx, &build).await?;
    let device = devices::register(&app, &mut tx, &recipient, &answer).await?;
    record(&app, &mut tx, &row, ("device.register", &recipient.address, &device.udid)).await?;
    tx.commit().await?;
    let to = links::registered_url(&app, &build, &recipient.id, &device.udid);
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::MOVED_PERMANENTLY;
    let to = HeaderValue::try_from(to).map_err(|e| Error::internal("redirecting a device", e))?;
    response.headers_mut().insert(header::LOCATION, to);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// `/download/registered?key=`: the browser learns which device it is on, and
/// goes back to the install page.
pub async fn registered(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    params: Params,
) -> Result<Response, PageFault> {
    let key = params.opt_str("key")?.unwrap_or_default();
    let Some((build, recipient, udid)) = links::open_registered(&app, &key) else {
        return closed();
    };
    let mut tx = app.db.write().await?;
    let row = app_of(&mut tx, &build).await?;
    let visitor = Visitor::of(agent(&headers));
    if let Some([major, minor, patch]) = visitor.version {
        devices::seen(&app, &mut tx, &udid, &format!("{major}.{minor}.{patch}")).await?;
    }
    tx.commit().await?;
    back(&app, &row, (&build, &recipient), Some(&udid))
}

/// To the install page; with a UDID, as that device.
fn back(
    app: &App,
    row: &AppRow,
    (build, recipient): (&BuildId, &RecipientId),
    udid: Option<&str>,
) -> Result<Response, PageFault> {
    let to = links::install_url(app, row.platform, build, Some(recipient));
    let mut response = page::redirect(&to)?;
    if let Some(udid) = udid {
        tester::remember_device(app, &mut response, udid)?;
    }
    Ok(response)
}

/// What the browser says of itself; empty if it does not, or not in ASCII.
pub fn agent(headers: &HeaderMap) -> &str {
    let value = headers.get(header::USER_AGENT);
    value.and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// Takes a device off the tester's list.
pub async fn remove(State(app): State<Arc<App>>, params: Params) -> Result<Response, PageFault> {
    let key = params.opt_str("key")?.unwrap_or_default();
    let udid = params.required_str("udid")?;
    let mut tx = app.db.write().await?;
    let Some((pass, recipient, row)) = admit(&app, &mut tx, &key).await? else { return closed() };
    if db::devices::delete(&mut tx, &udid, &recipient.email).await? {
        record(&app, &mut tx, &row, ("device.remove", &recipient.address, &udid)).await?;
    }
    tx.commit().await?;
    back(&app, &row, (&pass.build, &recipient.id), None)
}

async fn record(
    app: &App,
    tx: &mut Tx,
    row: &AppRow,
    (action, address, udid): (&str, &str, &str),
) -> Result<()> {
    let change = Change::of_app(row, action, address).detail(udid);
    audit::record_system(tx, change, app.clock.now()).await
}
