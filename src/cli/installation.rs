//! Opens an installation: database, blobs and keys as configured. Serves the
//! server, the demo and the admin commands alike.

use std::path::Path;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::app::{App, Clock, Settings};
use crate::blobs::Blobs;
use crate::config::{Config, Database, Mail, UnknownHosts};
use crate::db::Db;
use crate::db::queue::Limits;
use crate::error::{Error, Result};
use crate::notify::email::Mailer;
use crate::secrets::Keys;

/// Opens what `config` names, creating and migrating it where needed. Safe
/// while another process has it open.
pub async fn open(config: &Config) -> Result<Arc<App>> {
    create_private(&config.data_dir)?;
    let db = match &config.database {
        Database::Sqlite(path) => {
            if let Some(dir) = path.parent() {
                create_private(dir)?;
            }
            Db::open_sqlite(path).await?
        }
        Database::Postgres(url) => Db::open_postgres(url.expose()).await?,
    };
    db.migrate().await?;
    Ok(Arc::new(App {
        db,
        blobs: Blobs::open_local(&config.data_dir.join("blobs"))?,
        keys: Keys::open(&config.data_dir)?,
        mailer: mailer(config)?,
        clock: Clock::System,
        settings: Settings {
            public_url: config.public_url.clone(),
            dashboard_url: config.dashboard_url.clone(),
            ip_ranges: config.ip_ranges.clone(),
            max_build_ms: millis(config.limits.max_build),
            kill_grace_ms: millis(config.limits.kill_grace),
            lease_ms: millis(config.limits.lease),
            requests_per_minute: config.limits.requests_per_minute,
            limits: Limits {
                all: config.limits.max_running.map(i64::from),
                per_organisation: config.limits.max_running_per_organisation.map(i64::from),
                ios: config.limits.max_running_ios.map(i64::from),
                android: config.limits.max_running_android.map(i64::from),
            },
            reconcile_ms: i64::try_from(config.webhooks.reconcile.as_millis()).unwrap_or(i64::MAX),
            scratch_dir: config.data_dir.join("scratch"),
            record_ssh_hosts: config.unknown_hosts == UnknownHosts::Record,
            link_ttl_ms: i64::try_from(config.links.ttl.as_millis()).unwrap_or(i64::MAX),
            reports_per_minute: config.limits.reports_per_minute,
        },
        closing: CancellationToken::new(),
        symbolicating: tokio::sync::Semaphore::new(1),
    }))
}

fn mailer(config: &Config) -> Result<Mailer> {
    let Mail { smtp_url, from } = &config.mail;
    match smtp_url {
        Some(url) => Mailer::smtp(url, from),
        None => Mailer::folder(config.data_dir.join("mail"), from),
    }
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Creates `dir` for its owner only: it holds keys and build logs.
fn create_private(dir: &Path) -> Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(|cause| {
        Error::Invalid(format!("the folder {} cannot be created: {cause}", dir.display()))
    })
}
