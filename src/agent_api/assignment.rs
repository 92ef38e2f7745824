//! What an agent is told about the build it has claimed: everything it may
//! know, and no more. Only doors may look into two product rooms at once.

use crate::app::App;
use crate::apps;
use crate::builds;
use crate::db;
use crate::error::{Error, Result};
use crate::model::build::Build;
use crate::protocol::{Assignment, Limits, Source};

pub async fn of(app: &App, build: &Build) -> Result<Assignment> {
    let mut tx = app.db.read().await?;
    let row = db::apps::find(&mut tx, &build.app_id)
        .await?
        .ok_or_else(|| Error::bug("assigning a build", "its app is deleted"))?;
    Ok(Assignment {
        build_id: build.id.clone(),
        app_id: build.app_id.clone(),
        app_name: row.name,
        platform: row.platform,
        number: build.number,
        attempt: build.attempt,
        source: Source {
            repo_url: build.repo_url.clone(),
            credential: apps::credential(app, &mut tx, &build.app_id).await?,
            branch: build.branch.clone(),
            commit: build.wanted_commit.clone(),
            ..Source::default()
        },
        scheme: build.scheme.clone(),
        triggered_by: build.triggered_by,
        env: apps::variables(app, &mut tx, &build.app_id).await?,
        without_cache: builds::origin_of(build)?.without_cache,
        limits: Limits {
            max_duration_ms: app.settings.max_build_ms,
            kill_grace_ms: app.settings.kill_grace_ms,
            lease_ms: app.settings.lease_ms,
        },
    })
}
