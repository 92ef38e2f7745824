//! What is known of app packages: a member of the files of a build, and the
//! icon behind a link that nobody guesses.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::Response;
use bytes::BytesMut;
use futures_util::TryStreamExt;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::builds::packages;
use crate::error::{Error, Result};
use crate::http::error::Fault;
use crate::http::extract::PathId;
use crate::model;
use crate::protocol::MAX_ICON_BYTES;

/// What an app package says of itself. Texts are empty where it is silent, and
/// all of them are if it could not be read.
#[derive(Debug, Serialize, ToSchema)]
pub struct Package<'a> {
    /// `apk`, `aab` or `ipa`; `null` if the package could not be read.
    pub format: Option<&'static str>,
    /// Why the package could not be read.
    pub error: Option<&'a str>,
    /// What the home screen shows.
    pub name: &'a str,
    /// Application id or bundle id.
    pub identifier: &'a str,
    pub version_name: &'a str,
    /// `versionCode` or `CFBundleVersion`.
    pub version_code: &'a str,
    /// API level or iOS version.
    pub min_os: &'a str,
    /// API level; Android only.
    pub target_os: &'a str,
    /// Android only.
    pub permissions: &'a [String],
    /// Built for the iOS simulator.
    pub simulator: bool,
    /// Signed for devices or a store. Signatures are noticed, not verified.
    pub signed: bool,
    /// A device that the profile allows can install it.
    pub installable: bool,
    /// Android: of `v1`, `v2`, `v3`, those present.
    pub schemes: &'a [String],
    pub certificate: Option<Certificate<'a>>,
    pub profile: Option<Profile<'a>>,
    /// Works without a token. PNG or WebP.
    pub icon_url: Option<String>,
}

/// Android: the signer's; iOS: the first that the profile allows.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PackageCertificate)]
pub struct Certificate<'a> {
    pub subject: &'a str,
    /// Of the DER form, 64 lowercase hex.
    pub sha256: &'a str,
    #[schema(format = DateTime)]
    pub expires_at: Option<String>,
}

/// The provisioning profile of an IPA.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PackageProfile)]
pub struct Profile<'a> {
    pub name: &'a str,
    pub team: &'a str,
    pub team_id: &'a str,
    /// `development`, `ad_hoc`, `enterprise` or `app_store`.
    pub kind: &'static str,
    #[schema(format = DateTime)]
    pub expires_at: Option<String>,
    /// UDIDs; empty where the profile lists none.
    pub devices: &'a [String],
    #[schema(value_type = Object)]
    pub entitlements: std::collections::BTreeMap<&'a str, &'a str>,
}

impl<'a> Package<'a> {
    pub fn of(app: &App, package: &'a model::package::Package) -> Self {
        let icon_url = package.icon_key.as_ref().map(|_| {
            let link = packages::icon_link(app, &package.artifact_id);
            format!("{}/api/icons/{link}", app.settings.dashboard_url)
        });
        let facts = package.facts.as_ref();
        let text = |of: fn(&model::package::PackageFacts) -> &str| facts.map_or("", of);
        let signing = facts.map(|facts| &facts.signing);
        Self {
            format: facts.map(|facts| facts.format.as_str()),
            error: package.error.as_deref(),
            name: text(|facts| &facts.name),
            identifier: text(|facts| &facts.identifier),
            version_name: text(|facts| &facts.version_name),
            version_code: text(|facts| &facts.version_code),
            min_os: text(|facts| &facts.min_os),
            target_os: text(|facts| &facts.target_os),
            permissions: facts.map_or(&[], |facts| &facts.permissions),
            simulator: facts.is_some_and(|facts| facts.simulator),
            signed: facts.is_some_and(model::package::PackageFacts::is_signed),
            installable: facts.is_some_and(model::package::PackageFacts::is_installable),
            schemes: signing.map_or(&[], |signing| &signing.schemes),
            certificate: signing.and_then(|s| s.certificate.as_ref()).map(Certificate::of),
            profile: signing.and_then(|s| s.profile.as_ref()).map(Profile::of),
            icon_url,
        }
    }
}

impl<'a> Certificate<'a> {
    fn of(certificate: &'a model::package::Certificate) -> Self {
        let model::package::Certificate { subject, sha256, expires_at } = certificate;
        Self { subject, sha256, expires_at: expires_at.map(model::time::Millis::to_iso) }
    }
}

impl<'a> Profile<'a> {
    fn of(profile: &'a model::package::Profile) -> Self {
        let entitlements = &profile.entitlements;
        Self {
            name: &profile.name,
            team: &profile.team,
            team_id: &profile.team_id,
            kind: profile.kind.as_str(),
            expires_at: profile.expires_at.map(model::time::Millis::to_iso),
            devices: &profile.devices,
            entitlements: entitlements.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect(),
        }
    }
}

/// The icon of a package: `GET /api/icons/{link}`, with `link` as in `icon_url`.
pub async fn icon(
    State(app): State<Arc<App>>,
    PathId(link): PathId<String>,
) -> Result<Response, Fault> {
    let key = packages::open_icon(&app, &link).await?;
    let bytes = app
        .blobs
        .read(&key, 0..MAX_ICON_BYTES as u64)
        .await?
        .try_collect::<BytesMut>()
        .await
        .map_err(Error::from)?
        .freeze();
    let kind = packages::icon_type(&bytes).ok_or_else(Error::not_found)?;
    Ok(Response::builder()
        .status(StatusCode::OK)
        .header(header::CONTENT_TYPE, kind)
        .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
        // What is behind a link never changes.
        .header(header::CACHE_CONTROL, "public, max-age=31536000, immutable")
        .body(Body::from(bytes))
        .map_err(|cause| Error::internal("sending an icon", cause))?)
}
