//! `shipmate trigger`: `POST /v1/apps/:id/builds`, and with `--watch` the log
//! until the end; the exit code is the build's.

use std::io::Write;

use clap::Args;

use super::builds::duration;
use super::client::{About, Client};
use super::failure::Failure;
use super::follow::follow;
use super::pick::{self, APPS_HINT};
use super::render::{plain, status_colour};
use super::wire::{Build, Queued};
use super::{Console, Result, ServerArgs, show};
use crate::model::ids::BuildId;

/// Exit code when the watched build was cancelled.
const CANCELLED: u8 = 3;

#[derive(Debug, Args)]
pub struct TriggerArgs {
    /// Id or name of the app
    app: String,
    /// Branch to build [default: the repository's default branch]
    #[arg(long)]
    branch: Option<String>,
    /// Print the log until the build has ended; exit with 0 if it succeeded, 1 if it failed, 3 if
    /// it was cancelled. With --json the log goes to standard error
    #[arg(long)]
    watch: bool,
    #[command(flatten)]
    server: ServerArgs,
}

pub async fn run(args: &TriggerArgs, console: &mut Console) -> Result {
    let client = Client::connect(&args.server, console)?;
    let app = pick::app_id(&client, &args.app).await?;
    let body = args.branch.as_ref().map(|branch| serde_json::json!({ "branch": branch }));
    let what = match &args.branch {
        Some(branch) => format!("branch \"{}\" of app {app}", plain(branch)),
        None => format!("app {app}"),
    };
    let about = About { what: &what, hint: APPS_HINT };
    let reply = client.post(&format!("/v1/apps/{app}/builds"), body.as_ref(), about).await?;
    let queued: Queued = reply.parse()?;
    let id: BuildId = queued.build_id.parse().map_err(|_| {
        Failure::failed("the build is queued, but the server answered a malformed id for it")
    })?;
    match (args.watch, args.server.json) {
        (true, json) => watch(&client, &id, json, console).await,
        (false, true) => console.print_json(&reply.text),
        (false, false) => console
            .print(&format!("Build {id} is queued. Follow it with:\n  shipmate logs {id} -f\n")),
    }
}

async fn watch(client: &Client, id: &BuildId, json: bool, console: &mut Console) -> Result {
    console.note(&format!("Build {id} is queued; Ctrl-C stops watching, not the build."));
    let mut filter = console.filter();
    let end = follow(client, id, |_, text| {
        let text = filter.apply(text);
        if json {
            // The log is company here; the answer is the build.
            let _ = console.err.write_all(text.as_bytes());
            return Ok(());
        }
        console.print(&text)
    })
    .await?;
    if !end.complete {
        console.note("Some of this log was lost.");
    }
    let reply = show::fetch(client, id).await?;
    let build: Build = reply.parse()?;
    if json {
        console.print_json(&reply.text)?;
    } else {
        let status = plain(&build.build_status);
        let status = status_colour(&status).paint(&status, console.colour);
        let took = duration(&build, reply.now);
        let took = if took.is_empty() { took } else { format!(" after {took}") };
        console.print(&format!("Build #{}: {status}{took}.\n", build.build_number))?;
    }
    match build.build_status.as_str() {
        "success" => Ok(()),
        "cancelled" => Err(Failure::Exit(CANCELLED)),
        _ => Err(Failure::Exit(1)),
    }
}
