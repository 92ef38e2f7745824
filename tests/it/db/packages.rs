//! Rows of app packages.

use shipmate::db::{Db, artifacts, packages};
use shipmate::error::Error;
use shipmate::model::artifact::{Artifact, ArtifactKind};
use shipmate::model::ids::{ArtifactId, BuildId};
use shipmate::model::package::{
    Certificate, Package, PackageFacts, PackageFormat, Profile, ProfileKind, Signing,
};

use super::*;

async fn add_artifact(tx: &mut Tx, build: &BuildId) -> ArtifactId {
    let id = ArtifactId::generate(T);
    let artifact = Artifact {
        id: id.clone(),
        build_id: build.clone(),
        kind: ArtifactKind::Product,
        name: "a.ipa".into(),
        path: "a.ipa".into(),
        bytes: 1,
        sha256: "ab".repeat(32),
        blob_key: format!("artifacts/{build}/{id}"),
        created_at: T,
    };
    assert!(artifacts::insert(tx, id.as_str(), &artifact).await.unwrap());
    id
}

/// Every member with a value that a careless layer loses.
fn facts() -> PackageFacts {
    let profile = Profile {
        name: ODD.into(),
        team: ODD.into(),
        team_id: "ABCDE12345".into(),
        kind: ProfileKind::AdHoc,
        expires_at: Some(Millis(i64::MAX)),
        devices: vec!["00008030-000A1B2C3D4E5F60".into()],
        entitlements: vec![("get-task-allow".into(), "false".into())],
    };
    let certificate =
        Certificate { subject: ODD.into(), sha256: "cd".repeat(32), expires_at: Some(Millis(-1)) };
    PackageFacts {
        format: PackageFormat::Ipa,
        name: ODD.into(),
        identifier: "org.example.shop".into(),
        version_name: "1.4.2".into(),
        version_code: "57".into(),
        min_os: "13.0".into(),
        target_os: "34".into(),
        permissions: vec!["android.permission.INTERNET".into()],
        simulator: true,
        signing: Signing {
            schemes: vec!["v1".into()],
            certificate: Some(certificate),
            profile: Some(profile),
        },
    }
}

on_both! {
    async fn the_newest_packages_of_each_scheme_are_listed(db: Db) {
        let mut tx = write(&db).await;
        let app = add_app(&mut tx).await;
        let mut builds = Vec::new();
        for number in 1..=3 {
            let build = add_build(&mut tx, &app, number, T.plus(number)).await;
            let artifact = add_artifact(&mut tx, &build).await;
            let package = Package {
                artifact_id: artifact,
                facts: (number != 2).then(facts),
                error: None,
                icon_key: None,
                created_at: T,
            };
            assert!(packages::insert(&mut tx, &package).await.unwrap());
            let end = db::builds::End {
                status: shipmate::model::build::BuildStatus::Success,
                failure_kind: None,
                failure_message: None,
                at: T,
                downloads: "[]",
                tests: None,
                coverage: None,
            };
            db::builds::end(&mut tx, &build, shipmate::model::build::BuildStatus::Queued, 0, &end).await.unwrap();
            builds.push(build);
        }
        let numbers = async |tx: &mut Tx, per| {
            packages::list_newest(tx, per).await.unwrap().into_iter().map(|one| one.number).collect::<Vec<_>>()
        };
        assert_eq!(numbers(&mut tx, 1).await, [3]);
        assert_eq!(numbers(&mut tx, 2).await, [3]);
        assert_eq!(numbers(&mut tx, 3).await, [3, 1]);
        let first = packages::list_newest(&mut tx, 1).await.unwrap().remove(0);
        assert_eq!((first.app_id, first.app_name.as_str(), first.build_id, first.facts), (app, "Shop", builds.remove(2), facts()));
    }

    async fn a_package_is_recorded_once_and_goes_with_its_artifact(db: Db) {
        let mut tx = write(&db).await;
        let app = add_app(&mut tx).await;
        let (build, other) = (add_build(&mut tx, &app, 1, T).await, add_build(&mut tx, &app, 2, T).await);
        let first = add_artifact(&mut tx, &build).await;
        let read = Package {
            artifact_id: first.clone(),
            facts: Some(facts()),
            error: None,
            icon_key: Some("icons/x".into()),
            created_at: T,
        };
        assert!(packages::insert(&mut tx, &read).await.unwrap());
        let again = Package { facts: None, error: Some("later".into()), ..read.clone() };
        assert!(!packages::insert(&mut tx, &again).await.unwrap());
        let second = add_artifact(&mut tx, &build).await;
        let broken = Package {
            artifact_id: second.clone(),
            facts: None,
            error: Some(ODD.into()),
            icon_key: None,
            created_at: T,
        };
        assert!(packages::insert(&mut tx, &broken).await.unwrap());
        let elsewhere = add_artifact(&mut tx, &other).await;
        let kept = Package { artifact_id: elsewhere.clone(), ..broken.clone() };
        assert!(packages::insert(&mut tx, &kept).await.unwrap());

        assert_eq!(packages::find(&mut tx, &first).await.unwrap().as_ref(), Some(&read));
        let plain = add_artifact(&mut tx, &build).await;
        assert_eq!(packages::find(&mut tx, &plain).await.unwrap(), None);
        assert_eq!(packages::list(&mut tx, &build).await.unwrap(), [read, broken]);

        artifacts::clear(&mut tx, &build).await.unwrap();
        assert_eq!(packages::list(&mut tx, &build).await.unwrap(), []);
        assert_eq!(packages::find(&mut tx, &first).await.unwrap(), None);
        assert_eq!(packages::find(&mut tx, &elsewhere).await.unwrap(), Some(kept));
    }

    async fn a_package_needs_its_artifact(db: Db) {
        let mut tx = write(&db).await;
        let orphan = Package {
            artifact_id: ArtifactId::generate(T),
            facts: None,
            error: None,
            icon_key: None,
            created_at: T,
        };
        let refused = packages::insert(&mut tx, &orphan).await;
        assert!(matches!(refused, Err(Error::Internal { .. })), "{refused:?}");
    }
}
