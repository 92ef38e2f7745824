//! How every page is sent: rendered, never stored by caches, under a policy that
//! allows nothing but our own files; and how a fault looks to a person.

use askama::Template;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::dashboard::assets::{ASSETS, Assets};
use crate::error::Error;
use crate::http::error::{Cause, Fault};
use crate::http::reply;

/// No inline script or style, nothing from elsewhere, no framing.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; media-src 'self'; \
    connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const HEADERS: [(HeaderName, &str); 5] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "same-origin"),
    (header::CACHE_CONTROL, "no-store"),
];

/// What the frame around every page shows.
#[derive(Debug)]
pub struct Shell {
    pub assets: &'static Assets,
    /// `None` on pages for everybody.
    pub person: Option<Person>,
}

/// Who is signed in.
#[derive(Debug, Clone)]
pub struct Person {
    pub name: String,
    /// Goes with every form, and proves that it came from our page.
    pub csrf: String,
    /// Sees the pages of operations.
    pub is_admin: bool,
}

impl Shell {
    pub fn public() -> Self {
        Self { assets: &ASSETS, person: None }
    }
}

/// A page with this status.
pub fn show(status: StatusCode, page: &impl Template) -> Result<Response, PageFault> {
    let html = page.render().map_err(|cause| Error::internal("rendering a page", cause))?;
    Ok(send(status, html))
}

/// 200 with this page.
pub fn ok(page: &impl Template) -> Result<Response, PageFault> {
    show(StatusCode::OK, page)
}

fn send(status: StatusCode, html: String) -> Response {
    let media_type = HeaderValue::from_static("text/html; charset=utf-8");
    let mut response = reply::with_type(status, media_type, html.into());
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// 303: after a form, the browser gets a page that can be reloaded.
pub fn redirect(to: &str) -> Result<Response, PageFault> {
    let mut response = Response::new(axum::body::Body::empty());
    *response.status_mut() = StatusCode::SEE_OTHER;
    let to = HeaderValue::try_from(to).map_err(|e| Error::internal("redirecting", e))?;
    response.headers_mut().insert(header::LOCATION, to);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// What a person sees instead of a page.
#[derive(Debug)]
pub enum PageFault {
    /// Sign in first, then come back to this path.
    SignIn(String),
    Product(Error),
}

impl From<Error> for PageFault {
    fn from(error: Error) -> Self {
        Self::Product(error)
    }
}

impl From<Fault> for PageFault {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Product(error) => Self::Product(error),
            Fault::NoToken | Fault::InvalidToken => Self::SignIn("/".into()),
            Fault::BodyTooLarge => Self::Product(Error::Invalid("That is too large".into())),
            #[allow(unreachable_patterns, reason = "faults that only the API knows")]
            other => Self::Product(Error::bug("a page", other)),
        }
    }
}

#[derive(Template)]
#[template(path = "problem.html")]
struct Problem<'a> {
    shell: Shell,
    title: &'a str,
    text: &'a str,
    /// It may be about the server, so the status page may say more.
    may_be_known: bool,
}

impl IntoResponse for PageFault {
    fn into_response(self) -> Response {
        let error = match self {
            Self::SignIn(next) => {
                let next = utf8_percent_encode(&next, NON_ALPHANUMERIC);
                return redirect(&format!("/sign-in?next={next}"))
                    .unwrap_or_else(Self::into_response);
            }
            Self::Product(error) => error,
        };
        let (title, text) = words(&error);
        let may_be_known = matches!(error, Error::Unavailable(_) | Error::Timeout(_));
        let page = Problem { shell: Shell::public(), title, text: &text, may_be_known };
        // The API's rendering of the same error decides status and cause.
        let mut plain = error.into_response();
        let html = page.render().unwrap_or_else(|_| title.to_owned());
        let mut response = send(plain.status(), html);
        if let Some(cause) = plain.extensions_mut().remove::<Cause>() {
            response.extensions_mut().insert(cause);
        }
        response
    }
}

fn words(error: &Error) -> (&'static str, String) {
    match error {
        Error::NotFound(text) if text == "Not Found" => {
            ("Nothing here", "It does not exist, or it is not yours to see.".into())
        }
        Error::NotFound(text) => ("Nothing here", text.clone()),
        Error::Forbidden(text) => ("Not allowed", (*text).to_owned()),
        Error::Conflict(text) => ("That changed meanwhile", text.clone()),
        Error::Invalid(text) => ("That does not work", text.clone()),
        Error::Unavailable(_) | Error::Timeout(_) => {
            ("Not now", "The server is busy or something it needs is away. Try again soon.".into())
        }
        Error::Internal { .. } => (
            "Something went wrong",
            "The fault is on our side, and the server’s log has it.".into(),
        ),
    }
}
