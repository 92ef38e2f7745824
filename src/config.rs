//! Where the server's settings come from: flags, then `SHIPMATE_*` variables,
//! then `shipmate.toml`, then defaults. The only room that reads the
//! environment or that file. All faults are reported together, each with the
//! place it came from. Starts nothing and creates no file or folder.

mod environment;
mod fault;
mod file;
mod layers;
mod parse;
mod settings;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tracing_subscriber::filter::Targets;

use crate::model::secret::Secret;

pub use environment::Environment;
pub use fault::{Fault, Faults, Source};
use layers::Layers;
pub use parse::label;

/// Most in-process builds at once unless configured: a mobile build uses
/// several cores and gigabytes of memory by itself.
const DEFAULT_SLOTS_CAP: usize = 4;

/// Stops only clients gone wild unless configured.
const DEFAULT_REQUESTS_PER_MINUTE: u32 = 600_000;

/// What a command line says about the settings. Values are still text, so that
/// a wrong flag is reported together with the other faults.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    /// `--config`: the file to read; it must exist.
    pub config: Option<PathBuf>,
    pub listen: Option<String>,
    pub data_dir: Option<String>,
    pub public_url: Option<String>,
    /// May carry a password.
    pub database_url: Option<Secret>,
    pub agent_slots: Option<String>,
}

/// The effective settings. Paths are absolute if the working directory is.
#[derive(Debug, Clone)]
pub struct Config {
    pub listen: SocketAddr,
    pub data_dir: PathBuf,
    /// Origin of the API, `scheme://host[:port]` without a slash at the end.
    pub public_url: String,
    /// Origin of the dashboard, same form.
    pub dashboard_url: String,
    pub database: Database,
    /// CIDR blocks that `GET /v1/ip-ranges` answers (api.md 4.17).
    pub ip_ranges: Vec<String>,
    pub agent: Agent,
    pub limits: Limits,
    pub webhooks: Webhooks,
    pub unknown_hosts: UnknownHosts,
    pub links: Links,
    pub mail: Mail,
    pub log: Log,
    /// The file that was read, if any.
    pub file: Option<PathBuf>,
    sources: BTreeMap<&'static str, Source>,
}

/// Where the rows are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Database {
    /// The database file; its folder may not exist yet.
    Sqlite(PathBuf),
    /// A `postgres://` URL, possibly with a password.
    Postgres(Secret),
}

/// The agent inside the server process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent {
    /// Builds at once; 0 = no in-process agent.
    pub slots: u32,
    pub labels: BTreeMap<String, String>,
    pub work_dir: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Longest time from claim to end (QUE-4).
    pub max_build: Duration,
    /// Between SIGTERM and SIGKILL.
    pub kill_grace: Duration,
    /// A build whose agent is silent for this long is lost.
    pub lease: Duration,
    /// Calls that a token may make in a minute; 0 = no limit.
    pub requests_per_minute: u32,
    /// Calls of one device's SDK, at once and on average.
    pub reports_per_minute: u32,
    /// Builds running at once (QUE-2); `None` = no limit.
    pub max_running: Option<u32>,
    pub max_running_per_organisation: Option<u32>,
    pub max_running_ios: Option<u32>,
    pub max_running_android: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Webhooks {
    /// How often each remote is looked at for what no webhook told; zero = never.
    pub reconcile: Duration,
}

/// What happens with an SSH host that nobody has named yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnknownHosts {
    /// Its keys of the first contact are kept, and no others taken after that.
    Record,
    /// An owner has to enter its keys first.
    Refuse,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Links {
    /// How long a signed download link works.
    pub ttl: Duration,
}

/// How mail leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// May hold a password. `None`: mail is written to the data folder.
    pub smtp_url: Option<Secret>,
    pub from: String,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Log {
    pub format: LogFormat,
    pub level: Targets,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

/// One setting as `check-config` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effective {
    pub key: &'static str,
    /// Without secrets.
    pub value: String,
    pub source: Source,
}

impl Config {
    /// Reads every layer. `cwd` is what relative paths in flags and variables
    /// start from; relative paths in the file start from the file's folder.
    pub fn load(
        flags: &Flags,
        env: impl IntoIterator<Item = (OsString, OsString)>,
        cwd: &Path,
    ) -> Result<Self, Faults> {
        let mut layers = Layers::read(flags, env, cwd);
        let config = Self::resolve(&mut layers, cwd);
        layers.into_result(config)
    }

    fn resolve(layers: &mut Layers, cwd: &Path) -> Self {
        let listen = layers
            .take("listen", parse::address)
            .unwrap_or(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080));
        let data_dir =
            layers.take("data_dir", parse::path).unwrap_or_else(|| cwd.join(file::DATA_DIR));
        let public_url =
            layers.take("public_url", parse::origin).unwrap_or_else(|| origin_of(listen));
        let dashboard_url =
            layers.take("dashboard_url", parse::origin).unwrap_or_else(|| public_url.clone());
        let database = layers
            .take("database_url", parse::database)
            .unwrap_or_else(|| Database::Sqlite(data_dir.join("shipmate.db")));
        let agent = Agent {
            slots: layers.take("agent.slots", parse::number(0, 64)).unwrap_or_else(default_slots),
            labels: layers.take("agent.labels", parse::labels).unwrap_or_default(),
            work_dir: layers
                .take("agent.work_dir", parse::path)
                .unwrap_or_else(|| data_dir.join("agent")),
        };
        Self {
            listen,
            public_url,
            dashboard_url,
            database,
            ip_ranges: layers.take("ip_ranges", parse::ip_ranges).unwrap_or_default(),
            agent,
            limits: resolve_limits(layers),
            webhooks: Webhooks {
                reconcile: minutes(
                    layers.take("webhooks.poll_minutes", parse::number(0, 1_440)).unwrap_or(5),
                ),
            },
            unknown_hosts: layers
                .take("ssh.unknown_hosts", parse::unknown_hosts)
                .unwrap_or(UnknownHosts::Record),
            links: Links {
                ttl: minutes(
                    layers.take("links.ttl_minutes", parse::number(1, 525_600)).unwrap_or(24 * 60),
                ),
            },
            mail: Mail {
                smtp_url: layers.take("mail.smtp_url", parse::smtp_url),
                from: layers
                    .take("mail.from", parse::mailbox)
                    .unwrap_or_else(|| "Shipmate <shipmate@localhost>".into()),
            },
            log: Log {
                format: layers.take("log.format", parse::log_format).unwrap_or(LogFormat::Text),
                level: layers
                    .take("log.level", parse::log_level)
                    .unwrap_or_else(|| Targets::new().with_default(tracing::Level::INFO)),
            },
            file: layers.file.clone(),
            sources: layers.sources(),
            data_dir,
        }
    }

    /// Notes the address the server really listens on: `listen` may ask for
    /// port 0, and URLs that were not configured follow the bound port.
    #[must_use]
    pub fn bound_to(mut self, address: SocketAddr) -> Self {
        self.listen = address;
        if !self.sources.contains_key("public_url") {
            self.public_url = origin_of(address);
        }
        if !self.sources.contains_key("dashboard_url") {
            self.dashboard_url.clone_from(&self.public_url);
        }
        self
    }

    /// Where the value of `key` came from.
    pub fn source(&self, key: &str) -> Source {
        self.sources.get(key).cloned().unwrap_or(Source::Default)
    }

    /// Every setting in the order of the example file, without secrets.
    pub fn effective(&self) -> Vec<Effective> {
        settings::SETTINGS
            .iter()
            .map(|setting| Effective {
                key: setting.key,
                value: self.shown(setting.key),
                source: self.source(setting.key),
            })
            .collect()
    }

    fn shown(&self, key: &str) -> String {
        match key {
            "listen" => self.listen.to_string(),
            "data_dir" => self.data_dir.display().to_string(),
            "public_url" => self.public_url.clone(),
            "dashboard_url" => self.dashboard_url.clone(),
            "database_url" => self.database.redacted(),
            "ip_ranges" => self.ip_ranges.join(", "),
            "agent.slots" => self.agent.slots.to_string(),
            "agent.labels" => {
                let labels = self.agent.labels.iter().map(|(key, value)| format!("{key}={value}"));
                labels.collect::<Vec<_>>().join(", ")
            }
            "agent.work_dir" => self.agent.work_dir.display().to_string(),
            "limits.max_build_minutes" => (self.limits.max_build.as_secs() / 60).to_string(),
            "limits.kill_grace_seconds" => self.limits.kill_grace.as_secs().to_string(),
            "limits.lease_seconds" => self.limits.lease.as_secs().to_string(),
            "limits.requests_per_minute" => self.limits.requests_per_minute.to_string(),
            "limits.reports_per_minute" => self.limits.reports_per_minute.to_string(),
            "limits.max_running" => limit(self.limits.max_running),
            "limits.max_running_per_organisation" => {
                limit(self.limits.max_running_per_organisation)
            }
            "limits.max_running_ios" => limit(self.limits.max_running_ios),
            "limits.max_running_android" => limit(self.limits.max_running_android),
            "webhooks.poll_minutes" => (self.webhooks.reconcile.as_secs() / 60).to_string(),
            "ssh.unknown_hosts" => match self.unknown_hosts {
                UnknownHosts::Record => "record".into(),
                UnknownHosts::Refuse => "refuse".into(),
            },
            "links.ttl_minutes" => (self.links.ttl.as_secs() / 60).to_string(),
            "mail.smtp_url" => self
                .mail
                .smtp_url
                .as_ref()
                .map(|url| parse::redact(url.expose()))
                .unwrap_or_default(),
            "mail.from" => self.mail.from.clone(),
            "log.format" => match self.log.format {
                LogFormat::Text => "text".into(),
                LogFormat::Json => "json".into(),
            },
            "log.level" => self.log.level.to_string(),
            other => unreachable!("setting {other} is listed but not shown"),
        }
    }
}

impl Database {
    /// The database's place without its password.
    pub fn redacted(&self) -> String {
        match self {
            Self::Sqlite(path) => format!("sqlite:{}", path.display()),
            Self::Postgres(url) => parse::redact(url.expose()),
        }
    }
}

fn resolve_limits(layers: &mut Layers) -> Limits {
    Limits {
        max_build: minutes(
            layers.take("limits.max_build_minutes", parse::number(1, 10_080)).unwrap_or(120),
        ),
        kill_grace: Duration::from_secs(u64::from(
            layers.take("limits.kill_grace_seconds", parse::number(0, 600)).unwrap_or(10),
        )),
        lease: Duration::from_secs(u64::from(
            layers.take("limits.lease_seconds", parse::number(2, 3_600)).unwrap_or(60),
        )),
        requests_per_minute: layers
            .take("limits.requests_per_minute", parse::number(0, 100_000_000))
            .unwrap_or(DEFAULT_REQUESTS_PER_MINUTE),
        reports_per_minute: layers
            .take("limits.reports_per_minute", parse::number(1, 10_000))
            .unwrap_or(60),
        max_running: layers.take("limits.max_running", parse::number(1, 10_000)),
        max_running_per_organisation: layers
            .take("limits.max_running_per_organisation", parse::number(1, 10_000)),
        max_running_ios: layers.take("limits.max_running_ios", parse::number(1, 10_000)),
        max_running_android: layers.take("limits.max_running_android", parse::number(1, 10_000)),
    }
}

fn limit(value: Option<u32>) -> String {
    value.map(|limit| limit.to_string()).unwrap_or_default()
}

fn minutes(count: u32) -> Duration {
    Duration::from_secs(u64::from(count) * 60)
}

fn default_slots() -> u32 {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    cores.min(DEFAULT_SLOTS_CAP) as u32
}

/// The URL under which a listening address is reached from the same machine.
fn origin_of(address: SocketAddr) -> String {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    format!("http://{}", SocketAddr::new(ip, address.port()))
}

#[cfg(test)]
mod tests;
