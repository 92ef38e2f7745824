//! Deliveries, webhook secrets, and what was built of them.

use shipmate::db::deliveries::{self, NewDelivery};
use shipmate::model::delivery::{Delivery, Provider};
use shipmate::model::ids::DeliveryId;

use super::*;

fn row(app: &AppId, at: i64, state: &str) -> Delivery {
    Delivery {
        id: DeliveryId::generate(Millis(at)),
        app_id: app.clone(),
        provider: Provider::Github.as_str().into(),
        event: "push".into(),
        received_at: Millis(at),
        headers: "[]".into(),
        body_bytes: 12,
        events: format!("[\"{}\"]", ODD.escape_default()),
        state: state.into(),
        verdict: String::new(),
        built: false,
        evaluated_at: None,
    }
}

async fn add(tx: &mut Tx, delivery: &Delivery, repeat_id: Option<&str>) -> bool {
    deliveries::insert(tx, &NewDelivery { delivery, repeat_id }).await.unwrap()
}

on_both! {
    async fn deliveries_of_all_apps_are_paged(db: Db) {
        let mut tx = write(&db).await;
        let (app, other) = (add_app(&mut tx).await, add_app(&mut tx).await);
        let rows = [row(&app, 1, "done"), row(&other, 2, "done"), row(&app, 2, "pending")];
        for one in &rows {
            add(&mut tx, one, None).await;
        }
        let all = deliveries::list_all(&mut tx, None, 10).await.unwrap();
        let ids: Vec<_> = all.iter().map(|one| &one.delivery).collect();
        assert_eq!(ids, [&rows[2], &rows[1], &rows[0]]);
        assert_eq!(all[0].app_name, "Shop");
        let before = Some((rows[2].received_at, rows[2].id.as_str()));
        let next = deliveries::list_all(&mut tx, before, 1).await.unwrap();
        assert_eq!(next[0].delivery, rows[1]);
    }

    async fn a_delivery_is_kept_with_its_body_and_verdict(db: Db) {
        let mut tx = write(&db).await;
        let app = add_app(&mut tx).await;
        let other = add_app(&mut tx).await;
        let first = row(&app, 5_000, "pending");
        assert!(add(&mut tx, &first, Some("guid")).await);
        assert_eq!(deliveries::find(&mut tx, &first.id).await.unwrap().as_ref(), Some(&first));
        // A name is unique per app, no name never clashes.
        assert!(!add(&mut tx, &row(&app, 6_000, "pending"), Some("guid")).await);
        assert!(add(&mut tx, &row(&other, 6_000, "pending"), Some("guid")).await);
        for _ in 0..2 {
            assert!(add(&mut tx, &row(&other, 6_000, "done"), None).await);
        }
        assert_eq!(deliveries::find_repeated(&mut tx, &app, "guid").await.unwrap().as_ref(), Some(&first));
        assert_eq!(deliveries::find_repeated(&mut tx, &app, "other").await.unwrap(), None);
        assert_eq!(deliveries::find_body(&mut tx, &first.id).await.unwrap(), None);
        deliveries::insert_body(&mut tx, &first.id, vec![0, 255, 10]).await.unwrap();
        assert_eq!(deliveries::find_body(&mut tx, &first.id).await.unwrap(), Some(vec![0, 255, 10]));
        assert_eq!(deliveries::set_verdict(&mut tx, &first.id, ODD, true, Millis(9)).await.unwrap(), 1);
        assert_eq!(deliveries::set_verdict(&mut tx, &first.id, "late", false, Millis(9)).await.unwrap(), 0);
        let done = deliveries::find(&mut tx, &first.id).await.unwrap().unwrap();
        assert_eq!((done.state.as_str(), done.verdict.as_str(), done.built, done.evaluated_at), ("done", ODD, true, Some(Millis(9))));
        // Evaluated again, what was built stays built.
        assert_eq!(deliveries::set_pending(&mut tx, &first.id).await.unwrap(), 1);
        assert_eq!(deliveries::set_pending(&mut tx, &first.id).await.unwrap(), 0);
        deliveries::set_verdict(&mut tx, &first.id, "duplicate of #1", false, Millis(10)).await.unwrap();
        assert!(deliveries::find(&mut tx, &first.id).await.unwrap().unwrap().built);
    }

    async fn deliveries_wait_in_the_order_in_which_they_came(db: Db) {
        let mut tx = write(&db).await;
        let app = add_app(&mut tx).await;
        let other = add_app(&mut tx).await;
        let rows: Vec<_> = [1, 2, 2, 3].map(|at| row(&app, at, "pending")).to_vec();
        for delivery in rows.iter().rev() {
            add(&mut tx, delivery, None).await;
        }
        add(&mut tx, &row(&other, 0, "pending"), None).await;
        for expected in &rows[..3] {
            let oldest = deliveries::find_oldest_pending(&mut tx, &rows[2]).await.unwrap();
            assert_eq!(oldest.as_ref(), Some(expected));
            deliveries::set_verdict(&mut tx, &expected.id, "", false, Millis(9)).await.unwrap();
        }
        assert_eq!(deliveries::find_oldest_pending(&mut tx, &rows[2]).await.unwrap(), None);
        let waiting = deliveries::list_waiting(&mut tx, Millis(3), 10).await.unwrap();
        assert_eq!(waiting.iter().map(|d| &d.app_id).collect::<Vec<_>>(), [&other]);
        let listed = deliveries::list(&mut tx, &app, None, 2).await.unwrap();
        let ids = |list: &[Delivery]| list.iter().map(|d| d.id.clone()).collect::<Vec<_>>();
        assert_eq!(ids(&listed), [rows[3].id.clone(), rows[2].id.clone()]);
        let before = Some((listed[1].received_at, listed[1].id.as_str()));
        let next = deliveries::list(&mut tx, &app, before, 10).await.unwrap();
        assert_eq!(ids(&next), [rows[1].id.clone(), rows[0].id.clone()]);
        let mut own = row(&app, 0, "done");
        own.provider = "reconciliation".into();
        add(&mut tx, &own, None).await;
        let first = deliveries::find_first_heard(&mut tx, &app).await.unwrap();
        assert_eq!(first, Some(("github".into(), rows[0].received_at)));
        let nobody = add_app(&mut tx).await;
        assert_eq!(deliveries::find_first_heard(&mut tx, &nobody).await.unwrap(), None);
    }

    async fn old_deliveries_go_but_not_those_that_wait(db: Db) {
        let mut tx = write(&db).await;
        let app = add_app(&mut tx).await;
        let waiting = row(&app, 1, "pending");
        add(&mut tx, &waiting, None).await;
        for at in 2..=6 {
            let done = row(&app, at, "done");
            add(&mut tx, &done, None).await;
            deliveries::insert_body(&mut tx, &done.id, vec![1]).await.unwrap();
        }
        assert_eq!(deliveries::delete_old(&mut tx, &app, 3).await.unwrap(), 2);
        assert_eq!(deliveries::delete_old(&mut tx, &app, 3).await.unwrap(), 0);
        let left: Vec<_> = deliveries::list(&mut tx, &app, None, 10).await.unwrap().iter().map(|d| d.received_at.0).collect();
        assert_eq!(left, [6, 5, 4, 1]);
    }

    async fn a_secret_is_set_replaced_and_removed(db: Db) {
        let mut tx = write(&db).await;
        let app = add_app(&mut tx).await;
        assert_eq!(deliveries::find_secret(&mut tx, &app).await.unwrap(), None);
        deliveries::upsert_secret(&mut tx, &app, "sealed", Millis(1)).await.unwrap();
        deliveries::upsert_secret(&mut tx, &app, "sealed again", Millis(2)).await.unwrap();
        let found = deliveries::find_secret(&mut tx, &app).await.unwrap();
        assert_eq!(found, Some(("sealed again".into(), Millis(2))));
        assert_eq!(deliveries::delete_secret(&mut tx, &app).await.unwrap(), 1);
        assert_eq!(deliveries::delete_secret(&mut tx, &app).await.unwrap(), 0);
    }

    async fn a_commit_of_a_lane_is_noted_once(db: Db) {
        let mut tx = write(&db).await;
        let app = add_app(&mut tx).await;
        let delivery = DeliveryId::generate(T);
        for (lane, sha) in [("branch:main", "a"), ("tag:v1", "a"), ("tag:v1", "b")] {
            assert!(deliveries::insert_built(&mut tx, &app, lane, sha, &delivery).await.unwrap());
            assert!(!deliveries::insert_built(&mut tx, &app, lane, sha, &delivery).await.unwrap());
        }
        deliveries::set_built_number(&mut tx, &app, "tag:v1", 7).await.unwrap();
        deliveries::set_built_number(&mut tx, &app, "tag:v1", 8).await.unwrap();
        for (lane, sha, number) in [("tag:v1", "a", Some(7)), ("tag:v1", "b", Some(7)), ("branch:main", "a", Some(0)), ("branch:main", "b", None)] {
            let found = deliveries::find_built(&mut tx, &app, lane, sha).await.unwrap();
            assert_eq!(found, number.map(|n| (n, Some(delivery.clone()))), "{lane} {sha}");
        }
        deliveries::delete_built_commit(&mut tx, &app, "tag:v1", "a").await.unwrap();
        assert_eq!(deliveries::find_built(&mut tx, &app, "tag:v1", "a").await.unwrap(), None);
        deliveries::delete_built(&mut tx, &app, "tag:v1").await.unwrap();
        assert_eq!(deliveries::find_built(&mut tx, &app, "tag:v1", "b").await.unwrap(), None);
        assert!(deliveries::find_built(&mut tx, &app, "branch:main", "a").await.unwrap().is_some());
    }
}
