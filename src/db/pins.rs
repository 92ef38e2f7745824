//! Branches that people have pinned.

use crate::db::sql::{Tx, sql};
use crate::error::Result;
use crate::model::ids::{AppId, UserId};
use crate::model::time::Millis;

/// Pins a branch; one that is pinned stays where it is.
pub async fn insert(
    tx: &mut Tx,
    user: &UserId,
    app: &AppId,
    branch: &str,
    now: Millis,
) -> Result<()> {
    sql("INSERT INTO pinned_branches (user_id, app_id, branch, pinned_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (user_id, app_id, branch) DO NOTHING")
    .bind(user)
    .bind(app)
    .bind(branch)
    .bind(now)
    .exec(tx)
    .await?;
    Ok(())
}

/// Rows deleted.
pub async fn delete(tx: &mut Tx, user: &UserId, app: &AppId, branch: &str) -> Result<u64> {
    sql("DELETE FROM pinned_branches WHERE user_id = $1 AND app_id = $2 AND branch = $3")
        .bind(user)
        .bind(app)
        .bind(branch)
        .exec(tx)
        .await
}

/// In the order in which they were pinned.
pub async fn list(tx: &mut Tx, user: &UserId, app: &AppId) -> Result<Vec<String>> {
    let rows: Vec<(String,)> = sql("SELECT branch FROM pinned_branches
         WHERE user_id = $1 AND app_id = $2 ORDER BY pinned_at, branch")
    .bind(user)
    .bind(app)
    .all(tx)
    .await?;
    Ok(rows.into_iter().map(|(branch,)| branch).collect())
}
