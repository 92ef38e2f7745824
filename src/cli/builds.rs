//! `shipmate builds`: `GET /v1/apps/:id/builds`, page by page with `--all`.

use chrono::{DateTime, Utc};
use clap::Args;

use super::client::{About, Client, Reply, with_query};
use super::failure::Failure;
use super::pick::{self, APPS_HINT};
use super::render::{Cell, Colour, Table, ago, took};
use super::wire::Build;
use super::{Console, Result, ServerArgs};

#[derive(Debug, Args)]
pub struct BuildsArgs {
    /// Id or name of the app
    app: String,
    /// Only this branch
    #[arg(long)]
    branch: Option<String>,
    /// Only this scheme
    #[arg(long)]
    scheme: Option<String>,
    /// Only this status
    #[arg(long, value_parser = ["queued", "running", "success", "failed", "cancelled"])]
    status: Option<String>,
    /// How many; with --all: how many per request
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=100))]
    limit: Option<u8>,
    /// Every build, not only the newest
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    server: ServerArgs,
}

pub async fn run(args: &BuildsArgs, console: &mut Console) -> Result {
    let client = Client::connect(&args.server, console)?;
    let app = pick::app_id(&client, &args.app).await?;
    let limit = args.limit.or(args.all.then_some(100)).map(|limit| limit.to_string());
    let path = with_query(
        &format!("/v1/apps/{app}/builds"),
        &[
            ("branch", args.branch.clone()),
            ("scheme", args.scheme.clone()),
            ("status", args.status.clone()),
            ("limit", limit),
        ],
    );
    let what = format!("app {app}");
    let about = About { what: &what, hint: APPS_HINT };
    let pages = if args.all {
        client.pages(&path, about).await?
    } else {
        vec![client.get(&path, about).await?]
    };
    if args.server.json {
        return console.print_json(&joined(&pages)?);
    }
    let now = pages.first().and_then(|page| page.now);
    let mut table = Table::new(&[
        "BUILD", "STATUS", "BRANCH", "SCHEME", "COMMIT", "MESSAGE", "CREATED", "TOOK", "ID",
    ]);
    for page in &pages {
        for build in page.parse::<Vec<Build>>()? {
            table.add(row(&build, now));
        }
    }
    if table.is_empty() {
        let filtered = args.branch.is_some() || args.scheme.is_some() || args.status.is_some();
        let text = if filtered {
            format!("No build matches. To see them all:\n  shipmate builds {app}\n")
        } else {
            format!("No builds yet. Start one with:\n  shipmate trigger {app} --watch\n")
        };
        return console.print(&text);
    }
    console.print(&table.render(console.colour))?;
    if !args.all && pages.last().is_some_and(|page| page.next.is_some()) {
        console.note("There are older builds: --limit N shows more of them, --all every one.");
    }
    Ok(())
}

fn row(build: &Build, now: Option<DateTime<Utc>>) -> [Cell; 9] {
    [
        Cell::number(format!("#{}", build.build_number)),
        Cell::status(&build.build_status),
        Cell::new(&build.commit_info.branch),
        Cell::new(&build.scheme_name),
        Cell::new(build.commit_info.short_sha()),
        Cell::new(build.commit_info.subject()),
        Cell::new(ago(build.created_at, now)),
        Cell::new(duration(build, now)).coloured(Colour::Dim),
        Cell::whole(&build.id),
    ]
}

/// How long it took, or takes so far; empty before it starts.
pub fn duration(build: &Build, now: Option<DateTime<Utc>>) -> String {
    match (build.started_at, build.finished_at.or(now)) {
        (Some(started), Some(until)) => took(started, until),
        _ => String::new(),
    }
}

/// The pages' arrays as one array, each item exactly as the server wrote it.
fn joined(pages: &[Reply]) -> Result<String> {
    if let [page] = pages {
        return Ok(page.text.clone());
    }
    let mut items = Vec::new();
    for page in pages {
        // Checks that the page is an array, so that cutting its ends is safe.
        page.parse::<Vec<serde::de::IgnoredAny>>()?;
        let inner = page.text.trim().strip_prefix('[').and_then(|text| text.strip_suffix(']'));
        let inner = inner.ok_or_else(|| Failure::failed("the server's list is not an array"))?;
        if !inner.trim().is_empty() {
            items.push(inner);
        }
    }
    Ok(format!("[{}]", items.join(",")))
}
