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
