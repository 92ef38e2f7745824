//! Style sheets, scripts and images, embedded in the binary. Each is served
//! under a path that holds a digest of its content, so that browsers keep it
//! for ever and a new release is seen at once. No asset comes from elsewhere.

use std::sync::LazyLock;

use axum::body::Bytes;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use ring::digest;

use crate::error::{Error, Result};
use crate::http::extract::PathId;
use crate::http::reply;
use crate::model::hex::hex;

/// One embedded file.
struct Asset {
    name: &'static str,
    media_type: &'static str,
    content: &'static str,
}

const STYLE: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const IMAGE: &str = "image/svg+xml";

/// A file of `web/`.
macro_rules! embed {
    ($folder:literal, $name:literal, $media_type:expr) => {
        Asset {
            name: $name,
            media_type: $media_type,
            content: include_str!(concat!("../../web/", $folder, "/", $name)),
        }
    };
}

const CSS: Asset = embed!("css", "app.css", STYLE);
const MARK: Asset = embed!("img", "mark.svg", IMAGE);
const LOG: Asset = embed!("js", "log.js", SCRIPT);
const OPS: Asset = embed!("css", "ops.css", STYLE);
const PEOPLE: Asset = embed!("css", "people.css", STYLE);
const COPY: Asset = embed!("js", "copy.js", SCRIPT);
const WAIT: Asset = embed!("js", "wait.js", SCRIPT);
const BUILD_CSS: Asset = embed!("css", "build.css", STYLE);
const BUILD_JS: Asset = embed!("js", "build.js", SCRIPT);
const ALL: &[&Asset] = &[&CSS, &MARK, &LOG, &OPS, &PEOPLE, &COPY, &WAIT, &BUILD_CSS, &BUILD_JS];

impl Asset {
    /// Content and name: `<16 hex>-app.css`.
    fn file(&self) -> String {
        let digest = digest::digest(&digest::SHA256, self.content.as_bytes());
        format!("{}-{}", &hex(digest.as_ref())[..16], self.name)
    }

    fn path(&self) -> String {
        format!("/assets/{}", self.file())
    }
}

/// The paths that templates name.
#[derive(Debug)]
pub struct Assets {
    pub css: String,
    pub mark: String,
    pub log: String,
    pub ops: String,
    /// Style of accounts, organisations and settings.
    pub people: String,
    /// Buttons that copy.
    pub copy: String,
    /// Pages that wait for the server.
    pub wait: String,
    pub build_css: String,
    pub build_js: String,
}

/// Made once: a digest of some kilobytes for every page would be waste.
pub static ASSETS: LazyLock<Assets> = LazyLock::new(|| Assets {
    css: CSS.path(),
    mark: MARK.path(),
    log: LOG.path(),
    ops: OPS.path(),
    people: PEOPLE.path(),
    copy: COPY.path(),
    wait: WAIT.path(),
    build_css: BUILD_CSS.path(),
    build_js: BUILD_JS.path(),
});

/// The names that are served, made once: each holds a digest of its content.
static FILES: LazyLock<Vec<(String, &Asset)>> =
    LazyLock::new(|| ALL.iter().map(|asset| (asset.file(), *asset)).collect());

/// One file, for ever.
pub async fn serve(PathId(file): PathId<String>) -> Result<Response> {
    let (_, asset) = FILES.iter().find(|(name, _)| *name == file).ok_or_else(Error::not_found)?;
    Ok(send(asset, "public, max-age=31536000, immutable"))
}

/// For browsers that show something without a page of ours around it.
pub async fn mark() -> Response {
    send(&MARK, "public, max-age=86400")
}

fn send(asset: &Asset, keep: &'static str) -> Response {
    let content = Bytes::from_static(asset.content.as_bytes());
    let media_type = HeaderValue::from_static(asset.media_type);
    let mut response = reply::with_type(StatusCode::OK, media_type, content.into());
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(keep));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
