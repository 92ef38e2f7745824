//! Artifact rows.

use shipmate::db::{Db, artifacts};
use shipmate::error::Error;
use shipmate::model::artifact::{Artifact, ArtifactKind};
use shipmate::model::ids::{ArtifactId, BuildId};
use shipmate::model::time::Millis;

use super::*;

fn artifact(build: &BuildId, kind: ArtifactKind, path: &str) -> Artifact {
    let id = ArtifactId::generate(T);
    Artifact {
        build_id: build.clone(),
        kind,
        name: path.rsplit('/').next().unwrap_or_default().into(),
        path: path.into(),
        bytes: i64::MAX,
        sha256: "ab".repeat(32),
        blob_key: format!("artifacts/{build}/{id}"),
        created_at: Millis(i64::MIN),
        id,
    }
}

on_both! {
    async fn an_upload_is_recorded_once(db: Db) {
        let mut tx = write(&db).await;
        let app = add_app(&mut tx).await;
        let (build, other) = (add_build(&mut tx, &app, 1, T).await, add_build(&mut tx, &app, 2, T).await);
        let stored = artifact(&build, ArtifactKind::Product, ODD);
        assert!(artifacts::insert(&mut tx, "u1", &stored).await.unwrap());
        let again = artifact(&build, ArtifactKind::File, "other");
        assert!(!artifacts::insert(&mut tx, "u1", &again).await.unwrap());
        // The same upload id under another build is another upload.
        assert!(artifacts::insert(&mut tx, "u1", &artifact(&other, ArtifactKind::Apk, "x")).await.unwrap());
        let same_id = Artifact { build_id: other.clone(), ..stored.clone() };
        assert_eq!(artifacts::find_upload(&mut tx, &build, "u1").await.unwrap().as_ref(), Some(&stored));
        assert_eq!(artifacts::find_upload(&mut tx, &build, "u2").await.unwrap(), None);
        assert_eq!(artifacts::find(&mut tx, &stored.id).await.unwrap().as_ref(), Some(&stored));
        assert_eq!(artifacts::find(&mut tx, &ArtifactId::generate(T)).await.unwrap(), None);
        assert_eq!(artifacts::count(&mut tx, &build).await.unwrap(), 1);
        let taken = artifacts::insert(&mut tx, "u9", &same_id).await;
        assert!(matches!(taken, Err(Error::Conflict(_))), "{taken:?}");
    }

    async fn files_are_listed_by_kind_and_path(db: Db) {
        let mut tx = write(&db).await;
        let app = add_app(&mut tx).await;
        let (build, other) = (add_build(&mut tx, &app, 1, T).await, add_build(&mut tx, &app, 2, T).await);
        let files = [
            (ArtifactKind::Product, "a"),
            (ArtifactKind::File, "b/A_"),
            (ArtifactKind::File, "b/A1"),
            (ArtifactKind::File, "Z"),
            (ArtifactKind::Apk, "z"),
        ];
        for (number, (kind, path)) in files.into_iter().enumerate() {
            let row = artifact(&build, kind, path);
            assert!(artifacts::insert(&mut tx, &number.to_string(), &row).await.unwrap());
        }
        artifacts::insert(&mut tx, "0", &artifact(&other, ArtifactKind::Apk, "kept")).await.unwrap();
        let listed: Vec<_> = artifacts::list(&mut tx, &build)
            .await
            .unwrap()
            .into_iter()
            .map(|a| (a.kind.as_str(), a.path))
            .collect();
        let expected = [("apk", "z"), ("file", "Z"), ("file", "b/A1"), ("file", "b/A_"), ("product", "a")];
        assert_eq!(listed, expected.map(|(kind, path)| (kind, path.to_owned())));
        assert_eq!(artifacts::clear(&mut tx, &build).await.unwrap(), 5);
        assert_eq!(artifacts::count(&mut tx, &build).await.unwrap(), 0);
        assert_eq!(artifacts::count(&mut tx, &other).await.unwrap(), 1);
    }
}
