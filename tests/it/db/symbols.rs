//! Crash reports as far as their symbols go.

use shipmate::db::symbols::{self, RawCrash};
use shipmate::db::{Db, artifacts, crashes};
use shipmate::model::artifact::{Artifact, ArtifactKind};
use shipmate::model::feedback::{CrashGroup, CrashReport, ItemState, Origin};
use shipmate::model::ids::{ArtifactId, CrashReportId};

use super::feedback::odd_object;
use super::*;

fn group(app: &AppId, id: &str) -> CrashGroup {
    CrashGroup {
        app_id: app.clone(),
        id: id.repeat(24).parse().unwrap(),
        state: ItemState::Open,
        exception_type: "E".into(),
        title: "E in a".into(),
        reports: 0,
        first_seen: T,
        last_seen: T,
        last_build_number: 1,
    }
}

fn report(app: &AppId, build: &BuildId, group: &CrashGroup, at: Millis) -> CrashReport {
    CrashReport {
        id: CrashReportId::generate(at),
        origin: Origin {
            app_id: app.clone(),
            build_id: build.clone(),
            build_number: at.0 - T.0,
            bundle_id: "com.example".into(),
            short_version: String::new(),
            version: String::new(),
        },
        group_id: group.id.clone(),
        created_at: at,
        scheme: ODD.into(),
        tester_email: None,
        identifier_for_vendor: String::new(),
        metadata: odd_object(),
        system: odd_object(),
        resolved: odd_object(),
        resolved_text: ODD.into(),
    }
}

async fn file(tx: &mut Tx, build: &BuildId, name: &str) {
    let id = ArtifactId::generate(T);
    let artifact = Artifact {
        id: id.clone(),
        build_id: build.clone(),
        kind: ArtifactKind::File,
        name: name.into(),
        path: name.into(),
        bytes: 1,
        sha256: String::new(),
        blob_key: String::new(),
        created_at: T,
    };
    artifacts::insert(tx, id.as_str(), &artifact).await.unwrap();
}

on_both! {
    async fn a_report_keeps_what_came(db: Db) {
        let mut tx = write(&db).await;
        let app = add_app(&mut tx).await;
        let build = add_build(&mut tx, &app, 1, T).await;
        let (raw, named) = (group(&app, "a"), group(&app, "b"));
        for group in [&raw, &named] {
            crashes::upsert_group(&mut tx, group).await.unwrap();
        }
        let reports: Vec<_> = (1..=3).map(|n| report(&app, &build, &raw, T.plus(n))).collect();
        for one in &reports {
            crashes::insert(&mut tx, one).await.unwrap();
            let number = one.origin.build_number;
            crashes::count_report(&mut tx, &raw, ItemState::Open, number, one.created_at).await.unwrap();
        }
        let id = &reports[2].id;
        let before: RawCrash = symbols::find(&mut tx, id).await.unwrap().unwrap();
        assert_eq!((before.resolved_text.as_str(), before.scheme.as_str()), (ODD, ODD));
        assert_eq!(symbols::find_state(&mut tx, id).await.unwrap(), None);
        symbols::note(&mut tx, id, ODD, true).await.unwrap();
        assert_eq!(symbols::find_state(&mut tx, id).await.unwrap().as_deref(), Some(ODD));
        let wanting = symbols::list_wanting(&mut tx, &build, 9).await.unwrap();
        assert_eq!(wanting, std::slice::from_ref(id));

        for text in ["once", "twice"] {
            symbols::resolve(&mut tx, id, &named.id, "{}", text).await.unwrap();
            symbols::leave_group(&mut tx, &app, &raw.id).await.unwrap();
        }
        let shown = crashes::find(&mut tx, &app, id).await.unwrap().unwrap().report;
        assert_eq!((shown.resolved.as_str(), shown.resolved_text.as_str()), ("{}", "twice"));
        let after = symbols::find(&mut tx, id).await.unwrap().unwrap();
        assert_eq!(after, RawCrash { group_id: named.id.clone(), ..before });
        let left = crashes::find_group(&mut tx, &app, &raw.id).await.unwrap().unwrap();
        assert_eq!((left.last_build_number, left.last_seen), (2, T.plus(2)));
        for one in &reports[..2] {
            symbols::resolve(&mut tx, &one.id, &named.id, "{}", "").await.unwrap();
        }
        symbols::leave_group(&mut tx, &app, &raw.id).await.unwrap();
        assert_eq!(crashes::find_group(&mut tx, &app, &raw.id).await.unwrap(), None);
        symbols::note(&mut tx, id, "{}", false).await.unwrap();
        assert_eq!(symbols::list_wanting(&mut tx, &build, 9).await.unwrap(), []);
    }

    async fn files_are_those_of_the_commit(db: std::sync::Arc<crate::harness::database::TestDb>) {
        let opened = db.open().await;
        let mut tx = write(&opened).await;
        let app = add_app(&mut tx).await;
        let mut builds = Vec::new();
        for number in 1..=4 {
            builds.push(add_build(&mut tx, &app, number, T).await);
        }
        for build in &builds {
            for name in ["Mapping.TXT", "App.ipa", "a.dSYM.zip"] {
                file(&mut tx, build, name).await;
            }
        }
        tx.commit().await.unwrap();
        db.run(&format!(
            "UPDATE builds SET commit_sha = 'abc' WHERE id IN ('{}', '{}');
             UPDATE builds SET commit_sha = '' WHERE id IN ('{}', '{}');",
            builds[0], builds[1], builds[2], builds[3]
        )).await;
        let mut tx = read(&opened).await;
        let of = async |tx: &mut Tx, build: &BuildId| {
            let files = symbols::list_files(tx, build, 9).await.unwrap();
            files.into_iter().map(|file| file.build_id).collect::<Vec<_>>()
        };
        let (first, second) = (builds[0].clone(), builds[1].clone());
        assert_eq!(of(&mut tx, &second).await, [second.clone(), second, first.clone(), first]);
        assert_eq!(of(&mut tx, &builds[2]).await, [builds[2].clone(), builds[2].clone()]);
        assert_eq!(symbols::list_files(&mut tx, &builds[0], 1).await.unwrap().len(), 1);
    }
}
