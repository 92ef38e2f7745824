//! Deployments, their recipients, and release notes.

use shipmate::db::builds::End;
use shipmate::db::deployments::{self, LastOfGroup};
use shipmate::db::groups;
use shipmate::model::build::{Build, BuildStatus};
use shipmate::model::distribution::{Cause, Deployment, Progress};
use shipmate::model::ids::{DeploymentId, GroupId, RecipientId};

use super::groups::{email, group};
use super::*;

const DOWNLOADS: &str =
    r#"[{"name":"Shop","artifact_id":"65ec8300c0ffee0000000001","installable":true}]"#;

fn deployment(build: &BuildId, group: Option<&GroupId>, cause: Cause, at: Millis) -> Deployment {
    Deployment {
        id: DeploymentId::generate(at),
        build_id: build.clone(),
        group_id: group.cloned(),
        group_name: group.map(|_| ODD.to_owned()).unwrap_or_default(),
        cause,
        notes: String::new(),
        user_id: None,
        created_at: at,
    }
}

async fn add_recipient(tx: &mut Tx, deployment: &Deployment, address: &str) -> RecipientId {
    let id = RecipientId::generate(T);
    deployments::insert_recipient(tx, &id, &deployment.id, &email(address)).await.unwrap();
    id
}

async fn end(tx: &mut Tx, id: &BuildId, status: BuildStatus, downloads: &str) -> Build {
    let end = End {
        status,
        failure_kind: None,
        failure_message: None,
        at: T,
        downloads,
        tests: None,
        coverage: None,
    };
    db::builds::end(tx, id, BuildStatus::Queued, 0, &end).await.unwrap();
    db::builds::find(tx, id).await.unwrap().unwrap()
}

on_both! {
    async fn a_build_goes_to_a_group_by_itself_once(db: Db) {
        let mut tx = write(&db).await;
        let app = add_app(&mut tx).await;
        let builds = [add_build(&mut tx, &app, 1, T).await, add_build(&mut tx, &app, 2, T).await];
        let team = group(&app, "The Team");
        groups::insert(&mut tx, &team, "{}").await.unwrap();
        let to = Some(&team.id);
        assert!(!deployments::has_reached(&mut tx, &builds[0], &team.id).await.unwrap());
        let added = deployment(&builds[0], to, Cause::TestersAdded, Millis(1));
        assert!(deployments::insert(&mut tx, &added, false).await.unwrap());
        assert!(!deployments::has_reached(&mut tx, &builds[0], &team.id).await.unwrap());
        assert_eq!(deployments::list_last(&mut tx, &app).await.unwrap(), []);
        let first = deployment(&builds[0], to, Cause::EachBuild, Millis(2));
        assert!(deployments::insert(&mut tx, &first, true).await.unwrap());
        assert!(deployments::has_reached(&mut tx, &builds[0], &team.id).await.unwrap());
        let again = deployment(&builds[0], to, Cause::Schedule, Millis(3));
        assert!(!deployments::insert(&mut tx, &again, true).await.unwrap());
        let by_hand = deployment(&builds[0], to, Cause::Manual, Millis(4));
        assert!(deployments::insert(&mut tx, &by_hand, false).await.unwrap());
        let other = deployment(&builds[1], to, Cause::EachBuild, Millis(3));
        assert!(deployments::insert(&mut tx, &other, true).await.unwrap());

        assert_eq!(deployments::find(&mut tx, &first.id).await.unwrap().as_ref(), Some(&first));
        assert_eq!(deployments::find(&mut tx, &again.id).await.unwrap(), None);
        let all = deployments::list(&mut tx, &builds[0]).await.unwrap();
        assert_eq!(all, [by_hand, first, added]);
        let last = LastOfGroup { group_id: team.id.clone(), build_id: builds[0].clone(), number: 1, created_at: Millis(4) };
        assert_eq!(deployments::list_last(&mut tx, &app).await.unwrap(), [last]);
    }

    async fn a_groups_history_counts_how_far_each_deployment_came(db: Db) {
        let mut tx = write(&db).await;
        let app = add_app(&mut tx).await;
        let builds = [add_build(&mut tx, &app, 1, T).await, add_build(&mut tx, &app, 2, T).await];
        let team = group(&app, "The Team");
        groups::insert(&mut tx, &team, "{}").await.unwrap();
        let ann = add_user(&mut tx, "ann@example.org").await;
        let mut first = deployment(&builds[0], Some(&team.id), Cause::Manual, Millis(1));
        first.user_id = Some(ann);
        first.notes = ODD.into();
        let second = deployment(&builds[1], Some(&team.id), Cause::EachBuild, Millis(2));
        let single = deployment(&builds[1], None, Cause::Manual, Millis(3));
        for one in [&first, &second, &single] {
            assert!(deployments::insert(&mut tx, one, false).await.unwrap());
        }
        let eve = add_recipient(&mut tx, &first, "Eve@example.org").await;
        let bob = add_recipient(&mut tx, &first, "bob@example.org").await;
        let again = add_recipient(&mut tx, &second, "eve@example.org").await;
        add_recipient(&mut tx, &single, "bob@example.org").await;
        deployments::set_sent(&mut tx, &eve, Millis(5)).await.unwrap();
        deployments::set_downloaded(&mut tx, &eve, Millis(6)).await.unwrap();
        deployments::set_failed(&mut tx, &eve, "no", Millis(7)).await.unwrap();
        deployments::set_error(&mut tx, &bob, "550", Some(Millis(5))).await.unwrap();
        let rows = deployments::list_of_group(&mut tx, &team.id, 10).await.unwrap();
        assert_eq!([&rows[0].id, &rows[1].id], [&second.id, &first.id]);
        assert_eq!(rows.len(), 2);
        let counts = |row: &deployments::SentToGroup| {
            [row.recipients, row.sent, row.downloaded, row.launched, row.failed, row.refused]
        };
        assert_eq!(counts(&rows[0]), [1, 0, 0, 0, 0, 0]);
        assert_eq!(counts(&rows[1]), [2, 1, 1, 0, 1, 1]);
        assert_eq!((rows[1].sender.as_deref(), rows[1].notes.as_str()), (Some("ann@example.org"), ODD));
        assert_eq!((rows[1].number, rows[1].branch.as_str(), rows[0].sender.as_deref()), (1, "main", None));
        assert_eq!(deployments::list_of_group(&mut tx, &team.id, 1).await.unwrap().len(), 1);
        let mut last = deployments::list_last_of_testers(&mut tx, &team.id).await.unwrap();
        last.sort_by(|a, b| a.recipient.email.cmp(&b.recipient.email));
        let last: Vec<_> = last.iter().map(|one| (one.number, &one.recipient.id)).collect();
        assert_eq!(last, [(1, &bob), (2, &again)]);
    }

    async fn what_a_recipient_did(db: Db) {
        let mut tx = write(&db).await;
        let app = add_app(&mut tx).await;
        let build = add_build(&mut tx, &app, 1, T).await;
        let made = [deployment(&build, None, Cause::Manual, Millis(1)), deployment(&build, None, Cause::Manual, Millis(2))];
        for one in &made {
            deployments::insert(&mut tx, one, false).await.unwrap();
        }
        let early = add_recipient(&mut tx, &made[0], "Ann@X").await;
        let bob = add_recipient(&mut tx, &made[0], "bob@x").await;
        let ann = add_recipient(&mut tx, &made[1], "ann@x").await;
        let found = deployments::find_recipient_of(&mut tx, &build, "ann@x").await.unwrap().unwrap();
        assert_eq!((found.id, found.deployment_id), (ann.clone(), made[1].id.clone()));
        assert!(deployments::find_recipient_of(&mut tx, &build, "eve@x").await.unwrap().is_none());

        deployments::set_error(&mut tx, &ann, "421 later", None).await.unwrap();
        let read = deployments::find_recipient(&mut tx, &ann).await.unwrap().unwrap();
        assert_eq!((read.error.as_deref(), read.progress()), (Some("421 later"), Progress::Pending));
        deployments::set_sent(&mut tx, &ann, Millis(10)).await.unwrap();
        deployments::set_error(&mut tx, &bob, ODD, Some(Millis(10))).await.unwrap();
        for at in [11, 12] {
            deployments::set_opened(&mut tx, &ann, Millis(at)).await.unwrap();
            deployments::set_downloaded(&mut tx, &ann, Millis(at + 10)).await.unwrap();
            deployments::set_failed(&mut tx, &ann, ODD, Millis(at + 20)).await.unwrap();
        }
        let read = deployments::find_recipient(&mut tx, &ann).await.unwrap().unwrap();
        assert_eq!(read.error, None);
        assert_eq!(read.failure.as_deref(), Some(ODD));
        assert_eq!([read.sent_at, read.opened_at, read.downloaded_at, read.failed_at], [10, 11, 21, 32].map(|at| Some(Millis(at))));
        assert_eq!(read.progress(), Progress::InstallFailed);
        // Whichever of their mails they used.
        assert_eq!(deployments::set_launched(&mut tx, &build, "ann@x", Millis(50)).await.unwrap(), 2);
        assert_eq!(deployments::set_launched(&mut tx, &build, "ann@x", Millis(60)).await.unwrap(), 0);
        assert_eq!(deployments::set_launched(&mut tx, &build, "eve@x", Millis(60)).await.unwrap(), 0);
        let all = deployments::list_recipients(&mut tx, &build).await.unwrap();
        let shown: Vec<_> = all.iter().map(|r| (r.id.clone(), r.address.as_str(), r.progress())).collect();
        assert_eq!(shown, [(early, "Ann@X", Progress::Launched), (bob, "bob@x", Progress::NotSent), (ann.clone(), "ann@x", Progress::Launched)]);
        assert_eq!(deployments::find_recipient(&mut tx, &RecipientId::generate(T)).await.unwrap(), None);
    }

    async fn builds_that_can_be_installed(db: Db) {
        let mut tx = write(&db).await;
        let app = add_app(&mut tx).await;
        let mut builds = Vec::new();
        for number in 1..=6 {
            builds.push(add_build(&mut tx, &app, number, Millis(number)).await);
        }
        end(&mut tx, &builds[0], BuildStatus::Success, DOWNLOADS).await;
        end(&mut tx, &builds[1], BuildStatus::Success, DOWNLOADS).await;
        end(&mut tx, &builds[2], BuildStatus::Failed, DOWNLOADS).await;
        end(&mut tx, &builds[3], BuildStatus::Success, &DOWNLOADS.replace("true", "false")).await;
        let fifth = end(&mut tx, &builds[4], BuildStatus::Success, DOWNLOADS).await;
        let ids = |found: Vec<Build>| -> Vec<_> { found.into_iter().map(|b| b.number).collect() };
        let list = deployments::list_installable(&mut tx, &app, None, None, 9).await.unwrap();
        assert_eq!(ids(list), [5, 2, 1]);
        let list = deployments::list_installable(&mut tx, &app, Some("main"), Some(&fifth), 1).await.unwrap();
        assert_eq!(ids(list), [2]);
        assert!(deployments::list_installable(&mut tx, &app, Some("dev"), None, 9).await.unwrap().is_empty());

        let second = db::builds::find(&mut tx, &builds[1]).await.unwrap().unwrap();
        assert_eq!(deployments::find_newer(&mut tx, &second, "ann@x").await.unwrap(), None);
        for build in [&builds[0], &builds[1], &builds[4]] {
            let made = deployment(build, None, Cause::Manual, Millis(20));
            deployments::insert(&mut tx, &made, false).await.unwrap();
            add_recipient(&mut tx, &made, "Ann@x").await;
        }
        let (newer, recipient) = deployments::find_newer(&mut tx, &second, "ann@x").await.unwrap().unwrap();
        assert_eq!(newer, builds[4]);
        assert_eq!(deployments::find_recipient(&mut tx, &recipient).await.unwrap().unwrap().address, "Ann@x");
        assert_eq!(deployments::find_newer(&mut tx, &fifth, "ann@x").await.unwrap(), None);
        assert_eq!(deployments::find_newer(&mut tx, &second, "bob@x").await.unwrap(), None);
        let other = Build { scheme: "QA".into(), ..second.clone() };
        assert_eq!(deployments::find_newer(&mut tx, &other, "ann@x").await.unwrap(), None);
        db::builds::set_disabled(&mut tx, &builds[4], true).await.unwrap();
        assert_eq!(deployments::find_newer(&mut tx, &second, "ann@x").await.unwrap(), None);
        let list = deployments::list_installable(&mut tx, &app, None, None, 9).await.unwrap();
        assert_eq!(ids(list), [2, 1]);
        db::builds::set_disabled(&mut tx, &builds[4], false).await.unwrap();
        assert!(!db::builds::find(&mut tx, &builds[4]).await.unwrap().unwrap().disabled);
    }

    async fn notes_of_a_build(db: Db) {
        let mut tx = write(&db).await;
        let app = add_app(&mut tx).await;
        let build = add_build(&mut tx, &app, 1, T).await;
        assert_eq!(deployments::find_build_notes(&mut tx, &build).await.unwrap(), None);
        for notes in ["first", ODD] {
            deployments::set_build_notes(&mut tx, &build, notes).await.unwrap();
            assert_eq!(deployments::find_build_notes(&mut tx, &build).await.unwrap().as_deref(), Some(notes));
        }
        assert_eq!(deployments::find_entered_notes(&mut tx, &build).await.unwrap(), None);
        for (at, notes) in [(1, "old"), (2, ODD), (3, "")] {
            let made = Deployment { notes: notes.into(), ..deployment(&build, None, Cause::Manual, Millis(at)) };
            deployments::insert(&mut tx, &made, false).await.unwrap();
        }
        assert_eq!(deployments::find_entered_notes(&mut tx, &build).await.unwrap().as_deref(), Some(ODD));
    }
}
