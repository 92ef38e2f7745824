//! Which app or build the person means.

use super::client::{About, Client};
use super::failure::{Failure, Result};
use super::render::plain;
use super::wire::App;
use crate::model::ids::{AppId, BuildId};

/// Candidates listed in an error.
const SHOWN: usize = 10;

pub const APPS_HINT: &str = "`shipmate apps` lists what this token may see";
pub const BUILDS_HINT: &str = "`shipmate builds APP` lists the builds of an app";

/// The id of the app that `given` names: an id, or a name only one app has.
pub async fn app_id(client: &Client, given: &str) -> Result<AppId> {
    if let Ok(id) = given.parse() {
        return Ok(id);
    }
    let about = About { what: "the list of apps", hint: "is this a Shipmate server?" };
    let apps: Vec<App> = client.get("/v1/apps", about).await?.parse()?;
    let exact: Vec<&App> = apps.iter().filter(|app| app.app_name == given).collect();
    let wanted = given.to_lowercase();
    let matching = if exact.is_empty() {
        apps.iter().filter(|app| app.app_name.to_lowercase() == wanted).collect()
    } else {
        exact
    };
    match matching.as_slice() {
        [app] => app.id.parse().map_err(|_| {
            Failure::failed(format!("the server gave a malformed id for {}", plain(given)))
        }),
        [] if apps.is_empty() => Err(Failure::failed(format!(
            "there is no app \"{}\": this token sees no app at all; ask for access to one",
            plain(given)
        ))),
        [] => Err(Failure::failed(format!(
            "there is no app \"{}\"; these exist:\n{}",
            plain(given),
            candidates(&apps.iter().collect::<Vec<_>>())
        ))),
        several => Err(Failure::failed(format!(
            "several apps are called \"{}\"; give the id of one:\n{}",
            plain(given),
            candidates(several)
        ))),
    }
}

fn candidates(apps: &[&App]) -> String {
    let mut lines: Vec<String> = (apps.iter().take(SHOWN))
        .map(|app| format!("  {}  {} ({})", app.id, plain(&app.app_name), app.platform))
        .collect();
    if apps.len() > SHOWN {
        lines.push(format!("  and {} more, see `shipmate apps`", apps.len() - SHOWN));
    }
    lines.join("\n")
}

/// Checks the id of a build before it becomes part of a path.
pub fn build_id(given: &str) -> Result<BuildId> {
    given.parse().map_err(|_| {
        Failure::usage(format!(
            "\"{}\" is not the id of a build, which has 24 characters from 0-9 and a-f; \
             {BUILDS_HINT}",
            plain(given)
        ))
    })
}
