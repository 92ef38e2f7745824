//! The one layer around the whole router. Before routing: request id, slashes,
//! limits, authentication, repeated calls. After it: panics, CORS, 404 instead of
//! 405, unchanged answers, `HEAD`, metrics and the access log. No product rule, no route; one layer instead of
//! ten, because each costs every request an allocation or two.

use std::any::Any;
use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use tokio::sync::Semaphore;
use tower::{Layer, Service};

use crate::error::Error;
use crate::http::auth::{self, Authenticate};
use crate::http::error::{Cause, Fault};
use crate::http::idempotency::{IDEMPOTENCY_KEY, Replay};
use crate::http::metrics::Metrics;
use crate::http::params::last_value;
use crate::http::rate::RateLimit;
use crate::http::request_id::{RequestId, X_REQUEST_ID};
use crate::http::{cors, etag, path};
use crate::model::account::Actor;
use crate::model::secret::Secret;

/// The contract is public, so it is readable without a token.
const PUBLIC_PATHS: [&str; 1] = ["/v1/openapi.json"];
/// The only path that takes its token from the query (api.md 1.3).
const CCMENU_PATH: &str = "/v1/ccmenu";

/// Limits of the doors for people and API clients. Agents are exempt: they
/// long-poll and upload for minutes.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Until a handler must have answered; a body that streams may take longer.
    pub deadline: Duration,
    /// Handlers that may run at once; more are refused with 503.
    pub max_concurrent: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { deadline: Duration::from_secs(60), max_concurrent: 512 }
    }
}

/// What a door asks beside the token; without them it only routes.
#[derive(Debug, Default)]
pub struct Guards {
    pub rate: Option<RateLimit>,
    pub replay: Option<Replay>,
}

/// The router behind all conventions of api.md section 1; serve it with
/// `axum::ServiceExt::into_make_service`.
#[derive(Clone)]
pub struct Door {
    shared: Arc<Shared>,
}

struct Shared {
    router: Router,
    authenticate: Authenticate,
    metrics: Metrics,
    guards: Guards,
    deadline: Duration,
    slots: Semaphore,
}

/// Who may come in by which rules, decided by the path alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Area {
    /// `/v1`: bearer token, CORS, limits.
    Api,
    /// `/agent`: no limits; its handlers know agents' tokens.
    Agent,
    /// Health and metrics: must answer while everything else is refused.
    Probe,
    /// Everything else: limits only.
    Page,
}

impl Area {
    fn of(path: &str) -> Self {
        let is_under = |prefix| {
            path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        if is_under("/v1") {
            Self::Api
        } else if is_under("/agent") {
            Self::Agent
        } else if matches!(path, "/healthz" | "/readyz" | "/metrics") {
            Self::Probe
        } else {
            Self::Page
        }
    }
}

/// One request, as far as the log and the metrics need it.
#[derive(Debug)]
struct Visit {
    id: RequestId,
    method: Method,
    area: Area,
    started: Instant,
    /// The entity tags that the caller knows, if this is a `GET`.
    known: Option<HeaderValue>,
    /// Set by [`NoteRoute`] once the router has matched.
    route: OnceLock<MatchedPath>,
}

impl Visit {
    fn route(&self) -> &str {
        self.route.get().map_or("unmatched", MatchedPath::as_str)
    }
}

impl Door {
    pub fn new(
        router: Router,
        authenticate: Authenticate,
        metrics: Metrics,
        limits: Limits,
    ) -> Self {
        Self::guarded(router, authenticate, metrics, (limits, Guards::default()))
    }

    /// A door with guards.
    pub fn guarded(
        router: Router,
        authenticate: Authenticate,
        metrics: Metrics,
        (limits, guards): (Limits, Guards),
    ) -> Self {
        let router = router.fallback(not_found).layer(NoteRoute);
        let slots = Semaphore::new(limits.max_concurrent.min(Semaphore::MAX_PERMITS));
        let deadline = limits.deadline;
        Self { shared: Arc::new(Shared { router, authenticate, metrics, guards, deadline, slots }) }
    }
}

impl Service<Request> for Door {
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move { Ok(shared.answer(request).await) })
    }
}

async fn not_found() -> Error {
    Error::not_found()
}

impl Shared {
    async fn answer(&self, mut request: Request) -> Response {
        path::collapse_slashes(request.uri_mut());
        let visit = Arc::new(Visit {
            id: RequestId::of(request.headers()),
            method: request.method().clone(),
            area: Area::of(request.uri().path()),
            started: Instant::now(),
            known: request.headers().get(header::IF_NONE_MATCH).cloned(),
            route: OnceLock::new(),
        });
        request.extensions_mut().insert(Arc::clone(&visit));
        let response = AssertUnwindSafe(self.admit(visit.area, request))
            .catch_unwind()
            .await
            .unwrap_or_else(|payload| panicked(&*payload));
        self.finish(&visit, response)
    }

    async fn admit(&self, area: Area, request: Request) -> Response {
        match area {
            Area::Api if request.method() == Method::OPTIONS => cors::preflight(request.headers()),
            Area::Agent | Area::Probe => self.route(request).await,
            Area::Api | Area::Page => {
                let Ok(_slot) = self.slots.try_acquire() else {
                    return Error::Unavailable("all handlers are busy".into()).into_response();
                };
                let answer = async {
                    match area {
                        Area::Api => self.route_signed_in(request).await,
                        _ => self.route(request).await,
                    }
                };
                match tokio::time::timeout(self.deadline, answer).await {
                    Ok(response) => response,
                    Err(_) => {
                        Error::Timeout("the handler's deadline has passed".into()).into_response()
                    }
                }
            }
        }
    }

    async fn route_signed_in(&self, request: Request) -> Response {
        if !PUBLIC_PATHS.contains(&request.uri().path()) {
            let token = match find_token(&request) {
                Ok(token) => token,
                Err(fault) => return fault.into_response(),
            };
            match (self.authenticate)(token).await {
                Ok(Some(actor)) => return self.route_within_rate(actor, request).await,
                Ok(None) => return Fault::InvalidToken.into_response(),
                Err(error) => return error.into_response(),
            };
        }
        self.route(request).await
    }

    async fn route_within_rate(&self, actor: Actor, request: Request) -> Response {
        let Some(rate) = &self.guards.rate else {
            return self.route_once(actor, request).await;
        };
        let standing = rate.count(&actor.token_id);
        let mut response = if standing.is_within {
            self.route_once(actor, request).await
        } else {
            Fault::TooMany { retry_after: standing.reset }.into_response()
        };
        rate.show(standing, response.headers_mut());
        response
    }

    async fn route_once(&self, actor: Actor, mut request: Request) -> Response {
        let is_keyed =
            request.method() == Method::POST && request.headers().contains_key(IDEMPOTENCY_KEY);
        match &self.guards.replay {
            Some(replay) if is_keyed => {
                if let Err(error) = path::check_utf8(request.uri()) {
                    return error.into_response();
                }
                let token = actor.token_id.clone();
                request.extensions_mut().insert(actor);
                replay.answer(&token, self.router.clone(), request).await
            }
            _ => {
                request.extensions_mut().insert(actor);
                self.route(request).await
            }
        }
    }

    async fn route(&self, request: Request) -> Response {
        if let Err(error) = path::check_utf8(request.uri()) {
            return error.into_response();
        }
        let Ok(response) = self.router.clone().call(request).await;
        response
    }

    fn finish(&self, visit: &Visit, mut response: Response) -> Response {
        // axum's answer to a known path with an unknown method (api.md 1.1).
        if response.status() == StatusCode::METHOD_NOT_ALLOWED {
            response = Error::not_found().into_response();
        }
        if !matches!(visit.method, Method::GET | Method::HEAD) {
            response.headers_mut().remove(header::ETAG);
        } else if let Some(known) = &visit.known {
            etag::answer_unchanged(known, &mut response);
        }
        if visit.area == Area::Api {
            cors::allow_every_origin(response.headers_mut());
        }
        response.headers_mut().insert(X_REQUEST_ID, visit.id.to_header());
        if let Some(cause) = response.extensions_mut().remove::<Cause>() {
            log_cause(visit, response.status(), &cause);
        }
        let took = visit.started.elapsed();
        let status = response.status().as_u16();
        self.metrics.count_request(&visit.method, visit.route.get(), status, took);
        // Never the path or the query: they may hold keys.
        tracing::debug!(
            target: "shipmate::access",
            method = visit.method.as_str(),
            route = visit.route(),
            status,
            micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
            request_id = visit.id.as_str(),
        );
        if visit.method == Method::HEAD {
            drop_body(&mut response);
        }
        response
    }
}

fn find_token(request: &Request) -> Result<Secret, Fault> {
    let in_query = || {
        let query = request.uri().query().filter(|_| request.uri().path() == CCMENU_PATH)?;
        last_value(query, "access_token")
    };
    match auth::bearer_token(request.headers()) {
        Err(Fault::NoToken) => in_query().map_or(Err(Fault::NoToken), |t| auth::read_token(&t)),
        other => other,
    }
}

fn log_cause(visit: &Visit, status: StatusCode, cause: &Cause) {
    let (method, route, id) = (visit.method.as_str(), visit.route(), visit.id.as_str());
    if status == StatusCode::INTERNAL_SERVER_ERROR {
        tracing::error!(method, route, request_id = id, cause = &*cause.0, "request failed");
    } else {
        tracing::warn!(method, route, request_id = id, cause = &*cause.0, "request refused");
    }
}

fn panicked(payload: &(dyn Any + Send)) -> Response {
    let text = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    Error::bug("a handler panicked", text).into_response()
}

/// Keeps the length that `GET` would have sent.
fn drop_body(response: &mut Response) {
    if let Some(length) = response.body().size_hint().exact()
        && length > 0
        && !response.headers().contains_key(header::CONTENT_LENGTH)
    {
        response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    *response.body_mut() = Body::empty();
}

/// Tells the [`Visit`] which route has matched, which only the inside of the
/// router knows.
#[derive(Debug, Clone, Copy)]
struct NoteRoute;

impl<S> Layer<S> for NoteRoute {
    type Service = Noted<S>;

    fn layer(&self, inner: S) -> Noted<S> {
        Noted(inner)
    }
}

#[derive(Debug, Clone)]
struct Noted<S>(S);

impl<S: Service<Request>> Service<Request> for Noted<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> S::Future {
        let extensions = request.extensions();
        if let (Some(visit), Some(route)) =
            (extensions.get::<Arc<Visit>>(), extensions.get::<MatchedPath>())
        {
            // Already set only if routers were nested; the outer one is right.
            let _ = visit.route.set(route.clone());
        }
        self.0.call(request)
    }
}
