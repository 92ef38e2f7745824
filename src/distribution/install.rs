//! What an install page offers (DEP-9): the packages of a build with what is
//! known of them, or why there is nothing.

use crate::app::App;
use crate::db::{self, Tx};
use crate::error::{Error, Result};
use crate::model::app::{App as AppRow, Platform};
use crate::model::artifact::Artifact;
use crate::model::build::{Build, BuildStatus};
use crate::model::distribution::Rules;
use crate::model::ids::{AppId, BuildId};
use crate::model::package::PackageFacts;

use super::{deploy, notes, preflight};

/// One package of a build.
#[derive(Debug)]
pub struct Offered {
    /// As `links` calls it.
    pub name: String,
    pub artifact: Artifact,
    /// `None` while nothing could be read from the package.
    pub facts: Option<PackageFacts>,
    pub icon_key: Option<String>,
}

/// A build that testers can install.
#[derive(Debug)]
pub struct Offer {
    pub app: AppRow,
    pub build: Build,
    pub notes: String,
    pub packages: Vec<Offered>,
}

/// Why a build cannot be installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    Disabled,
    Nothing,
}

/// Why no install link stands beside a package, for a person.
pub fn obstacle(app: &App, platform: Platform, package: &Offered) -> Option<&'static str> {
    let https = app.settings.dashboard_url.starts_with("https://");
    preflight::obstacle(platform, package.facts.as_ref(), https)
}

/// The packages that devices can install, with what is known of them.
pub async fn packages(tx: &mut Tx, build: &Build) -> Result<Vec<Offered>> {
    let mut known = db::packages::list(tx, &build.id).await?;
    let mut offered = Vec::new();
    for download in deploy::installable(build)? {
        let Some(artifact) = db::artifacts::find(tx, &download.artifact_id).await? else {
            continue;
        };
        let at = known.iter().position(|package| package.artifact_id == artifact.id);
        let package = at.map(|at| known.swap_remove(at));
        let (facts, icon_key) = package.map(|p| (p.facts, p.icon_key)).unwrap_or_default();
        offered.push(Offered { name: download.name, artifact, facts, icon_key });
    }
    Ok(offered)
}

/// What the install page of a build shows.
///
/// # Errors
/// `NotFound` for a build that does not exist, or whose app is gone.
pub async fn offer(tx: &mut Tx, id: &BuildId) -> Result<std::result::Result<Offer, Refusal>> {
    let build = db::builds::find(tx, id).await?.ok_or_else(Error::not_found)?;
    let app = db::apps::find(tx, &build.app_id).await?.ok_or_else(Error::not_found)?;
    if build.disabled {
        return Ok(Err(Refusal::Disabled));
    }
    let packages = packages(tx, &build).await?;
    if build.status != BuildStatus::Success || packages.is_empty() {
        return Ok(Err(Refusal::Nothing));
    }
    let notes = notes::of(tx, &build, None).await?;
    Ok(Ok(Offer { app, build, notes, packages }))
}

/// The newest build of a branch that can be installed; of the default branch
/// unless named, and of one scheme if it is named (api.md 6).
pub async fn newest_of(
    tx: &mut Tx,
    id: &AppId,
    branch: Option<&str>,
    scheme: Option<&str>,
) -> Result<Option<BuildId>> {
    let row = db::apps::find(tx, id).await?.ok_or_else(Error::not_found)?;
    let rules = Rules {
        default_branch: branch.is_none(),
        branches: branch.map(str::to_owned).into_iter().collect(),
        schemes: scheme.map(str::to_owned).into_iter().collect(),
        ..Rules::default()
    };
    Ok(deploy::newest(tx, &row, &rules, branch).await?.map(|build| build.id))
}
