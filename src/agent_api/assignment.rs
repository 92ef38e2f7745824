//! What an agent is told about the build it has claimed: everything it may
//! know, and no more. Only doors may look into two product rooms at once.

use crate::app::App;
use crate::apps;
use crate::builds;
use crate::db;
use crate::error::{Error, Result};
use crate::model::build::Build;
use crate::model::origin::Origin;
use crate::protocol::{Assignment, Limits, PullSource, Source};

pub async fn of(app: &App, build: &Build) -> Result<Assignment> {
    let mut tx = app.db.read().await?;
    let origin = builds::origin_of(build)?;
    let row = db::apps::find(&mut tx, &build.app_id)
        .await?
        .ok_or_else(|| Error::bug("assigning a build", "its app is deleted"))?;
    // Another repository since it was queued: its credential is not for the old host.
    let credential = match row.repo_url == build.repo_url {
        true => apps::credential(app, &mut tx, &build.app_id).await?,
        false => None,
    };
    Ok(Assignment {
        build_id: build.id.clone(),
        app_id: build.app_id.clone(),
        app_name: row.name,
        platform: row.platform,
        number: build.number,
        attempt: build.attempt,
        source: Source { credential, ..source_of(build, &origin) },
        scheme: build.scheme.clone(),
        triggered_by: build.triggered_by,
        env: match origin.may_see_secrets() {
            true => apps::variables(app, &mut tx, &build.app_id).await?,
            false => Vec::new(),
        },
        without_cache: origin.without_cache,
        limits: Limits {
            max_duration_ms: app.settings.max_build_ms,
            kill_grace_ms: app.settings.kill_grace_ms,
            lease_ms: app.settings.lease_ms,
        },
    })
}

/// What to check out, without what opens the remote.
fn source_of(build: &Build, origin: &Origin) -> Source {
    let source = Source {
        repo_url: build.repo_url.clone(),
        branch: build.branch.clone(),
        commit: build.wanted_commit.clone(),
        tag: origin.tag.clone(),
        ..Source::default()
    };
    let Some(pull) = &origin.pull_request else { return source };
    // The head that was announced; without one, the tip of its branch.
    let announced = Some(&pull.head_sha).filter(|sha| !sha.is_empty()).cloned();
    Source {
        branch: pull.head_branch.clone(),
        commit: source.commit.or(announced),
        tag: None,
        pull_request: Some(PullSource {
            number: pull.number,
            base_branch: pull.base_branch.clone(),
            head_url: pull.fork.as_ref().map(|fork| fork.url.clone()),
            fork: pull.fork.as_ref().map(|fork| fork.name.clone()),
            trusted: origin.may_see_secrets(),
        }),
        ..source
    }
}
