//! What leaves the installation, and trying it again.

use shipmate::db::{Db, deployments, outgoing, statuses};
use shipmate::model::distribution::{Cause, Deployment};
use shipmate::model::ids::{DeploymentId, RecipientId, StatusId};
use shipmate::model::status::{CommitStatus, SendOutcome, StatusState};

use super::groups::email;
use super::*;

fn status(app: &AppId, build: &BuildId, state: StatusState) -> CommitStatus {
    CommitStatus {
        id: StatusId::generate(T),
        app_id: app.clone(),
        build_id: build.clone(),
        sha: "a".repeat(40),
        state,
        description: ODD.into(),
        created_at: T,
        outcome: None,
        tries: 0,
        next_try_at: Millis(0),
        sent_at: None,
        last_error: None,
    }
}

on_both! {
    async fn a_status_can_be_sent_again_until_it_is_overtaken(db: Db) {
        let mut tx = write(&db).await;
        let app = add_app(&mut tx).await;
        let build = add_build(&mut tx, &app, 1, T).await;
        let (first, second) = (status(&app, &build, StatusState::Pending), status(&app, &build, StatusState::Success));
        for one in [&first, &second] {
            statuses::insert(&mut tx, one).await.unwrap();
        }
        statuses::settle(&mut tx, &first.id, SendOutcome::Failed, Millis(5), Some(ODD)).await.unwrap();
        let all = outgoing::list_statuses(&mut tx, None, 10).await.unwrap();
        let seen: Vec<_> = all.iter().map(|one| (&one.id, one.state.as_str(), one.told.as_str())).collect();
        assert_eq!(seen, [(&second.id, "waiting", "success"), (&first.id, "failed", "pending")]);
        assert_eq!((all[1].app_name.as_str(), all[1].number, all[1].error.as_deref()), ("Shop", 1, Some(ODD)));
        let failed = outgoing::list_statuses(&mut tx, Some("failed"), 10).await.unwrap();
        assert_eq!(failed, [all[1].clone()]);
        assert!(!outgoing::is_overtaken(&mut tx, &first.id).await.unwrap());
        assert!(outgoing::reopen_status(&mut tx, &first.id, Millis(7)).await.unwrap());
        let open = statuses::find(&mut tx, &first.id).await.unwrap().unwrap();
        assert_eq!((open.outcome, open.next_try_at, open.sent_at), (None, Millis(7), None));
        statuses::settle(&mut tx, &second.id, SendOutcome::Sent, Millis(8), None).await.unwrap();
        assert!(outgoing::is_overtaken(&mut tx, &first.id).await.unwrap());
        assert!(!outgoing::is_overtaken(&mut tx, &second.id).await.unwrap());
        assert!(!outgoing::reopen_status(&mut tx, &second.id, Millis(9)).await.unwrap());
    }

    async fn a_mail_can_be_sent_again_until_it_is_sent(db: Db) {
        let mut tx = write(&db).await;
        let app = add_app(&mut tx).await;
        let build = add_build(&mut tx, &app, 4, T).await;
        let deployment = Deployment {
            id: DeploymentId::generate(T),
            build_id: build.clone(),
            group_id: None,
            group_name: String::new(),
            cause: Cause::Manual,
            notes: String::new(),
            user_id: None,
            created_at: Millis(50),
        };
        deployments::insert(&mut tx, &deployment, false).await.unwrap();
        let ids = [RecipientId::generate(T), RecipientId::generate(T)];
        for (id, address) in ids.iter().zip(["Eve@example.org", "bob@example.org"]) {
            deployments::insert_recipient(&mut tx, id, &deployment.id, &email(address)).await.unwrap();
        }
        assert_eq!(outgoing::count_late_mails(&mut tx, Millis(50)).await.unwrap(), 0);
        assert_eq!(outgoing::count_late_mails(&mut tx, Millis(51)).await.unwrap(), 2);
        deployments::set_error(&mut tx, &ids[0], ODD, Some(Millis(60))).await.unwrap();
        deployments::set_sent(&mut tx, &ids[1], Millis(60)).await.unwrap();
        let all = outgoing::list_mails(&mut tx, None, 10).await.unwrap();
        let seen: Vec<_> = all.iter().map(|one| (one.address.as_str(), one.state.as_str())).collect();
        assert_eq!(seen, [("bob@example.org", "sent"), ("Eve@example.org", "failed")]);
        assert_eq!((all[1].number, all[1].created_at, all[1].error.as_deref()), (4, Millis(50), Some(ODD)));
        assert_eq!(outgoing::list_mails(&mut tx, Some("waiting"), 10).await.unwrap(), []);
        assert!(outgoing::reopen_mail(&mut tx, &ids[0]).await.unwrap());
        assert!(!outgoing::reopen_mail(&mut tx, &ids[1]).await.unwrap());
        assert_eq!(outgoing::list_mails(&mut tx, Some("waiting"), 10).await.unwrap().len(), 1);
        assert_eq!(outgoing::count_late_mails(&mut tx, Millis(51)).await.unwrap(), 1);
    }
}
