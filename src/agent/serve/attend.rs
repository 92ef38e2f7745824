//! One claimed build from assignment to answer: the run itself, and around it
//! lease, report, result and clean-up. A run that panics is a failed build,
//! never a dead agent.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{sleep, timeout};
use tokio_util::task::AbortOnDropHandle;

use crate::agent::client::error::CallError;
use crate::agent::client::lease::Lease;
use crate::agent::log::LogEnd;
use crate::agent::report::Report;
use crate::agent::report::remote::RemoteReport;
use crate::agent::run::RunContext;
use crate::agent::serve::{Agent, heartbeat};
use crate::agent::workspace::WorkDirs;
use crate::model::build::{FailureKind, Outcome};
use crate::protocol::{Assignment, Failure, Finish, HEARTBEAT_MS, Release};

type Ended = (Outcome, Option<Failure>);

/// Runs the assigned build and tells the server how it ended.
pub async fn attend(agent: &Agent, assignment: Assignment) {
    let Assignment { build_id, attempt, .. } = &assignment;
    let lease = Lease::new(agent.client.clone(), build_id.clone(), *attempt, agent.tuning.backoff);
    tracing::info!(build = %lease.build, attempt, app = assignment.app_name, "A build starts");
    let work_dir = &agent.config.work_dir;
    let dirs = WorkDirs::of_run(work_dir, &lease.build, lease.attempt);
    let folder = work_dir.join("spool").join(format!("{build_id}-{attempt}"));
    match RemoteReport::start(lease.clone(), folder, agent.tuning.spool_limit) {
        Ok(report) => {
            let report = Arc::new(report);
            mask_all(agent, &assignment, &report);
            let wait_ms = HEARTBEAT_MS.min(assignment.limits.lease_ms / 3);
            let beats = heartbeat::keep(lease.clone(), report.phases(), wait_ms);
            let _beats = AbortOnDropHandle::new(tokio::spawn(beats));
            let context = RunContext {
                assignment,
                dirs,
                report: Report::Remote(report.clone()),
                cancel: lease.cancel.clone(),
            };
            run_and_report(agent, &lease, &report, context).await;
        }
        Err(error) => {
            let failure = agent_error(format!("the agent cannot keep a log: {error}"));
            let none = LogEnd { chunks: 0, fault: None };
            finish(&lease, (Outcome::Failed, Some(failure)), none).await;
        }
    }
}

/// What the server sent in confidence is masked before anything can print it.
fn mask_all(agent: &Agent, assignment: &Assignment, report: &RemoteReport) {
    report.mask(&agent.config.token);
    if let Some(credential) = &assignment.source.credential {
        report.mask(&credential.password);
    }
    if let Some(identity) = &assignment.source.ssh {
        report.mask(&identity.private_key);
    }
    let variables = assignment.env.iter().chain(&assignment.device);
    for variable in variables.filter(|variable| variable.secret) {
        report.mask(&variable.value);
    }
}

async fn run_and_report(agent: &Agent, lease: &Lease, report: &RemoteReport, context: RunContext) {
    let mut run = AbortOnDropHandle::new(tokio::spawn((agent.work)(context)));
    let mut given_back = false;
    let ended = tokio::select! {
        ended = &mut run => ended,
        () = agent.shutdown.cancelled() => {
            // A build that is being cancelled anyway ends as such.
            given_back = !lease.cancel.is_cancelled();
            lease.cancel.cancel();
            run.await
        }
    };
    let ended = ended.unwrap_or_else(|error| {
        tracing::error!(build = %lease.build, %error, "A run broke off");
        (Outcome::Failed, Some(agent_error(format!("the run broke off: {error}"))))
    });
    if !given_back {
        let farewell = async {
            agent.shutdown.cancelled().await;
            sleep(agent.tuning.farewell).await;
        };
        tokio::select! {
            () = deliver(lease, report, ended) => return,
            () = farewell => {}
        }
    }
    if lease.is_lost() {
        return;
    }
    lease.lost.cancel();
    report.close().await;
    release(agent, lease).await;
}

/// Delivers log and result, through outages of any length.
async fn deliver(lease: &Lease, report: &RemoteReport, (outcome, failure): Ended) {
    let Some(log) = report.close().await else { return };
    let failure =
        failure.map(|failure| Failure { message: report.clean(&failure.message), ..failure });
    finish(lease, (outcome, failure), log).await;
}

async fn finish(lease: &Lease, (outcome, failure): Ended, log: LogEnd) {
    let (outcome, failure) = match log.fault {
        Some(fault) => (Outcome::Failed, Some(agent_error(fault))),
        None => (outcome, failure),
    };
    let Lease { build, attempt, .. } = lease;
    let body = Finish { attempt: *attempt, outcome, failure, log_chunks: log.chunks };
    match lease.finish(&body).await {
        Ok(()) => tracing::info!(%build, attempt, %outcome, "A build has ended"),
        Err(error) => tracing::warn!(%build, attempt, %error, "The result was not accepted"),
    }
}

/// Gives the build back, if the server is there; else the lease runs out.
async fn release(agent: &Agent, lease: &Lease) {
    let Lease { build, attempt, .. } = lease;
    let body = Release { attempt: *attempt };
    let tries = async {
        let mut failures = 0;
        while let Err(CallError::Retry(_)) = lease.client.release(build, &body).await {
            failures += 1;
            sleep(lease.backoff.delay(failures)).await;
        }
    };
    let limit: Duration = agent.tuning.farewell;
    if timeout(limit, tries).await.is_err() {
        tracing::warn!(%build, attempt, "The build could not be given back; its lease runs out");
    } else {
        tracing::info!(%build, attempt, "The build was given back");
    }
}

fn agent_error(message: String) -> Failure {
    Failure { kind: FailureKind::AgentError, message }
}
