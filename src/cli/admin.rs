//! `shipmate admin`: users, apps and tokens, on the server's own database.

use clap::{Args, Subcommand};

use super::{ConfigArgs, Console, Failure, Result};
use crate::model::account::Access;
use crate::model::app::Platform;
use crate::model::ids::AppId;

#[derive(Debug, Args)]
pub struct AdminArgs {
    #[command(flatten)]
    pub place: ConfigArgs,
    /// Print JSON
    #[arg(long, global = true)]
    pub json: bool,
    #[command(subcommand)]
    pub verb: AdminVerb,
}

#[derive(Debug, Subcommand)]
pub enum AdminVerb {
    /// Manage users
    #[command(subcommand)]
    User(UserVerb),
    /// Manage apps
    #[command(subcommand)]
    App(AppVerb),
    /// Manage access tokens
    #[command(subcommand)]
    Token(TokenVerb),
}

#[derive(Debug, Subcommand)]
pub enum UserVerb {
    /// Add a user
    Add {
        /// Address of the user
        #[arg(long)]
        email: String,
        /// Name shown to others
        #[arg(long)]
        name: Option<String>,
        /// Sees and may do everything
        #[arg(long)]
        admin: bool,
    },
    /// List the users
    List,
}

#[derive(Debug, Subcommand)]
pub enum AppVerb {
    /// Add an app
    Add {
        /// Display name
        #[arg(long)]
        name: String,
        /// ios or android
        #[arg(long)]
        platform: Platform,
        /// Clone URL
        #[arg(long, value_name = "URL")]
        repo: String,
        /// Who gets full access
        #[arg(long, value_name = "EMAIL")]
        owner: String,
    },
    /// List the apps
    List,
    /// Let a user see or change an app
    Grant {
        /// Id of the app
        #[arg(long)]
        app: AppId,
        /// Address of the user
        #[arg(long)]
        email: String,
        /// read or full
        #[arg(long)]
        access: Access,
    },
    /// Set an environment variable of an app's builds, value from standard input
    SetEnv {
        /// Id of the app
        #[arg(long)]
        app: AppId,
        /// Name of the variable
        #[arg(long)]
        name: String,
        /// Mask the value in logs
        #[arg(long)]
        secret: bool,
    },
}

#[derive(Debug, Subcommand)]
pub enum TokenVerb {
    /// Make a new personal token; the old one stops working
    Issue {
        /// Address of the user
        #[arg(long)]
        email: String,
    },
    /// Make a user's token stop working
    Revoke {
        /// Address of the user
        #[arg(long)]
        email: String,
    },
    /// Make a token for a build machine
    Agent {
        /// Name of the build machine
        #[arg(long)]
        name: String,
    },
}

pub async fn run(args: AdminArgs, console: &mut Console) -> Result {
    super::load(&args.place.flags(), console)?;
    Err(Failure::failed("administration is not part of this program yet"))
}
