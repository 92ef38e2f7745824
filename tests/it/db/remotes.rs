//! What remotes were last heard to have, and when they are asked.

use shipmate::db::remotes::{self, RemoteRef};

use super::*;

on_both! {
    async fn references_are_remembered(db: Db) {
        let mut tx = write(&db).await;
        let app = add_app(&mut tx).await;
        remotes::upsert_ref(&mut tx, &app, "refs/heads/main", "a").await.unwrap();
        remotes::upsert_ref(&mut tx, &app, "refs/tags/v1", "b").await.unwrap();
        remotes::upsert_ref(&mut tx, &app, "refs/heads/main", "c").await.unwrap();
        assert_eq!(remotes::find_ref(&mut tx, &app, "refs/heads/main").await.unwrap().as_deref(), Some("c"));
        remotes::delete_ref(&mut tx, &app, "refs/heads/main").await.unwrap();
        assert_eq!(remotes::find_ref(&mut tx, &app, "refs/heads/main").await.unwrap(), None);
        let left = remotes::list_refs(&mut tx, &app).await.unwrap();
        assert_eq!(left, [RemoteRef { name: "refs/tags/v1".into(), sha: "b".into() }]);
    }

    async fn each_app_has_its_turn(db: Db) {
        let mut tx = write(&db).await;
        assert!(!remotes::has_missing_listings(&mut tx).await.unwrap());
        let app = add_app(&mut tx).await;
        assert!(remotes::has_missing_listings(&mut tx).await.unwrap());
        assert_eq!(remotes::insert_missing_listings(&mut tx, Millis(5)).await.unwrap(), 1);
        assert_eq!(remotes::insert_missing_listings(&mut tx, Millis(6)).await.unwrap(), 0);
        assert_eq!(remotes::list_due(&mut tx, Millis(4), 10).await.unwrap(), []);
        let due = remotes::list_due(&mut tx, Millis(5), 10).await.unwrap();
        assert_eq!(due.len(), 1);
        assert_eq!((&due[0].app_id, due[0].listed_at, due[0].failures), (&app, None, 0));
        // One of two servers takes it.
        assert_eq!(remotes::take(&mut tx, &due[0], Millis(50)).await.unwrap(), 1);
        assert_eq!(remotes::take(&mut tx, &due[0], Millis(60)).await.unwrap(), 0);
        remotes::set_failed(&mut tx, &app, Millis(70), ODD).await.unwrap();
        let failed = remotes::list_due(&mut tx, Millis(70), 10).await.unwrap().remove(0);
        assert_eq!((failed.failures, failed.last_error.as_str(), failed.next_at), (1, ODD, Millis(70)));
        remotes::set_listed(&mut tx, &app, Millis(71)).await.unwrap();
        let listed = remotes::list_due(&mut tx, Millis(70), 10).await.unwrap().remove(0);
        assert_eq!((listed.failures, listed.last_error.as_str(), listed.listed_at), (0, "", Some(Millis(71))));
    }
}
