//! Your access tokens: the personal one, and named ones beside it (ACC-2).

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};

use crate::accounts::audit::{self, Change};
use crate::accounts::{authorize_account, tokens as product};
use crate::api::v1::wire;
use crate::app::App;
use crate::db;
use crate::error::{Error, Result};
use crate::http::error::Fault;
use crate::http::extract::PathId;
use crate::http::json::Json;
use crate::http::params::Params;
use crate::http::reply;
use crate::model::account::{Actor, Scope, Token};
use crate::model::ids::TokenId;
use crate::model::secret::Secret;
use crate::model::time::Millis;

#[derive(OpenApi)]
#[openapi(
    paths(list, add, revoke, rotate_personal),
    components(schemas(TokenInfo, NewToken, IssuedToken, TokenScope)),
    tags((name = "Tokens", description = "Your access tokens."))
)]
pub struct Description;

/// Whom the personal token's changes are recorded as.
const PERSONAL: &str = "personal";

/// What a token lets its owner do: `read` looks, `trigger` also starts, cancels
/// and repeats builds, `admin` does everything that the owner may.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum TokenScope {
    Read,
    Trigger,
    Admin,
}

impl TokenScope {
    fn of(scope: Scope) -> Self {
        match scope {
            Scope::Read => Self::Read,
            Scope::Trigger => Self::Trigger,
            Scope::Admin => Self::Admin,
        }
    }

    fn scope(self) -> Scope {
        match self {
            Self::Read => Scope::Read,
            Self::Trigger => Scope::Trigger,
            Self::Admin => Scope::Admin,
        }
    }
}

/// A token, without what opens a door.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Token)]
pub struct TokenInfo<'a> {
    pub _id: &'a str,
    /// `null` for the personal token, of which you have one.
    pub name: Option<&'a str>,
    pub scope: TokenScope,
    #[schema(format = DateTime)]
    pub created_at: String,
    /// `null`: it works until it is revoked.
    #[schema(format = DateTime)]
    pub expires_at: Option<String>,
    /// To the minute; `null` if it was never used.
    #[schema(format = DateTime)]
    pub last_used_at: Option<String>,
    /// Whether this call was made with it.
    pub current: bool,
}

impl<'a> TokenInfo<'a> {
    fn of(token: &'a Token, actor: &Actor) -> Self {
        Self {
            _id: token.id.as_str(),
            name: token.name.as_deref(),
            scope: TokenScope::of(token.scope),
            created_at: token.created_at.to_iso(),
            expires_at: token.expires_at.map(Millis::to_iso),
            last_used_at: token.last_used_at.map(Millis::to_iso),
            current: token.id == actor.token_id,
        }
    }
}

/// A token to issue.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// For you to recognise it; unique among your tokens.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// `admin` unless given.
    scope: Option<TokenScope>,
    /// When it stops working, at most ten years from now; never unless given.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
}

/// A fresh token.
#[derive(Debug, Serialize, ToSchema)]
pub struct IssuedToken<'a> {
    #[serde(flatten)]
    token: TokenInfo<'a>,
    /// What goes into the `Authorization` header; shown this once.
    access_token: &'a str,
}

fn issued(token: &Token, secret: &Secret, actor: &Actor) -> Result<Response> {
    let access_token = secret.expose();
    reply::created(&IssuedToken { token: TokenInfo::of(token, actor), access_token })
}

/// List your tokens that are not revoked, newest first.
#[utoipa::path(
    get, path = "/v1/tokens", tag = "Tokens", operation_id = "list_tokens",
    responses(
        (status = 200, description = "Your tokens; none of them can be used from here.",
            body = [TokenInfo]),
        (status = 401, description = "No valid token.", body = wire::Error),
    )
)]
pub async fn list(State(app): State<Arc<App>>, actor: Actor, _: Params) -> Result<Response, Fault> {
    let mut tx = app.db.read().await?;
    let found = db::tokens::list(&mut tx, &actor.user_id).await?;
    drop(tx);
    let shown: Vec<_> = found.iter().map(|token| TokenInfo::of(token, &actor)).collect();
    Ok(reply::ok(&shown)?)
}

/// Issue a named token.
#[utoipa::path(
    post, path = "/v1/tokens", tag = "Tokens", operation_id = "add_token",
    request_body = NewToken,
    responses(
        (status = 201, description = "The token, shown this once.", body = IssuedToken),
        (status = 400, description = "Malformed member.", body = wire::Error),
        (status = 401, description = "No valid token.", body = wire::Error),
        (status = 403, description = "The scope of your token is narrower.", body = wire::Error),
        (status = 409, description = "You have a token of that name, or too many.",
            body = wire::Error),
        (status = 413, description = "The body is too large.", body = wire::Error),
    )
)]
pub async fn add(
    State(app): State<Arc<App>>,
    actor: Actor,
    Json(given): Json<NewToken>,
) -> Result<Response, Fault> {
    authorize_account(&actor)?;
    let moment = |text: &String| {
        Millis::from_iso(text).ok_or_else(|| Error::invalid_parameter("expires_at"))
    };
    let new = product::NewToken {
        name: &given.name,
        scope: given.scope.map_or(Scope::Admin, TokenScope::scope),
        expires_at: given.expires_at.as_ref().map(moment).transpose()?,
    };
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let (token, secret) = product::issue_named(&mut tx, &actor.user_id, &new, now).await?;
    let change = Change::of_account("token.add", token.name.as_deref().unwrap_or(PERSONAL));
    audit::record(&mut tx, &actor, change.detail(token.scope.as_str()), now).await?;
    tx.commit().await?;
    Ok(issued(&token, &secret, &actor)?)
}

/// Revoke one of your tokens; it stops working at once.
#[utoipa::path(
    delete, path = "/v1/tokens/{token_id}", tag = "Tokens", operation_id = "revoke_token",
    params(("token_id" = String, Path, description = "Id of the token.")),
    responses(
        (status = 204, description = "Revoked."),
        (status = 400, description = "Malformed body.", body = wire::Error),
        (status = 401, description = "No valid token.", body = wire::Error),
        (status = 403, description = "The scope of your token is narrower.", body = wire::Error),
        (status = 404, description = "No such token of yours.", body = wire::Error),
        (status = 413, description = "The body is too large.", body = wire::Error),
    )
)]
pub async fn revoke(
    State(app): State<Arc<App>>,
    actor: Actor,
    PathId(id): PathId<TokenId>,
    _: Params,
) -> Result<Response, Fault> {
    authorize_account(&actor)?;
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let name = product::revoke(&mut tx, &actor.user_id, &id, now).await?;
    let change = Change::of_account("token.revoke", name.as_deref().unwrap_or(PERSONAL));
    audit::record(&mut tx, &actor, change, now).await?;
    tx.commit().await?;
    Ok(reply::no_content())
}

/// Replace your personal token: the old one stops working at once.
#[utoipa::path(
    post, path = "/v1/tokens/personal/rotate", tag = "Tokens", operation_id = "rotate_token",
    responses(
        (status = 201, description = "The new token, shown this once.", body = IssuedToken),
        (status = 400, description = "Malformed body.", body = wire::Error),
        (status = 401, description = "No valid token.", body = wire::Error),
        (status = 403, description = "The scope of your token is narrower.", body = wire::Error),
        (status = 409, description = "Another call replaced it at the same time.",
            body = wire::Error),
        (status = 413, description = "The body is too large.", body = wire::Error),
    )
)]
pub async fn rotate_personal(
    State(app): State<Arc<App>>,
    actor: Actor,
    _: Params,
) -> Result<Response, Fault> {
    authorize_account(&actor)?;
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let (token, secret) = product::rotate_personal(&mut tx, &actor.user_id, now).await?;
    product::keep_copy(&app, &mut tx, &token, &secret).await?;
    audit::record(&mut tx, &actor, Change::of_account("token.rotate", PERSONAL), now).await?;
    tx.commit().await?;
    Ok(issued(&token, &secret, &actor)?)
}
