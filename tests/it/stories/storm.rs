//! `kill -9` while webhooks come in: whatever was answered is built after the
//! restart, and nothing twice.

use std::time::Duration;

use serde_json::{Value, json};

use super::process::{PATIENCE, Site};
use crate::harness::eventually;
use crate::harness::server::client;

const DELIVERIES: usize = 120;

/// The push of a branch of its own.
fn delivery(number: usize) -> String {
    let after = format!("{number:040x}");
    let head = json!({ "id": after, "message": "Go on" });
    json!({
        "ref": format!("refs/heads/b{number}"),
        "before": format!("{:040x}", 1_000_000 + number),
        "after": after,
        "head_commit": head,
    })
    .to_string()
}

#[tokio::test]
async fn webhooks_survive_a_kill_of_the_server() {
    let site = Site::new(None);
    let mut server = site.serve(0).await;
    let url = format!("{}/api/webhook?appID={}", site.url(), site.app);
    let http = client();
    let post = |number: usize| {
        let request = http.post(&url).header("x-github-event", "push").body(delivery(number + 1));
        request.timeout(Duration::from_secs(10)).send()
    };
    let mut answered = Vec::new();
    for number in 0..DELIVERIES {
        if number == DELIVERIES / 2 {
            // One is under way, a few wait to be evaluated.
            let under_way = tokio::spawn(post(number));
            server.kill();
            if under_way.await.unwrap().is_ok_and(|answer| answer.status() == 200) {
                answered.push(number);
            }
            server = site.serve(0).await;
        }
        // A provider whose delivery was not answered would send it again.
        let answer = post(number).await.unwrap();
        assert_eq!(answer.status(), 200, "delivery {number}");
        answered.push(number);
    }
    answered.dedup();
    assert_eq!(answered.len(), DELIVERIES);
    let path = format!("/v1/apps/{}/builds?limit=100", site.app);
    let branches = eventually(PATIENCE, "every delivery is built", async || {
        let mut branches = Vec::new();
        let mut next = path.clone();
        loop {
            let answer = site.call(reqwest::Method::GET, &next).await.expect(200);
            for build in answer.json::<Value>().as_array().unwrap() {
                branches.push(build["commit_info"]["branch"].as_str().unwrap().to_owned());
            }
            let Some(link) = answer.headers.get("link") else { break };
            let link = link.to_str().unwrap();
            next = link.trim_start_matches('<').split('>').next().unwrap().to_owned();
        }
        (branches.len() >= DELIVERIES).then_some(branches)
    })
    .await;
    let mut once = branches.clone();
    once.sort();
    once.dedup();
    assert_eq!((branches.len(), once.len()), (DELIVERIES, DELIVERIES), "each is built once");
    drop(server);
}
