//! The agent protocol over HTTP: what an agent may do twice, and what it may
//! no longer do.

use std::time::{Duration, Instant};

use shipmate::builds::reap;
use shipmate::jobs;
use shipmate::model::build::{BuildStatus, Outcome};
use shipmate::model::ids::ArtifactId;
use shipmate::model::report::TargetCoverage;
use shipmate::model::time::Millis;

use crate::harness::agent::{
    Announced, FakeAgent, Held, artifact_id, describe, pack, sha256, test_result,
};
use crate::harness::app::{LEASE_MS, TestApp};
use crate::harness::server::{Answer, TestServer};

/// Every call about a build that changes something.
async fn every_call(agent: &FakeAgent, held: &Held) -> Vec<(&'static str, Answer)> {
    let target = TargetCoverage { name: "app".into(), coverage: 0.5, files: Vec::new() };
    let facts = serde_json::json!({ "attempt": held.attempt, "error": "broken" });
    vec![
        ("heartbeat", agent.heartbeat(held, 0).await),
        ("commit", agent.commit(held, &"ab".repeat(20)).await),
        ("log", agent.log(held, 0, "late\n").await),
        ("tests", agent.tests(held, 0, vec![test_result("a", true)]).await),
        ("coverage", agent.coverage(held, 0, target).await),
        ("artifacts", agent.upload(held, "u", "late.txt", b"late").await),
        ("package", agent.package(held, &ArtifactId::generate(Millis(0)), &facts).await),
        ("release", agent.release(held).await),
        ("finish", agent.finish(held, Outcome::Success, 0).await),
    ]
}

async fn agent_of(app: &TestApp, name: &str) -> (TestServer, FakeAgent) {
    let server = TestServer::start(&app.app).await;
    let token = app.add_agent_token(name).await;
    let agent = FakeAgent::new(&server, &token, name);
    (server, agent)
}

on_both! {
    async fn calls_may_be_repeated(app: TestApp) {
        let row = app.add_some_app().await;
        let (_server, agent) = agent_of(&app, "a").await;
        assert!(agent.claim("none", 0).await.is_none());
        let id = app.trigger(&row).await;
        let held = agent.take("c1").await;
        assert_eq!(agent.take("c1").await.build, held.build);
        assert!(agent.claim("c2", 0).await.is_none());
        for _ in 0..2 {
            agent.commit(&held, &"ab".repeat(20)).await.expect(204);
            agent.log(&held, 0, "one\n").await.expect(200);
            agent.tests(&held, 0, vec![test_result("a", true), test_result("b", false)]).await.expect(204);
        }
        let first = artifact_id(agent.upload(&held, "u1", "dir/app.txt", b"bytes").await);
        assert_eq!(artifact_id(agent.upload(&held, "u1", "dir/app.txt", b"bytes").await), first);
        agent.upload(&held, "u1", "dir/app.txt", b"other").await.expect(400);
        agent.log(&held, 1, "two without end").await.expect(200);
        for _ in 0..2 {
            agent.finish(&held, Outcome::Success, 2).await.expect(204);
        }
        let build = app.build(&id).await;
        assert_eq!((build.status, build.tests_count, build.tests_passed), (BuildStatus::Success, Some(2), Some(1)));
        let live = app.log_text(&id).await;
        assert_eq!(live, "one\ntwo without end");
        while jobs::run_one(&app.app).await.unwrap() {}
        let head = app.log_head(&id).await;
        assert_eq!((head.state.as_str(), head.complete), ("folded", true));
        assert_eq!(head.sha256.as_deref(), Some(sha256(live.as_bytes()).as_str()));
        assert_eq!(app.log_text(&id).await, live);
        app.fold(&id).await;
    }

    async fn wrong_calls_are_refused_and_leave_nothing(app: TestApp) {
        let row = app.add_some_app().await;
        let (_server, agent) = agent_of(&app, "a").await;
        app.trigger(&row).await;
        let held = agent.take("c1").await;
        agent.log(&held, 1, "a gap\n").await.expect(400);
        let mut lies = describe(b"one\n");
        lies.lines = 7;
        agent.log_body(&held, 0, pack(b"one\n", &lies)).await.expect(400);
        let bomb = vec![b'x'; 64 << 20];
        agent.log_body(&held, 0, pack(&bomb, &describe(&bomb))).await.expect(400);
        agent.log_body(&held, 0, vec![b'x'; 5 << 20]).await.expect(413);
        let sha = sha256(b"bytes");
        for (path, bytes, sha256) in [
            ("../x", 5, sha.as_str()),
            ("/x", 5, &sha),
            ("a//b", 5, &sha),
            ("x", 4, &sha),
            ("x", 6, &sha),
            ("x", 5, "00"),
            ("x", u64::MAX, &sha),
        ] {
            let announced = Announced { path, bytes, sha256 };
            agent.upload_as(&held, "u", &announced, b"bytes").await.expect(400);
        }
        assert_eq!(app.count_blobs(), 0);
        agent.post_text(&format!("builds/{}/finish", held.build), "{").await.expect(400);
        agent.commit(&held, "not a sha").await.expect(400);
        agent.finish(&held, Outcome::Failed, 3).await.expect(204);
        let build = app.build(&held.build).await;
        assert_eq!(build.failure_kind.as_deref(), Some("script_failed"));
        assert!(!app.log_head(&held.build).await.complete);
    }

    async fn a_lost_attempt_is_fenced_off(app: TestApp) {
        let row = app.add_some_app().await;
        let (server, agent) = agent_of(&app, "a").await;
        let id = app.trigger(&row).await;
        let first = agent.take("c1").await;
        agent.log(&first, 0, "first\n").await.expect(200);
        agent.tests(&first, 0, vec![test_result("a", true)]).await.expect(204);
        app.advance(LEASE_MS);
        reap::reap(&app.app).await.unwrap();
        assert_eq!(app.build(&id).await.status, BuildStatus::Running, "the lease still holds");
        app.advance(1);
        reap::reap(&app.app).await.unwrap();
        assert_eq!(app.build(&id).await.status, BuildStatus::Queued);
        let second = agent.take("c2").await;
        assert_eq!(second.attempt, 2);
        for (what, answer) in every_call(&agent, &first).await {
            assert_eq!(answer.status, 409, "{what}");
        }
        let stranger = FakeAgent::new(&server, &app.add_agent_token("b").await, "a");
        for (what, answer) in every_call(&stranger, &second).await {
            assert_eq!(answer.status, 409, "{what}");
        }
        agent.log(&second, 0, "second\n").await.expect(200);
        app.advance(LEASE_MS + 1);
        reap::reap(&app.app).await.unwrap();
        let build = app.build(&id).await;
        assert_eq!((build.status, build.failure_kind.as_deref()), (BuildStatus::Failed, Some("agent_lost")));
        assert_eq!(build.tests_count, None, "the first attempt's results are gone");
        let log = app.log_text(&id).await;
        assert!(log.starts_with("first\n=== Build queued again: "), "{log}");
        assert!(log.contains("\nsecond\n=== Build failed: "), "{log}");
        assert!(agent.claim("c3", 0).await.is_none(), "no third attempt");
    }

    async fn a_restarted_agent_and_one_that_gives_back(app: TestApp) {
        let row = app.add_some_app().await;
        let (_server, agent) = agent_of(&app, "a").await;
        let (restarted, given) = (app.trigger(&row).await, app.trigger(&row).await);
        let held = agent.take("c1").await;
        assert_eq!(held.build, restarted);
        agent.hello().await.expect(204);
        assert_eq!(app.build(&restarted).await.status, BuildStatus::Queued);
        agent.heartbeat(&held, 0).await.expect(409);
        let again = agent.take("c2").await;
        assert_eq!((&again.build, again.attempt), (&restarted, 2));
        let held = agent.take("c3").await;
        assert_eq!(held.build, given);
        agent.release(&held).await.expect(204);
        assert_eq!(app.build(&given).await.status, BuildStatus::Queued);
        agent.finish(&held, Outcome::Success, 0).await.expect(409);
    }

    async fn a_cancel_is_heard_within_two_seconds(app: TestApp) {
        let row = app.add_some_app().await;
        let (_server, agent) = agent_of(&app, "a").await;
        let id = app.trigger(&row).await;
        let held = agent.take("c1").await;
        let listening = async { (agent.heartbeat(&held, 20_000).await, Instant::now()) };
        let cancelling = async {
            app.cancel(&id).await;
            Instant::now()
        };
        let ((answer, heard), cancelled) = tokio::join!(listening, cancelling);
        assert_eq!(answer.expect(200).json::<serde_json::Value>()["cancel"], true);
        assert!(heard.saturating_duration_since(cancelled) < Duration::from_secs(2));
        // What the processes still print is kept; their results are not.
        agent.log(&held, 0, "stopping\n").await.expect(200);
        agent.tests(&held, 0, vec![test_result("a", true)]).await.expect(204);
        agent.finish(&held, Outcome::Cancelled, 1).await.expect(204);
        let build = app.build(&id).await;
        assert_eq!((build.status, build.tests_count), (BuildStatus::Cancelled, None));
        assert!(app.log_text(&id).await.ends_with("stopping\n"));
        agent.log(&held, 1, "too late\n").await.expect(409);
    }

    async fn waiting_claims_are_woken_and_tokens_are_kept_apart(app: TestApp) {
        let row = app.add_some_app().await;
        let ann = app.add_user("ann@example.org").await;
        let (server, agent) = agent_of(&app, "a").await;
        let waiting = async { (agent.claim("c1", 20_000).await, Instant::now()) };
        let triggering = async {
            app.trigger(&row).await;
            Instant::now()
        };
        let ((claimed, at), triggered) = tokio::join!(waiting, triggering);
        assert!(claimed.is_some());
        assert!(at.saturating_duration_since(triggered) < Duration::from_secs(3));
        let stranger = FakeAgent::new(&server, &ann.token, "x");
        stranger.hello().await.expect(401);
        stranger.examination(Vec::new()).await.expect(401);
        let mut tx = app.app.db.write().await.unwrap();
        shipmate::db::agents::revoke_tokens(&mut tx, "a", app.app.clock.now()).await.unwrap();
        tx.commit().await.unwrap();
        agent.hello().await.expect(401);
    }
}
