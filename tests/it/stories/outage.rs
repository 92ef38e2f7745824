//! The server is away for several leases while a build runs elsewhere.
//!
//! Scaled down to real seconds: a lease of four seconds instead of sixty, and
//! some twelve seconds of outage, which stand for any time beyond the lease.
//! The back-off is the real one, and the outage is long enough for its longest
//! delays, five seconds (two for heartbeats).

use std::path::Path;

use super::process::{PATIENCE, Site};
use crate::harness::eventually;

/// Lines until the outage is long enough, ten a second.
const LONG: u32 = 130;

/// Files below the agent's spool.
fn spooled(agent: &Path) -> usize {
    let below = walkdir::WalkDir::new(agent.join("spool")).into_iter().flatten();
    below.filter(|entry| entry.file_type().is_file()).count()
}

#[tokio::test]
async fn a_build_outlives_an_outage_of_several_leases() {
    let mut site = Site::new(None);
    site.env = vec![("SHIPMATE_LIMITS_LEASE_SECONDS", "4".into())];
    let notes = site.dir.path().to_owned();
    let shown = notes.display();
    let script = format!(
        "#!/bin/sh\necho run >> '{shown}/runs'\nn=0\nuntil [ -e '{shown}/go' ]; do\n\
         n=$((n + 1))\necho \"line $n\"\n[ $n -eq {LONG} ] && touch '{shown}/long'\nsleep 0.1\ndone\n\
         echo \"ended after $n lines\"\n"
    );
    site.repository.commit("buddybuild_postclone.sh", &script, "Count");
    let mut server = site.serve(0).await;
    let token = site.admin(&["token", "agent", "--name", "beside"]);
    let _agent = site.agent(token["agent_token"].as_str().unwrap());
    let id = site.trigger().await;
    let before = eventually(PATIENCE, "the build counts", async || {
        let log = site.log(&id).await;
        log.contains("line 5\n").then_some(log)
    })
    .await;
    server.kill();
    eventually(PATIENCE, "the build goes on alone", async || {
        notes.join("long").exists().then_some(())
    })
    .await;
    let kept = spooled(&notes.join("agent"));
    assert!(kept > 1, "the log waits on disk, in {kept} files");
    let server = site.serve(0).await;
    // Older than its lease by far, and still this agent's.
    eventually(PATIENCE, "the log has caught up", async || {
        site.log(&id).await.contains(&format!("line {LONG}\n")).then_some(())
    })
    .await;
    std::fs::write(notes.join("go"), "").unwrap();
    let build = site.finished(&id).await;
    assert_eq!(build["build_status"], "success", "{}", site.log(&id).await);
    let log = eventually(PATIENCE, "the log has its end", async || {
        let log = site.log(&id).await;
        log.contains("ended after").then_some(log)
    })
    .await;
    assert!(log.starts_with(&before), "{log}");
    let said: Vec<&str> = log.lines().filter(|line| line.starts_with("line ")).collect();
    let expected: Vec<String> = (1..=said.len()).map(|n| format!("line {n}")).collect();
    assert_eq!(said, expected, "each line once and in order");
    assert!(log.contains(&format!("ended after {} lines\n", said.len())), "{log}");
    assert_eq!(std::fs::read_to_string(notes.join("runs")).unwrap(), "run\n");
    assert_eq!(spooled(&notes.join("agent")), 0);
    drop(server);
}
