//! The seam itself (opened by the harness through `Db::open_sqlite(` and
//! `Db::open_postgres(`): transactions, wake-ups, and answers that are remembered
//! only until something is committed.

use std::sync::Arc;
use std::time::Duration;

use shipmate::db::sql::sql;
use shipmate::db::wake::Topic;
use shipmate::db::{self, Db};

use super::*;
use crate::harness::database::{Kind, TestDb};

on_both! {
    async fn a_dropped_transaction_did_not_happen(db: Db) {
        let mut tx = write(&db).await;
        db::accounts::insert_user(&mut tx, &user_row("ann@example.org")).await.unwrap();
        drop(tx);
        assert!(!db::accounts::has_users(&mut read(&db).await).await.unwrap());
        let mut tx = write(&db).await;
        db::accounts::insert_user(&mut tx, &user_row("ann@example.org")).await.unwrap();
        tx.commit().await.unwrap();
        assert!(db::accounts::has_users(&mut read(&db).await).await.unwrap());
        let rows: Vec<(String,)> = sql("SELECT email FROM users").all(&mut read(&db).await).await.unwrap();
        assert_eq!(rows, [("ann@example.org".to_owned(),)]);
        let none: Option<(String,)> = sql("SELECT email FROM users WHERE email = $1")
            .bind("nobody")
            .opt(&mut read(&db).await)
            .await
            .unwrap();
        assert_eq!(none, None);
        let missing = sql("SELECT email FROM users WHERE email = $1").bind("nobody");
        assert!(missing.one::<(String,)>(&mut read(&db).await).await.is_err());
        let mut tx = write(&db).await;
        assert_eq!(sql("UPDATE users SET name = 'x'").exec(&mut tx).await.unwrap(), 1);
    }

    async fn a_commit_wakes_and_a_rollback_does_not(db: Db) {
        let mut bell = db.wake().on(&Topic::Queue);
        let mut tx = write(&db).await;
        tx.wake_on_commit(Topic::Queue);
        drop(tx);
        let short = Duration::from_millis(50);
        assert!(tokio::time::timeout(short, bell.wait(Duration::from_secs(60))).await.is_err());
        let mut tx = write(&db).await;
        tx.wake_on_commit(Topic::Queue);
        tx.commit().await.unwrap();
        let long = Duration::from_secs(10);
        tokio::time::timeout(long, bell.wait(Duration::from_secs(60))).await.expect("woken");
    }

    async fn remembered_answers_end_with_the_next_commit(place: Arc<TestDb>) {
        let db = place.open().await;
        let beside = place.connect().await;
        let mut tx = write(&db).await;
        let app = add_app(&mut tx).await;
        let user = user_row("ann@example.org");
        db::accounts::insert_user(&mut tx, &user).await.unwrap();
        db::tokens::insert(&mut tx, &token_row(&user.id, None), "hash").await.unwrap();
        tx.commit().await.unwrap();
        for _ in 0..2 {
            assert!(db.recall_token("hash").await.unwrap().is_some());
            assert!(db.recall_token("other").await.unwrap().is_none());
            let (_, access) = db.recall_app(&user.id, &app).await.unwrap().unwrap();
            assert_eq!(access.app_access, None);
        }
        // Another process revokes: the next question already knows.
        let mut tx = write(&beside).await;
        db::tokens::revoke_all(&mut tx, &user.id, T).await.unwrap();
        let access = shipmate::model::account::Access::Read;
        db::accounts::set_app_access(&mut tx, &app, &user.id, access).await.unwrap();
        tx.commit().await.unwrap();
        assert!(db.recall_token("hash").await.unwrap().is_none());
        let (_, access) = db.recall_app(&user.id, &app).await.unwrap().unwrap();
        assert_eq!(access.app_access.as_deref(), Some("read"));
        beside.close().await;
        let kind = if place.kind() == Kind::Sqlite { "sqlite" } else { "postgres" };
        assert_eq!(db.kind(), kind);
    }

    async fn migrating_twice_changes_nothing(place: Arc<TestDb>) {
        let db = place.open().await;
        db.migrate().await.unwrap();
        let (count,): (i64,) =
            sql("SELECT COUNT(*) FROM _sqlx_migrations").one(&mut read(&db).await).await.unwrap();
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations");
        let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let written = files.filter(|path| path.extension().is_some_and(|e| e == "sql")).count();
        assert_eq!(count, written as i64, "a file is missing in db::migrate");
    }
}
