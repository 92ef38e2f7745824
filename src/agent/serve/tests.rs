use tokio::time::timeout;

use super::*;
use crate::agent::scripted_server::{BACKOFF, DEADLINE, Server, TOKEN, assignment};
use crate::model::build::{FailureKind, Phase};
use crate::model::log::Stream;
use crate::model::secret::Secret;
use crate::protocol::Variable;

/// An agent that serves in the background.
struct Serving {
    shutdown: CancellationToken,
    task: tokio::task::JoinHandle<anyhow::Result<()>>,
    home: tempfile::TempDir,
}

impl Serving {
    fn start<F, Fut>(server: &Server, slots: u32, work: F) -> Self
    where
        F: Fn(RunContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = (Outcome, Option<Failure>)> + Send + 'static,
    {
        let home = tempfile::tempdir().unwrap();
        let config = config(server, slots, home.path());
        let work: Work = Box::new(move |context| Box::pin(work(context)));
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(serve_work(config, tuning(), work, shutdown.clone()));
        Self { shutdown, task, home }
    }

    async fn stop(self) {
        self.shutdown.cancel();
        timeout(DEADLINE, self.task).await.expect("stops in time").unwrap().unwrap();
        let runs = std::fs::read_dir(self.home.path().join("spool")).into_iter().flatten();
        assert_eq!(runs.count(), 0, "no spool is left");
    }
}

fn config(server: &Server, slots: u32, home: &Path) -> Config {
    Config {
        server: server.url(),
        token: Secret::new(TOKEN),
        name: "machine".into(),
        slots,
        labels: Vec::new(),
        work_dir: home.to_owned(),
    }
}

fn tuning() -> Tuning {
    Tuning { backoff: BACKOFF, ..Tuning::default() }
}

const SUCCESS: (Outcome, Option<Failure>) = (Outcome::Success, None);

#[tokio::test]
async fn a_build_is_claimed_run_and_finished() {
    let server = Server::start().await;
    let serving = Serving::start(&server, 1, async |context| {
        context.report.system("prepare", "hello hunter22").await;
        let message = "failed with hunter22".to_owned();
        (Outcome::Failed, Some(Failure { kind: FailureKind::StepFailed, message }))
    });
    let mut work = assignment();
    let value = Secret::new("hunter22");
    work.env.push(Variable { name: "PASSWORD".into(), value, secret: true });
    server.script(|record| record.work.push_back(work));
    server.until("the result", |record| !record.finishes.is_empty()).await;
    serving.stop().await;
    server.read(|record| {
        assert_eq!(record.text(), "hello ********\n");
        let finish = &record.finishes[0];
        assert_eq!((finish.attempt, finish.outcome, finish.log_chunks), (1, Outcome::Failed, 1));
        assert_eq!(finish.failure.as_ref().unwrap().message, "failed with ********");
        assert_eq!(record.claims[0].agent_name, "machine");
        assert!(record.releases.is_empty());
    });
    server.assert_sound();
}

#[tokio::test]
async fn a_claim_keeps_its_id_until_it_is_answered() {
    let mut server = Server::start().await;
    server.script(|record| {
        record.failures.insert("claim", [500, 503, 409].into());
        record.lost_answers.insert("claim", 1);
        // Two, because this server does not remember ids: one gets lost.
        record.work.extend([assignment(), assignment()]);
    });
    server.stop().await;
    let serving = Serving::start(&server, 1, async |_| SUCCESS);
    server.resume().await;
    server.until("the result", |record| !record.finishes.is_empty()).await;
    server.until("the next claim", |record| record.count("claim") >= 6).await;
    serving.stop().await;
    server.read(|record| {
        assert_eq!(record.claims[0].claim_id, record.claims[1].claim_id);
        assert_eq!(record.claims[0].claim_id.len(), 32);
        assert!(record.claims[2..].iter().all(|claim| claim.claim_id != record.claims[0].claim_id));
    });
    server.assert_sound();
}

#[tokio::test]
async fn every_slot_runs_a_build() {
    let server = Server::start().await;
    let gate = CancellationToken::new();
    let serving = Serving::start(&server, 3, {
        let gate = gate.clone();
        move |context: RunContext| {
            let gate = gate.clone();
            async move {
                context.report.system("s", "running").await;
                gate.cancelled().await;
                SUCCESS
            }
        }
    });
    server.script(|record| record.work.extend((0..5).map(|_| assignment())));
    server.until("three builds", |record| record.work.len() == 2).await;
    gate.cancel();
    server.until("all results", |record| record.finishes.len() == 5).await;
    serving.stop().await;
}

#[tokio::test]
async fn a_cancel_reaches_the_run_within_two_seconds() {
    let server = Server::start().await;
    let serving = Serving::start(&server, 1, async |context| {
        context.report.phase(Phase::Building);
        context.cancel.cancelled().await;
        (Outcome::Cancelled, None)
    });
    server.script(|record| record.work.push_back(assignment()));
    server.until("the long poll", |record| record.beats.iter().any(|b| b.wait_ms > 0)).await;
    let asked = std::time::Instant::now();
    server.script(|record| record.cancel = true);
    server.until("the result", |record| !record.finishes.is_empty()).await;
    assert!(asked.elapsed() < Duration::from_secs(2), "after {:?}", asked.elapsed());
    serving.stop().await;
    server.read(|record| {
        assert_eq!(record.finishes[0].outcome, Outcome::Cancelled);
        assert!(record.beats.len() < 6, "no hurry once the cancel is known");
    });
}

#[tokio::test]
async fn the_server_hears_the_phase_while_a_long_poll_waits() {
    let server = Server::start().await;
    let serving = Serving::start(&server, 1, async |context| {
        context.report.phase(Phase::Cloning);
        context.cancel.cancelled().await;
        (Outcome::Cancelled, None)
    });
    server.script(|record| record.work.push_back(assignment()));
    let told = |record: &crate::agent::scripted_server::Record| {
        record.beats.iter().any(|beat| beat.phase == Phase::Cloning && beat.wait_ms == 0)
    };
    server.until("the phase", told).await;
    server.script(|record| record.cancel = true);
    server.until("the result", |record| !record.finishes.is_empty()).await;
    serving.stop().await;
}

#[tokio::test]
async fn a_result_is_repeated_until_it_is_accepted() {
    let mut server = Server::start().await;
    server.script(|record| {
        record.work.push_back(assignment());
        record.failures.insert("finish", [500, 503].into());
        record.lost_answers.insert("finish", 1);
    });
    let begun = CancellationToken::new();
    let ended = CancellationToken::new();
    let serving = Serving::start(&server, 1, {
        let (begun, ended) = (begun.clone(), ended.clone());
        move |context: RunContext| {
            let (begun, ended) = (begun.clone(), ended.clone());
            async move {
                begun.cancel();
                ended.cancelled().await;
                context.report.write("s", Stream::Stdout, b"printed in the outage\n").await;
                SUCCESS
            }
        }
    });
    timeout(DEADLINE, begun.cancelled()).await.unwrap();
    server.stop().await;
    ended.cancel();
    server.resume().await;
    server.until("all tries", |record| record.count("finish") == 4).await;
    server.until("the next claim", |record| record.count("claim") == 2).await;
    serving.stop().await;
    server.read(|record| {
        assert_eq!(record.finishes.len(), 2, "one answer was lost");
        assert_eq!(record.text(), "printed in the outage\n");
    });
    server.assert_sound();
}

#[tokio::test]
async fn a_run_that_panics_fails_the_build_and_not_the_agent() {
    let server = Server::start().await;
    let serving = Serving::start(&server, 1, async |context: RunContext| {
        assert!(context.assignment.number != 1, "a fault of ours");
        SUCCESS
    });
    let fine = Assignment { number: 2, ..assignment() };
    server.script(|record| record.work.extend([assignment(), fine]));
    server.until("both results", |record| record.finishes.len() == 2).await;
    serving.stop().await;
    server.read(|record| {
        let failure = record.finishes[0].failure.as_ref().unwrap();
        assert_eq!(failure.kind, FailureKind::AgentError);
        assert_eq!(record.finishes[1].outcome, Outcome::Success);
    });
}

#[tokio::test]
async fn a_lost_lease_is_discarded_without_a_word() {
    let server = Server::start().await;
    server.script(|record| {
        record.failures.insert("heartbeat", [409].into());
        record.work.push_back(assignment());
    });
    let serving = Serving::start(&server, 1, async |context| {
        context.cancel.cancelled().await;
        (Outcome::Cancelled, None)
    });
    server.until("the next claim", |record| record.count("claim") == 2).await;
    serving.stop().await;
    server.read(|record| assert!(record.finishes.is_empty() && record.releases.is_empty()));
}

#[tokio::test]
async fn an_agent_that_stops_gives_its_build_back() {
    let server = Server::start().await;
    server.script(|record| record.work.push_back(assignment()));
    let serving = Serving::start(&server, 1, async |context| {
        context.report.system("s", "running").await;
        context.cancel.cancelled().await;
        (Outcome::Cancelled, None)
    });
    server.until("the run", |record| record.text() == "running\n").await;
    serving.stop().await;
    server.read(|record| {
        assert_eq!(record.releases.len(), 1);
        assert!(record.finishes.is_empty());
    });
}

#[tokio::test]
async fn a_wrong_token_ends_the_agent_with_a_clear_message() {
    let server = Server::start().await;
    server.script(|record| {
        record.failures.insert("claim", [401].into());
    });
    let serving = Serving::start(&server, 2, async |_| SUCCESS);
    let error = timeout(DEADLINE, serving.task).await.unwrap().unwrap().unwrap_err();
    assert_eq!(error.to_string(), "the server does not accept this agent's token");
    assert!(!serving.shutdown.is_cancelled(), "the host decides for itself");
}

#[tokio::test]
async fn two_agents_do_not_share_a_folder() {
    let server = Server::start().await;
    let serving = Serving::start(&server, 1, async |_| SUCCESS);
    server.until("the claim", |record| record.count("claim") == 1).await;
    let second = config(&server, 1, serving.home.path());
    let error = serve_tuned(second, tuning(), CancellationToken::new()).await.unwrap_err();
    assert!(error.to_string().starts_with("another agent works in "), "{error}");
    serving.stop().await;
}
