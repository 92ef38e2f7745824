//! `shipmate build`: the same plan on a local checkout, without a server.

use std::path::PathBuf;

use clap::Args;

use super::arguments::variable;
use super::{Console, Failure, Result};
use crate::model::app::Platform;

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

pub async fn run(_args: BuildArgs, _console: &mut Console) -> Result {
    Err(Failure::failed("local builds are not part of this program yet"))
}
