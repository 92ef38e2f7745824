//! `shipmate show`: `GET /v1/builds/:id`.

use chrono::{DateTime, Utc};
use clap::Args;

use super::builds::duration;
use super::client::{About, Client, Reply};
use super::pick::{self, BUILDS_HINT};
use super::render::{ago, fields, percent, plain, status_colour};
use super::wire::{Build, TestSummary};
use super::{Console, Result, ServerArgs};
use crate::model::ids::BuildId;

#[derive(Debug, Args)]
pub struct ShowArgs {
    /// Id of the build
    build: String,
    #[command(flatten)]
    server: ServerArgs,
}

pub async fn run(args: &ShowArgs, console: &mut Console) -> Result {
    let id = pick::build_id(&args.build)?;
    let client = Client::connect(&args.server, console)?;
    let reply = fetch(&client, &id).await?;
    if args.server.json {
        return console.print_json(&reply.text);
    }
    let build: Build = reply.parse()?;
    console.print(&describe(&build, reply.now, console.colour))
}

pub async fn fetch(client: &Client, id: &BuildId) -> Result<Reply> {
    let what = format!("build {id}");
    client.get(&format!("/v1/builds/{id}"), About { what: &what, hint: BUILDS_HINT }).await
}

fn describe(build: &Build, now: Option<DateTime<Utc>>, colour: bool) -> String {
    let commit = &build.commit_info;
    let status = plain(&build.build_status);
    let mut rows = vec![
        ("Build", format!("#{}", build.build_number)),
        ("Status", status_colour(&status).paint(&status, colour)),
        ("Waits", plain(&build.waiting_reason)),
        ("Scheme", plain(&build.scheme_name)),
        ("Branch", plain(&commit.branch)),
        ("Commit", format!("{} {}", plain(commit.short_sha()), plain(commit.subject()))),
        ("Author", plain(&commit.author)),
        ("Repository", plain(&build.repo_url)),
        ("Created", ago(build.created_at, now)),
        ("Took", duration(build, now)),
        ("Tests", tests(&build.test_summary)),
        ("App", plain(&build.app_id)),
        ("Id", plain(&build.id)),
    ];
    for link in build.links.download.iter().chain(&build.links.install) {
        rows.push(("Link", format!("{}: {}", plain(&link.name), plain(&link.url))));
    }
    for row in &mut rows {
        row.1 = row.1.trim().to_owned();
    }
    fields(&rows)
}

/// "118 of 120 passed, 75.0 % covered"; empty when no tests ran.
fn tests(summary: &TestSummary) -> String {
    let Some(count) = summary.tests_count else { return String::new() };
    let passed = summary.tests_passed.unwrap_or(0);
    let covered = summary.code_coverage_percentage.filter(|coverage| *coverage > 0.0);
    let covered = covered.map(|coverage| format!(", {} covered", percent(coverage)));
    format!("{passed} of {count} passed{}", covered.unwrap_or_default())
}
