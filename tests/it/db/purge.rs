//! An app goes with everything that belongs to it, and nothing else does: tried
//! on the sample rows that every migration must bring.

use std::sync::Arc;

use super::migrations::{read_all, sample};
use super::*;
use crate::harness::database::TestDb;
use shipmate::db::purge;

/// The app that the samples hang everything on.
const SHOP: &str = "65ec8300a99999999a000001";
/// What outlives an app: what was done to it, and jobs that will find nothing.
const OUTLIVE: &[&str] = &["audit_entries", "jobs"];

on_both! {
    async fn nothing_of_a_purged_app_is_left(db: Arc<TestDb>) {
        for (name, migration) in read_all("migrations") {
            db.run(&migration).await;
            db.run(&sample(&name)).await;
        }
        let before = db.dump().await;
        let product = db.connect().await;
        let shop: AppId = SHOP.parse().unwrap();
        let mut tx = write(&product).await;
        let (mut builds, mut blobs) = (Vec::new(), Vec::new());
        while let Some(build) = purge::find_build(&mut tx, &shop).await.unwrap() {
            blobs.extend(purge::list_build_blobs(&mut tx, &build).await.unwrap());
            purge::delete_build(&mut tx, &build).await.unwrap();
            builds.push(build.to_string());
        }
        assert!(builds.len() >= 5, "{builds:?}");
        for kind in ["logs/", "artifacts/", "icons/", "sources/"] {
            assert!(blobs.iter().any(|key| key.starts_with(kind)), "{kind} {blobs:?}");
        }
        let own = purge::list_app_blobs(&mut tx, &shop, 100).await.unwrap();
        for kind in ["media/", "secure-files/65ec8300e00000000e000002"] {
            assert!(own.iter().any(|key| key.starts_with(kind)), "{kind} {own:?}");
        }
        assert_eq!(purge::list_app_blobs(&mut tx, &shop, 1).await.unwrap().len(), 1);
        for key in &own {
            purge::delete_app_blob(&mut tx, key).await.unwrap();
        }
        assert_eq!(purge::list_app_blobs(&mut tx, &shop, 100).await.unwrap(), Vec::<String>::new());
        purge::delete_app(&mut tx, &shop).await.unwrap();
        assert_eq!(purge::find_build(&mut tx, &shop).await.unwrap(), None);
        tx.commit().await.unwrap();

        let gone: Vec<&str> = builds.iter().map(String::as_str).chain([SHOP]).collect();
        let after = db.dump().await;
        for row in after.lines() {
            let table = row.split(':').next().unwrap();
            let names = gone.iter().find(|id| row.contains(**id));
            assert!(names.is_none() || OUTLIVE.contains(&table), "{row}");
        }
        assert!(after.lines().all(|row| before.contains(row)), "no row was changed");
        for table in ["apps", "users", "organisations", "variables", "secure_files", "jobs"] {
            assert!(after.contains(&format!("\n{table}: ")), "{table}");
        }
    }
}
