//! Arguments that several commands share.

use std::convert::Infallible;
use std::path::PathBuf;

use clap::Args;

use super::console::Console;
use super::failure::{Failure, Result};
use crate::config::{self, Config, Flags};
use crate::model::secret::Secret;

/// Which server a client verb talks to, and how it answers.
#[derive(Debug, Clone, Args)]
pub struct ServerArgs {
    /// Server address [env: SHIPMATE_SERVER; else what `shipmate login` stored]
    #[arg(long, value_name = "URL", help_heading = "Server")]
    pub server: Option<String>,
    /// Access token [env: SHIPMATE_TOKEN; else what `shipmate login` stored]
    #[arg(long, value_name = "TOKEN", value_parser = secret, help_heading = "Server")]
    pub token: Option<Secret>,
    /// Print the API's JSON instead of text for people
    #[arg(long)]
    pub json: bool,
}

/// Where the settings and the data are, for commands beside the server.
#[derive(Debug, Clone, Default, Args)]
pub struct ConfigArgs {
    /// Settings file [env: SHIPMATE_CONFIG; default: shipmate.toml here or in the data folder]
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
    /// Folder of database, artifacts, logs and keys [default: shipmate-data]
    #[arg(long, value_name = "DIR", global = true)]
    pub data_dir: Option<String>,
    /// postgres://... or sqlite:FILE [default: SQLite in the data folder]
    #[arg(long, value_name = "URL", value_parser = secret, global = true)]
    pub database_url: Option<Secret>,
}

impl ConfigArgs {
    pub fn flags(&self) -> Flags {
        Flags {
            config: self.config.clone(),
            data_dir: self.data_dir.clone(),
            database_url: self.database_url.clone(),
            ..Flags::default()
        }
    }
}

/// Loads the settings; the faults become one failure, a line each.
pub fn load(flags: &Flags, console: &Console) -> Result<Config> {
    Config::load(flags, console.env.iter(), &console.cwd)
        .map_err(|faults| Failure::usage(faults.to_string()))
}

pub fn secret(text: &str) -> std::result::Result<Secret, Infallible> {
    Ok(Secret::new(text))
}

/// `KEY=VALUE` of an agent label.
pub fn label(text: &str) -> std::result::Result<(String, String), String> {
    config::label(text)
}

/// `NAME=VALUE` of an environment variable; the value may be empty.
pub fn variable(text: &str) -> std::result::Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    let starts_well = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let is_name = starts_well && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if is_name { Ok((name.into(), value.into())) } else { Err(format!("\"{name}\" is no name")) }
}
