//! Many agents at one queue: every build is claimed exactly once.

use std::collections::HashSet;

use shipmate::db::Db;
use shipmate::db::builds::{self, Claim};
use shipmate::error::Error;
use shipmate::model::build::Build;
use shipmate::model::time::Millis;

use super::*;

const CLAIMERS: usize = 8;
const BUILDS: i64 = 200;

/// Claims until the queue is empty; "no row" alone proves nothing.
async fn claim_all(db: Db, agent: AgentId, name: usize) -> Vec<Build> {
    let mut claimed = Vec::new();
    loop {
        let mut tx = match db.write().await {
            Err(Error::Unavailable(_)) => continue,
            other => other.unwrap(),
        };
        let id = format!("{name}-{}", claimed.len());
        let claim = Claim { claim_id: &id, agent: &agent, now: T, lease_until: T.plus(60_000) };
        let build = builds::claim_oldest(&mut tx, &claim).await.unwrap();
        tx.commit().await.unwrap();
        match build {
            Some(build) => claimed.push(build),
            None if !builds::has_queued(&mut read(&db).await).await.unwrap() => return claimed,
            None => tokio::task::yield_now().await,
        }
    }
}

on_both! {
    async fn eight_claimers_share_two_hundred_builds(db: Db) {
        let mut tx = write(&db).await;
        let app = add_app(&mut tx).await;
        let token = add_agent_token(&mut tx, "t").await;
        let agent = add_agent(&mut tx, &token, "a").await;
        for index in 0..BUILDS {
            let number = db::apps::take_build_number(&mut tx, &app).await.unwrap();
            add_build(&mut tx, &app, number, Millis(T.0 + index)).await;
        }
        tx.commit().await.unwrap();
        let workers: Vec<_> = (0..CLAIMERS)
            .map(|name| tokio::spawn(claim_all(db.clone(), agent.clone(), name)))
            .collect();
        let mut claimed = Vec::new();
        for worker in workers {
            claimed.extend(worker.await.unwrap());
        }
        assert!(claimed.iter().all(|build| build.attempt == 1));
        let numbers: HashSet<i64> = claimed.iter().map(|build| build.number).collect();
        assert_eq!(claimed.len(), BUILDS as usize);
        assert_eq!(numbers, (1..=BUILDS).collect());
    }
}
