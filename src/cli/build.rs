//! `shipmate build`: the same plan on a local checkout, without a server.

use std::path::PathBuf;

use clap::Args;
use tokio_util::sync::CancellationToken;

use super::arguments::variable;
use super::{Console, Failure, Result};
use crate::agent::local::{self, LocalBuild};
use crate::app::Clock;
use crate::model::app::Platform;
use crate::model::secret::Secret;
use crate::protocol::Variable;

#[derive(Debug, Clone, Args)]
pub struct BuildArgs {
    /// Folder of the checkout
    pub path: PathBuf,
    /// Scheme to build
    #[arg(long)]
    pub scheme: Option<String>,
    /// Platform to build for: ios or android
    #[arg(long)]
    pub platform: Option<Platform>,
    /// Environment variable of the build; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = variable)]
    pub env: Vec<(String, String)>,
    /// Folder to put the artifacts in
    #[arg(long, value_name = "DIR")]
    pub artifacts: Option<PathBuf>,
}

pub async fn run(args: BuildArgs, console: &mut Console) -> Result {
    let cancel = CancellationToken::new();
    let stopping = cancel.clone();
    tokio::spawn(async move {
        if super::serve::stop_signal().await.is_ok() {
            stopping.cancel();
        }
    });
    let variable = |(name, value)| Variable { name, value: Secret::new(value), secret: false };
    let shown = args.path.display().to_string();
    let options = LocalBuild {
        path: console.cwd.join(&args.path),
        scheme: args.scheme.unwrap_or_default(),
        platform: args.platform.unwrap_or(Platform::Android),
        env: args.env.into_iter().map(variable).collect(),
        artifacts_dir: args.artifacts.map(|dir| console.cwd.join(dir)),
        cancel,
        stdout: std::mem::replace(&mut console.out, Box::new(std::io::sink())),
        stderr: std::mem::replace(&mut console.err, Box::new(std::io::sink())),
        now: Clock::System.now(),
    };
    let built = local::build(options).await;
    console.out = Box::new(std::io::stdout());
    console.err = Box::new(std::io::stderr());
    let summary =
        built.map_err(|error| Failure::failed(format!("{shown} cannot be built: {error}")))?;
    console.print(&summary.to_string())?;
    match summary.exit_code() {
        0 => Ok(()),
        code => Err(Failure::Exit(u8::try_from(code).unwrap_or(1))),
    }
}
