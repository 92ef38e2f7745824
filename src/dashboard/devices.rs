//! iOS devices of an app's testers (DEP-11, SGN-4): which of them the newest
//! build lets in, until when, and the list as Apple's portal takes it.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;

use crate::accounts::authorize_app;
use crate::app::App;
use crate::dashboard::frame::{AppFrame, Tab};
use crate::dashboard::page::{self, PageFault, Shell};
use crate::dashboard::place::Place;
use crate::dashboard::session::Visit;
use crate::dashboard::words;
use crate::db;
use crate::distribution::{devices, preflight};
use crate::error::Result;
use crate::http::reply;
use crate::model::account::Access;
use crate::model::app::Platform;
use crate::model::distribution::Device;
use crate::model::ids::AppId;
use crate::model::package::Profile;
use crate::model::time::Millis;

#[derive(Template)]
#[template(path = "devices.html")]
struct Page {
    shell: Shell,
    frame: AppFrame,
    is_ios: bool,
    profile: Option<Newest>,
    rows: Vec<Row>,
    missing: usize,
}

struct Newest {
    number: i64,
    path: String,
    name: String,
    expires: String,
    /// Devices that it lists and nobody here has registered.
    strangers: usize,
    /// It lists no devices at all.
    open: bool,
}

struct Row {
    address: String,
    name: String,
    udid: String,
    os: String,
    since: String,
    standing: &'static str,
    tone: &'static str,
}

pub async fn list(
    State(app): State<Arc<App>>,
    visit: Visit,
    Place(id): Place<AppId>,
) -> Result<Response, PageFault> {
    let mut tx = app.db.read().await?;
    let row = authorize_app(&mut tx, &visit.actor, Access::Read, &id).await?;
    let may_manage = authorize_app(&mut tx, &visit.actor, Access::Full, &id).await.is_ok();
    let known = db::devices::list_of_app(&mut tx, &id).await?;
    let newest = devices::newest_profile(&mut tx, &row).await?;
    drop(tx);
    let now = app.clock.now();
    let profile = newest.as_ref().map(|(_, profile)| profile);
    let rows: Vec<Row> = known.iter().map(|one| shown(one, profile, now)).collect();
    page::ok(&Page {
        shell: visit.shell(),
        frame: AppFrame::of(&row, Tab::Testers, may_manage),
        is_ios: row.platform == Platform::Ios,
        missing: rows.iter().filter(|row| row.standing == "not in the profile").count(),
        profile: newest.as_ref().map(|(build, profile)| Newest {
            number: build.number,
            path: format!("/apps/{id}/build/{}", build.id),
            name: profile.name.clone(),
            expires: expires(profile, now),
            strangers: strangers(profile, &known),
            open: !profile.kind.lists_devices(),
        }),
        rows,
    })
}

fn expires(profile: &Profile, now: Millis) -> String {
    match profile.expires_at {
        None => "at a time that it does not say".into(),
        Some(at) if at <= now => format!("on {}: it has expired", &at.to_iso()[..10]),
        Some(at) => format!("on {}", &at.to_iso()[..10]),
    }
}

fn strangers(profile: &Profile, known: &[Device]) -> usize {
    let is_known = |udid: &str| known.iter().any(|one| one.udid.eq_ignore_ascii_case(udid));
    profile.devices.iter().filter(|udid| !is_known(udid)).count()
}

fn shown(device: &Device, profile: Option<&Profile>, now: Millis) -> Row {
    let (standing, tone) = match profile {
        None => ("no build to compare", ""),
        Some(profile) if !profile.kind.lists_devices() => ("no list needed", "success"),
        Some(profile) if devices::lists(profile, &device.udid) => ("in the profile", "success"),
        Some(_) => ("not in the profile", "queued"),
    };
    let os = match (device.os_version.as_str(), device.os_build.as_str()) {
        ("", "") => words::NONE.to_owned(),
        ("", build) => build.to_owned(),
        (version, "") => version.to_owned(),
        (version, build) => format!("{version} ({build})"),
    };
    Row {
        address: device.address.clone(),
        name: preflight::name(device),
        udid: device.udid.clone(),
        os,
        since: words::ago(device.registered_at, now),
        standing,
        tone,
    }
}

/// Tab-separated, as "Register Multiple Devices" of Apple's portal takes it.
pub async fn export(
    State(app): State<Arc<App>>,
    visit: Visit,
    Place(id): Place<AppId>,
) -> Result<Response, PageFault> {
    let mut tx = app.db.read().await?;
    authorize_app(&mut tx, &visit.actor, Access::Read, &id).await?;
    let known = db::devices::list_of_app(&mut tx, &id).await?;
    drop(tx);
    let mut text = String::from("Device ID\tDevice Name\tDevice Platform\n");
    for device in &known {
        let (udid, address, product) = (&device.udid, &device.address, &device.product);
        text.push_str(&format!("{udid}\t{address} {product}\tios\n"));
    }
    let media_type = HeaderValue::from_static("text/plain; charset=utf-8");
    let mut response = reply::with_type(StatusCode::OK, media_type, text.into());
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let name = HeaderValue::from_static("attachment; filename=\"devices.txt\"");
    headers.insert(header::CONTENT_DISPOSITION, name);
    Ok(response)
}
