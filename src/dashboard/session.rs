//! Who looks at a page: the session's cookie, and the proof that a form came
//! from our own page.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method};

use crate::accounts::sessions;
use crate::app::App;
use crate::dashboard::assets::ASSETS;
use crate::dashboard::page::{PageFault, Person, Shell};
use crate::db::sessions::SignedIn;
use crate::error::{Error, Result};
use crate::http::auth::{SESSION_COOKIE, session_cookie};
use crate::http::params::Params;
use crate::model::account::{Actor, User};
use crate::model::ids::SessionId;
use crate::model::secret::Secret;

/// Browsers keep the cookie for as long as an unused session lives.
const MAX_AGE_SECONDS: i64 = 30 * 24 * 3600;
/// A form may stay open for a day.
const CSRF_MS: i64 = 24 * 3_600_000;

/// Somebody who is signed in. As an extractor it sends everybody else to the
/// sign-in page, and back afterwards.
#[derive(Debug, Clone)]
pub struct Visit {
    pub user: User,
    pub session: SessionId,
    pub actor: Actor,
    csrf: String,
}

impl FromRequestParts<Arc<App>> for Visit {
    type Rejection = PageFault;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, PageFault> {
        let found = match session_cookie(&parts.headers) {
            Some(token) => sessions::find(app, token).await?,
            None => None,
        };
        let Some(found) = found else {
            let back = match parts.method {
                Method::GET => parts.uri.path_and_query().map_or("/", |p| p.as_str()),
                _ => "/",
            };
            return Err(PageFault::SignIn(back.to_owned()));
        };
        Ok(Self::of(app, found)?)
    }
}

impl Visit {
    fn of(app: &App, found: SignedIn) -> Result<Self> {
        let actor = sessions::actor(&found)?;
        let SignedIn { session_id, seen_at: _, user } = found;
        let expires = app.clock.now().plus(CSRF_MS);
        let csrf = app.keys.sign_link(&subject(&session_id), expires);
        Ok(Self { user, session: session_id, actor, csrf })
    }

    /// The frame of a page for this person.
    pub fn shell(&self) -> Shell {
        let person = Person {
            name: self.user.name.clone(),
            csrf: self.csrf.clone(),
            is_admin: self.actor.is_admin,
        };
        Shell { assets: &ASSETS, person: Some(person) }
    }

    pub fn csrf(&self) -> &str {
        &self.csrf
    }

    /// Lets a form pass that came from our own page.
    ///
    /// # Errors
    /// `Invalid` for one that did not, or that was open for more than a day.
    pub fn check_form(&self, app: &App, params: &Params) -> Result<()> {
        self.check_proof(app, &params.opt_str("csrf")?.unwrap_or_default())
    }

    /// `check_form`, for a form that is read piece by piece.
    ///
    /// # Errors
    /// As `check_form`.
    pub fn check_proof(&self, app: &App, given: &str) -> Result<()> {
        let genuine = app.keys.verify_link(given, app.clock.now());
        if genuine == Some(subject(&self.session).as_str()) {
            return Ok(());
        }
        Err(Error::Invalid("The form is too old. Go back, reload the page and try again.".into()))
    }
}

fn subject(session: &SessionId) -> String {
    format!("csrf-{session}")
}

/// `Set-Cookie` of a fresh session. `Lax` keeps other sites from posting with
/// it; scripts never see it.
pub fn set_cookie(app: &App, token: &Secret) -> Result<HeaderValue> {
    let secure = if app.settings.dashboard_url.starts_with("https://") { "; Secure" } else { "" };
    let text = format!(
        "{SESSION_COOKIE}={}; Path=/; HttpOnly; SameSite=Lax; Max-Age={MAX_AGE_SECONDS}{secure}",
        token.expose()
    );
    let mut value =
        HeaderValue::try_from(text).map_err(|e| Error::internal("setting a cookie", e))?;
    value.set_sensitive(true);
    Ok(value)
}

/// `Set-Cookie` that makes the browser forget the session.
pub fn clear_cookie() -> HeaderValue {
    const TEXT: &str = "shipmate_session=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0";
    HeaderValue::from_static(TEXT)
}

/// Where to go after signing in: only ever a path of our own. `//host` and
/// `/\host` would be other places.
pub fn safe_return(next: &str) -> &str {
    let is_own = next.starts_with('/')
        && !next.starts_with("//")
        && !next.contains('\\')
        && next.len() <= 2_000
        && !next.chars().any(char::is_control);
    if is_own { next } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn returns_stay_on_this_server() {
        for own in ["/", "/apps", "/apps/1?page=2#x"] {
            assert_eq!(safe_return(own), own);
        }
        for other in
            ["", "apps", "//evil.example", "/\\evil.example", "https://evil.example", "/a\nb"]
        {
            assert_eq!(safe_return(other), "/", "{other}");
        }
    }
}
