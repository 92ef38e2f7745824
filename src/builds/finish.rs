//! The end of a build: one compare-and-set, with its summary and the jobs that
//! follow from it in the same transaction.

use crate::app::App;
use crate::db::builds::End;
use crate::db::wake::Topic;
use crate::db::{self, Tx};
use crate::error::{Error, Result};
use crate::model::app::Platform;
use crate::model::artifact::{ArtifactKind, Download};
use crate::model::build::{Build, BuildEvent, BuildStatus};
use crate::model::ids::JobId;
use crate::model::report::mean_coverage;
use crate::protocol::Finish;

use super::packages::{self, Offer};
use super::{Holder, hold, statuses};

/// Job that folds a finished log into one blob; its subject is the build id.
pub const FOLD_LOG: &str = "fold_log";
/// Job that sends a fresh success to its groups; its subject is the build id.
/// A build that was cancelled as a success deploys nothing (api.md 4.9).
pub const DEPLOY: &str = "deploy_build";
/// Longest failure message that is kept, in characters.
const MAX_MESSAGE: usize = 1_000;

/// The agent reports the end of its attempt. Answers the same when repeated.
///
/// # Errors
/// `Conflict` when the agent no longer holds the build.
pub async fn finish(app: &App, holder: Holder<'_>, report: &Finish) -> Result<()> {
    let mut tx = app.db.write().await?;
    if is_repeated(&mut tx, holder).await? {
        return Ok(());
    }
    let build = hold(&mut tx, holder).await?;
    // A cancelled build is ended already; its agent only lets go of it.
    if let Some(status) = build.status.after(BuildEvent::Ended(report.outcome)) {
        let summary = summarise(&mut tx, &build, status).await?;
        let message: Option<String> =
            report.failure.as_ref().map(|f| f.message.chars().take(MAX_MESSAGE).collect());
        let end = End {
            status,
            failure_kind: report.failure.as_ref().map(|f| f.kind.as_str()),
            failure_message: message.as_deref(),
            at: app.clock.now(),
            downloads: &summary.downloads,
            tests: summary.tests,
            coverage: summary.coverage,
        };
        if db::builds::end(&mut tx, &build.id, build.status, build.attempt, &end).await? == 0 {
            return Err(super::lost());
        }
        statuses::tell(app, &mut tx, &build, status).await?;
        if status == BuildStatus::Success {
            let now = app.clock.now();
            db::jobs::insert(&mut tx, &JobId::generate(now), DEPLOY, build.id.as_str(), now)
                .await?;
        }
    }
    let_go(app, &mut tx, &build, Some(report.log_chunks)).await?;
    tx.wake_on_commit(Topic::Build(build.id.clone()));
    tx.commit().await
}

/// True if this attempt was finished by an earlier call of the same agent.
async fn is_repeated(tx: &mut Tx, holder: Holder<'_>) -> Result<bool> {
    let Some(build) = db::builds::find(tx, holder.build).await? else { return Ok(false) };
    let Some(agent) = &build.agent_id else { return Ok(false) };
    Ok(build.status.is_finished()
        && build.lease_until.is_none()
        && build.attempt == holder.attempt
        && db::agents::belongs_to(tx, agent, holder.token).await?)
}

/// Nobody works on `build` any more: the lease ends, the log is closed and
/// will be folded. `log_chunks` is what the agent says it wrote in its
/// attempt; `None` if it cannot say.
pub(super) async fn let_go(
    app: &App,
    tx: &mut Tx,
    build: &Build,
    log_chunks: Option<i64>,
) -> Result<()> {
    db::builds::drop_lease(tx, &build.id, build.attempt).await?;
    let head = db::logs::find_head(tx, &build.id)
        .await?
        .ok_or_else(|| Error::bug("closing a log", "the build has none"))?;
    let never_ran = build.attempt == 0;
    let complete =
        head.complete && (never_ran || log_chunks.is_some_and(|written| head.next_seq >= written));
    db::logs::close(tx, &build.id, complete).await?;
    let now = app.clock.now();
    db::jobs::insert(tx, &JobId::generate(now), FOLD_LOG, build.id.as_str(), now).await?;
    tx.wake_on_commit(Topic::Jobs);
    // A place under a limit may have become free.
    tx.wake_on_commit(Topic::Queue);
    Ok(())
}

/// What a finished build shows of its results.
#[derive(Debug)]
pub(super) struct Summary {
    pub tests: Option<(i64, i64)>,
    pub coverage: Option<f64>,
    /// JSON list of `Download`.
    pub downloads: String,
}

pub(super) async fn summarise(tx: &mut Tx, build: &Build, status: BuildStatus) -> Result<Summary> {
    let counted = db::results::count_tests(tx, &build.id).await?;
    let figures = db::results::list_figures(tx, &build.id).await?;
    let frozen = db::settings::find_frozen(tx, &build.id).await?.unwrap_or_default();
    let downloads = match status {
        // "Only run tests": nothing to install (CFG-2).
        BuildStatus::Success if !frozen.only_run_tests => downloads(tx, build).await?,
        _ => Vec::new(),
    };
    Ok(Summary {
        tests: (counted.0 > 0).then_some(counted),
        coverage: (!figures.is_empty()).then(|| mean_coverage(&figures)),
        downloads: serde_json::to_string(&downloads)
            .map_err(|cause| Error::internal("writing downloads", cause))?,
    })
}

/// The files that a successful build offers (api.md 2.1 `links`): its signed
/// app packages, or what a script put into the product folder if it has made
/// no package at all.
async fn downloads(tx: &mut Tx, build: &Build) -> Result<Vec<Download>> {
    let Some(app) = db::apps::find(tx, &build.app_id).await? else { return Ok(Vec::new()) };
    let ending = match app.platform {
        Platform::Ios => ".ipa",
        Platform::Android => ".apk",
    };
    let packages = db::packages::list(tx, &build.id).await?;
    let mut files = Vec::new();
    let mut offered = Vec::new();
    let mut has_package = false;
    for artifact in db::artifacts::list(tx, &build.id).await? {
        if artifact.kind == ArtifactKind::File {
            continue;
        }
        let package = packages.iter().find(|package| package.artifact_id == artifact.id);
        match packages::offer(&artifact, package, ending) {
            Offer::Package { installable } => offered.push((artifact, installable)),
            Offer::Nothing => {}
            Offer::File => {
                let (name, id) = (artifact.name, artifact.id);
                files.push(Download { name, artifact_id: id, installable: false, platform: None });
                continue;
            }
        }
        has_package = true;
    }
    if !has_package {
        return Ok(files);
    }
    let only = offered.len() == 1;
    let shown = offered.into_iter().map(|(artifact, installable)| Download {
        name: match build.scheme.as_str() {
            scheme if only && !scheme.is_empty() => scheme.to_owned(),
            _ => variant_of(&artifact.name),
        },
        artifact_id: artifact.id,
        installable,
        platform: Some(app.platform),
    });
    Ok(shown.collect())
}

/// The variant that Gradle built, by the name of its file: `app-free-debug.apk`
/// is `freeDebug`. Else the name without its ending.
fn variant_of(file: &str) -> String {
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    let mut parts: Vec<&str> = stem.trim_end_matches("-unsigned").split('-').collect();
    if parts.len() < 2 || !matches!(parts.last(), Some(&"debug" | &"release")) {
        return stem.to_owned();
    }
    parts.remove(0);
    let mut variant = parts.remove(0).to_owned();
    for part in parts {
        let mut letters = part.chars();
        variant.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        variant.push_str(letters.as_str());
    }
    variant
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variants_are_named_as_gradle_does() {
        let cases = [
            ("app-release.apk", "release"),
            ("app-free-debug.apk", "freeDebug"),
            ("mobile-paid-eu-release-unsigned.apk", "paidEuRelease"),
            ("Shop.apk", "Shop"),
            ("shop-1.4.2.apk", "shop-1.4.2"),
            ("release.apk", "release"),
            ("Shop.ipa", "Shop"),
        ];
        for (file, variant) in cases {
            assert_eq!(variant_of(file), variant);
        }
    }
}
