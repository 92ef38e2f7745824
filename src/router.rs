//! Every route of the server, grouped by who calls it. Wires doors and layers;
//! no product rule.

use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use axum::routing::get;

use crate::accounts::tokens::{self, LastUses};
use crate::api::v1::docs::DocsPage;
use crate::api::v1::openapi;
use crate::app::App;
use crate::error::{Error, Result};
use crate::http::auth::authenticate_by;
use crate::http::idempotency::Replay;
use crate::http::metrics::{MEDIA_TYPE, Metrics};
use crate::http::middleware::{Door, Guards, Limits};
use crate::http::rate::RateLimit;
use crate::http::reply;
use crate::{agent_api, api, dashboard, db, hooks, sdk};

/// The whole server behind its conventions.
pub fn door(app: Arc<App>) -> Result<Door> {
    let metrics = Metrics::new();
    let router = Router::new()
        .merge(api::v1::routes())
        .merge(api::internal::routes())
        .merge(agent_api::routes())
        .merge(dashboard::routes())
        .merge(sdk::routes(app.settings.reports_per_minute))
        .merge(hooks::routes())
        .merge(probes(metrics.clone()))
        .merge(reference())
        .with_state(app.clone());
    let guards = Guards {
        rate: RateLimit::new(app.settings.requests_per_minute, app.clock.clone())?,
        replay: Some(Replay(app.clone())),
    };
    let uses = Arc::<LastUses>::default();
    let authenticate = authenticate_by(move |token| {
        let (app, uses) = (app.clone(), uses.clone());
        async move { tokens::recall_actor(&app, &uses, token.expose()).await }
    });
    Ok(Door::guarded(router, authenticate, metrics, (Limits::default(), guards)))
}

/// For load balancers and Prometheus.
fn probes(metrics: Metrics) -> Router<Arc<App>> {
    Router::new()
        .route("/healthz", get(|| async { reply::text("ok\n") }))
        .route("/readyz", get(ready))
        .route("/metrics", get(move |state| show_metrics(state, metrics.clone())))
}

/// 200 when the database answers.
async fn ready(State(app): State<Arc<App>>) -> Result<Response> {
    let mut tx = app.db.read().await?;
    db::builds::has_queued(&mut tx).await?;
    Ok(reply::text("ready\n"))
}

async fn show_metrics(State(app): State<Arc<App>>, metrics: Metrics) -> Result<Response> {
    let mut tx = app.db.read().await?;
    for (status, count) in db::builds::count_by_status(&mut tx).await? {
        let status = status.parse().map_err(|e: String| Error::internal("reading metrics", e))?;
        metrics.set_builds(status, count);
    }
    let text = metrics.render()?;
    Ok(reply::with_type(StatusCode::OK, HeaderValue::from_static(MEDIA_TYPE), text.into()))
}

/// The API's description for machines and people. Made when it is first asked
/// for: most servers never are, and making it takes megabytes.
#[derive(Default)]
struct Reference {
    made: OnceLock<(Bytes, DocsPage)>,
}

impl Reference {
    fn get(&self, app: &App) -> Result<&(Bytes, DocsPage)> {
        if let Some(made) = self.made.get() {
            return Ok(made);
        }
        let document = openapi::document();
        let json = openapi::to_json(&document)?;
        let page = DocsPage::new(&document, &app.settings.public_url)?;
        Ok(self.made.get_or_init(|| (json.into(), page)))
    }
}

fn reference() -> Router<Arc<App>> {
    let reference = Arc::<Reference>::default();
    let of_page = reference.clone();
    let json = move |State(app): State<Arc<App>>| async move {
        let (json, _) = reference.get(&app)?;
        Ok::<_, Error>(reply::json_bytes(StatusCode::OK, json.clone()))
    };
    let page = move |State(app): State<Arc<App>>| async move {
        let (_, page) = of_page.get(&app)?;
        Ok::<_, Error>(page.respond())
    };
    Router::new().route("/v1/openapi.json", get(json)).route("/docs", get(page))
}
