//! `shipmate tests`: `GET /v1/builds/:id/tests`.

use clap::Args;

use super::client::{About, Client, with_query};
use super::pick::{self, BUILDS_HINT};
use super::render::{Cell, Table, count};
use super::wire::{Build, Tests};
use super::{Console, Result, ServerArgs, show};

#[derive(Debug, Args)]
pub struct TestsArgs {
    /// Id of the build
    build: String,
    /// Only failed tests (the default)
    #[arg(long, conflicts_with = "all")]
    failed: bool,
    /// Passed tests too
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    server: ServerArgs,
}

pub async fn run(args: &TestsArgs, console: &mut Console) -> Result {
    let id = pick::build_id(&args.build)?;
    let client = Client::connect(&args.server, console)?;
    let what = format!("build {id}");
    let about = About { what: &what, hint: BUILDS_HINT };
    let passing = args.all.then(|| "true".to_owned());
    let path = with_query(&format!("/v1/builds/{id}/tests"), &[("showPassing", passing)]);
    let reply = client.get(&path, about).await?;
    if args.server.json {
        return console.print_json(&reply.text);
    }
    let mut table = Table::new(&["STATUS", "RUN", "TARGET", "SUITE", "TEST"]);
    for test in reply.parse::<Tests>()?.tests {
        table.add([
            Cell::status(&test.status),
            Cell::new(&test.run),
            Cell::new(&test.target),
            Cell::new(&test.suite),
            Cell::whole(&test.name),
        ]);
    }
    let build: Build = show::fetch(&client, &id).await?.parse()?;
    if !table.is_empty() {
        console.print(&table.render(console.colour))?;
    }
    console.print(&summary(&build, args.all))
}

fn summary(build: &Build, listed: bool) -> String {
    match build.test_summary.tests_count {
        Some(total) => {
            let passed = build.test_summary.tests_passed.unwrap_or(0);
            let failed = total.saturating_sub(passed);
            if failed > 0 {
                return format!("{failed} of {} failed.\n", count(total, "test"));
            }
            if listed {
                return format!("{} passed.\n", count(total, "test"));
            }
            let list = format!("To list them:\n  shipmate tests {} --all\n", build.id);
            format!("{} passed, none failed. {list}", count(total, "test"))
        }
        None if build.finished => {
            format!("No tests ran. The log may tell why:\n  shipmate logs {}\n", build.id)
        }
        None => {
            format!("No results before the build ends:\n  shipmate logs {} -f\n", build.id)
        }
    }
}
