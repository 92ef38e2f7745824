//! What every product room stands on, built once and passed as `Arc<App>`.
//! No logic and no globals; the time comes from its clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use tokio_util::sync::CancellationToken;

use crate::blobs::Blobs;
use crate::db::Db;
use crate::db::queue::Limits;
use crate::model::time::Millis;
use crate::notify::email::Mailer;
use crate::secrets::Keys;

/// The running installation.
#[derive(Debug)]
pub struct App {
    pub db: Db,
    pub blobs: Blobs,
    pub keys: Keys,
    pub mailer: Mailer,
    pub clock: Clock,
    pub settings: Settings,
    /// Fired when the server shuts down: calls that wait answer at once.
    pub closing: CancellationToken,
    /// Held while the symbols of a crash are read, which takes much memory.
    pub symbolicating: tokio::sync::Semaphore,
}

/// The part of the configuration that product rooms need.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Origin of the API, without a slash at the end.
    pub public_url: String,
    /// Origin of the dashboard, without a slash at the end.
    pub dashboard_url: String,
    /// Answer of `GET /v1/ip-ranges`.
    pub ip_ranges: Vec<String>,
    /// Longest time a build may run (QUE-4).
    pub max_build_ms: u64,
    /// Between SIGTERM and SIGKILL.
    pub kill_grace_ms: u64,
    /// A build whose agent is silent for this long is lost.
    pub lease_ms: u64,
    /// Calls that a token may make in a minute; 0 = as many as it likes.
    pub requests_per_minute: u32,
    /// Builds running at once (QUE-2).
    pub limits: Limits,
    /// For folders that live no longer than one job.
    pub scratch_dir: std::path::PathBuf,
    /// How often each remote is looked at for what no webhook told; 0 = never.
    pub reconcile_ms: i64,
    /// The keys that an SSH host shows first are kept; else nobody is believed
    /// whose keys no owner has entered.
    pub record_ssh_hosts: bool,
    /// Life of a signed download link.
    pub link_ttl_ms: i64,
    /// Calls of one device's SDK, at once and on average.
    pub reports_per_minute: u32,
}

/// Where the time comes from.
#[derive(Debug, Clone)]
pub enum Clock {
    System,
    /// Set by tests; milliseconds since the epoch.
    Fixed(Arc<AtomicI64>),
}

impl Clock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock that everything else asks")]
    pub fn now(&self) -> Millis {
        match self {
            Self::System => {
                let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
                Millis(since.map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX)))
            }
            Self::Fixed(at) => Millis(at.load(Ordering::SeqCst)),
        }
    }
}
