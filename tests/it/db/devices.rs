//! iOS devices of testers.

use shipmate::db::{Db, devices, groups};
use shipmate::model::distribution::Device;

use super::groups::{email, group};
use super::*;

fn device(udid: &str, address: &str, seen: i64) -> Device {
    Device {
        udid: udid.into(),
        email: address.to_lowercase(),
        address: address.into(),
        product: "iPhone14,2".into(),
        os_build: "21F90".into(),
        os_version: "17.5".into(),
        registered_at: Millis(seen),
        seen_at: Millis(seen),
    }
}

on_both! {
    async fn a_device_belongs_to_who_registered_it_last(db: Db) {
        let mut tx = write(&db).await;
        let first = device("a1", "Eve@example.org", 1);
        devices::upsert(&mut tx, &first).await.unwrap();
        devices::upsert(&mut tx, &device("b2", "eve@example.org", 2)).await.unwrap();
        let of_eve = devices::list_of(&mut tx, "eve@example.org").await.unwrap();
        assert_eq!(of_eve.iter().map(|one| one.udid.as_str()).collect::<Vec<_>>(), ["b2", "a1"]);
        devices::upsert(&mut tx, &device("a1", "bob@example.org", 9)).await.unwrap();
        let moved = devices::find(&mut tx, "a1").await.unwrap().unwrap();
        assert_eq!(moved, Device { registered_at: Millis(1), ..device("a1", "bob@example.org", 9) });

        let app = add_app(&mut tx).await;
        assert_eq!(devices::list_of_app(&mut tx, &app).await.unwrap(), []);
        let team = group(&app, "Team");
        groups::insert(&mut tx, &team, "{}").await.unwrap();
        groups::add_tester(&mut tx, &team.id, &email("BOB@example.org"), T).await.unwrap();
        assert_eq!(devices::list_of_app(&mut tx, &app).await.unwrap(), [moved]);
        groups::unsubscribe(&mut tx, &team.id, "bob@example.org", T).await.unwrap();
        assert_eq!(devices::list_of_app(&mut tx, &app).await.unwrap(), []);
        assert!(!devices::delete(&mut tx, "a1", "eve@example.org").await.unwrap());
        assert!(devices::delete(&mut tx, "a1", "bob@example.org").await.unwrap());
        assert_eq!(devices::find(&mut tx, "a1").await.unwrap(), None);
    }
}
