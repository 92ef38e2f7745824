//! One app of an export: found by its id, or added, and then its items.

use serde::Deserialize;

use super::Import;
use super::build;
use super::item;
use super::summary::Kind;
use super::tree::{Tree, Unread};
use crate::accounts::audit::{self, Change};
use crate::apps::{self, NewApp};
use crate::builds::import::PastBuild;
use crate::cli::Result;
use crate::db;
use crate::error::Error;
use crate::model::app::{App as AppRow, Platform};
use crate::model::ids::AppId;

/// Items that are looked at to find out what an app is.
const LOOKS: usize = 50;
/// Largest JSON of an item.
const MAX_JSON: usize = 2 << 20;

/// What an item tells of its app.
#[derive(Debug, Default, Deserialize)]
struct Hint {
    app_id: Option<String>,
    #[serde(default)]
    system: SystemHint,
}

#[derive(Debug, Default, Deserialize)]
struct SystemHint {
    hardware_system_name: Option<String>,
}

/// What is known of an app before it is imported.
#[derive(Debug, Default)]
struct Known {
    id: Option<AppId>,
    platform: Option<Platform>,
    repo_url: Option<String>,
}

impl Import<'_> {
    /// Imports one app's folder; what cannot be is told in the summary.
    pub(super) async fn folder(&mut self, folder: &Tree) -> Result {
        let name = folder.name();
        let builds = self.builds(folder)?;
        let known = known(folder, &builds)?;
        let row = match self.app_row(folder, &known).await {
            Ok(row) => row,
            Err(Error::Invalid(reason) | Error::Conflict(reason) | Error::NotFound(reason)) => {
                self.summary.skip(&name, &reason);
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        for (path, past) in builds {
            self.build(&row, &path, past.past).await?;
        }
        for (topic, kind) in [("feedback", Kind::Feedback), ("crash-report", Kind::CrashReport)] {
            let Some(topic) = folder.folder(topic) else { continue };
            for item in topic.folders()? {
                self.item(&row, &item, kind).await?;
            }
        }
        Ok(())
    }

    /// The builds of an app, oldest first; broken ones go to the summary.
    fn builds(&mut self, folder: &Tree) -> Result<Vec<(String, build::Read)>> {
        let Some(topic) = folder.folder("build-metadata") else { return Ok(Vec::new()) };
        let mut builds = Vec::new();
        for item in topic.folders()? {
            let path = format!("{}/build-metadata/{}", folder.name(), item.name());
            match build::read(&item) {
                Ok(read) => {
                    for what in &read.left_out {
                        self.summary.leave_out(&path, what);
                    }
                    builds.push((path, read));
                }
                Err(reason) => self.summary.skip(&path, &reason),
            }
        }
        builds.sort_by_key(|(_, read)| (read.past.created_at, read.past.number));
        Ok(builds)
    }

    async fn build(&mut self, row: &AppRow, path: &str, past: PastBuild) -> Result {
        if past.app_id != row.id {
            self.summary.skip(path, "it belongs to another app");
            return Ok(());
        }
        let mut tx = self.app.db.write().await?;
        match crate::builds::import::import(&mut tx, &past).await {
            Ok(is_new) => {
                tx.commit().await?;
                self.summary.count(Kind::Build, is_new);
            }
            Err(Error::Invalid(reason) | Error::Conflict(reason)) => {
                self.summary.skip(path, &reason);
            }
            Err(error) => return Err(error.into()),
        }
        self.tick();
        Ok(())
    }

    async fn item(&mut self, row: &AppRow, item: &Tree, kind: Kind) -> Result {
        let topic = if kind == Kind::Feedback { "feedback" } else { "crash-report" };
        let path = format!("{}/{topic}/{}", row.id, item.name());
        let outcome = match kind {
            Kind::Feedback => item::feedback(self.app, row, item).await,
            _ => item::crash(self.app, row, item).await,
        };
        match outcome {
            Ok(done) => {
                self.summary.count(kind, done.is_new);
                let left_out = done.left_out.iter().filter(|_| done.is_new);
                left_out.for_each(|what| self.summary.leave_out(&path, what));
            }
            Err(Error::Invalid(reason) | Error::Conflict(reason)) => {
                self.summary.skip(&path, &reason);
            }
            Err(error) => return Err(error.into()),
        }
        self.tick();
        Ok(())
    }

    fn tick(&self) {
        self.bar.set_message(format!("{} items", self.summary.seen()));
        self.bar.tick();
    }

    /// The app, added under its old id if it is not here yet.
    async fn app_row(&mut self, folder: &Tree, known: &Known) -> crate::error::Result<AppRow> {
        let invalid = |text: &str| Error::Invalid(text.into());
        let id = known.id.clone().ok_or_else(|| invalid("nothing in it names an app"))?;
        let mut tx = self.app.db.read().await?;
        if let Some(row) = db::apps::find(&mut tx, &id).await? {
            self.summary.count(Kind::App, false);
            return Ok(row);
        }
        drop(tx);
        let platform = self.args.platform.or(known.platform);
        let platform = platform
            .ok_or_else(|| invalid("the export does not tell its platform; give --platform"))?;
        let repo_url = known.repo_url.as_deref().or(self.args.repo.as_deref());
        let repo_url =
            repo_url.ok_or_else(|| invalid("the export names no repository; give --repo URL"))?;
        let org = self.org().await.map_err(|failure| match failure {
            crate::cli::Failure::Usage(text) | crate::cli::Failure::Failed(text) => {
                Error::Invalid(text)
            }
            _ => Error::bug("importing", "no owner"),
        })?;
        let name = display_name(&folder.name(), &id, repo_url);
        let new = NewApp { org: &org, name: &name, platform, repo_url };
        let mut tx = self.app.db.write().await?;
        let row = apps::add_as(self.app, &mut tx, id, &new).await?;
        let change = Change::of_app(&row, "app.import", &row.name);
        audit::record_system(&mut tx, change, self.app.clock.now()).await?;
        tx.commit().await?;
        self.summary.count(Kind::App, true);
        Ok(row)
    }
}

/// The folder's name, unless it is the bare id that the tool gives it: then
/// the repository's.
fn display_name(folder: &str, id: &AppId, repo_url: &str) -> String {
    if folder != id.as_str() && !folder.is_empty() {
        return folder.to_owned();
    }
    let last = repo_url.trim_end_matches('/').rsplit(['/', ':']).next().unwrap_or_default();
    match last.trim_end_matches(".git") {
        "" => folder.to_owned(),
        name => name.to_owned(),
    }
}

/// What the folder's name, its builds and a look at its items tell.
fn known(folder: &Tree, builds: &[(String, build::Read)]) -> Result<Known> {
    let newest = builds.last().map(|(_, read)| read);
    let mut known = Known {
        id: folder.name().parse().ok().or_else(|| newest.map(|read| read.past.app_id.clone())),
        platform: builds.iter().rev().find_map(|(_, read)| read.platform),
        repo_url: newest.map(|read| read.past.repo_url.clone()).filter(|url| !url.is_empty()),
    };
    for topic in ["feedback", "crash-report"] {
        if known.id.is_some() && known.platform.is_some() {
            break;
        }
        let Some(topic) = folder.folder(topic) else { continue };
        for item in topic.folders()?.iter().take(LOOKS) {
            let hint = hint(item);
            known.id = known.id.or_else(|| hint.app_id.and_then(|id| id.parse().ok()));
            known.platform = known.platform.or(match hint.system.hardware_system_name.as_deref() {
                Some("Android") => Some(Platform::Android),
                Some("iOS" | "tvOS" | "watchOS" | "iPhone OS" | "iPadOS") => Some(Platform::Ios),
                _ => None,
            });
        }
    }
    Ok(known)
}

fn hint(item: &Tree) -> Hint {
    read_json(item, "info.json", MAX_JSON).unwrap_or_default()
}

/// A JSON file of an item, or why not.
pub(super) fn read_json<T: serde::de::DeserializeOwned>(
    item: &Tree,
    name: &str,
    max: usize,
) -> std::result::Result<T, String> {
    let bytes = match item.read(name, max) {
        Ok(bytes) => bytes,
        Err(Unread::Missing) => return Err(format!("{name} is missing")),
        Err(Unread::Bad(reason)) => return Err(reason),
    };
    serde_json::from_slice(&bytes).map_err(|error| format!("{name}: {error}"))
}
