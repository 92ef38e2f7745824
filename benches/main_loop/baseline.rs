//! The bare handlers that requests per second are compared with: axum and one
//! query for the same rows and members, nothing else.

use std::io::Write as _;

use axum::extract::{Path, State};
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};

/// The members that an answer of Shipmate is made of.
#[derive(Serialize, sqlx::FromRow)]
struct Build {
    id: String,
    app_id: String,
    number: i64,
    status: String,
    scheme: String,
    repo_url: String,
    branch: String,
    commit_sha: String,
    commit_author: String,
    commit_message: String,
    triggered_by: String,
    created_at: i64,
    started_at: Option<i64>,
    finished_at: Option<i64>,
    tests_count: Option<i64>,
    tests_passed: Option<i64>,
    coverage: Option<f64>,
    disabled: bool,
    downloads: String,
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, app_id, number, status, scheme, repo_url, branch, commit_sha, commit_author,
               commit_message, triggered_by, created_at, started_at, finished_at, tests_count,
               tests_passed, coverage, disabled, downloads FROM builds ",
            $rest
        )
    };
}

async fn show(State(pool): State<SqlitePool>, Path(id): Path<String>) -> Json<Build> {
    let query = sqlx::query_as(select!("WHERE id = $1")).bind(id);
    Json(query.fetch_one(&pool).await.unwrap())
}

async fn list(State(pool): State<SqlitePool>, Path(id): Path<String>) -> Json<Vec<Build>> {
    let query =
        sqlx::query_as(select!("WHERE app_id = $1 ORDER BY created_at DESC, id DESC LIMIT 10"));
    Json(query.bind(id).fetch_all(&pool).await.unwrap())
}

/// Serves `database` on a free port, printed on standard output, for ever.
pub fn serve(database: &str) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let options = SqliteConnectOptions::new().filename(database);
        let pool = SqlitePoolOptions::new()
            .max_connections(4)
            .test_before_acquire(false)
            .connect_with(options)
            .await
            .unwrap();
        let router = Router::new()
            .route("/v1/builds/{id}", get(show))
            .route("/v1/apps/{id}/builds", get(list))
            .with_state(pool);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("{}", listener.local_addr().unwrap().port());
        std::io::stdout().flush().unwrap();
        axum::serve(listener, router).await.unwrap();
    });
}
