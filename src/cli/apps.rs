//! `shipmate apps`: `GET /v1/apps`.

use clap::Args;

use super::client::{About, Client};
use super::render::{Cell, Table};
use super::wire::App;
use super::{Console, Result, ServerArgs};

#[derive(Debug, Args)]
pub struct AppsArgs {
    #[command(flatten)]
    server: ServerArgs,
}

pub async fn run(args: &AppsArgs, console: &mut Console) -> Result {
    let client = Client::connect(&args.server, console)?;
    let about = About { what: "the list of apps", hint: "is this a Shipmate server?" };
    let reply = client.get("/v1/apps", about).await?;
    if args.server.json {
        return console.print_json(&reply.text);
    }
    let mut table = Table::new(&["APP", "PLATFORM", "ID"]);
    for app in reply.parse::<Vec<App>>()? {
        table.add([Cell::new(&app.app_name), Cell::new(&app.platform), Cell::whole(&app.id)]);
    }
    if table.is_empty() {
        return console.print(
            "No apps yet. On the server's machine, add one with:\n  shipmate admin app add --name \
             NAME --platform ios|android --repo URL --owner EMAIL\n",
        );
    }
    console.print(&table.render(console.colour))
}
