//! Commit statuses and provider accounts.

use shipmate::db::{Db, statuses};
use shipmate::model::ids::StatusId;
use shipmate::model::status::{CommitStatus, Provider, ProviderAccount, SendOutcome, StatusState};

use super::*;

const SHA: &str = "0123456789012345678901234567890123456789";

fn status(app: &AppId, build: &BuildId, sha: &str, state: StatusState) -> CommitStatus {
    CommitStatus {
        id: StatusId::generate(T),
        app_id: app.clone(),
        build_id: build.clone(),
        sha: sha.into(),
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
    async fn an_app_has_one_account(db: Db) {
        let mut tx = write(&db).await;
        let app = add_app(&mut tx).await;
        assert_eq!(statuses::find_provider(&mut tx, &app).await.unwrap(), None);
        let first = ProviderAccount {
            app_id: app.clone(),
            provider: Provider::Github,
            base_url: "https://api.github.com".into(),
            token_sealed: "k1.a".into(),
            created_at: T,
        };
        statuses::upsert_provider(&mut tx, &first).await.unwrap();
        let second = ProviderAccount { provider: Provider::BitbucketServer, created_at: Millis(1), ..first };
        statuses::upsert_provider(&mut tx, &second).await.unwrap();
        assert_eq!(statuses::find_provider(&mut tx, &app).await.unwrap(), Some(second));
        assert_eq!(statuses::delete_provider(&mut tx, &app).await.unwrap(), 1);
        assert_eq!(statuses::delete_provider(&mut tx, &app).await.unwrap(), 0);
    }

    async fn states_of_a_commit_are_claimed_in_order(db: Db) {
        let mut tx = write(&db).await;
        let app = add_app(&mut tx).await;
        let build = add_build(&mut tx, &app, 1, T).await;
        let other_sha = "f".repeat(40);
        let first = status(&app, &build, SHA, StatusState::Pending);
        let second = status(&app, &build, SHA, StatusState::Success);
        let elsewhere = status(&app, &build, &other_sha, StatusState::Pending);
        for row in [&first, &second, &elsewhere] {
            assert!(statuses::insert(&mut tx, row).await.unwrap());
        }
        let again = CommitStatus { id: StatusId::generate(T), ..first.clone() };
        assert!(!statuses::insert(&mut tx, &again).await.unwrap());
        assert_eq!(statuses::find(&mut tx, &first.id).await.unwrap().as_ref(), Some(&first));
        assert_eq!(statuses::find(&mut tx, &again.id).await.unwrap(), None);

        let (now, until) = (Millis(100), Millis(200));
        let claimed = statuses::claim_first(&mut tx, &app, SHA, now, until).await.unwrap().unwrap();
        assert_eq!(claimed, CommitStatus { tries: 1, ..first.clone() });
        // While it is being sent, nothing of this commit is given out.
        assert_eq!(statuses::claim_first(&mut tx, &app, SHA, now, until).await.unwrap(), None);
        let other = statuses::claim_first(&mut tx, &app, &other_sha, now, until).await.unwrap();
        assert_eq!(other.unwrap().id, elsewhere.id);
        // Its sender died.
        let claimed = statuses::claim_first(&mut tx, &app, SHA, until, Millis(300)).await.unwrap();
        assert_eq!(claimed.unwrap().tries, 2);
        statuses::postpone(&mut tx, &first.id, Millis(500), ODD).await.unwrap();
        assert_eq!(statuses::claim_first(&mut tx, &app, SHA, Millis(499), until).await.unwrap(), None);
        assert_eq!(statuses::first_due(&mut tx, &app, SHA).await.unwrap(), Some(Millis(500)));
        let claimed = statuses::claim_first(&mut tx, &app, SHA, Millis(500), Millis(600)).await.unwrap();
        assert_eq!(claimed.unwrap().last_error.as_deref(), Some(ODD));
        statuses::settle(&mut tx, &first.id, SendOutcome::Sent, Millis(501), None).await.unwrap();
        // A late answer changes nothing.
        statuses::settle(&mut tx, &first.id, SendOutcome::Failed, Millis(502), Some("x")).await.unwrap();
        statuses::postpone(&mut tx, &first.id, Millis(900), "x").await.unwrap();
        let next = statuses::claim_first(&mut tx, &app, SHA, Millis(502), Millis(600)).await.unwrap();
        assert_eq!(next.unwrap().id, second.id);
        statuses::settle(&mut tx, &second.id, SendOutcome::Failed, Millis(503), Some(ODD)).await.unwrap();
        assert_eq!(statuses::first_due(&mut tx, &app, SHA).await.unwrap(), None);
        let shown: Vec<_> = statuses::list(&mut tx, &build)
            .await
            .unwrap()
            .into_iter()
            .map(|s| (s.id, s.outcome, s.sent_at, s.last_error))
            .collect();
        let expected = [
            (first.id.clone(), Some("sent".into()), Some(Millis(501)), None),
            (second.id.clone(), Some("failed".into()), Some(Millis(503)), Some(ODD.into())),
            (elsewhere.id.clone(), None, None, None),
        ];
        assert_eq!(shown, expected);
        let newest = statuses::list_newest(&mut tx, &app, 2).await.unwrap();
        assert_eq!(newest.into_iter().map(|s| s.id).collect::<Vec<_>>(), [elsewhere.id, second.id]);
    }
}
