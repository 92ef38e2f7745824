//! `shipmate trigger`: `POST /v1/apps/:id/builds`, and with `--watch` the log
//! until the end; the exit code is the build's.

use std::io::Write;

use clap::Args;

use super::builds::duration;
use super::client::{About, Client, Reply};
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
    /// Build this commit instead of the branch's tip; 40 hex digits
    #[arg(long, value_name = "SHA", conflicts_with = "tag")]
    commit: Option<String>,
    /// Build the commit of this tag
    #[arg(long, conflicts_with = "branch")]
    tag: Option<String>,
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
    let wanted = [
        ("branch", args.branch.clone()),
        ("commit", args.commit.clone()),
        ("tag", args.tag.clone()),
    ];
    let wanted: Vec<_> =
        wanted.into_iter().filter_map(|(name, value)| value.map(|value| (name, value))).collect();
    let body: serde_json::Map<String, serde_json::Value> =
        wanted.iter().map(|(name, value)| ((*name).to_owned(), value.as_str().into())).collect();
    let body = (!body.is_empty()).then_some(serde_json::Value::Object(body));
    let what = match wanted.last() {
        Some((name, value)) => {
            format!("{} \"{}\" of app {app}", name, plain(value))
        }
        None => format!("app {app}"),
    };
    let about = About { what: &what, hint: APPS_HINT };
    let reply = client.post(&format!("/v1/apps/{app}/builds"), body.as_ref(), about).await?;
    report(&client, &reply, args.watch, args.server.json, console).await
}

/// Says that a build is queued, or follows it to its end.
pub async fn report(
    client: &Client,
    reply: &Reply,
    follow: bool,
    json: bool,
    console: &mut Console,
) -> Result {
    let queued: Queued = reply.parse()?;
    let id: BuildId = queued.build_id.parse().map_err(|_| {
        Failure::failed("the build is queued, but the server answered a malformed id for it")
    })?;
    match (follow, json) {
        (true, json) => watch(client, &id, json, console).await,
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
