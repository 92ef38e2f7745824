//! Where sources are.

use shipmate::db::Db;
use shipmate::db::sources::{self, StoredSources};

use super::*;

on_both! {
    async fn a_later_attempt_takes_the_place(db: Db) {
        let mut tx = write(&db).await;
        let app = add_app(&mut tx).await;
        let build = add_build(&mut tx, &app, 1, T).await;
        assert_eq!(sources::find(&mut tx, &build).await.unwrap(), None);
        for attempt in [1, 2] {
            let stored = StoredSources {
                attempt,
                blob_key: format!("{ODD}{attempt}"),
                bytes: 1 << (30 + attempt),
                created_at: T,
            };
            sources::replace(&mut tx, &build, &stored).await.unwrap();
            assert_eq!(sources::find(&mut tx, &build).await.unwrap(), Some(stored));
        }
    }
}
