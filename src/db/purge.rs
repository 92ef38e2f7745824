//! The rows of an app that is gone for good, and the blobs that they name. The
//! references between tables hold this list to what there is: a table that is
//! forgotten here keeps its app from being deleted, and fails the test.

use crate::db::sql::{Tx, sql};
use crate::error::Result;
use crate::model::ids::{AppId, BuildId};

/// What belongs to a build, and goes before it. `$1` is the build.
const OF_BUILD: &[&str] = &[
    "DELETE FROM deployment_recipients
     WHERE deployment_id IN (SELECT id FROM deployments WHERE build_id = $1)",
    "DELETE FROM deployments WHERE build_id = $1",
    "DELETE FROM build_notes WHERE build_id = $1",
    "DELETE FROM build_labels WHERE build_id = $1",
    "DELETE FROM commit_statuses WHERE build_id = $1",
    "DELETE FROM packages WHERE artifact_id IN (SELECT id FROM artifacts WHERE build_id = $1)",
    "DELETE FROM artifacts WHERE build_id = $1",
    "DELETE FROM test_results WHERE build_id = $1",
    "DELETE FROM build_sources WHERE build_id = $1",
    "DELETE FROM coverage_targets WHERE build_id = $1",
    "DELETE FROM log_outlines WHERE build_id = $1",
    "DELETE FROM log_chunks WHERE build_id = $1",
    "DELETE FROM build_logs WHERE build_id = $1",
    "DELETE FROM builds WHERE id = $1",
];

/// What belongs to an app, and goes before it. `$1` is the app.
const OF_APP: &[&str] = &[
    "DELETE FROM group_testers
     WHERE group_id IN (SELECT id FROM deployment_groups WHERE app_id = $1)",
    "DELETE FROM deployment_groups WHERE app_id = $1",
    "DELETE FROM feedbacks WHERE app_id = $1",
    "DELETE FROM crash_reports WHERE app_id = $1",
    "DELETE FROM crash_groups WHERE app_id = $1",
    "DELETE FROM delivery_bodies
     WHERE delivery_id IN (SELECT id FROM deliveries WHERE app_id = $1)",
    "DELETE FROM deliveries WHERE app_id = $1",
    "DELETE FROM webhook_secrets WHERE app_id = $1",
    "DELETE FROM pull_requests WHERE app_id = $1",
    "DELETE FROM built_commits WHERE app_id = $1",
    "DELETE FROM remote_refs WHERE app_id = $1",
    "DELETE FROM remote_listings WHERE app_id = $1",
    "DELETE FROM commit_statuses WHERE app_id = $1",
    "DELETE FROM app_providers WHERE app_id = $1",
    "DELETE FROM app_setting_overrides WHERE app_id = $1",
    "DELETE FROM app_settings WHERE app_id = $1",
    "DELETE FROM schedules WHERE app_id = $1",
    "DELETE FROM variables WHERE owner_id = $1",
    "DELETE FROM secure_files WHERE owner_id = $1",
    "DELETE FROM invitations WHERE app_id = $1",
    "DELETE FROM pinned_branches WHERE app_id = $1",
    "DELETE FROM branches WHERE app_id = $1",
    "DELETE FROM app_members WHERE app_id = $1",
    "DELETE FROM apps WHERE id = $1",
];

/// One build of the app, which may be deleted already.
pub async fn find_build(tx: &mut Tx, app: &AppId) -> Result<Option<BuildId>> {
    let row: Option<(BuildId,)> =
        sql("SELECT id FROM builds WHERE app_id = $1 ORDER BY id LIMIT 1")
            .bind(app)
            .opt(tx)
            .await?;
    Ok(row.map(|(id,)| id))
}

/// Keys of the blobs of a build: files, icons, its log, sources.
pub async fn list_build_blobs(tx: &mut Tx, build: &BuildId) -> Result<Vec<String>> {
    let rows: Vec<(String,)> = sql("SELECT blob_key FROM artifacts WHERE build_id = $1
         UNION ALL SELECT p.icon_key FROM packages p JOIN artifacts a ON a.id = p.artifact_id
           WHERE a.build_id = $1 AND p.icon_key IS NOT NULL
         UNION ALL SELECT blob_key FROM build_logs WHERE build_id = $1 AND blob_key IS NOT NULL
         UNION ALL SELECT blob_key FROM build_sources WHERE build_id = $1")
    .bind(build)
    .all(tx)
    .await?;
    Ok(rows.into_iter().map(|(key,)| key).collect())
}

/// Up to `limit` keys of blobs that belong to the app itself: media and logs of
/// feedback and crashes, secure files.
pub async fn list_app_blobs(tx: &mut Tx, app: &AppId, limit: i64) -> Result<Vec<String>> {
    let rows: Vec<(String,)> = sql("SELECT blob_key FROM media WHERE item_id IN
           (SELECT id FROM feedbacks WHERE app_id = $1
            UNION ALL SELECT id FROM crash_reports WHERE app_id = $1)
         UNION ALL SELECT blob_key FROM secure_files WHERE owner_id = $1
         LIMIT CAST($2 AS BIGINT)")
    .bind(app)
    .bind(limit)
    .all(tx)
    .await?;
    Ok(rows.into_iter().map(|(key,)| key).collect())
}

/// Forgets a blob that `list_app_blobs` named and that is deleted.
pub async fn delete_app_blob(tx: &mut Tx, key: &str) -> Result<()> {
    sql("DELETE FROM media WHERE blob_key = $1").bind(key).exec(tx).await?;
    sql("DELETE FROM secure_files WHERE blob_key = $1").bind(key).exec(tx).await?;
    Ok(())
}

/// Deletes a build with all that belongs to it.
pub async fn delete_build(tx: &mut Tx, build: &BuildId) -> Result<()> {
    for statement in OF_BUILD {
        sql(statement).bind(build).exec(tx).await?;
    }
    Ok(())
}

/// Deletes an app without builds, with all that belongs to it. What was done to
/// it stays in the activity log.
pub async fn delete_app(tx: &mut Tx, app: &AppId) -> Result<()> {
    for statement in OF_APP {
        sql(statement).bind(app).exec(tx).await?;
    }
    Ok(())
}
