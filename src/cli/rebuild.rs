//! `shipmate rebuild`: `POST /v1/builds/:id/rebuild`, with `--watch` as
//! `shipmate trigger`.

use clap::Args;

use super::client::{About, Client};
use super::pick::{self, BUILDS_HINT};
use super::{Console, Result, ServerArgs, trigger};

#[derive(Debug, Args)]
pub struct RebuildArgs {
    /// Id of the build whose commit is built again, with all its schemes
    build: String,
    /// Do not use what earlier builds have cached
    #[arg(long)]
    without_cache: bool,
    /// Print the log until the build has ended; exit with 0 if it succeeded, 1 if it failed, 3 if
    /// it was cancelled. With --json the log goes to standard error
    #[arg(long)]
    watch: bool,
    #[command(flatten)]
    server: ServerArgs,
}

pub async fn run(args: &RebuildArgs, console: &mut Console) -> Result {
    let id = pick::build_id(&args.build)?;
    let client = Client::connect(&args.server, console)?;
    let body = args.without_cache.then(|| serde_json::json!({ "without_cache": true }));
    let what = format!("build {id}");
    let about = About { what: &what, hint: BUILDS_HINT };
    let reply = client.post(&format!("/v1/builds/{id}/rebuild"), body.as_ref(), about).await?;
    trigger::report(&client, &reply, args.watch, args.server.json, console).await
}
