//! Many agents at one queue: every build is claimed exactly once.

use std::collections::HashSet;

use shipmate::db::Db;
use shipmate::db::builds::{self, End};
use shipmate::db::queue::{self, Claim, Limits};
use shipmate::db::settings::{self, OfOrganisation};
use shipmate::error::Error;
use shipmate::model::build::{Build, BuildStatus};
use shipmate::model::time::Millis;

use super::*;

const CLAIMERS: usize = 8;
const BUILDS: i64 = 200;

fn claim_as<'a>(claim_id: &'a str, agent: &'a AgentId, limits: Limits) -> Claim<'a> {
    Claim { claim_id, agent, now: T, lease_until: T.plus(60_000), limits }
}

/// Counts the running builds of an app beside those of all.
async fn running(tx: &mut Tx, app: &AppId) -> (i64, i64) {
    db::sql::sql(
        "SELECT COALESCE(SUM(CASE WHEN app_id = $1 THEN 1 ELSE 0 END), 0), COUNT(*)
         FROM builds WHERE status = 'running'",
    )
    .bind(app)
    .one(tx)
    .await
    .unwrap()
}

/// Claims and ends builds until the queue is empty. Each build that it holds
/// counts, so a limit that was ever exceeded is seen by whoever exceeded it.
async fn work_off(db: Db, agent: AgentId, limited: AppId, name: usize) -> usize {
    let limits = Limits { all: Some(3), ..Limits::default() };
    let end = End {
        status: BuildStatus::Success,
        failure_kind: None,
        failure_message: None,
        at: T,
        downloads: "[]",
        tests: None,
        coverage: None,
    };
    let mut done = 0;
    loop {
        let mut tx = match db.write().await {
            Err(Error::Unavailable(_)) => continue,
            other => other.unwrap(),
        };
        let id = format!("{name}-{done}");
        queue::pass_gate(&mut tx).await.unwrap();
        let build = queue::claim_next(&mut tx, &claim_as(&id, &agent, limits)).await.unwrap();
        tx.commit().await.unwrap();
        let Some(build) = build else {
            if !builds::has_queued(&mut read(&db).await).await.unwrap() {
                return done;
            }
            tokio::task::yield_now().await;
            continue;
        };
        let (of_app, all) = running(&mut read(&db).await, &limited).await;
        assert!(
            of_app <= 1 && all <= 3,
            "{of_app} of the limited app and {all} in all are running"
        );
        tokio::task::yield_now().await;
        let mut tx = write(&db).await;
        assert_eq!(
            builds::end(&mut tx, &build.id, BuildStatus::Running, 1, &end).await.unwrap(),
            1
        );
        builds::drop_lease(&mut tx, &build.id, 1).await.unwrap();
        tx.commit().await.unwrap();
        done += 1;
    }
}

/// Claims until the queue is empty; "no row" alone proves nothing.
async fn claim_all(db: Db, agent: AgentId, name: usize) -> Vec<Build> {
    let mut claimed = Vec::new();
    loop {
        let mut tx = match db.write().await {
            Err(Error::Unavailable(_)) => continue,
            other => other.unwrap(),
        };
        let id = format!("{name}-{}", claimed.len());
        queue::pass_gate(&mut tx).await.unwrap();
        let build =
            queue::claim_next(&mut tx, &claim_as(&id, &agent, Limits::default())).await.unwrap();
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

    async fn eight_claimers_never_exceed_a_limit(db: Db) {
        let mut tx = write(&db).await;
        let limited = add_app(&mut tx).await;
        let other = add_app(&mut tx).await;
        let org = db::apps::find(&mut tx, &limited).await.unwrap().unwrap().org_id;
        let own = OfOrganisation { max_running: Some(1), ..OfOrganisation::default() };
        settings::upsert_organisation(&mut tx, &org, &own).await.unwrap();
        let token = add_agent_token(&mut tx, "t").await;
        let agent = add_agent(&mut tx, &token, "a").await;
        for number in 1..=30 {
            for app in [&limited, &other] {
                add_build(&mut tx, app, number, Millis(T.0 + number)).await;
            }
        }
        tx.commit().await.unwrap();
        let workers: Vec<_> = (0..CLAIMERS)
            .map(|name| tokio::spawn(work_off(db.clone(), agent.clone(), limited.clone(), name)))
            .collect();
        let mut done = 0;
        for worker in workers {
            done += worker.await.unwrap();
        }
        assert_eq!(done, 60);
    }
}
