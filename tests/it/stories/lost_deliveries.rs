//! `kill -9` while webhooks pour in: whatever was answered 2xx becomes its
//! build or its verdict, once, also when the provider sends it again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use reqwest::Method;
use serde_json::Value;

use super::process::{PATIENCE, Site};
use crate::harness::app::TestApp;
use crate::harness::eventually;
use crate::harness::server::client;
use crate::webhooks::{ZERO, push};

/// Deliveries per round; the server is killed after a part of them.
const ROUND: usize = 40;
const ROUNDS: usize = 4;

/// A push of a branch of its own; every fourth says that it wants no build.
fn delivery(number: usize) -> (String, String) {
    let message = if number.is_multiple_of(4) { "Quietly [ci skip]" } else { "Loudly" };
    let sha = format!("{:040x}", number + 1);
    let body = push(&format!("branch-{number}"), ZERO, &sha, message);
    (format!("delivery-{number}"), body.to_string())
}

async fn deliver(url: &str, number: usize) -> bool {
    let (id, body) = delivery(number);
    let request = client().post(url).header("x-github-event", "push");
    let request = request.header("x-github-delivery", id).body(body);
    request.send().await.is_ok_and(|response| response.status().is_success())
}

/// All of a paged list of the API.
async fn whole(site: &Site, path: &str) -> Vec<Value> {
    let mut all = Vec::new();
    let mut path = path.to_owned();
    loop {
        let answer = site.call(Method::GET, &path).await.expect(200);
        all.extend(answer.json::<Vec<Value>>());
        let Some(link) = answer.headers.get("link") else { return all };
        let link = link.to_str().unwrap().strip_prefix('<').unwrap();
        path = link.strip_suffix(">; rel=\"next\"").unwrap().to_owned();
    }
}

/// Builds of each branch.
async fn builds(site: &Site) -> BTreeMap<String, usize> {
    let mut builds = BTreeMap::new();
    for build in whole(site, &format!("/v1/apps/{}/builds?limit=100", site.app)).await {
        let branch = build["commit_info"]["branch"].as_str().unwrap().to_owned();
        *builds.entry(branch).or_default() += 1;
    }
    builds
}

async fn evaluated(site: &Site) -> BTreeMap<String, String> {
    eventually(PATIENCE, "every delivery has its verdict", async || {
        let deliveries = whole(site, &format!("/v1/apps/{}/deliveries?limit=100", site.app)).await;
        let verdicts = deliveries.iter().map(|delivery| {
            let text = |key: &str| delivery[key].as_str().unwrap_or_default().to_owned();
            (text("_id"), text("verdict"))
        });
        let verdicts: BTreeMap<_, _> = verdicts.collect();
        verdicts.values().all(|verdict| !verdict.is_empty()).then_some(verdicts)
    })
    .await
}

on_both! {
    async fn what_was_accepted_survives_a_kill(app: TestApp) {
        let site = Site::new(Some(app.db.database_url()));
        let url = format!("{}/api/webhook?appID={}", site.url(), site.app);
        let mut accepted = BTreeSet::new();
        for round in 0..ROUNDS {
            let mut server = site.serve(0).await;
            let answered = Arc::new(AtomicUsize::new(0));
            let tasks: Vec<_> = (round * ROUND..(round + 1) * ROUND)
                .map(|number| {
                    let (url, answered) = (url.clone(), answered.clone());
                    tokio::spawn(async move {
                        let taken = deliver(&url, number).await;
                        answered.fetch_add(usize::from(taken), Ordering::SeqCst);
                        taken.then_some(number)
                    })
                })
                .collect();
            // At another point of the flood each time.
            eventually(PATIENCE, "some are accepted", async || {
                (answered.load(Ordering::SeqCst) > round * 9).then_some(())
            })
            .await;
            server.kill();
            for task in tasks {
                accepted.extend(task.await.unwrap());
            }
        }
        assert!(accepted.len() >= ROUNDS, "{} were accepted", accepted.len());
        let _server = site.serve(0).await;
        evaluated(&site).await;
        let check = |builds: &BTreeMap<String, usize>, numbers: &BTreeSet<usize>| {
            for number in numbers {
                let expected = usize::from(!number.is_multiple_of(4));
                let found = builds.get(&format!("branch-{number}")).copied().unwrap_or(0);
                assert_eq!(found, expected, "delivery {number}: {builds:?}");
            }
        };
        let after = builds(&site).await;
        check(&after, &accepted);
        assert!(after.values().all(|count| *count == 1), "{after:?}");
        // The provider repeats all: those without an answer are news, the
        // others are known.
        let all: BTreeSet<usize> = (0..ROUND * ROUNDS).collect();
        for number in &all {
            assert!(deliver(&url, *number).await);
        }
        let verdicts = evaluated(&site).await;
        assert_eq!(verdicts.len(), all.len(), "each is kept once");
        let after = builds(&site).await;
        check(&after, &all);
        let skipped = verdicts.values().filter(|verdict| verdict.starts_with("skipped: [ci skip]"));
        assert_eq!(skipped.count(), all.len() / 4);
    }
}
