//! What `/metrics` shows, in the OpenMetrics text format. Counts only what it
//! is told; the doors bring in the numbers that live in the database.

use std::fmt::{self, Write as _};
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::MatchedPath;
use axum::http::Method;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::error::{Error, Result};
use crate::model::build::BuildStatus;

/// The media type of [`Metrics::render`].
pub const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Upper bounds in seconds; show-build takes well under one millisecond.
const BUCKETS: [f64; 12] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0];

/// Cheap to clone; all clones count together.
#[derive(Debug, Clone)]
pub struct Metrics {
    registry: Arc<Registry>,
    requests: Family<RequestLabels, Counter>,
    durations: Family<RouteLabels, Histogram, fn() -> Histogram>,
    builds: Family<StatusLabels, Gauge>,
    queue_length: Gauge,
    builds_ended: Family<StatusLabels, Counter>,
    log_bytes: Counter,
}

/// A route as written in the router, never the path of a request: the number
/// of series must not grow with the number of builds.
#[derive(Debug, Clone)]
struct Route(Option<MatchedPath>);

impl Route {
    fn as_str(&self) -> &str {
        self.0.as_ref().map_or("unmatched", MatchedPath::as_str)
    }
}

impl PartialEq for Route {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Route {}

impl Hash for Route {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl EncodeLabelValue for Route {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
        encoder.write_str(self.as_str())
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: &'static str,
    route: Route,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    route: Route,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StatusLabels {
    status: &'static str,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    pub fn new() -> Self {
        let mut metrics = Self {
            registry: Arc::default(),
            requests: Family::default(),
            durations: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
            builds: Family::default(),
            queue_length: Gauge::default(),
            builds_ended: Family::default(),
            log_bytes: Counter::default(),
        };
        metrics.registry = Arc::new(metrics.register());
        metrics
    }

    fn register(&self) -> Registry {
        let mut all = Registry::with_prefix("shipmate");
        all.register("http_requests", "Answered requests", self.requests.clone());
        all.register_with_unit(
            "http_request_duration",
            "Time until the head of the response was ready",
            Unit::Seconds,
            self.durations.clone(),
        );
        all.register("builds", "Builds by status", self.builds.clone());
        all.register("queue_length", "Builds waiting for an agent", self.queue_length.clone());
        all.register("builds_ended", "Builds that ended, by status", self.builds_ended.clone());
        all.register_with_unit(
            "log",
            "Plain bytes of build log received",
            Unit::Bytes,
            self.log_bytes.clone(),
        );
        all
    }

    /// One answered request.
    pub fn count_request(
        &self,
        method: &Method,
        route: Option<&MatchedPath>,
        status: u16,
        took: Duration,
    ) {
        let route = Route(route.cloned());
        self.durations
            .get_or_create(&RouteLabels { route: route.clone() })
            .observe(took.as_secs_f64());
        self.requests
            .get_or_create(&RequestLabels { method: method_label(method), route, status })
            .inc();
    }

    /// The number of builds that have `status` now. `queued` is the queue.
    pub fn set_builds(&self, status: BuildStatus, number: i64) {
        self.builds.get_or_create(&StatusLabels { status: status.as_str() }).set(number);
        if status == BuildStatus::Queued {
            self.queue_length.set(number);
        }
    }

    /// One build has just ended with `status`.
    pub fn count_ended_build(&self, status: BuildStatus) {
        self.builds_ended.get_or_create(&StatusLabels { status: status.as_str() }).inc();
    }

    /// Plain bytes of log that an agent has just delivered.
    pub fn add_log_bytes(&self, bytes: u64) {
        self.log_bytes.inc_by(bytes);
    }

    /// All of it as text of [`MEDIA_TYPE`].
    pub fn render(&self) -> Result<String> {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry)
            .map_err(|e| Error::internal("writing metrics", e))?;
        Ok(text)
    }
}

/// Methods are free text on the wire; each unknown one would be a new series.
fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}
