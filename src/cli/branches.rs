//! `shipmate branches`: `GET /v1/apps/:id/branches`.

use clap::Args;

use super::client::{About, Client, with_query};
use super::pick::{self, APPS_HINT};
use super::render::plain;
use super::wire::Branch;
use super::{Console, Result, ServerArgs};

#[derive(Debug, Args)]
pub struct BranchesArgs {
    /// Id or name of the app
    app: String,
    /// List deleted branches too
    #[arg(long)]
    include_deleted: bool,
    #[command(flatten)]
    server: ServerArgs,
}

pub async fn run(args: &BranchesArgs, console: &mut Console) -> Result {
    let client = Client::connect(&args.server, console)?;
    let app = pick::app_id(&client, &args.app).await?;
    let deleted = args.include_deleted.then(|| "true".to_owned());
    let path = with_query(&format!("/v1/apps/{app}/branches"), &[("includeDeleted", deleted)]);
    let what = format!("app {app}");
    let reply = client.get(&path, About { what: &what, hint: APPS_HINT }).await?;
    if args.server.json {
        return console.print_json(&reply.text);
    }
    let branches: Vec<Branch> = reply.parse()?;
    if branches.is_empty() {
        return console.print(&format!(
            "No branches are known yet. Start a build of the default branch with:\n  shipmate \
             trigger {app}\n"
        ));
    }
    let lines: String =
        branches.iter().map(|branch| format!("{}\n", plain(&branch.name))).collect();
    console.print(&lines)
}
