//! `shipmate login`: checks a server and token and stores them.

use clap::Args;

use super::arguments::secret;
use super::client::{self, About, Client};
use super::credentials::{self, Credentials};
use super::render::count;
use super::wire::App;
use super::{Console, Failure, Result};
use crate::model::secret::Secret;

#[derive(Debug, Args)]
pub struct LoginArgs {
    /// Server address, such as https://ci.example.com [env: SHIPMATE_SERVER]
    #[arg(long, value_name = "URL")]
    server: Option<String>,
    /// Access token [env: SHIPMATE_TOKEN; else it is read from standard input]
    #[arg(long, value_name = "TOKEN", value_parser = secret)]
    token: Option<Secret>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub async fn run(args: &LoginArgs, console: &mut Console) -> Result {
    let server = match &args.server {
        Some(server) => Some(server.clone()),
        None => console.env.text("SHIPMATE_SERVER").map_err(Failure::Usage)?.map(str::to_owned),
    };
    let server = server.ok_or_else(|| Failure::usage("give the server with --server URL"))?;
    let server = client::origin(&server)?;
    let stored = match (&args.token, console.env.text("SHIPMATE_TOKEN").map_err(Failure::Usage)?) {
        (Some(token), _) => Some(token.expose().to_owned()),
        (None, variable) => variable.map(str::to_owned),
    };
    let token = match stored {
        Some(token) => token,
        None => console.read_input("Access token")?,
    };
    let token = credentials::check_token(&token)?;
    if travels_in_clear(&server) {
        console.note("warning: the token travels unencrypted; use https:// outside a test");
    }
    // Both before the network: a place to write is needed either way.
    let path = credentials::path(&console.env)?;
    let client = Client::new(server.clone(), token.clone())?;
    let about = About { what: "the list of apps", hint: "is this a Shipmate server?" };
    let apps: Vec<App> = client.get("/v1/apps", about).await?.parse()?;
    credentials::write(&path, &Credentials { server: server.clone(), token })?;
    let path = path.display();
    if args.json {
        let answer = serde_json::json!({
            "server": server, "apps": apps.len(), "credentials": path.to_string()
        });
        return console.print(&format!("{answer}\n"));
    }
    console.print(&format!(
        "Logged in to {server}; you can see {}.\nThe token is stored in {path}.\n",
        count(apps.len() as u64, "app")
    ))
}

/// Plain HTTP to another machine.
fn travels_in_clear(server: &str) -> bool {
    let Some(host) = server.strip_prefix("http://") else { return false };
    let local = ["localhost", "127.", "[::1]"];
    !local.iter().any(|prefix| host.starts_with(prefix))
}
