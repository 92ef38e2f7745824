//! `kill -9` while a build runs, at every phase that a script can hold: it
//! ends in a defined state, runs at most twice, keeps every line that the log
//! showed before, and leaves no process behind.

use std::path::{Path, PathBuf};

use super::process::{PATIENCE, Site};
use crate::harness::eventually;

/// Phases a script can hold, by the file that holds them.
const PHASES: [&str; 5] = [
    "buddybuild_postclone.sh",
    "buddybuild_prebuild.sh",
    "shipmate.yml",
    "buddybuild_postbuild.sh",
    "buddybuild_finally.sh",
];

#[derive(Clone, Copy, PartialEq)]
enum Victim {
    /// With the agent inside it.
    Server,
    /// Beside a server that lives on.
    Agent,
    /// Beside an agent that lives on.
    ServerAlone,
}

/// A site whose build waits in `phase` until the file `go` appears, and notes
/// every attempt and its process.
fn held_in(phase: &str) -> (Site, PathBuf) {
    let site = Site::new(None);
    let notes = site.dir.path().to_owned();
    let shown = notes.display();
    let script = format!(
        "echo $$ >> '{shown}/pids'\necho held in the phase\n\
         until [ -e '{shown}/go' ]; do sleep 0.05; done\necho released\n"
    );
    let text = match phase {
        "shipmate.yml" => {
            let indented: String = script.lines().map(|line| format!("      {line}\n")).collect();
            format!("steps:\n  - name: Hold\n    run: |\n{indented}")
        }
        _ => format!("#!/bin/sh\n{script}"),
    };
    site.repository.commit(phase, &text, "Hold");
    (site, notes)
}

fn pids(notes: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(notes.join("pids")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// The line is stored, so whatever happens now may not lose it.
async fn wait_until_held(site: &Site, id: &str) -> String {
    eventually(PATIENCE, "the held line is in the log", async || {
        let log = site.log(id).await;
        log.contains("held in the phase\n").then_some(log)
    })
    .await
}

async fn survives(phase: &str, victim: Victim) {
    let (site, notes) = held_in(phase);
    let slots = if victim == Victim::Server { 1 } else { 0 };
    let mut server = site.serve(slots).await;
    let token = site.admin(&["token", "agent", "--name", "beside"]);
    let token = token["agent_token"].as_str().unwrap();
    let mut agent = (victim != Victim::Server).then(|| site.agent(token));
    let id = site.trigger().await;
    let before = wait_until_held(&site, &id).await;
    match victim {
        Victim::Server | Victim::ServerAlone => {
            server.kill();
            server = site.serve(slots).await;
        }
        Victim::Agent => {
            agent.as_mut().unwrap().kill();
            agent = Some(site.agent(token));
        }
    }
    let attempts = if victim == Victim::ServerAlone { 1 } else { 2 };
    eventually(PATIENCE, "the build runs", async || (pids(&notes).len() == attempts).then_some(()))
        .await;
    let started = pids(&notes);
    if attempts == 2 {
        let first = PathBuf::from(format!("/proc/{}", started[0]));
        eventually(PATIENCE, "the first attempt is gone", async || (!first.exists()).then_some(()))
            .await;
    }
    std::fs::write(notes.join("go"), "").unwrap();
    let build = site.finished(&id).await;
    assert_eq!(build["build_status"], "success", "{phase}: {}", site.log(&id).await);
    assert_eq!(build["build_number"], 1);
    let after = eventually(PATIENCE, "the log has its end", async || {
        let log = site.log(&id).await;
        log.contains("released\n").then_some(log)
    })
    .await;
    assert!(after.starts_with(&before), "{phase}: lines were lost\n{before}\n---\n{after}");
    assert_eq!(pids(&notes).len(), attempts, "{phase}: ran too often");
    let next = site.trigger().await;
    assert_eq!(site.finished(&next).await["build_number"], 2);
    drop((server, agent));
}

macro_rules! at_each_phase {
    ($($name:ident = $index:literal),+) => {$(
        mod $name {
            use super::*;

            #[tokio::test]
            async fn the_server_with_its_agent() {
                survives(PHASES[$index], Victim::Server).await;
            }

            #[tokio::test]
            async fn the_agent() {
                survives(PHASES[$index], Victim::Agent).await;
            }

            #[tokio::test]
            async fn the_server_alone() {
                survives(PHASES[$index], Victim::ServerAlone).await;
            }
        }
    )+};
}

at_each_phase!(post_clone = 0, pre_build = 1, building = 2, post_build = 3, finally = 4);
