//! `shipmate artifacts`: `GET /v1/builds/:id/artifacts`, and the files behind
//! it. Decides where each file goes; the server's names are not trusted.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::client::{About, Client, Reply};
use super::download::{Download, fetch};
use super::failure::Failure;
use super::pick::{self, BUILDS_HINT};
use super::render::{Cell, Table, plain, size};
use super::wire::{Artifact, Package};
use super::{Console, Result, ServerArgs};
use crate::model::ids::BuildId;

#[derive(Debug, Args)]
pub struct ArtifactsArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List the files of a build
    List {
        /// Id of the build
        build: String,
        #[command(flatten)]
        server: ServerArgs,
    },
    /// Download the files of a build
    Download(DownloadArgs),
}

#[derive(Debug, Args)]
struct DownloadArgs {
    /// Id of the build
    build: String,
    /// Name, path or id of one file [default: all files]
    name: Option<String>,
    /// Folder to put them in [default: here]
    #[arg(long, short, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Replace files that exist and differ
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    server: ServerArgs,
}

pub async fn run(args: &ArtifactsArgs, console: &mut Console) -> Result {
    match &args.verb {
        Verb::List { build, server } => list(build, server, console).await,
        Verb::Download(args) => download(args, console).await,
    }
}

async fn list(build: &str, server: &ServerArgs, console: &mut Console) -> Result {
    let id = pick::build_id(build)?;
    let client = Client::connect(server, console)?;
    let reply = listing(&client, &id).await?;
    if server.json {
        return console.print_json(&reply.text);
    }
    let artifacts: Vec<Artifact> = reply.parse()?;
    if artifacts.is_empty() {
        return console.print(&nothing(&id));
    }
    // A column that is empty throughout would only push the others apart.
    let has_packages = artifacts.iter().any(|artifact| artifact.package.is_some());
    let mut table = if has_packages {
        Table::new(&["NAME", "SIZE", "KIND", "PATH", "SHA-256", "APP"])
    } else {
        Table::new(&["NAME", "SIZE", "KIND", "PATH", "SHA-256"])
    };
    for artifact in &artifacts {
        let cells = [
            Cell::whole(&artifact.name),
            Cell::number(size(artifact.size)),
            Cell::new(&artifact.kind),
            Cell::whole(if artifact.path == artifact.name { "" } else { &artifact.path }),
            Cell::new(artifact.sha256.get(..12).unwrap_or(&artifact.sha256)),
        ];
        let [name, bytes, kind, path, sha256] = cells;
        if has_packages {
            let app = artifact.package.as_ref().map(Package::summary).unwrap_or_default();
            table.add([name, bytes, kind, path, sha256, Cell::whole(app)]);
        } else {
            table.add([name, bytes, kind, path, sha256]);
        }
    }
    console.print(&table.render(console.colour))
}

async fn download(args: &DownloadArgs, console: &mut Console) -> Result {
    let id = pick::build_id(&args.build)?;
    let client = Client::connect(&args.server, console)?;
    let artifacts: Vec<Artifact> = listing(&client, &id).await?.parse()?;
    if artifacts.is_empty() && args.name.is_none() {
        return console.print(&if args.server.json { "[]\n".into() } else { nothing(&id) });
    }
    let wanted = match &args.name {
        Some(name) => vec![only(&artifacts, name, &id)?],
        None => artifacts,
    };
    let folder = match &args.output {
        Some(folder) => console.cwd.join(folder),
        None => console.cwd.clone(),
    };
    let mut done = Vec::new();
    for (artifact, place) in places(&wanted)? {
        let target = folder.join(place);
        let job = Download { artifact, target: &target, force: args.force };
        let kept = fetch(&client, &job, console.progress).await?;
        if args.server.json {
            done.push(serde_json::json!({
                "_id": artifact.id, "name": artifact.name, "file": target.display().to_string(),
                "size": artifact.size, "sha256": artifact.sha256,
            }));
        } else {
            let how = if kept { "already there" } else { "verified" };
            let shown = plain(&target.display().to_string());
            console.print(&format!("{shown}  {}, {how}\n", size(artifact.size)))?;
        }
    }
    if args.server.json {
        console.print(&format!("{}\n", serde_json::Value::from(done)))?;
    }
    Ok(())
}

async fn listing(client: &Client, id: &BuildId) -> Result<Reply> {
    let what = format!("build {id}");
    let about = About { what: &what, hint: BUILDS_HINT };
    client.get(&format!("/v1/builds/{id}/artifacts"), about).await
}

fn nothing(id: &BuildId) -> String {
    format!("No artifacts were collected. The log may tell why:\n  shipmate logs {id}\n")
}

/// The one artifact with this id, path or name.
fn only(artifacts: &[Artifact], wanted: &str, id: &BuildId) -> Result<Artifact> {
    let exact = artifacts.iter().find(|one| one.id == wanted);
    let by = |matches: fn(&Artifact) -> &str| {
        artifacts.iter().filter(|one| matches(one) == wanted).collect::<Vec<_>>()
    };
    let mut found: Vec<&Artifact> = exact.into_iter().collect();
    if found.is_empty() {
        found = by(|one| &one.path);
    }
    if found.is_empty() {
        found = by(|one| &one.name);
    }
    let lines = |of: &[&Artifact]| {
        let lines = of.iter().take(20).map(|one| format!("\n  {}  {}", one.id, plain(&one.path)));
        lines.collect::<String>()
    };
    match found.as_slice() {
        [one] => Ok((*one).clone()),
        [] => Err(Failure::failed(format!(
            "build {id} has no artifact \"{}\"; it has:{}",
            plain(wanted),
            lines(&artifacts.iter().collect::<Vec<_>>())
        ))),
        several => Err(Failure::failed(format!(
            "several artifacts are called \"{}\"; give the path or id of one:{}",
            plain(wanted),
            lines(several)
        ))),
    }
}

/// Where each file goes below the output folder: its name, or its path where
/// two have the same name, or its kind and path where even those are equal.
fn places(artifacts: &[Artifact]) -> Result<Vec<(&Artifact, PathBuf)>> {
    let names: Vec<String> = artifacts.iter().map(|one| one.name.to_lowercase()).collect();
    let paths: Vec<String> = artifacts.iter().map(|one| one.path.to_lowercase()).collect();
    let once = |all: &[String], one: &String| all.iter().filter(|other| *other == one).count() == 1;
    let mut taken: BTreeMap<PathBuf, &Artifact> = BTreeMap::new();
    let mut placed = Vec::new();
    for (index, artifact) in artifacts.iter().enumerate() {
        let place = if once(&names, &names[index]) {
            safe_path(&artifact.name.replace('/', "_"))
        } else if once(&paths, &paths[index]) {
            safe_path(&artifact.path)
        } else {
            safe_path(&format!("{}/{}", artifact.kind, artifact.path))
        };
        let place = place.ok_or_else(|| {
            Failure::failed(format!("artifact {} has no usable file name", artifact.id))
        })?;
        if let Some(other) = taken.insert(place.clone(), artifact) {
            return Err(Failure::failed(format!(
                "artifacts {} and {} would both become {}; download them by id into two folders",
                other.id,
                artifact.id,
                place.display()
            )));
        }
        placed.push((artifact, place));
    }
    Ok(placed)
}

/// A relative path that stays below its folder and hides nothing: no empty or
/// dotted parts, no control characters.
fn safe_path(path: &str) -> Option<PathBuf> {
    let mut safe = PathBuf::new();
    for part in path.split('/').filter(|part| !part.is_empty() && *part != ".") {
        if part == ".." || part.len() > 255 {
            return None;
        }
        let part = plain(part).replace('\\', "_");
        // A build must not be able to leave a .profile in a home folder.
        let part = part.strip_prefix('.').map_or(part.clone(), |rest| format!("_{rest}"));
        safe.push(Path::new(&part));
    }
    (safe.components().next().is_some()).then_some(safe)
}

#[cfg(test)]
mod tests;
