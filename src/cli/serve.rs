//! `shipmate serve`: starts every role in one process and stops them in order.

use std::future::IntoFuture;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use axum::ServiceExt;
use axum::extract::Request;
use clap::Args;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::{ConfigArgs, Console, Failure, Result, demo, installation};
use crate::accounts::first_run;
use crate::app::App;
use crate::config::{Config, Flags, LogFormat};
use crate::model::secret::Secret;
use crate::{accounts, agent, db, jobs, protocol, router};

/// Requests under way get this long after a signal.
const DRAIN: Duration = Duration::from_secs(5);
/// Name of the token that the in-process agent uses.
const AGENT_TOKEN_NAME: &str = "in-process";

#[derive(Debug, Clone, Default, Args)]
pub struct ServeArgs {
    #[command(flatten)]
    pub settings: SettingsArgs,
    /// Add a sample repository, build it and show the result
    #[arg(long)]
    pub demo: bool,
}

/// Every setting that has a flag.
#[derive(Debug, Clone, Default, Args)]
pub struct SettingsArgs {
    /// Address and port to listen on [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<String>,
    #[command(flatten)]
    pub place: ConfigArgs,
    /// Where clients reach the API [default: http:// and the listening address]
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// Builds at once in this process, 0 for none
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    pub agent_slots: Option<String>,
}

impl SettingsArgs {
    pub fn flags(&self) -> Flags {
        Flags {
            listen: self.listen.clone(),
            public_url: self.public_url.clone(),
            agent_slots: self.agent_slots.clone(),
            ..self.place.flags()
        }
    }
}

pub async fn run(args: ServeArgs, console: &mut Console) -> Result {
    let config = super::load(&args.settings.flags(), console)?;
    log_to_stderr(&config.log);
    serve(config, args.demo).await.map_err(|error| Failure::failed(format!("{error:#}")))
}

/// Starts the process's log; a second start, in a test, changes nothing.
pub fn log_to_stderr(log: &crate::config::Log) {
    use tracing_subscriber::prelude::*;
    let registry = tracing_subscriber::registry();
    let text = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let _ = match log.format {
        LogFormat::Text => registry.with(text.with_filter(log.level.clone())).try_init(),
        LogFormat::Json => registry.with(text.json().with_filter(log.level.clone())).try_init(),
    };
}

/// Runs until SIGINT or SIGTERM.
pub async fn serve(config: Config, with_demo: bool) -> anyhow::Result<()> {
    let listener = TcpListener::bind(config.listen)
        .await
        .with_context(|| format!("cannot listen on {}; choose another --listen", config.listen))?;
    let address = listener.local_addr()?;
    let config = config.bound_to(address);
    let app = installation::open(&config).await?;
    let first = welcome(&app).await?;
    let stop = CancellationToken::new();
    let door = router::door(app.clone())?;
    let http = axum::serve(
        listener,
        ServiceExt::<Request>::into_make_service_with_connect_info::<SocketAddr>(door),
    )
    .with_graceful_shutdown(app.closing.clone().cancelled_owned());
    let http = tokio::spawn(http.into_future());
    let jobs = tokio::spawn(jobs::run(app.clone(), stop.clone()));
    let rounds = tokio::spawn(jobs::reconcile::run(app.clone(), stop.clone()));
    let reaper = tokio::spawn(jobs::reap_leases(app.clone(), stop.clone()));
    let deployer = tokio::spawn(jobs::deploy_on_schedule(app.clone(), stop.clone()));
    let scheduler = tokio::spawn(jobs::schedules::run(app.clone(), stop.clone()));
    let sweeper = tokio::spawn(jobs::sweep(app.clone(), stop.clone()));
    let agent_stop = CancellationToken::new();
    let mut agent =
        tokio::spawn(run_agent(app.clone(), config.clone(), address, agent_stop.clone()));
    announce(&config, &first);
    if with_demo {
        let app = app.clone();
        let dir = config.data_dir.clone();
        tokio::spawn(async move {
            if let Err(error) = demo::run(&app, &dir).await {
                eprintln!("The demo failed: {error:#}");
            }
        });
    }
    let ended = tokio::select! {
        signal = stop_signal() => signal.map(|()| None)?,
        result = &mut agent => Some(result),
    };
    tracing::info!("shutting down");
    // The agent goes first: it gives its builds back while the API still answers.
    agent_stop.cancel();
    let agent_result = match ended {
        Some(result) => result,
        None => agent.await,
    };
    stop.cancel();
    app.closing.cancel();
    let drained = tokio::time::timeout(DRAIN, async {
        tokio::join!(http, jobs, rounds, reaper, deployer, scheduler, sweeper)
    })
    .await;
    if drained.is_err() {
        tracing::warn!("some requests did not end in time and were cut off");
    }
    app.db.close().await;
    agent_result.context("the in-process agent panicked")?
}

pub async fn stop_signal() -> anyhow::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}

/// What a server says that has no owner yet.
struct Welcome {
    /// Of the first administrator, shown this once.
    token: Option<Secret>,
    /// Where somebody becomes the owner.
    link: Option<String>,
}

/// Makes the first administrator when there is no user at all, and a link for
/// whoever shall be it.
async fn welcome(app: &App) -> anyhow::Result<Welcome> {
    let mut tx = app.db.write().await?;
    let now = app.clock.now();
    let token = match db::accounts::has_users(&mut tx).await? {
        true => None,
        false => {
            let name = Some("Administrator");
            Some(accounts::add_user(&mut tx, first_run::NOBODY, name, true, now).await?.1)
        }
    };
    let key = first_run::begin(&mut tx, now).await?;
    tx.commit().await?;
    let page = &app.settings.dashboard_url;
    Ok(Welcome { token, link: key.map(|key| format!("{page}/first-run?key={}", key.expose())) })
}

#[expect(clippy::print_stdout, reason = "the first thing a person sees, not a log line")]
fn announce(config: &Config, first: &Welcome) {
    println!("Shipmate listens on {}", config.public_url);
    if let Some(link) = &first.link {
        println!("Become owner:    {link}   (works once, for a day)");
    }
    if let Some(token) = &first.token {
        println!("Administrator:   {}", first_run::NOBODY);
        println!("Access token:    {}   (shown only this once)", token.expose());
    }
    println!("API reference:   {}/docs", config.public_url);
}

/// The in-process agent: the same code as `shipmate agent`, over loopback.
async fn run_agent(
    app: Arc<App>,
    config: Config,
    address: SocketAddr,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    if config.agent.slots == 0 {
        stop.cancelled().await;
        return Ok(());
    }
    let labels = config.agent.labels.iter();
    let agent = agent::Config {
        server: loopback(address),
        token: agent_token(&app, &config.data_dir).await?,
        name: format!("in-process@{}", agent::host_name()),
        slots: config.agent.slots,
        labels: labels
            .map(|(key, value)| protocol::Label { key: key.clone(), value: value.clone() })
            .collect(),
        work_dir: config.agent.work_dir.clone(),
    };
    let stopping = stop.clone();
    agent::serve::serve(agent, stop).await?;
    if !stopping.is_cancelled() {
        bail!("the in-process agent stopped by itself");
    }
    Ok(())
}

/// Where this process reaches its own listener.
fn loopback(address: SocketAddr) -> String {
    let ip = match address.ip() {
        std::net::IpAddr::V4(ip) if ip.is_unspecified() => std::net::Ipv4Addr::LOCALHOST.into(),
        std::net::IpAddr::V6(ip) if ip.is_unspecified() => std::net::Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    format!("http://{}", SocketAddr::new(ip, address.port()))
}

/// The in-process agent's token. It is kept in a private file, because a
/// restarted server must be recognised as the same agent.
async fn agent_token(app: &App, data_dir: &Path) -> anyhow::Result<Secret> {
    let path = data_dir.join("agent.token");
    if let Ok(kept) = tokio::fs::read_to_string(&path).await {
        let mut tx = app.db.read().await?;
        if accounts::find_agent_token(&mut tx, kept.trim()).await?.is_some() {
            return Ok(Secret::new(kept.trim()));
        }
    }
    let mut tx = app.db.write().await?;
    let token = accounts::issue_agent_token(&mut tx, AGENT_TOKEN_NAME, app.clock.now()).await?;
    tx.commit().await?;
    tokio::fs::write(&path, "").await?;
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    tokio::fs::set_permissions(&path, private).await?;
    tokio::fs::write(&path, token.expose()).await?;
    Ok(token)
}
