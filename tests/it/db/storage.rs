//! How much is stored.

use shipmate::db::storage::{self, Usage};
use shipmate::db::{Db, artifacts};
use shipmate::model::artifact::{Artifact, ArtifactKind};
use shipmate::model::ids::ArtifactId;

use super::*;

on_both! {
    async fn files_are_summed_by_app_and_kind(db: Db) {
        let mut tx = write(&db).await;
        assert_eq!(storage::list_usage(&mut tx).await.unwrap(), []);
        let app = add_app(&mut tx).await;
        let build = add_build(&mut tx, &app, 1, T).await;
        for (kind, bytes) in [(ArtifactKind::Apk, 5), (ArtifactKind::Apk, 7), (ArtifactKind::File, 1 << 40)] {
            let id = ArtifactId::generate(T);
            let artifact = Artifact {
                id: id.clone(),
                build_id: build.clone(),
                kind,
                name: "a".into(),
                path: id.to_string(),
                bytes,
                sha256: String::new(),
                blob_key: String::new(),
                created_at: T,
            };
            artifacts::insert(&mut tx, id.as_str(), &artifact).await.unwrap();
        }
        let usage = |kind: &str, files, bytes| Usage {
            app_id: app.clone(),
            app_name: "Shop".into(),
            deleted: false,
            kind: kind.into(),
            files,
            bytes,
        };
        let found = storage::list_usage(&mut tx).await.unwrap();
        assert_eq!(found, [usage("file", 1, 1 << 40), usage("apk", 2, 12)]);
        assert!(storage::database_bytes(&mut tx).await.unwrap() > 10_000);
    }

    async fn logs_media_and_secure_files_count_too(db: std::sync::Arc<crate::harness::database::TestDb>) {
        let opened = db.open().await;
        let mut tx = write(&opened).await;
        let app = add_app(&mut tx).await;
        let build = add_build(&mut tx, &app, 1, T).await;
        tx.commit().await.unwrap();
        db.run(&format!(
            "INSERT INTO build_logs (build_id, state, attempt, next_seq, chunks, bytes, lines, blob_bytes)
               VALUES ('{build}', 'folded', 1, 0, 0, 100, 1, 20);
             INSERT INTO build_sources (build_id, attempt, blob_key, bytes, created_at)
               VALUES ('{build}', 1, '', 15, 0);
             INSERT INTO feedbacks (id, app_id, build_id, build_number, state, created_at, description, bundle_id, short_version, version, metadata, system)
               VALUES ('f1', '{app}', '{build}', 1, 'open', 0, '', '', '', '', '{{}}', '{{}}');
             INSERT INTO media (id, item_id, kind, name, media_type, bytes, sha256, blob_key, created_at)
               VALUES ('m1', 'f1', 'image', 'a', 'image/png', 9, '', '', 0);
             INSERT INTO secure_files (id, owner_id, name, bytes, blob_key, key_sealed, created_at)
               VALUES ('s1', '{app}', 'a', 3, '', '', 0);"
        )).await;
        let mut tx = read(&opened).await;
        let found = storage::list_usage(&mut tx).await.unwrap();
        let found: Vec<_> = found.iter().map(|one| (one.kind.as_str(), one.files, one.bytes)).collect();
        assert_eq!(found, [("log", 1, 20), ("source", 1, 15), ("media", 1, 9), ("secure file", 1, 3)]);
    }
}
