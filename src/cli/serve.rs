//! `shipmate serve`: the server with its in-process agent.

use clap::Args;

use super::{ConfigArgs, Console, Failure, Result};
use crate::config::Flags;

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
    pub public_url: Option<String>,
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
    super::load(&args.settings.flags(), console)?;
    Err(Failure::failed("the server is not part of this program yet"))
}
