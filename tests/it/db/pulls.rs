//! Pull requests.

use shipmate::db::pulls;
use shipmate::model::origin::{Fork, PullRequest};

use super::*;

fn pull(number: i64, head: &str) -> PullRequest {
    PullRequest {
        number,
        title: ODD.into(),
        head_branch: head.into(),
        head_sha: "a".repeat(40),
        base_branch: "main".into(),
        fork: None,
    }
}

on_both! {
    async fn open_ones_are_found_by_number_and_branch(db: Db) {
        let mut tx = write(&db).await;
        let app = add_app(&mut tx).await;
        let own = pull(3, "add");
        let fork = Fork { name: "bob/shop".into(), url: "https://h/bob/shop".into(), with_secrets: false };
        let foreign = PullRequest { fork: Some(fork), ..pull(4, "add") };
        for pull in [&own, &foreign] {
            pulls::upsert(&mut tx, &app, pull, true, T).await.unwrap();
        }
        pulls::upsert(&mut tx, &app, &pull(5, "add"), false, T).await.unwrap();
        assert_eq!(pulls::list_open(&mut tx, &app).await.unwrap(), [foreign.clone(), own.clone()]);
        assert_eq!(pulls::list_open_of_branch(&mut tx, &app, "add").await.unwrap(), std::slice::from_ref(&own));
        assert_eq!(pulls::list_open_of_branch(&mut tx, &app, "main").await.unwrap(), []);
        assert_eq!(pulls::find_open(&mut tx, &app, 4).await.unwrap(), Some(foreign));
        assert_eq!(pulls::find_open(&mut tx, &app, 5).await.unwrap(), None);
        let moved = PullRequest { head_sha: "b".repeat(40), title: "New".into(), ..own };
        pulls::upsert(&mut tx, &app, &moved, true, T).await.unwrap();
        assert_eq!(pulls::find_open(&mut tx, &app, 3).await.unwrap().as_ref(), Some(&moved));
        pulls::upsert(&mut tx, &app, &moved, false, T).await.unwrap();
        assert_eq!(pulls::find_open(&mut tx, &app, 3).await.unwrap(), None);
    }
}
