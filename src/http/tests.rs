//! The conventions of api.md section 1 against a real router with small
//! handlers; everything that needs no database.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::request::Builder;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post, put};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tower::ServiceExt;

use crate::error::{Error, Result};
use crate::http::auth::{Authenticate, authenticate_by};
use crate::http::extract::{PathId, PathIds};
use crate::http::metrics::Metrics;
use crate::http::middleware::{Door, Limits};
use crate::http::params::Params;
use crate::http::reply;
use crate::model::account::{Actor, Scope};
use crate::model::ids::{AppId, BuildId, TokenId, UserId};
use crate::model::time::Millis;

mod conventions;
mod faults;
mod listening;
mod pages;
mod parameters;
mod ranges;

const ID: &str = "58b8a3d26e5c4c01002d4a1f";
const TOKEN: &str = "Bearer good";

/// Knows the tokens `good` and `down`; the second finds the database away.
fn authenticate() -> Authenticate {
    authenticate_by(|token| async move {
        match token.expose() {
            "good" => Ok(Some(Actor {
                user_id: UserId::generate(Millis(0)),
                token_id: TokenId::generate(Millis(0)),
                is_admin: false,
                scope: Scope::Admin,
            })),
            "down" => Err(Error::Unavailable("database is away".into())),
            _ => Ok(None),
        }
    })
}

/// Answers with what the handler got to see.
async fn echo(request: Request) -> Response {
    let target = request.uri().to_string();
    reply::ok(&json!({ "target": target })).into_response()
}

async fn read_all(params: Params) -> Result<Response> {
    reply::ok(&json!({
        "branch": params.opt_str("branch")?,
        "deploy": params.opt_bool("deploy")?,
        "number": params.opt_int_in("number", 1..=100)?,
        "testers": params.opt_list("testers")?,
    }))
}

async fn require(params: Params) -> Result<Response> {
    reply::created(&json!({
        "name": params.required_str("name")?,
        "testers": params.required_list("testers")?,
    }))
}

async fn show(PathId(id): PathId<BuildId>) -> Result<Response> {
    reply::ok(&json!({ "_id": id }))
}

async fn show_two(PathIds(app, build): PathIds<AppId, BuildId>) -> Result<Response> {
    reply::ok(&json!([app, build]))
}

async fn fail() -> Result<Response> {
    Err(Error::internal("reading a row", std::io::Error::other("secret detail")))
}

fn router() -> Router {
    Router::new()
        .route("/v1/apps", get(echo))
        .route("/v1/params", any(read_all))
        .route("/v1/required", post(require))
        .route("/v1/builds/{id}", get(show))
        .route("/v1/builds/{id}/cancel", post(|| async { reply::no_content() }))
        .route("/v1/apps/{app}/builds/{build}", get(show_two))
        .route("/v1/who", get(|actor: Actor| async move { reply::ok(&actor.is_admin) }))
        .route("/v1/ccmenu", get(|| async { "<Projects/>" }))
        .route("/v1/openapi.json", get(|| async { reply::ok(&json!({})) }))
        .route("/v1/fail", get(fail))
        .route("/v1/panic", get(panic))
        .route("/v1/never", get(std::future::pending::<Response>))
        .route("/agent/v1/never", put(std::future::pending::<Response>))
        .route("/page", get(echo))
        .route("/open", get(|actor: Actor| async move { reply::ok(&actor.is_admin) }))
        .route("/healthz", get(|| async { "ok" }))
}

async fn panic() -> Response {
    panic!("handler's own words")
}

fn door() -> Door {
    Door::new(router(), authenticate(), Metrics::new(), Limits::default())
}

fn request(method: &str, target: &str) -> Builder {
    Request::builder()
        .method(method)
        .uri(target)
        .header(header::HOST, "ci.example")
        .header(header::AUTHORIZATION, TOKEN)
}

fn bare(method: &str, target: &str) -> Request {
    Request::builder().method(method).uri(target).body(Body::empty()).unwrap()
}

async fn send(request: Request) -> Answer {
    send_to(door(), request).await
}

async fn send_to(door: Door, request: Request) -> Answer {
    let response = door.oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, 1 << 20).await.unwrap();
    Answer { status: parts.status, headers: parts.headers, body: body.to_vec() }
}

async fn get_answer(target: &str) -> Answer {
    send(request("GET", target).body(Body::empty()).unwrap()).await
}

#[derive(Debug)]
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|e| panic!("{e}: {:?}", String::from_utf8_lossy(&self.body)))
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// A JSON error with this status and text, and the media type of api.md.
    #[track_caller]
    fn is_error(&self, status: u16, text: &str) {
        assert_eq!(self.status.as_u16(), status, "{}", String::from_utf8_lossy(&self.body));
        assert_eq!(self.header("content-type"), "application/json; charset=utf-8");
        assert_eq!(self.json(), json!({ "error": text }));
    }
}
