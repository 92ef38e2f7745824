//! `shipmate cancel`: `POST /v1/builds/:id/cancel`.

use clap::Args;

use super::client::{About, Client};
use super::pick::{self, BUILDS_HINT};
use super::render::plain;
use super::wire::Build;
use super::{Console, Result, ServerArgs, show};

#[derive(Debug, Args)]
pub struct CancelArgs {
    /// Id of the build
    build: String,
    #[command(flatten)]
    server: ServerArgs,
}

pub async fn run(args: &CancelArgs, console: &mut Console) -> Result {
    let id = pick::build_id(&args.build)?;
    let client = Client::connect(&args.server, console)?;
    let what = format!("build {id}");
    let about = About { what: &what, hint: BUILDS_HINT };
    client.post(&format!("/v1/builds/{id}/cancel"), None, about).await?;
    // The call itself answers nothing, also when the build had ended before.
    let reply = show::fetch(&client, &id).await?;
    if args.server.json {
        return console.print_json(&reply.text);
    }
    let build: Build = reply.parse()?;
    let number = build.build_number;
    console.print(&match build.build_status.as_str() {
        "cancelled" => format!("Build #{number} is cancelled.\n"),
        _ if build.finished => {
            format!("Build #{number} had already ended: {}.\n", plain(&build.build_status))
        }
        other => format!("Build #{number} is being cancelled (now {}).\n", plain(other)),
    })
}
