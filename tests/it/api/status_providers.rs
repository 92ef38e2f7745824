//! The same story for every provider: what its API is called with, in which
//! order, and also when it fails.

use serde_json::json;
use shipmate::model::build::Outcome;

use super::statuses::{SHA, Stage, work};
use super::*;

/// One provider as its API wants to be called.
struct Case {
    name: &'static str,
    token: &'static str,
    /// Header and value.
    credential: &'static str,
    /// Below the base URL; `SHA` stands for the commit.
    path: &'static str,
    /// Pending, success, failure, cancelled.
    words: [&'static str; 4],
    /// The members of a body for the context and for the page of the build.
    members: (&'static str, &'static str),
}

const GITHUB: Case = Case {
    name: "github",
    token: "ghp_1",
    credential: "authorization: Bearer ghp_1",
    path: "POST /repos/o/r/statuses/SHA",
    words: ["pending", "success", "failure", "error"],
    members: ("context", "target_url"),
};

const GITLAB: Case = Case {
    name: "gitlab",
    token: "glpat-1",
    credential: "private-token: glpat-1",
    path: "POST /api/v4/projects/o%2Fr/statuses/SHA",
    words: ["pending", "success", "failed", "canceled"],
    members: ("name", "target_url"),
};

const BITBUCKET: Case = Case {
    name: "bitbucket",
    token: "ann:app-password",
    credential: "authorization: Basic YW5uOmFwcC1wYXNzd29yZA==",
    path: "POST /2.0/repositories/o/r/commit/SHA/statuses/build",
    words: ["INPROGRESS", "SUCCESSFUL", "FAILED", "STOPPED"],
    members: ("key", "url"),
};

const BITBUCKET_SERVER: Case = Case {
    name: "bitbucket_server",
    token: "NjM2",
    credential: "authorization: Bearer NjM2",
    path: "POST /rest/build-status/1.0/commits/SHA",
    words: ["INPROGRESS", "SUCCESSFUL", "FAILED", "FAILED"],
    members: ("key", "url"),
};

const GITEA: Case = Case {
    name: "gitea",
    token: "t0",
    credential: "authorization: token t0",
    path: "POST /api/v1/repos/o/r/statuses/SHA",
    words: ["pending", "success", "failure", "error"],
    members: ("context", "target_url"),
};

async fn is_told_in_order(app: TestApp, case: Case) {
    let account = json!({ "provider": case.name, "token": case.token });
    let stage = Stage::set_with(&app, "git@git.example.org:o/r.git", account).await;
    let [pending, success, failure, cancelled] = case.words;
    let told = |from: usize| stage.provider.states()[from..].to_vec();
    let run = async |claim: &str| {
        let id = app.trigger(&stage.row).await;
        (id, stage.agent.take(claim).await)
    };
    // A build from its commit to its end.
    let (id, held) = run("c1").await;
    stage.agent.commit(&held, SHA).await.expect(204);
    work(&app).await;
    stage.agent.finish(&held, Outcome::Success, 0).await.expect(204);
    work(&app).await;
    assert_eq!(told(0), [pending, success]);
    let page = format!("{}/apps/{}/build/{id}", app.app.settings.dashboard_url, stage.row.id);
    for call in stage.provider.told() {
        assert_eq!(call.path, case.path.replace("SHA", SHA));
        assert_eq!(call.token, case.credential);
        assert_eq!(call.body[case.members.0], "shipmate/Shop", "{}", call.body);
        assert_eq!(call.body[case.members.1], json!(page), "{}", call.body);
    }
    // It answers 500 twice: the same again, and nothing overtakes it.
    stage.provider.script(&[(500, None), (500, None)]);
    let (_, held) = run("c2").await;
    stage.agent.commit(&held, SHA).await.expect(204);
    work(&app).await;
    stage.agent.finish(&held, Outcome::Failed, 0).await.expect(204);
    for _ in 0..6 {
        app.advance(2_000);
        work(&app).await;
    }
    assert_eq!(told(2), [pending, pending, pending, failure]);
    // Down for ten minutes: it learns of everything, in order and once.
    stage.provider.set_down(true);
    let (id, held) = run("c3").await;
    stage.agent.commit(&held, SHA).await.expect(204);
    app.cancel(&id).await;
    stage.agent.finish(&held, Outcome::Cancelled, 0).await.expect(204);
    for _ in 0..60 {
        work(&app).await;
        app.advance(10_000);
    }
    assert_eq!(told(6), [""; 0]);
    stage.provider.set_down(false);
    for _ in 0..70 {
        app.advance(10_000);
        work(&app).await;
    }
    assert_eq!(told(6), [pending, cancelled]);
}

on_both! {
    async fn github(app: TestApp) {
        is_told_in_order(app, GITHUB).await;
    }

    async fn gitlab(app: TestApp) {
        is_told_in_order(app, GITLAB).await;
    }

    async fn bitbucket(app: TestApp) {
        is_told_in_order(app, BITBUCKET).await;
    }

    async fn bitbucket_server(app: TestApp) {
        is_told_in_order(app, BITBUCKET_SERVER).await;
    }

    async fn gitea(app: TestApp) {
        is_told_in_order(app, GITEA).await;
    }
}
