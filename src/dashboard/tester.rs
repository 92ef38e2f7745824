//! What testers do beside installing: unsubscribe, be recognised by their
//! device, and undo that (DEP-10, DEP-13).

use std::sync::Arc;

use askama::Template;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use crate::accounts::audit::{self, Change};
use crate::app::App;
use crate::dashboard::page::{self, PageFault, Shell};
use crate::db;
use crate::distribution::links;
use crate::error::{Error, Result};
use crate::http::auth::cookie;
use crate::http::params::Params;

/// Holds the signed address of the tester whose device this is.
const COOKIE: &str = "shipmate_tester";
/// Holds the signed UDID of this device.
const DEVICE_COOKIE: &str = "shipmate_device";
const YEAR_SECONDS: i64 = 365 * 24 * 3600;
/// What an SDK takes from the query undecoded, so `@` and `+` stay as they are.
const IN_QUERY: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'<').add(b'>').add(b'&').add(b'=').add(b'%');
/// Longest bundle identifier.
const MAX_IDENTIFIER: usize = 155;

#[derive(Template)]
#[template(path = "tester_notice.html")]
struct Notice<'a> {
    shell: Shell,
    title: &'a str,
    text: &'a str,
    action: Option<Action<'a>>,
}

/// A button that posts a key.
pub struct Action<'a> {
    pub path: &'a str,
    pub key: &'a str,
    pub label: &'a str,
}

/// A page of one sentence, with a button if there is something to do.
pub fn notice(
    status: StatusCode,
    title: &str,
    text: &str,
    action: Option<Action<'_>>,
) -> Result<Response, PageFault> {
    page::show(status, &Notice { shell: Shell::public(), title, text, action })
}

/// `GET` asks, because programs that check mail follow every link; `POST`, by
/// the button or by a mail program (RFC 8058), unsubscribes.
pub async fn unsubscribe(
    State(app): State<Arc<App>>,
    method: Method,
    params: Params,
) -> Result<Response, PageFault> {
    let key = params.opt_str("key")?.unwrap_or_default();
    let mut tx = app.db.write().await?;
    let found = match links::open_unsubscribe(&app, &key) {
        None => None,
        Some(id) => db::deployments::find_recipient(&mut tx, &id).await?,
    };
    let Some(recipient) = found else {
        let text = "A part of it may have been lost. Open it again from the mail.";
        return notice(StatusCode::FORBIDDEN, "This link does not work", text, None);
    };
    let deployment = db::deployments::find(&mut tx, &recipient.deployment_id).await?;
    let group = match deployment.and_then(|deployment| deployment.group_id) {
        None => None,
        Some(id) => db::groups::find(&mut tx, &id).await?,
    };
    let done = format!("{} gets no more mail of this group.", recipient.address);
    let done = || notice(StatusCode::OK, "Unsubscribed", &done, None);
    // The group is gone, and its mail with it.
    let Some(group) = group else { return done() };
    let row = db::apps::find(&mut tx, &group.app_id).await?.ok_or_else(Error::not_found)?;
    if method != Method::POST {
        let text = format!(
            "{} will get no more builds of {} through the group “{}”.",
            recipient.address, row.name, group.name
        );
        let action = Action { path: "/unsubscribe", key: &key, label: "Unsubscribe" };
        return notice(StatusCode::OK, "Unsubscribe?", &text, Some(action));
    }
    let now = app.clock.now();
    if db::groups::unsubscribe(&mut tx, &group.id, &recipient.email, now).await? {
        let change = Change::of_app(&row, "group.testers.unsubscribe", &group.name);
        let change = Change { detail: &recipient.address, ..change };
        audit::record_system(&mut tx, change, now).await?;
    }
    tx.commit().await?;
    done()
}

/// Notes on the device whose it is, for `/download/identity`.
pub fn remember(app: &App, response: &mut Response, address: &str) -> Result<()> {
    let value = links::tester_cookie(app, address);
    set_cookie(app, response, (COOKIE, &value), YEAR_SECONDS)
}

/// Notes on the device which it is.
pub fn remember_device(app: &App, response: &mut Response, udid: &str) -> Result<()> {
    let value = links::device_cookie(app, udid);
    set_cookie(app, response, (DEVICE_COOKIE, &value), YEAR_SECONDS)
}

fn set_cookie(
    app: &App,
    response: &mut Response,
    (name, value): (&str, &str),
    seconds: i64,
) -> Result<()> {
    let secure = if app.settings.dashboard_url.starts_with("https:") { "; Secure" } else { "" };
    let cookie =
        format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}");
    let cookie = HeaderValue::try_from(cookie).map_err(|e| Error::internal("a cookie", e))?;
    response.headers_mut().append(header::SET_COOKIE, cookie);
    Ok(())
}

/// The address that this device was registered with.
pub fn remembered(app: &App, headers: &HeaderMap) -> Option<String> {
    links::open_tester_cookie(app, cookie(headers, COOKIE)?)
}

/// The UDID of this device, if it has registered.
pub fn remembered_device<'a>(app: &App, headers: &'a HeaderMap) -> Option<&'a str> {
    links::open_device_cookie(app, cookie(headers, DEVICE_COOKIE)?)
}

/// `/reset`: the device forgets whose it is, and which.
pub async fn reset(State(app): State<Arc<App>>) -> Result<Response, PageFault> {
    let text = "Open the install link of your own mail to be recognised again.";
    let mut response = notice(StatusCode::OK, "This device is no longer registered", text, None)?;
    for name in [COOKIE, DEVICE_COOKIE] {
        set_cookie(&app, &mut response, (name, ""), 0)?;
    }
    Ok(response)
}

/// `/download/identity?app_identifier=`: tells an app on this device whose it
/// is, by opening its `bb-` address (api.md 6).
pub async fn identity(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    params: Params,
) -> Result<Response, PageFault> {
    let identifier = params.required_str("app_identifier")?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'.' || b == b'-';
    if identifier.len() > MAX_IDENTIFIER || !identifier.bytes().all(plain) {
        return Err(Error::invalid_parameter("app_identifier").into());
    }
    let Some(address) = remembered(&app, &headers) else {
        let text = "Open the install link of your mail on this device once, then start the app \
            again.";
        return notice(StatusCode::OK, "This device is not registered", text, None);
    };
    let address = utf8_percent_encode(&address, IN_QUERY);
    let to = HeaderValue::try_from(format!("bb-{identifier}://identity?email={address}"))
        .map_err(|e| Error::internal("redirecting to an app", e))?;
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::FOUND;
    response.headers_mut().insert(header::LOCATION, to);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}
