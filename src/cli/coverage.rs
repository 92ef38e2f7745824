//! `shipmate coverage`: `GET /v1/builds/:id/coverage`.

use clap::Args;

use super::client::{About, Client, with_query};
use super::pick::{self, BUILDS_HINT};
use super::render::{Cell, Colour, Table, percent};
use super::wire::{Coverage, SourceFile};
use super::{Console, Result, ServerArgs};

#[derive(Debug, Args)]
pub struct CoverageArgs {
    /// Id of the build
    build: String,
    /// Per file
    #[arg(long)]
    files: bool,
    /// Per function, which includes files
    #[arg(long)]
    functions: bool,
    #[command(flatten)]
    server: ServerArgs,
}

pub async fn run(args: &CoverageArgs, console: &mut Console) -> Result {
    let id = pick::build_id(&args.build)?;
    let client = Client::connect(&args.server, console)?;
    let what = format!("build {id}");
    let about = About { what: &what, hint: BUILDS_HINT };
    let yes = |on: bool| on.then(|| "true".to_owned());
    let path = with_query(
        &format!("/v1/builds/{id}/coverage"),
        &[("showFileCoverage", yes(args.files)), ("showFunctionCoverage", yes(args.functions))],
    );
    let reply = client.get(&path, about).await?;
    if args.server.json {
        return console.print_json(&reply.text);
    }
    let coverage: Coverage = reply.parse()?;
    if coverage.targets.is_empty() {
        return console.print(&format!(
            "No coverage was reported. The log may tell why:\n  shipmate logs {id}\n"
        ));
    }
    let mut table = Table::new(&["COVERAGE", "TARGET"]);
    for target in &coverage.targets {
        table.add([figure(target.coverage), Cell::whole(&target.name)]);
        for file in &target.files {
            add_file(&mut table, file);
        }
    }
    let mean = percent(coverage.coverage);
    console.print(&format!("{}Mean of the targets: {mean}\n", table.render(console.colour)))
}

fn add_file(table: &mut Table, file: &SourceFile) {
    let name = if file.path.is_empty() { &file.name } else { &file.path };
    table.add([figure(file.coverage), Cell::whole(format!("  {name}"))]);
    for function in &file.functions {
        let name = Cell::whole(format!("    {}", function.name)).coloured(Colour::Dim);
        table.add([figure(function.coverage), name]);
    }
}

fn figure(coverage: f64) -> Cell {
    Cell::number(percent(coverage))
}
