//! Agents and their tokens.

use shipmate::db::agents::{self, Introduction};
use shipmate::db::{Db, Tx};
use shipmate::model::ids::{AgentId, TokenId};

use super::*;

/// (version, slots, first seen, seen) as stored.
async fn stored(tx: &mut Tx, id: &AgentId) -> (String, i64, i64, i64) {
    db::sql::sql("SELECT version, slots, first_seen_at, seen_at FROM agents WHERE id = $1")
        .bind(id)
        .one(tx)
        .await
        .unwrap()
}

async fn labels(tx: &mut Tx, id: &AgentId) -> Vec<(String, String)> {
    let mut labels: Vec<(String, String)> =
        db::sql::sql("SELECT label, value FROM agent_labels WHERE agent_id = $1")
            .bind(id)
            .all(tx)
            .await
            .unwrap();
    labels.sort();
    labels
}

on_both! {
    async fn agents_are_listed_with_what_they_hold(db: Db) {
        let mut tx = write(&db).await;
        let token = add_agent_token(&mut tx, "rack").await;
        let labels = [("os".to_owned(), "linux".to_owned()), ("gpu".to_owned(), ODD.to_owned())];
        let who = Introduction { token: &token, name: "one", version: "1.2", slots: 3, labels: &labels };
        let one = agents::upsert(&mut tx, &AgentId::generate(T), &who, Millis(5)).await.unwrap();
        let two = Introduction { name: "two", labels: &[], ..who };
        agents::upsert(&mut tx, &AgentId::generate(T), &two, Millis(9)).await.unwrap();
        let app = add_app(&mut tx).await;
        let build = add_build(&mut tx, &app, 1, T).await;
        let later = add_build(&mut tx, &app, 2, T.plus(1)).await;
        let claim = db::queue::Claim {
            claim_id: "c",
            agent: &one,
            now: T,
            lease_until: T,
            limits: db::queue::Limits::default(),
        };
        assert!(db::queue::claim_next(&mut tx, &claim).await.unwrap().is_some());
        for (findings, at) in [("[1]", 6), ("[2]", 7)] {
            agents::set_findings(&mut tx, &token, "one", findings, Millis(at)).await.unwrap();
        }
        // Of an agent that has not asked for work yet.
        agents::set_findings(&mut tx, &token, "three", "[]", Millis(8)).await.unwrap();
        agents::revoke_tokens(&mut tx, "rack", T).await.unwrap();
        let known = agents::list(&mut tx, 10).await.unwrap();
        let seen: Vec<_> = known.iter().map(|k| (k.name.as_str(), k.holds, k.slots, k.seen_at.0, k.revoked)).collect();
        assert_eq!(seen, [("two", 0, 3, 9, true), ("one", 1, 3, 5, true)]);
        assert_eq!((known[1].token_name.as_str(), known[1].version.as_str()), ("rack", "1.2"));
        let looks = |k: &agents::Known| (k.findings.clone(), k.examined_at);
        assert_eq!(known.iter().map(looks).collect::<Vec<_>>(), [(None, None), (Some("[2]".into()), Some(Millis(7)))]);
        let found = agents::list_labels(&mut tx).await.unwrap();
        assert_eq!(found, [(one.clone(), "gpu".to_owned(), ODD.to_owned()), (one.clone(), "os".to_owned(), "linux".to_owned())]);
        let running = db::queue::list_running(&mut tx, 10).await.unwrap();
        assert_eq!((running.len(), &running[0].build.id, running[0].app_name.as_str()), (1, &build, "Shop"));
        assert_eq!(running[0].build.agent_id.as_ref(), Some(&one));
        let queued = db::queue::list_queued(&mut tx, 10).await.unwrap();
        assert_eq!((queued.len(), &queued[0].build.id), (1, &later));
    }

    async fn a_label_counts_as_long_as_its_token(db: Db) {
        let mut tx = write(&db).await;
        let token = add_agent_token(&mut tx, "mac").await;
        let labels = [("platform".to_owned(), "ios".to_owned())];
        let who = Introduction { token: &token, name: "mac", version: "1", slots: 1, labels: &labels };
        assert!(!agents::has_registered(&mut tx, "platform", "ios").await.unwrap());
        agents::upsert(&mut tx, &AgentId::generate(T), &who, T).await.unwrap();
        assert!(agents::has_registered(&mut tx, "platform", "ios").await.unwrap());
        assert!(!agents::has_registered(&mut tx, "platform", "tvos").await.unwrap());
        agents::revoke_tokens(&mut tx, "mac", T).await.unwrap();
        assert!(!agents::has_registered(&mut tx, "platform", "ios").await.unwrap());
    }

    async fn a_token_works_until_it_is_revoked(db: Db) {
        let mut tx = write(&db).await;
        let ids = [TokenId::generate(T), TokenId::generate(T)];
        agents::insert_token(&mut tx, &ids[0], "mac", "h0", T).await.unwrap();
        agents::insert_token(&mut tx, &ids[1], "linux", "h1", T).await.unwrap();
        assert_eq!(agents::find_token(&mut tx, "h0").await.unwrap().as_ref(), Some(&ids[0]));
        assert_eq!(agents::find_token(&mut tx, "h9").await.unwrap(), None);
        assert_eq!(agents::revoke_tokens(&mut tx, "mac", T).await.unwrap(), 1);
        assert_eq!(agents::revoke_tokens(&mut tx, "mac", T).await.unwrap(), 0);
        assert_eq!(agents::find_token(&mut tx, "h0").await.unwrap(), None);
        assert_eq!(agents::find_token(&mut tx, "h1").await.unwrap().as_ref(), Some(&ids[1]));
    }

    async fn an_agent_is_one_row_per_token_and_name(db: Db) {
        let mut tx = write(&db).await;
        let (mine, other) = (add_agent_token(&mut tx, "a").await, add_agent_token(&mut tx, "b").await);
        let pair = |k: &str, v: &str| (k.to_owned(), v.to_owned());
        let first = [pair("os", "linux"), pair("os", "linux"), pair(ODD, ODD)];
        let who = Introduction { token: &mine, name: ODD, version: "1", slots: 2, labels: &first };
        let id = agents::upsert(&mut tx, &AgentId::generate(T), &who, T).await.unwrap();
        let mut expected = [pair("os", "linux"), pair(ODD, ODD)];
        expected.sort();
        assert_eq!(labels(&mut tx, &id).await, expected);

        let second = [pair("xcode", "15")];
        let who = Introduction { version: "2", slots: i64::MAX, labels: &second, ..who };
        let again = agents::upsert(&mut tx, &AgentId::generate(T), &who, T.plus(5)).await.unwrap();
        assert_eq!(again, id);
        assert_eq!(stored(&mut tx, &id).await, ("2".into(), i64::MAX, T.0, T.0 + 5));
        assert_eq!(labels(&mut tx, &id).await, second);

        let who = Introduction { token: &other, ..who };
        let foreign = agents::upsert(&mut tx, &AgentId::generate(T), &who, T).await.unwrap();
        assert_ne!(foreign, id);
        assert!(agents::belongs_to(&mut tx, &id, &mine).await.unwrap());
        assert!(!agents::belongs_to(&mut tx, &id, &other).await.unwrap());
        assert!(!agents::belongs_to(&mut tx, &AgentId::generate(T), &mine).await.unwrap());
    }
}
