//! The database breaks under a running server and is mended: 503 meanwhile,
//! and everything works again without a restart.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use sqlx::Connection;

use super::shop::{PATIENCE, Shop};
use crate::harness::app::TestApp;
use crate::harness::database::{Kind, Stage, TestDb, tell};
use crate::harness::eventually;
use crate::harness::server::Answer;

/// PostgreSQL throws everybody out and lets nobody in; in SQLite, which has no
/// server to lose, the tables are not where they belong.
async fn break_it(db: &TestDb) {
    match db.kind() {
        Kind::Sqlite => {
            db.run("ALTER TABLE builds RENAME TO hidden_b; ALTER TABLE tokens RENAME TO hidden_t")
                .await;
        }
        Kind::Postgres => {
            db.run_on_server("ALTER DATABASE \"{database}\" ALLOW_CONNECTIONS false").await;
            db.run_on_server(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                 WHERE datname = '{database}'",
            )
            .await;
        }
    }
}

async fn mend(db: &TestDb) {
    match db.kind() {
        Kind::Sqlite => {
            db.run("ALTER TABLE hidden_b RENAME TO builds; ALTER TABLE hidden_t RENAME TO tokens")
                .await;
        }
        Kind::Postgres => {
            db.run_on_server("ALTER DATABASE \"{database}\" ALLOW_CONNECTIONS true").await;
        }
    }
}

#[track_caller]
fn is_unavailable(answer: Answer, what: &str) {
    let answer = answer.expect(503);
    assert_eq!(answer.json::<Value>(), json!({ "error": "Service Unavailable" }), "{what}");
    let seconds = answer.headers["retry-after"].to_str().unwrap();
    assert!(seconds.parse::<u32>().is_ok_and(|seconds| seconds > 0), "{what}: {seconds}");
}

on_both! {
    async fn everything_waits_and_nothing_is_lost(app: TestApp) {
        let ann = app.add_user("ann@example.org").await;
        let repo = app.add_repository("repo");
        let gate = app.dir().join("go");
        let script = format!(
            "#!/bin/sh\necho before\nuntil [ -e '{0}' ]; do sleep 0.02; done\necho after\necho done > '{0}.done'\n",
            gate.display()
        );
        repo.commit("buddybuild_postclone.sh", &script, "Wait");
        let row = app.add_app(&ann, "Shop", &repo.url()).await;
        let shop = Shop::open(&app, &ann.token).await;
        let id = shop.trigger(row.id.as_str()).await;
        eventually(PATIENCE, "the build runs", async || {
            shop.log(&id).await.contains("before\n").then_some(())
        })
        .await;

        break_it(&app.db).await;
        let build = format!("/v1/builds/{id}");
        let trigger = format!("/v1/apps/{}/build", row.id);
        for (method, path) in [
            (Method::GET, "/v1/apps".to_owned()),
            (Method::GET, build.clone()),
            (Method::GET, format!("{build}/logs")),
            (Method::GET, format!("{build}/tests")),
            (Method::GET, format!("/v1/apps/{}/builds", row.id)),
            (Method::POST, trigger.clone()),
            (Method::POST, format!("{build}/cancel")),
            (Method::GET, "/readyz".to_owned()),
        ] {
            let answer = shop.server.call(method.clone(), &path, Some(&shop.token), "").await;
            is_unavailable(answer, &format!("{method} {path}"));
        }
        let health = shop.server.call(Method::GET, "/healthz", None, "").await.expect(200);
        assert_eq!(health.body, b"ok\n");
        // The build goes on, and ends while nobody can be told.
        std::fs::write(&gate, "").unwrap();
        let ended = gate.with_file_name("go.done");
        eventually(PATIENCE, "the script has ended", async || ended.exists().then_some(())).await;

        mend(&app.db).await;
        eventually(PATIENCE, "the server is ready again", async || {
            let ready = shop.server.call(Method::GET, "/readyz", None, "").await;
            (ready.status == 200).then_some(())
        })
        .await;
        assert_eq!(shop.finished(&id).await["build_status"], "success");
        let log = eventually(PATIENCE, "the log has its end", async || {
            let log = shop.log(&id).await;
            log.contains("after\n").then_some(log)
        })
        .await;
        assert!(log.contains("before\n"), "{log}");
        let next = shop.trigger(row.id.as_str()).await;
        assert_eq!(shop.finished(&next).await["build_number"], 2);
    }
}

/// Another program holds SQLite's write lock for longer than we wait.
#[test]
fn a_locked_file_refuses_writes_and_answers_reads() {
    tell("a_locked_file", Kind::Sqlite, |db| async move {
        let app = TestApp::set(&db).await;
        let ann = app.add_user("ann@example.org").await;
        let row = app.add_app(&ann, "Shop", "/nonexistent/repo.git").await;
        let shop = Shop::open(&app, &ann.token).await;
        let trigger = format!("/v1/apps/{}/build", row.id);
        let mut beside = db.sqlite().await;
        let lock = beside.begin_with("BEGIN IMMEDIATE").await.unwrap();
        let refused = tokio::time::timeout(
            Duration::from_secs(20),
            shop.server.call(Method::POST, &trigger, Some(&shop.token), ""),
        );
        is_unavailable(refused.await.expect("an answer before a client gives up"), "POST");
        assert_eq!(shop.json("/v1/apps").await[0]["app_name"], "Shop");
        lock.rollback().await.unwrap();
        let trigger = format!("{trigger}?branch=main");
        shop.server.call(Method::POST, &trigger, Some(&shop.token), "").await.expect(201);
    });
}
