//! The agent's loop: every slot claims a build, attends it to its end, and
//! claims the next. Decides when the agent itself ends; what happens inside a
//! build is `run.rs`, and what one build needs around it is `attend.rs`.

use std::fs::File;
use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use ring::rand::{SecureRandom, SystemRandom};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::agent::client::Client;
use crate::agent::client::error::CallError;
use crate::agent::client::retry::Backoff;
use crate::agent::executor::orphans::kill_orphans;
use crate::agent::run::{self, RunContext};
use crate::agent::{Config, doctor, spool};
use crate::model::agent::FindingState;
use crate::model::build::Outcome;
use crate::protocol::{Assignment, CLAIM_WAIT_MS, ClaimRequest, Examination, Failure, Hello};

mod attend;
mod heartbeat;

/// An answer "no work" that comes sooner than this is a server that does not
/// wait; the next claim comes no sooner either.
const LEAST_WAIT: Duration = Duration::from_secs(1);

/// What operators rarely change.
#[derive(Debug, Clone)]
pub struct Tuning {
    /// Between tries while the server is away.
    pub backoff: Backoff,
    /// Packed bytes of log that one build may keep on disk while the server
    /// is away; then the build waits. 2 GiB is some 20 to 40 GiB of output.
    pub spool_limit: u64,
    /// After the agent was told to stop, an ended build has this long to
    /// deliver its log and result before it is given back.
    pub farewell: Duration,
    /// From the start to the first look at the machine, which must not slow
    /// the start, and between two looks: disks fill, tools are updated.
    pub examine_after: Duration,
    pub examine_every: Duration,
}

impl Default for Tuning {
    fn default() -> Self {
        let farewell = Duration::from_secs(5);
        let (examine_after, examine_every) = (Duration::from_secs(2), Duration::from_secs(3_600));
        let backoff = Backoff::default();
        Self { backoff, spool_limit: 2 << 30, farewell, examine_after, examine_every }
    }
}

/// What runs a build: `run::run`, or a test's script.
type Work = Box<dyn Fn(RunContext) -> Running + Send + Sync>;
type Running = Pin<Box<dyn Future<Output = (Outcome, Option<Failure>)> + Send>>;

struct Agent {
    config: Config,
    tuning: Tuning,
    client: Client,
    work: Work,
    shutdown: CancellationToken,
}

/// Serves until `shutdown`, or until the server refuses this agent for good.
/// Running builds are then stopped and given back to the queue.
pub async fn serve(config: Config, shutdown: CancellationToken) -> anyhow::Result<()> {
    serve_tuned(config, Tuning::default(), shutdown).await
}

/// `serve` with other than the usual `tuning`.
pub async fn serve_tuned(
    config: Config,
    tuning: Tuning,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let work: Work = Box::new(|context| Box::pin(run::run(context)));
    serve_work(config, tuning, work, shutdown).await
}

async fn serve_work(
    config: Config,
    tuning: Tuning,
    work: Work,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let client = Client::new(&config.server, &config.token)?;
    let _lock = lock(&config.work_dir)?;
    kill_orphans(&config.work_dir).await;
    spool::remove(&config.work_dir.join("spool")).context("removing spooled logs")?;
    let slots = config.slots.max(1);
    tracing::info!(server = %config.server, name = %config.name, slots, "The agent is ready");
    // A child, so that one slot's failure ends the agent and not its host.
    let shutdown = shutdown.child_token();
    let agent = Arc::new(Agent { config, tuning, client, work, shutdown });
    if let Some(greeted) = agent.shutdown.run_until_cancelled(agent.say_hello()).await {
        greeted?;
    }
    // Ends with the agent: it holds nothing that must be given back.
    let _examiner = tokio::spawn(examine(agent.clone()));
    let mut running = JoinSet::new();
    for _ in 0..slots {
        running.spawn(serve_slot(agent.clone()));
    }
    let mut result = Ok(());
    while let Some(ended) = running.join_next().await {
        let ended = ended.unwrap_or_else(|error| Err(anyhow!("a slot broke off: {error}")));
        if result.is_ok() {
            result = ended;
        }
        if result.is_err() {
            agent.shutdown.cancel();
        }
    }
    result
}

/// Makes sure that no other agent works in `folder`: it would delete our runs.
fn lock(folder: &Path) -> anyhow::Result<File> {
    let shown = folder.display();
    std::fs::create_dir_all(folder).with_context(|| format!("creating {shown}"))?;
    let file = File::create(folder.join("agent.lock"))
        .with_context(|| format!("creating a lock in {shown}"))?;
    file.try_lock().map_err(|error| match error {
        std::fs::TryLockError::WouldBlock => anyhow!("another agent works in {shown}"),
        std::fs::TryLockError::Error(error) => anyhow!("locking {shown}: {error}"),
    })?;
    Ok(file)
}

/// Looks at the machine now and then, and tells the server and the own log.
async fn examine(agent: Arc<Agent>) {
    let mut known = Vec::new();
    let mut wait = agent.tuning.examine_after;
    while agent.shutdown.run_until_cancelled(tokio::time::sleep(wait)).await.is_some() {
        wait = agent.tuning.examine_every;
        let findings = doctor::examine(&agent.config.work_dir).await;
        for bad in findings.iter().filter(|one| one.state == FindingState::Bad) {
            if !known.contains(bad) {
                tracing::warn!(subject = bad.subject, says = bad.says, "Builds will fail here");
            }
        }
        known = findings.clone();
        let seen = Examination { agent_name: agent.config.name.clone(), findings };
        // An older server does not know the call, and one that is away gets
        // the next look.
        if let Err(error) = agent.client.examination(&seen).await {
            tracing::debug!(%error, "The server did not take what this machine has");
        }
    }
}

async fn serve_slot(agent: Arc<Agent>) -> anyhow::Result<()> {
    let shutdown = agent.shutdown.clone();
    while let Some(claimed) = shutdown.run_until_cancelled(agent.claim()).await {
        if let Some(assignment) = claimed? {
            attend::attend(&agent, assignment).await;
        }
    }
    Ok(())
}

impl Agent {
    /// Tells the server that this process is new: what an earlier one of the
    /// same name held is lost, and need not wait for its lease.
    async fn say_hello(&self) -> anyhow::Result<()> {
        let hello = Hello { agent_name: self.config.name.clone() };
        let mut failures = 0;
        loop {
            match self.client.hello(&hello).await {
                // An older server does not know the call; leases do the same, later.
                Ok(()) | Err(CallError::Lost(_) | CallError::Refused(_)) => return Ok(()),
                Err(CallError::Unauthorised) => return Err(CallError::Unauthorised.into()),
                Err(CallError::Retry(_)) => failures += 1,
            }
            tokio::time::sleep(self.tuning.backoff.delay(failures)).await;
        }
    }

    /// One claim: the same id until the server has answered it.
    async fn claim(&self) -> anyhow::Result<Option<Assignment>> {
        let request = ClaimRequest {
            claim_id: claim_id()?,
            agent_name: self.config.name.clone(),
            labels: self.config.labels.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            slots: self.config.slots,
            wait_ms: CLAIM_WAIT_MS,
        };
        let mut failures = 0;
        loop {
            let asked = Instant::now();
            match self.client.claim(&request).await {
                Ok(None) => {
                    tokio::time::sleep_until(asked + LEAST_WAIT).await;
                    return Ok(None);
                }
                Ok(assignment) => return Ok(assignment),
                Err(CallError::Unauthorised) => return Err(CallError::Unauthorised.into()),
                Err(CallError::Refused(reason)) => {
                    return Err(anyhow!("the server refuses this agent: {reason}"));
                }
                Err(CallError::Lost(reason)) => {
                    failures += 1;
                    if failures == 1 {
                        tracing::warn!(reason, "The server does not hand out builds");
                    }
                }
                Err(CallError::Retry(_)) => failures += 1,
            }
            tokio::time::sleep(self.tuning.backoff.delay(failures)).await;
        }
    }
}

fn claim_id() -> anyhow::Result<String> {
    let mut bytes = [0; 16];
    SystemRandom::new().fill(&mut bytes).map_err(|_| anyhow!("no randomness from the system"))?;
    Ok(format!("{:032x}", u128::from_ne_bytes(bytes)))
}

#[cfg(test)]
mod tests;
