//! The badge of a branch with the text to paste (STA-2), and what there is of
//! code signing.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use form_urlencoded::Serializer;

use super::{Head, managed};
use crate::app::App;
use crate::apps::secure_files;
use crate::dashboard::forms::Said;
use crate::dashboard::frame::{AppFrame, Link};
use crate::dashboard::page::{self, PageFault, Shell};
use crate::dashboard::place::Place;
use crate::dashboard::session::Visit;
use crate::db;
use crate::error::Result;
use crate::http::params::Params;
use crate::model::app::Platform;
use crate::model::ids::AppId;

pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/apps/{app_id}/settings/badge", get(badge))
        .route("/apps/{app_id}/settings/signing", get(signing))
}

#[derive(Template)]
#[template(path = "settings/badge.html")]
struct Badge {
    shell: Shell,
    frame: AppFrame,
    sections: Vec<Link>,
    said: Said,
    branches: Vec<String>,
    branch: String,
    /// Of this page: always of the server that shows it.
    own_image: String,
    image: String,
    link: String,
}

async fn badge(
    State(app): State<Arc<App>>,
    visit: Visit,
    Place(id): Place<AppId>,
    params: Params,
) -> Result<Response, PageFault> {
    let branch = params.opt_str("branch")?.unwrap_or_default().into_owned();
    let row = managed(&app, &visit, &id).await?;
    let mut tx = app.db.read().await?;
    let known = db::apps::list_branches(&mut tx, &id).await?;
    drop(tx);
    let mut query = Serializer::new(String::new());
    query.append_pair("appID", id.as_str());
    let mut of_link = Serializer::new(String::new());
    if !branch.is_empty() {
        query.append_pair("branch", &branch);
        of_link.append_pair("branch", &branch);
    }
    let own_image = format!("/api/statusImage?{}", query.finish());
    let of_link = match of_link.finish() {
        text if text.is_empty() => text,
        text => format!("?{text}"),
    };
    let page = &app.settings.dashboard_url;
    let Head { shell, frame, sections, .. } = Head::of(&visit, &row, "/badge");
    page::ok(&Badge {
        shell,
        frame,
        sections,
        said: Said::default(),
        branches: known.into_iter().filter(|b| b.deleted_at.is_none()).map(|b| b.name).collect(),
        branch,
        image: format!("{page}{own_image}"),
        own_image,
        link: format!("{page}/apps/{id}/build/latest{of_link}"),
    })
}

#[derive(Template)]
#[template(path = "settings/signing.html")]
struct Signing {
    shell: Shell,
    frame: AppFrame,
    sections: Vec<Link>,
    said: Said,
    is_ios: bool,
    /// Secure files that look like keys or profiles.
    files: Vec<String>,
}

async fn signing(
    State(app): State<Arc<App>>,
    visit: Visit,
    Place(id): Place<AppId>,
) -> Result<Response, PageFault> {
    let row = managed(&app, &visit, &id).await?;
    let mut tx = app.db.read().await?;
    let found = secure_files::of_app(&mut tx, &row).await?;
    drop(tx);
    let is_ios = row.platform == Platform::Ios;
    let ends: &[&str] = match is_ios {
        true => &[".p12", ".mobileprovision", ".provisionprofile", ".cer"],
        false => &[".jks", ".keystore", ".p12"],
    };
    let files = found.into_iter().map(|file| file.name);
    let files = files.filter(|name| ends.iter().any(|end| name.to_lowercase().ends_with(end)));
    let Head { shell, frame, sections, .. } = Head::of(&visit, &row, "/signing");
    let files = files.collect();
    page::ok(&Signing { shell, frame, sections, said: Said::default(), is_ios, files })
}
