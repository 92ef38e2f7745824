//! Who calls an address outside `/v1`, where people and programs come alike:
//! by an access token, a session's token, or a browser's cookie (api.md 6).

use axum::http::HeaderMap;

use crate::accounts::{find_actor, sessions};
use crate::app::App;
use crate::error::Result;
use crate::http::auth::{bearer_token, session_cookie};
use crate::http::error::Fault;
use crate::model::account::Actor;

/// The caller. Only for reads: a browser sends its cookie to forged forms too.
///
/// # Errors
/// `NoToken` and `InvalidToken` as under `/v1`.
pub async fn caller(app: &App, headers: &HeaderMap) -> Result<Actor, Fault> {
    let token = match bearer_token(headers) {
        Err(Fault::NoToken) => {
            let cookie = session_cookie(headers).ok_or(Fault::NoToken)?;
            return of_session(app, cookie).await?.ok_or(Fault::NoToken);
        }
        other => other?,
    };
    if let Some(actor) = of_session(app, token.expose()).await? {
        return Ok(actor);
    }
    let mut tx = app.db.read().await?;
    let found = find_actor(&mut tx, token.expose(), app.clock.now()).await?;
    found.ok_or(Fault::InvalidToken)
}

async fn of_session(app: &App, token: &str) -> Result<Option<Actor>> {
    sessions::find(app, token).await?.as_ref().map(sessions::actor).transpose()
}
