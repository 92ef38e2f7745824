//! `shipmate agent`: a build machine for a server elsewhere.

use std::path::PathBuf;

use clap::Args;
use tokio_util::sync::CancellationToken;

use super::arguments::{label, secret};
use super::render::plain;
use super::{Console, Failure, Result};
use crate::agent;
use crate::config::Flags;
use crate::model::agent::FindingState;
use crate::model::secret::Secret;
use crate::protocol::Label;

#[derive(Debug, Clone, Args)]
pub struct AgentArgs {
    /// Server address [env: SHIPMATE_SERVER]
    #[arg(long, value_name = "URL")]
    pub server: Option<String>,
    /// Agent token from `shipmate admin token agent` [env: SHIPMATE_TOKEN]
    #[arg(long, value_name = "TOKEN", value_parser = secret, conflicts_with = "token_file")]
    pub token: Option<Secret>,
    /// File that holds the token
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Name shown for this machine [default: its host name]
    #[arg(long)]
    pub name: Option<String>,
    /// Builds at once
    #[arg(long, value_name = "N", default_value_t = 1,
          value_parser = clap::value_parser!(u32).range(1..=64))]
    pub slots: u32,
    /// What this machine offers, such as os=linux; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = label, value_delimiter = ',')]
    pub labels: Vec<(String, String)>,
    /// Checkouts, caches and logs not yet sent [default: shipmate-agent]
    #[arg(long, value_name = "DIR")]
    pub work_dir: Option<PathBuf>,
    /// Print what a build would find on this machine, and end; needs no server
    #[arg(long)]
    pub doctor: bool,
}

pub async fn run(args: AgentArgs, console: &mut Console) -> Result {
    if args.doctor {
        return doctor(&args, console).await;
    }
    let (server, token) = args.connection(console)?;
    let config = super::load(&Flags::default(), console)?;
    super::serve::log_to_stderr(&config.log);
    let work_dir = args.work_dir.unwrap_or_else(|| PathBuf::from("shipmate-agent"));
    let agent = agent::Config {
        server,
        token,
        name: args.name.unwrap_or_else(agent::host_name),
        slots: args.slots,
        labels: args.labels.into_iter().map(|(key, value)| Label { key, value }).collect(),
        work_dir: console.cwd.join(work_dir),
    };
    let stop = CancellationToken::new();
    let stopping = stop.clone();
    tokio::spawn(async move {
        if super::serve::stop_signal().await.is_ok() {
            stopping.cancel();
        }
    });
    agent::serve::serve(agent, stop).await.map_err(|error| Failure::failed(format!("{error:#}")))
}

/// Prints what the agent would tell its server; fails if builds would fail.
async fn doctor(args: &AgentArgs, console: &mut Console) -> Result {
    // The work folder need not exist yet; the disk is that of its parent.
    let wanted = args.work_dir.as_deref().map_or(console.cwd.clone(), |dir| console.cwd.join(dir));
    let exists = wanted.ancestors().find(|dir| dir.is_dir()).unwrap_or(&console.cwd).to_owned();
    let findings = agent::doctor::examine(&exists).await;
    for one in &findings {
        let says = plain(&one.says);
        console.print(&format!("{:<7} {:<12} {says}\n", one.state.as_str(), one.subject))?;
    }
    match findings.iter().find(|one| one.state == FindingState::Bad) {
        Some(bad) => Err(Failure::failed(format!("builds will fail here: {}", bad.says))),
        None => Ok(()),
    }
}

impl AgentArgs {
    /// The server's origin and the token, from flags, file or environment.
    pub fn connection(&self, console: &Console) -> Result<(String, Secret)> {
        let variable = |name| console.env.text(name).map_err(Failure::Usage);
        let server = self.server.as_deref().or(variable("SHIPMATE_SERVER")?);
        let server = server.ok_or_else(|| {
            Failure::usage("no server is given; use --server URL or set SHIPMATE_SERVER")
        })?;
        let server = super::client::origin(server)?;
        let token = match (&self.token, &self.token_file) {
            (Some(token), _) => token.expose().to_owned(),
            (None, Some(file)) => {
                std::fs::read_to_string(console.cwd.join(file)).map_err(|error| {
                    Failure::failed(format!("cannot read {}: {error}", file.display()))
                })?
            }
            (None, None) => variable("SHIPMATE_TOKEN")?.map(str::to_owned).ok_or_else(|| {
                Failure::usage(
                    "no token is given; use --token, --token-file or set SHIPMATE_TOKEN (`shipmate \
                     admin token agent` on the server makes one)",
                )
            })?,
        };
        Ok((server, super::credentials::check_token(&token)?))
    }
}
