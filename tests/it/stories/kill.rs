//! `kill -9` while a build runs, in every phase that takes time: it ends in a
//! defined state, runs at most twice, keeps every line that the log showed
//! before, and leaves no process behind.
//!
//! Scripts and steps wait for a file; a clone waits for a git server that does
//! not answer; collecting takes as long as a large artifact is on its way.

use std::path::PathBuf;
use std::sync::atomic::Ordering;

use reqwest::Method;
use serde_json::Value;

use super::process::{PATIENCE, Site};
use crate::harness::eventually;
use crate::harness::git_remote::HttpRemote;

/// Bytes of an artifact that is surely still on its way when its name shows in
/// the log; it is a hole in its file, so only the server writes it.
const LARGE: u64 = 300 << 20;

#[derive(Clone, Copy, PartialEq)]
enum Victim {
    /// With the agent inside it.
    Server,
    /// Beside a server that lives on.
    Agent,
    /// Beside an agent that lives on.
    ServerAlone,
}

/// What holds a build.
#[derive(Clone, Copy, PartialEq)]
enum Hold {
    /// This script or plan waits until the file `go` appears.
    File(&'static str),
    /// The git server does not answer a fetch.
    Clone,
    /// A large artifact is being stored.
    Collect,
}

/// A build that is held in one phase, and what it did so far.
struct Scene {
    hold: Hold,
    site: Site,
    notes: PathBuf,
    remote: Option<HttpRemote>,
}

impl Scene {
    async fn set(hold: Hold) -> Self {
        let mut site = Site::new(None);
        let notes = site.dir.path().to_owned();
        let shown = notes.display();
        let note = format!("echo $$ >> '{shown}/pids'");
        let wait = format!(
            "{note}\necho held in the phase\nuntil [ -e '{shown}/go' ]; do sleep 0.05; done\necho released\n"
        );
        let mut remote = None;
        match hold {
            Hold::File("shipmate.yml") => {
                site.repository.commit("shipmate.yml", &plan(&wait), "Hold");
            }
            Hold::File(script) => {
                site.repository.commit(script, &format!("#!/bin/sh\n{wait}"), "Hold");
            }
            Hold::Clone => {
                let script = format!("#!/bin/sh\n{note}\necho released\n");
                site.repository.commit("buddybuild_postclone.sh", &script, "Note");
                let served = HttpRemote::start(&notes, None).await;
                served.fetches.stalled.send_replace(true);
                site.app = site.add_app("Far", &format!("{}/repository/.git", served.url));
                remote = Some(served);
            }
            Hold::Collect => {
                let script =
                    format!("{note}\ntruncate -s {LARGE} \"$BUDDYBUILD_PRODUCT_DIR/large\"\n");
                site.repository.commit("shipmate.yml", &plan(&script), "Make a large file");
            }
        }
        Self { hold, site, notes, remote }
    }

    /// Processes of the scripts that ran, in order.
    fn pids(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.notes.join("pids")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// How often the held phase began.
    fn attempts(&self) -> usize {
        match &self.remote {
            Some(remote) => remote.fetches.asked.load(Ordering::SeqCst),
            None => self.pids().len(),
        }
    }

    /// Nothing of the first attempt runs any more.
    fn first_is_gone(&self) -> bool {
        match &self.remote {
            // Its git process holds a connection as long as it lives.
            Some(remote) => remote.fetches.waiting.load(Ordering::SeqCst) == 1,
            None => !PathBuf::from(format!("/proc/{}", self.pids()[0])).exists(),
        }
    }

    /// What the log says while the phase is held. It is stored, so whatever
    /// happens now may not lose it.
    async fn wait_until_held(&self, id: &str) -> String {
        let line = match self.hold {
            Hold::File(_) => "held in the phase\n",
            Hold::Clone => "Cloning http://",
            Hold::Collect => "Storing large",
        };
        eventually(PATIENCE, "the phase is held and in the log", async || {
            let log = self.site.log(id).await;
            (log.contains(line) && self.attempts() == 1).then_some(log)
        })
        .await
    }

    fn release(&self) {
        match &self.remote {
            Some(remote) => drop(remote.fetches.stalled.send_replace(false)),
            None => std::fs::write(self.notes.join("go"), "").unwrap(),
        }
    }

    async fn check_result(&self, id: &str) {
        if self.hold == Hold::Collect {
            let answer = self.site.call(Method::GET, &format!("/v1/builds/{id}/artifacts")).await;
            let files: Value = answer.expect(200).json();
            assert_eq!(files.as_array().unwrap().len(), 1, "{files}");
            assert_eq!(files[0]["size"], LARGE);
        }
    }
}

fn plan(script: &str) -> String {
    let indented: String = script.lines().map(|line| format!("      {line}\n")).collect();
    format!("steps:\n  - name: Hold\n    run: |\n{indented}")
}

async fn survives(hold: Hold, victim: Victim) {
    let scene = Scene::set(hold).await;
    let site = &scene.site;
    let slots = if victim == Victim::Server { 1 } else { 0 };
    let mut server = site.serve(slots).await;
    let token = site.admin(&["token", "agent", "--name", "beside"]);
    let token = token["agent_token"].as_str().unwrap();
    let mut agent = (victim != Victim::Server).then(|| site.agent(token));
    let id = site.trigger().await;
    let before = scene.wait_until_held(&id).await;
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
    eventually(PATIENCE, "the build runs", async || (scene.attempts() == attempts).then_some(()))
        .await;
    if attempts == 2 {
        eventually(PATIENCE, "the first attempt is gone", async || {
            scene.first_is_gone().then_some(())
        })
        .await;
    }
    scene.release();
    let build = site.finished(&id).await;
    assert_eq!(build["build_status"], "success", "{}", site.log(&id).await);
    assert_eq!(build["build_number"], 1);
    let last = if hold == Hold::Collect { "Storing large" } else { "released\n" };
    let after = eventually(PATIENCE, "the log has its end", async || {
        let log = site.log(&id).await;
        log.contains(last).then_some(log)
    })
    .await;
    assert!(after.starts_with(&before), "lines were lost\n{before}\n---\n{after}");
    assert_eq!(scene.attempts(), attempts, "it ran too often");
    scene.check_result(&id).await;
    let next = site.trigger().await;
    assert_eq!(site.finished(&next).await["build_number"], 2);
    drop((server, agent));
}

macro_rules! at_each_phase {
    ($($name:ident = $hold:expr),+ $(,)?) => {$(
        mod $name {
            use super::*;

            #[tokio::test]
            async fn the_server_with_its_agent() {
                survives($hold, Victim::Server).await;
            }

            #[tokio::test]
            async fn the_agent() {
                survives($hold, Victim::Agent).await;
            }

            #[tokio::test]
            async fn the_server_alone() {
                survives($hold, Victim::ServerAlone).await;
            }
        }
    )+};
}

at_each_phase!(
    cloning = Hold::Clone,
    post_clone = Hold::File("buddybuild_postclone.sh"),
    pre_build = Hold::File("buddybuild_prebuild.sh"),
    building = Hold::File("shipmate.yml"),
    post_build = Hold::File("buddybuild_postbuild.sh"),
    collecting = Hold::Collect,
    finally = Hold::File("buddybuild_finally.sh"),
);
