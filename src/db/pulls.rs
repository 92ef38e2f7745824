//! Pull requests as providers have told of them.

use crate::db::sql::{Tx, sql};
use crate::error::Result;
use crate::model::ids::AppId;
use crate::model::origin::{Fork, PullRequest};
use crate::model::time::Millis;

#[derive(Debug, sqlx::FromRow)]
struct Row {
    number: i64,
    title: String,
    head_branch: String,
    head_sha: String,
    base_branch: String,
    fork_name: Option<String>,
    fork_url: Option<String>,
}

impl From<Row> for PullRequest {
    fn from(row: Row) -> Self {
        let Row { number, title, head_branch, head_sha, base_branch, fork_name, fork_url } = row;
        // Whether a fork may see secrets is decided when a build is queued.
        let fork = fork_name.map(|name| Fork {
            name,
            url: fork_url.unwrap_or_default(),
            with_secrets: false,
        });
        Self { number, title, head_branch, head_sha, base_branch, fork }
    }
}

pub async fn upsert(
    tx: &mut Tx,
    app: &AppId,
    pull: &PullRequest,
    open: bool,
    now: Millis,
) -> Result<()> {
    let PullRequest { number, title, head_branch, head_sha, base_branch, fork } = pull;
    sql("INSERT INTO pull_requests (app_id, number, open, title, head_branch, head_sha,
           base_branch, fork_name, fork_url, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
         ON CONFLICT (app_id, number) DO UPDATE
         SET open = excluded.open, title = excluded.title, head_branch = excluded.head_branch,
           head_sha = excluded.head_sha, base_branch = excluded.base_branch,
           fork_name = excluded.fork_name, fork_url = excluded.fork_url,
           updated_at = excluded.updated_at")
    .bind(app)
    .bind(*number)
    .bind(open)
    .bind(title.as_str())
    .bind(head_branch.as_str())
    .bind(head_sha.as_str())
    .bind(base_branch.as_str())
    .bind(fork.as_ref().map(|fork| fork.name.clone()))
    .bind(fork.as_ref().map(|fork| fork.url.clone()))
    .bind(now)
    .exec(tx)
    .await?;
    Ok(())
}

/// Open ones, newest first by number.
pub async fn list_open(tx: &mut Tx, app: &AppId) -> Result<Vec<PullRequest>> {
    let rows: Vec<Row> = sql("SELECT number, title, head_branch, head_sha, base_branch, fork_name,
           fork_url
         FROM pull_requests WHERE app_id = $1 AND open ORDER BY number DESC LIMIT 1000")
    .bind(app)
    .all(tx)
    .await?;
    Ok(rows.into_iter().map(PullRequest::from).collect())
}

/// The open one of this number.
pub async fn find_open(tx: &mut Tx, app: &AppId, number: i64) -> Result<Option<PullRequest>> {
    let row: Option<Row> = sql("SELECT number, title, head_branch, head_sha, base_branch,
           fork_name, fork_url
         FROM pull_requests WHERE app_id = $1 AND number = $2 AND open")
    .bind(app)
    .bind(number)
    .opt(tx)
    .await?;
    Ok(row.map(PullRequest::from))
}

/// Open ones whose head is this branch of the app's own repository.
pub async fn list_open_of_branch(
    tx: &mut Tx,
    app: &AppId,
    branch: &str,
) -> Result<Vec<PullRequest>> {
    let rows: Vec<Row> = sql("SELECT number, title, head_branch, head_sha, base_branch, fork_name,
           fork_url
         FROM pull_requests
         WHERE app_id = $1 AND head_branch = $2 AND open AND fork_name IS NULL
         ORDER BY number LIMIT 20")
    .bind(app)
    .bind(branch)
    .all(tx)
    .await?;
    Ok(rows.into_iter().map(PullRequest::from).collect())
}
